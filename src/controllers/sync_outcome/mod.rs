//! The sync outcome controller: whether what is to be synced to an installed cluster arrived, as its
//! `ClusterSync` says (docs/spec/31 §9.3).
//!
//! Decides what `SyncSetFailed` says. It only reads `ClusterSync`s and sets, and never writes one: whoever
//! syncs does. A cluster that no set selects has nothing that could fail.

mod decide;
mod observe;
mod selector;
mod status;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;

use jiff::Timestamp;
use skep_crds::condition::Verdict;
use skep_crds::names::skep::SYNC_OUTCOME_CONTROLLER;
use skep_crds::{ClusterDeployment, SelectorSyncSet, SyncSet};

use super::context::Shared;
use crate::plan::Plan;
use crate::runtime::{
    Class, Classified, ControllerName, Freshness, Memory, Observation, Reconcile,
};

/// Index of `SyncSet`s: `<namespace>/<name>` of the clusters that they name.
pub const CLUSTERS: &str = "clusters";

/// The controller.
pub struct SyncOutcomes {
    /// What all controllers share.
    pub shared: Shared,
}

/// What is known of what is synced to a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Observed {
    /// Whether a person asked for nothing to be synced.
    pub paused: bool,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of what is to be synced.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// There is nothing.
    NothingSelected,
    /// A set selects the cluster, and nobody has reported about it.
    Unreported {
        /// One of the sets.
        set: String,
    },
    /// Nobody has reported, and a set cannot be read: it might select the cluster.
    Unclear,
    /// All of it arrived.
    Applied,
    /// Some of it did not.
    Failed {
        /// What the `ClusterSync` says.
        message: String,
    },
}

/// There are no effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {}

/// Nothing can go wrong: only stores are read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] Infallible);

impl Classified for Error {
    fn class(&self) -> Class {
        match self.0 {}
    }
}

/// The index [`CLUSTERS`].
pub fn clusters_of(set: &SyncSet) -> Vec<String> {
    observe::clusters_of(set)
}

/// Takes from a `SyncSet` what is synced, which may be large.
pub fn prune(set: &mut SyncSet) {
    set.spec.common = skep_crds::SyncSetCommonSpec::default();
}

/// The same of a `SelectorSyncSet`.
pub fn prune_selecting(set: &mut SelectorSyncSet) {
    set.spec.common = skep_crds::SyncSetCommonSpec::default();
}

impl Reconcile for SyncOutcomes {
    type Root = ClusterDeployment;
    type Observed = Observed;
    type Status = Verdict;
    type Step = Step;
    type Error = Error;
    const NAME: ControllerName = SYNC_OUTCOME_CONTROLLER;

    async fn observe(
        &self,
        root: Arc<ClusterDeployment>,
        _how: Freshness,
        _memory: &Memory,
    ) -> Result<Observation<Observed>, Error> {
        Ok(observe::observe(&self.shared.stores, &root))
    }

    fn decide(observed: &Observed, _now: Timestamp) -> Plan<Verdict, Step> {
        decide::decide(observed)
    }

    async fn act(&self, _observed: &Observed, step: Step) -> Result<(), Error> {
        match step {}
    }

    fn merge_status(
        root: &ClusterDeployment,
        verdict: &Verdict,
        now: Timestamp,
    ) -> Option<serde_json::Value> {
        status::merge(root, verdict, now)
    }
}
