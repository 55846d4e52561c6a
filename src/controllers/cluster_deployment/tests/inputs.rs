//! Before an attempt: what is completed, what is required, credentials, images (docs/spec/10 §4–10).

use std::collections::BTreeMap;

use skep_crds::names::condition::cd;
use skep_crds::names::reason;
use skep_crds::platform::PlatformKind;

use super::super::decide::{Step, decide};
use super::super::observed::{
    Credentials, DeleteAfter, ImageJob, Images, InstallConfigProblem, Observed, Origin, Platform,
    PullSecret, Release, Relocation,
};
use super::{
    deleting, ended, first_attempt, holds, holds_not, installed, later, plan, ready, start,
    verdict, with_inputs,
};
use crate::controllers::checks::Check;
use crate::controllers::inputs::Read;
use crate::plan::{NoteKind, Requeue};

/// docs/spec/10 §4.1 and §20.
#[test]
fn a_paused_cluster_is_left_alone_even_in_deletion() {
    for mut observed in [ready(), installed(), deleting()] {
        observed.wishes.paused = true;
        let plan = plan(&observed);
        assert_eq!(
            (plan.steps, plan.intent, plan.outcome),
            (vec![], None, None)
        );
    }
}

/// GitOps replaces Secrets by deleting and creating them.
#[test]
fn a_needed_secret_that_is_deleted_says_why_it_stays() {
    for mut observed in [ready(), installed()] {
        let before = plan(&observed);
        observed.secrets.leaving = vec!["creds".into()];
        let after = plan(&observed);
        assert_eq!(before.steps, after.steps, "nothing else depends on it");
        let note = after.notes.last().unwrap();
        assert!(note.is_warning() && note.emit_event, "{note:?}");
        assert!(note.message.contains("Secret creds"), "{note:?}");
        observed.namespace_terminating = true;
        let dying = plan(&observed);
        let told = |note: &crate::plan::Note| note.reason == "SecretLeaving";
        assert!(!dying.notes.iter().any(told), "everything goes");
    }
}

/// Somebody removed the finalizer, and nothing else is missing: that is the reason that nothing begins.
#[test]
fn a_cluster_that_only_lacks_its_finalizer_is_told_so() {
    for bare in [ready(), unresolved(ImageJob::Absent)] {
        let plan = plan(&Observed {
            finalizers: Vec::new(),
            ..bare
        });
        let told: Vec<&str> = plan.notes.iter().map(|note| note.reason.as_str()).collect();
        assert_eq!(told, ["AddingFinalizer"]);
        assert_eq!(plan.steps.len(), 1, "{:?}", plan.steps);
    }
}

/// docs/spec/10 §26.2 S1: one metadata patch and one status write carry everything that is known at once.
#[test]
fn a_new_cluster_is_completed_in_one_pass() {
    let labels = BTreeMap::from([(
        "hive.openshift.io/cluster-platform".to_owned(),
        "aws".to_owned(),
    )]);
    let observed = Observed {
        finalizers: Vec::new(),
        stale_labels: labels.clone(),
        trusted_ca: false,
        ..with_inputs(|inputs| inputs.check = Check::Unchecked)
    };
    let plan = plan(&observed);
    let complete = Step::Complete {
        labels,
        finalizer: true,
        metadata_secret: None,
        hosted_zone_role: None,
    };
    let check = Step::CheckCredentials {
        fingerprint: "f".into(),
    };
    assert_eq!(plan.steps, [complete, Step::CreateTrustedCa, check]);
    assert_eq!(
        holds(&plan, cd::REQUIREMENTS_MET).as_deref(),
        Some(reason::ALL_REQUIREMENTS_MET)
    );
    assert_eq!(plan.intent, None);
}

