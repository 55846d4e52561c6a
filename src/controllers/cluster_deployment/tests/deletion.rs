//! The end (docs/spec/10 §19, docs/spec/20 §1).

use skep_crds::Stage;
use skep_crds::names::condition::cd;
use skep_crds::names::reason;
use skep_crds::platform::PlatformKind;

use super::super::decide::{Step, decide};
use super::super::observed::{Deprovision, Identity, Observed, Origin, Platform, PlatformFacts};
use super::{deleting, deprovision, holds, holds_not, identity, later, plan, ready, start, synced};
use crate::controllers::erasure::{State, Trouble};
use crate::plan::Requeue;

/// docs/spec/20 §1 step 2 and docs/spec/10 §26.4 U1.
#[test]
fn a_protected_cluster_is_not_deleted_and_says_so() {
    let mut observed = deleting();
    observed.wishes.protected = true;
    let plan = plan(&observed);
    assert_eq!(plan.steps, []);
    assert_eq!(
        holds(&plan, cd::DEPROVISION_LAUNCH_ERROR).as_deref(),
        Some(reason::skep::DELETE_PROTECTED)
    );
}

/// docs/spec/10 §19 step 4 and §26.1 W5: attempts first, then their pods.
#[test]
fn the_erasure_waits_until_no_install_pod_can_act() {
    let mut observed = Observed {
        deleting_since: Some(start()),
        ..synced(Stage::Provisioning)
    };
    let provision = observed.attempts[0].clone();
    let delete = Step::DeleteProvision {
        name: provision.name,
        uid: provision.uid,
    };
    assert_eq!(plan(&observed).steps, [delete]);
    observed.attempts[0].deleting = true;
    assert_eq!(plan(&observed).steps, []);
    observed.attempts.clear();
    observed.living_pods = 1;
    assert_eq!(plan(&observed).steps, []);
    observed.living_pods = 0;
    assert_eq!(plan(&observed).steps, [Step::CreateDeprovision]);
}

/// docs/spec/20 §1 step 5: what is not erased.
#[test]
fn some_clusters_stay_in_their_cloud() {
    let bare_metal = Platform {
        kind: PlatformKind::BareMetal,
        ..ready().platform
    };
    for observed in [
        Observed {
            preserve: true,
            ..deleting()
        },
        Observed {
            identity: None,
            ..deleting()
        },
        Observed {
            platform: bare_metal,
            ..deleting()
        },
        Observed {
            origin: Origin::ClusterInstall,
            ..deleting()
        },
    ] {
        assert_eq!(plan(&observed).steps, [Step::RemoveFinalizer]);
    }
}

/// docs/spec/20 §1, "Must refuse", and docs/spec/10 §26.4 U1.
#[test]
fn a_deletion_that_lacks_a_fact_is_refused_visibly() {
    let mut observed = deleting();
    observed.identity = Some(Identity {
        facts: PlatformFacts::default(),
        ..identity()
    });
    let plan = plan(&observed);
    assert_eq!(plan.steps, []);
    assert_eq!(
        holds(&plan, cd::DEPROVISION_LAUNCH_ERROR).as_deref(),
        Some(reason::skep::METADATA_INCOMPLETE)
    );
    assert!(plan.notes.iter().any(|note| note.emit_event));
}

/// docs/spec/20 §1, "CD conditions during deletion".
#[test]
fn the_deprovision_shows_in_the_conditions() {
    let with = |deprovision| Observed {
        deprovision: Some(deprovision),
        ..deleting()
    };
    let running = plan(&with(deprovision()));
    assert_eq!(
        holds_not(&running, cd::PROVISIONED).as_deref(),
        Some(reason::DEPROVISIONING)
    );
    assert_eq!(running.steps, []);
    let refusal = Some((
        true,
        reason::AUTHENTICATION_FAILED.to_owned(),
        "m".to_owned(),
    ));
    let refused = plan(&with(Deprovision {
        authentication: refusal,
        ..deprovision()
    }));
    assert_eq!(
        holds_not(&refused, cd::PROVISIONED).as_deref(),
        Some(reason::DEPROVISION_FAILED)
    );
    assert_eq!(
        holds(&refused, cd::DEPROVISION_LAUNCH_ERROR).as_deref(),
        Some(reason::AUTHENTICATION_FAILED)
    );
    let over = plan(&with(Deprovision {
        completed: true,
        ..deprovision()
    }));
    assert_eq!(over.steps, [Step::RemoveFinalizer]);
    let said = over
        .intent
        .as_ref()
        .and_then(|intent| intent.verdict(cd::PROVISIONED));
    assert_eq!(
        said.map(|said| said.reason.as_str()),
        Some(reason::DEPROVISIONED)
    );
}

/// A held Secret would keep its namespace for ever: it goes before the finalizer.
#[test]
fn secrets_are_let_go_before_the_finalizer() {
    let mut observed = Observed {
        deprovision: Some(Deprovision {
            completed: true,
            ..deprovision()
        }),
        ..deleting()
    };
    observed.secrets.to_release = vec!["creds".into()];
    assert_eq!(
        plan(&observed).steps,
        [Step::ReleaseSecrets {
            names: vec!["creds".into()]
        }]
    );
}

