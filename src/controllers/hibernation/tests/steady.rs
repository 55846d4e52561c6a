//! What §11 says about clusters that are as they are wanted.

use super::*;
use crate::controllers::hibernation::status::merge;
use serde_json::json;
use skep_crds::ClusterDeployment;

/// "Every CD event of a running cluster = cloud list + Node list + ClusterOperator list".
#[test]
fn a_run_of_a_steady_cluster_asks_nobody() {
    for observed in [running(), sleeping()] {
        let plan = plan(&observed);
        assert_eq!(plan.steps, []);
        assert!(plan.requeue > Requeue::At(now()), "{:?}", plan.requeue);
    }
}

/// "No periodic check in the stable Hibernating state": once an hour, each cluster at its own minute.
#[test]
fn machines_are_looked_at_once_an_hour_in_turn() {
    let looks = |observed: &Observed, at: Timestamp| {
        let steps = decide(observed, at).steps;
        steps
            .iter()
            .any(|step| matches!(step, Step::LookAtMachines { .. }))
    };
    let mut minutes = std::collections::BTreeSet::new();
    for number in 0..40 {
        for mut observed in [sleeping(), running()] {
            observed.at.key.uid = format!("uid-{number}");
            let due = (0..60).find(|minute| looks(&observed, later(*minute)));
            let due = due.expect("within an hour of the last look");
            minutes.insert(due);
            assert!(looks(&observed, later(due + 1)), "until it is done");
            let done = Observed {
                fleet: Fleet {
                    asked: Some(later(due)),
                    sight: Sight::Seen {
                        // Shared with others, who asked before.
                        at: later(due - 29),
                        machines: all(match observed.wanted {
                            Wanted::Running => &PowerState::Running,
                            Wanted::Hibernating => &PowerState::Stopped,
                        }),
                    },
                    ..Fleet::default()
                },
                ..observed
            };
            assert!(!looks(&done, later(due + 58)), "once in an hour");
            assert!(looks(&done, later(due + 61)));
        }
    }
    assert!(minutes.len() > 10, "spread: {minutes:?}");
}

/// A look takes less than the second in which a turn begins: it is of that turn, and not one of many.
#[test]
fn a_look_within_the_second_that_begins_a_turn_is_enough() {
    let part = |milliseconds| SignedDuration::from_millis(milliseconds);
    let looks = |observed: &Observed, at: Timestamp| {
        let steps = decide(observed, at).steps;
        let mut steps = steps.iter();
        steps.any(|step| matches!(step, Step::LookAtMachines { .. }))
    };
    for observed in [sleeping(), running()] {
        let seconds = (0..3600).map(|second| now() + SignedDuration::from_secs(second));
        let due = seconds.into_iter().find(|at| looks(&observed, *at));
        let due = due.expect("within an hour");
        assert!(looks(&observed, due + part(790)));
        let mut done = observed;
        done.fleet.asked = Some(due + part(790));
        assert!(!looks(&done, due + part(795)));
        assert!(looks(&done, due + SignedDuration::from_hours(1)));
    }
}

/// A process that has just begun does not ask for a whole fleet at once.
#[test]
fn a_new_process_waits_for_each_clusters_turn() {
    let at_once = (0..100).filter(|number| {
        let mut observed = Observed {
            fleet: Fleet::default(),
            ..sleeping()
        };
        observed.at.key.uid = format!("uid-{number}");
        !plan(&observed).steps.is_empty()
    });
    assert!(at_once.count() < 15);
}

/// "VMs started outside stay up".
#[test]
fn machines_that_run_while_the_cluster_sleeps_are_stopped_again() {
    let mut strays = all(&PowerState::Stopped);
    strays[3].power = PowerState::Running;
    let observed = Observed {
        fleet: seen(2, strays.clone()),
        ..sleeping()
    };
    assert_eq!(acts(&observed), [Step::Stop(Tier::Workers)]);
    assert_eq!(
        verdicts(&observed).0,
        holds_not(reason::WAITING_FOR_MACHINES_TO_STOP)
    );
    // What was seen before the cluster slept is no stray.
    let before = Observed {
        fleet: seen(301 * 60, strays),
        ..sleeping()
    };
    assert_eq!(acts(&before), []);
    // Nothing found, less found, something odd found: the cluster sleeps on, and it is said.
    let odd = PowerState::Other("unknown".into());
    for machines in [vec![], all(&PowerState::Stopped)[..3].to_vec(), all(&odd)] {
        let observed = Observed {
            fleet: seen(2, machines),
            ..sleeping()
        };
        assert_eq!(acts(&observed), []);
        assert_eq!(verdicts(&observed), (None, None, Some("Hibernating")));
    }
    let blind = Observed {
        fleet: lost("throttled"),
        ..sleeping()
    };
    assert_eq!(verdicts(&blind).0, None);
    assert!(plan(&blind).notes[0].message.contains("throttled"));
}

