//! `Reconciling` and `Stalled`: how far an object is from its wish, in the words that generic tools know.
//!
//! Both are Skep's additions and follow kstatus: True says that something is unusual, and a condition
//! that is absent counts as False. So they appear when they first hold, and an object at rest never pays
//! a write for them. They are derived from the list as it stands after the other verdicts of the same
//! write, so that whoever writes a list can complete it in the same patch and two writers never
//! disagree; only what keeps failing on the operator's own side, for which the API has no condition, is
//! told by its writer. Nothing may be decided from them: another operator drops them.
//!
//! `Ready` is none of them: on a `ClusterDeployment` it is the API's power condition, and False while
//! the machines are stopped on purpose.

use jiff::Timestamp;

use super::{
    Condition, ConditionStatus, Verdict, WhenAbsent, WritePolicy, apply, find, first_answer,
    is_true,
};
use crate::names::condition::{cd, deprovision, provision, skep};
use crate::names::reason;
use crate::{ClusterDeployment, ClusterDeprovision};

/// Where an object stands on the way to its wish.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It is as it is wanted.
    Settled,
    /// It is on its way.
    Reconciling {
        /// Why, in one word.
        reason: String,
        /// The details.
        message: String,
    },
    /// It stays where it is unless somebody changes something.
    Stalled {
        /// Why, in one word.
        reason: String,
        /// The details.
        message: String,
    },
}

impl Standing {
    fn reconciling(reason: &str, message: &str) -> Self {
        Self::Reconciling {
            reason: reason.to_owned(),
            message: message.to_owned(),
        }
    }

    fn stalled(reason: &str, message: &str) -> Self {
        Self::Stalled {
            reason: reason.to_owned(),
            message: message.to_owned(),
        }
    }

    fn reconciling_like(condition: &Condition) -> Self {
        Self::reconciling(condition.reason(), condition.message())
    }

    fn stalled_like(condition: &Condition) -> Self {
        Self::stalled(condition.reason(), condition.message())
    }

    /// What both conditions say.
    pub fn verdicts(&self) -> [Verdict; 2] {
        let settled = "everything is as it is wanted";
        let free = "nothing needs to be done from outside";
        match self {
            Self::Settled => [
                Verdict::holds_not(skep::RECONCILING, reason::skep::SETTLED, settled),
                Verdict::holds_not(skep::STALLED, reason::skep::NOT_STALLED, free),
            ],
            Self::Reconciling { reason, message } => [
                Verdict::holds(skep::RECONCILING, reason, message),
                Verdict::holds_not(skep::STALLED, reason::skep::NOT_STALLED, free),
            ],
            Self::Stalled { reason, message } => [
                Verdict::holds_not(
                    skep::RECONCILING,
                    reason::skep::STALLED,
                    "nothing goes on: see Stalled",
                ),
                Verdict::holds(skep::STALLED, reason, message),
            ],
        }
    }
}

/// Brings both conditions into a list; tells whether the list changed.
///
/// Their words alone are never worth a write: they follow when the list is `written` anyway.
pub fn record(
    conditions: &mut Vec<Condition>,
    standing: &Standing,
    written: bool,
    now: Timestamp,
) -> bool {
    let mut set = |policy| {
        let mut changed = false;
        for verdict in standing.verdicts() {
            changed |= apply(conditions, &verdict, policy, WhenAbsent::AddIfTrue, now);
        }
        changed
    };
    let changed = set(WritePolicy::OnStatusChange);
    let reworded = (written || changed) && set(WritePolicy::OnAnyChange);
    changed || reworded
}

/// A `ClusterDeployment` and its list as it is about to be written.
struct Cluster<'a> {
    object: &'a ClusterDeployment,
    conditions: &'a [Condition],
}

impl Cluster<'_> {
    /// The condition of the type, if it has this status.
    fn said(&self, type_: &str, status: &ConditionStatus) -> Option<&Condition> {
        find(self.conditions, type_).filter(|found| found.status == *status)
    }

    fn holds(&self, type_: &str) -> Option<&Condition> {
        self.said(type_, &ConditionStatus::True)
    }

    fn holds_not(&self, type_: &str) -> Option<&Condition> {
        self.said(type_, &ConditionStatus::False)
    }
}

/// Where a `ClusterDeployment` stands, by the list that is about to be written.
pub fn of_cluster(
    object: &ClusterDeployment,
    conditions: &[Condition],
    now: Timestamp,
) -> Standing {
    let installed = object.spec.installed || is_true(conditions, cd::PROVISIONED);
    let cluster = Cluster { object, conditions };
    let (chain, otherwise) = if object.metadata.deletion_timestamp.is_some() {
        let otherwise = on_its_way(&cluster, reason::DEPROVISIONING, "the cluster is deleted");
        (DELETING, otherwise)
    } else if installed {
        (INSTALLED, Standing::Settled)
    } else {
        let message = "what the installation needs is looked at and made";
        let otherwise = on_its_way(&cluster, reason::skep::PREPARING, message);
        (INSTALLING, otherwise)
    };
    first_answer(chain, &cluster, now).unwrap_or(otherwise)
}

