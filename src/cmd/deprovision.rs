//! `skep deprovision plan|run|receipt`: the deprovision engine in a person's hands (docs/spec/20 §5,
//! §13.3: "no dry run at all").
//!
//! The same engine, the same fence and the same proofs as in the controllers. For a cluster of a hub `run` asks
//! the controller's own gates, once, and stands back while the operator deletes the cluster itself. Without a
//! hub, a description of the cluster and credentials do, and nobody but the person answers for them.

mod source;
mod table;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use skep_crds::platform::PlatformKind;
use skep_providers::erase::{
    self, EraseContext, EraseError, EraseOptions, EraseRequest, EraseTarget, Receipt,
};
use skep_providers::{Class, Cloud};
use tokio_util::sync::CancellationToken;

use crate::controllers::erasure::progress_in_words;
use crate::controllers::receipts::{PLAN_KEY, RECEIPT_KEY};
use crate::runtime::{Clock, shutdown};

use self::source::{Hub, HubArgs, OfHub, SourceArgs};

/// What the exit code says; for scripts, so it never changes.
const EXIT_CODES: &str = "\
Exit codes:
  0    nothing of the cluster is left; for plan and receipt: it was printed
  1    it could not be done: no hub, no network, no such cluster
  2    wrong usage, or the deletion was not confirmed with --yes
  3    something is left, or not everything could be listed
  4    refused: another account, an unconfirmed empty one, or a gate of the hub that is shut
  5    the credentials are missing or were refused
  130  interrupted; what was done until then is in the receipt";

/// How often it is told how far a deletion is: a line for each resource would be too many.
const TELLING: Duration = Duration::from_millis(500);

/// Show or carry out the deletion of a cluster from its cloud.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List what would be deleted, in which order and why. Deletes nothing.
    #[command(after_help = EXIT_CODES)]
    Plan {
        #[command(flatten)]
        source: SourceArgs,
        /// Print the plan as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Delete the cluster and print the receipt.
    ///
    /// Of a hub's cluster only what the operator would delete as well: its ClusterDeployment is being deleted,
    /// is not protected, preserved or paused, carries the infra ID that is to be deleted, no other living one
    /// carries it too, and deletions are not switched off.
    #[command(after_help = EXIT_CODES)]
    Run(RunArgs),
    /// Print what was deleted, by the hub's records.
    #[command(after_help = EXIT_CODES)]
    Receipt {
        /// Name of the ClusterDeployment; it need not exist any more.
        name: String,
        #[command(flatten)]
        hub: HubArgs,
        /// Print the receipts as a JSON list.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Really delete. Without it the plan is printed and nothing is touched.
    #[arg(long)]
    yes: bool,
    /// Take an account in which nothing is found for the right one, although no account was recorded
    /// when the cluster was installed.
    #[arg(long)]
    acknowledge_empty: bool,
    /// Delete although the operator deletes this cluster as well. Both find what the other has left, but each
    /// counts only its own work; meant for an operator that does not run.
    #[arg(long, conflicts_with = "metadata_json")]
    beside_the_operator: bool,
    /// Print the receipt as JSON.
    #[arg(long)]
    json: bool,
    /// Write the receipt, as JSON, to this file as well.
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
}

/// How a verb ended, as far as a script cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Done,
    Failed,
    Unconfirmed,
    Left,
    Refused,
    Unauthenticated,
    Interrupted,
}

impl Ending {
    const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Unconfirmed => 2,
            Self::Left => 3,
            Self::Refused => 4,
            Self::Unauthenticated => 5,
            Self::Interrupted => 130,
        }
    }
}

/// Runs the verb. An error that has an exit code of its own is printed here.
pub async fn run(args: Args, clouds: BTreeMap<PlatformKind, Arc<dyn Cloud>>) -> Result<ExitCode> {
    let ending = match args.verb {
        Verb::Plan { source, json } => Box::pin(plan(&source, json, &clouds)).await,
        Verb::Run(args) => Box::pin(erase(&args, &clouds)).await,
        Verb::Receipt { name, hub, json } => receipt(&name, &hub, json, &clouds).await,
    };
    let ending = match ending {
        Ok(ending) => ending,
        // Whoever reads has seen enough.
        Err(error) if is_broken_pipe(&error) => Ending::Done,
        Err(error) => {
            let ending = ending_of(&error);
            writeln!(io::stderr(), "error: {error:#}")?;
            ending
        }
    };
    Ok(ExitCode::from(ending.code()))
}