/// A sleeping cluster is never looked into.
#[test]
fn a_sleeping_cluster_is_left_alone() {
    for minute in 0..180 {
        let steps = decide(&sleeping(), later(minute)).steps;
        let looks = steps.iter().any(|step| matches!(step, Step::Look { .. }));
        assert!(!looks, "{minute}");
    }
}

/// §6: a machine that somebody stopped is started, as the specification says.
#[test]
fn machines_that_are_stopped_while_the_cluster_runs_are_started() {
    let mut strays = all(&PowerState::Running);
    strays[4].power = PowerState::Stopped;
    let observed = Observed {
        fleet: seen(2, strays),
        ..running()
    };
    assert_eq!(acts(&observed), [Step::Start(Tier::Workers)]);
    assert_eq!(verdicts(&observed).1, holds_not(reason::STARTING_MACHINES));
}

/// "Routine operator Progressing (upgrade) flips Ready to False and back".
#[test]
fn a_cluster_at_work_stays_ready_until_something_is_unavailable() {
    let shows = |change: fn(&mut Sighted)| {
        let mut sighted = Sighted {
            waking: None,
            ..healthy()
        };
        change(&mut sighted);
        Observed {
            cluster: looked(2, Ok(sighted)),
            ..running()
        }
    };
    let stays = |observed: &Observed| verdicts(observed).1 == holds(reason::RUNNING);
    assert!(stays(&shows(|seen| {
        seen.upgrading = true;
        seen.operators[1].progressing = Some("Rollout".into());
        seen.operators[2].degraded = Some("NodeInstaller".into());
    })));
    let down = shows(|seen| seen.operators[1].unavailable = Some("NoPods".into()));
    assert_eq!(
        verdicts(&down).1,
        holds_not(reason::WAITING_FOR_CLUSTER_OPERATORS)
    );
    assert!(
        plan(&down).notes[0]
            .message
            .contains("ingress is unavailable (NoPods)")
    );
    // It comes back without another pause.
    let back = Observed {
        ready: is_false(reason::WAITING_FOR_CLUSTER_OPERATORS, ago(1)),
        ..running()
    };
    assert!(stays(&back));
    // One that does not answer is the unreachable controller's business.
    let silent = Observed {
        cluster: looked(2, Err("timed out".into())),
        ..running()
    };
    assert!(stays(&silent));
    assert_eq!(acts(&silent), []);
}

fn root(conditions: &serde_json::Value) -> ClusterDeployment {
    serde_json::from_value(json!({
        "apiVersion": "hive.openshift.io/v1",
        "kind": "ClusterDeployment",
        "metadata": {"name": "demo", "namespace": "team", "uid": "u-1"},
        "spec": {
            "baseDomain": "example.com", "clusterName": "demo", "installed": true, "platform": {},
            "clusterMetadata": {
                "clusterID": "c", "infraID": "demo-x7k2p", "adminKubeconfigSecretRef": {"name": "k"},
            },
        },
        "status": {"powerState": "Running", "conditions": conditions},
    }))
    .unwrap()
}

/// §1: conditions are written when their words change, and others' are left alone.
#[test]
fn only_what_changed_is_written() {
    assert_eq!(merge(&root(&json!([])), &Status::default(), now()), None);
    let met = json!([{
        "type": "RequirementsMet", "status": "Unknown", "reason": "Initialized", "message": "m",
    }]);
    let first = merge(&root(&met), &Status::default(), now()).unwrap();
    let types = |patch: &serde_json::Value| -> Vec<String> {
        let conditions = patch["conditions"].as_array().unwrap();
        let name = |condition: &serde_json::Value| condition["type"].as_str().unwrap().to_owned();
        conditions.iter().map(name).collect()
    };
    assert_eq!(
        types(&first),
        ["Hibernating", "Ready", "RequirementsMet"],
        "both are initialised"
    );
    let mut running = merge(&root(&first["conditions"]), &Status::running(), ago(60)).unwrap();
    let mut all = running["conditions"].take();
    all.as_array_mut().unwrap().push(json!({
        "type": "Unreachable", "status": "False", "reason": "ClusterReachable", "message": "m",
    }));
    let object = root(&all);
    assert_eq!(merge(&object, &Status::running(), now()), None);
    let slept = merge(&object, &Status::hibernating("5 of 5"), now()).unwrap();
    assert_eq!(slept["powerState"], "Hibernating");
    assert!(types(&slept).contains(&"Unreachable".to_owned()));
}
