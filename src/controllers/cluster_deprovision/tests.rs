//! Tables of docs/spec/20 §2 and §3, what holds for every observation, and whole orders against the fake
//! cloud.

mod by_hand;
mod orders;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;
use skep_crds::ClusterDeprovision;
use skep_crds::condition::{Condition, ConditionStatus};
use skep_crds::names::condition::deprovision::{AUTHENTICATION_FAILURE, DEPROVISION_FAILED};
use skep_crds::names::condition::skep::DEPROVISION_PROGRESSING;
use skep_crds::names::reason;
use skep_crds::platform::PlatformKind;

use super::decide::{Step, decide};
use super::observed::{Cluster, Description, Observed, Owner};
use super::status::{PROGRESS_INTERVAL, Status, Verdict, merge};
use crate::controllers::erasure::{State, Trouble};
use crate::plan::{NoteKind, Requeue};

fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn later(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

fn cluster() -> Cluster {
    Cluster {
        name: "demo".into(),
        uid: "cd-1".into(),
        restored: false,
        deleting: true,
        protected: false,
        paused: false,
        preserved: false,
        infra_id: Some("demo-x7k2p".into()),
    }
}

/// An order with all gates open, whose erasure has not begun.
fn order() -> Observed {
    Observed {
        name: "demo".into(),
        namespace: "team".into(),
        uid: "cdr-1".into(),
        deleting: false,
        completed: false,
        infra_id: "demo-x7k2p".into(),
        owner: Owner::Cluster(cluster()),
        used_by: None,
        disabled: false,
        platform: PlatformKind::Aws,
        supported: true,
        description: Description::Metadata {
            secret: "demo-metadata-json".into(),
        },
        credentials: "Secret team/demo-aws-creds".into(),
        inputs: "1 2".into(),
        inputs_changed: false,
        erasure: State::Idle,
        start_failure: None,
    }
}

fn of(cluster: Cluster) -> Observed {
    Observed {
        owner: Owner::Cluster(cluster),
        ..order()
    }
}

fn running() -> State {
    State::Running {
        summary: "3 of 5 gone".into(),
        plan_digest: None,
        since: start(),
    }
}

fn failing(trouble: Trouble) -> State {
    State::Failing {
        trouble,
        message: "because".into(),
        retry_at: later(60),
    }
}

fn finished() -> State {
    State::Finished {
        summary: "5 deleted".into(),
        plan_digest: Some("sha256:1".into()),
    }
}

fn status_of(observed: &Observed) -> Status {
    let plan = decide(observed, start());
    plan.intent.or(plan.outcome).unwrap()
}

/// Whether a condition holds, and why.
fn said(verdict: &Verdict) -> (bool, &str) {
    let holds = verdict.status == ConditionStatus::True;
    (holds, verdict.reason.as_str())
}

fn verdict<'a>(status: &'a Status, type_: &str) -> Option<(bool, &'a str)> {
    let found = status
        .verdicts
        .iter()
        .find(|verdict| verdict.type_ == type_);
    found.map(said)
}

#[test]
fn with_all_gates_open_the_erasure_is_started() {
    let plan = decide(&order(), start());
    assert_eq!(plan.steps, [Step::StartErasure]);
    assert_eq!(plan.intent, None);
    let outcome = plan.outcome.unwrap();
    assert_eq!(said(&outcome.progress), (true, reason::skep::STARTING));
}

