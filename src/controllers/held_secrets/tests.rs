//! Which held Secrets are let go, and what is told about it.

use jiff::{SignedDuration, Timestamp};
use skep_crds::names::secret_key;
use skep_providers::SecretData;

use super::decide::GRACE;
use super::observe::infra_id;
use super::{Free, HeldSecrets, Observed, Step};
use crate::plan::{Plan, Requeue};
use crate::runtime::{Key, Reconcile as _};

fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn free(name: &str, deleting: bool, infra_id: Option<&str>) -> (String, Free) {
    let free = Free {
        key: Key {
            namespace: "team".into(),
            name: name.into(),
            uid: format!("uid-{name}"),
        },
        created: start(),
        deleting,
        infra_id: infra_id.map(str::to_owned),
    };
    (name.to_owned(), free)
}

fn plan<const N: usize>(free: [(String, Free); N], after: SignedDuration) -> Plan<(), Step> {
    let observed = Observed { free: free.into() };
    HeldSecrets::decide(&observed, start() + after)
}

fn released(plan: &Plan<(), Step>) -> Vec<&str> {
    plan.steps
        .iter()
        .map(|Step::Release { key }| key.name.as_str())
        .collect()
}

#[test]
fn a_namespace_without_free_secrets_is_left_alone() {
    let plan = plan([], SignedDuration::ZERO);
    assert_eq!((plan.steps.len(), plan.notes.len()), (0, 0));
}

/// A namespace that is going away waits for them.
#[test]
fn a_free_secret_that_is_to_be_deleted_is_let_go_at_once() {
    let plan = plan(
        [free("creds", true, None), free("kept", false, None)],
        SignedDuration::ZERO,
    );
    assert_eq!(released(&plan), ["creds"]);
    assert_eq!(plan.requeue, Requeue::At(start() + GRACE));
}

/// A restored Secret may come before its ClusterDeployment.
#[test]
fn any_other_waits_for_its_cluster_to_come() {
    let early = plan([free("creds", false, None)], SignedDuration::ZERO);
    assert_eq!(released(&early), Vec::<&str>::new());
    let late = plan([free("creds", false, None)], GRACE);
    assert_eq!(released(&late), ["creds"]);
}

/// Whoever takes a finalizer off by hand is told which cluster may be left.
#[test]
fn the_last_trace_of_a_cluster_is_a_warning_that_names_it() {
    let secrets = || {
        [
            free("creds", true, None),
            free("metadata-json", true, Some("demo-x7k2p")),
        ]
    };
    let plan = plan(secrets(), SignedDuration::ZERO);
    assert_eq!(released(&plan), ["creds", "metadata-json"]);
    let note = &plan.notes[0];
    assert!(note.is_warning() && note.emit_event, "{note:?}");
    let text = note.event_text();
    for part in ["demo-x7k2p", "creds, metadata-json"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_secret_that_describes_no_cluster_is_no_cause_for_alarm() {
    let plan = plan([free("old-creds", true, None)], SignedDuration::ZERO);
    assert!(!plan.notes[0].is_warning() && plan.notes[0].emit_event);
}

#[test]
fn only_a_metadata_secret_names_a_cluster() {
    let secret = |key: &str, value: &[u8]| -> SecretData {
        [(key.to_owned(), value.to_vec())].into_iter().collect()
    };
    let key = secret_key::METADATA_JSON;
    let described = br#"{"infraID":"demo-x7k2p","canary":"skep-canary-7f3a"}"#;
    assert_eq!(
        infra_id(&secret(key, described)).as_deref(),
        Some("demo-x7k2p")
    );
    for (key, value) in [
        (key, br#"{"infraID":""}"#.as_slice()),
        (key, b"skep-canary-7f3a"),
        ("other", described),
    ] {
        assert_eq!(infra_id(&secret(key, value)), None);
    }
}
