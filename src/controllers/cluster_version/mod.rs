//! The cluster version controller: labels, an annotation and a copy that say which version a cluster runs
//! (docs/spec/32 §3), and the address of its console (§1.3).
//!
//! Decides what they should say from what the last look saw. It never looks by itself, writes the metadata
//! and the status at most once each, and only what differs.

mod act;
mod decide;
mod observe;
mod observed;
#[cfg(test)]
mod tests;
mod version;

use std::sync::Arc;

use jiff::Timestamp;
use skep_crds::ClusterDeployment;
use skep_crds::external::cluster_version::ClusterVersionStatus;
use skep_crds::names::controller;

use super::context::Shared;
use crate::plan::Plan;
use crate::runtime::{
    At, Class, Classified, ControllerName, Freshness, Memory, Observation, Reconcile, RequestError,
};

pub use observed::{Described, Observed, Recorded, Sight};

/// The controller.
pub struct Versions {
    /// What all controllers share.
    pub shared: Shared,
}

/// One effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Sets labels and the annotation.
    Describe {
        /// The ClusterDeployment as it was read.
        at: At,
        /// What differs.
        difference: Described,
    },
    /// Writes the copy and the address of the console.
    Record {
        /// The ClusterDeployment as it was read.
        at: At,
        /// What the copy is to be, if it differs: the inner `None` is none.
        copy: Option<Option<Box<ClusterVersionStatus>>>,
        /// What the address is to be, if it differs.
        console: Option<String>,
    },
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The labels cannot be written.
    #[error("could not label the cluster with its version")]
    Describe(#[source] RequestError),
    /// The copy cannot be written.
    #[error("could not record what the cluster says about its version")]
    Record(#[source] RequestError),
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::Describe(source) | Self::Record(source) => source.class(),
        }
    }
}

impl Reconcile for Versions {
    type Root = ClusterDeployment;
    type Observed = Observed;
    type Status = ();
    type Step = Step;
    type Error = Error;
    const NAME: ControllerName = controller::CLUSTER_VERSION;

    async fn observe(
        &self,
        root: Arc<ClusterDeployment>,
        _how: Freshness,
        _memory: &Memory,
    ) -> Result<Observation<Observed>, Error> {
        Ok(observe::observe(&self.shared.remotes, &root))
    }

    fn decide(observed: &Observed, _now: Timestamp) -> Plan<(), Step> {
        decide::decide(observed)
    }

    /// What a look saw is as fresh as it gets, and the write names the version of the root.
    fn rests_on_root(step: &Step) -> bool {
        match step {
            Step::Describe { .. } | Step::Record { .. } => true,
        }
    }

    async fn act(&self, _observed: &Observed, step: Step) -> Result<(), Error> {
        act::act(&self.shared.context.writer, step).await
    }
}
