//! Tables of docs/spec/10 §12, and what holds for every observation.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use skep_crds::Stage;
use skep_crds::condition::ConditionStatus;
use skep_crds::names::{condition, reason};

use super::decide::{Step, decide};
use super::observed::{Job, JobPhase, Observed, Pods};
use super::status::{JobRef, Status, Verdict};
use crate::controllers::erasure::{State as CleanUp, Trouble};
use crate::install::classify;

fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn later(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

/// An attempt whose Job was just created.
fn attempt() -> Observed {
    Observed {
        name: "demo-0-abcde".into(),
        namespace: "team".into(),
        uid: "u-1".into(),
        created: start(),
        deleting: false,
        attempt: 0,
        cluster: "demo".into(),
        disabled: false,
        credentials: "Secret team/aws-creds".into(),
        paused: false,
        stage: Stage::Initializing,
        infra_id: None,
        recorded_infra_id: None,
        job_ref: Some("demo-0-abcde-provision".into()),
        job: job(JobPhase::Running),
        pods: Pods::Running,
        rights_prepared: true,
        log_verdict: classify::Verdict {
            reason: reason::UNKNOWN_ERROR.into(),
            message: "?".into(),
        },
        progress: None,
        cleaned_up: false,
        clean_up: CleanUp::Idle,
    }
}

fn job(phase: JobPhase) -> Job {
    Job::One {
        name: "demo-0-abcde-provision".into(),
        created: start(),
        phase,
    }
}

fn failed_job(reason: &str) -> Job {
    job(JobPhase::Failed {
        reason: reason.into(),
        message: "x".into(),
    })
}

fn infra_id() -> String {
    "demo-x7k2p".to_owned()
}

fn reason_of_failure(observed: &Observed) -> String {
    let plan = decide(observed, start());
    assert_eq!(
        plan.steps,
        [
            Step::EndRights,
            Step::MoveStage {
                from: observed.stage.clone(),
                to: Stage::Failed
            }
        ]
    );
    let intent = plan
        .intent
        .expect("the condition is recorded before the stage moves");
    let verdict = &intent.verdicts[0];
    assert_eq!(verdict.type_, condition::provision::FAILED);
    verdict.reason.clone()
}

/// docs/spec/10 §12: "initializing, job absent → create job", after its rights are in place.
#[test]
fn a_new_attempt_gets_its_rights_and_then_its_job() {
    let mut observed = Observed {
        job: Job::Absent,
        job_ref: None,
        rights_prepared: false,
        pods: Pods::None,
        ..attempt()
    };
    assert_eq!(decide(&observed, start()).steps, [Step::PrepareRights]);
    observed.rights_prepared = true;
    let plan = decide(&observed, start());
    assert_eq!(
        plan.steps,
        [Step::CreateJob {
            name: "demo-0-abcde-provision".into()
        }]
    );
    let outcome = plan.outcome.unwrap();
    assert_eq!(
        outcome.job_ref,
        JobRef::Set("demo-0-abcde-provision".into())
    );
    assert_eq!(outcome.verdicts[0].type_, condition::provision::JOB_CREATED);
}

/// docs/spec/10 §26.4 U6: a pause holds the attempt back.
#[test]
fn a_paused_cluster_starts_no_job() {
    let observed = Observed {
        job: Job::Absent,
        job_ref: None,
        paused: true,
        ..attempt()
    };
    assert_eq!(decide(&observed, start()).steps, []);
}

/// docs/spec/10 §12: the handshake.
#[test]
fn the_stage_moves_only_when_the_cluster_carries_the_same_infra_id() {
    for (ours, recorded, moves) in [
        (None, None, false),
        (Some(infra_id()), None, false),
        (None, Some(infra_id()), false),
        (Some(infra_id()), Some("demo-other".to_owned()), false),
        (Some(infra_id()), Some(infra_id()), true),
    ] {
        let observed = Observed {
            infra_id: ours,
            recorded_infra_id: recorded,
            ..attempt()
        };
        let plan = decide(&observed, start());
        let step = Step::MoveStage {
            from: Stage::Initializing,
            to: Stage::Provisioning,
        };
        assert_eq!(plan.steps.contains(&step), moves, "{observed:?}");
        if moves {
            let recorded = plan.intent.unwrap().verdicts;
            assert!(
                recorded
                    .iter()
                    .any(|v| v.type_ == condition::provision::INITIALIZED
                        && v.status == ConditionStatus::True)
            );
        }
    }
}

/// docs/spec/10 §12: every way in which an attempt fails, with its reason.
#[test]
fn failures_have_the_specified_reasons() {
    let provisioning = || Observed {
        stage: Stage::Provisioning,
        infra_id: Some(infra_id()),
        ..attempt()
    };
    let classified = classify::Verdict {
        reason: "AWSVPCLimitExceeded".into(),
        message: "m".into(),
    };
    let interrupted = classify::Verdict {
        reason: reason::skep::INSTALL_POD_INTERRUPTED.into(),
        message: "m".into(),
    };
    for (observed, expected) in [
        (
            Observed {
                job: job(JobPhase::Succeeded),
                ..attempt()
            },
            reason::INITIALIZATION_NOT_COMPLETE,
        ),
        (
            Observed {
                job: Job::Absent,
                ..attempt()
            },
            reason::JOB_NOT_FOUND,
        ),
        (
            Observed {
                job: Job::Many(2),
                ..attempt()
            },
            reason::TOO_MANY_JOBS,
        ),
        (
            Observed {
                job: Job::Absent,
                ..provisioning()
            },
            reason::JOB_NOT_FOUND,
        ),
        (
            Observed {
                job_ref: None,
                ..provisioning()
            },
            reason::NO_JOB_REFERENCE,
        ),
        (
            Observed {
                job: failed_job("BackoffLimitExceeded"),
                ..provisioning()
            },
            reason::UNKNOWN_ERROR,
        ),
        (
            Observed {
                job: failed_job("DeadlineExceeded"),
                ..provisioning()
            },
            reason::ATTEMPT_DEADLINE_EXCEEDED,
        ),
        (
            Observed {
                job: failed_job("DeadlineExceeded"),
                log_verdict: interrupted.clone(),
                ..provisioning()
            },
            reason::ATTEMPT_DEADLINE_EXCEEDED,
        ),
        (
            Observed {
                job: failed_job("BackoffLimitExceeded"),
                log_verdict: interrupted,
                ..provisioning()
            },
            reason::skep::INSTALL_POD_INTERRUPTED,
        ),
        (
            Observed {
                job: failed_job("DeadlineExceeded"),
                log_verdict: classified.clone(),
                ..provisioning()
            },
            "AWSVPCLimitExceeded",
        ),
        (
            Observed {
                job: failed_job("BackoffLimitExceeded"),
                log_verdict: classified,
                ..attempt()
            },
            "AWSVPCLimitExceeded",
        ),
    ] {
        assert_eq!(reason_of_failure(&observed), expected, "{observed:?}");
    }
}

/// docs/spec/10 §12: "provisioning, job succeeded → complete".
#[test]
fn a_job_that_succeeds_completes_the_attempt() {
    let observed = Observed {
        stage: Stage::Provisioning,
        infra_id: Some(infra_id()),
        job: job(JobPhase::Succeeded),
        pods: Pods::Ended,
        ..attempt()
    };
    let plan = decide(&observed, start());
    assert_eq!(
        plan.steps,
        [
            Step::EndRights,
            Step::MoveStage {
                from: Stage::Provisioning,
                to: Stage::Complete
            }
        ]
    );
    let verdict = Verdict::holds(
        condition::provision::COMPLETED,
        reason::INSTALL_COMPLETE,
        "the cluster is installed",
    );
    assert_eq!(plan.intent.unwrap().verdicts, [verdict]);
}

fn stuck(observed: &Observed, now: Timestamp) -> Option<(bool, String)> {
    let status = decide(observed, now).outcome?;
    let type_ = condition::provision::INSTALL_POD_STUCK;
    status
        .verdicts
        .into_iter()
        .find(|v| v.type_ == type_)
        .map(|v| (v.status == ConditionStatus::True, v.reason))
}

/// docs/spec/10 §12 and §26.2 S6: a pod that waits for an image is reported at once, a missing one after
/// a minute, a running one clears the condition.
#[test]
fn pods_are_supervised() {
    let with = |pods: Pods| Observed { pods, ..attempt() };
    let waiting = |stuck: bool| Pods::Pending {
        stuck,
        message: "ImagePullBackOff: x".into(),
    };
    assert_eq!(stuck(&with(Pods::None), later(59)), None);
    let missing = Some((true, reason::INSTALL_POD_MISSING.to_owned()));
    assert_eq!(stuck(&with(Pods::None), later(60)), missing);
    assert_eq!(stuck(&with(Pods::Many(2)), later(1)), missing);
    let pending = Some((true, reason::POD_IN_PENDING_PHASE.to_owned()));
    assert_eq!(stuck(&with(waiting(true)), later(1)), pending);
    assert_eq!(stuck(&with(waiting(false)), later(1)), None);
    let running = Some((false, reason::POD_IN_RUNNING_PHASE.to_owned()));
    assert_eq!(stuck(&with(Pods::Running), later(1)), running);
}

/// docs/spec/10 §11.3: the Job of a successful attempt is kept for 24 hours after the attempt's creation.
#[test]
fn the_job_of_a_success_is_kept_for_a_day() {
    let observed = Observed {
        stage: Stage::Complete,
        job: job(JobPhase::Succeeded),
        ..attempt()
    };
    assert_eq!(decide(&observed, later(86_399)).steps, []);
    let plan = decide(&observed, later(86_400));
    assert_eq!(
        plan.steps,
        [Step::DeleteJob {
            name: "demo-0-abcde-provision".into()
        }]
    );
    assert_eq!(plan.outcome.unwrap().job_ref, JobRef::Clear);
}

fn failed() -> Observed {
    Observed {
        stage: Stage::Failed,
        infra_id: Some(infra_id()),
        job: failed_job("BackoffLimitExceeded"),
        pods: Pods::Ended,
        ..attempt()
    }
}

/// docs/spec/10 §26.2 S8: clean-up starts when the attempt has failed; §26.1 W5: not while its pod lives.
#[test]
fn a_failed_attempt_is_cleaned_up_once_its_pod_has_ended() {
    let living = Observed {
        pods: Pods::Running,
        ..failed()
    };
    assert_eq!(decide(&living, start()).steps, []);
    assert_eq!(decide(&failed(), start()).steps, [Step::StartCleanUp]);
    let running = CleanUp::Running {
        summary: "3 of 5".into(),
        plan_digest: None,
        since: start(),
    };
    assert_eq!(
        decide(
            &Observed {
                clean_up: running,
                ..failed()
            },
            start()
        )
        .steps,
        []
    );
    let finished = CleanUp::Finished {
        summary: "5 erased".into(),
        plan_digest: None,
    };
    let plan = decide(
        &Observed {
            clean_up: finished,
            ..failed()
        },
        start(),
    );
    assert_eq!(plan.steps, [Step::DeleteAdminSecrets, Step::MarkCleanedUp]);
    assert_eq!(
        decide(
            &Observed {
                cleaned_up: true,
                ..failed()
            },
            start()
        )
        .steps,
        []
    );
}

#[test]
fn a_clean_up_that_failed_is_tried_again_when_its_time_has_come() {
    let failing = CleanUp::Failing {
        trouble: Trouble::Authentication,
        message: "denied".into(),
        retry_at: later(60),
    };
    let observed = Observed {
        clean_up: failing,
        ..failed()
    };
    let early = decide(&observed, later(59));
    assert_eq!(
        (early.steps, early.requeue),
        (vec![], crate::plan::Requeue::At(later(60)))
    );
    assert_eq!(decide(&observed, later(60)).steps, [Step::StartCleanUp]);
}

fn stalled(observed: &Observed, now: Timestamp) -> Option<(String, String)> {
    let plan = decide(observed, now);
    let all = plan.intent.into_iter().chain(plan.outcome);
    let mut verdicts = all.flat_map(|status| status.verdicts);
    let found = verdicts.find(|verdict| verdict.type_ == condition::skep::CLEAN_UP_STALLED)?;
    (found.status == ConditionStatus::True).then_some((found.reason, found.message))
}

/// The next attempt waits for it, and whoever looks must be told why.
#[test]
fn a_clean_up_that_cannot_go_on_is_on_record() {
    for (trouble, expected) in [
        (Trouble::Authentication, reason::AUTHENTICATION_FAILED),
        (Trouble::WrongAccount, reason::skep::ACCOUNT_MISMATCH),
        (Trouble::Metadata, reason::skep::METADATA_INCOMPLETE),
        (Trouble::Blocked, reason::UNKNOWN_ERROR),
        (Trouble::Other, reason::UNKNOWN_ERROR),
    ] {
        let observed = Observed {
            clean_up: CleanUp::Failing {
                trouble,
                message: "denied".into(),
                retry_at: later(60),
            },
            ..failed()
        };
        let message = "what the attempt left behind (demo-x7k2p) could not be erased: denied";
        let expected = Some((expected.to_owned(), message.to_owned()));
        assert_eq!(stalled(&observed, start()), expected, "{trouble:?}");
        assert_eq!(stalled(&observed, later(60)), expected, "{trouble:?}");
        // Events are told apart by their words: when it is tried again must not be among them.
        let told = |retry_at| {
            let clean_up = CleanUp::Failing {
                trouble,
                message: "denied".into(),
                retry_at,
            };
            let plan = decide(
                &Observed {
                    clean_up,
                    ..failed()
                },
                start(),
            );
            plan.notes
                .iter()
                .map(crate::plan::Note::event_text)
                .collect::<Vec<_>>()
        };
        assert_eq!(told(later(60)), told(later(120)));
    }
    assert_eq!(stalled(&failed(), start()), None);
}

/// Whoever looks from another process sees what the operator's process knows.
#[test]
fn a_recorded_trouble_is_assumed_where_nothing_runs() {
    let message = "what the attempt left behind (demo-x7k2p) could not be erased: denied";
    let root = |reason: &str| {
        let verdict = Verdict::holds(condition::skep::CLEAN_UP_STALLED, reason, message);
        let mut root =
            skep_crds::ClusterProvision::new("x", skep_crds::ClusterProvisionSpec::default());
        let patch = super::status::merge(&root, &Status::of(verdict), start()).unwrap();
        root.status = Some(serde_json::from_value(patch).unwrap());
        root
    };
    let mut observed = failed();
    observed.assume_recorded(&root(reason::AUTHENTICATION_FAILED));
    let notes = decide(&observed, start()).notes;
    assert_eq!(notes[0].message, message);
    assert!(notes[0].is_warning());
    let mut observed = failed();
    observed.assume_recorded(&root(reason::skep::DEPROVISIONS_DISABLED));
    assert_eq!(observed, failed());
}

/// docs/runbooks.md: the brake stops all deletions.
#[test]
fn nothing_is_erased_while_deletions_are_switched_off() {
    let off = |clean_up: CleanUp| Observed {
        disabled: true,
        clean_up,
        ..failed()
    };
    let running = CleanUp::Running {
        summary: "1 of 2 gone".into(),
        plan_digest: None,
        since: start(),
    };
    let failing = CleanUp::Failing {
        trouble: Trouble::Other,
        message: "x".into(),
        retry_at: start(),
    };
    for (clean_up, steps) in [
        (CleanUp::Idle, vec![]),
        (running, vec![Step::StopCleanUp]),
        (failing, vec![]),
    ] {
        let observed = off(clean_up);
        let plan = decide(&observed, start());
        assert_eq!(plan.steps, steps, "{observed:?}");
        assert_eq!(plan.requeue, crate::plan::Requeue::At(later(30)));
        let (why, _) = stalled(&observed, start()).unwrap();
        assert_eq!(why, reason::skep::DEPROVISIONS_DISABLED);
    }
    // What is gone is gone, and what created nothing has nothing to erase.
    let finished = off(CleanUp::Finished {
        summary: "5 erased".into(),
        plan_digest: None,
    });
    let nothing = Observed {
        infra_id: None,
        ..off(CleanUp::Idle)
    };
    for observed in [finished, nothing] {
        assert_eq!(
            decide(&observed, start()).steps,
            [Step::DeleteAdminSecrets, Step::MarkCleanedUp]
        );
        assert_eq!(stalled(&observed, start()), None);
    }
}

/// The pod fills them at its end; a tool that deletes Secrets must not cost the cluster its kubeconfig.
#[test]
fn admin_secrets_that_somebody_deleted_are_made_again() {
    let observed = Observed {
        stage: Stage::Provisioning,
        infra_id: Some(infra_id()),
        rights_prepared: false,
        ..attempt()
    };
    assert_eq!(decide(&observed, start()).steps, [Step::PrepareRights]);
}

/// docs/spec/10 §12: without an infra ID nothing can have been created, because of the handshake.
#[test]
fn an_attempt_without_an_infra_id_has_nothing_to_erase() {
    let observed = Observed {
        infra_id: None,
        ..failed()
    };
    assert_eq!(
        decide(&observed, start()).steps,
        [Step::DeleteAdminSecrets, Step::MarkCleanedUp]
    );
}

fn any_observed() -> impl Strategy<Value = Observed> {
    let stage = prop_oneof![
        Just(Stage::Initializing),
        Just(Stage::Provisioning),
        Just(Stage::Complete),
        Just(Stage::Failed),
        Just(Stage::Other("new".into())),
    ];
    let job = prop_oneof![
        Just(Job::Absent),
        Just(Job::Many(2)),
        Just(job(JobPhase::Running)),
        Just(job(JobPhase::Succeeded)),
        Just(failed_job("DeadlineExceeded")),
    ];
    let pods = prop_oneof![
        Just(Pods::None),
        Just(Pods::Many(2)),
        Just(Pods::Pending {
            stuck: true,
            message: "x".into()
        }),
        Just(Pods::Running),
        Just(Pods::Ended),
    ];
    let clean_up = prop_oneof![
        Just(CleanUp::Idle),
        Just(CleanUp::Running {
            summary: "x".into(),
            plan_digest: None,
            since: start()
        }),
        Just(CleanUp::Failing {
            trouble: Trouble::Other,
            message: "x".into(),
            retry_at: later(60)
        }),
        Just(CleanUp::Finished {
            summary: "x".into(),
            plan_digest: None
        }),
    ];
    let ids = (any::<Option<bool>>(), any::<Option<bool>>());
    (stage, job, pods, clean_up, ids, any::<[bool; 6]>()).prop_map(
        |(stage, job, pods, clean_up, (ours, recorded), flags)| {
            let id = |which: Option<bool>| {
                which.map(|a| {
                    if a {
                        "a-1".to_owned()
                    } else {
                        "b-2".to_owned()
                    }
                })
            };
            let [
                deleting,
                disabled,
                paused,
                rights_prepared,
                cleaned_up,
                has_job_ref,
            ] = flags;
            Observed {
                stage,
                job,
                pods,
                clean_up,
                infra_id: id(ours),
                recorded_infra_id: id(recorded),
                deleting,
                disabled,
                paused,
                rights_prepared,
                cleaned_up,
                job_ref: has_job_ref.then(|| "demo-0-abcde-provision".to_owned()),
                ..attempt()
            }
        },
    )
}

proptest! {
    /// docs/spec/10 §25 item 1: no way leads past the handshake.
    #[test]
    fn no_observation_passes_the_handshake_early(observed in any_observed()) {
        let plan = decide(&observed, start());
        let to = Stage::Provisioning;
        let moves = plan.steps.iter().any(|s| matches!(s, Step::MoveStage { to: t, .. } if *t == to));
        if moves {
            prop_assert!(observed.infra_id.is_some());
            prop_assert_eq!(&observed.infra_id, &observed.recorded_infra_id);
        }
    }

    /// docs/spec/10 §26.1 W5: erasing never runs beside a living pod, nor for an attempt that goes on.
    #[test]
    fn nothing_is_erased_while_the_attempt_lives(observed in any_observed()) {
        let plan = decide(&observed, start());
        if plan.steps.contains(&Step::StartCleanUp) {
            prop_assert_eq!(&observed.stage, &Stage::Failed);
            prop_assert!(!observed.pods.may_still_act());
            prop_assert!(!observed.disabled);
        }
    }

    /// Rights end with what they were for, and no sooner.
    #[test]
    fn rights_end_with_the_attempt(observed in any_observed()) {
        let plan = decide(&observed, start());
        let ends = |step: &Step| {
            matches!(step, Step::MoveStage { to: Stage::Complete | Stage::Failed, .. })
        };
        let over = plan.steps.iter().any(ends);
        prop_assert_eq!(plan.steps.contains(&Step::EndRights), over, "{:?}", plan.steps);
    }

    /// An attempt that is over never moves again.
    #[test]
    fn final_stages_are_final(observed in any_observed()) {
        let plan = decide(&observed, start());
        if matches!(observed.stage, Stage::Complete | Stage::Failed) {
            let moves = plan.steps.iter().any(|step| matches!(step, Step::MoveStage { .. }));
            prop_assert!(!moves, "{:?}", plan.steps);
        }
    }

    #[test]
    fn every_plan_says_why(observed in any_observed()) {
        prop_assert!(!decide(&observed, start()).notes.is_empty());
    }
}

/// docs/spec/10 §26.4 U6.
#[test]
fn a_pause_begins_nothing_and_ends_the_clean_up_that_runs() {
    let paused = |observed: Observed| Observed {
        paused: true,
        ..observed
    };
    let failed = Observed {
        stage: Stage::Failed,
        infra_id: Some(infra_id()),
        pods: Pods::Ended,
        ..attempt()
    };
    assert_eq!(decide(&failed, start()).steps, [Step::StartCleanUp]);
    assert_eq!(decide(&paused(failed.clone()), start()).steps, []);
    let cleaning = Observed {
        clean_up: CleanUp::Running {
            summary: "1 of 2 gone".into(),
            plan_digest: None,
            since: start(),
        },
        ..failed
    };
    assert_eq!(
        decide(&paused(cleaning), start()).steps,
        [Step::StopCleanUp]
    );
    let asks = Observed {
        infra_id: Some(infra_id()),
        recorded_infra_id: Some(infra_id()),
        ..attempt()
    };
    assert_eq!(
        decide(&paused(asks), start()).steps,
        [],
        "no leave to create anything in the cloud"
    );
}
