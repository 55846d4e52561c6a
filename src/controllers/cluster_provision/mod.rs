//! The ClusterProvision controller: one attempt to install a cluster, from its Job to its end, and the
//! erasure of what a failed one left behind (docs/spec/10 §12).

mod act;
mod decide;
mod observe;
mod observed;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job as BatchJob;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::core::PartialObjectMeta;
use skep_crds::names::controller;
use skep_crds::{ClusterDeployment, ClusterProvision};

use super::erasure::Erasures;
use super::owned;
use crate::install::classify::Patterns;
use crate::plan::Plan;
use crate::runtime::{
    Class, Classified, Context, ControllerName, Freshness, Key, Memory, Observation, Reconcile,
    RequestError, Store,
};

pub use decide::Step;
pub use observed::{Job, JobPhase, Observed, Pods};
pub use status::{JobRef, Status, Verdict};

/// The controller and what it reads.
pub struct Attempts {
    /// What all controllers share.
    pub context: Context,
    /// ClusterDeployments.
    pub clusters: Store<ClusterDeployment>,
    /// Jobs, indexed by their attempt's label.
    pub jobs: Store<BatchJob>,
    /// Pods, likewise.
    pub pods: Store<Pod>,
    /// Metadata of Secrets.
    pub secrets: Store<PartialObjectMeta<Secret>>,
    /// Erasures of failed attempts.
    pub erasures: Erasures,
    /// Patterns over the installer's log.
    pub patterns: Arc<Patterns>,
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
    /// Something cannot be created.
    #[error("could not create {what}")]
    Create {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: owned::Error,
    },
    /// Something cannot be deleted.
    #[error("could not delete {what}")]
    Delete {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: owned::Error,
    },
    /// The attempt cannot be patched.
    #[error("could not change the attempt")]
    Patch {
        /// Why.
        #[source]
        source: RequestError,
    },
    /// Somebody else moved the stage.
    #[error("the attempt is no longer in stage {expected}")]
    StageMoved {
        /// Where it should have been.
        expected: String,
    },
    /// `spec.podSpec` is no pod spec.
    #[error("spec.podSpec cannot be used: {problem}")]
    PodSpec {
        /// Why.
        problem: String,
    },
    /// The ClusterDeployment is not there.
    #[error("the ClusterDeployment of this attempt does not exist")]
    NoCluster,
    /// The attempt was deleted or replaced meanwhile.
    #[error("the attempt is gone")]
    Gone,
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::Read { source, .. } | Self::Patch { source } => source.class(),
            Self::Create { source, .. } | Self::Delete { source, .. } => source.class(),
            Self::StageMoved { .. } => Class::RetryNow,
            Self::PodSpec { .. } => Class::Terminal,
            Self::NoCluster | Self::Gone => Class::WaitForChange,
        }
    }
}

impl Reconcile for Attempts {
    type Root = ClusterProvision;
    type Observed = Observed;
    type Status = Status;
    type Step = Step;
    type Error = Error;
    const NAME: ControllerName = controller::CLUSTER_PROVISION;

    async fn observe(
        &self,
        root: Arc<ClusterProvision>,
        how: Freshness,
        _memory: &Memory,
    ) -> Result<Observation<Observed>, Error> {
        observe::observe(self, &root, how)
            .await
            .map(Observation::Of)
    }

    fn decide(observed: &Observed, now: Timestamp) -> Plan<Status, Step> {
        decide::decide(observed, now)
    }

    async fn act(&self, observed: &Observed, step: Step) -> Result<(), Error> {
        act::act(self, observed, step).await
    }

    fn merge_status(
        root: &ClusterProvision,
        status: &Status,
        now: Timestamp,
    ) -> Option<serde_json::Value> {
        status::merge(root, status, now)
    }

    fn gone(&self, key: &Key) {
        self.erasures.abandon(&key.uid);
    }
}
