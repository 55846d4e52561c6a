//! Attempts: made, repeated, given up, followed to the end (docs/spec/10 §11, §18).

use std::collections::BTreeMap;

use skep_crds::Stage;
use skep_crds::names::condition::cd;
use skep_crds::names::reason;

use super::super::decide::{Step, decide};
use super::super::observed::{
    Attempt, Identity, Limits, Observed, Origin, PlatformFacts, Progress, PullSecret, Reported,
    Secrets,
};
use super::super::status::Reference;
use super::{
    attempt, failed, first_attempt, holds, holds_not, identity, installed, later, plan,
    provisioning, ready, reported, start, synced,
};
use crate::controllers::erasure::State;
use crate::controllers::inputs::Read;
use crate::plan::Requeue;

/// docs/spec/10 §11.1; docs/spec/10 §26.1 W30: the count is on record before the attempt exists.
#[test]
fn an_attempt_is_created_under_its_own_name_after_its_number_is_on_record() {
    let plan = plan(&ready());
    assert_eq!(plan.steps, [first_attempt()]);
    let intent = plan.intent.as_ref().unwrap();
    assert_eq!(
        (&intent.provision, intent.restarts),
        (&Reference::Clear, Some(0))
    );
    let outcome = plan.outcome.as_ref().unwrap();
    assert_eq!(outcome.provision, Reference::Set(ready().attempt_name(0)));
    assert_eq!(outcome.started, Some(start()));
    assert_eq!(
        holds_not(&plan, cd::PROVISIONED).as_deref(),
        Some(reason::PROVISIONING)
    );
}

/// Secrets that the deletion needs are held before there is something to delete.
#[test]
fn secrets_are_held_before_an_attempt() {
    let mut observed = ready();
    observed.secrets.to_hold = vec!["creds".into()];
    assert_eq!(
        plan(&observed).steps,
        [Step::HoldSecrets {
            names: vec!["creds".into()]
        }]
    );
}

/// docs/spec/10 §11.1 step 2.
#[test]
fn an_attempt_that_still_runs_is_adopted() {
    let observed = Observed {
        attempts: vec![attempt(0, Stage::Initializing)],
        ..ready()
    };
    let plan = plan(&observed);
    assert_eq!(plan.steps, []);
    let outcome = plan.outcome.unwrap();
    assert_eq!(outcome.provision, Reference::Set(ready().attempt_name(0)));
    assert_eq!(outcome.started, Some(start()));
}

fn after_failures(attempts: Vec<Attempt>) -> Observed {
    let mut observed = ready();
    let newest = attempts.last().unwrap();
    observed.progress.provision = Some(newest.name.clone());
    observed.progress.restarts = newest.number;
    observed.progress.started = true;
    observed.attempts = attempts;
    observed
}

/// docs/spec/10 §11.2 "Backoff": 1, 2, 4, … minutes from the failure, a day from the eleventh on.
#[test]
fn the_next_attempt_waits_its_time() {
    let day = 24 * 3600;
    for (number, delay) in [
        (0, 60),
        (1, 120),
        (2, 240),
        (9, 512 * 60),
        (10, 1024 * 60),
        (11, day),
        (40, day),
    ] {
        let observed = after_failures(vec![failed(number, "X")]);
        let early = decide(&observed, later(delay - 1));
        assert_eq!(
            (early.steps.len(), early.requeue),
            (0, Requeue::At(later(delay))),
            "{number}"
        );
        assert_eq!(holds(&early, cd::PROVISION_FAILED).as_deref(), Some("X"));
        assert_eq!(
            holds_not(&early, cd::PROVISIONED).as_deref(),
            Some(reason::PROVISIONING)
        );
        let due = decide(&observed, later(delay));
        let name = ready().attempt_name(number + 1);
        let previous = Some(ready().attempt_name(number));
        assert_eq!(
            due.steps,
            [Step::CreateProvision {
                name,
                number: number + 1,
                previous
            }]
        );
        assert_eq!(due.intent.unwrap().restarts, Some(number + 1));
    }
}

