//! What holds for every observation, reachable or not (docs/spec/21 §11, and what must never happen).

use proptest::prelude::*;

use super::*;
use crate::controllers::hibernation::decide::{Verb, targets};

fn power() -> impl Strategy<Value = PowerState> {
    prop_oneof![
        Just(PowerState::Running),
        Just(PowerState::Stopped),
        Just(PowerState::Stopping),
        Just(PowerState::Pending),
        Just(PowerState::Other("REPAIRING".into())),
    ]
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (0_i64..6_000).prop_map(seconds_ago)
}

fn condition() -> impl Strategy<Value = Option<Said>> {
    let reasons = prop::sample::select(vec![
        reason::HIBERNATING,
        reason::RESUMING_OR_RUNNING,
        reason::STOPPING,
        reason::WAITING_FOR_MACHINES_TO_STOP,
        reason::FAILED_TO_STOP,
        reason::SYNC_SETS_NOT_APPLIED,
        reason::UNSUPPORTED,
        reason::skep::HIBERNATION_HELD,
        reason::INITIALIZED,
        reason::RUNNING,
        reason::STOPPING_OR_HIBERNATING,
        reason::STARTING_MACHINES,
        reason::FAILED_TO_START_MACHINES,
        reason::WAITING_FOR_MACHINES,
        reason::WAITING_FOR_NODES,
        reason::PAUSING_FOR_CLUSTER_OPERATORS_TO_SETTLE,
        reason::WAITING_FOR_CLUSTER_OPERATORS,
    ]);
    let status = prop_oneof![
        Just(ConditionStatus::True),
        Just(ConditionStatus::False),
        Just(ConditionStatus::Unknown),
    ];
    let said = (status, reasons, moment(), moment()).prop_map(|(status, reason, a, b)| Said {
        written: a.max(b),
        ..said(status, reason, a.min(b))
    });
    prop::option::of(said)
}

fn fleet() -> impl Strategy<Value = Fleet> {
    let one = (power(), any::<bool>(), any::<bool>());
    let machines = prop::collection::vec(one, 0..6).prop_map(|all| {
        let named = all
            .into_iter()
            .enumerate()
            .map(|(number, (power, master, spot))| {
                let kind = if master { "master" } else { "worker" };
                Machine {
                    spot,
                    ..machine(&format!("{kind}-{number}"), power)
                }
            });
        named.collect::<Vec<_>>()
    });
    let sight = prop_oneof![
        1 => Just(Sight::Unseen),
        6 => (moment(), machines).prop_map(|(at, machines)| Sight::Seen { at, machines }),
        1 => moment().prop_map(|at| Sight::Lost { at, message: "denied".into() }),
    ];
    let moments = (prop::option::of(moment()), prop::option::of(moment()));
    (sight, any::<bool>(), moments).prop_map(|(sight, looking, (asked, acted))| Fleet {
        asked,
        sight,
        looking,
        acted,
    })
}

fn cluster() -> impl Strategy<Value = Glimpse> {
    let flags = (
        any::<bool>(),
        any::<[bool; 3]>(),
        any::<[bool; 2]>(),
        any::<bool>(),
    );
    let seen = flags.prop_map(|(upgrading, ill, ready, deep)| {
        let mut sighted = healthy();
        sighted.upgrading = upgrading;
        sighted.operators[0].degraded = ill[0].then(|| "Members".to_owned());
        sighted.operators[1].unavailable = ill[1].then(|| "NoPods".to_owned());
        sighted.operators[2].progressing = ill[2].then(|| "Rollout".to_owned());
        sighted.waking = deep.then(|| WakingSeen {
            nodes: vec![node("master-0", ready[0]), node("worker-0", ready[1])],
            ..WakingSeen::default()
        });
        Ok(sighted)
    });
    let seen = prop_oneof![
        4 => seen,
        1 => Just(Err("timed out".to_owned())),
    ];
    let look = (moment(), 0_i64..20, seen).prop_map(|(at, took, seen)| Look {
        began: at - SignedDuration::from_secs(took),
        at,
        seen,
    });
    (
        prop::option::of(look),
        any::<bool>(),
        prop::option::of(moment()),
    )
        .prop_map(|(last, looking, acted)| Glimpse {
            last,
            looking,
            acted,
        })
}

