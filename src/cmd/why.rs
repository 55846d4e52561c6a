//! `skep why cd NAME`: what a cluster does, waits on, since when, what happens next, and what to do.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use skep_crds::platform::PlatformKind;
use skep_providers::Cloud;

use crate::cli::is_cluster_deployment;
use crate::cli::why::{Node, cluster, operator_settings, text};
use crate::controllers::context::Shared;
use crate::runtime::client::{Clients, Limits};
use crate::runtime::metrics::Metrics;
use crate::runtime::{Clock, ConfigStore, Context, Reader};

/// Between two looks of --watch.
const LOOK: Duration = Duration::from_secs(2);

/// Tell why a cluster is as it is.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The kind: cd, or clusterdeployment
    kind: String,
    /// The name
    name: String,
    /// The namespace; the kubeconfig's when not given
    #[arg(short, long)]
    namespace: Option<String>,
    /// Where the operator runs
    #[arg(long, default_value = "hive")]
    operator_namespace: String,
    /// text or json
    #[arg(short, long, default_value = "text")]
    output: Output,
    /// Look again every two seconds, and print what changed
    #[arg(short, long)]
    watch: bool,
}

/// How the tree is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Prints the tree to stdout. The exit code is 1 if there is no such cluster.
pub async fn run(args: Args, clouds: BTreeMap<PlatformKind, Arc<dyn Cloud>>) -> Result<ExitCode> {
    if !is_cluster_deployment(&args.kind) {
        bail!("no answers about {:?}: ask about a cd", args.kind);
    }
    let clock = Clock::real();
    let metrics = Metrics::new();
    let clients = Clients::infer(Limits::default(), &clock, &metrics).await?;
    let client = clients.requests;
    let namespace = args
        .namespace
        .clone()
        .unwrap_or_else(|| client.default_namespace().to_owned());
    let reader = Reader::new(client.clone());
    let (config, unread) = operator_settings(&reader, &args.operator_namespace).await;
    let context = Context::with_metrics(client, clock.clone(), "skep-why", metrics);
    let shared = Shared::new(context, ConfigStore::new(config), clouds);
    let mut printed = None;
    loop {
        let found = cluster(&shared, &namespace, &args.name).await;
        let Some(mut node) = found.context("cannot read the ClusterDeployment")? else {
            eprintln!("there is no ClusterDeployment {namespace}/{}", args.name);
            return Ok(ExitCode::FAILURE);
        };
        node.notes.extend(unread.clone());
        if printed.as_ref() != Some(&node) {
            print(&node, args.output, &clock)?;
        }
        if !args.watch {
            return Ok(ExitCode::SUCCESS);
        }
        printed = Some(node);
        clock.sleep(LOOK).await;
    }
}

fn print(node: &Node, output: Output, clock: &Clock) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match output {
        Output::Text => writeln!(stdout, "{}", text(node, clock.now()))?,
        Output::Json => writeln!(stdout, "{}", serde_json::to_string_pretty(node)?)?,
    }
    stdout.flush()?;
    Ok(())
}
