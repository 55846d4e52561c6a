//! `skep install-manager NAMESPACE CLUSTERPROVISION`: the container of an install Job
//! (docs/spec/10 §14).
//!
//! Any error ends with a non-zero exit and a message where Kubernetes shows it, set-up errors included
//! (docs/spec/10 §26.1 W10).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use skep_crds::platform::PlatformKind;
use skep_providers::Cloud;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::install::manager::{Settings, run as install};

/// Where Kubernetes looks for a container's last words.
const TERMINATION_LOG: &str = "/dev/termination-log";

/// Drive openshift-install inside the installer image.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Namespace of the ClusterProvision.
    namespace: String,
    /// Name of the ClusterProvision.
    provision: String,
    /// The installer's working directory.
    #[arg(long, default_value = "/output")]
    work_dir: PathBuf,
    /// Where logs for later upload are gathered.
    #[arg(long, default_value = "/logs")]
    logs_dir: PathBuf,
    /// The installer.
    #[arg(long, default_value = "/bin/openshift-install")]
    installer: PathBuf,
}

/// Runs one attempt to its end.
pub async fn run(args: Args, clouds: BTreeMap<PlatformKind, Arc<dyn Cloud>>) -> Result<()> {
    let outcome = attempt(args, clouds).await;
    if let Err(error) = &outcome {
        // The operator reads it there too (crate::install::last_words). Outside a pod there is no such file; the message is on stderr anyway.
        let _ = std::fs::write(TERMINATION_LOG, format!("{error:#}"));
    }
    outcome
}

async fn attempt(args: Args, clouds: BTreeMap<PlatformKind, Arc<dyn Cloud>>) -> Result<()> {
    let stop = stop_signal().context("cannot listen for SIGTERM")?;
    let client = client().await.context("cannot connect to the hub")?;
    tracing::debug!(logs_dir = %args.logs_dir.display(), "log upload is not configured");
    let settings = Settings {
        namespace: args.namespace,
        provision: args.provision,
        work_dir: args.work_dir,
        root: PathBuf::from("/"),
        installer: args.installer,
        variables: crate::runtime::config::variables(),
    };
    Ok(install(&settings, client, &clouds, stop).await?)
}

/// How long a call is repeated is the install manager's own affair.
async fn client() -> Result<kube::Client> {
    let mut config = kube::Config::infer().await?;
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(5));
    Ok(kube::Client::try_from(config)?)
}

/// Turns true when the pod is told to stop.
fn stop_signal() -> std::io::Result<watch::Receiver<bool>> {
    let (stopped, stop) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::warn!("told to stop");
        stopped.send_replace(true);
    });
    Ok(stop)
}
