//! Erasures as tasks: the deprovision engine, started by a step and read like a store.
//!
//! Three controllers start them: for a failed attempt, for a deletion, and for a deletion in a dying
//! namespace. Two engines never work on one infra ID at a time: the later task waits for its turn and goes
//! on by itself as soon as the earlier one ends or is abandoned. An erasure that did not succeed waits, with
//! growing delays, for its controller to start it again; it keeps no state of its own, since everything can
//! be found again in the cloud. Mirrors docs/spec/20 §13.

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use skep_crds::platform::PlatformKind;
use skep_providers::AccountId;
use skep_providers::erase::{
    self, ClusterFacts, EraseContext, EraseError, EraseOptions, EraseRequest, Hints, Journal,
    JournalError, Phase, Plan, Progress, Receipt,
};

pub use self::words::{AGAIN, Words};
use super::credentials::{self, Clouds, CredentialsRef};
use super::receipts::{Receipts, Subject};
use crate::runtime::{Clock, Key, TaskState, Tasks, error_chain, tasks};

/// First delay after an erasure that did not succeed; it doubles up to [`LONGEST_DELAY`].
const FIRST_DELAY: SignedDuration = SignedDuration::from_secs(30);

/// A blocked erasure is tried again at least this often: what blocks it is often mended outside the hub.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_mins(10);

/// Progress is for people: it is told this often, and what changed in between is skipped.
const TELLING: Duration = Duration::from_secs(1);

/// What is erased, where, and as whom.
#[derive(Clone, Debug)]
pub struct Request {
    /// UID of the object whose controller started it, and is rung when something changes.
    pub started_by: String,
    /// Whose cluster it is.
    pub subject: Subject,
    /// The platform.
    pub platform: PlatformKind,
    /// The installer's description of the cluster.
    pub metadata_json: Vec<u8>,
    /// The base domain, by which a wrong cluster domain in the description is found out.
    pub base_domain: Option<String>,
    /// The account that was recorded at installation.
    pub account: Option<String>,
    /// Whom to act as.
    pub credentials: CredentialsRef,
}

/// What only some erasures need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The ClusterDeprovision that is annotated with the plan's digest before the first destructive call.
    pub note_plan_on: Option<Key>,
    /// A person said that this is the right account, even if nothing is found in it.
    pub acknowledge_empty: bool,
}

/// Where an erasure stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Not running in this process.
    Idle,
    /// Running.
    Running {
        /// How far, for people.
        summary: String,
        /// Digest of the plan, once it is on record.
        plan_digest: Option<String>,
        /// Since when.
        since: Timestamp,
    },
    /// Ended without success; it is to be started again.
    Failing {
        /// What kind of trouble.
        trouble: Trouble,
        /// Why, for people.
        message: String,
        /// When it is to be started again.
        retry_at: Timestamp,
    },
    /// Nothing is left.
    Finished {
        /// What was erased, for people.
        summary: String,
        /// Digest of the plan.
        plan_digest: Option<String>,
    },
}

/// Why an erasure did not succeed, by what must be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// The credentials are missing, wrong, or not allowed to act.
    Authentication,
    /// The credentials are of another account than the recorded one.
    WrongAccount,
    /// The description of the cluster cannot be used.
    Metadata,
    /// Something in the account cannot be deleted now.
    Blocked,
    /// Anything else; it may pass.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    tries: u32,
    what: Tale,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Tale {
    Running {
        summary: String,
        plan_digest: Option<String>,
    },
    Failed {
        trouble: Trouble,
        message: String,
        at: Timestamp,
    },
    Finished {
        summary: String,
        plan_digest: Option<String>,
    },
}

/// Whoever holds it works on its infra ID; the others wait in the order in which they came.
type Gate = Arc<tokio::sync::Mutex<()>>;

/// The erasures of this process. Clones share them.
#[derive(Clone)]
pub struct Erasures {
    tasks: Tasks<Told>,
    /// One gate for each infra ID that is worked on.
    gates: Arc<Mutex<BTreeMap<String, Gate>>>,
    clouds: Clouds,
    receipts: Receipts,
    clock: Clock,
    options: EraseOptions,
}

