//! The one condition that the controller answers for, and how it is merged into the list.

use jiff::Timestamp;
use serde_json::{Value, json};
use skep_crds::ClusterDeployment;
use skep_crds::condition::{
    ConditionStatus, Verdict, WhenAbsent, WritePolicy, apply, sort_cluster_deployment,
};

/// The merge patch of `status`, or `None` when nothing but times would change.
pub(super) fn merge(root: &ClusterDeployment, verdict: &Verdict, now: Timestamp) -> Option<Value> {
    let mut conditions = root.conditions().to_vec();
    // What does not fail needs no other words than those that are there.
    let policy = if verdict.status == ConditionStatus::False {
        WritePolicy::OnStatusChange
    } else {
        WritePolicy::OnAnyChange
    };
    apply(&mut conditions, verdict, policy, WhenAbsent::Add, now).then(|| {
        sort_cluster_deployment(&mut conditions);
        json!({ "conditions": conditions })
    })
}
