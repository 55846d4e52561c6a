//! docs/spec/10 §12: no cloud resource exists before the hub can delete it.

use std::time::Duration;

use futures::future::join;
use serde_json::Value;
use skep_e2e::{Cluster, STAGE};
use skep_kit::cloud::CallFilter;
use skep_kit::scenario::CANARY;

/// How long the emulated cloud's log must show no creation.
const QUIET: Duration = Duration::from_secs(30);

/// Brings node and operator back, whatever becomes of the test: others play on the same stage.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        let uncordon = ["uncordon", skep_kit::hub::NODE_NAME];
        let node = STAGE.hub.run_kubectl(&uncordon, "");
        let operator = STAGE.scale_operator(2);
        if !std::thread::panicking() {
            node.unwrap();
            operator.unwrap();
        }
    }
}

/// Two attempts reach their infra ID while the operator is away. One cluster is deleted there: there is
/// nothing to erase. The other goes on when the operator is back: the wait costs no attempt.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_created_while_the_operator_is_away() {
    let prepared = join(
        Cluster::prepare("handshake", "patient", None),
        Cluster::prepare("handshake", "dropped", None),
    );
    let (mut patient, mut dropped) = prepared.await;
    let right = [
        patient.scenario.credentials(),
        dropped.scenario.credentials(),
    ];
    for cluster in [&mut patient, &mut dropped] {
        // With wrong credentials the images are resolved and no attempt is made, so that the install pods
        // of both can be held back.
        cluster.scenario.secret_key = format!("{CANARY}-wrong");
        cluster.create();
    }
    for cluster in [&patient, &dropped] {
        cluster
            .until_condition("AuthenticationFailure", "True", "PlatformAuthError")
            .await;
        let resolved = |object: Option<&Value>| {
            object.is_some_and(|object| object["status"]["installerImage"].is_string())
        };
        cluster.until("resolved images", resolved).await;
    }
    let away = Restored;
    STAGE
        .hub
        .run_kubectl(&["cordon", skep_kit::hub::NODE_NAME], "")
        .unwrap();
    let mut attempts = Vec::new();
    for (cluster, right) in [&patient, &dropped].into_iter().zip(&right) {
        STAGE
            .hub
            .run_kubectl(&["replace", "-f", "-"], &right.to_string())
            .unwrap();
        let (attempt, _) = cluster.first_attempt().await;
        let has_job = |object: Option<&Value>| {
            object.is_some_and(|object| object["status"]["jobRef"]["name"].is_string())
        };
        cluster
            .until_of("ClusterProvision", &attempt, "a Job", has_job)
            .await;
        attempts.push(attempt);
    }
    STAGE.scale_operator(0).unwrap();
    STAGE
        .hub
        .run_kubectl(&["uncordon", skep_kit::hub::NODE_NAME], "")
        .unwrap();
    for (cluster, attempt) in [&patient, &dropped].into_iter().zip(&attempts) {
        let has_infra_id = |object: Option<&Value>| {
            object.is_some_and(|object| object["spec"]["infraID"].is_string())
        };
        cluster
            .until_of("ClusterProvision", attempt, "an infra ID", has_infra_id)
            .await;
    }
    // That something does not happen can only be seen over time.
    tokio::time::sleep(QUIET).await;
    for cluster in [&patient, &dropped] {
        let calls = STAGE
            .cloud
            .calls(&cluster.account, &CallFilter::changing())
            .unwrap()
            .calls;
        assert!(calls.is_empty(), "calls without the operator: {calls:#?}");
    }
    dropped.assert_no_secret_leaked();
    let delete = [
        "delete",
        "clusterdeployment",
        "dropped",
        "-n",
        "handshake",
        "--wait=false",
    ];
    STAGE.hub.run_kubectl(&delete, "").unwrap();
    drop(away);

    dropped.until("its end", |object| object.is_none()).await;
    dropped.assert_nothing_left();
    let calls = STAGE
        .cloud
        .calls(&dropped.account, &CallFilter::changing())
        .unwrap()
        .calls;
    assert!(calls.is_empty(), "there was nothing to erase: {calls:#?}");

    patient.until_installed().await;
    assert_eq!(
        patient.attempts().await.len(),
        1,
        "the wait costs no attempt"
    );
    patient.delete().await;
    patient.assert_nothing_left();
}
