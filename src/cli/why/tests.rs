//! The tree as people see it.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::events::v1::{Event, EventSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

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
        failing: Vec::new(),
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

fn event(reason: &str, first: i64, last: Option<i64>) -> Event {
    let ago = |minutes| MicroTime(now() - SignedDuration::from_mins(minutes));
    Event {
        reason: Some(reason.into()),
        note: Some("could not create Job x: no: give it the right".into()),
        event_time: Some(ago(first)),
        series: last.map(|last| EventSeries {
            count: 2,
            last_observed_time: ago(last),
        }),
        ..Event::default()
    }
}

#[test]
fn what_keeps_failing_is_told_until_it_works_again() {
    let failing = |events: &[Event]| {
        let events: Vec<&Event> = events.iter().collect();
        let told = super::events::failing(&events, now());
        told.into_iter().map(|told| told.reason).collect::<Vec<_>>()
    };
    let broken = event("MissingRight", 70, Some(20));
    assert_eq!(failing(std::slice::from_ref(&broken)), ["MissingRight"]);
    let other = event("Deprovisioning", 1, None);
    assert_eq!(failing(&[other]), Vec::<String>::new());
    let again = event("Recovered", 60, Some(15));
    assert_eq!(failing(&[broken.clone(), again]), Vec::<String>::new());
    let before = event("Recovered", 60, None);
    assert_eq!(failing(&[before, broken]), ["MissingRight"]);
    // Its operator was started anew, and the new one has nothing to tell.
    assert_eq!(failing(&[event("Refused", 50, None)]), Vec::<String>::new());
}

#[test]
fn what_keeps_failing_is_shown_with_its_times() {
    let mut cluster = node("ClusterDeployment", "demo");
    let events = [event("MissingRight", 70, Some(20))];
    let events: Vec<&Event> = events.iter().collect();
    cluster.failing = super::events::failing(&events, now());
    let expected =
        "keeps failing for 1h 10m, last told 20m 0s ago (MissingRight): could not create Job x";
    let text = text(&cluster, now());
    assert!(text.contains(expected), "{text}");
}
