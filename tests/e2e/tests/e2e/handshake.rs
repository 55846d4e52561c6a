//! docs/spec/10 §12: no cloud resource exists before the hub can delete it.

use std::time::Duration;

use futures::future::join;
use serde_json::json;
use skep_e2e::{Cluster, STAGE};
use skep_kit::cloud::CallFilter;

/// How long the emulated cloud's log must show no creation.
const QUIET: Duration = Duration::from_secs(30);

/// Two attempts reach their infra ID while the operator is away. One cluster is deleted there: there is
/// nothing to erase. The other goes on when the operator is back: the wait costs no attempt.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_created_while_the_operator_is_away() {
    let prepared = join(
        Cluster::prepare("handshake", "patient", None),
        Cluster::prepare("handshake", "dropped", None),
    );
    let (mut patient, mut dropped) = prepared.await;
    for cluster in [&mut patient, &mut dropped] {
        // No attempt yet, so that the pods of both can be held back.
        cluster.scenario.attempts_limit = Some(0);
        cluster.create();
    }
    for cluster in [&patient, &dropped] {
        cluster
            .until_condition("ProvisionStopped", "True", "InstallAttemptsLimitReached")
            .await;
    }
    STAGE
        .hub
        .run_kubectl(&["cordon", skep_kit::hub::NODE_NAME], "")
        .unwrap();
    let mut attempts = Vec::new();
    for cluster in [&patient, &dropped] {
        cluster
            .merge(&json!({"spec": {"installAttemptsLimit": 1}}))
            .await;
        let (attempt, _) = cluster.first_attempt().await;
        let has_job = |object: Option<&serde_json::Value>| {
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
        let has_infra_id = |object: Option<&serde_json::Value>| {
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
    let delete = [
        "delete",
        "clusterdeployment",
        "dropped",
        "-n",
        "handshake",
        "--wait=false",
    ];
    STAGE.hub.run_kubectl(&delete, "").unwrap();
    STAGE.scale_operator(2).unwrap();

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
