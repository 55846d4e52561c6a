//! Erasures against the fake cloud, under paused time.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use skep_providers::erase::Receipt;
use skep_providers::fake::FakeResource;
use skep_providers::{AccountId, Class};

use super::testing::{Hub, INFRA_ID};
use super::{State, Trouble, Wishes};
use crate::controllers::receipts::{PLAN_KEY, RECEIPT_KEY};
use crate::runtime::{Clock, Key};

const fn ended(state: &State) -> bool {
    matches!(state, State::Failing { .. } | State::Finished { .. })
}

const fn failing(state: &State) -> bool {
    matches!(state, State::Failing { .. })
}

fn trouble_of(state: &State) -> Option<Trouble> {
    match state {
        State::Failing { trouble, .. } => Some(*trouble),
        State::Idle | State::Running { .. } | State::Finished { .. } => None,
    }
}

#[tokio::test(start_paused = true)]
async fn an_erasure_ends_with_an_empty_account_and_a_receipt() {
    let hub = Hub::new();
    assert_eq!(hub.erasures().state("cdr"), State::Idle);
    hub.erasures().start(hub.request("cdr"));
    let State::Finished { plan_digest, .. } = hub.until("cdr", ended).await else {
        unreachable!("{:?}", hub.erasures().state("cdr"))
    };
    assert_eq!(hub.resources(), 0);
    let record = hub.record().unwrap();
    let receipt: Receipt =
        serde_json::from_str(record["data"][RECEIPT_KEY].as_str().unwrap()).unwrap();
    assert!(receipt.complete);
    assert_eq!(Some(&receipt.plans[0].digest), plan_digest.as_ref());
    let plan = record["data"][PLAN_KEY].as_str().unwrap();
    assert!(plan.contains(&receipt.plans[0].digest));
    assert!(
        !record.to_string().contains(super::testing::KEY),
        "a receipt holds no credentials"
    );
}

/// "The plan is recorded before the first destructive call", in the ConfigMap and on the order.
#[tokio::test(start_paused = true)]
async fn the_plan_is_on_record_before_the_first_destructive_call() {
    let hub = Hub::new();
    hub.seed(
        "hive.openshift.io",
        "clusterdeprovisions",
        &json!({
            "apiVersion": "hive.openshift.io/v1", "kind": "ClusterDeprovision",
            "metadata": {"namespace": "team", "name": "demo"},
            "spec": {"infraID": INFRA_ID},
        }),
    );
    let order = || {
        hub.server
            .object("hive.openshift.io", "clusterdeprovisions", "team", "demo")
    };
    let uid = order().unwrap()["metadata"]["uid"]
        .as_str()
        .unwrap()
        .to_owned();
    let key = Key {
        namespace: "team".into(),
        name: "demo".into(),
        uid,
    };
    let wishes = Wishes {
        note_plan_on: Some(key),
        ..Wishes::default()
    };
    hub.erasures().start_with(hub.request("cdr"), wishes);
    while hub.changes() == 0 {
        hub.clock.sleep(Duration::from_millis(1)).await;
    }
    let digest = order().unwrap()["metadata"]["annotations"]["skep.dev/plan-digest"].clone();
    let plan = hub.record().unwrap()["data"][PLAN_KEY]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        plan.contains(digest.as_str().unwrap()),
        "{digest} is not in {plan}"
    );
}

/// Without the order there is nobody who wants the deletion.
#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_when_the_plan_cannot_be_noted() {
    let hub = Hub::new();
    let before = hub.resources();
    let gone = Key {
        namespace: "team".into(),
        name: "demo".into(),
        uid: "other".into(),
    };
    let wishes = Wishes {
        note_plan_on: Some(gone),
        ..Wishes::default()
    };
    hub.erasures().start_with(hub.request("cdr"), wishes);
    assert!(failing(&hub.until("cdr", ended).await));
    assert_eq!((hub.changes(), hub.resources()), (0, before));
}

