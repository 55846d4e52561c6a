//! docs/spec/21 §6 and what §11 says about it.

use super::*;
use crate::remote::view::{MachineSeen, SigningRequest};

const RUNNING: PowerState = PowerState::Running;
const STOPPED: PowerState = PowerState::Stopped;
const STOPPING: PowerState = PowerState::Stopping;
const PENDING: PowerState = PowerState::Pending;

fn with(observed: Observed, machines: Vec<Machine>) -> Observed {
    Observed {
        fleet: seen(2, machines),
        ..observed
    }
}

fn showing(reason: &str, change: fn(&mut Sighted)) -> Observed {
    let mut sighted = healthy();
    change(&mut sighted);
    Observed {
        cluster: looked(2, Ok(sighted)),
        ..waking(reason)
    }
}

/// Not named `reason`, which is the module of reasons.
fn ready_for(observed: &Observed) -> Option<(ConditionStatus, String)> {
    verdicts(observed).1
}

#[test]
fn the_control_plane_is_started_first_and_put_on_record_before() {
    let observed = called();
    assert_eq!(acts(&observed), [Step::Start(Tier::ControlPlane)]);
    assert!(plan(&observed).intent.is_some());
    assert_eq!(
        verdicts(&observed),
        (
            holds_not(reason::RESUMING_OR_RUNNING),
            holds_not(reason::STARTING_MACHINES),
            Some("StartingMachines")
        )
    );
    // The workers follow when most of the control plane runs.
    let down = [STOPPED, STOPPED];
    let both = vec![Step::Start(Tier::ControlPlane), Step::Start(Tier::Workers)];
    for (masters, expected) in [
        ([PENDING, PENDING, PENDING], vec![]),
        ([RUNNING, PENDING, PENDING], vec![]),
        (
            [RUNNING, RUNNING, PENDING],
            vec![Step::Start(Tier::Workers)],
        ),
        ([RUNNING, RUNNING, STOPPED], both),
        (
            [RUNNING, STOPPED, STOPPED],
            vec![Step::Start(Tier::ControlPlane)],
        ),
        (
            [RUNNING, RUNNING, RUNNING],
            vec![Step::Start(Tier::Workers)],
        ),
    ] {
        let observed = with(waking(reason::STARTING_MACHINES), machines(&masters, &down));
        assert_eq!(acts(&observed), expected, "{masters:?}");
    }
}

/// §11: "AWS `StartInstances` includes instances in stopping/shutting-down".
#[test]
fn what_is_on_its_way_to_be_stopped_is_not_started() {
    for (masters, expected) in [
        ([STOPPING, STOPPING, STOPPING], vec![]),
        ([STOPPING, STOPPED, STOPPED], vec!["master-1", "master-2"]),
    ] {
        let fleet = machines(&masters, &[STOPPED, STOPPED]);
        let observed = with(called(), fleet.clone());
        let started: Vec<String> = acts(&observed)
            .iter()
            .flat_map(|step| match step {
                Step::Start(tier) => {
                    super::super::decide::targets(&fleet, *tier, super::super::Verb::Start)
                }
                _ => vec![],
            })
            .map(|machine| machine.name)
            .collect();
        assert_eq!(started, expected, "{masters:?}");
    }
}

