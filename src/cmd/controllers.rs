//! `skep controllers`: every reconciler of a hub in one process.
//!
//! Wires only: settings, clients, stores, clouds, controllers, the lease, and the port that tells about
//! health and figures. Ends with an error when a part of it ends by itself, so that Kubernetes starts it anew.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use skep_crds::names::controller;
use skep_crds::platform::PlatformKind;
use skep_providers::Cloud;
use tokio_util::sync::CancellationToken;

use super::cloud_calls::CloudCalls;
use crate::controllers::add_with;
use crate::controllers::context::Shared;
use crate::controllers::receipts;
use crate::install::classify::Patterns;
use crate::runtime::client::{Clients, Limits};
use crate::runtime::lease::Candidate;
use crate::runtime::metrics::Metrics;
use crate::runtime::{
    Clock, Config, ConfigStore, Context, DriverOptions, Process, health, shutdown,
};

/// Run the controllers.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where health, readiness and metrics are served
    #[arg(long, default_value_t = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 2112))]
    listen: SocketAddr,
    /// Act without holding the lease: only where no other process acts on this hub
    #[arg(long)]
    without_lease: bool,
    /// Controllers that are not run, by their names in metrics: what they look after is left alone
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    disabled_controllers: Vec<String>,
}

/// Runs until a signal, or until a part of the process ends by itself.
pub async fn run(
    args: Args,
    clouds: BTreeMap<PlatformKind, Arc<dyn Cloud>>,
    calls: &CloudCalls,
) -> Result<()> {
    let config = Config::from_environment().context("the settings cannot be used")?;
    let stop = shutdown::on_signal()?;
    let clock = Clock::real();
    let metrics = Metrics::new();
    calls.register(&metrics);
    let clients = Clients::infer(limits(&config), &clock, &metrics).await?;
    let identity = config.pod_name.clone().unwrap_or_else(process_identity);
    let candidate = Candidate {
        namespace: config.hive_namespace.clone(),
        lease: controller::LEADER_LEASE.to_owned(),
        identity: identity.clone(),
    };
    let context = Context::with_metrics(clients.requests.clone(), clock, &identity, metrics);
    let config = config.with_own_pod(&context.reader).await;
    let config = ConfigStore::new(config.context("the operator's own pod cannot be read")?);
    let shared = Shared::new(context.clone(), config, clouds);
    let mut process = Process::new(context.clone(), clients.watches.clone());
    let disabled = args.disabled_controllers;
    add_with(
        &mut process,
        &shared,
        Arc::new(Patterns::shipped()),
        &|name| {
            let is_named = |one: &String| one.trim().eq_ignore_ascii_case(name);
            DriverOptions::default().disabled(disabled.iter().any(is_named))
        },
    );
    let routes = health::routes(
        process.health(),
        context.metrics.clone(),
        context.notes.clone(),
    );
    let receipts = shared.erasures.receipts().clone();
    tokio::spawn(receipts::janitor(
        receipts,
        context.claim.clone(),
        stop.clone(),
    ));
    let serving = CancellationToken::new();
    let mut served = tokio::spawn(health::serve(args.listen, routes, serving.clone()));
    tracing::info!(listen = %args.listen, identity, "starting");
    let candidate = (!args.without_lease).then(|| (candidate, clients.lease.clone()));
    let ended = tokio::select! {
        ended = process.run(candidate, stop) => ended.map_err(|error| anyhow!(error)),
        served = &mut served => return match served {
            Ok(Ok(())) => Err(anyhow!("the server of health and metrics has ended")),
            Ok(Err(error)) => Err(anyhow!(error)),
            Err(error) => Err(anyhow!(error)),
        },
    };
    // Health is told to the very end.
    serving.cancel();
    ended
}

/// The default controller's throttle holds for the process's one client.
fn limits(config: &Config) -> Limits {
    let throttle = config.throttle(controller::DEFAULT);
    let default = Limits::default();
    Limits {
        rate: throttle.client_qps.unwrap_or(default.rate),
        burst: throttle.client_burst.unwrap_or(default.burst),
    }
}

/// Outside a pod: unique enough to tell two processes of a machine apart.
fn process_identity() -> String {
    format!("skep-{}", std::process::id())
}
