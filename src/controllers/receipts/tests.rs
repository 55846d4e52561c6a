//! What is kept of plans and receipts, how much of it, and for how long.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use skep_providers::AccountId;
use skep_providers::erase::{Disposed, Journal as _, Kind, Left, Receipt, RecordedPlan};
use tokio_util::sync::CancellationToken;

use super::{LARGEST_ADDITIONS, LARGEST_RECEIPT, MOST_PLANS, PLAN_KEY, RECEIPT_KEY, RETENTION};
use crate::controllers::erasure::testing::{Hub, subject};
use crate::runtime::lease::Claim;

fn receipt(deleted: usize, left: usize, plans: usize) -> Receipt {
    let at = Timestamp::UNIX_EPOCH;
    let kind = Kind::new("volume");
    let disposed = |n: usize| Disposed {
        id: format!("vol-{n:017}").into(),
        kind: kind.clone(),
        name: format!("demo-x7k2p-dynamic-pvc-{n}"),
        proof: None,
        at,
    };
    let remaining = |n: usize| Left {
        id: format!("vol-{n:017}").into(),
        kind: kind.clone(),
        name: format!("demo-x7k2p-dynamic-pvc-{n}"),
        why: "in use".into(),
        ours: true,
        shared: false,
    };
    let plan = |n: usize| RecordedPlan {
        digest: format!("sha256:{n}"),
        steps: n,
        reason: "initial".into(),
        at,
    };
    Receipt {
        infra_id: "demo-x7k2p".into(),
        account: AccountId::new("aws", "123456789012"),
        started: at,
        finished: at,
        plans: (0..plans).map(plan).collect(),
        deleted: (0..deleted).map(disposed).collect(),
        untagged: Vec::new(),
        left: (0..left).map(remaining).collect(),
        gaps: Vec::new(),
        calls: skep_providers::call::CallCounts::default(),
        interrupted: 0,
        under_way: false,
        imposed_wait: Duration::ZERO,
        control_plane: true,
        swept: true,
        complete: left == 0,
    }
}

