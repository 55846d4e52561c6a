//! The hibernation controller: clusters that sleep when they are told to and always wake again
//! (docs/spec/21).
//!
//! Decides when machines of a cluster are stopped and started, which certificates a waking cluster gets,
//! and what `Hibernating`, `Ready` and `powerState` say. It never stops a machine of a cluster that is
//! wanted running, never looks into a cluster that sleeps, and never calls a cluster stopped or running
//! because it saw nothing.

mod act;
pub mod csr;
mod decide;
pub mod fleets;
mod observe;
mod observed;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use skep_crds::ClusterDeployment;
use skep_crds::names::controller;

use self::fleets::Fleets;
use super::context::Shared;
use crate::plan::Plan;
use crate::runtime::{
    Class, Classified, ControllerName, Freshness, Key, Memory, Observation, Reconcile, RequestError,
};

pub use decide::{Step, Tier, Verb};
pub use observed::Observed;
pub use status::{Status, Verdict};

/// The controller and what it reads.
pub struct Hibernation {
    /// What all controllers share.
    pub shared: Shared,
    /// The machines of clusters.
    pub fleets: Fleets,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something cannot be read.
    #[error("could not read {what}")]
    Read {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: RequestError,
    },
    /// The ClusterDeployment cannot be written.
    #[error("could not change the ClusterDeployment")]
    Write(#[source] RequestError),
    /// Something else is wanted by now.
    #[error("something else is wanted of the cluster by now")]
    Changed,
    /// The cloud does not start or stop machines, or cannot be asked to.
    #[error("{message}")]
    Power {
        /// What is done about it.
        class: Class,
        /// Why, for people.
        message: String,
    },
    /// Something in the managed cluster cannot be changed.
    #[error("{what}: {why}")]
    Inside {
        /// What.
        what: String,
        /// Why, for people.
        why: String,
    },
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::Read { source, .. } | Self::Write(source) => source.class(),
            Self::Changed => Class::RetryNow,
            Self::Power { class, .. } => *class,
            Self::Inside { .. } => Class::BackOff,
        }
    }
}

impl Reconcile for Hibernation {
    type Root = ClusterDeployment;
    type Observed = Observed;
    type Status = Status;
    type Step = Step;
    type Error = Error;
    const NAME: ControllerName = controller::HIBERNATION;

    async fn observe(
        &self,
        root: Arc<ClusterDeployment>,
        how: Freshness,
        memory: &Memory,
    ) -> Result<Observation<Observed>, Error> {
        Box::pin(observe::observe(self, root, how, memory)).await
    }

    fn decide(observed: &Observed, now: Timestamp) -> Plan<Status, Step> {
        decide::decide(observed, now)
    }

    fn rests_on_root(step: &Step) -> bool {
        step.rests_on_root()
    }

    async fn act(&self, observed: &Observed, step: Step) -> Result<(), Error> {
        Box::pin(act::act(self, observed, step)).await
    }

    fn merge_status(
        root: &ClusterDeployment,
        status: &Status,
        now: Timestamp,
    ) -> Option<serde_json::Value> {
        status::merge(root, status, now)
    }

    fn gone(&self, key: &Key) {
        self.fleets.forget(&key.uid);
    }
}
