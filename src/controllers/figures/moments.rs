//! What happened, told from an object before and after a change: plain functions.
//!
//! A moment is counted when the object shows it, after the write that made it so; the change is there
//! once, also when the write is tried twice or the operator is started anew (docs/spec/10 §26.1 W23).

use jiff::Timestamp;
use kube::ResourceExt as _;
use skep_crds::condition::{find, is_true};
use skep_crds::names::condition::{cd, provision};
use skep_crds::names::{finalizer, reason};
use skep_crds::{ClusterDeployment, ClusterDeprovision, ClusterProvision, Condition, Stage};

/// A moment in the life of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OfCluster {
    /// The operator took charge of it.
    Created,
    /// It is installed.
    Installed,
    /// Its installation was given up.
    GivenUp {
        /// Why.
        reason: String,
    },
    /// The operator let go of it.
    Deleted,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There is a cluster.
    Success,
    /// There is none.
    Failure {
        /// Why.
        reason: String,
    },
}

pub(super) fn of_cluster(
    old: Option<&ClusterDeployment>,
    new: Option<&ClusterDeployment>,
) -> Vec<OfCluster> {
    let Some(old) = old else { return Vec::new() };
    let is_held = |root: &ClusterDeployment| {
        let names = root.finalizers();
        names.iter().any(|name| name == finalizer::DEPROVISION)
    };
    let mut moments = Vec::new();
    let Some(new) = new else {
        moments.extend(is_held(old).then_some(OfCluster::Deleted));
        return moments;
    };
    match (is_held(old), is_held(new)) {
        (false, true) => moments.push(OfCluster::Created),
        (true, false) => moments.push(OfCluster::Deleted),
        (true, true) | (false, false) => {}
    }
    if !old.spec.installed && new.spec.installed {
        moments.push(OfCluster::Installed);
    }
    let is_stopped = |root: &ClusterDeployment| is_true(root.conditions(), cd::PROVISION_STOPPED);
    if !is_stopped(old) && is_stopped(new) {
        let found = find(new.conditions(), cd::PROVISION_STOPPED);
        let reason = found.map(Condition::reason).unwrap_or_default();
        let reason = if reason.is_empty() { "unknown" } else { reason };
        moments.push(OfCluster::GivenUp {
            reason: reason.to_owned(),
        });
    }
    moments
}

pub(super) fn end_of_attempt(
    old: Option<&ClusterProvision>,
    new: Option<&ClusterProvision>,
) -> Option<Outcome> {
    let (old, new) = (old?, new?);
    if old.spec.stage == new.spec.stage {
        return None;
    }
    match &new.spec.stage {
        Stage::Complete => Some(Outcome::Success),
        Stage::Failed => {
            let found = find(new.conditions(), provision::FAILED);
            let reason = found.map_or(reason::UNKNOWN_ERROR, |found| found.reason());
            Some(Outcome::Failure {
                reason: reason.to_owned(),
            })
        }
        Stage::Initializing | Stage::Provisioning | Stage::Other(_) => None,
    }
}

/// Whether the deletion from the cloud came to its end.
pub(super) fn is_completed_now(
    old: Option<&ClusterDeprovision>,
    new: Option<&ClusterDeprovision>,
) -> bool {
    matches!((old, new), (Some(old), Some(new)) if !old.is_completed() && new.is_completed())
}

/// Seconds from the creation of an object to `end`; none for an object that claims to come from the
/// future.
pub(super) fn seconds_since_creation<K: kube::Resource>(object: &K, end: Timestamp) -> f64 {
    let created = object.meta().creation_timestamp.as_ref();
    let created = created.map_or(end, |created| created.0);
    end.duration_since(created).as_secs_f64().max(0.0)
}
