//! docs/spec/21 §5 and what §11 says about it.

use super::*;

const RUNNING: PowerState = PowerState::Running;
const STOPPED: PowerState = PowerState::Stopped;
const STOPPING: PowerState = PowerState::Stopping;
const PENDING: PowerState = PowerState::Pending;

fn repairing() -> PowerState {
    PowerState::Other("REPAIRING".into())
}

fn with(observed: Observed, machines: Vec<Machine>) -> Observed {
    Observed {
        fleet: seen(2, machines),
        ..observed
    }
}

/// §3, step 10.
#[test]
fn the_first_sync_is_waited_for_ten_minutes() {
    let young = |minutes| Observed {
        sync_sets: SyncSets::Awaited,
        timer: Timer {
            installed: Some(ago(minutes)),
            ..Timer::default()
        },
        ..tired()
    };
    assert_eq!(plan(&young(9)).steps, []);
    assert_eq!(
        verdicts(&young(9)),
        (
            holds_not(reason::SYNC_SETS_NOT_APPLIED),
            None,
            Some("SyncSetsNotApplied")
        )
    );
    assert_eq!(plan(&young(9)).requeue, Requeue::At(later(1)));
    assert!(
        message(&young(9)).contains("10 minutes after its installation"),
        "§11: \"SyncSets gate […] without explanation\""
    );
    assert_eq!(acts(&young(10)), [Step::Stop(Tier::Workers)]);
    let forced = Observed {
        forced: true,
        ..young(1)
    };
    assert_eq!(acts(&forced), [Step::Stop(Tier::Workers)]);
}

/// §11: "No pre-hibernation safety".
#[test]
fn a_cluster_that_might_not_wake_again_is_held() {
    let shows = |change: fn(&mut Sighted)| {
        let mut sighted = healthy();
        change(&mut sighted);
        Observed {
            cluster: looked(2, Ok(sighted)),
            ..tired()
        }
    };
    for (observed, word) in [
        (
            shows(|seen| seen.upgrading = true),
            "an upgrade is under way",
        ),
        (
            shows(|seen| seen.operators[0].degraded = Some("EtcdMembersDegraded".into())),
            "etcd is degraded (EtcdMembersDegraded)",
        ),
        (
            shows(|seen| seen.operators[2].unavailable = Some("StaticPods".into())),
            "kube-apiserver is unavailable (StaticPods)",
        ),
    ] {
        assert_eq!(acts(&observed), [], "{word}");
        let held = reason::skep::HIBERNATION_HELD;
        assert_eq!(verdicts(&observed), (holds_not(held), None, None));
        assert!(message(&observed).contains(word), "{}", message(&observed));
        assert_eq!(
            plan(&observed).requeue,
            Requeue::At(now() + SignedDuration::from_secs(58))
        );
        let forced = Observed {
            forced: true,
            ..observed.clone()
        };
        assert_eq!(acts(&forced), [Step::Stop(Tier::Workers)], "{word}");
        let begun = Observed {
            cluster: observed.cluster,
            ..stopping()
        };
        assert_eq!(acts(&begun), [Step::Stop(Tier::Workers)], "it is too late");
    }
    // What is none of the control plane's does not keep it from waking.
    let ingress = shows(|seen| seen.operators[1].degraded = Some("NoPods".into()));
    assert_eq!(acts(&ingress), [Step::Stop(Tier::Workers)]);
}

/// What it looked like ten minutes ago says nothing about now.
#[test]
fn a_cluster_is_looked_at_before_it_is_stopped() {
    for cluster in [Glimpse::default(), looked(121, Ok(healthy()))] {
        let observed = Observed { cluster, ..tired() };
        let look = Step::Look {
            depth: Depth::Routine,
        };
        assert_eq!(plan(&observed).steps, [look]);
        assert_eq!(verdicts(&observed), (None, None, None));
        let looking = Observed {
            cluster: Glimpse {
                looking: true,
                ..observed.cluster.clone()
            },
            ..observed
        };
        assert_eq!(plan(&looking).steps, []);
    }
}

