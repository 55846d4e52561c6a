//! `cargo xtask demo`: the main job on a real hub, as a person would do and see it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use comfy_table::{Table, presets};
use skep_kit::cloud::Account;
use skep_kit::hub::DEFAULT_NAME;
use skep_kit::oracle::{Oracle, Snapshot};
use skep_kit::progress::Progress;
use skep_kit::scenario::{self, ClusterScenario};
use skep_kit::stage::{REGION, Stage, StageOptions};

mod log;
mod watch;

use watch::{Story, Until};

const NAMESPACE: &str = "demo";
const CLUSTER: &str = "demo";

/// A failed attempt and the wait before the next one take most of this.
const INSTALL_LIMIT: Duration = Duration::from_mins(15);

/// Deleting waits for the cloud and for a second look.
const DELETE_LIMIT: Duration = Duration::from_mins(10);

/// Show the main job: create a cluster, watch it install, delete it, see that nothing is left.
///
/// A hub and an emulated AWS account are started, Skep is deployed into the hub, and one cluster goes from
/// kubectl create to Installed and from kubectl delete to an account that is as it was before. One attempt
/// fails on the way, with a real error of the cloud, and is cleaned up. The exit code tells whether all of
/// it was so.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Let no attempt fail
    #[arg(long)]
    smooth: bool,
    /// Leave hub, cloud and the installed cluster running, and say what to try next
    #[arg(long)]
    keep: bool,
    /// Show every line of the installer's log
    #[arg(long)]
    verbose: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let start = Instant::now();
    let progress = Progress::new();
    let options = StageOptions::new(DEFAULT_NAME, progress.clone());
    let stage = Stage::raise(&options)?;
    let (account, before) = account(&stage, &progress)?;
    // The second NAT gateway is refused, as it is when an account's limit is reached.
    let faults = (!arguments.smooth).then(scenario::first_attempt_fails);
    let cluster = stage.cluster(NAMESPACE, CLUSTER, &account, faults.as_deref());
    let mut story = Story::new(&stage, &cluster, arguments.verbose)?;
    create(&stage, &cluster)?;
    story.tell(Until::Installed, INSTALL_LIMIT)?;
    show_cluster(&stage, &account, &before)?;
    if arguments.keep {
        drop(story);
        return keep(stage);
    }
    heading("Deleting: kubectl delete clusterdeployment demo -n demo");
    stage.hub.run_kubectl(
        &[
            "delete",
            "clusterdeployment",
            CLUSTER,
            "-n",
            NAMESPACE,
            "--wait=false",
        ],
        "",
    )?;
    story.tell(Until::Gone, DELETE_LIMIT)?;
    drop(story);
    show_receipt(&stage)?;
    let verdict = judge(&stage, &account, &before);
    stage.lower()?;
    let clean = verdict?;
    println!("\nThe demo took {} s.", start.elapsed().as_secs());
    if clean {
        Ok(())
    } else {
        bail!("the account is not as it was before")
    }
}

fn account(stage: &Stage, progress: &Progress) -> Result<(Account, Snapshot)> {
    let step = progress.step("fill an AWS account with other people's resources", "5 s");
    let (account, before, _) = stage.account(CLUSTER)?;
    step.done_with(format!("account {}", account.id));
    Ok((account, before))
}

fn create(stage: &Stage, cluster: &ClusterScenario) -> Result<()> {
    heading("Creating what Hive's documentation describes: kubectl create -f …");
    for manifest in cluster.manifests() {
        print!("{}", stage.create(&manifest)?);
    }
    heading("Installing (kubectl get clusterdeployments,clusterprovisions,jobs,pods -n demo)");
    Ok(())
}

fn show_cluster(stage: &Stage, account: &Account, before: &Snapshot) -> Result<()> {
    heading("The installed cluster");
    let objects = "clusterdeployments,clusterprovisions,jobs,pods,secrets";
    print!(
        "{}",
        stage
            .hub
            .run_kubectl(&["get", objects, "-n", NAMESPACE], "")?
    );
    println!("\n$ skep why cd demo -n demo");
    print!("{}", stage.skep(&["why", "cd", CLUSTER, "-n", NAMESPACE])?);
    heading("What now exists in AWS because of it");
    let oracle = Oracle::new(&stage.cloud, account, &[REGION]);
    let counts = oracle.count_new(&oracle.snapshot()?, before)?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (kind, count) in &counts {
        table.add_row([kind.clone(), count.to_string()]);
    }
    println!("{table}");
    Ok(())
}

fn show_receipt(stage: &Stage) -> Result<()> {
    heading("The receipt: skep deprovision receipt demo -n demo");
    print!(
        "{}",
        stage.skep(&["deprovision", "receipt", CLUSTER, "-n", NAMESPACE])?
    );
    Ok(())
}

fn judge(stage: &Stage, account: &Account, before: &Snapshot) -> Result<bool> {
    heading("The leak oracle, which knows nothing of Skep, compares the account with what it was");
    let oracle = Oracle::new(&stage.cloud, account, &[REGION]);
    let (same, report) = oracle.report(before, &oracle.snapshot()?)?;
    println!("{report}");
    Ok(same)
}

fn keep(stage: Stage) -> Result<()> {
    let skep = stage.binaries.skep.display().to_string();
    let kubeconfig = stage.leave()?;
    heading("Everything keeps running");
    println!("  export KUBECONFIG={}", kubeconfig.display());
    println!("  cargo xtask hub kubectl get clusterdeployments -A");
    println!("  {skep} why cd demo -n demo");
    println!("  {skep} deprovision plan demo -n demo          # what a deletion would delete");
    println!("  cargo xtask hub kubectl delete clusterdeployment demo -n demo");
    println!("  {skep} deprovision receipt demo -n demo       # afterwards");
    println!("  cargo xtask hub down");
    Ok(())
}

fn heading(text: &str) {
    println!("\n\u{1b}[1m{text}\u{1b}[0m");
}
