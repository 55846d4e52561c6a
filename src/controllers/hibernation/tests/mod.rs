//! Tables of docs/spec/21, each row of its §11 that concerns a decision, and what holds for every
//! observation.

mod model;
mod properties;
mod reading;
mod sleeping;
mod steady;
mod waking;

use jiff::{SignedDuration, Timestamp};
use skep_crds::ConditionStatus;
use skep_crds::names::reason;
use skep_providers::power::{Machine, PowerState};

use super::decide::{Step, Tier, decide};
use super::observed::{
    Failures, Fleet, Gate, Glimpse, Look, Observed, Operator, Pool, Said, Sight, Sighted, SyncSets,
    Timer, Wanted,
};
use super::status::{Status, Verdict};
use crate::plan::{NoteKind, Plan, Requeue};
use crate::remote::view::{Depth, NodeSeen, WakingSeen};
use crate::runtime::{At, Key};

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

fn seconds_ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

fn later(minutes: i64) -> Timestamp {
    ago(-minutes)
}

fn said(status: ConditionStatus, reason: &str, since: Timestamp) -> Said {
    Said {
        status,
        reason: reason.to_owned(),
        since,
        written: since,
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "what it is compared with may be absent"
)]
fn is_false(reason: &str, since: Timestamp) -> Option<Said> {
    Some(said(ConditionStatus::False, reason, since))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "what it is compared with may be absent"
)]
fn is_true(reason: &str, since: Timestamp) -> Option<Said> {
    Some(said(ConditionStatus::True, reason, since))
}

fn machine(name: &str, power: PowerState) -> Machine {
    Machine {
        id: format!("i-{name}"),
        name: name.to_owned(),
        power,
        spot: false,
        control_plane: name.starts_with("master"),
    }
}

/// Two machines of the control plane would not do; three and two workers.
fn machines(masters: &[PowerState; 3], workers: &[PowerState; 2]) -> Vec<Machine> {
    let named = |name: &'static str| {
        move |(number, power): (usize, &PowerState)| {
            machine(&format!("{name}-{number}"), power.clone())
        }
    };
    let masters = masters.iter().enumerate().map(named("master"));
    masters
        .chain(workers.iter().enumerate().map(named("worker")))
        .collect()
}

fn all(power: &PowerState) -> Vec<Machine> {
    let of = |_| power.clone();
    machines(&[0, 1, 2].map(of), &[0, 1].map(of))
}

/// The machines, as the cloud showed them so many seconds ago.
fn seen(seconds: i64, machines: Vec<Machine>) -> Fleet {
    Fleet {
        asked: Some(seconds_ago(seconds)),
        sight: Sight::Seen {
            at: seconds_ago(seconds),
            machines,
        },
        ..Fleet::default()
    }
}

fn lost(message: &str) -> Fleet {
    Fleet {
        asked: Some(seconds_ago(2)),
        sight: Sight::Lost {
            at: seconds_ago(2),
            message: message.to_owned(),
        },
        ..Fleet::default()
    }
}

fn operator(name: &str) -> Operator {
    Operator {
        name: name.to_owned(),
        changed: Some(ago(600)),
        ..Operator::default()
    }
}

fn healthy() -> Sighted {
    Sighted {
        upgrading: false,
        operators: ["etcd", "ingress", "kube-apiserver"].map(operator).to_vec(),
        waking: Some(WakingSeen {
            nodes: vec![node("master-0", true), node("worker-0", true)],
            ..WakingSeen::default()
        }),
    }
}

fn node(name: &str, ready: bool) -> NodeSeen {
    NodeSeen {
        name: name.to_owned(),
        control_plane: name.starts_with("master"),
        ready,
        reason: if ready { "" } else { "NodeStatusUnknown" }.to_owned(),
    }
}

fn looked(seconds: i64, seen: Result<Sighted, String>) -> Glimpse {
    Glimpse {
        last: Some(Look {
            began: seconds_ago(seconds + 1),
            at: seconds_ago(seconds),
            seen,
        }),
        ..Glimpse::default()
    }
}

/// A cluster that has run for ten hours, and was looked at two seconds ago.
fn running() -> Observed {
    Observed {
        at: At {
            key: Key {
                namespace: "team".into(),
                name: "demo".into(),
                uid: "u-1".into(),
            },
            version: "7".into(),
        },
        gate: None,
        fake: false,
        wanted: Wanted::Running,
        forced: false,
        skips_operators: false,
        timer: Timer {
            after: None,
            installed: Some(ago(6_000)),
            pool: Pool::None,
        },
        hibernating: is_false(reason::RESUMING_OR_RUNNING, ago(610)),
        ready: is_true(reason::RUNNING, ago(600)),
        sync_sets: SyncSets::Applied,
        expected: None,
        fleet: seen(2, all(&PowerState::Running)),
        cluster: looked(2, Ok(healthy())),
        failures: Failures::default(),
    }
}