/// One chain for each part of a cluster's life.
type Chain = &'static [for<'a> fn(&Cluster<'a>, Timestamp) -> Option<Standing>];
const INSTALLING: Chain = &[
    is_given_up,
    requirements_are_missing,
    zone_is_missing,
    images_cannot_be_known,
];
const INSTALLED: Chain = &[
    identity_is_missing,
    is_hibernating,
    is_unreachable,
    power_changes,
];
const DELETING: Chain = &[deletion_cannot_begin];

/// As `Provisioned` says it, once it does.
fn on_its_way(cluster: &Cluster<'_>, reason: &str, message: &str) -> Standing {
    cluster.holds_not(cd::PROVISIONED).map_or_else(
        || Standing::reconciling(reason, message),
        Standing::reconciling_like,
    )
}

fn deletion_cannot_begin(cluster: &Cluster<'_>, _: Timestamp) -> Option<Standing> {
    cluster
        .holds(cd::DEPROVISION_LAUNCH_ERROR)
        .map(Standing::stalled_like)
}

fn is_given_up(cluster: &Cluster<'_>, _: Timestamp) -> Option<Standing> {
    cluster
        .holds(cd::PROVISION_STOPPED)
        .or_else(|| cluster.holds(cd::CLUSTER_INSTALL_STOPPED))
        .map(Standing::stalled_like)
}

fn requirements_are_missing(cluster: &Cluster<'_>, _: Timestamp) -> Option<Standing> {
    cluster
        .holds_not(cd::REQUIREMENTS_MET)
        .or_else(|| cluster.holds(cd::AUTHENTICATION_FAILURE))
        .map(Standing::stalled_like)
}

/// A zone that is merely not ready yet becomes so by itself.
fn zone_is_missing(cluster: &Cluster<'_>, _: Timestamp) -> Option<Standing> {
    let condition = cluster.holds(cd::DNS_NOT_READY)?;
    Some(if condition.reason() == reason::DNS_NOT_READY {
        Standing::reconciling_like(condition)
    } else {
        Standing::stalled_like(condition)
    })
}

/// A Job that failed is run again; a wish that contradicts itself is not.
fn images_cannot_be_known(cluster: &Cluster<'_>, _: Timestamp) -> Option<Standing> {
    cluster
        .holds(cd::INSTALL_IMAGES_NOT_RESOLVED)
        .filter(|condition| {
            condition.reason() == reason::MINIMAL_INSTALL_MODE_WITHOUT_IMAGE_OVERRIDE
        })
        .map(Standing::stalled_like)
}

fn identity_is_missing(cluster: &Cluster<'_>, _: Timestamp) -> Option<Standing> {
    cluster.object.spec.cluster_metadata.is_none().then(|| {
        Standing::stalled(
            reason::skep::METADATA_INCOMPLETE,
            "spec.installed is set without spec.clusterMetadata: the cluster could not be deleted",
        )
    })
}

/// Stopped machines do not answer, and that is wanted.
fn is_hibernating(cluster: &Cluster<'_>, _: Timestamp) -> Option<Standing> {
    cluster.holds(cd::HIBERNATING).map(|_| Standing::Settled)
}

fn is_unreachable(cluster: &Cluster<'_>, _: Timestamp) -> Option<Standing> {
    cluster
        .holds(cd::UNREACHABLE)
        .map(Standing::reconciling_like)
}

/// Reasons for which machines are between two states.
const STOPPING: &[&str] = &[
    reason::STOPPING,
    reason::WAITING_FOR_MACHINES_TO_STOP,
    reason::FAILED_TO_STOP,
    reason::SYNC_SETS_NOT_APPLIED,
    reason::skep::HIBERNATION_HELD,
];
const RESUMING: &[&str] = &[
    reason::STARTING_MACHINES,
    reason::FAILED_TO_START_MACHINES,
    reason::WAITING_FOR_MACHINES,
    reason::WAITING_FOR_NODES,
    reason::PAUSING_FOR_CLUSTER_OPERATORS_TO_SETTLE,
    reason::WAITING_FOR_CLUSTER_OPERATORS,
];

fn power_changes(cluster: &Cluster<'_>, _: Timestamp) -> Option<Standing> {
    [(cd::HIBERNATING, STOPPING), (cd::READY, RESUMING)]
        .into_iter()
        .find_map(|(type_, reasons)| {
            cluster
                .holds_not(type_)
                .filter(|condition| reasons.contains(&condition.reason()))
        })
        .map(Standing::reconciling_like)
}

/// Where a `ClusterProvision` stands. The stage is not asked: it is written after the conditions.
pub fn of_provision(conditions: &[Condition]) -> Standing {
    if let Some(failed) = find(conditions, provision::FAILED).filter(|found| found.is_true()) {
        return Standing::stalled_like(failed);
    }
    if is_true(conditions, provision::COMPLETED) {
        return Standing::Settled;
    }
    Standing::reconciling(reason::PROVISIONING, "the attempt goes on")
}

/// Where a `ClusterDeprovision` stands, by the list that is about to be written.
pub fn of_deprovision(
    object: &ClusterDeprovision,
    completed: bool,
    conditions: &[Condition],
) -> Standing {
    if completed || object.is_completed() {
        return Standing::Settled;
    }
    if let Some(refused) =
        find(conditions, deprovision::AUTHENTICATION_FAILURE).filter(|found| found.is_true())
    {
        return Standing::stalled_like(refused);
    }
    let stands = find(conditions, skep::DEPROVISION_PROGRESSING).filter(|found| found.is_false());
    match stands {
        None => Standing::reconciling(reason::DEPROVISIONING, "the cluster is deleted"),
        // It is tried again without anybody's help.
        Some(failed) if failed.reason() == reason::UNKNOWN_ERROR => {
            Standing::reconciling_like(failed)
        }
        Some(blocked) => Standing::stalled_like(blocked),
    }
}
