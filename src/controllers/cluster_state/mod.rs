//! The cluster state controller: a `ClusterState` beside each installed cluster says what its operators
//! report (docs/spec/32 §4).
//!
//! Decides whether the object is made, and whether what it says is old. It never looks by itself, and writes
//! when something differs that a person would act on: a set of operators, a status or a reason, or the
//! words of a condition that is not as it should be.

mod act;
mod decide;
mod observe;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use skep_crds::names::controller;
use skep_crds::{ClusterDeployment, ClusterState};

use super::context::Shared;
use super::owned;
use crate::plan::Plan;
use crate::remote::view::OperatorSeen;
use crate::runtime::{
    At, Class, Classified, ControllerName, Freshness, Memory, Observation, Reconcile, RequestError,
};

/// The controller.
pub struct States {
    /// What all controllers share.
    pub shared: Shared,
}

/// What is known of a cluster's operators, and of what is told about them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Observed {
    /// The ClusterDeployment.
    pub at: At,
    /// Its `ClusterState`.
    pub state: Option<State>,
    /// What the last look saw; `None`: nothing that can be relied on.
    pub seen: Option<Seen>,
}

/// What a look saw.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// All operators, in order of their names.
    pub operators: Vec<OperatorSeen>,
}

/// A `ClusterState`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Which.
    pub at: At,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether the ClusterDeployment owns it.
    pub owned: bool,
    /// What it says.
    pub operators: Vec<OperatorSeen>,
    /// Whether it says anything yet.
    pub is_told: bool,
}

/// One effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Creates the `ClusterState`, or takes one over that an earlier life of the cluster left.
    Create,
    /// Writes what the operators report.
    Tell {
        /// The `ClusterState` as it was read.
        at: At,
        /// What they report.
        seen: Seen,
    },
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The `ClusterState` cannot be read.
    #[error("could not read the ClusterState")]
    Read(#[source] RequestError),
    /// It cannot be created.
    #[error("could not create the ClusterState")]
    Create(#[source] owned::Error),
    /// It cannot be written.
    #[error("could not write the ClusterState")]
    Tell(#[source] RequestError),
    /// The ClusterDeployment is another one by now.
    #[error("the ClusterDeployment has changed meanwhile")]
    Changed,
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::Read(source) | Self::Tell(source) => source.class(),
            Self::Create(source) => source.class(),
            Self::Changed => Class::RetryNow,
        }
    }
}

/// Takes from a `ClusterState` the words of conditions that are as they should be: they are most of it, and
/// nobody compares them.
pub fn prune(state: &mut ClusterState) {
    let status = state.status.as_mut();
    let operators = status.and_then(|status| status.cluster_operators.as_mut());
    let operators = operators.into_iter().flatten();
    for condition in operators
        .filter_map(|operator| operator.conditions.as_mut())
        .flatten()
    {
        if !decide::is_amiss(&condition.r#type, condition.status.as_str()) {
            condition.message = None;
        }
    }
}

impl Reconcile for States {
    type Root = ClusterDeployment;
    type Observed = Observed;
    type Status = ();
    type Step = Step;
    type Error = Error;
    const NAME: ControllerName = controller::CLUSTER_STATE;

    async fn observe(
        &self,
        root: Arc<ClusterDeployment>,
        how: Freshness,
        _memory: &Memory,
    ) -> Result<Observation<Observed>, Error> {
        observe::observe(&self.shared, &root, how).await
    }

    fn decide(observed: &Observed, _now: Timestamp) -> Plan<(), Step> {
        decide::decide(observed)
    }

    async fn act(&self, observed: &Observed, step: Step) -> Result<(), Error> {
        Box::pin(act::act(&self.shared, observed, step)).await
    }
}