/// docs/spec/10 §5.2 step 15 and §26.4 U8.
#[test]
fn delete_after_deletes_in_time_and_a_bad_value_does_no_harm() {
    let with = |wish: DeleteAfter| {
        let mut observed = ready();
        observed.wishes.delete_after = wish;
        observed
    };
    let expiring = with(DeleteAfter::At(later(60)));
    assert_eq!(decide(&expiring, later(59)).requeue, Requeue::At(later(60)));
    assert_eq!(decide(&expiring, later(60)).steps, [Step::DeleteExpired]);
    let invalid = plan(&with(DeleteAfter::Invalid("soon".into())));
    assert_eq!(
        invalid.steps,
        [first_attempt()],
        "a bad value does not block the installation"
    );
    assert!(
        invalid
            .notes
            .iter()
            .any(|note| note.reason == "InvalidDeleteAfter" && note.emit_event)
    );
}

/// docs/spec/10 §26.1 W29.
#[test]
fn a_cluster_that_moves_is_left_alone() {
    for status in ["outgoing", "incoming"] {
        let mut observed = ready();
        observed.wishes.relocation = Relocation::UnderWay(status.into());
        assert_eq!(plan(&observed).steps, []);
        observed.deleting_since = Some(start());
        assert_eq!(plan(&observed).steps, []);
    }
}

fn named(name: String) -> Observed {
    let mut observed = ready();
    observed.at.key.name = name;
    observed
}

/// An object may have a longer name than a label's value; such a one is told, and can be deleted.
#[test]
fn a_name_of_the_longest_label_is_installed_and_a_longer_one_only_deleted() {
    let steps = plan(&named("a".repeat(63))).steps;
    assert!(
        matches!(steps.as_slice(), [Step::CreateProvision { .. }]),
        "{steps:?}"
    );
    let mut longer = named("a".repeat(200));
    assert_eq!(plan(&longer).steps, []);
    longer.deleting_since = Some(start());
    assert_eq!(plan(&longer).steps, [Step::RemoveFinalizer]);
}

/// docs/spec/10 §10, §8.1, §9: every obstacle, its reason, and that it says what to do.
#[test]
fn every_missing_requirement_has_its_reason() {
    let unsupported = Platform {
        supported: false,
        ..ready().platform
    };
    let invalid = || Read::Known(Err(InstallConfigProblem::Invalid("bad".into())));
    let unusable = || PullSecret::Invalid {
        secret: "team/pull".into(),
        problem: "bad".into(),
    };
    for (observed, expected) in vec![
        (
            Observed {
                origin: Origin::Unsaid,
                ..ready()
            },
            reason::skep::NOTHING_TO_INSTALL,
        ),
        (
            Observed {
                origin: Origin::ClusterInstall,
                ..ready()
            },
            reason::skep::NOTHING_TO_INSTALL,
        ),
        (named("a".repeat(64)), reason::skep::NAME_TOO_LONG),
        (
            Observed {
                platform: unsupported,
                ..ready()
            },
            reason::skep::PLATFORM_NOT_SUPPORTED,
        ),
        (
            with_inputs(|i| i.install_config_secret = None),
            reason::INSTALL_CONFIG_REF_NOT_SET,
        ),
        (
            with_inputs(|i| i.install_config = Read::Absent),
            reason::skep::INSTALL_CONFIG_NOT_AVAILABLE,
        ),
        (
            with_inputs(|i| i.install_config = Read::Known(Err(InstallConfigProblem::NoKey))),
            reason::skep::INSTALL_CONFIG_NOT_AVAILABLE,
        ),
        (
            with_inputs(|i| i.install_config = invalid()),
            reason::INSTALL_CONFIG_VALIDATION_FAILED,
        ),
        (
            with_inputs(|i| i.customization = Some("c".into())),
            reason::CUSTOMIZATION_REF_NOT_AVAILABLE,
        ),
        (
            with_inputs(|i| i.release = Release::NoImageSet("r".into())),
            reason::CLUSTER_IMAGE_SET_NOT_FOUND,
        ),
        (
            with_inputs(|i| i.release = Release::Unnamed),
            reason::CLUSTER_IMAGE_SET_NOT_FOUND,
        ),
        (
            with_inputs(|i| i.pull_secret = PullSecret::Unnamed),
            reason::skep::PULL_SECRET_NOT_AVAILABLE,
        ),
        (
            with_inputs(|i| i.pull_secret = PullSecret::Missing("team/pull".into())),
            reason::skep::PULL_SECRET_NOT_AVAILABLE,
        ),
        (
            with_inputs(|i| i.pull_secret = unusable()),
            reason::skep::PULL_SECRET_NOT_AVAILABLE,
        ),
        (
            with_inputs(|i| i.credentials = Credentials::Missing("team/creds".into())),
            reason::skep::CREDENTIALS_NOT_AVAILABLE,
        ),
        (
            with_inputs(|i| i.credentials = Credentials::Unnamed),
            reason::skep::CREDENTIALS_NOT_AVAILABLE,
        ),
        (
            with_inputs(|i| {
                i.not_there = Some(("spec.provisioning.sshPrivateKeySecretRef", "ssh".into()));
            }),
            reason::skep::REFERENCED_SECRET_NOT_AVAILABLE,
        ),
    ] {
        let plan = plan(&observed);
        assert_eq!(
            holds_not(&plan, cd::REQUIREMENTS_MET).as_deref(),
            Some(expected)
        );
        assert_eq!(plan.steps, [], "{expected}");
        let note = plan
            .notes
            .iter()
            .find(|note| note.reason == expected)
            .unwrap();
        assert!(note.emit_event, "{expected} becomes an Event");
        let NoteKind::Blocked { fix, .. } = &note.kind else {
            panic!("{note:?} blocks nobody")
        };
        assert!(!fix.is_empty(), "{expected} says what to do");
    }
}

