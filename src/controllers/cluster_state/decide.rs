//! Decides whether a `ClusterState` is made, and whether it is written. The clock has no part in it.

use std::collections::BTreeMap;

use super::{Observed, Step};
use crate::plan::{Note, Plan};
use crate::remote::view::{ConditionSeen, OperatorSeen};

pub(super) fn decide(observed: &Observed) -> Plan<(), Step> {
    match (&observed.state, &observed.seen) {
        (Some(state), _) if state.deleting => Plan::nothing().because(Note::waiting(
            "ClusterStateDeleted",
            "the ClusterState is being deleted",
            format!("ClusterState {}", state.at.key),
            None,
        )),
        // Left by an earlier life of the cluster (docs/spec/32 §0.3).
        (Some(state), _) if !state.owned => Plan::step(Step::Create),
        // Nothing can be told of a cluster that was never seen (docs/spec/32 §1.3).
        (_, None) => Plan::nothing().because(not_seen()),
        (None, Some(_)) => Plan::step(Step::Create).because(Note::progress(
            "CreatingClusterState",
            "the ClusterState is created",
        )),
        (Some(state), Some(seen)) => {
            let plan = Plan::nothing().because(Note::done(
                "OperatorsKnown",
                "the ClusterState tells what the operators report",
            ));
            if state.is_told && !differs(&state.operators, &seen.operators) {
                return plan;
            }
            plan.and_step(Step::Tell {
                at: state.at.clone(),
                seen: seen.clone(),
            })
        }
    }
}

fn not_seen() -> Note {
    let words = "the operators of the cluster were not seen";
    Note::waiting("NotSeen", words, "a look at the cluster", None)
}

/// Whether what is told is old in something that a person would act on.
///
/// Words of conditions that are as they should be do not count: several operators put counters and hashes
/// into them, and each would rewrite the whole object (docs/spec/32, weakness 10).
pub(super) fn differs(told: &[OperatorSeen], seen: &[OperatorSeen]) -> bool {
    said(told) != said(seen)
}

/// What counts: by operator and type, status and reason, and the words where they matter.
type Said<'a> = BTreeMap<&'a str, BTreeMap<&'a str, (&'a str, &'a str, Option<&'a str>)>>;

fn said(operators: &[OperatorSeen]) -> Said<'_> {
    let of = |condition: &'_ ConditionSeen| is_amiss(&condition.type_, &condition.status);
    operators
        .iter()
        .map(|operator| {
            let conditions = operator.conditions.iter().map(|condition| {
                let words = of(condition).then_some(condition.message.as_str());
                let (status, reason) = (condition.status.as_str(), condition.reason.as_str());
                (condition.type_.as_str(), (status, reason, words))
            });
            (operator.name.as_str(), conditions.collect())
        })
        .collect()
}

/// Whether a condition of an operator is not as it should be. Types that nobody knows are.
pub(super) fn is_amiss(type_: &str, status: &str) -> bool {
    match type_ {
        "Available" | "Upgradeable" => status != "True",
        "Degraded" | "Progressing" => status != "False",
        _ => false,
    }
}