prop_compose! {
    fn any_observation()(
        sleeps in any::<bool>(),
        flags in any::<[bool; 4]>(),
        hibernating in condition(),
        ready in condition(),
        expected in prop::option::of(0_u32..7),
        fleet in fleet(),
        cluster in cluster(),
        after in prop::option::of(0_i64..200),
        installed in prop::option::of(moment()),
        failing in any::<bool>(),
    ) -> Observed {
        let [forced, skips_operators, awaited, free] = flags;
        Observed {
            wanted: if sleeps { Wanted::Hibernating } else { Wanted::Running },
            forced,
            skips_operators,
            sync_sets: if awaited { SyncSets::Awaited } else { SyncSets::Applied },
            timer: Timer {
                after: after.map(SignedDuration::from_mins),
                installed,
                pool: if free { Pool::Free } else { Pool::None },
            },
            hibernating,
            ready,
            expected,
            fleet,
            cluster,
            failures: Failures {
                stop: failing.then(|| "denied".to_owned()),
                start: failing.then(|| "denied".to_owned()),
            },
            ..running()
        }
    }
}

fn seen_machines(observed: &Observed) -> Vec<Machine> {
    match &observed.fleet.sight {
        Sight::Seen { machines, .. } => machines.clone(),
        Sight::Unseen | Sight::Lost { .. } => vec![],
    }
}

/// The machines that the plan starts, or stops.
fn touched(observed: &Observed, verb: Verb) -> Vec<Machine> {
    let machines = seen_machines(observed);
    let steps = plan(observed).steps;
    let tiers = steps.iter().filter_map(|step| match (step, verb) {
        (Step::Start(tier), Verb::Start) | (Step::Stop(tier), Verb::Stop) => Some(*tier),
        _ => None,
    });
    tiers
        .flat_map(|tier| targets(&machines, tier, verb))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_machine_is_stopped_only_if_that_is_wanted(observed in any_observation()) {
        let stopped = touched(&observed, Verb::Stop);
        prop_assert!(stopped.is_empty() || observed.wanted == Wanted::Hibernating);
        let started = touched(&observed, Verb::Start);
        prop_assert!(started.is_empty() || observed.wanted == Wanted::Running);
    }

    #[test]
    fn what_is_on_its_way_is_left_alone(observed in any_observation()) {
        for machine in touched(&observed, Verb::Start) {
            prop_assert_eq!(machine.power, PowerState::Stopped);
        }
        for machine in touched(&observed, Verb::Stop) {
            prop_assert_eq!(machine.power, PowerState::Running);
        }
    }

    #[test]
    fn nothing_is_touched_on_what_was_seen_before_the_last_act(observed in any_observation()) {
        let plan = plan(&observed);
        let touches = plan.steps.iter().any(|step| matches!(step, Step::Start(_) | Step::Stop(_)));
        let fresh = match (&observed.fleet.sight, observed.fleet.acted) {
            (Sight::Seen { at, .. }, acted) => acted.is_none_or(|acted| acted < *at),
            (Sight::Unseen | Sight::Lost { .. }, _) => false,
        };
        prop_assert!(!touches || fresh);
    }

    #[test]
    fn the_control_plane_is_stopped_last(observed in any_observation()) {
        let stopped = touched(&observed, Verb::Stop);
        if stopped.iter().any(|machine| machine.control_plane) {
            let workers = seen_machines(&observed).into_iter().filter(|m| !m.control_plane);
            for worker in workers {
                prop_assert_ne!(worker.power, PowerState::Running);
            }
        }
    }

    #[test]
    fn a_cluster_is_called_stopped_only_if_all_that_were_counted_are(observed in any_observation()) {
        let status = recorded(&plan(&observed));
        let becomes = words(status.hibernating.as_ref()) == holds(reason::HIBERNATING);
        if becomes {
            let machines = seen_machines(&observed);
            prop_assert!(!machines.is_empty());
            prop_assert!(machines.iter().all(|machine| machine.power == PowerState::Stopped));
            let counted = machines.iter().filter(|machine| !machine.spot).count();
            prop_assert!(counted >= observed.expected.unwrap_or(1).max(1) as usize);
        }
    }

    #[test]
    fn a_cluster_becomes_ready_only_if_all_its_machines_run(observed in any_observation()) {
        let status = recorded(&plan(&observed));
        let becomes = words(status.ready.as_ref()) == holds(reason::RUNNING);
        if becomes && !observed.is_ready() {
            let machines = seen_machines(&observed);
            prop_assert!(!machines.is_empty());
            prop_assert!(machines.iter().all(|machine| machine.power == PowerState::Running));
        }
    }

    #[test]
    fn a_plan_never_ends_without_another_run(observed in any_observation()) {
        let plan = plan(&observed);
        let rings = observed.fleet.looking || observed.cluster.looking;
        // What becomes true is looked at again because it was written.
        let writes = plan.outcome.is_some() && plan.requeue == Requeue::Wait;
        prop_assert!(
            !plan.steps.is_empty() || rings || writes || plan.requeue > Requeue::At(now()),
            "{plan:?}"
        );
    }

    #[test]
    fn the_same_observation_gives_the_same_plan(observed in any_observation()) {
        prop_assert_eq!(plan(&observed), plan(&observed));
    }
}
