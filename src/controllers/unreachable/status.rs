//! The two conditions that the controller answers for, and how they are merged into the list.
//!
//! `ActiveAPIURLOverride` exists only where there is an override: elsewhere it would stay Unknown for ever
//! (docs/spec/32, weakness 7). One that an override left behind becomes Unknown when the override goes.

use jiff::Timestamp;
use serde_json::{Value, json};
use skep_crds::ClusterDeployment;
use skep_crds::condition::{
    ConditionStatus, Verdict, WhenAbsent, WritePolicy, apply, find, sort_cluster_deployment,
};
use skep_crds::names::condition::cd;
use skep_crds::names::reason::{INITIALIZED, INITIALIZED_MESSAGE};

/// What should be on record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    /// The conditions to be set.
    pub verdicts: Vec<Verdict>,
}

/// The merge patch of `status`, or `None` when nothing but times would change.
pub(super) fn merge(root: &ClusterDeployment, status: &Status, now: Timestamp) -> Option<Value> {
    let mut conditions = root.conditions().to_vec();
    let mut set = |verdict: &Verdict| {
        // What is as it should be needs no other words than those that are there.
        let is_good = match verdict.status {
            ConditionStatus::True => verdict.type_ == cd::ACTIVE_API_URL_OVERRIDE,
            ConditionStatus::False => verdict.type_ == cd::UNREACHABLE,
            ConditionStatus::Unknown | ConditionStatus::Other(_) => false,
        };
        let policy = if is_good {
            WritePolicy::OnStatusChange
        } else {
            WritePolicy::OnAnyChange
        };
        apply(&mut conditions, verdict, policy, WhenAbsent::Add, now)
    };
    let mut changed = false;
    for verdict in &status.verdicts {
        changed |= set(verdict);
    }
    let about_override = |verdict: &Verdict| verdict.type_ == cd::ACTIVE_API_URL_OVERRIDE;
    let left_behind = find(root.conditions(), cd::ACTIVE_API_URL_OVERRIDE)
        .is_some_and(|found| found.status != ConditionStatus::Unknown);
    if left_behind && !status.verdicts.iter().any(about_override) {
        let type_ = cd::ACTIVE_API_URL_OVERRIDE;
        changed |= set(&Verdict::unknown(type_, INITIALIZED, INITIALIZED_MESSAGE));
    }
    changed.then(|| {
        sort_cluster_deployment(&mut conditions);
        json!({ "conditions": conditions })
    })
}
