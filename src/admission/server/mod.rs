//! The server that an API server asks: TLS, connections, limits, an orderly end.
//!
//! Decides who may take how much of the process: how many connections there are, how long each may be
//! silent, how large a body is ([`Desk`]), and what happens to requests when the process is to stop. What
//! is answered is the desk's.
//!
//! Plain hyper over tokio-rustls, not axum-server: that one asks for a feature of hyper-util which every
//! cloud SDK would be compiled anew for, counts no connections, and takes a certificate from files or
//! memory but cannot say whether it is valid. Only HTTP/1.1 is offered: API servers ask webhooks by it
//! on purpose, so that several replicas share the requests.
//!
//! | Module | Is |
//! |---|---|
//! | [`desk`] | from an HTTP request to its answer |
//! | [`certificate`] | a certificate that can be served |
//! | [`managed`] | certificates that the process makes and renews itself |
//! | [`reload`], [`files`] | certificates and settings from files that change |
//! | [`probes`] | health, readiness and figures, on a port of their own |

pub mod certificate;
pub mod desk;
pub mod figures;
pub mod files;
pub mod managed;
pub mod probes;
pub mod reload;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::certificate::Served;
pub use self::desk::Desk;
pub use self::figures::Figures;
use crate::runtime::Clock;

/// Connections at a time; more wait in the listener's queue. A hub has a few API servers with up to some
/// dozens each.
const CONNECTIONS: usize = 1024;
/// How long a stranger may take from connecting to the head of its first request.
const FIRST: Duration = Duration::from_secs(10);
/// How long a connection may rest between two requests. API servers close theirs after 90 s; a server
/// that closes first closes some of them while a request is on its way.
const IDLE: Duration = Duration::from_mins(2);
/// Most of a request's head is its path and a handful of headers.
const HEAD: usize = 16 << 10;
/// What is read at a time. TLS by itself reads a record in pieces of 4 KiB; most reviews fit in this.
const READ: usize = 32 << 10;
const HEADERS: usize = 64;
/// After an accept that failed for want of descriptors: some will be free again.
const NO_DESCRIPTOR: Duration = Duration::from_millis(100);

/// How a server comes to its end.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// From the wish to stop until no more connections are taken: until every API server knows that this
    /// replica is not ready any more.
    pub linger: Duration,
    /// How long requests under way may take after that.
    pub grace: Duration,
}

/// The server could not listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not permitted.
    #[error("could not listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The protocol's settings cannot be used.
    #[error("could not set up TLS")]
    Tls(#[source] rustls::Error),
    /// Requests were still under way when the grace was over.
    #[error("{0} connections had to be cut")]
    Cut(usize),
}

/// Serves certificates as they come, and no client has to show one: a review is harmless, and the API
/// server could show none that is not of its own making.
fn tls(served: &Served) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(served.clone()));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // API servers keep connections and no tickets.
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// A server that listens already.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    connection: Arc<Connection>,
}

/// What every connection shares.
struct Connection {
    desk: Arc<Desk>,
    figures: Figures,
    tls: TlsAcceptor,
    clock: Clock,
    /// No more requests are taken.
    closing: CancellationToken,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Server {
    /// Listens.
    ///
    /// # Errors
    /// The address is not to be had.
    pub async fn bind(
        address: SocketAddr,
        desk: Arc<Desk>,
        served: &Served,
        figures: Figures,
        clock: Clock,
    ) -> Result<Self, ServeError> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| ServeError::Listen { address, source })?;
        let tls = tls(served).map_err(ServeError::Tls)?;
        Ok(Self {
            listener,
            connection: Arc::new(Connection {
                desk,
                figures,
                tls: TlsAcceptor::from(Arc::new(tls)),
                clock,
                closing: CancellationToken::new(),
            }),
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The socket does not know.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`, and on until requests have had their answers.
    ///
    /// # Errors
    /// Some had to be cut.
    pub async fn serve(self, stop: CancellationToken, ending: Ending) -> Result<(), ServeError> {
        let Self {
            listener,
            connection,
        } = self;
        let clock = connection.clock.clone();
        let tasks = TaskTracker::new();
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let accepting = async {
            loop {
                // Never closed.
                let Ok(permit) = room.clone().acquire_owned().await else {
                    return;
                };
                let stream = match listener.accept().await {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::debug!(%error, "no connection");
                        clock.sleep(NO_DESCRIPTOR).await;
                        continue;
                    }
                };
                let connection = connection.clone();
                tasks.spawn(async move {
                    connection.figures.connected();
                    connection.serve(stream).await;
                    connection.figures.disconnected();
                    drop(permit);
                });
            }
        };
        tokio::select! {
            () = accepting => {}
            () = async {
                stop.cancelled().await;
                tracing::info!("stopping: not ready any more");
                connection.desk.set_stopping();
                clock.sleep(ending.linger).await;
            } => {}
        }
        drop(listener);
        connection.closing.cancel();
        tasks.close();
        tokio::select! {
            () = tasks.wait() => Ok(()),
            () = clock.sleep(ending.grace) => Err(ServeError::Cut(tasks.len())),
        }
    }
}

impl Connection {
    async fn serve(self: &Arc<Self>, stream: TcpStream) {
        // Without it an answer could wait for the acknowledgement of its head.
        let _ = stream.set_nodelay(true);
        let asked = Arc::new(AtomicBool::new(false));
        let served = self.clone().requests(stream, asked.clone());
        let mut served = std::pin::pin!(served);
        tokio::select! {
            () = &mut served => return,
            () = self.clock.sleep(FIRST) => {}
        }
        if asked.load(Ordering::Relaxed) {
            served.await;
        } else {
            tracing::debug!("a connection without a request is cut");
        }
    }

    async fn requests(self: Arc<Self>, stream: TcpStream, asked: Arc<AtomicBool>) {
        let stream = BufReader::with_capacity(READ, stream);
        let stream = match self.tls.accept(stream).await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(%error, "no handshake");
                return;
            }
        };
        let desk = self.desk.clone();
        let service = service_fn(move |request| {
            asked.store(true, Ordering::Relaxed);
            let desk = desk.clone();
            async move { Ok::<_, Infallible>(desk.answer(request).await) }
        });
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .max_headers(HEADERS)
            .max_header_size(HEAD);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke");
        }
    }
}

#[cfg(test)]
mod tests;