/// The same, which is to sleep now, and whose machines were counted.
fn tired() -> Observed {
    Observed {
        wanted: Wanted::Hibernating,
        expected: Some(5),
        ..running()
    }
}

/// A cluster whose machines were told to stop four minutes ago.
fn stopping() -> Observed {
    Observed {
        hibernating: is_false(reason::WAITING_FOR_MACHINES_TO_STOP, ago(4)),
        ready: is_false(reason::STOPPING_OR_HIBERNATING, ago(4)),
        ..tired()
    }
}

/// A cluster that has slept for five hours.
fn sleeping() -> Observed {
    Observed {
        hibernating: is_true(reason::HIBERNATING, ago(300)),
        ready: is_false(reason::STOPPING_OR_HIBERNATING, ago(310)),
        fleet: seen(2, all(&PowerState::Stopped)),
        cluster: looked(19_000, Ok(healthy())),
        ..tired()
    }
}

/// The same, which is to wake now.
fn called() -> Observed {
    Observed {
        wanted: Wanted::Running,
        ..sleeping()
    }
}

/// A cluster that wakes since four minutes ago, with this reason of `Ready`.
fn waking(reason: &str) -> Observed {
    Observed {
        hibernating: is_false(reason::RESUMING_OR_RUNNING, ago(4)),
        ready: Some(Said {
            since: ago(310),
            written: ago(4),
            ..said(ConditionStatus::False, reason, ago(310))
        }),
        fleet: seen(2, all(&PowerState::Running)),
        cluster: looked(2, Ok(healthy())),
        ..called()
    }
}

fn plan(observed: &Observed) -> Plan<Status, Step> {
    decide(observed, now())
}

/// What is on record once the plan is carried out, or is being.
fn recorded(plan: &Plan<Status, Step>) -> Status {
    plan.intent
        .clone()
        .or_else(|| plan.outcome.clone())
        .unwrap_or_default()
}

fn words(verdict: Option<&Verdict>) -> Option<(ConditionStatus, String)> {
    verdict.map(|verdict| (verdict.status.clone(), verdict.reason.clone()))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "what it is compared with may be absent"
)]
fn holds_not(reason: &str) -> Option<(ConditionStatus, String)> {
    Some((ConditionStatus::False, reason.to_owned()))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "what it is compared with may be absent"
)]
fn holds(reason: &str) -> Option<(ConditionStatus, String)> {
    Some((ConditionStatus::True, reason.to_owned()))
}

/// `Hibernating`, `Ready` and `powerState` of what the plan records.
type Said3 = (
    Option<(ConditionStatus, String)>,
    Option<(ConditionStatus, String)>,
    Option<&'static str>,
);

fn verdicts(observed: &Observed) -> Said3 {
    let status = recorded(&plan(observed));
    (
        words(status.hibernating.as_ref()),
        words(status.ready.as_ref()),
        status.power_state,
    )
}

fn message(observed: &Observed) -> String {
    let status = recorded(&plan(observed));
    let ready = status.ready.filter(|ready| ready.message.contains("(step"));
    let said = ready.or(status.hibernating);
    said.map(|verdict| verdict.message).unwrap_or_default()
}

/// The steps that do more than look.
fn acts(observed: &Observed) -> Vec<Step> {
    let steps = plan(observed).steps;
    let looks = |step: &Step| matches!(step, Step::Look { .. } | Step::LookAtMachines { .. });
    steps.into_iter().filter(|step| !looks(step)).collect()
}

/// docs/spec/21 §3, steps 2–5, and §1.
#[test]
fn each_gate_says_what_the_api_says() {
    let unknown = |reason: &str| Some((ConditionStatus::Unknown, reason.to_owned()));
    for (gate, hibernating, ready, power) in [
        (
            Gate::Deleting,
            unknown(reason::CLUSTER_DEPLOYMENT_DELETED),
            unknown(reason::CLUSTER_DEPLOYMENT_DELETED),
            Some("Unknown"),
        ),
        (Gate::NotInstalled, None, None, None),
        (Gate::NoMetadata, None, None, None),
        (
            Gate::Paused,
            unknown(reason::POWER_STATE_PAUSED),
            unknown(reason::POWER_STATE_PAUSED),
            Some("Unknown"),
        ),
        (
            Gate::Unsupported("no actuator".into()),
            holds_not(reason::UNSUPPORTED),
            holds(reason::RUNNING),
            Some("Running"),
        ),
    ] {
        for observed in [running(), tired(), stopping(), sleeping(), called()] {
            let observed = Observed {
                gate: Some(gate.clone()),
                ..observed
            };
            assert_eq!(plan(&observed).steps, [], "{gate:?}");
            let expected = (hibernating.clone(), ready.clone(), power);
            assert_eq!(verdicts(&observed), expected, "{gate:?}");
        }
    }
}

/// docs/spec/21 §3, step 6: what was unsupported goes on as any other cluster.
#[test]
fn a_cluster_that_became_supported_is_looked_at() {
    let observed = Observed {
        hibernating: is_false(reason::UNSUPPORTED, ago(600)),
        ..running()
    };
    assert_eq!(
        verdicts(&observed).0,
        holds_not(reason::RESUMING_OR_RUNNING)
    );
}

