//! The tree as people see it.

use jiff::{SignedDuration, Timestamp};

use super::{Node, Recorded, step_in_words, text};
use crate::plan::Note;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn node(kind: &str, name: &str) -> Node {
    Node {
        kind: kind.into(),
        name: name.into(),
        created: Some(now() - SignedDuration::from_secs(330)),
        notes: Vec::new(),
        steps: Vec::new(),
        next: None,
        conditions: Vec::new(),
        children: Vec::new(),
    }
}

#[test]
fn the_tree_says_what_it_waits_on_since_when_and_what_to_do() {
    let mut cluster = node("ClusterDeployment", "demo");
    cluster.notes.push(Note::blocked(
        "PlatformAuthError",
        "wrong key",
        "Secret a/creds",
        "correct it",
    ));
    cluster.conditions.push(Recorded {
        type_: "ProvisionFailed".into(),
        status: "True".into(),
        reason: "AWSVPCLimitExceeded".into(),
        message: "no VPC left".into(),
        since: Some(now() - SignedDuration::from_hours(3)),
    });
    let mut attempt = node("ClusterProvision", "demo-0-abcde");
    let since = Some(now() - SignedDuration::from_secs(61));
    attempt.notes.push(Note::waiting(
        "Provisioning",
        "bootstrapping",
        "Job x",
        since,
    ));
    attempt
        .steps
        .push(step_in_words("CreateJob { name: \"x\" }"));
    cluster.children.push(attempt);
    let expected = "\
ClusterDeployment demo  (for 5m 30s)
│ blocked (PlatformAuthError): wrong key
│   by Secret a/creds
│   do: correct it
│ on record for 3h 0m: ProvisionFailed=True (AWSVPCLimitExceeded): no VPC left
└─ ClusterProvision demo-0-abcde  (for 5m 30s)
     waits (Provisioning): bootstrapping
       on Job x for 1m 1s now
     next: create job
";
    assert_eq!(text(&cluster, now()), expected);
}

#[test]
fn a_condition_that_a_note_tells_is_not_told_twice() {
    let mut cluster = node("ClusterDeployment", "demo");
    cluster.notes.push(Note::blocked(
        "NoSecret",
        "missing",
        "Secret a/b",
        "create it",
    ));
    cluster.conditions.push(Recorded {
        type_: "RequirementsMet".into(),
        status: "False".into(),
        reason: "NoSecret".into(),
        message: "missing".into(),
        since: None,
    });
    assert!(!text(&cluster, now()).contains("on record"));
}