/// docs/spec/10 §19 step 5: "setting preserveOnDelete during a running deprovision abandons it".
#[test]
fn preserve_ends_a_deletion_that_runs() {
    let mut observed = Observed {
        preserve: true,
        deprovision: Some(deprovision()),
        ..deleting()
    };
    assert_eq!(
        plan(&observed).steps,
        [Step::DeleteDeprovision { uid: "d-1".into() }]
    );
    observed.deprovision = Some(Deprovision {
        deleting: true,
        ..deprovision()
    });
    assert_eq!(plan(&observed).steps, []);
    observed.deprovision = None;
    observed.erasure = State::Running {
        summary: "x".into(),
        plan_digest: None,
        since: start(),
    };
    assert_eq!(
        plan(&observed).steps,
        [Step::AbandonErasure, Step::RemoveFinalizer]
    );
}

/// docs/spec/20 §1 "namespace is terminating": erased without a ClusterDeprovision, not given up.
#[test]
fn a_dying_namespace_needs_no_deprovision() {
    let with = |erasure| Observed {
        namespace_terminating: true,
        erasure,
        ..deleting()
    };
    assert_eq!(plan(&with(State::Idle)).steps, [Step::StartErasure]);
    let running = State::Running {
        summary: "3 of 5".into(),
        plan_digest: None,
        since: start(),
    };
    let running = plan(&with(running));
    assert_eq!(
        (
            running.steps.len(),
            holds_not(&running, cd::PROVISIONED).as_deref()
        ),
        (0, Some(reason::DEPROVISIONING))
    );
    let refused = State::Failing {
        trouble: Trouble::Authentication,
        message: "m".into(),
        retry_at: later(30),
    };
    let refused = with(refused);
    let early = plan(&refused);
    assert_eq!(
        holds(&early, cd::DEPROVISION_LAUNCH_ERROR).as_deref(),
        Some(reason::AUTHENTICATION_FAILED)
    );
    assert_eq!(
        (early.steps, early.requeue),
        (vec![], Requeue::At(later(30)))
    );
    assert_eq!(decide(&refused, later(30)).steps, [Step::StartErasure]);
    let finished = State::Finished {
        summary: "x".into(),
        plan_digest: None,
    };
    assert_eq!(plan(&with(finished)).steps, [Step::RemoveFinalizer]);
    let mut off = with(State::Idle);
    off.settings.deprovisions_disabled = true;
    assert_eq!(plan(&off).steps, []);
}

/// docs/spec/20 §14: with the namespace no more is erased than with the ClusterDeployment alone.
#[test]
fn a_cluster_that_another_cluster_deployment_carries_outlives_the_namespace() {
    let running = State::Running {
        summary: "3 of 5".into(),
        plan_digest: None,
        since: start(),
    };
    for (erasure, steps) in [(State::Idle, vec![]), (running, vec![Step::AbandonErasure])] {
        let plan = plan(&Observed {
            namespace_terminating: true,
            used_by: Some("other/demo".into()),
            erasure,
            ..deleting()
        });
        assert_eq!(plan.steps, steps);
        assert_eq!(
            holds(&plan, cd::DEPROVISION_LAUNCH_ERROR).as_deref(),
            Some(reason::skep::IN_USE_BY_ANOTHER)
        );
    }
}

/// Whatever keeps the erasure from its end is on record: there may be no other place to tell it.
#[test]
fn what_blocks_an_erasure_in_a_dying_namespace_is_on_record() {
    for trouble in [
        Trouble::WrongAccount,
        Trouble::Metadata,
        Trouble::Blocked,
        Trouble::Other,
    ] {
        let plan = plan(&Observed {
            namespace_terminating: true,
            erasure: State::Failing {
                trouble,
                message: "an interface of others".into(),
                retry_at: later(30),
            },
            ..deleting()
        });
        assert_eq!(
            holds_not(&plan, cd::PROVISIONED).as_deref(),
            Some(reason::DEPROVISION_FAILED),
            "{trouble:?}"
        );
        let told = plan.notes.iter().any(crate::plan::Note::is_warning);
        assert!(told, "{trouble:?}: {:?}", plan.notes);
    }
}

/// A restart between letting the Secrets go and the finalizer's end does not need them again.
#[test]
fn what_is_on_record_as_deprovisioned_is_not_erased_again() {
    let mut observed = Observed {
        namespace_terminating: true,
        ..deleting()
    };
    observed.recorded.provisioned = reason::DEPROVISIONED.into();
    observed.recorded.receipt = true;
    assert_eq!(plan(&observed).steps, [Step::RemoveFinalizer]);
}

/// Whoever may write a status can write the word; that alone lets no cluster go.
#[test]
fn a_word_in_the_status_is_no_proof_of_an_erasure() {
    let mut observed = Observed {
        namespace_terminating: true,
        ..deleting()
    };
    observed.recorded.provisioned = reason::DEPROVISIONED.into();
    observed.recorded.receipt = false;
    assert_eq!(plan(&observed).steps, [Step::StartErasure]);
    observed.namespace_terminating = false;
    assert_eq!(plan(&observed).steps, [Step::CreateDeprovision]);
}
