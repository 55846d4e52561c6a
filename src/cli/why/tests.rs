//! The tree as people see it.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::events::v1::{Event, EventSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use serde_json::{Value, json};
use skep_crds::ClusterDeployment;

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

/// An installed cluster with this wish, these annotations and conditions: `type status reason`.
fn powered(wish: Option<&str>, paused: bool, conditions: &[&str]) -> ClusterDeployment {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|words| {
            let words: Vec<&str> = words.split(' ').collect();
            json!({"type": words[0], "status": words[1], "reason": words[2], "message": "3 of 6"})
        })
        .collect();
    serde_json::from_value(json!({
        "apiVersion": "hive.openshift.io/v1", "kind": "ClusterDeployment",
        "metadata": {"name": "demo", "namespace": "team",
            "annotations": {"hive.openshift.io/powerstate-pause": paused.to_string()}},
        "spec": {
            "clusterName": "demo", "baseDomain": "example.com", "installed": true, "powerState": wish,
            "platform": {"aws": {"region": "us-east-1", "credentialsSecretRef": {"name": "creds"}}},
        },
        "status": {"conditions": conditions},
    }))
    .unwrap()
}

#[test]
fn every_power_state_has_its_words() {
    const STILL_RUNS: [&str; 2] = ["Hibernating False ResumingOrRunning", "Ready True Running"];
    const STILL_SLEEPS: [&str; 2] = [
        "Hibernating True Hibernating",
        "Ready False StoppingOrHibernating",
    ];
    let told = |cluster: &ClusterDeployment| {
        super::power::note(cluster).map(|note| {
            let mut node = node("ClusterDeployment", "demo");
            node.notes.push(note);
            let text = text(&node, now());
            text.lines()
                .skip(1)
                .map(str::trim)
                .collect::<Vec<_>>()
                .join("; ")
        })
    };
    let stopping = |reason: &str| {
        [
            format!("Hibernating False {reason}"),
            "Ready False StoppingOrHibernating".into(),
        ]
    };
    for (reason, expected) in [
        (
            "Stopping",
            "waits (Stopping): 3 of 6; on its machines in the cloud",
        ),
        (
            "WaitingForMachinesToStop",
            "waits (WaitingForMachinesToStop): 3 of 6; on its machines in the cloud",
        ),
        (
            "FailedToStop",
            "failed (FailedToStop): 3 of 6; then: it is tried again",
        ),
        (
            "SyncSetsNotApplied",
            "waits (SyncSetsNotApplied): 3 of 6; on its SyncSets, or ten minutes since its installation",
        ),
        (
            "HibernationHeld",
            "blocked (HibernationHeld): 3 of 6; by the state of the cluster; do: mend it, or set the \
             annotation skep.dev/force-hibernation to \"true\"",
        ),
        (
            "Unsupported",
            "blocked (Unsupported): the cluster is to hibernate and cannot: 3 of 6; by the platform; do: \
             set spec.powerState to Running",
        ),
        (
            "SomethingNew",
            "waits (SomethingNew): 3 of 6; on what it says",
        ),
    ] {
        let conditions = stopping(reason);
        let conditions = conditions.each_ref().map(String::as_str);
        let cluster = powered(Some("Hibernating"), false, &conditions);
        assert_eq!(told(&cluster).as_deref(), Some(expected));
    }
    for (reason, expected) in [
        ("StartingMachines", "on its machines in the cloud"),
        ("WaitingForMachines", "on its machines in the cloud"),
        ("WaitingForNodes", "on its nodes"),
        ("PausingForClusterOperatorsToSettle", "on its operators"),
        ("WaitingForClusterOperators", "on its operators"),
        ("FailedToStartMachines", "then: it is tried again"),
    ] {
        let ready = format!("Ready False {reason}");
        let conditions = ["Hibernating False ResumingOrRunning", ready.as_str()];
        let text = told(&powered(Some("Running"), false, &conditions)).unwrap();
        assert!(text.contains(reason) && text.ends_with(expected), "{text}");
    }
    for (wish, paused, conditions, expected) in [
        (None, false, &STILL_RUNS[..], None),
        (Some("Running"), false, &STILL_RUNS, None),
        (None, false, &["Ready Unknown Initialized"], None),
        (None, false, &[], None),
        (
            Some("Hibernating"),
            false,
            &STILL_SLEEPS,
            Some(
                "done (Hibernating): the cluster is stopped as it is wanted; skep resume cd demo starts it",
            ),
        ),
        (
            Some("Hibernating"),
            false,
            &STILL_RUNS,
            Some(
                "waits (PowerStateAsked): the cluster is to hibernate, and nothing was done about it yet; on \
                 the hibernation controller",
            ),
        ),
        (
            Some("Running"),
            false,
            &STILL_SLEEPS,
            Some(
                "waits (PowerStateAsked): the cluster is to run, and nothing was done about it yet; on the \
                 hibernation controller",
            ),
        ),
        (
            Some("Running"),
            true,
            &STILL_SLEEPS,
            Some(
                "waits (PowerStatePaused): a person manages the machines; on its annotation \
                 hive.openshift.io/powerstate-pause to go",
            ),
        ),
    ] {
        let found = told(&powered(wish, paused, conditions));
        assert_eq!(found.as_deref(), expected, "{wish:?} {conditions:?}");
    }
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