/// People look at the ClusterDeployment first. One text per failure, or there were many Events.
#[test]
fn a_failed_attempt_is_told_on_the_cluster_too() {
    let told = |observed: &Observed, seconds| {
        let notes = decide(observed, later(seconds)).notes;
        let mut notes = notes.into_iter().filter(|note| note.reason == "X");
        let note = notes.next().unwrap();
        assert!(note.is_warning() && note.emit_event && notes.next().is_none());
        note.event_text()
    };
    let observed = after_failures(vec![failed(0, "X")]);
    let text = told(&observed, 0);
    assert_eq!(text, "attempt 1 failed: m; another attempt follows");
    let dirty = Attempt {
        cleaned_up: false,
        ..failed(0, "X")
    };
    assert_eq!(told(&after_failures(vec![dirty]), 0), text);
    assert_eq!(told(&observed, 60), text);
    let mut last = observed;
    last.limits.attempts = Some(1);
    let text = told(&last, 0);
    assert_eq!(text, "attempt 1 failed: m; no further attempt is made");
}

/// The next attempt starts on a clean account.
#[test]
fn the_next_attempt_waits_for_the_clean_up() {
    let dirty = Attempt {
        cleaned_up: false,
        ..failed(0, "X")
    };
    let plan = decide(&after_failures(vec![dirty]), later(100_000));
    assert_eq!(plan.steps, []);
    assert!(plan.notes.iter().any(|note| note.reason == "CleaningUp"));
}

/// Others do not tell why a pod ended; a list made for them means what Skep calls by other names.
#[test]
fn what_others_do_not_tell_apart_is_tried_again_alike() {
    let listed = |reason: &str| Limits {
        attempts: None,
        retry_reasons: Some(vec![reason.to_owned()]),
    };
    let interrupted = reason::skep::INSTALL_POD_INTERRUPTED;
    for (reasons, stops) in [
        (listed(reason::UNKNOWN_ERROR), false),
        (listed(interrupted), false),
        (listed("X"), true),
    ] {
        let observed = Observed {
            limits: reasons,
            ..after_failures(vec![failed(0, interrupted)])
        };
        let stopped = holds(&plan(&observed), cd::PROVISION_STOPPED);
        assert_eq!(stopped.is_some(), stops, "{:?}", observed.limits);
    }
}

/// docs/spec/10 §11.1 step 4, in this order; §26.2 S3: at failure time.
#[test]
fn giving_up_is_decided_when_the_attempt_fails() {
    let base = || after_failures(vec![failed(0, "X")]);
    let limit = |attempts| Limits {
        attempts: Some(attempts),
        retry_reasons: None,
    };
    let reasons = |reasons: &[&str]| Limits {
        attempts: None,
        retry_reasons: Some(reasons.iter().map(|reason| (*reason).to_owned()).collect()),
    };
    let once = |mut observed: Observed| {
        observed.wishes.try_once = true;
        observed
    };
    for (observed, expected) in [
        (
            once(Observed {
                limits: limit(1),
                ..base()
            }),
            Some(reason::INSTALL_ONLY_ONCE_SET),
        ),
        (
            Observed {
                limits: limit(1),
                ..base()
            },
            Some(reason::INSTALL_ATTEMPTS_LIMIT_REACHED),
        ),
        (
            Observed {
                limits: limit(2),
                ..base()
            },
            None,
        ),
        (
            Observed {
                limits: reasons(&[]),
                ..base()
            },
            Some(reason::FAILURE_REASON_NOT_RETRYABLE),
        ),
        (
            Observed {
                limits: reasons(&["Y"]),
                ..base()
            },
            Some(reason::FAILURE_REASON_NOT_RETRYABLE),
        ),
        (
            Observed {
                limits: reasons(&["X"]),
                ..base()
            },
            None,
        ),
        (
            Observed {
                limits: limit(0),
                ..ready()
            },
            Some(reason::INSTALL_ATTEMPTS_LIMIT_REACHED),
        ),
        (
            Observed {
                limits: reasons(&[]),
                ..ready()
            },
            None,
        ),
        (once(ready()), None),
    ] {
        let plan = plan(&observed);
        assert_eq!(holds(&plan, cd::PROVISION_STOPPED).as_deref(), expected);
        if expected.is_some() {
            assert_eq!(plan.steps, []);
            assert_eq!(
                holds_not(&plan, cd::PROVISIONED).as_deref(),
                Some(reason::PROVISION_STOPPED)
            );
            let outcome = plan.outcome.unwrap();
            assert_eq!(outcome.provision, Reference::Clear);
            assert_eq!(
                outcome.restarts,
                Some(i64::try_from(observed.attempts.len()).unwrap())
            );
        } else {
            let stopped = holds_not(&plan, cd::PROVISION_STOPPED);
            assert_eq!(stopped.as_deref(), Some(reason::PROVISION_NOT_STOPPED));
        }
    }
}

