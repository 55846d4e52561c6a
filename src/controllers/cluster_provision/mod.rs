//! The ClusterProvision controller: one attempt to install a cluster, from its Job to its end, and the
//! erasure of what a failed one left behind (docs/spec/10 §12).

mod act;
mod clean_up;
mod decide;
mod error;
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
use crate::install::classify::Patterns;
use crate::plan::Plan;
use crate::runtime::{
    ConfigStore, Context, ControllerName, Freshness, Key, Memory, Observation, Reconcile, Store,
};

pub use decide::Step;
pub use error::Error;
pub use observed::{Job, JobPhase, Observed, Pods};
pub use status::{JobRef, Status, Verdict};

/// The controller and what it reads.
pub struct Attempts {
    /// What all controllers share.
    pub context: Context,
    /// The settings.
    pub config: ConfigStore,
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