/// Steps 1/4 to 4/4, with who is waited for (§11: "Ready message does not name which nodes / operators").
#[test]
fn a_wake_goes_through_the_reasons_of_the_api() {
    let nodes = reason::WAITING_FOR_NODES;
    let operators = reason::WAITING_FOR_CLUSTER_OPERATORS;
    let pausing = reason::PAUSING_FOR_CLUSTER_OPERATORS_TO_SETTLE;
    let started = waking(reason::STARTING_MACHINES);
    for (observed, reason, says) in [
        (
            with(
                started.clone(),
                machines(&[RUNNING; 3], &[PENDING, RUNNING]),
            ),
            reason::WAITING_FOR_MACHINES,
            "4 of 5 machines run; not yet: worker-0 (starting) (step 1/4)",
        ),
        (
            Observed {
                cluster: looked(2, Err("no connection".into())),
                ..started.clone()
            },
            nodes,
            "the cluster does not answer yet: no connection (step 2/4)",
        ),
        (
            Observed {
                cluster: Glimpse::default(),
                ..started
            },
            nodes,
            "the cluster has not answered yet (step 2/4)",
        ),
        (
            showing(nodes, |seen| {
                seen.waking.as_mut().unwrap().nodes[1] = node("worker-0", false);
            }),
            nodes,
            "worker-0 (NodeStatusUnknown) (step 2/4)",
        ),
        (
            showing(nodes, |seen| seen.waking.as_mut().unwrap().nodes.clear()),
            nodes,
            "no node yet (step 2/4)",
        ),
        (waking(nodes), pausing, "(step 3/4)"),
        (
            showing(operators, |seen| {
                seen.operators[1].progressing = Some("Rollout".into());
            }),
            operators,
            "ingress is progressing (Rollout) (step 4/4)",
        ),
        (
            showing(operators, |seen| seen.operators.clear()),
            operators,
            "no operator of the cluster has reported yet (step 4/4)",
        ),
    ] {
        assert_eq!(ready_for(&observed), holds_not(reason), "{says}");
        assert_eq!(verdicts(&observed).2, Some(reason));
        let words = message(&observed);
        assert!(words.contains(says), "{words}");
    }
    assert_eq!(ready_for(&waking(operators)), holds(reason::RUNNING));
    assert_eq!(plan(&waking(operators)).steps, []);
}

/// §11: "replace fixed pause by 'operator status changed since resume' check".
#[test]
fn the_pause_ends_when_an_operator_has_noticed_or_after_two_minutes() {
    let pausing = reason::PAUSING_FOR_CLUSTER_OPERATORS_TO_SETTLE;
    let paused = |seconds| Observed {
        ready: Some(Said {
            written: seconds_ago(seconds),
            ..said(ConditionStatus::False, pausing, ago(310))
        }),
        ..waking(pausing)
    };
    assert_eq!(ready_for(&paused(119)), holds_not(pausing));
    assert_eq!(ready_for(&paused(120)), holds(reason::RUNNING));
    let noticed = showing(pausing, |seen| seen.operators[2].changed = Some(ago(1)));
    assert_eq!(ready_for(&noticed), holds(reason::RUNNING));
    let before = showing(pausing, |seen| seen.operators[2].changed = Some(ago(5)));
    let before = Observed {
        ready: paused(10).ready,
        ..before
    };
    assert_eq!(ready_for(&before), holds_not(pausing), "before the wake");
}

/// §1: the label, and §11: "'Disabled' operator condition is skipped only as a condition".
#[test]
fn operators_that_do_not_matter_are_not_waited_for() {
    let ill = |seen: &mut Sighted| seen.operators[1].degraded = Some("NoPods".into());
    let operators = reason::WAITING_FOR_CLUSTER_OPERATORS;
    assert_eq!(ready_for(&showing(operators, ill)), holds_not(operators));
    let skipping = Observed {
        skips_operators: true,
        ..showing(reason::WAITING_FOR_NODES, ill)
    };
    assert_eq!(ready_for(&skipping), holds(reason::RUNNING));
    let disabled = showing(operators, |seen| {
        seen.operators[1].degraded = Some("NoPods".into());
        seen.operators[1].disabled = true;
    });
    assert_eq!(ready_for(&disabled), holds(reason::RUNNING));
}

/// §11: "Zero instances counts as […] 'all running'", "Unknown Azure state and GCP SUSPENDED/REPAIRING".
#[test]
fn a_cluster_runs_only_if_all_that_are_there_do() {
    let operators = reason::WAITING_FOR_CLUSTER_OPERATORS;
    for last in [
        STOPPED,
        PENDING,
        STOPPING,
        PowerState::Other("unknown".into()),
    ] {
        let mut seen = all(&RUNNING);
        seen[4].power = last.clone();
        let observed = with(waking(operators), seen);
        assert_ne!(ready_for(&observed), holds(reason::RUNNING), "{last:?}");
    }
    let nothing = with(waking(operators), vec![]);
    assert_eq!(ready_for(&nothing), holds_not(reason::WAITING_FOR_MACHINES));
    assert!(message(&nothing).contains("no machine of the cluster is found"));
}