/// docs/spec/10 §6 and §26.1 W1: no launch while `DNSNotReady` is not False.
#[test]
fn managed_dns_blocks_with_its_own_condition() {
    let mut observed = ready();
    observed.platform.manage_dns = true;
    let managed = plan(&observed);
    assert_eq!(
        holds(&managed, cd::DNS_NOT_READY).as_deref(),
        Some(reason::DNS_NOT_READY)
    );
    assert_eq!(managed.steps, []);
    observed.platform.kind = PlatformKind::VSphere;
    let unsupported = plan(&observed);
    assert_eq!(
        holds(&unsupported, cd::DNS_NOT_READY).as_deref(),
        Some(reason::DNS_UNSUPPORTED_PLATFORM)
    );
}

/// What the stores do not tell is read before anything is said about it.
#[test]
fn unread_inputs_are_read_and_nothing_is_said_about_them() {
    for observed in [
        with_inputs(|i| i.install_config = Read::Unread),
        with_inputs(|i| i.pull_secret = PullSecret::Unread),
        with_inputs(|i| i.credentials = Credentials::Unread),
        with_inputs(|i| i.merged = Read::Unread),
    ] {
        let plan = plan(&observed);
        assert_eq!(plan.steps, [Step::Confirm]);
        assert_eq!(holds_not(&plan, cd::REQUIREMENTS_MET), None);
    }
}

/// docs/spec/10 §9.
#[test]
fn the_pull_secret_is_merged_before_anything_uses_it() {
    for merged in [Read::Absent, Read::Known("other".into())] {
        let mut observed = with_inputs(|inputs| inputs.merged = merged);
        observed.images.resolved = false;
        assert_eq!(
            plan(&observed).steps,
            [Step::StorePullSecret { digest: "d".into() }]
        );
    }
}

/// docs/spec/10 §7 and §26.4 U2.
#[test]
fn an_attempt_is_made_only_with_accepted_credentials() {
    let with = |check: Check| with_inputs(|inputs| inputs.check = check);
    let check = Step::CheckCredentials {
        fingerprint: "f".into(),
    };
    assert_eq!(
        plan(&with(Check::Unchecked)).steps,
        std::slice::from_ref(&check)
    );
    assert_eq!(plan(&with(Check::Running { since: start() })).steps, []);
    let accepted = plan(&ready());
    assert_eq!(
        holds_not(&accepted, cd::AUTHENTICATION_FAILURE).as_deref(),
        Some(reason::PLATFORM_AUTH_SUCCESS)
    );
    assert_eq!(accepted.steps, [first_attempt()]);
    let refused = with(Check::Refused {
        message: "InvalidClientTokenId".into(),
        retry_at: later(30),
    });
    let early = plan(&refused);
    assert_eq!(
        holds(&early, cd::AUTHENTICATION_FAILURE).as_deref(),
        Some(reason::PLATFORM_AUTH_ERROR)
    );
    assert_eq!(
        (early.steps, early.requeue),
        (vec![], Requeue::At(later(30)))
    );
    assert_eq!(
        decide(&refused, later(30)).steps,
        std::slice::from_ref(&check)
    );
    let silent = with(Check::Unanswered {
        message: "timeout".into(),
        retry_at: later(30),
    });
    assert_eq!(
        verdict(&plan(&silent), cd::AUTHENTICATION_FAILURE),
        None,
        "no answer is no refusal"
    );
    assert_eq!(decide(&silent, later(30)).steps, [check]);
}