/// docs/spec/21 §3, steps 10 and 11, and §11: "Fake-cluster + hibernateAfter never becomes
/// Hibernating=True by shortcut".
#[test]
fn a_pretended_cluster_obeys_at_once_and_by_the_same_path() {
    let asleep = |observed: &Observed| verdicts(observed).2 == Some("Hibernating");
    let fake = |observed| Observed {
        fake: true,
        ..observed
    };
    assert!(asleep(&fake(tired())));
    assert_eq!(verdicts(&fake(called())).1, holds(reason::RUNNING));
    let timed = Observed {
        timer: timer(60),
        ..fake(running())
    };
    assert_eq!(acts(&timed), [Step::SetHibernating]);
    let due = Observed {
        wanted: Wanted::Hibernating,
        ..timed
    };
    assert!(asleep(&due));
    // No machine and no cluster is looked at.
    assert_eq!(plan(&due).steps, []);
}

fn timer(minutes: i64) -> Timer {
    Timer {
        after: Some(SignedDuration::from_mins(minutes)),
        ..running().timer
    }
}

/// docs/spec/21 §4. Ready since 600 minutes ago, awake since 610, installed 6,000 minutes ago.
#[test]
fn the_period_begins_with_the_latest_of_installation_claim_and_wake() {
    let timed = |minutes| Observed {
        timer: timer(minutes),
        ..running()
    };
    let requeue = |observed: &Observed| plan(observed).requeue;
    assert_eq!(acts(&timed(600)), [Step::SetHibernating]);
    assert_eq!(acts(&timed(601)), []);
    assert!(requeue(&timed(601)) <= Requeue::At(later(1)));
    let claimed = |at| Observed {
        timer: Timer {
            pool: Pool::Claimed(at),
            ..timer(120)
        },
        ..running()
    };
    assert_eq!(acts(&claimed(ago(120))), [Step::SetHibernating]);
    assert_eq!(acts(&claimed(ago(119))), []);
    // Older than the wake: it does not count.
    assert_eq!(acts(&claimed(ago(2_000))), [Step::SetHibernating]);
    let free = Observed {
        timer: Timer {
            pool: Pool::Free,
            ..timer(1)
        },
        ..running()
    };
    assert_eq!(acts(&free), [], "its pool decides");
    // Only what runs, or never slept, is stopped by itself.
    let not_ready = Observed {
        timer: timer(1),
        ..waking(reason::WAITING_FOR_NODES)
    };
    assert_eq!(acts(&not_ready), []);
    let new = Observed {
        hibernating: Some(said(
            ConditionStatus::Unknown,
            reason::INITIALIZED,
            ago(6_100),
        )),
        ready: Some(said(
            ConditionStatus::Unknown,
            reason::INITIALIZED,
            ago(6_100),
        )),
        timer: timer(5_999),
        ..running()
    };
    assert_eq!(acts(&new), [Step::SetHibernating]);
}

/// docs/spec/21 §11: "hibernateAfter's requeue returns before the running check".
#[test]
fn a_cluster_with_a_period_is_looked_at_like_any_other() {
    let timed = Observed {
        timer: timer(10_000),
        ..waking(reason::WAITING_FOR_CLUSTER_OPERATORS)
    };
    assert_eq!(verdicts(&timed).1, holds(reason::RUNNING));
    let plan = plan(&Observed {
        timer: timer(601),
        ..running()
    });
    assert_eq!(plan.outcome, Some(Status::running()));
    assert!(plan.requeue <= Requeue::At(later(1)), "{:?}", plan.requeue);
}

/// docs/spec/21 §11: "Routine operator Progressing (upgrade) flips Ready […] resets the hibernateAfter
/// clock". A cluster that came back into `Ready` a minute ago has run for ten hours all the same.
#[test]
fn a_flap_does_not_begin_a_new_period() {
    let flapped = |minutes| Observed {
        ready: is_true(reason::RUNNING, ago(1)),
        timer: timer(minutes),
        ..running()
    };
    assert_eq!(acts(&flapped(580)), [Step::SetHibernating]);
    assert_eq!(acts(&flapped(581)), [], "a wake may take half an hour");
}

/// A note that becomes an Event is there when something begins or ends, and only then.
#[test]
fn transitions_are_events_and_standing_still_is_none() {
    let events = |observed: &Observed| {
        let notes = plan(observed).notes;
        notes.iter().filter(|note| note.emit_event).count()
    };
    for (observed, expected) in [
        (running(), 0),
        (sleeping(), 0),
        (stopping(), 0),
        (waking(reason::WAITING_FOR_CLUSTER_OPERATORS), 1),
        (tired(), 1),
        (called(), 1),
    ] {
        assert_eq!(events(&observed), expected, "{:?}", plan(&observed).notes);
    }
}