impl Erasures {
    /// No erasures yet.
    pub fn new(clouds: Clouds, receipts: Receipts, clock: Clock) -> Self {
        Self {
            tasks: Tasks::new(clock.clone()),
            gates: Arc::default(),
            clouds,
            receipts,
            clock,
            options: EraseOptions::default(),
        }
    }

    /// The receipts that the erasures write.
    pub const fn receipts(&self) -> &Receipts {
        &self.receipts
    }

    /// Has a driver rung when an erasure that its controller started tells something.
    pub fn rings<R: crate::runtime::Reconcile>(
        &self,
        driver: crate::runtime::Driver<R>,
    ) -> crate::runtime::Driver<R> {
        driver.rung_by_tasks(&self.tasks)
    }

    /// Where the erasure that `started_by` started stands.
    pub fn state(&self, started_by: &str) -> State {
        let Some(task) = self.tasks.get(started_by) else {
            return State::Idle;
        };
        let Told { tries, what } = task.progress;
        match (what, task.state) {
            (
                Tale::Finished {
                    summary,
                    plan_digest,
                },
                _,
            ) => State::Finished {
                summary,
                plan_digest,
            },
            (
                Tale::Failed {
                    trouble,
                    message,
                    at,
                },
                _,
            ) => State::Failing {
                trouble,
                message,
                retry_at: retry_at(tries, at),
            },
            (Tale::Running { .. }, TaskState::Panicked) => State::Failing {
                trouble: Trouble::Other,
                message: "the erasure ended by a fault of the program, which is in the log"
                    .to_owned(),
                retry_at: retry_at(tries, task.started),
            },
            (
                Tale::Running {
                    summary,
                    plan_digest,
                },
                TaskState::Running | TaskState::Finished,
            ) => State::Running {
                summary,
                plan_digest,
                since: task.started,
            },
        }
    }

    /// Starts an erasure, or starts one again that did not succeed. Does nothing while it runs or when it
    /// has succeeded. While another object's erasure works on the same infra ID, this one waits.
    pub fn start(&self, request: Request) {
        self.start_with(request, Wishes::default());
    }

    /// Like [`Erasures::start`], with wishes.
    pub fn start_with(&self, request: Request, wishes: Wishes) {
        let uid = request.started_by.clone();
        let tries = match self.tasks.get(&uid) {
            Some(task) if matches!(task.progress.what, Tale::Finished { .. }) => return,
            Some(task) if task.state == TaskState::Running => return,
            Some(task) => task.progress.tries.saturating_add(1),
            None => 1,
        };
        self.tasks.forget(&uid);
        let running = Tale::Running {
            summary: "starting".to_owned(),
            plan_digest: None,
        };
        let this = self.clone();
        self.tasks.start(
            &uid,
            Told {
                tries,
                what: running,
            },
            move |told| async move {
                let turn = tokio::select! {
                    biased;
                    () = told.stop().cancelled() => return,
                    turn = this.turn(&request.subject.infra_id, &told) => turn,
                };
                let what = Box::pin(this.erase(&request, &wishes, &told)).await;
                drop(turn);
                told.update(|told| told.what = what);
            },
        );
    }

    /// Ends the erasure that `started_by` started, and forgets it: no further call is begun, and what was
    /// done is written down.
    pub fn abandon(&self, started_by: &str) {
        self.tasks.dismiss(started_by);
    }

    /// Waits for the right to work on an infra ID; it lasts until it is dropped.
    async fn turn(
        &self,
        infra_id: &str,
        told: &tasks::Progress<Told>,
    ) -> tokio::sync::OwnedMutexGuard<()> {
        let gate = {
            let mut gates = self.gates.lock();
            gates.retain(|_, gate| Arc::strong_count(gate) > 1);
            Arc::clone(gates.entry(infra_id.to_owned()).or_default())
        };
        if let Ok(turn) = Arc::clone(&gate).try_lock_owned() {
            return turn;
        }
        say(
            told,
            format!("waiting for another erasure of {infra_id} to end"),
        );
        gate.lock_owned().await
    }

