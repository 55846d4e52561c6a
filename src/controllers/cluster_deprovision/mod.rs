//! The ClusterDeprovision controller: an order to delete a cluster from its cloud, from its gates to the
//! receipt (docs/spec/20 §2–4).

mod act;
pub mod by_hand;
mod decide;
mod gates;
mod legacy;
mod observe;
mod observed;
mod status;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt as _;
use parking_lot::Mutex;
use skep_crds::ClusterDeprovision;
use skep_crds::names::controller;

use super::context::Shared;
use crate::plan::Plan;
use crate::runtime::{
    Class, Classified, ControllerName, Freshness, IndexName, Key, Memory, Observation, Reconcile,
    RequestError, bell,
};

pub use decide::Step;
pub use legacy::legacy_metadata;
pub use observed::{Cluster, Description, Observed, Owner};
pub use status::{Status, Verdict};

/// Index of the Secrets that an order reads, under `<namespace>/<name>`.
pub const SECRETS_INDEX: IndexName = "deprovision-secrets";

/// The values of [`SECRETS_INDEX`].
pub fn secrets_of(root: &ClusterDeprovision) -> Vec<String> {
    let namespace = root.namespace().unwrap_or_default();
    let platform = root.spec.platform.as_ref();
    let credentials = platform.and_then(|platform| platform.credentials_secret());
    let secrets = [root.spec.metadata_json_secret(), credentials];
    secrets
        .into_iter()
        .flatten()
        .map(|name| bell::reference(&namespace, name))
        .collect()
}

/// The controller and what it reads.
pub struct Deprovisions {
    /// What all controllers share.
    pub shared: Shared,
    /// By UID, what each erasure was last started with, so that a correction of it is seen.
    pub started: Arc<Mutex<BTreeMap<String, String>>>,
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
    /// The order cannot be given back to its restored owner.
    #[error("could not change the owner")]
    Reown {
        /// Why.
        #[source]
        source: RequestError,
    },
    /// The Secret with the description of the cluster is not there or lacks its key.
    #[error("Secret {secret} has no key metadata.json")]
    NoMetadata {
        /// Its name.
        secret: String,
    },
    /// The order was deleted or replaced meanwhile, or its ClusterDeployment was.
    #[error("the order is gone")]
    Gone,
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::Read { source, .. } | Self::Reown { source } => source.class(),
            Self::NoMetadata { .. } => Class::BlockedByUser,
            Self::Gone => Class::WaitForChange,
        }
    }
}

impl Reconcile for Deprovisions {
    type Root = ClusterDeprovision;
    type Observed = Observed;
    type Status = Status;
    type Step = Step;
    type Error = Error;
    const NAME: ControllerName = controller::CLUSTER_DEPROVISION;

    async fn observe(
        &self,
        root: Arc<ClusterDeprovision>,
        how: Freshness,
        memory: &Memory,
    ) -> Result<Observation<Observed>, Error> {
        observe::observe(self, &root, how, memory)
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
        root: &ClusterDeprovision,
        status: &Status,
        now: Timestamp,
    ) -> Option<serde_json::Value> {
        status::merge(root, status, now)
    }

    fn gone(&self, key: &Key) {
        self.shared.erasures.abandon(&key.uid);
        self.started.lock().remove(&key.uid);
    }
}
