//! The flow of docs/spec/32 §4.

use jiff::{SignedDuration, Timestamp};

use super::decide::differs;
use super::observe::seen;
use super::*;
use crate::plan::Requeue;
use crate::remote::view::{ConditionSeen, Part, Seen as Sight};
use crate::remote::{Depth, Failure, FailureClass, Route, View};
use crate::runtime::{Key, Reconcile as _};

fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn at(name: &str) -> At {
    At {
        key: Key {
            namespace: "team".into(),
            name: name.into(),
            uid: format!("uid-{name}"),
        },
        version: "7".into(),
    }
}

fn condition(type_: &str, status: &str, reason: &str, message: &str) -> ConditionSeen {
    ConditionSeen {
        type_: type_.into(),
        status: status.into(),
        reason: reason.into(),
        message: message.into(),
        since: Some(start()),
    }
}

fn operator(name: &str, conditions: Vec<ConditionSeen>) -> OperatorSeen {
    OperatorSeen {
        name: name.into(),
        conditions,
    }
}

fn dns() -> Vec<OperatorSeen> {
    vec![operator(
        "dns",
        vec![
            condition("Available", "True", "AsExpected", "10 pods"),
            condition("Degraded", "False", "AsExpected", ""),
        ],
    )]
}

fn observed(state: Option<State>, operators: Option<Vec<OperatorSeen>>) -> Observed {
    Observed {
        at: at("demo"),
        state,
        seen: operators.map(|operators| Seen {
            at: start(),
            operators,
        }),
    }
}

fn state(operators: Vec<OperatorSeen>) -> State {
    State {
        at: at("state"),
        deleting: false,
        owned: true,
        operators,
        is_told: true,
    }
}

fn steps(observed: &Observed) -> Vec<Step> {
    let plan = States::decide(observed, start());
    assert_eq!(plan.requeue, Requeue::Wait, "looks and watches ring");
    plan.steps
}

fn tells(operators: Vec<OperatorSeen>) -> Step {
    Step::Tell {
        at: at("state"),
        seen: Seen {
            at: start(),
            operators,
        },
    }
}

#[test]
fn the_object_is_made_taken_over_left_alone_and_written() {
    let foreign = State {
        owned: false,
        ..state(dns())
    };
    let leaving = State {
        deleting: true,
        ..state(Vec::new())
    };
    let new = State {
        is_told: false,
        ..state(Vec::new())
    };
    for (observed, expected) in [
        (observed(None, None), vec![]),
        (observed(None, Some(dns())), vec![Step::Create]),
        (observed(Some(foreign), Some(dns())), vec![Step::Create]),
        (observed(Some(leaving), Some(dns())), vec![]),
        (observed(Some(new.clone()), None), vec![]),
        (
            observed(Some(new.clone()), Some(Vec::new())),
            vec![tells(Vec::new())],
        ),
        (observed(Some(new), Some(dns())), vec![tells(dns())]),
        (observed(Some(state(dns())), Some(dns())), vec![]),
        (observed(Some(state(dns())), None), vec![]),
        (
            observed(Some(state(dns())), Some(Vec::new())),
            vec![tells(Vec::new())],
        ),
    ] {
        assert_eq!(steps(&observed), expected, "{observed:?}");
    }
}

/// docs/spec/32 §4 and its weakness 10.
#[test]
fn only_what_a_person_would_act_on_is_a_difference() {
    let told = dns();
    let with = |change: &dyn Fn(&mut Vec<OperatorSeen>)| {
        let mut seen = dns();
        change(&mut seen);
        differs(&told, &seen)
    };
    let first = |seen: &mut Vec<OperatorSeen>, change: &dyn Fn(&mut ConditionSeen)| {
        change(&mut seen[0].conditions[0]);
    };
    for (what, change, expected) in [
        (
            "nothing",
            &(|_: &mut Vec<_>| ()) as &dyn Fn(&mut Vec<OperatorSeen>),
            false,
        ),
        (
            "another operator",
            &|seen| seen.push(operator("network", Vec::new())),
            true,
        ),
        ("one operator fewer", &|seen| seen.clear(), true),
        (
            "one condition fewer",
            &|seen| drop(seen[0].conditions.pop()),
            true,
        ),
        (
            "a status",
            &|seen| first(seen, &|one| one.status = "False".into()),
            true,
        ),
        (
            "a reason",
            &|seen| first(seen, &|one| one.reason = "Other".into()),
            true,
        ),
        (
            "words of what is well",
            &|seen| first(seen, &|one| one.message = "11 pods".into()),
            false,
        ),
        (
            "a moment",
            &|seen| {
                first(seen, &|one| {
                    one.since = Some(start() + SignedDuration::from_secs(1))
                })
            },
            false,
        ),
        ("the order", &|seen| seen[0].conditions.reverse(), false),
    ] {
        assert_eq!(with(change), expected, "{what}");
    }
    let broken = |message: &str| {
        vec![operator(
            "dns",
            vec![condition("Degraded", "True", "Error", message)],
        )]
    };
    assert!(differs(&broken("pod a fails"), &broken("pod b fails")));
}

/// A list that could not be read as a whole must not make operators disappear.
#[test]
fn what_could_not_be_read_is_not_told() {
    let view = |seen| View {
        at: start(),
        depth: Depth::Routine,
        through: Route::Primary,
        primary: Ok(()),
        seen,
    };
    let whole = Sight {
        operators: dns(),
        ..Sight::default()
    };
    let part = Sight {
        unreadable: vec![Part::ClusterOperators],
        ..whole.clone()
    };
    let told = seen(&view(Ok(whole))).map(|seen| seen.operators);
    assert_eq!(told, Some(dns()));
    assert_eq!(seen(&view(Ok(part))), None);
    assert_eq!(
        seen(&view(Err(Failure::new(FailureClass::Dial, "no")))),
        None
    );
}

#[test]
fn what_is_dropped_from_memory_is_no_difference() {
    let mut state: ClusterState = serde_json::from_value(serde_json::json!({
        "metadata": {"name": "demo", "namespace": "team"},
        "spec": {},
        "status": {"clusterOperators": [{"name": "dns", "conditions": [
            {"type": "Available", "status": "True", "reason": "AsExpected", "message": "10 pods",
             "lastTransitionTime": "2026-01-01T00:00:00Z"},
            {"type": "Degraded", "status": "True", "reason": "Down", "message": "two are down",
             "lastTransitionTime": "2026-01-01T00:00:00Z"},
        ]}]},
    }))
    .unwrap();
    let whole = super::observe::operators(&state);
    prune(&mut state);
    let kept = super::observe::operators(&state);
    let words = |operators: &[OperatorSeen]| -> Vec<String> {
        let conditions = operators.iter().flat_map(|operator| &operator.conditions);
        conditions
            .map(|condition| condition.message.clone())
            .collect()
    };
    assert_eq!(words(&whole), ["10 pods", "two are down"]);
    assert_eq!(words(&kept), ["", "two are down"]);
    assert!(!differs(&kept, &whole));
}