/// One that does not answer is not kept up for ever, and one whose machines do not run is not asked.
#[test]
fn a_cluster_that_does_not_answer_is_stopped_after_ten_minutes() {
    let silent = |written| Observed {
        cluster: looked(2, Err("timed out".into())),
        hibernating: is_false(reason::skep::HIBERNATION_HELD, written),
        ..tired()
    };
    assert_eq!(acts(&silent(ago(9))), []);
    assert!(message(&silent(ago(9))).contains("does not answer"));
    assert_eq!(acts(&silent(ago(10))), [Step::Stop(Tier::Workers)]);
    let halfway = Observed {
        wanted: Wanted::Hibernating,
        cluster: looked(2, Err("refused".into())),
        ..waking(reason::WAITING_FOR_MACHINES)
    };
    assert_eq!(acts(&halfway), [Step::Stop(Tier::Workers)]);
    // One that turns out to be stopped already is not asked either.
    let down = Observed {
        cluster: looked(2, Err("refused".into())),
        hibernating: Some(said(
            ConditionStatus::Unknown,
            reason::POWER_STATE_PAUSED,
            ago(1),
        )),
        ready: Some(said(
            ConditionStatus::Unknown,
            reason::POWER_STATE_PAUSED,
            ago(1),
        )),
        ..with(tired(), all(&STOPPED))
    };
    assert_eq!(verdicts(&down).2, Some("Hibernating"));
}

/// §11: "Zero instances counts as 'all stopped'": how many there are is counted first.
#[test]
fn machines_are_counted_before_the_first_is_stopped() {
    let count = |observed: &Observed| acts(observed);
    let uncounted = Observed {
        expected: None,
        ..tired()
    };
    let record = |count| Step::RecordExpectedMachines { count };
    assert_eq!(count(&uncounted), [record(5)]);
    // A machine more or less since the last sleep.
    let grown = Observed {
        expected: Some(4),
        ..tired()
    };
    assert_eq!(count(&grown), [record(5)]);
    let shrunk = Observed {
        expected: Some(6),
        ..tired()
    };
    assert_eq!(count(&shrunk), [record(5)]);
    // Once machines are told to stop, less is not believed any more.
    let begun = Observed {
        expected: Some(6),
        ..stopping()
    };
    assert_eq!(count(&begun), [Step::Stop(Tier::Workers)]);
    // A spot machine may be gone when it is stopped.
    let mut spot = all(&RUNNING);
    spot[4].spot = true;
    assert_eq!(count(&with(uncounted, spot)), [record(4)]);
}

/// §11: "stop workers first, control plane last".
#[test]
fn workers_are_stopped_first() {
    assert_eq!(acts(&tired()), [Step::Stop(Tier::Workers)]);
    let up = [RUNNING; 3];
    for (workers, expected) in [
        ([RUNNING, STOPPED], vec![Step::Stop(Tier::Workers)]),
        ([STOPPING, STOPPED], vec![]),
        ([PENDING, STOPPED], vec![]),
        ([repairing(), STOPPED], vec![]),
        ([STOPPED, STOPPED], vec![Step::Stop(Tier::ControlPlane)]),
    ] {
        let observed = with(stopping(), machines(&up, &workers));
        assert_eq!(acts(&observed), expected, "{workers:?}");
    }
    // A worker that does not get anywhere holds up the rest for ten minutes.
    let stuck = |minutes| Observed {
        hibernating: is_false(reason::WAITING_FOR_MACHINES_TO_STOP, ago(minutes)),
        ..with(stopping(), machines(&up, &[repairing(), STOPPED]))
    };
    assert_eq!(acts(&stuck(9)), []);
    assert_eq!(acts(&stuck(10)), [Step::Stop(Tier::ControlPlane)]);
    // The time before the stop does not count.
    let early = Observed {
        hibernating: is_false(reason::RESUMING_OR_RUNNING, ago(600)),
        ..with(tired(), machines(&up, &[STOPPING, STOPPED]))
    };
    assert_eq!(acts(&early), []);
    // Where the cloud does not tell them apart, all are stopped together.
    let mut alike = all(&RUNNING);
    for machine in &mut alike {
        machine.control_plane = false;
    }
    assert_eq!(
        acts(&with(tired(), alike)),
        [Step::Stop(Tier::ControlPlane)]
    );
}

/// §5: what is on record on the way.
#[test]
fn a_stop_goes_through_the_reasons_of_the_api() {
    let down = Some("StoppingOrHibernating");
    let first = tired();
    assert_eq!(
        verdicts(&first),
        (
            holds_not(reason::STOPPING),
            down.and_then(holds_not),
            Some("Stopping")
        )
    );
    assert!(plan(&first).intent.is_some(), "on record before the effect");
    let waiting = with(stopping(), machines(&[RUNNING; 3], &[STOPPING, STOPPED]));
    assert_eq!(
        verdicts(&waiting),
        (
            holds_not(reason::WAITING_FOR_MACHINES_TO_STOP),
            down.and_then(holds_not),
            Some("WaitingForMachinesToStop")
        )
    );
    let words = message(&waiting);
    assert!(words.starts_with("1 of 5 machines are stopped"), "{words}");
    assert!(words.contains("worker-0 (stopping)"), "{words}");
    let done = with(stopping(), all(&STOPPED));
    assert_eq!(
        verdicts(&done),
        (
            holds(reason::HIBERNATING),
            down.and_then(holds_not),
            Some("Hibernating")
        )
    );
    assert_eq!(plan(&done).steps, []);
}