/// docs/spec/20 §3, step 3: each gate, and what it says.
fn shut() -> Vec<(Observed, &'static str)> {
    let other = |platform| Observed {
        platform,
        supported: false,
        ..order()
    };
    vec![
        (
            Observed {
                owner: Owner::Nobody,
                ..order()
            },
            reason::skep::NOT_OWNED,
        ),
        (
            Observed {
                owner: Owner::Missing {
                    name: "demo".into(),
                },
                ..order()
            },
            reason::skep::NOT_OWNED,
        ),
        (
            of(Cluster {
                infra_id: Some("other-12345".into()),
                ..cluster()
            }),
            reason::skep::NOT_OWNED,
        ),
        // A deployment that has no cluster cannot order the deletion of one.
        (
            of(Cluster {
                infra_id: None,
                ..cluster()
            }),
            reason::skep::NOT_OWNED,
        ),
        (
            of(Cluster {
                restored: true,
                infra_id: None,
                ..cluster()
            }),
            reason::skep::NOT_OWNED,
        ),
        (
            Observed {
                used_by: Some("other/demo".into()),
                ..order()
            },
            reason::skep::IN_USE_BY_ANOTHER,
        ),
        (
            of(Cluster {
                preserved: true,
                ..cluster()
            }),
            reason::skep::PRESERVED,
        ),
        // docs/spec/10 §26.4 U6.
        (
            of(Cluster {
                paused: true,
                ..cluster()
            }),
            reason::skep::PAUSED,
        ),
        (
            of(Cluster {
                deleting: false,
                ..cluster()
            }),
            reason::skep::CLUSTER_NOT_BEING_DELETED,
        ),
        (
            of(Cluster {
                protected: true,
                ..cluster()
            }),
            reason::skep::DELETE_PROTECTED,
        ),
        (
            Observed {
                disabled: true,
                ..order()
            },
            reason::skep::DEPROVISIONS_DISABLED,
        ),
        (
            other(PlatformKind::VSphere),
            reason::skep::PLATFORM_NOT_SUPPORTED,
        ),
        (
            other(PlatformKind::Unknown),
            reason::skep::PLATFORM_NOT_SUPPORTED,
        ),
        (
            Observed {
                description: Description::MissingSecret {
                    secret: "gone".into(),
                },
                ..order()
            },
            reason::skep::METADATA_INCOMPLETE,
        ),
        (
            Observed {
                description: Description::Incomplete,
                ..order()
            },
            reason::skep::METADATA_INCOMPLETE,
        ),
    ]
}

#[test]
fn a_shut_gate_touches_nothing_and_says_why() {
    for (observed, expected) in shut() {
        let plan = decide(&observed, start());
        assert_eq!(plan.steps, [], "{observed:?}");
        let progress = plan.outcome.unwrap().progress;
        assert_eq!(said(&progress), (false, expected), "{observed:?}");
        assert!(
            plan.notes.iter().all(|note| note.emit_event),
            "{:?}",
            plan.notes
        );
        assert_eq!(plan.notes[0].reason, expected);
    }
}

/// Protection and switches count at every moment, not only at the start.
#[test]
fn a_gate_that_shuts_ends_what_runs() {
    for erasure in [running(), failing(Trouble::Blocked)] {
        for (observed, _) in shut() {
            let observed = Observed {
                erasure: erasure.clone(),
                ..observed
            };
            assert_eq!(
                decide(&observed, start()).steps,
                [Step::StopErasure],
                "{observed:?}"
            );
        }
    }
}

/// Nothing rings when a setting changes.
#[test]
fn switched_off_deletions_are_looked_at_again() {
    let plan = decide(
        &Observed {
            disabled: true,
            ..order()
        },
        start(),
    );
    assert!(matches!(plan.requeue, Requeue::At(when) if when <= later(60)));
}

/// docs/spec/20 §3, step 1: UIDs change over backup and restore.
#[test]
fn a_restored_cluster_becomes_the_owner_again_before_anything_else() {
    let observed = of(Cluster {
        restored: true,
        ..cluster()
    });
    assert_eq!(
        decide(&observed, start()).steps,
        [Step::Reown { uid: "cd-1".into() }]
    );
}

/// A description without a Secret does where a person or an old hub says so.
#[test]
fn the_legacy_description_does() {
    let observed = Observed {
        description: Description::Legacy,
        ..order()
    };
    assert_eq!(decide(&observed, start()).steps, [Step::StartErasure]);
}

#[test]
fn a_withdrawn_order_ends_its_erasure() {
    let withdrawn = Observed {
        deleting: true,
        ..order()
    };
    assert_eq!(decide(&withdrawn, start()).steps, []);
    let observed = Observed {
        erasure: running(),
        ..withdrawn
    };
    assert_eq!(decide(&observed, start()).steps, [Step::StopErasure]);
}

