//! `skep admission`: the validating webhook of a hub.
//!
//! Wires only: settings, certificate, the server and the port that tells about health and figures. Ends
//! with an error when a part that should run for ever has ended, so that Kubernetes starts it anew.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use skep_crds::names::env;
use tokio_util::sync::CancellationToken;

use crate::admission::HOOKS;
use crate::admission::server::managed::Keeper;
use crate::admission::server::reload::{CertificateFiles, SettingsFiles};
use crate::admission::server::{Desk, Ending, Figures, Served, Server, probes};
use crate::runtime::client::{Clients, Limits};
use crate::runtime::metrics::Metrics;
use crate::runtime::{Clock, config, health, shutdown};

/// How long requests under way may take once no more are taken: an API server waits no longer.
const GRACE: Duration = Duration::from_secs(10);
/// How often the certificate's end is put into the figures.
const EXPIRY: Duration = Duration::from_secs(1);

/// Run the admission webhook.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where API servers ask, over TLS
    #[arg(long, default_value_t = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 9443))]
    listen: SocketAddr,
    /// Where health, readiness and metrics are served
    #[arg(long, default_value_t = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 2112))]
    listen_health: SocketAddr,
    /// Serve the certificate of this file; it is followed when it changes
    #[arg(long, requires = "tls_private_key_file", value_name = "FILE")]
    tls_cert_file: Option<PathBuf>,
    /// Its key
    #[arg(long, requires = "tls_cert_file", value_name = "FILE")]
    tls_private_key_file: Option<PathBuf>,
    /// Without a certificate's file: keep a certificate of our own in this Secret of our namespace
    #[arg(long, default_value = "hiveadmission-own-cert", value_name = "NAME")]
    own_secret: String,
    /// Name of the Service that API servers call
    #[arg(long, default_value = "hiveadmission", value_name = "NAME")]
    service: String,
    /// Further name or address that the certificate of our own is for
    #[arg(long = "also-as", value_name = "NAME")]
    also_as: Vec<String>,
    /// How many seconds to go on after the wish to stop, until API servers have turned elsewhere
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    linger: u64,
}

/// Runs until a signal, and then to the end of the requests under way.
pub async fn run(args: Args) -> Result<()> {
    let stop = shutdown::on_signal()?;
    let clock = Clock::real();
    let metrics = Metrics::new();
    let figures = Figures::new(&metrics);
    let served = Served::default();
    let variables = config::variables();
    let sources = SettingsFiles::from_variables(&variables);
    let settings = sources
        .read()
        .await
        .context("the settings cannot be used")?;
    let desk = Desk::new(settings, served.clone(), figures.clone(), clock.clone());
    let desk = Arc::new(desk);
    let namespace = variables
        .get(env::HIVE_NS)
        .map_or(env::HIVE_NS_DEFAULT, String::as_str);
    let certificate = certificate(&args, namespace, &served, &figures, &clock, &metrics).await?;
    let server = Server::bind(
        args.listen,
        desk.clone(),
        &served,
        figures.clone(),
        clock.clone(),
    );
    let server = server.await.map_err(|error| anyhow!(error))?;
    let listen = server
        .address()
        .context("the server does not know where it listens")?;
    tracing::info!(%listen, health = %args.listen_health, "starting");

    let told = CancellationToken::new();
    let probes = health::serve(
        args.listen_health,
        probes::routes(desk.clone(), metrics),
        told.clone(),
    );
    let settings = sources.follow(desk, figures.clone(), clock.clone());
    let expiry = expiry(served, figures, clock);
    let ending = Ending {
        linger: Duration::from_secs(args.linger),
        grace: GRACE,
    };
    tokio::select! {
        ended = server.serve(stop, ending) => {
            // Health is told to the very end.
            told.cancel();
            ended.map_err(|error| anyhow!(error))
        }
        ended = probes => match ended {
            Ok(()) => Err(anyhow!("the server of health and metrics has ended")),
            Err(error) => Err(anyhow!(error)),
        },
        never = certificate => match never {},
        never = settings => match never {},
        never = expiry => match never {},
    }
}

/// What keeps the certificate: files of somebody else, or our own Secret.
async fn certificate(
    args: &Args,
    namespace: &str,
    served: &Served,
    figures: &Figures,
    clock: &Clock,
    metrics: &Metrics,
) -> Result<BoxFuture<'static, std::convert::Infallible>> {
    let (served, clock) = (served.clone(), clock.clone());
    if let (Some(chain), Some(key)) = (&args.tls_cert_file, &args.tls_private_key_file) {
        let files = CertificateFiles {
            chain: chain.clone(),
            key: key.clone(),
        };
        return Ok(files.follow(served, figures.clone(), clock).boxed());
    }
    let clients = Clients::infer(Limits::default(), &clock, metrics).await?;
    let service = format!("{}.{namespace}.svc", args.service);
    let names = [service.clone(), format!("{service}.cluster.local")];
    let keeper = Keeper {
        client: clients.requests,
        watching: clients.watches,
        namespace: namespace.to_owned(),
        secret: args.own_secret.clone(),
        names: names
            .into_iter()
            .chain(args.also_as.iter().cloned())
            .collect(),
        configurations: HOOKS
            .iter()
            .map(crate::admission::Hook::configuration_name)
            .collect(),
        served,
        clock,
    };
    Ok(keeper.run().boxed())
}

/// Keeps the figure of the certificate's end up to date.
async fn expiry(served: Served, figures: Figures, clock: Clock) -> std::convert::Infallible {
    loop {
        let until = served
            .get()
            .map_or(0, |served| served.validity().until.as_second());
        figures.expires(until);
        clock.sleep(EXPIRY).await;
    }
}
