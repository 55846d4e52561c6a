//! A ClusterDeployment that lost what it knew of its cluster: nothing is forgotten, nothing else is erased
//! (docs/spec/10 §19, §26.1, §26.4 U6; docs/spec/20 §1).

use skep_crds::Stage;
use skep_crds::names::condition::cd;
use skep_crds::names::reason;

use super::super::decide::Step;
use super::super::observed::{Attempt, Deprovision, Identity, Observed};
use super::{
    attempt, deleting, deprovision, failed, first_attempt, holds, holds_not, identity, installed,
    plan, ready, reported, start, synced,
};
use crate::controllers::erasure::State;
use crate::controllers::inputs::Read;

fn record(observed: &Observed) -> Vec<Step> {
    vec![Step::RecordIdentity {
        provision: observed.attempts[0].name.clone(),
    }]
}

#[test]
fn an_identity_that_was_taken_away_is_restored_from_the_attempt() {
    let lost = Observed {
        identity: None,
        ..installed()
    };
    assert_eq!(plan(&lost).steps, record(&lost));
    let lost = Observed {
        deleting_since: Some(start()),
        ..lost
    };
    assert_eq!(
        plan(&lost).steps,
        record(&lost),
        "before the attempt, which alone knows it, goes"
    );
}

#[test]
fn a_failed_attempt_of_which_something_may_be_left_counts_a_clean_one_does_not() {
    let dirty = Attempt {
        reported: Some(reported()),
        cleaned_up: false,
        ..failed(0, "Why")
    };
    let mut observed = Observed {
        deleting_since: Some(start()),
        attempts: vec![dirty],
        ..ready()
    };
    assert_eq!(plan(&observed).steps, record(&observed));
    observed.attempts[0].cleaned_up = true;
    let steps = plan(&observed).steps;
    assert!(
        matches!(&steps[..], [Step::DeleteProvision { .. }]),
        "{steps:?}"
    );
}

/// docs/spec/10 §12: before the handshake nothing was created.
#[test]
fn an_attempt_that_only_reported_owns_nothing_yet() {
    let mut observed = Observed {
        deleting_since: Some(start()),
        attempts: vec![Attempt {
            reported: Some(reported()),
            ..attempt(0, Stage::Initializing)
        }],
        ..ready()
    };
    let steps = plan(&observed).steps;
    assert!(
        matches!(&steps[..], [Step::DeleteProvision { .. }]),
        "{steps:?}"
    );
    observed.attempts.clear();
    assert_eq!(plan(&observed).steps, [Step::RemoveFinalizer]);
}

#[test]
fn an_order_that_names_a_cluster_keeps_a_deployment_without_identity() {
    let mut observed = Observed {
        identity: None,
        deprovision: Some(Deprovision {
            infra_id: "demo-x7k2p".into(),
            ..deprovision()
        }),
        ..deleting()
    };
    let kept = plan(&observed);
    assert_eq!(kept.steps, []);
    assert_eq!(
        holds(&kept, cd::DEPROVISION_LAUNCH_ERROR).as_deref(),
        Some(reason::skep::METADATA_INCOMPLETE)
    );
    let other = Observed {
        identity: Some(Identity {
            infra_id: "demo-00000".into(),
            ..identity()
        }),
        deprovision: Some(Deprovision {
            completed: true,
            ..deprovision()
        }),
        ..deleting()
    };
    assert_eq!(
        plan(&other).steps,
        [],
        "that another cluster is gone says nothing"
    );
    observed.preserve = true;
    assert_eq!(
        plan(&observed).steps,
        [Step::DeleteDeprovision { uid: "d-1".into() }],
        "preserveOnDelete is the way out"
    );
}

#[test]
fn a_lost_description_comes_from_the_attempt_that_has_it() {
    let stored = |observed: &Observed| {
        vec![Step::StoreMetadata {
            provision: observed.attempts[0].name.clone(),
        }]
    };
    let mut observed = installed();
    observed.secrets.metadata = Read::Absent;
    assert_eq!(plan(&observed).steps, stored(&observed));
    observed.deleting_since = Some(start());
    assert_eq!(plan(&observed).steps, stored(&observed));
    observed.preserve = true;
    let steps = plan(&observed).steps;
    assert!(
        matches!(&steps[..], [Step::DeleteProvision { .. }]),
        "a cluster that is kept needs none: {steps:?}"
    );
    let mut adopted = installed();
    adopted.attempts.clear();
    adopted.progress.provision = None;
    adopted.secrets.metadata = Read::Absent;
    let composed = Step::ComposeMetadata {
        name: "demo-metadata-json".into(),
    };
    assert_eq!(plan(&adopted).steps, [composed]);
}

/// A hub was restored in the midst of an installation, or a cluster adopted without `installed`.
#[test]
fn a_cluster_that_no_attempt_explains_is_neither_forgotten_nor_erased() {
    let observed = Observed {
        identity: Some(identity()),
        ..ready()
    };
    let held = plan(&observed);
    assert_eq!(held.steps, []);
    assert_eq!(
        holds_not(&held, cd::REQUIREMENTS_MET).as_deref(),
        Some(reason::skep::METADATA_UNEXPLAINED)
    );
    let forgotten = Observed {
        identity: None,
        ..observed.clone()
    };
    assert_eq!(plan(&forgotten).steps, [first_attempt()]);
    let explained = Observed {
        attempts: vec![Attempt {
            reported: Some(reported()),
            ..failed(0, "Why")
        }],
        ..observed
    };
    assert_eq!(
        holds_not(&plan(&explained), cd::REQUIREMENTS_MET),
        None,
        "the next attempt may follow a clean one"
    );
}

/// docs/spec/10 §26.4 U6.
#[test]
fn a_pause_ends_the_erasure_that_runs() {
    let mut observed = Observed {
        erasure: State::Running {
            summary: "3 of 5 gone".into(),
            plan_digest: None,
            since: start(),
        },
        namespace_terminating: true,
        ..deleting()
    };
    observed.wishes.paused = true;
    assert_eq!(plan(&observed).steps, [Step::AbandonErasure]);
    observed.erasure = State::Idle;
    assert_eq!(plan(&observed).steps, []);
    let mut running = synced(Stage::Provisioning);
    running.wishes.paused = true;
    assert_eq!(plan(&running).steps, []);
}