#[test]
fn progress_is_told_while_it_runs() {
    let plan = decide(
        &Observed {
            erasure: running(),
            ..order()
        },
        later(7),
    );
    assert_eq!(plan.steps, []);
    let status = plan.outcome.unwrap();
    assert_eq!(status.progress.message, "3 of 5 gone");
    assert_eq!(
        status.verdicts,
        [],
        "the credentials are not known to be good yet"
    );
    assert!(matches!(plan.requeue, Requeue::At(when) if when <= later(60)));
    let planned = State::Running {
        summary: "3 of 5 gone".into(),
        plan_digest: Some("sha256:1".into()),
        since: start(),
    };
    let status = status_of(&Observed {
        erasure: planned,
        ..order()
    });
    let good = Some((false, reason::AUTHENTICATION_SUCCEEDED));
    assert_eq!(verdict(&status, AUTHENTICATION_FAILURE), good);
}

/// docs/spec/20 §2, the table of conditions.
#[test]
fn troubles_have_their_conditions() {
    let good = Some((false, reason::AUTHENTICATION_SUCCEEDED));
    let bad = Some((true, reason::AUTHENTICATION_FAILED));
    for (trouble, authentication, failed) in [
        (Trouble::Authentication, bad, None),
        (
            Trouble::WrongAccount,
            good,
            Some((true, reason::skep::ACCOUNT_MISMATCH)),
        ),
        (
            Trouble::Metadata,
            None,
            Some((true, reason::skep::METADATA_INCOMPLETE)),
        ),
        (Trouble::Blocked, good, Some((true, reason::UNKNOWN_ERROR))),
        (Trouble::Other, None, Some((true, reason::UNKNOWN_ERROR))),
    ] {
        let observed = Observed {
            erasure: failing(trouble),
            ..order()
        };
        let status = status_of(&observed);
        assert_eq!(
            verdict(&status, AUTHENTICATION_FAILURE),
            authentication,
            "{trouble:?}"
        );
        assert_eq!(verdict(&status, DEPROVISION_FAILED), failed, "{trouble:?}");
        assert!(
            status
                .verdicts
                .iter()
                .all(|v| !said(v).0 || v.message.contains("because"))
        );
        assert!(!said(&status.progress).0 && !status.completed);
        let plan = decide(&observed, start());
        assert!(
            plan.notes[0].is_warning() && plan.notes[0].emit_event,
            "{trouble:?}"
        );
    }
}

#[test]
fn a_failed_erasure_is_started_again_when_its_time_has_come() {
    let observed = Observed {
        erasure: failing(Trouble::Blocked),
        ..order()
    };
    let early = decide(&observed, later(59));
    assert_eq!(
        (early.steps, early.requeue),
        (vec![], Requeue::At(later(60)))
    );
    let due = decide(&observed, later(60));
    assert_eq!(due.steps, [Step::StartErasure]);
    assert!(
        due.intent.is_some(),
        "the failure is on record before the next try"
    );
}

/// A correction is not kept waiting.
#[test]
fn a_failed_erasure_is_started_again_when_its_inputs_have_changed() {
    let erasure = failing(Trouble::Authentication);
    let observed = Observed {
        erasure,
        inputs_changed: true,
        ..order()
    };
    assert_eq!(decide(&observed, start()).steps, [Step::StartErasure]);
}

#[test]
fn an_erasure_that_cannot_be_started_says_so() {
    let observed = Observed {
        start_failure: Some("no such key".into()),
        ..order()
    };
    let plan = decide(&observed, start());
    assert_eq!(plan.steps, [Step::StartErasure]);
    let intent = plan.intent.unwrap();
    assert!(!said(&intent.progress).0 && intent.progress.message.contains("no such key"));
    assert!(matches!(plan.notes[0].kind, NoteKind::Failed { .. }));
}

/// docs/spec/20 §3, row "Complete".
#[test]
fn nothing_left_completes_the_order() {
    let plan = decide(
        &Observed {
            erasure: finished(),
            ..order()
        },
        start(),
    );
    assert_eq!(plan.steps, []);
    let status = plan.outcome.unwrap();
    assert!(status.completed);
    let done = Some((false, reason::DEPROVISION_COMPLETED));
    assert_eq!(verdict(&status, DEPROVISION_FAILED), done);
    let completed = Observed {
        completed: true,
        erasure: finished(),
        ..order()
    };
    let plan = decide(&completed, start());
    assert_eq!(
        (plan.steps, plan.outcome, plan.requeue),
        (vec![], None, Requeue::Wait)
    );
}