fn unresolved(job: ImageJob) -> Observed {
    let mut observed = ready();
    observed.images.resolved = false;
    observed.images.job = job;
    observed
}

/// docs/spec/10 §8.2: the table.
#[test]
fn images_are_resolved_by_a_job() {
    let run = |replaces: Option<&str>, tries| Step::RunImageJob {
        replaces: replaces.map(str::to_owned),
        tries,
    };
    assert_eq!(plan(&unresolved(ImageJob::Absent)).steps, [run(None, 0)]);
    assert_eq!(plan(&unresolved(ImageJob::Leaving)).steps, []);
    let running = ImageJob::Running {
        uid: "j".into(),
        since: start(),
        stuck: None,
    };
    assert_eq!(plan(&unresolved(running)).steps, []);
    let resolved = Observed {
        images: Images {
            job: ended(0, "i", false),
            ..ready().images
        },
        ..ready()
    };
    let tidy = plan(&resolved);
    assert_eq!(
        tidy.steps,
        [Step::DeleteImageJob { uid: "j".into() }, first_attempt()]
    );
    assert_eq!(
        holds_not(&tidy, cd::INSTALL_IMAGES_NOT_RESOLVED).as_deref(),
        Some(reason::IMAGES_RESOLVED)
    );
}

/// docs/spec/10 §26.3 E9 and §26.1 W8: with growing delays; a success without images is a failure.
#[test]
fn a_failed_resolution_is_repeated_with_growing_delays() {
    for failure in [true, false] {
        for (tries, delay) in [(0, 30), (1, 60), (2, 120), (10, 1_800)] {
            let observed = unresolved(ended(tries, "i", failure));
            let early = decide(&observed, later(delay - 1));
            assert_eq!(
                holds(&early, cd::INSTALL_IMAGES_NOT_RESOLVED).as_deref(),
                Some(reason::JOB_TO_RESOLVE_IMAGES_FAILED)
            );
            assert_eq!(
                (early.steps, early.requeue),
                (vec![], Requeue::At(later(delay)))
            );
            let due = decide(&observed, later(delay));
            assert_eq!(
                due.steps,
                [Step::RunImageJob {
                    replaces: Some("j".into()),
                    tries: tries + 1
                }]
            );
        }
    }
}

#[test]
fn a_corrected_release_image_is_tried_at_once() {
    let plan = plan(&unresolved(ended(5, "another image", true)));
    assert_eq!(
        plan.steps,
        [Step::RunImageJob {
            replaces: Some("j".into()),
            tries: 0
        }]
    );
}

/// docs/spec/10 §4.1, §8.2.
#[test]
fn minimal_mode_needs_an_override() {
    let mut observed = unresolved(ImageJob::Absent);
    observed.wishes.minimal = true;
    let without = plan(&observed);
    assert_eq!(
        holds(&without, cd::INSTALL_IMAGES_NOT_RESOLVED).as_deref(),
        Some(reason::MINIMAL_INSTALL_MODE_WITHOUT_IMAGE_OVERRIDE)
    );
    observed.images.installer_override = Some("mine:1".into());
    let with = plan(&observed);
    assert_eq!(
        with.outcome.unwrap().images,
        Some(("mine:1".into(), "<NONE>".into()))
    );
    assert_eq!(with.steps, []);
}
