//! docs/spec/10 §10 and §26.4 U1: bad input gets a condition with a reason and an Event that says what to
//! do, on its own object; correcting it resumes without touching the object otherwise.

use std::time::Duration;

use serde_json::{Value, json};
use skep_e2e::{Cluster, PATIENCE, STAGE};

/// The Event that says what to do about the cluster. It follows the condition, and an operator that another
/// test kills in between tells it when it is back.
async fn event_with(cluster: &Cluster, reason: &str) -> String {
    event_about(cluster, &cluster.scenario.name, reason).await
}

async fn event_about(cluster: &Cluster, name: &str, reason: &str) -> String {
    let mut last = Vec::new();
    let told = async {
        let mut look = tokio::time::interval(Duration::from_millis(200));
        loop {
            look.tick().await;
            last = cluster.events(name).await;
            if let Some((_, note)) = last.iter().find(|(of, _)| of == reason) {
                return note.clone();
            }
        }
    };
    let told = tokio::time::timeout(PATIENCE, told).await;
    assert!(told.is_ok(), "no Event {reason}: {last:#?}");
    told.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_reported_and_right_ones_resume() {
    let mut cluster = Cluster::prepare("bad-creds", "locked", None).await;
    let right = cluster.scenario.credentials();
    let secret = std::mem::replace(
        &mut cluster.scenario.secret_key,
        "skep-canary-7f3a-wrong".to_owned(),
    );
    cluster.create();
    cluster
        .until_condition("AuthenticationFailure", "True", "PlatformAuthError")
        .await;
    event_with(&cluster, "PlatformAuthError").await;
    assert!(
        cluster.attempts().await.is_empty(),
        "no attempt is made with wrong credentials"
    );
    STAGE
        .hub
        .run_kubectl(&["replace", "-f", "-"], &right.to_string())
        .unwrap();
    cluster.scenario.secret_key = secret;
    cluster
        .until_condition("AuthenticationFailure", "False", "PlatformAuthSuccess")
        .await;
    cluster.until_installed().await;
    cluster.delete().await;
    cluster.assert_nothing_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_and_its_arrival_resumes() {
    let mut cluster = Cluster::prepare("bad-missing", "waiting", None).await;
    cluster.scenario.image_set = "not-yet".to_owned();
    let manifests = cluster.scenario.manifests();
    let (secrets, others): (Vec<&Value>, Vec<&Value>) = manifests
        .iter()
        .partition(|manifest| manifest["kind"] == "Secret");
    let (image_sets, others): (Vec<&Value>, Vec<&Value>) = others
        .into_iter()
        .partition(|manifest| manifest["kind"] == "ClusterImageSet");
    for manifest in &others {
        cluster.create_one(manifest);
    }
    cluster
        .until("an unmet requirement", |object| {
            let conditions = object.and_then(|object| object["status"]["conditions"].as_array());
            conditions
                .into_iter()
                .flatten()
                .any(|c| c["type"] == "RequirementsMet" && c["status"] == "False")
        })
        .await;
    for manifest in &secrets {
        cluster.create_one(manifest);
    }
    cluster
        .until_condition("RequirementsMet", "False", "ClusterImageSetNotFound")
        .await;
    let note = event_with(&cluster, "ClusterImageSetNotFound").await;
    assert!(
        note.contains("not-yet"),
        "the Event names what is missing: {note}"
    );
    for manifest in &image_sets {
        cluster.create_one(manifest);
    }
    cluster
        .until_condition("RequirementsMet", "True", "AllRequirementsMet")
        .await;
    cluster.delete().await;
    cluster.assert_nothing_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_install_config_and_an_unsupported_platform_get_no_attempt() {
    let cluster = Cluster::prepare("bad-config", "garbled", None).await;
    for mut manifest in cluster.scenario.manifests() {
        if manifest["metadata"]["name"] == "garbled-install-config" {
            manifest["data"] = Value::Null;
            manifest["stringData"] =
                json!({"install-config.yaml": "platform: [aws\n  skep-canary-7f3a: }"});
        }
        cluster.create_one(&manifest);
    }
    let found = cluster
        .until_condition("RequirementsMet", "False", "InstallConfigValidationFailed")
        .await;
    assert!(
        !found.to_string().contains("canary"),
        "the install-config is not shown: {found:#}"
    );
    let told = event_with(&cluster, "InstallConfigValidationFailed").await;
    assert!(!told.contains("canary"), "nor in its Event: {told}");
    let mut foreign = cluster.scenario.cluster_deployment();
    foreign["metadata"]["name"] = json!("elsewhere");
    foreign["spec"]["platform"] = json!({"azure": {
        "credentialsSecretRef": {"name": "garbled-aws-creds"},
        "region": "eastus",
        "baseDomainResourceGroupName": "dns",
    }});
    cluster.create_one(&foreign);
    let unsupported = |object: Option<&Value>| {
        object.is_some_and(|o| {
            skep_e2e::has_condition(o, "RequirementsMet", "False", "PlatformNotSupported")
        })
    };
    cluster
        .until_of(
            "ClusterDeployment",
            "elsewhere",
            "PlatformNotSupported",
            unsupported,
        )
        .await;
    event_about(&cluster, "elsewhere", "PlatformNotSupported").await;
    assert!(cluster.attempts().await.is_empty());
    cluster.delete().await;
    cluster.assert_nothing_left();
}
