//! The deprovision engine: fence → discover → plan → execute → sweep → receipt (`docs/spec/20`).
//!
//! It decides what may be deleted, in which order, and when an account counts as empty. It must
//! never delete what has no proof, never delete before the plan is on record, never call a cloud
//! empty that was not listed whole, and never touch an account other than the recorded one.
//!
//! The engine keeps no state of its own: run again after a crash, it finds its way from the cloud.
//!
//! * [`facts`]: what selects the cluster. [`resource`]: resources and proofs.
//! * [`inventory`]: the traits that a cloud implements. [`graph`]: the pure order of deletion.
//! * [`mod@plan`]: the plan on record. [`execute`]: running the graph. [`sweep`]: the second look.
//! * [`receipt`], [`progress`]: what is told to people.

pub mod execute;
pub mod facts;
pub mod graph;
pub mod inventory;
pub mod plan;
pub mod progress;
pub mod receipt;
pub mod resource;
pub mod sweep;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use facts::{
    AwsFacts, AzureFacts, ClusterFacts, FactsError, GcpFacts, Hints, PlatformFacts, TagFilter,
};
pub use graph::GraphError;
pub use inventory::{
    After, Discovery, EraseTarget, Eraser, Gap, Inventory, KindSpec, Outcome, Scope, UNTAG_BATCH,
};
pub use plan::{Action, Plan, PlannedStep, Untouched};
pub use progress::{Blocked, KindProgress, Phase, Progress, Waiting};
pub use receipt::{Disposed, Left, Receipt, RecordedPlan, Summary};
pub use resource::{
    Deletion, Disposal, Hold, Kind, NotOurs, Presence, Proof, Resource, ResourceId, Untagging,
};

use crate::{account::AccountId, clock::Clock, error::Error};

/// Knobs of an erasure. The defaults are what production uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EraseOptions {
    /// How long after the end of the control plane the second look is taken. In-cluster controllers
    /// may have had calls under way, and clouds list some resources late.
    pub quiet_period: Duration,
    /// Destructive calls under way at the same time.
    pub concurrency: usize,
    /// How often an unknown or transient failure of one step is repeated before the step counts as
    /// blocked; the cloud's layer has already repeated each call.
    pub attempts: u32,
    /// How long a step may be held by something that nobody is deleting, before it counts as blocked.
    pub patience: Duration,
    /// Shortest and longest pause between two looks at the same pending resource.
    pub poll: (Duration, Duration),
    /// Rounds of sweep and delete before what still turns up is left for the next run.
    pub sweeps: u32,
    /// How often the receipt so far is handed to the journal, once a run has gone on for a while.
    pub checkpoint: Duration,
}

impl Default for EraseOptions {
    fn default() -> Self {
        Self {
            quiet_period: Duration::from_secs(20),
            concurrency: 16,
            attempts: 5,
            patience: Duration::from_mins(10),
            poll: (Duration::from_secs(2), Duration::from_secs(30)),
            sweeps: 5,
            checkpoint: Duration::from_secs(15),
        }
    }
}

/// What to erase.
#[derive(Debug, Clone)]
pub struct EraseRequest {
    /// The cluster.
    pub facts: Arc<ClusterFacts>,
    /// The account recorded at install time. Another one is refused.
    pub account: Option<AccountId>,
    /// With no recorded account, an account where nothing was found is only called empty when a
    /// person acknowledged that it is the right one.
    pub acknowledge_empty: bool,
    /// Receipt of an earlier run of the same erasure.
    pub previous: Option<Receipt>,
    /// Knobs.
    pub options: EraseOptions,
}

impl EraseRequest {
    /// A request with default options, and no earlier run.
    pub fn new(facts: Arc<ClusterFacts>, account: Option<AccountId>) -> Self {
        Self {
            facts,
            account,
            acknowledge_empty: false,
            previous: None,
            options: EraseOptions::default(),
        }
    }
}

/// The journal could not record; the erasure stops rather than act off the record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JournalError(pub String);

/// Where plans and receipts are put on record.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Records a plan before the first destructive call of it; called again for each later addition,
    /// with its reason. Must be durable when it returns.
    async fn record_plan(&self, plan: &Plan) -> Result<(), JournalError>;

    /// Records the receipt so far. Called now and then and at the end; what is lost between two
    /// calls is only detail.
    async fn checkpoint(&self, receipt: &Receipt) -> Result<(), JournalError>;
}

/// A journal that forgets; for the command line without a hub and for tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoJournal;

#[async_trait]
impl Journal for NoJournal {
    async fn record_plan(&self, _plan: &Plan) -> Result<(), JournalError> {
        Ok(())
    }

    async fn checkpoint(&self, _receipt: &Receipt) -> Result<(), JournalError> {
        Ok(())
    }
}

/// Surroundings of an erasure.
#[derive(Clone)]
pub struct EraseContext {
    /// Timestamps of receipts and progress.
    pub clock: Arc<dyn Clock>,
    /// Where plans and receipts are recorded.
    pub journal: Arc<dyn Journal>,
    /// Where progress is published.
    pub progress: watch::Sender<Progress>,
    /// After a cancel no new destructive call is begun; calls under way are awaited.
    pub cancel: CancellationToken,
}