fn any_owner() -> impl Strategy<Value = Owner> {
    let infra_id = prop_oneof![
        Just(None),
        Just(Some("demo-x7k2p".to_owned())),
        Just(Some("other-12345".to_owned())),
    ];
    let rarely = || prop::bool::weighted(0.2);
    let flags = (any::<[bool; 3]>(), rarely(), rarely());
    let cluster = (infra_id, flags).prop_map(|(infra_id, (flags, paused, preserved))| {
        let [restored, deleting, protected] = flags;
        Owner::Cluster(Cluster {
            restored,
            deleting,
            protected,
            paused,
            preserved,
            infra_id,
            ..cluster()
        })
    });
    prop_oneof![
        1 => Just(Owner::Nobody),
        1 => Just(Owner::Missing { name: "demo".into() }),
        8 => cluster,
    ]
}

fn any_order() -> impl Strategy<Value = Observed> {
    let description = prop_oneof![
        Just(Description::Metadata { secret: "s".into() }),
        Just(Description::MissingSecret { secret: "s".into() }),
        Just(Description::Legacy),
        Just(Description::Incomplete),
    ];
    let erasure = prop_oneof![
        Just(State::Idle),
        Just(running()),
        Just(failing(Trouble::Authentication)),
        Just(failing(Trouble::WrongAccount)),
        Just(failing(Trouble::Metadata)),
        Just(failing(Trouble::Blocked)),
        Just(failing(Trouble::Other)),
        Just(finished()),
    ];
    let failure = prop_oneof![Just(None), Just(Some("no".to_owned()))];
    let used_by = prop_oneof![4 => Just(None), 1 => Just(Some("other/demo".to_owned()))];
    (
        any_owner(),
        description,
        erasure,
        failure,
        used_by,
        any::<[bool; 5]>(),
    )
        .prop_map(
            |(owner, description, erasure, start_failure, used_by, flags)| {
                let [deleting, completed, disabled, supported, inputs_changed] = flags;
                Observed {
                    deleting,
                    completed,
                    owner,
                    used_by,
                    disabled,
                    supported,
                    description,
                    inputs_changed,
                    erasure,
                    start_failure,
                    ..order()
                }
            },
        )
}

/// The gates once more, written as one sentence.
fn gates_are_open(observed: &Observed) -> bool {
    let Owner::Cluster(cluster) = &observed.owner else {
        return false;
    };
    let described = matches!(
        observed.description,
        Description::Metadata { .. } | Description::Legacy
    );
    cluster.deleting
        && !cluster.protected
        && !cluster.restored
        && !cluster.paused
        && !cluster.preserved
        && cluster.infra_id.as_ref() == Some(&observed.infra_id)
        && observed.used_by.is_none()
        && !observed.disabled
        && observed.supported
        && described
        && !observed.deleting
        && !observed.completed
}

proptest! {
    #[test]
    fn no_erasure_is_started_unless_every_gate_holds(observed in any_order(), after in 0_i64..120) {
        let plan = decide(&observed, later(after));
        if plan.steps.contains(&Step::StartErasure) {
            prop_assert!(gates_are_open(&observed));
        }
    }

    #[test]
    fn nothing_runs_behind_a_shut_gate(observed in any_order()) {
        let stops = decide(&observed, start()).steps.contains(&Step::StopErasure);
        let runs = matches!(observed.erasure, State::Running { .. } | State::Failing { .. });
        let over = observed.completed && !observed.deleting;
        if runs && !gates_are_open(&observed) && !over {
            prop_assert!(stops);
        }
        if stops {
            prop_assert!(!gates_are_open(&observed));
        }
    }

    #[test]
    fn only_a_finished_erasure_completes_the_order(observed in any_order(), after in 0_i64..120) {
        let plan = decide(&observed, later(after));
        let finished = matches!(observed.erasure, State::Finished { .. });
        for status in plan.intent.iter().chain(&plan.outcome) {
            prop_assert!(!status.completed || (finished && gates_are_open(&observed)));
        }
    }

    #[test]
    fn every_plan_says_why(observed in any_order(), after in 0_i64..120) {
        prop_assert!(!decide(&observed, later(after)).notes.is_empty());
    }

    /// What was written is not written again.
    #[test]
    fn a_status_is_at_its_fixed_point_once_written(observed in any_order()) {
        let plan = decide(&observed, start());
        for status in plan.intent.iter().chain(&plan.outcome) {
            let mut root = ClusterDeprovision::default();
            write(&mut root, status, start());
            prop_assert_eq!(merge(&root, status, later(3600)), None);
        }
    }
}

