//! The unreachable controller: whether installed clusters answer, and by which URL (docs/spec/32 §2).
//!
//! Decides when a cluster is looked at, for itself and for all who only read what a look came to, and what
//! `Unreachable` and `ActiveAPIURLOverride` say. It writes when one of them changes and never otherwise, and
//! it never touches a cluster or its cloud.

mod decide;
mod observe;
mod status;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;

use jiff::Timestamp;
use skep_crds::ClusterDeployment;
use skep_crds::condition::ConditionStatus;
use skep_crds::names::controller;

use super::context::Shared;
use crate::plan::Plan;
use crate::remote::{Depth, Known, Target};
use crate::runtime::{
    Class, Classified, ControllerName, Freshness, Memory, Observation, Reconcile,
};

pub use status::Status;

/// The controller.
pub struct Unreachable {
    /// What all controllers share.
    pub shared: Shared,
}

/// What is known of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Observed {
    /// Which, and how it is reached.
    pub target: Target,
    /// What the last look came to.
    pub known: Known,
    /// What `Unreachable` says.
    pub reported: Option<ConditionStatus>,
    /// Whether its machines are stopped: it is not expected to answer.
    pub asleep: bool,
}

/// One effect: nothing is changed by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Has the cluster looked at.
    Look {
        /// Which.
        target: Target,
        /// How much of it.
        depth: Depth,
    },
}

/// Nothing can go wrong: what a look fails of is what it came to.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] Infallible);

impl Classified for Error {
    fn class(&self) -> Class {
        match self.0 {}
    }
}

impl Reconcile for Unreachable {
    type Root = ClusterDeployment;
    type Observed = Observed;
    type Status = Status;
    type Step = Step;
    type Error = Error;
    const NAME: ControllerName = controller::UNREACHABLE;

    async fn observe(
        &self,
        root: Arc<ClusterDeployment>,
        _how: Freshness,
        _memory: &Memory,
    ) -> Result<Observation<Observed>, Error> {
        Ok(observe::observe(&self.shared.remotes, &root))
    }

    fn decide(observed: &Observed, now: Timestamp) -> Plan<Status, Step> {
        decide::decide(observed, now)
    }

    fn rests_on_root(step: &Step) -> bool {
        match step {
            Step::Look { .. } => true,
        }
    }

    async fn act(&self, _observed: &Observed, step: Step) -> Result<(), Error> {
        match step {
            Step::Look { target, depth } => {
                self.shared.remotes.look(&target, depth);
                Ok(())
            }
        }
    }

    fn merge_status(
        root: &ClusterDeployment,
        status: &Status,
        now: Timestamp,
    ) -> Option<serde_json::Value> {
        status::merge(root, status, now)
    }
}