async fn plan(
    source: &SourceArgs,
    json: bool,
    clouds: &BTreeMap<PlatformKind, Arc<dyn Cloud>>,
) -> Result<Ending> {
    let cluster = source.resolve(clouds).await?;
    let target = cluster.target()?;
    let plan = erase::plan(&cluster.request(EraseOptions::default()), &*target).await?;
    cluster.warn()?;
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&plan)?)?;
    } else {
        write!(out, "{}", table::of_plan(&plan))?;
    }
    Ok(if plan.gaps.is_empty() {
        Ending::Done
    } else {
        Ending::Left
    })
}

async fn erase(args: &RunArgs, clouds: &BTreeMap<PlatformKind, Arc<dyn Cloud>>) -> Result<Ending> {
    let cluster = args.source.resolve(clouds).await?;
    let target = cluster.target()?;
    let mut request = cluster.request(EraseOptions::default());
    request.acknowledge_empty = args.acknowledge_empty;
    if !args.yes {
        let plan = erase::plan(&request, &*target).await?;
        write!(io::stdout().lock(), "{}", table::of_plan(&plan))?;
        let how = "nothing was deleted; with --yes it is, unless a gate is shut";
        writeln!(io::stderr(), "{how}")?;
        return Ok(Ending::Unconfirmed);
    }
    if let Some(known) = &cluster.hub {
        known.may_be_deleted(args.beside_the_operator).await?;
    }
    cluster.warn()?;
    let receipt = match &cluster.hub {
        Some(OfHub { hub, .. }) => {
            let opened = hub.receipts.open(&hub.subject).await?;
            request.previous = opened.receipt;
            follow(request, target, Some(Arc::new(opened.journal))).await
        }
        None => follow(request, target, None).await,
    };
    let receipt = match receipt {
        Ok(receipt) => receipt,
        Err(error) => {
            if let Some(receipt) = error.receipt() {
                print(receipt, args)?;
            }
            return Err(error.into());
        }
    };
    print(&receipt, args)?;
    Ok(if receipt.complete {
        Ending::Done
    } else {
        Ending::Left
    })
}

/// Runs the engine and tells on standard error how far it is. The first signal ends it between two calls.
async fn follow(
    request: EraseRequest,
    target: Arc<dyn EraseTarget>,
    journal: Option<Arc<dyn erase::Journal>>,
) -> Result<Receipt, EraseError> {
    let clock = Clock::real();
    let (mut context, mut seen) = EraseContext::new(Arc::new(clock.clone()));
    if let Some(journal) = journal {
        context.journal = journal;
    }
    context.cancel = shutdown::on_signal().unwrap_or_else(|_| CancellationToken::new());
    let mut run = Box::pin(erase::run(request, target, context));
    let mut told = String::new();
    loop {
        tokio::select! {
            ended = &mut run => return ended,
            () = clock.sleep(TELLING) => {}
        }
        let words = progress_in_words(&seen.borrow_and_update());
        if words != told {
            // Progress that cannot be shown is no reason to stop.
            let _ = writeln!(io::stderr(), "[{:>4}s] {words}", clock.elapsed().as_secs());
            told = words;
        }
    }
}

fn print(receipt: &Receipt, args: &RunArgs) -> Result<()> {
    let json = serde_json::to_string_pretty(receipt)?;
    if let Some(file) = &args.receipt {
        std::fs::write(file, &json).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{json}")?;
    } else {
        write!(out, "{receipt}")?;
    }
    Ok(())
}

