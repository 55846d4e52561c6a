//! How verdicts become a patch of the status (docs/spec/10 §21).

use serde_json::json;
use skep_crds::names::condition::cd;
use skep_crds::names::reason;

use super::super::status::{Reference, Status, Verdict, merge};
use super::{later, root, start};

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
        cd::INITIALIZED_BY_CLUSTER_DEPLOYMENT.len()
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