#[tokio::test(start_paused = true)]
async fn one_engine_works_on_an_infra_id_and_the_next_takes_over() {
    let hub = Hub::new();
    hub.erasures().start(hub.request("attempt"));
    hub.erasures().start(hub.request("cdr"));
    hub.clock.sleep(Duration::from_secs(5)).await;
    let State::Running { summary, .. } = hub.erasures().state("cdr") else {
        unreachable!("{:?}", hub.erasures().state("cdr"))
    };
    assert!(
        summary.starts_with("waiting for another erasure"),
        "{summary}"
    );
    assert!(hub.resources() > 0, "the first one is at work");
    hub.erasures().abandon("attempt");
    assert_eq!(hub.erasures().state("attempt"), State::Idle);
    assert!(
        !failing(&hub.until("cdr", ended).await),
        "{:?}",
        hub.erasures().state("cdr")
    );
    assert_eq!(hub.resources(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_next_one_goes_on_when_the_first_has_ended() {
    let hub = Hub::new();
    for started_by in ["attempt", "cdr", "namespace"] {
        hub.erasures().start(hub.request(started_by));
    }
    for started_by in ["attempt", "cdr", "namespace"] {
        let state = hub.until(started_by, ended).await;
        assert!(
            matches!(state, State::Finished { .. }),
            "{started_by}: {state:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_erasure_touches_nothing_more() {
    let hub = Hub::new();
    hub.erasures().start(hub.request("cdr"));
    while hub.changes() == 0 {
        hub.clock.sleep(Duration::from_millis(50)).await;
    }
    hub.erasures().abandon("cdr");
    // Calls that were under way are lost, none is begun.
    hub.clock.sleep(Duration::from_secs(1)).await;
    let changes = hub.changes();
    hub.clock.sleep(Duration::from_mins(10)).await;
    assert_eq!(hub.changes(), changes);
    assert!(hub.resources() > 0);
}

/// docs/spec/20 §13.2: the receipts of all runs are one, and it says what nobody could count.
#[tokio::test(start_paused = true)]
async fn the_receipt_of_an_interrupted_erasure_tells_of_all_its_runs() {
    for killed in [true, false] {
        let hub = Hub::new();
        let all = hub.resources();
        hub.erasures().start(hub.request("cdr"));
        while hub.resources() == all {
            hub.clock.sleep(Duration::from_millis(50)).await;
        }
        if killed {
            hub.erasures().tasks.cancel("cdr");
        } else {
            hub.erasures().abandon("cdr");
        }
        assert_eq!(hub.erasures().state("cdr"), State::Idle);
        hub.clock.sleep(Duration::from_mins(1)).await;
        let before = hub.changes();
        assert!(hub.resources() > 0 && before > 0);
        hub.erasures().start(hub.request("cdr"));
        hub.until("cdr", ended).await;
        let record = hub.record().unwrap();
        let receipt: Receipt =
            serde_json::from_str(record["data"][RECEIPT_KEY].as_str().unwrap()).unwrap();
        assert!(receipt.complete && !receipt.under_way, "{receipt}");
        assert_eq!(receipt.deleted.len(), all, "{receipt}");
        assert_eq!(receipt.interrupted, u32::from(killed), "{receipt}");
        let reasons = receipt.plans.iter().map(|plan| plan.reason.as_str());
        let reasons: Vec<&str> = reasons.take(2).collect();
        assert_eq!(reasons, ["initial", "continued"], "{receipt}");
        let made = u64::try_from(hub.changes()).unwrap();
        if killed {
            assert!(receipt.calls.changes <= made, "{made}: {receipt}");
        } else {
            assert_eq!(receipt.calls.changes, made, "{receipt}");
        }
    }
}

fn delay(state: &State, clock: &Clock) -> Option<SignedDuration> {
    match state {
        State::Failing { retry_at, .. } => Some(retry_at.duration_since(clock.now())),
        State::Idle | State::Running { .. } | State::Finished { .. } => None,
    }
}

/// docs/spec/20 §13.2: what blocks is named, and the rest is gone; the delays grow.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_deleted_is_named_and_tried_again_later() {
    let hub = Hub::new();
    let stubborn = FakeResource::new("stubborn", "volume")
        .tag(&format!("kubernetes.io/cluster/{INFRA_ID}"), "owned")
        .undeletable(Class::Denied);
    hub.cloud.create(&hub.account, stubborn);
    let mut delays = Vec::new();
    for _ in 0..3 {
        hub.erasures().start(hub.request("cdr"));
        let state = hub.until("cdr", failing).await;
        let State::Failing {
            trouble, message, ..
        } = &state
        else {
            unreachable!("{state:?}")
        };
        assert_eq!(*trouble, Trouble::Blocked);
        assert!(
            message.contains("1 resources could not be deleted: volume stubborn"),
            "{message}"
        );
        delays.push(delay(&state, &hub.clock).unwrap());
    }
    assert!(
        delays[0] <= super::FIRST_DELAY && delays[0] > SignedDuration::ZERO,
        "{delays:?}"
    );
    assert!(delays[1] > delays[0] && delays[2] > delays[1], "{delays:?}");
    assert_eq!(hub.resources(), 1);
    hub.cloud.unlock(&hub.account, &"stubborn".into());
    hub.erasures().start(hub.request("cdr"));
    assert!(matches!(
        hub.until("cdr", ended).await,
        State::Finished { .. }
    ));
    let receipt = hub.record().unwrap()["data"][RECEIPT_KEY]
        .as_str()
        .unwrap()
        .to_owned();
    let receipt: Receipt = serde_json::from_str(&receipt).unwrap();
    assert!(
        receipt.plans.len() >= 4,
        "the receipts of all runs are one: {:?}",
        receipt.plans
    );
    assert!(
        receipt.deleted.len() > 10,
        "what the first run deleted is still in it"
    );
}

#[test]
fn delays_grow_to_ten_minutes_and_no_further() {
    let start = jiff::Timestamp::UNIX_EPOCH;
    let after = |tries| {
        super::retry_at(tries, start)
            .duration_since(start)
            .as_secs()
    };
    assert_eq!(
        [1, 2, 3, 5, 6, 100, u32::MAX].map(after),
        [30, 60, 120, 480, 600, 600, 600]
    );
}

/// docs/spec/20 §13.3: swapped credentials never lead to a success.
#[tokio::test(start_paused = true)]
async fn credentials_of_another_account_are_refused() {
    let hub = Hub::new();
    let other = AccountId::new("aws", "999999999999");
    hub.cloud.accept("AKIAOTHER", other.clone());
    hub.seed_secret("other", &[("aws_access_key_id", "AKIAOTHER")]);
    let mut request = hub.request("cdr");
    request.credentials.secret = Some("other".into());
    hub.erasures().start(request);
    let state = hub.until("cdr", ended).await;
    assert_eq!(trouble_of(&state), Some(Trouble::WrongAccount), "{state:?}");
    assert!(hub.cloud.log(&other).iter().all(|call| !call.is_change()));
    assert_eq!(hub.record(), None);
}

#[tokio::test(start_paused = true)]
async fn an_empty_account_that_nobody_recorded_needs_a_persons_word() {
    let hub = Hub::new();
    let empty = AccountId::new("aws", "999999999999");
    hub.cloud.accept("AKIAEMPTY", empty);
    hub.seed_secret("empty", &[("aws_access_key_id", "AKIAEMPTY")]);
    let mut request = hub.request("cdr");
    request.credentials.secret = Some("empty".into());
    request.account = None;
    hub.erasures().start(request.clone());
    let state = hub.until("cdr", ended).await;
    assert_eq!(trouble_of(&state), Some(Trouble::WrongAccount), "{state:?}");
    let wishes = Wishes {
        acknowledge_empty: true,
        ..Wishes::default()
    };
    hub.erasures().start_with(request, wishes);
    let state = hub
        .until("cdr", |state| matches!(state, State::Finished { .. }))
        .await;
    assert!(matches!(state, State::Finished { .. }), "{state:?}");
}

#[tokio::test(start_paused = true)]
async fn troubles_are_told_apart_by_what_must_be_done() {
    let hub = Hub::new();
    hub.seed_secret("nothing", &[("unrelated", "x")]);
    hub.seed_secret("wrong", &[("aws_access_key_id", "AKIAWRONG")]);
    let with = |secret: &str| {
        let mut request = hub.request(secret);
        request.credentials.secret = Some(secret.to_owned());
        request
    };
    let mut garbled = hub.request("garbled");
    garbled.metadata_json = b"{".to_vec();
    let mut foreign = hub.request("foreign");
    foreign.subject.infra_id = "other-12345".into();
    for (request, expected) in [
        (with("absent"), Trouble::Authentication),
        (with("nothing"), Trouble::Authentication),
        (with("wrong"), Trouble::Authentication),
        (garbled, Trouble::Metadata),
        (foreign, Trouble::Metadata),
    ] {
        let started_by = request.started_by.clone();
        hub.erasures().start(request);
        let state = hub.until(&started_by, ended).await;
        assert_eq!(
            trouble_of(&state),
            Some(expected),
            "{started_by}: {state:?}"
        );
    }
    assert_eq!(hub.changes(), 0);
}