    async fn erase(
        &self,
        request: &Request,
        wishes: &Wishes,
        told: &tasks::Progress<Told>,
    ) -> Tale {
        match self.attempt(request, wishes, told).await {
            Ok(receipt) if receipt.complete => Tale::Finished {
                summary: receipt_in_words(&receipt),
                plan_digest: receipt.plans.first().map(|plan| plan.digest.clone()),
            },
            Ok(receipt) => self.failed(Trouble::Blocked, &left_in_words(&receipt)),
            Err(Failed { trouble, message }) => self.failed(trouble, &message),
        }
    }

    fn failed(&self, trouble: Trouble, message: &str) -> Tale {
        Tale::Failed {
            trouble,
            message: message.to_owned(),
            at: self.clock.now(),
        }
    }

    async fn attempt(
        &self,
        request: &Request,
        wishes: &Wishes,
        told: &tasks::Progress<Told>,
    ) -> Result<Receipt, Failed> {
        let hints = Hints {
            infra_id: Some(request.subject.infra_id.clone()),
            base_domain: request.base_domain.clone(),
        };
        let facts = ClusterFacts::from_metadata(&request.metadata_json, &hints)
            .map_err(|error| Failed::new(Trouble::Metadata, &error))?;
        let account = request.account.as_deref().map(AccountId::parse).transpose();
        let account = account.map_err(|error| Failed::new(Trouble::Metadata, &error))?;
        let opened = self
            .clouds
            .open(
                request.platform,
                &request.credentials,
                facts.region(),
                facts.endpoints(),
            )
            .await
            .map_err(|error| Failed::opening(&error))?;
        let target = opened
            .eraser(&facts)
            .map_err(|error| Failed::cloud(&error))?;
        let record = self.receipts.open(&request.subject).await;
        let record = record.map_err(|error| Failed::new(Trouble::Other, &error))?;
        let mut engine = EraseRequest::new(Arc::new(facts), account);
        engine.options = self.options.clone();
        engine.acknowledge_empty = wishes.acknowledge_empty;
        engine.previous = record.receipt;
        let (mut context, mut seen) = EraseContext::new(Arc::new(self.clock.clone()));
        context.cancel = told.stop().clone();
        let journal = Arc::new(Telling {
            journal: record.journal,
            receipts: self.receipts.clone(),
            note_plan_on: wishes.note_plan_on.clone(),
            told: told.clone(),
        });
        context.journal = Arc::clone(&journal) as Arc<dyn Journal>;
        let mut run = Box::pin(erase::run(engine, target, context));
        loop {
            let ended = tokio::select! {
                ended = &mut run => Some(ended),
                () = self.clock.sleep(TELLING) => None,
            };
            match ended {
                Some(Ok(receipt)) => return Ok(receipt),
                Some(Err(error)) => return Err(Failed::after(&error, &*journal).await),
                None => {}
            }
            if seen.has_changed().unwrap_or(false) {
                say(told, progress_in_words(&seen.borrow_and_update()));
            }
        }
    }
}

/// Changes what is told of a running erasure, if it is something else.
fn say(told: &tasks::Progress<Told>, words: String) {
    told.update(|told| {
        if let Tale::Running { summary, .. } = &mut told.what {
            *summary = words;
        }
    });
}

/// The journal of an erasure in the hub: the ConfigMap, the ClusterDeprovision, and whoever asks.
struct Telling<J> {
    journal: J,
    receipts: Receipts,
    note_plan_on: Option<Key>,
    told: tasks::Progress<Told>,
}

#[async_trait]
impl<J: Journal> Journal for Telling<J> {
    async fn record_plan(&self, plan: &Plan) -> Result<(), JournalError> {
        self.journal.record_plan(plan).await?;
        if let Some(deprovision) = &self.note_plan_on {
            let noted = self.receipts.note_plan(deprovision, &plan.digest).await;
            noted.map_err(|error| JournalError(error_chain(&error)))?;
        }
        self.told.update(|told| {
            if let Tale::Running { plan_digest, .. } = &mut told.what {
                plan_digest.get_or_insert_with(|| plan.digest.clone());
            }
        });
        Ok(())
    }

    async fn checkpoint(&self, receipt: &Receipt) -> Result<(), JournalError> {
        self.journal.checkpoint(receipt).await
    }
}

struct Failed {
    trouble: Trouble,
    message: String,
}