impl EraseContext {
    /// Surroundings that record nothing, with the receiver of progress.
    pub fn new(clock: Arc<dyn Clock>) -> (Self, watch::Receiver<Progress>) {
        let (progress, seen) = watch::channel(Progress::default());
        let cancel = CancellationToken::new();
        (
            Self {
                clock,
                journal: Arc::new(NoJournal),
                progress,
                cancel,
            },
            seen,
        )
    }
}

/// Why an erasure ended without a final receipt. A run that ends with something blocked is no
/// error: its receipt is not `complete`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EraseError {
    /// The credentials could not be verified; nothing was touched.
    #[error("the account cannot be identified")]
    Identify(#[source] Box<Error>),
    /// The credentials are of another account; nothing was touched.
    #[error("the credentials are of {found}, the cluster was installed in {expected}")]
    WrongAccount {
        /// Recorded at install time.
        expected: AccountId,
        /// What the credentials are for.
        found: AccountId,
    },
    /// No account was recorded, nothing was found, and nobody acknowledged that this is the right
    /// account.
    #[error(
        "nothing of {infra_id} was found in {found}, and no account was recorded at install time: \
         acknowledge that this is the right account, or correct the credentials"
    )]
    EmptyUnconfirmed {
        /// The infra ID that was looked for.
        infra_id: String,
        /// Where.
        found: AccountId,
    },
    /// The account could not be listed.
    #[error("the account cannot be listed")]
    Discover {
        /// Why.
        #[source]
        source: Box<Error>,
        /// The receipt so far, when anything was done already.
        receipt: Option<Box<Receipt>>,
    },
    /// The inventory contradicts itself (a kind without a description): a fault of the program.
    #[error("the inventory is inconsistent: {0}")]
    Inventory(String),
    /// A plan or receipt could not be recorded.
    #[error("the journal refused")]
    Journal {
        /// Why.
        #[source]
        source: JournalError,
        /// The receipt so far, when anything was done already.
        receipt: Option<Box<Receipt>>,
    },
    /// Cancelled between two calls.
    #[error("cancelled")]
    Cancelled {
        /// The receipt so far, when anything was done already.
        receipt: Option<Box<Receipt>>,
    },
}

impl EraseError {
    /// The receipt of what was done before the error, when anything was.
    pub fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::Discover { receipt, .. }
            | Self::Journal { receipt, .. }
            | Self::Cancelled { receipt } => receipt.as_deref(),
            Self::Identify(_)
            | Self::WrongAccount { .. }
            | Self::EmptyUnconfirmed { .. }
            | Self::Inventory(_) => None,
        }
    }

    pub(crate) fn with_receipt(self, so_far: Receipt) -> Self {
        let begun = !so_far.plans.is_empty();
        let so_far = begun.then(|| Box::new(so_far));
        match self {
            Self::Discover { source, .. } => Self::Discover {
                source,
                receipt: so_far,
            },
            Self::Journal { source, .. } => Self::Journal {
                source,
                receipt: so_far,
            },
            Self::Cancelled { .. } => Self::Cancelled { receipt: so_far },
            other @ (Self::Identify(_)
            | Self::WrongAccount { .. }
            | Self::EmptyUnconfirmed { .. }
            | Self::Inventory(_)) => other,
        }
    }
}

/// Erases a cluster. Ends with a receipt when nothing more can be done now: `complete` when the
/// final listing found nothing, otherwise `left` says what and why, and the caller runs it again
/// later with this receipt as [`EraseRequest::previous`].
///
/// Safe to drop or to run again at any point.
pub async fn run(
    request: EraseRequest,
    target: Arc<dyn EraseTarget>,
    context: EraseContext,
) -> Result<Receipt, EraseError> {
    sweep::run(request, target, context).await
}

/// What [`run`] would do first: fence, discover, plan. Makes only reading calls.
pub async fn plan(request: &EraseRequest, target: &dyn EraseTarget) -> Result<Plan, EraseError> {
    let account = fence(request, target).await?;
    let discovery = target
        .discover()
        .await
        .map_err(|error| EraseError::Discover {
            source: Box::new(error),
            receipt: None,
        })?;
    Plan::build(
        &request.facts,
        &account,
        target.kinds(),
        discovery,
        "initial",
    )
    .map_err(|fault| EraseError::Inventory(fault.to_string()))
}

/// Compares the account of the credentials with the recorded one.
pub(crate) async fn fence(
    request: &EraseRequest,
    target: &dyn EraseTarget,
) -> Result<AccountId, EraseError> {
    let found = target
        .identity()
        .await
        .map_err(|error| EraseError::Identify(Box::new(error)))?;
    match &request.account {
        Some(expected) if *expected != found => Err(EraseError::WrongAccount {
            expected: expected.clone(),
            found,
        }),
        Some(_) | None => Ok(found),
    }
}