fn kept(receipt: &Receipt) -> Receipt {
    let text = super::bounded_receipt(receipt).unwrap();
    assert!(text.len() <= LARGEST_RECEIPT, "{} bytes", text.len());
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_usual_receipt_is_kept_whole() {
    let whole = receipt(200, 3, 4);
    assert_eq!(kept(&whole), whole);
}

#[test]
fn a_long_receipt_loses_what_is_gone_before_what_is_left() {
    let short = kept(&receipt(20_000, 100, 4));
    assert!(short.deleted.len() < 20_000);
    let newest = format!("vol-{:017}", 19_999);
    assert_eq!(
        short.deleted.last().map(|gone| gone.id.as_str()),
        Some(newest.as_str())
    );
    assert_eq!(short.left.len(), 100);
}

#[test]
fn what_is_left_beyond_all_room_is_counted() {
    let short = kept(&receipt(10, 20_000, 1));
    let dropped: usize = short
        .gaps
        .iter()
        .filter_map(|gap| gap.split(' ').next()?.parse::<usize>().ok())
        .sum();
    assert_eq!(short.left.len() + dropped, 20_000);
}

/// An erasure that is blocked for a month makes a plan every ten minutes.
#[test]
fn of_many_plans_the_first_and_the_last_are_kept() {
    let short = kept(&receipt(1, 1, 5_000));
    assert_eq!(short.plans.len(), MOST_PLANS);
    assert_eq!(short.plans[0].digest, "sha256:0");
    assert_eq!(short.plans.last().map(|plan| plan.steps), Some(4_999));
}

#[tokio::test(start_paused = true)]
async fn the_first_plan_stays_and_later_ones_are_added() {
    let hub = Hub::new();
    let receipts = hub.shared.erasures.receipts();
    let plan = |reason: &str, digest: &str| -> skep_providers::erase::Plan {
        serde_json::from_value(json!({
            "infraId": "demo-x7k2p", "account": "aws:123456789012", "reason": reason,
            "steps": [], "untouched": [], "gaps": [], "digest": digest, "controlPlane": false,
        }))
        .unwrap()
    };
    let first = receipts.open(&subject()).await.unwrap();
    assert!(first.receipt.is_none());
    first
        .journal
        .record_plan(&plan("initial", "sha256:1"))
        .await
        .unwrap();
    first.journal.checkpoint(&receipt(1, 1, 1)).await.unwrap();
    // A later run, in another process.
    let second = receipts.open(&subject()).await.unwrap();
    assert_eq!(second.receipt, Some(receipt(1, 1, 1)));
    second
        .journal
        .record_plan(&plan("initial", "sha256:2"))
        .await
        .unwrap();
    let data = hub.record().unwrap()["data"].clone();
    assert!(data[PLAN_KEY].as_str().unwrap().contains("sha256:1"));
    assert!(
        data["additions.json"]
            .as_str()
            .unwrap()
            .contains("sha256:2")
    );
    assert!(
        data[RECEIPT_KEY].is_string(),
        "the receipt so far was lost: {data}"
    );
}

#[test]
fn additions_stay_small() {
    let mut text = String::new();
    for n in 0..500 {
        let steps: Vec<Value> = (0..20)
            .map(|step| {
                json!({
                    "action": "delete", "id": format!("vol-{n}-{step}"), "kind": "volume",
                    "name": "x", "after": [], "wave": 0,
                })
            })
            .collect();
        let plan = serde_json::from_value(json!({
            "infraId": "demo-x7k2p", "account": "aws:123456789012", "reason": "sweep",
            "steps": steps, "untouched": [], "gaps": [], "digest": format!("sha256:{n}"),
            "controlPlane": false,
        }));
        text = super::bounded_additions(&text, &plan.unwrap()).unwrap();
        assert!(text.len() <= LARGEST_ADDITIONS);
    }
    assert!(text.contains("sha256:499") && !text.contains("\"sha256:1\""));
}

/// Receipts are found by the cluster's full name, however its labels are cut.
#[tokio::test(start_paused = true)]
async fn the_receipts_of_a_cluster_are_found_when_it_is_gone() {
    let hub = Hub::new();
    let receipts = hub.shared.erasures.receipts();
    let opened = receipts.open(&subject()).await.unwrap();
    opened.journal.checkpoint(&receipt(3, 0, 1)).await.unwrap();
    assert_eq!(receipts.of_cluster("team", "demo").await.unwrap().len(), 1);
    assert_eq!(receipts.of_cluster("team", "other").await.unwrap().len(), 0);
    assert_eq!(
        receipts.of_cluster("others", "demo").await.unwrap().len(),
        0
    );
}

/// The janitor deletes receipts whose time is over, and only while it leads.
#[tokio::test(start_paused = true)]
async fn receipts_are_deleted_after_their_time() {
    let hub = Hub::new();
    let receipts = hub.shared.erasures.receipts().clone();
    let opened = receipts.open(&subject()).await.unwrap();
    opened.journal.checkpoint(&receipt(3, 0, 1)).await.unwrap();
    let foreign = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": "hive", "name": "foreign", "annotations": BTreeMap::from([
            ("skep.dev/expires", "2020-01-01T00:00:00Z"),
        ])},
    });
    hub.seed("", "configmaps", &foreign);
    let claim = Claim::none(hub.clock.clone());
    let stop = CancellationToken::new();
    let work = tokio::spawn(super::janitor(receipts, claim.clone(), stop.clone()));
    let retention: Duration = RETENTION.try_into().unwrap();
    hub.clock.sleep(retention + Duration::from_hours(48)).await;
    assert!(hub.record().is_some(), "a follower deletes nothing");
    claim.grant();
    hub.clock.sleep(Duration::from_secs(1)).await;
    assert!(hub.record().is_none(), "the time of the receipt is over");
    assert!(
        hub.server
            .object("", "configmaps", "hive", "foreign")
            .is_some()
    );
    stop.cancel();
    work.await.unwrap();
}