impl Failed {
    fn new(trouble: Trouble, error: &dyn std::error::Error) -> Self {
        Self {
            trouble,
            // Clouds end their sentences; what is said here goes on.
            message: error_chain(error).trim_end_matches('.').to_owned(),
        }
    }

    fn opening(error: &credentials::Error) -> Self {
        match error {
            credentials::Error::NoSecret { .. }
            | credentials::Error::NotNamed
            | credentials::Error::NoProfile { .. } => Self::new(Trouble::Authentication, error),
            // No call was made: what cannot be used are the credentials themselves.
            credentials::Error::Cloud(source) => Self::new(Trouble::Authentication, source),
            credentials::Error::Read(_) | credentials::Error::Platform(_) => {
                Self::new(Trouble::Other, error)
            }
        }
    }

    fn cloud(error: &skep_providers::Error) -> Self {
        Self::new(trouble_of(error), error)
    }

    /// What was done before the engine gave up is on record, if it can be.
    async fn after(error: &EraseError, journal: &dyn Journal) -> Self {
        if let Some(receipt) = error.receipt()
            && let Err(unrecorded) = journal.checkpoint(receipt).await
        {
            tracing::warn!(error = %unrecorded, "the receipt so far could not be recorded");
        }
        Self::engine(error)
    }

    fn engine(error: &EraseError) -> Self {
        let trouble = match error {
            EraseError::Identify(source) | EraseError::Discover { source, .. } => {
                trouble_of(source)
            }
            EraseError::WrongAccount { .. } | EraseError::EmptyUnconfirmed { .. } => {
                Trouble::WrongAccount
            }
            _ => Trouble::Other,
        };
        Self::new(trouble, error)
    }
}

fn trouble_of(error: &skep_providers::Error) -> Trouble {
    match error.class {
        skep_providers::Class::Unauthenticated | skep_providers::Class::Denied => {
            Trouble::Authentication
        }
        _ => Trouble::Other,
    }
}

fn retry_at(tries: u32, failed_at: Timestamp) -> Timestamp {
    let doubled = 1_i32
        .checked_shl(tries.saturating_sub(1).min(16))
        .unwrap_or(i32::MAX);
    let delay = FIRST_DELAY.saturating_mul(doubled).min(LONGEST_DELAY);
    failed_at.saturating_add(delay).unwrap_or(Timestamp::MAX)
}

/// How far an erasure is, in one line.
pub(crate) fn progress_in_words(progress: &Progress) -> String {
    let phase = match progress.phase {
        Phase::Fence => "checking the account",
        Phase::Discover => "listing the account",
        Phase::Plan => "recording the plan",
        Phase::Execute => "deleting",
        Phase::Quiet => "waiting for late creations to show up",
        Phase::Sweep => "looking again",
        Phase::Receipt => "writing the receipt",
    };
    let mut words = phase.to_owned();
    if progress.total > 0 {
        words = format!("{words}: {} of {} gone", progress.done, progress.total);
    }
    if let Some(waiting) = progress.waiting.first() {
        words = format!("{words}, waiting on {} {}", waiting.kind, waiting.name);
    }
    if let Some(blocked) = progress.blocked.first() {
        words = format!(
            "{words}, {} {} is blocked: {}",
            blocked.kind, blocked.name, blocked.why
        );
    }
    words
}

fn receipt_in_words(receipt: &Receipt) -> String {
    let (deleted, untagged) = (receipt.deleted.len(), receipt.untagged.len());
    format!("{deleted} resources deleted, {untagged} untagged, nothing left")
}

fn left_in_words(receipt: &Receipt) -> String {
    let left: Vec<String> = receipt
        .left
        .iter()
        .filter(|left| left.ours)
        .take(3)
        .map(|left| format!("{} {} ({})", left.kind, left.name, left.why))
        .collect();
    let count = receipt.left.iter().filter(|left| left.ours).count();
    let mut words = format!(
        "{count} resources could not be deleted: {}",
        left.join("; ")
    );
    if !receipt.gaps.is_empty() {
        words = format!(
            "{words}; not everything could be listed: {}",
            receipt.gaps.join("; ")
        );
    }
    words
}
