//! Decides which held Secrets of a namespace are let go, and what is told about it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Free, Observed, Step};
use crate::plan::{Note, Plan};

/// A Secret may come before its ClusterDeployment, from a backup for example.
pub(super) const GRACE: SignedDuration = SignedDuration::from_mins(10);

pub(super) fn decide(observed: &Observed, now: Timestamp) -> Plan<(), Step> {
    let due = |free: &Free| free.created.saturating_add(GRACE).unwrap_or(Timestamp::MAX);
    let is_due = |free: &&Free| free.deleting || due(free) <= now;
    let released: Vec<&Free> = observed.free.values().filter(is_due).collect();
    let mut plan = Plan::nothing();
    for free in &released {
        let key = free.key.clone();
        plan = plan.and_step(Step::Release { key });
    }
    let later = observed.free.values().filter(|free| !is_due(free));
    if let Some(next) = later.map(due).min() {
        plan = plan.again_at(next);
    }
    if released.is_empty() {
        return plan;
    }
    plan.because(note(&released))
}

/// What may be left of a cluster is alarming; a Secret that was exchanged is not.
fn note(released: &[&Free]) -> Note {
    let names: Vec<&str> = released.iter().map(|free| free.key.name.as_str()).collect();
    let names = names.join(", ");
    let clusters: BTreeSet<&str> = released
        .iter()
        .filter_map(|free| free.infra_id.as_deref())
        .collect();
    if clusters.is_empty() {
        let message = format!("no ClusterDeployment refers to Secrets {names} any more");
        return Note::progress("SecretsReleased", message).as_event();
    }
    let clusters: Vec<&str> = clusters.into_iter().collect();
    let clusters = clusters.join(", ");
    Note::failed(
        "ClusterForgotten",
        format!(
            "no ClusterDeployment stands for infra ID {clusters} any more, which Secrets {names} were held \
             for: unless its deletion was complete, what it owns is left in its cloud"
        ),
        "the Secrets are let go",
    )
}