fn write(root: &mut ClusterDeprovision, status: &Status, now: Timestamp) {
    if let Some(patch) = merge(root, status, now) {
        let mut whole = serde_json::to_value(&root).unwrap();
        json_patch::merge(&mut whole, &json!({"status": patch}));
        *root = serde_json::from_value(whole).unwrap();
    }
}

fn condition<'a>(root: &'a ClusterDeprovision, type_: &str) -> Option<&'a Condition> {
    root.conditions()
        .iter()
        .find(|condition| condition.type_ == type_)
}

/// docs/spec/20 §2: the API's conditions appear when they first hold; the progress is always there.
#[test]
fn conditions_appear_when_they_first_hold() {
    let mut root = ClusterDeprovision::default();
    let good = Verdict::holds_not(
        AUTHENTICATION_FAILURE,
        reason::AUTHENTICATION_SUCCEEDED,
        "ok",
    );
    let status = Status::progressing(reason::skep::DELETING, "1 of 2");
    write(&mut root, &status.clone().and(good.clone()), start());
    assert!(condition(&root, AUTHENTICATION_FAILURE).is_none());
    assert!(condition(&root, DEPROVISION_PROGRESSING).unwrap().is_true());
    let bad = Verdict::holds(AUTHENTICATION_FAILURE, reason::AUTHENTICATION_FAILED, "no");
    write(&mut root, &status.clone().and(bad), later(1));
    assert!(condition(&root, AUTHENTICATION_FAILURE).unwrap().is_true());
    write(&mut root, &status.and(good), later(2));
    let now = condition(&root, AUTHENTICATION_FAILURE).unwrap();
    assert_eq!(now.status, ConditionStatus::False);
    assert_eq!(
        now.last_transition_time.as_ref().map(|time| time.0),
        Some(later(2))
    );
}

#[test]
fn the_words_of_the_progress_are_written_every_few_seconds_at_most() {
    let mut root = ClusterDeprovision::default();
    let words = |text: &str| Status::progressing(reason::skep::DELETING, text);
    write(&mut root, &words("1 of 9"), start());
    let interval = PROGRESS_INTERVAL.as_secs();
    assert_eq!(merge(&root, &words("2 of 9"), later(interval - 1)), None);
    assert!(merge(&root, &words("2 of 9"), later(interval)).is_some());
    assert_eq!(
        merge(&root, &words("1 of 9"), later(interval)),
        None,
        "nothing new to say"
    );
    let stands = Status::standing(reason::UNKNOWN_ERROR, "blocked");
    assert!(
        merge(&root, &stands, later(1)).is_some(),
        "an end is told at once"
    );
}

#[test]
fn completion_is_never_taken_back_and_others_conditions_stay() {
    let mut root = ClusterDeprovision::default();
    let foreign = Condition::new("Foreign", ConditionStatus::True, "r", "m", start());
    root.status.get_or_insert_default().conditions = Some(vec![foreign.clone()]);
    write(
        &mut root,
        &Status::standing(reason::DEPROVISION_COMPLETED, "x").completed(),
        start(),
    );
    assert!(root.is_completed());
    assert_eq!(condition(&root, "Foreign"), Some(&foreign));
    write(
        &mut root,
        &Status::standing(reason::UNKNOWN_ERROR, "y"),
        later(1),
    );
    assert!(root.is_completed());
}
