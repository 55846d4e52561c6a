//! The engine, scenario by scenario.

use std::{sync::Arc, time::Duration};

use skep_providers::{
    AccountId, Class,
    erase::{
        self, Action, EraseContext, EraseError, EraseRequest, Kind, KindSpec, Phase, Receipt,
        ResourceId,
    },
    fake::{CrashPoint, FakeResource, Fault, cluster},
};

use crate::common::{INFRA_ID, KEY, OWNED, Record, Scene, foreign, owned};

const SECOND: Duration = Duration::from_secs(1);
const NOTHING: Vec<String> = Vec::new();

fn fault(operation: &str, count: u32, class: Class) -> Fault {
    Fault {
        operation: operation.to_owned(),
        skip: 0,
        count,
        class,
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_cluster_goes_within_its_budget() {
    let all = cluster(INFRA_ID, 3);
    let scene = Scene::with(all.clone());
    let before = scene.clock;
    let receipt = scene.erase().await.unwrap();
    let took = skep_providers::Clock::now(&before).duration_since(receipt.started);
    assert!(receipt.complete, "{receipt}");
    assert_eq!(scene.left(), NOTHING);
    assert_eq!(receipt.deleted.len(), all.len());
    // NAT gateways take 50 s and everything behind them follows; the quiet period began with the
    // end of the machines and is over by then. 1.3 times the critical path is 65 s.
    assert!(took.as_secs() < 65, "took {took}");
    let changes = receipt.calls.changes * 2;
    assert!(
        changes <= 3 * all.len() as u64,
        "{} changing calls",
        receipt.calls.changes
    );
    assert!(
        receipt.calls.reads <= 80 + 2,
        "{} reading calls",
        receipt.calls.reads
    );
    assert_eq!(scene.cloud.violations(&scene.account), 0);
    assert!(receipt.swept);
    assert!(receipt.imposed_wait <= SECOND * 65 && receipt.imposed_wait >= SECOND * 45);
}

#[tokio::test(start_paused = true)]
async fn another_account_is_not_touched() {
    let scene = Scene::with(cluster(INFRA_ID, 1));
    let mut request = scene.request();
    request.account = Some(AccountId::new("aws", "999999999999"));
    let error = scene
        .erase_with(request, scene.context())
        .await
        .unwrap_err();
    assert!(matches!(error, EraseError::WrongAccount { .. }), "{error}");
    let log = scene.cloud.log(&scene.account);
    assert!(
        log.iter().all(|call| call.operation == "identity"),
        "{log:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn wrong_credentials_are_told() {
    let scene = Scene::with(cluster(INFRA_ID, 1));
    scene.cloud.reject(KEY);
    let error = scene.erase().await.unwrap_err();
    let EraseError::Identify(error) = error else {
        unreachable!("{error}")
    };
    assert_eq!(error.class, Class::Unauthenticated);
    assert_eq!(scene.changes(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_empty_account_is_only_called_empty_when_it_is_the_right_one() {
    let scene = Scene::new();
    let unknown = EraseRequest {
        account: None,
        ..scene.request()
    };
    let error = scene
        .erase_with(unknown.clone(), scene.context())
        .await
        .unwrap_err();
    assert!(
        matches!(error, EraseError::EmptyUnconfirmed { .. }),
        "{error}"
    );

    let acknowledged = EraseRequest {
        acknowledge_empty: true,
        ..unknown.clone()
    };
    assert!(
        scene
            .erase_with(acknowledged, scene.context())
            .await
            .unwrap()
            .complete
    );
    assert!(scene.erase().await.unwrap().complete, "recorded account");

    scene.cloud.create(&scene.account, owned("disk", "volume"));
    assert!(
        scene
            .erase_with(unknown, scene.context())
            .await
            .unwrap()
            .complete,
        "found something"
    );
    assert_eq!(scene.left(), NOTHING);
}

#[tokio::test(start_paused = true)]
async fn foreign_resources_stay_and_a_foreign_holder_is_named() {
    let mut all = cluster(INFRA_ID, 1);
    all.push(foreign("neighbour", "network"));
    all.push(foreign("intruder", "interface").holding("demo-x7k2p/subnet-0"));
    let scene = Scene::with(all);
    let foreign = scene.cloud.resources(&scene.account)[&ResourceId::new("intruder")].clone();
    let receipt = scene.erase().await.unwrap();
    assert!(!receipt.complete);
    let expected = [
        "demo-x7k2p/network",
        "demo-x7k2p/subnet-0",
        "intruder",
        "neighbour",
    ];
    assert_eq!(scene.left(), expected);
    assert_eq!(scene.cloud.resources(&scene.account)[&foreign.id], foreign);
    let left = receipt
        .left
        .iter()
        .find(|left| left.id.as_str().ends_with("subnet-0"))
        .unwrap();
    assert!(left.why.contains("intruder"), "{}", left.why);
    let behind = receipt
        .left
        .iter()
        .find(|left| left.id.as_str().ends_with("network"))
        .unwrap();
    assert!(behind.why.contains("subnet-0"), "{}", behind.why);
    assert!(
        receipt
            .left
            .iter()
            .any(|left| left.id.as_str() == "intruder" && !left.ours)
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_denied_blocks_alone_and_a_later_run_completes_the_receipt() {
    let mut all = cluster(INFRA_ID, 1);
    all.push(owned("locked", "bucket").undeletable(Class::Denied));
    let scene = Scene::with(all.clone());
    let receipt = scene.erase().await.unwrap();
    assert!(!receipt.complete);
    assert_eq!(scene.left(), ["locked"]);
    let summary = receipt.summary();
    assert_eq!(summary.blocked.len(), 1);
    assert!(
        summary.blocked[0].why.contains("cannot be deleted"),
        "{:?}",
        summary.blocked
    );

    scene
        .cloud
        .unlock(&scene.account, &ResourceId::new("locked"));
    let request = EraseRequest {
        previous: Some(receipt.clone()),
        ..scene.request()
    };
    let second = scene.erase_with(request, scene.context()).await.unwrap();
    assert!(second.complete, "{second}");
    assert_eq!(second.deleted.len(), all.len());
    assert_eq!(second.started, receipt.started);
    assert!(second.calls.changes > receipt.calls.changes);
    assert_eq!(scene.left(), NOTHING);
}

#[tokio::test(start_paused = true)]
async fn a_cycle_of_groups_is_opened_by_one_release() {
    let groups = ["a", "b", "c"];
    let all = groups.iter().enumerate().map(|(place, group)| {
        let next = groups[(place + 1) % groups.len()];
        owned(group, "security-group")
            .referring_to(next)
            .referring_to(group)
    });
    let scene = Scene::with(all.collect());
    let receipt = scene.erase().await.unwrap();
    assert!(receipt.complete, "{receipt}");
    assert_eq!(receipt.calls.changes, 4, "one release, three deletions");
    assert_eq!(scene.cloud.violations(&scene.account), 0);
}

#[tokio::test(start_paused = true)]
async fn references_without_a_cycle_are_not_released() {
    let scene = Scene::with(vec![
        owned("a", "security-group")
            .referring_to("b")
            .referring_to("c"),
        owned("b", "security-group").referring_to("c"),
        owned("c", "security-group"),
    ]);
    let receipt = scene.erase().await.unwrap();
    assert_eq!(receipt.calls.changes, 3);
    assert!(receipt.complete);
}

#[tokio::test(start_paused = true)]
async fn an_unlisted_holder_is_found_recorded_and_deleted_first() {
    for names_holders in [true, false] {
        let scene = Scene::with(vec![
            owned("network", "network"),
            owned("late", "load-balancer")
                .holding("network")
                .unlisted_for(SECOND * 3600),
        ]);
        scene.cloud.set_names_holders(names_holders);
        let journal = Arc::new(Record::default());
        let context = EraseContext {
            journal: journal.clone(),
            ..scene.context()
        };
        let receipt = scene.erase_with(scene.request(), context).await.unwrap();
        assert_eq!(scene.left(), NOTHING);
        assert!(receipt.complete);
        let plans = journal.plans.lock().unwrap();
        let reasons: Vec<&str> = plans.iter().map(|plan| plan.reason.as_str()).collect();
        assert_eq!(reasons, ["initial", "holder of network"]);
        assert_eq!(plans[1].steps[0].id.as_str(), "late");
        assert_eq!(scene.cloud.violations(&scene.account), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reference_made_after_the_listing_is_released() {
    let scene = Scene::with(vec![
        owned("a", "security-group").referring_to("b"),
        owned("b", "security-group").secretly_holding("a"),
    ]);
    let mut b = scene.cloud.resources(&scene.account)[&ResourceId::new("b")].clone();
    b.holds.insert("a".into(), erase::Hold::Reference);
    scene.cloud.create(&scene.account, b);
    scene.cloud.set_names_holders(false);
    let receipt = scene.erase().await.unwrap();
    assert!(receipt.complete, "{receipt}");
    assert_eq!(scene.left(), NOTHING);
}

#[tokio::test(start_paused = true)]
async fn what_a_dying_controller_creates_is_swept() {
    let scene = Scene::with(cluster(INFRA_ID, 1));
    // The machine takes 25 s to go and a call of its controller ends 5 s later: by then the first
    // listing is long past.
    let straggler = owned("straggler", "load-balancer");
    let machine = "demo-x7k2p/master-0";
    scene
        .cloud
        .create_later(&scene.account, straggler, SECOND * 28, machine, SECOND * 5);
    let receipt = scene.erase().await.unwrap();
    assert!(receipt.complete, "{receipt}");
    assert_eq!(scene.left(), NOTHING);
    assert!(
        receipt
            .deleted
            .iter()
            .any(|gone| gone.id.as_str() == "straggler")
    );
    assert!(
        receipt.plans.iter().any(|plan| plan.reason == "sweep"),
        "{:?}",
        receipt.plans
    );
}

#[tokio::test(start_paused = true)]
async fn an_end_is_noticed_soon_and_with_few_looks() {
    for seconds in [1, 5, 20, 45, 60, 120, 600] {
        let scene = Scene::with(vec![owned("slow", "slow").takes(SECOND * seconds)]);
        let spec = KindSpec::new(Kind::new("slow"), "slow", "slow");
        scene
            .cloud
            .describe_kinds(vec![spec.usual_wait(SECOND * seconds)]);
        let receipt = scene.erase().await.unwrap();
        assert!(receipt.complete, "{receipt}");
        let took = receipt
            .finished
            .duration_since(receipt.started)
            .as_secs_f64();
        assert!(
            took <= 1.3 * f64::from(seconds) + 2.0,
            "{seconds} s took {took} s"
        );
        let log = scene.cloud.log(&scene.account);
        let looks = log
            .iter()
            .filter(|call| call.operation.starts_with("describe"))
            .count();
        assert!(looks <= 16, "{looks} looks in {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_control_plane_nothing_is_waited_for() {
    let scene = Scene::with(vec![owned("network", "network"), owned("disk", "volume")]);
    let receipt = scene.erase().await.unwrap();
    assert!(receipt.complete);
    assert!(!receipt.swept);
    assert_eq!(receipt.imposed_wait, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_a_tombstone_still_tells_of_the_control_plane() {
    let scene = Scene::with(vec![owned("master", "instance").control_plane()]);
    scene.erase().await.unwrap();
    let late = owned("late", "load-balancer");
    scene
        .cloud
        .create_later(&scene.account, late, SECOND * 5, "master", SECOND * 3600);
    // A new process, without a receipt: nothing is listed, but a controller ran a moment ago.
    let receipt = scene.erase().await.unwrap();
    assert!(receipt.complete && receipt.swept);
    assert_eq!(scene.left(), NOTHING);
}

#[tokio::test(start_paused = true)]
async fn listings_that_forget_late_cost_nothing() {
    let all = cluster(INFRA_ID, 2)
        .into_iter()
        .map(|resource| resource.ghost_for(SECOND * 3600));
    let all: Vec<FakeResource> = all.collect();
    let scene = Scene::with(all.clone());
    let receipt = scene.erase().await.unwrap();
    assert!(receipt.complete, "{receipt}");
    assert_eq!(receipt.deleted.len(), all.len());
    assert_eq!(receipt.plans.len(), 1, "{:?}", receipt.plans);
}

#[tokio::test(start_paused = true)]
async fn a_listing_with_a_gap_is_never_called_empty() {
    let scene = Scene::with(cluster(INFRA_ID, 1));
    scene.cloud.fault(
        &scene.account,
        fault("discover:identity", 1000, Class::Denied),
    );
    let receipt = scene.erase().await.unwrap();
    assert!(!receipt.complete);
    assert!(receipt.gaps[0].contains("identity"), "{:?}", receipt.gaps);
    assert_eq!(scene.left(), ["demo-x7k2p/profile", "demo-x7k2p/role"]);
}

#[tokio::test(start_paused = true)]
async fn shared_resources_lose_the_mark_last_and_nothing_else() {
    let shared = FakeResource::new("byo", "subnet")
        .tag(OWNED, "shared")
        .tag("team", "blue");
    let scene = Scene::with(vec![shared, owned("lb", "load-balancer").holding("byo")]);
    let receipt = scene.erase().await.unwrap();
    assert!(receipt.complete, "{receipt}");
    assert_eq!(scene.left(), ["byo"]);
    let tags = &scene.cloud.resources(&scene.account)[&ResourceId::new("byo")].tags;
    assert_eq!(tags.keys().collect::<Vec<_>>(), ["team"]);
    let log = scene.cloud.log(&scene.account);
    let changes: Vec<&str> = log
        .iter()
        .filter(|call| call.is_change())
        .map(|call| call.operation.as_str())
        .collect();
    assert_eq!(changes, ["delete:load-balancer", "untag"]);
    assert_eq!(receipt.untagged.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_mark_stays_while_something_is_left() {
    let shared = FakeResource::new("byo", "subnet").tag(OWNED, "shared");
    let locked = owned("locked", "bucket").undeletable(Class::Denied);
    let scene = Scene::with(vec![shared, locked]);
    let receipt = scene.erase().await.unwrap();
    assert!(!receipt.complete);
    assert!(receipt.untagged.is_empty());
}

#[tokio::test(start_paused = true)]
async fn after_a_cancel_no_destructive_call_begins() {
    let scene = Scene::with(cluster(INFRA_ID, 3));
    scene.cloud.fault(
        &scene.account,
        fault("delete:nat", 3, Class::Throttled { after: None }),
    );
    for moment in [0, 120, 300, 1_000, 20_000, 40_000] {
        let context = scene.context();
        let cancel = context.cancel.clone();
        let stop = async {
            tokio::time::sleep(Duration::from_millis(moment)).await;
            let changes = scene.changes();
            cancel.cancel();
            // What was under way may still show its effect.
            tokio::time::sleep(Duration::from_millis(26)).await;
            (changes, scene.changes())
        };
        let erasure = scene.erase_with(scene.request(), context);
        let (result, (_, then)) = tokio::join!(erasure, stop);
        if let Err(error) = result {
            assert!(matches!(error, EraseError::Cancelled { .. }), "{error}");
        }
        tokio::time::sleep(SECOND * 60).await;
        assert_eq!(scene.changes(), then, "cancelled after {moment} ms");
    }
    assert!(scene.erase().await.unwrap().complete);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_off_the_record() {
    let scene = Scene::with(cluster(INFRA_ID, 1));
    let journal = Arc::new(Record {
        refuses: true,
        ..Record::default()
    });
    let context = EraseContext {
        journal,
        ..scene.context()
    };
    let error = scene
        .erase_with(scene.request(), context)
        .await
        .unwrap_err();
    assert!(matches!(error, EraseError::Journal { .. }), "{error}");
    assert_eq!(scene.changes(), 0);

    let journal = Arc::new(Record::default());
    let context = EraseContext {
        journal: journal.clone(),
        ..scene.context()
    };
    let receipt = scene.erase_with(scene.request(), context).await.unwrap();
    let plans = journal.plans.lock().unwrap();
    let planned: Vec<&ResourceId> = plans
        .iter()
        .flat_map(|plan| plan.steps.iter().map(|step| &step.id))
        .collect();
    for call in scene
        .cloud
        .log(&scene.account)
        .iter()
        .filter(|call| call.is_change())
    {
        assert!(call.ids.iter().all(|id| planned.contains(&id)), "{call:?}");
    }
    assert_eq!(receipt.plans[0].digest, plans[0].digest);
}

#[tokio::test(start_paused = true)]
async fn trouble_that_passes_is_outlived() {
    let scene = Scene::with(cluster(INFRA_ID, 2));
    for (operation, class) in [
        (
            "delete",
            Class::Throttled {
                after: Some(SECOND),
            },
        ),
        ("delete:subnet", Class::Transient),
        ("delete:role", Class::Unknown),
        ("describe", Class::Transient),
        ("discover", Class::Throttled { after: None }),
    ] {
        scene
            .cloud
            .fault(&scene.account, fault(operation, 3, class));
    }
    let receipt = scene.erase().await.unwrap();
    assert!(receipt.complete, "{receipt}");
    assert_eq!(scene.left(), NOTHING);
    assert!(receipt.calls.repeated > 0);
}

#[tokio::test(start_paused = true)]
async fn a_claim_without_proof_is_shown_and_not_touched() {
    let scene = Scene::with(vec![
        foreign("neighbour", "network"),
        FakeResource::new("claimed", "subnet").member_of("neighbour"),
        owned("disk", "volume"),
    ]);
    let receipt = scene.erase().await.unwrap();
    assert!(!receipt.complete);
    assert_eq!(scene.left(), ["claimed", "neighbour"]);
    assert!(
        receipt
            .left
            .iter()
            .any(|left| left.id.as_str() == "claimed" && left.ours)
    );
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_was_forgotten_is_begun_again() {
    let scene = Scene::with(vec![owned("stuck", "nat-gateway").takes(SECOND * 2000)]);
    let receipt = scene.erase().await.unwrap();
    // It goes on in the cloud: after the patience it is asked for again, and in the end it is gone
    // or told.
    assert!(
        receipt.complete || receipt.left[0].why.contains("does not end"),
        "{receipt}"
    );
}

#[tokio::test(start_paused = true)]
async fn progress_is_published() {
    let scene = Scene::with(cluster(INFRA_ID, 1));
    let (context, mut seen) = EraseContext::new(Arc::new(scene.clock));
    let watcher = tokio::spawn(async move {
        let mut phases = Vec::new();
        let mut named = false;
        while seen.changed().await.is_ok() {
            let progress = seen.borrow_and_update().clone();
            assert!(progress.done <= progress.total, "{progress:?}");
            named |= progress
                .waiting
                .iter()
                .any(|waiting| waiting.kind.as_str() == "nat-gateway");
            if phases.last() != Some(&progress.phase) {
                phases.push(progress.phase);
            }
        }
        (phases, named)
    });
    scene.erase_with(scene.request(), context).await.unwrap();
    let (phases, named) = watcher.await.unwrap();
    assert!(named, "NAT gateways are waited for");
    assert!(
        phases.contains(&Phase::Execute) && phases.contains(&Phase::Sweep),
        "{phases:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_call_changes_nothing_in_the_end() {
    let all = cluster(INFRA_ID, 2);
    let undisturbed = Scene::with(all.clone());
    undisturbed.erase().await.unwrap();
    let calls = undisturbed.cloud.calls();
    for number in 1..=calls {
        for point in [CrashPoint::Before, CrashPoint::After] {
            let scene = Scene::with(all.clone());
            scene
                .cloud
                .create(&scene.account, foreign("neighbour", "network"));
            scene.cloud.crash_at(number, point);
            let journal = Arc::new(Record::default());
            let context = EraseContext {
                journal: journal.clone(),
                ..scene.context()
            };
            let mut previous = None;
            tokio::select! {
                result = scene.erase_with(scene.request(), context) => { result.unwrap(); }
                () = scene.cloud.crashed() => {
                    previous = journal.receipt.lock().unwrap().clone();
                }
            }
            let request = EraseRequest {
                previous,
                ..scene.request()
            };
            let receipt = scene.erase_with(request, scene.context()).await.unwrap();
            assert!(receipt.complete, "call {number} {point:?}: {receipt}");
            assert_eq!(scene.left(), ["neighbour"], "call {number} {point:?}");
            assert_eq!(
                receipt.deleted.len(),
                all.len(),
                "call {number} {point:?}: {receipt}"
            );
            assert!(receipt.swept, "call {number} {point:?}");
        }
    }
}

/// Runs until a moment, when the process is killed or asked to stop, then again to the end.
async fn in_two_runs(scene: &Scene, moment: Duration, killed: bool) -> Receipt {
    let journal = Arc::new(Record::default());
    let context = EraseContext {
        journal: journal.clone(),
        ..scene.context()
    };
    let cancel = context.cancel.clone();
    let mut first = Box::pin(scene.erase_with(scene.request(), context));
    tokio::select! {
        result = &mut first => panic!("ended before {moment:?}: {result:?}"),
        () = tokio::time::sleep(moment) => {}
    }
    let previous = if killed {
        drop(first);
        journal.receipt.lock().unwrap().clone()
    } else {
        cancel.cancel();
        first.await.unwrap_err().receipt().cloned()
    };
    let request = EraseRequest {
        previous,
        ..scene.request()
    };
    scene.erase_with(request, scene.context()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_receipt_of_two_runs_tells_of_both_and_of_what_nobody_counted() {
    let all = cluster(INFRA_ID, 2);
    for moment in [300, 900, 1_500, 5_000, 40_000] {
        for killed in [true, false] {
            let scene = Scene::with(all.clone());
            let moment = Duration::from_millis(moment);
            let receipt = in_two_runs(&scene, moment, killed).await;
            let made = u64::try_from(scene.changes()).unwrap();
            let told = receipt.to_string();
            assert!(receipt.complete, "{told}");
            assert_eq!(
                receipt.deleted.len(),
                all.len(),
                "{moment:?} {killed}: {told}"
            );
            let reasons: Vec<&str> = receipt
                .plans
                .iter()
                .map(|plan| plan.reason.as_str())
                .filter(|reason| matches!(*reason, "initial" | "continued"))
                .collect();
            assert_eq!(
                reasons,
                ["initial", "continued"],
                "{moment:?} {killed}: {told}"
            );
            assert!(!receipt.under_way);
            assert_eq!(receipt.interrupted, u32::from(killed), "{moment:?}: {told}");
            assert_eq!(told.contains("at least"), killed, "{told}");
            if killed {
                assert!(receipt.calls.changes <= made, "{moment:?}: {told}");
            } else {
                assert_eq!(receipt.calls.changes, made, "{moment:?}: {told}");
            }
            if moment > SECOND {
                assert!(
                    receipt.calls.changes > made / 2,
                    "{moment:?}: {made}, {told}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_only_reads() {
    let scene = Scene::with(cluster(INFRA_ID, 2));
    let plan = erase::plan(&scene.request(), &*scene.target().await)
        .await
        .unwrap();
    assert_eq!(scene.changes(), 0);
    assert_eq!(
        plan.steps
            .iter()
            .filter(|step| step.action == Action::Release)
            .count(),
        1
    );
    for (place, step) in plan.steps.iter().enumerate() {
        assert!(step.after.iter().all(|before| *before < place), "{step:?}");
    }
    assert!(
        plan.to_string()
            .contains("tag kubernetes.io/cluster/demo-x7k2p=owned"),
        "{plan}"
    );
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<erase::Plan>(&json).unwrap(), plan);
}
