//! docs/spec/10 §1: from kubectl create to Installed, with one failed attempt on the way; docs/spec/20 §1:
//! from kubectl delete to an account that is as it was.

use skep_e2e::{Cluster, STAGE, has_condition};
use skep_kit::scenario::first_attempt_fails;

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_created_fails_once_installs_and_is_deleted_without_a_trace() {
    let faults = first_attempt_fails();
    let mut cluster = Cluster::prepare("main-job", "demo", Some(&faults)).await;
    cluster.create();

    let failed = cluster
        .until_condition("ProvisionFailed", "True", "AWSNATGatewayLimitExceeded")
        .await;
    assert!(
        has_condition(&failed, "Provisioned", "False", "Provisioning"),
        "{failed:#}"
    );

    let installed = cluster.until_installed().await;
    assert!(
        has_condition(&installed, "Provisioned", "True", "Provisioned"),
        "{installed:#}"
    );
    assert!(
        has_condition(&installed, "ProvisionFailed", "False", "ProvisionSucceeded"),
        "{installed:#}"
    );
    assert_eq!(
        installed["status"]["installRestarts"], 1,
        "one attempt failed"
    );
    assert_eq!(installed["status"]["installVersion"], "4.19.2");

    let attempts = cluster.attempts().await;
    assert_eq!(attempts.len(), 2, "{attempts:#?}");
    assert_eq!(attempts[0]["spec"]["stage"], "failed");
    let mark = &attempts[0]["metadata"]["annotations"]["skep.dev/cleaned-up"];
    assert!(
        mark.is_string(),
        "the failed attempt was cleaned up before the next began: {:#}",
        attempts[0]
    );
    assert_eq!(attempts[1]["spec"]["stage"], "complete");
    assert_eq!(
        attempts[1]["spec"]["prevInfraID"],
        attempts[0]["spec"]["infraID"]
    );

    let metadata = &installed["spec"]["clusterMetadata"];
    for (field, secret) in [
        ("adminKubeconfigSecretRef", "kubeconfig"),
        ("adminPasswordSecretRef", "password"),
        ("metadataJSONSecretRef", "metadata.json"),
    ] {
        let name = metadata[field]["name"].as_str().unwrap();
        let path = format!("jsonpath={{.data.{}}}", secret.replace('.', "\\."));
        let found = STAGE
            .hub
            .run_kubectl(&["get", "secret", name, "-n", "main-job", "-o", &path], "");
        assert!(!found.unwrap().is_empty(), "Secret {name} has key {secret}");
    }

    let why = STAGE
        .skep(&["why", "cd", "demo", "-n", "main-job"])
        .unwrap();
    assert!(why.contains("installed"), "{why}");
    assert!(
        cluster.holdings().contains_key("ec2:vpc"),
        "{:?}",
        cluster.holdings()
    );

    let searched = cluster.assert_no_secret_leaked();
    for place in [
        "figures of hive/",
        "log of hive/",
        "/installer",
        "objects of",
    ] {
        assert!(
            searched.iter().any(|searched| searched.contains(place)),
            "{place} is searched: {searched:#?}"
        );
    }
    cluster.plant_late();
    cluster.delete().await;
    cluster.assert_nothing_left();
    let receipt = STAGE
        .skep(&["deprovision", "receipt", "demo", "-n", "main-job"])
        .unwrap();
    assert!(receipt.contains("nothing left"), "{receipt}");
}

/// docs/spec/20 §1: preserveOnDelete leaves the cloud alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_preserved_cluster_stays_in_the_cloud() {
    let cluster = Cluster::prepare("preserve", "kept", None).await;
    cluster.create();
    cluster.until_installed().await;
    let before = cluster.holdings();
    cluster
        .merge(&serde_json::json!({"spec": {"preserveOnDelete": true}}))
        .await;
    cluster.delete().await;
    assert_eq!(
        cluster.holdings(),
        before,
        "a preserved cluster keeps everything"
    );
    cluster.assert_no_secret_leaked();
}