/// docs/spec/10 §26.1 W3: a raised limit resumes.
#[test]
fn giving_up_is_taken_back_when_its_cause_is_gone() {
    let mut observed = after_failures(vec![failed(0, "X")]);
    observed.progress = Progress {
        restarts: 1,
        started: true,
        ..Progress::default()
    };
    observed.recorded.provisioned = reason::PROVISION_STOPPED.into();
    observed.limits.attempts = Some(1);
    assert_eq!(decide(&observed, later(60)).steps, []);
    observed.limits.attempts = Some(2);
    let resumed = decide(&observed, later(60));
    assert_eq!(resumed.steps.len(), 1, "{:?}", resumed.steps);
    assert_eq!(
        holds_not(&resumed, cd::PROVISION_STOPPED).as_deref(),
        Some(reason::PROVISION_NOT_STOPPED)
    );
}

/// docs/spec/10 §11.1 step 3: the oldest and the two newest remain, and what is not cleaned up.
#[test]
fn older_failures_are_deleted_with_the_next_attempt() {
    let all = (0..5).map(|number| failed(number, "X")).collect();
    let plan = decide(&after_failures(all), later(100_000));
    let deleted: Vec<&str> = plan
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::DeleteProvision { uid, .. } => Some(uid.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(deleted, ["p-1", "p-2"]);
}

/// What only an attempt explains could otherwise never be told from a cluster that lives.
#[test]
fn the_attempt_that_explains_the_identity_is_kept() {
    let mut all: Vec<Attempt> = (0..5).map(|number| failed(number, "X")).collect();
    let identity = identity();
    all[1].reported = Some(Reported {
        infra_id: identity.infra_id.clone(),
        ..reported()
    });
    let mut observed = after_failures(all);
    observed.identity = Some(identity);
    let plan = decide(&observed, later(100_000));
    let deletes = |uid: &str| {
        plan.steps.iter().any(
            |step| matches!(step, Step::DeleteProvision { uid: deleted, .. } if deleted == uid),
        )
    };
    assert!(deletes("p-2"), "an older one goes: {:?}", plan.steps);
    assert!(!deletes("p-1"), "this one stays: {:?}", plan.steps);
}

/// docs/spec/10 §11.2 "provision object gone": it counts, once its absence is certain and nothing is left.
#[test]
fn an_attempt_that_vanished_counts_once_nothing_of_it_is_left() {
    let mut observed = ready();
    observed.progress.provision = Some("demo-0-gone".into());
    let counted = plan(&observed);
    assert_eq!(counted.steps, [Step::Confirm], "absence is confirmed live");
    assert_eq!(counted.outcome.as_ref().unwrap().restarts, Some(1));
    assert_eq!(counted.outcome.unwrap().provision, Reference::Clear);
    observed.identity = Some(identity());
    observed.living_pods = 1;
    assert_eq!(plan(&observed).steps, []);
    observed.living_pods = 0;
    assert_eq!(plan(&observed).steps, [Step::StartErasure]);
    observed.erasure = State::Finished {
        summary: "x".into(),
        plan_digest: None,
    };
    let over = plan(&observed);
    assert_eq!(over.steps, [Step::ForgetIdentity, Step::Confirm]);
    assert_eq!(over.outcome.unwrap().restarts, Some(1));
}

/// docs/spec/10 §12 "Handshake", the hub's half: the description first, then the identity.
#[test]
fn the_identity_is_recorded_after_the_description_is_kept() {
    let mut observed = provisioning(Stage::Initializing);
    let provision = observed.attempts[0].name.clone();
    assert_eq!(
        plan(&observed).steps,
        [Step::StoreMetadata {
            provision: provision.clone()
        }]
    );
    observed.secrets.metadata = Read::Unread;
    assert_eq!(plan(&observed).steps, [Step::Confirm]);
    observed.secrets.metadata = Read::Known("older".into());
    assert_eq!(
        plan(&observed).steps,
        [Step::StoreMetadata {
            provision: provision.clone()
        }]
    );
    observed.secrets.metadata = Read::Known("m".into());
    assert_eq!(
        plan(&observed).steps,
        [Step::RecordIdentity {
            provision: provision.clone()
        }]
    );
    observed.identity = Some(Identity {
        infra_id: "of-attempt-before".into(),
        ..identity()
    });
    assert_eq!(
        plan(&observed).steps,
        [Step::RecordIdentity {
            provision: provision.clone()
        }]
    );
    observed.identity = Some(identity());
    assert_eq!(
        plan(&observed).steps,
        [Step::RecordIdentity { provision }],
        "the account is missing"
    );
    assert_eq!(plan(&synced(Stage::Initializing)).steps, []);
}

/// docs/spec/10 §11.2: "`infraID` without `metadataJSON` is an error".
#[test]
fn an_infra_id_without_description_is_not_recorded() {
    let mut observed = provisioning(Stage::Initializing);
    observed.attempts[0].reported = Some(Reported {
        metadata_digest: None,
        ..reported()
    });
    let plan = plan(&observed);
    assert_eq!(plan.steps, []);
    assert!(
        plan.notes
            .iter()
            .any(|note| note.reason == "MetadataMissing")
    );
}

/// docs/spec/10 §11.2, the table of stages.
#[test]
fn stages_show_in_the_conditions() {
    let mut stuck = synced(Stage::Initializing);
    stuck.attempts[0].stuck = Some(("PodInPendingPhase".into(), "ImagePullBackOff".into()));
    let plan_stuck = plan(&stuck);
    assert_eq!(
        holds(&plan_stuck, cd::INSTALL_LAUNCH_ERROR).as_deref(),
        Some("PodInPendingPhase")
    );
    let mut freed = synced(Stage::Initializing);
    freed.recorded.install_launch_error = true;
    assert_eq!(
        holds_not(&plan(&freed), cd::INSTALL_LAUNCH_ERROR).as_deref(),
        Some(reason::INSTALL_LAUNCH_SUCCESSFUL)
    );
    let mut running = synced(Stage::Provisioning);
    running.attempts[0].milestone = Some("waiting for bootstrap".into());
    let running = plan(&running);
    let said = running
        .outcome
        .as_ref()
        .unwrap()
        .verdict(cd::PROVISIONED)
        .unwrap();
    assert!(
        said.message.contains("waiting for bootstrap"),
        "{}",
        said.message
    );
    assert_eq!(
        holds_not(&running, cd::PROVISIONED).as_deref(),
        Some(reason::PROVISIONING)
    );
}

/// docs/spec/10 §18.1: one status update, then one spec update; §25 item 9: an explicit value is kept.
#[test]
fn completion_is_recorded_before_installed_is_set() {
    for (protect, decided, expected) in [
        (false, false, false),
        (true, false, true),
        (true, true, false),
    ] {
        let mut observed = synced(Stage::Complete);
        observed.settings.protect = protect;
        observed.wishes.protection_decided = decided;
        let plan = plan(&observed);
        assert_eq!(plan.steps, [Step::MarkInstalled { protect: expected }]);
        let intent = plan.intent.unwrap();
        assert_eq!(intent.installed, Some(start()));
        assert!(
            intent
                .verdict(cd::PROVISIONED)
                .is_some_and(|v| v.reason == reason::PROVISIONED)
        );
        assert!(
            intent
                .verdict(cd::PROVISION_FAILED)
                .is_some_and(|v| v.reason == reason::PROVISION_SUCCEEDED)
        );
    }
}

/// docs/spec/10 §18.4: adoption, within eight writes (a CA `ConfigMap`, one patch of the object, the
/// metadata Secret, one hold, two claims, one status).
#[test]
fn an_adopted_cluster_is_settled_in_one_pass() {
    let observed = Observed {
        origin: Origin::Unsaid,
        installed: true,
        finalizers: Vec::new(),
        trusted_ca: false,
        identity: Some(Identity {
            metadata_secret: None,
            ..identity()
        }),
        secrets: Secrets {
            to_hold: vec!["creds".into()],
            unclaimed: vec!["k".into(), "p".into()],
            api_url: Read::Known(Some("https://api".into())),
            ..ready().secrets
        },
        ..ready()
    };
    let plan = plan(&observed);
    let complete = Step::Complete {
        labels: BTreeMap::new(),
        finalizer: true,
        metadata_secret: Some("demo-metadata-json".into()),
        hosted_zone_role: None,
    };
    assert_eq!(
        plan.steps,
        [
            complete,
            Step::CreateTrustedCa,
            Step::ComposeMetadata {
                name: "demo-metadata-json".into()
            },
            Step::HoldSecrets {
                names: vec!["creds".into()]
            },
            Step::ClaimAdminSecrets {
                names: vec!["k".into(), "p".into()]
            },
        ]
    );
    assert_eq!(
        holds(&plan, cd::PROVISIONED).as_deref(),
        Some(reason::PROVISIONED)
    );
    let outcome = plan.outcome.unwrap();
    assert_eq!(outcome.installed, Some(start()));
    assert_eq!(outcome.api_url.as_deref(), Some("https://api"));
}

/// docs/spec/10 §18.3 and §26.4 U4: found out where possible, else told before it is needed.
#[test]
fn facts_that_the_deletion_needs_are_found_out_or_asked_for() {
    let mut observed = installed();
    observed.identity = Some(Identity {
        facts: PlatformFacts::default(),
        ..identity()
    });
    let asked = plan(&observed);
    assert_eq!(asked.steps, []);
    assert!(
        asked
            .notes
            .iter()
            .any(|note| note.reason == reason::skep::METADATA_INCOMPLETE)
    );
    observed.secrets.discovered_zone_role = Read::Known(None);
    let found = plan(&observed);
    assert_eq!(
        found.steps,
        [Step::Complete {
            labels: BTreeMap::new(),
            finalizer: false,
            metadata_secret: None,
            hosted_zone_role: Some(String::new()),
        }]
    );
}

/// docs/spec/10 §11.3: failed attempts of an installed cluster go after seven days.
#[test]
fn failed_attempts_of_an_installed_cluster_go_after_a_week() {
    let week = 7 * 24 * 3600;
    let mut observed = installed();
    observed.attempts.insert(0, failed(0, "X"));
    assert_eq!(decide(&observed, later(week - 1)).steps, []);
    let name = ready().attempt_name(0);
    assert_eq!(
        decide(&observed, later(week)).steps,
        [Step::DeleteProvision {
            name,
            uid: "p-0".into()
        }]
    );
}

/// docs/spec/10 §9: "Not evaluated once installed".
#[test]
fn an_installed_cluster_does_not_miss_a_pull_secret() {
    let mut observed = installed();
    observed.inputs.pull_secret = PullSecret::Missing("team/pull".into());
    let plan = plan(&observed);
    assert_eq!(holds_not(&plan, cd::REQUIREMENTS_MET), None);
    assert_eq!(plan.steps, []);
}