/// What was seen of the cluster before it slept, or before its machines were started, says nothing.
#[test]
fn what_was_seen_before_the_wake_is_over() {
    let operators = reason::WAITING_FOR_CLUSTER_OPERATORS;
    let old = Observed {
        cluster: looked(241, Ok(healthy())),
        ..waking(operators)
    };
    assert_eq!(ready_for(&old), holds_not(reason::WAITING_FOR_NODES));
    let just_started = Observed {
        fleet: Fleet {
            acted: Some(seconds_ago(3)),
            ..seen(2, all(&RUNNING))
        },
        ..waking(operators)
    };
    assert_eq!(
        ready_for(&just_started),
        holds_not(reason::WAITING_FOR_NODES),
        "the look began no later"
    );
    let look = Step::Look {
        depth: Depth::Waking,
    };
    let shallow = showing(operators, |seen| seen.waking = None);
    assert!(plan(&shallow).steps.contains(&look));
    assert_ne!(ready_for(&shallow), holds(reason::RUNNING));
}

/// §11: "CSRs approved only while nodes are not ready, each 30 s, serially".
#[test]
fn requests_are_approved_as_they_come_and_until_the_end() {
    fn request(name: &str, pem: &[u8]) -> SigningRequest {
        SigningRequest {
            name: name.to_owned(),
            username: "system:node:worker-0.demo.internal".into(),
            groups: vec!["system:nodes".into(), "system:authenticated".into()],
            usages: vec!["digital signature".into(), "server auth".into()],
            pem: pem.to_vec(),
            settled: None,
            signer: "kubernetes.io/kubelet-serving".into(),
        }
    }
    fn asking(seen: &mut Sighted) {
        let pem = include_bytes!("../csr/fixtures/serving-ecdsa.pem");
        let waking = seen.waking.as_mut().unwrap();
        // The bad one comes first, and keeps nobody.
        waking.requests = vec![request("csr-a", b"bad"), request("csr-b", pem)];
        waking.machines = vec![MachineSeen {
            name: "worker-0".into(),
            node: Some("worker-0.demo.internal".into()),
            interruptible: false,
            deleting: false,
            phase: Some("Running".into()),
            last_updated: None,
            addresses: vec![
                ("InternalDNS".into(), "worker-0.demo.internal".into()),
                ("InternalIP".into(), "10.0.0.5".into()),
            ],
        }];
    }
    let approve = Step::Approve {
        names: vec!["csr-b".into()],
    };
    for reason in [
        reason::WAITING_FOR_NODES,
        reason::PAUSING_FOR_CLUSTER_OPERATORS_TO_SETTLE,
    ] {
        let observed = Observed {
            ready: Some(Said {
                written: seconds_ago(10),
                ..waking(reason).ready.unwrap()
            }),
            ..showing(reason, asking)
        };
        assert_eq!(acts(&observed), std::slice::from_ref(&approve), "{reason}");
    }
    // While the last worker still comes up, too.
    let early = with(
        showing(reason::WAITING_FOR_MACHINES, asking),
        machines(&[RUNNING; 3], &[PENDING, RUNNING]),
    );
    assert_eq!(acts(&early), [approve]);
    // What was seen before the last approval is not approved once more, and looked at anew at once.
    let mut approved = showing(reason::WAITING_FOR_NODES, asking);
    approved.cluster.acted = Some(seconds_ago(1));
    assert_eq!(acts(&approved), []);
    let look = Step::Look {
        depth: Depth::Waking,
    };
    assert!(plan(&approved).steps.contains(&look));
}