/// §11: "Unknown Azure state and GCP SUSPENDED/REPAIRING count in neither set", "Zero instances counts as
/// 'all stopped'".
#[test]
fn only_stopped_machines_make_a_stopped_cluster() {
    let asleep = |observed: &Observed| verdicts(observed).2 == Some("Hibernating");
    for last in [RUNNING, PENDING, STOPPING, repairing()] {
        let mut seen = all(&STOPPED);
        seen[0].power = last.clone();
        assert!(!asleep(&with(stopping(), seen)), "{last:?}");
    }
    assert!(!asleep(&with(stopping(), vec![])), "an empty account");
    let fewer = with(stopping(), all(&STOPPED)[..4].to_vec());
    assert!(!asleep(&fewer));
    let words = message(&fewer);
    assert!(
        words.contains("5 are expected, 1 of them cannot be found"),
        "{words}"
    );
    assert!(words.contains("skep.dev/expected-machines to 4"), "{words}");
    for expected in [None, Some(0)] {
        let uncounted = Observed {
            expected,
            ..with(stopping(), vec![])
        };
        assert!(!asleep(&uncounted), "at least one machine is expected");
    }
}

/// What was seen before the machines were told something, or by an earlier lead, says nothing.
#[test]
fn what_was_seen_before_is_over() {
    let asleep = |observed: &Observed| verdicts(observed).2 == Some("Hibernating");
    let acted = Observed {
        fleet: Fleet {
            acted: Some(seconds_ago(1)),
            ..seen(2, all(&STOPPED))
        },
        ..stopping()
    };
    assert!(!asleep(&acted));
    assert!(matches!(
        plan(&acted).steps[..],
        [Step::LookAtMachines { .. }]
    ));
    let old = Observed {
        hibernating: is_false(reason::WAITING_FOR_MACHINES_TO_STOP, seconds_ago(1)),
        ..with(stopping(), all(&STOPPED))
    };
    assert!(!asleep(&old));
    assert!(matches!(
        plan(&old).steps[..],
        [Step::LookAtMachines { .. }]
    ));
}

/// §1: `FailedToStop`, with what the cloud says.
#[test]
fn a_stop_that_fails_is_told_and_tried_again() {
    let failed = Observed {
        failures: Failures {
            stop: Some("a right is missing: ec2:StopInstances".into()),
            start: None,
        },
        ..stopping()
    };
    assert_eq!(verdicts(&failed).0, holds_not(reason::FAILED_TO_STOP));
    assert_eq!(verdicts(&failed).2, Some("FailedToStop"));
    assert!(message(&failed).contains("ec2:StopInstances"));
    assert_eq!(acts(&failed), [Step::Stop(Tier::Workers)]);
    let notes = plan(&failed).notes;
    assert!(matches!(notes[0].kind, NoteKind::Failed { .. }));
    // A failure of an earlier sleep is over.
    let again = Observed {
        failures: failed.failures.clone(),
        ..tired()
    };
    assert_eq!(verdicts(&again).0, holds_not(reason::STOPPING));
    // The cloud cannot even be asked: nothing is done, and a cluster that runs stays ready.
    let blind = Observed {
        fleet: lost("the credentials are not accepted"),
        ..tired()
    };
    assert_eq!(acts(&blind), []);
    assert_eq!(
        verdicts(&blind),
        (
            holds_not(reason::FAILED_TO_STOP),
            None,
            Some("FailedToStop")
        )
    );
}

/// §11: "detect-start ≥1 min granularity […] shorter adaptive polling".
#[test]
fn machines_are_looked_at_often_while_something_happens() {
    let due = |minutes| {
        let observed = Observed {
            hibernating: is_false(reason::WAITING_FOR_MACHINES_TO_STOP, ago(minutes)),
            ..with(stopping(), machines(&[RUNNING; 3], &[STOPPING, STOPPED]))
        };
        plan(&observed).requeue
    };
    let after = |seconds: i64| Requeue::At(seconds_ago(2 - seconds));
    assert_eq!(due(0), after(5));
    assert_eq!(due(4), after(10));
    assert_eq!(due(9), after(30));
    assert_eq!(due(59), after(60));
    assert_eq!(due(600), after(300));
}