async fn receipt(
    name: &str,
    hub: &HubArgs,
    json: bool,
    clouds: &BTreeMap<PlatformKind, Arc<dyn Cloud>>,
) -> Result<Ending> {
    let Hub {
        receipts,
        namespace,
        ..
    } = Hub::connect(hub, clouds).await?;
    let found = receipts.of_cluster(&namespace, name).await?;
    anyhow::ensure!(
        !found.is_empty(),
        "there is no receipt of {namespace}/{name}"
    );
    let mut out = io::stdout().lock();
    let mut all = Vec::new();
    for config_map in &found {
        let data = config_map.data.clone().unwrap_or_default();
        let read: Option<Receipt> = data
            .get(RECEIPT_KEY)
            .and_then(|text| serde_json::from_str(text).ok());
        match read {
            Some(receipt) if json => all.push(serde_json::to_value(receipt)?),
            Some(receipt) => writeln!(out, "{receipt}")?,
            // The deletion has only just begun.
            None if !json => {
                let plan = data.get(PLAN_KEY).map_or("no plan yet", String::as_str);
                writeln!(out, "{}", table::of_recorded_plan(plan))?;
            }
            None => {}
        }
    }
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
    }
    Ok(Ending::Done)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// What the caller could do about an error decides the exit code.
fn ending_of(error: &anyhow::Error) -> Ending {
    if let Some(error) = error.downcast_ref::<source::Error>() {
        return match error {
            source::Error::Gate(_) => Ending::Refused,
            source::Error::Credentials(_) => Ending::Unauthenticated,
        };
    }
    if let Some(error) = error.downcast_ref::<EraseError>() {
        return match error {
            EraseError::WrongAccount { .. } | EraseError::EmptyUnconfirmed { .. } => {
                Ending::Refused
            }
            EraseError::Identify(source) | EraseError::Discover { source, .. } => of_class(source),
            EraseError::Cancelled { .. } => Ending::Interrupted,
            _ => Ending::Failed,
        };
    }
    error
        .downcast_ref::<skep_providers::Error>()
        .map_or(Ending::Failed, of_class)
}

fn of_class(error: &skep_providers::Error) -> Ending {
    match error.class {
        Class::Unauthenticated | Class::Denied => Ending::Unauthenticated,
        _ => Ending::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;
    use skep_providers::AccountId;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn accepted(line: &str) -> bool {
        Line::try_parse_from(std::iter::once("skep").chain(line.split(' '))).is_ok()
    }

    #[test]
    fn a_cluster_is_named_or_described_and_never_both() {
        for line in [
            "plan demo",
            "plan demo -n team --json",
            "plan --metadata-json m.json --creds-dir c",
            "run demo --yes",
            "run demo --yes --beside-the-operator",
            "run --metadata-json m.json --creds-dir c --account 123456789012 --yes",
            "receipt demo -n team",
        ] {
            assert!(accepted(line), "{line}");
        }
        for line in [
            "plan",
            "plan demo --metadata-json m.json --creds-dir c",
            "plan --metadata-json m.json",
            "plan --creds-dir c",
            "plan demo --account aws:1",
            "run --metadata-json m.json --creds-dir c --yes --beside-the-operator",
            "receipt",
        ] {
            assert!(!accepted(line), "{line}");
        }
    }

    #[test]
    fn each_kind_of_trouble_has_its_exit_code() {
        let account = |id: &str| AccountId::new("aws", id);
        let cloud = |class| {
            Box::new(skep_providers::Error::new(
                "sts:GetCallerIdentity",
                class,
                "no",
            ))
        };
        for (error, code) in [
            (
                EraseError::WrongAccount {
                    expected: account("1"),
                    found: account("2"),
                },
                4,
            ),
            (
                EraseError::EmptyUnconfirmed {
                    infra_id: "x".into(),
                    found: account("2"),
                },
                4,
            ),
            (EraseError::Identify(cloud(Class::Unauthenticated)), 5),
            (EraseError::Identify(cloud(Class::Transient)), 1),
            (EraseError::Cancelled { receipt: None }, 130),
        ] {
            let words = error.to_string();
            assert_eq!(ending_of(&error.into()).code(), code, "{words}");
        }
        assert_eq!(
            ending_of(&source::Error::Gate("alive".into()).into()).code(),
            4
        );
        assert_eq!(ending_of(&anyhow::anyhow!("no hub")).code(), 1);
    }
}
