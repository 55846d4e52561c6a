//! How verdicts become a patch of the status (docs/spec/10 §21).

use serde_json::json;
use skep_crds::condition::standing::Standing;
use skep_crds::names::condition::{cd, skep};
use skep_crds::names::reason;

use super::super::decide::{Step, decide};
use super::super::status::{Reference, Status, Verdict, merge};
use super::{later, ready, root, start};
use crate::runtime::Trouble;

/// docs/spec/10 §21.1 "Init" and §26.2 S1: all conditions and the first verdicts in one write.
#[test]
fn conditions_are_initialised_with_the_first_verdicts() {
    let status = Status::of(Verdict::holds(
        cd::REQUIREMENTS_MET,
        reason::ALL_REQUIREMENTS_MET,
        "m",
    ));
    let patch = merge(&root(&json!({})), &status, start()).unwrap();
    let conditions = patch["conditions"].as_array().unwrap();
    assert_eq!(
        conditions.len(),
        cd::INITIALIZED_BY_CLUSTER_DEPLOYMENT.len() + 1
    );
    assert_eq!(
        conditions.last().unwrap()["type"],
        skep::RECONCILING,
        "what Skep adds comes last"
    );
    assert_eq!(
        conditions[0]["type"],
        cd::REQUIREMENTS_MET,
        "what is desired comes before what is unknown"
    );
    assert_eq!(conditions[1]["reason"], reason::INITIALIZED);
    let again = merge(
        &root(&json!({"conditions": conditions})),
        &status,
        later(60),
    );
    assert_eq!(again, None, "nothing but times would change");
}

/// docs/spec/10 §5.2 step 5; conditions of others stay.
#[test]
fn the_legacy_condition_goes_and_those_of_others_stay() {
    let conditions = json!([
        {"type": "ClusterImageSetNotFound", "status": "False"},
        {"type": "Hibernating", "status": "False", "reason": "ResumingOrRunning"},
    ]);
    let patch = merge(
        &root(&json!({"conditions": conditions})),
        &Status::default(),
        start(),
    )
    .unwrap();
    let types: Vec<&str> = patch["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|c| c["type"].as_str())
        .collect();
    assert!(!types.contains(&"ClusterImageSetNotFound"), "{types:?}");
    assert_eq!(types[0], "Hibernating");
}

#[test]
fn references_and_stamps_are_written_once() {
    let initial = merge(&root(&json!({})), &Status::default(), start()).unwrap();
    let status = Status {
        provision: Reference::Set("demo-0-abcde".into()),
        restarts: Some(1),
        started: Some(start()),
        installed: Some(start()),
        api_url: Some("https://api".into()),
        ..Status::default()
    };
    let mut known = initial;
    let patch = merge(&root(&known), &status, start()).unwrap();
    assert_eq!(patch["provisionRef"]["name"], "demo-0-abcde");
    assert_eq!(patch["installRestarts"], 1);
    json_patch::merge(&mut known, &patch);
    let moved = Status {
        started: Some(later(9)),
        installed: Some(later(9)),
        ..status
    };
    assert_eq!(merge(&root(&known), &moved, later(9)), None);
    let cleared = Status {
        provision: Reference::Clear,
        ..Status::default()
    };
    assert_eq!(
        merge(&root(&known), &cleared, start()).unwrap()["provisionRef"],
        json!(null)
    );
}

fn trouble(advice: Option<&str>) -> Trouble {
    Trouble {
        reason: reason::skep::MISSING_RIGHT,
        message: "could not create Job x: no".into(),
        advice: advice.map(|fix| ("rights".into(), fix.into())),
        since: start(),
        count: 3,
        told: true,
    }
}

/// docs/spec/10 §26.4 U1: what keeps failing is no business of the log alone.
#[test]
fn what_keeps_failing_is_on_record_until_it_is_done() {
    let mut observed = ready();
    let calm = decide(&observed, start());
    assert!(calm.has_effects());
    observed.trouble = Some(trouble(Some("give it the right")));
    let plan = decide(&observed, start());
    assert_eq!((&plan.steps, &plan.outcome), (&calm.steps, &calm.outcome));
    let stalled = Standing::Stalled {
        reason: reason::skep::MISSING_RIGHT.into(),
        message: "could not create Job x: no: give it the right".into(),
    };
    assert_eq!(plan.intent.unwrap().stands, Some(stalled));
    // What may pass by itself stalls nobody.
    observed.trouble = Some(trouble(None));
    let intent = decide(&observed, start()).intent.unwrap();
    assert!(matches!(intent.stands, Some(Standing::Reconciling { .. })));
    // What needs no step any more cannot fail.
    observed.wishes.paused = true;
    let plan = decide(&observed, start());
    assert_eq!((plan.steps, plan.intent), (Vec::<Step>::new(), None));
}

#[test]
fn a_trouble_is_written_when_it_comes_when_it_changes_and_when_it_goes() {
    let mut known = merge(&root(&json!({})), &Status::default(), start()).unwrap();
    let stalled = |message: &str| Status {
        stands: Some(Standing::Stalled {
            reason: reason::skep::MISSING_RIGHT.into(),
            message: message.into(),
        }),
        ..Status::default()
    };
    let said = |known: &serde_json::Value| {
        let conditions = known["conditions"].as_array().unwrap().iter();
        let found = conditions.filter(|found| found["type"] == skep::STALLED);
        let mut words = found.map(|found| [found["status"].clone(), found["message"].clone()]);
        words.next_back()
    };
    for message in ["a", "b"] {
        let patch = merge(&root(&known), &stalled(message), later(1)).unwrap();
        json_patch::merge(&mut known, &patch);
        assert_eq!(said(&known), Some([json!("True"), json!(message)]));
        assert_eq!(merge(&root(&known), &stalled(message), later(2)), None);
    }
    let patch = merge(&root(&known), &Status::default(), later(3)).unwrap();
    json_patch::merge(&mut known, &patch);
    assert_eq!(said(&known).unwrap()[0], json!("False"));
    // One that may pass by itself leaves its words behind no longer than it lasts.
    let passing = Status {
        stands: Some(Standing::Reconciling {
            reason: reason::skep::HUB_UNAVAILABLE.into(),
            message: "away".into(),
        }),
        ..Status::default()
    };
    let patch = merge(&root(&known), &passing, later(4)).unwrap();
    json_patch::merge(&mut known, &patch);
    let patch = merge(&root(&known), &Status::default(), later(5)).unwrap();
    assert!(!patch.to_string().contains("away"), "{patch}");
}