/// §11: "No time-out on resume".
#[test]
fn after_half_an_hour_somebody_is_called() {
    let stuck = |minutes| {
        let mut observed = showing(reason::WAITING_FOR_NODES, |seen| {
            let waking = seen.waking.as_mut().unwrap();
            waking.nodes[1] = node("worker-0", false);
            waking.requests = vec![SigningRequest {
                name: "csr-a".into(),
                username: "system:admin".into(),
                groups: vec![],
                usages: vec![],
                pem: vec![],
                settled: None,
                signer: "kubernetes.io/kubelet-serving".into(),
            }];
        });
        observed.hibernating = is_false(reason::RESUMING_OR_RUNNING, ago(minutes));
        observed
    };
    let early = plan(&stuck(29));
    assert!(!early.notes[0].is_warning(), "{:?}", early.notes);
    assert!(early.requeue <= Requeue::At(later(1)));
    let late = plan(&stuck(30));
    assert!(late.notes[0].is_warning() && late.notes[0].emit_event);
    let words = message(&stuck(30));
    for part in [
        "worker-0 (NodeStatusUnknown)",
        "longer than 30 minutes",
        "csr-a (its usages are no kubelet's)",
    ] {
        assert!(words.contains(part), "{words}");
    }
    assert_eq!(ready_for(&stuck(30)), holds_not(reason::WAITING_FOR_NODES));
}

/// §1: `FailedToStartMachines`, with what the cloud says; §11: "surface allocation/quota error".
#[test]
fn a_start_that_fails_is_told_and_tried_again() {
    let failed = Observed {
        failures: Failures {
            stop: None,
            start: Some("a quota or the capacity is used up: InsufficientInstanceCapacity".into()),
        },
        ..with(waking(reason::STARTING_MACHINES), all(&STOPPED))
    };
    assert_eq!(
        ready_for(&failed),
        holds_not(reason::FAILED_TO_START_MACHINES)
    );
    assert!(message(&failed).contains("InsufficientInstanceCapacity"));
    assert_eq!(acts(&failed), [Step::Start(Tier::ControlPlane)]);
    let blind = Observed {
        fleet: lost("the credentials are not accepted"),
        ..called()
    };
    assert_eq!(acts(&blind), []);
    assert_eq!(
        ready_for(&blind),
        holds_not(reason::FAILED_TO_START_MACHINES)
    );
}

/// A cluster that was never stopped has nothing to settle.
#[test]
fn a_new_cluster_is_ready_as_soon_as_it_was_looked_at() {
    let new = Observed {
        hibernating: Some(said(ConditionStatus::Unknown, reason::INITIALIZED, ago(60))),
        ready: Some(said(ConditionStatus::Unknown, reason::INITIALIZED, ago(60))),
        ..running()
    };
    assert_eq!(verdicts(&new).1, holds(reason::RUNNING));
    let unseen = Observed {
        cluster: Glimpse::default(),
        ..new
    };
    assert_eq!(
        verdicts(&unseen),
        (holds_not(reason::RESUMING_OR_RUNNING), None, None)
    );
    assert_eq!(acts(&unseen), []);
}

/// §8 and §11: "Spot replacement deletes Machines one by one each pass".
#[test]
fn spot_machines_that_are_gone_are_made_anew_together() {
    fn spot(name: &str) -> MachineSeen {
        MachineSeen {
            name: name.to_owned(),
            node: Some(format!("{name}.demo.internal")),
            interruptible: true,
            deleting: false,
            phase: Some("Running".into()),
            last_updated: Some(ago(600)),
            addresses: vec![],
        }
    }
    fn gone(seen: &mut Sighted) {
        let waking = seen.waking.as_mut().unwrap();
        waking.machines = vec![
            spot("spot-0"),
            spot("spot-1"),
            // Its instance is there.
            spot("worker-0"),
            MachineSeen {
                deleting: true,
                ..spot("spot-2")
            },
            MachineSeen {
                interruptible: false,
                ..spot("other-0")
            },
            // The cluster itself has seen to it since the wake.
            MachineSeen {
                last_updated: Some(ago(1)),
                phase: Some("Provisioning".into()),
                ..spot("spot-3")
            },
            // Its node is well.
            MachineSeen {
                node: Some("master-0".into()),
                ..spot("spot-4")
            },
        ];
    }
    let observed = showing(reason::WAITING_FOR_NODES, gone);
    let replace = Step::ReplaceMachines {
        names: vec!["spot-0".into(), "spot-1".into()],
    };
    assert_eq!(acts(&observed), [replace]);
    assert!(message(&observed).contains("spot-0, spot-1"));
}
