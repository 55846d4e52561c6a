//! The server over real connections.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::Certificate;
use super::*;
use crate::admission::Settings;
use crate::runtime::metrics::Metrics;

const ENDING: Ending = Ending {
    linger: Duration::from_secs(5),
    grace: Duration::from_secs(10),
};

struct World {
    address: SocketAddr,
    served: Served,
    desk: Arc<Desk>,
    metrics: Metrics,
    stop: CancellationToken,
    ended: JoinHandle<Result<(), ServeError>>,
}

async fn world() -> World {
    let metrics = Metrics::new();
    let figures = Figures::new(&metrics);
    let served = Served::default();
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
    let desk = Desk::new(
        Settings::default(),
        served.clone(),
        figures.clone(),
        clock.clone(),
    );
    let desk = Arc::new(desk);
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server::bind(any, desk.clone(), &served, figures, clock)
        .await
        .unwrap();
    let address = server.address().unwrap();
    let stop = CancellationToken::new();
    let ended = tokio::spawn(server.serve(stop.clone(), ENDING));
    World {
        address,
        served,
        desk,
        metrics,
        stop,
        ended,
    }
}

/// A certificate for this machine that signs itself, and how to trust it.
fn identity() -> (Certificate, CertificateDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let signed = params.self_signed(&key).unwrap();
    let pair = Certificate::from_pem(signed.pem().as_bytes(), key.serialize_pem().as_bytes());
    (pair.unwrap(), signed.der().clone())
}

async fn connect(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

/// Asks for health on a connection that stays open, and returns the answer's head.
async fn ask(stream: &mut TlsStream<TcpStream>) -> std::io::Result<String> {
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await?;
    stream.flush().await?;
    let mut told = Vec::new();
    while !told.ends_with(b"\r\n\r\nok") {
        if stream.read_buf(&mut told).await? == 0 {
            return Err(std::io::Error::other("closed"));
        }
    }
    Ok(String::from_utf8_lossy(&told).to_lowercase())
}

#[tokio::test]
async fn without_a_certificate_there_is_no_connection_and_with_one_there_is() {
    let world = world().await;
    let (first, trusted) = identity();
    assert!(connect(world.address, &trusted).await.is_err());
    world.served.set(first);
    let mut stream = connect(world.address, &trusted).await.unwrap();
    assert!(ask(&mut stream).await.unwrap().starts_with("http/1.1 200"));
    // Another one is served to new connections; the old one goes on.
    let (second, trusted) = identity();
    world.served.set(second);
    let mut other = connect(world.address, &trusted).await.unwrap();
    assert!(ask(&mut other).await.is_ok());
    assert!(ask(&mut stream).await.is_ok());
    assert!(
        world
            .metrics
            .text()
            .contains("skep_admission_connections 2")
    );
}

#[tokio::test]
async fn a_stopping_server_answers_and_sends_callers_elsewhere() {
    let world = world().await;
    let (identity, trusted) = identity();
    world.served.set(identity);
    let mut stream = connect(world.address, &trusted).await.unwrap();
    let head = ask(&mut stream).await.unwrap();
    assert!(!head.contains("connection: close"), "{head}");
    assert_eq!(
        world.desk.unready(),
        Some("the certificate is not valid now"),
        "it is 1970"
    );
    world.stop.cancel();
    while world.desk.unready() != Some("stopping") {
        tokio::task::yield_now().await;
    }
    // Who has not heard of it yet is served.
    let mut late = connect(world.address, &trusted).await.unwrap();
    for stream in [&mut stream, &mut late] {
        let head = ask(stream).await.unwrap();
        assert!(head.contains("connection: close"), "{head}");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty());
    }
    // A connection at rest does not hold the process.
    let resting = connect(world.address, &trusted).await.unwrap();
    tokio::time::pause();
    world.ended.await.unwrap().unwrap();
    drop(resting);
    assert!(connect(world.address, &trusted).await.is_err());
}

#[tokio::test]
async fn who_holds_a_request_back_is_cut_in_the_end() {
    let world = world().await;
    let (identity, trusted) = identity();
    world.served.set(identity);
    let mut stream = connect(world.address, &trusted).await.unwrap();
    let head = b"POST /dnszonevalidators HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
    stream.write_all(head).await.unwrap();
    stream.flush().await.unwrap();
    let mut told = Vec::new();
    while !told.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut told).await.unwrap(), 0);
    }
    assert!(told.starts_with(b"HTTP/1.1 100"));
    tokio::time::pause();
    world.stop.cancel();
    // Its body is given up before the grace is over.
    let mut told = String::new();
    stream.read_to_string(&mut told).await.unwrap();
    assert!(told.starts_with("HTTP/1.1 408"), "{told}");
    world.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_connects_and_says_nothing_is_cut() {
    let world = world().await;
    let (identity, trusted) = identity();
    world.served.set(identity);
    let mut handshake = TcpStream::connect(world.address).await.unwrap();
    handshake.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
    let mut silent = connect(world.address, &trusted).await.unwrap();
    let mut asking = connect(world.address, &trusted).await.unwrap();
    ask(&mut asking).await.unwrap();
    while !world
        .metrics
        .text()
        .contains("skep_admission_connections 3")
    {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    tokio::time::advance(FIRST + Duration::from_secs(1)).await;
    tokio::time::resume();
    let mut rest = Vec::new();
    assert_eq!(handshake.read_to_end(&mut rest).await.unwrap(), 0);
    let silent = silent.read_to_end(&mut rest).await;
    assert!(silent.is_err() || rest.is_empty(), "{silent:?}");
    assert!(ask(&mut asking).await.is_ok(), "who has asked may rest");
}
