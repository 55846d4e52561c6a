//! The rights of an install pod, as the API server sees them: this attempt's, by name (docs/spec/10 §26.5 X1).

use std::sync::LazyLock;

use serde_json::{Value, json};
use skep_kit::cloud::{Cloud, CloudOptions};
use skep_kit::objects::{Of, hive};
use skep_kit::progress::Progress;
use skep_kit::scenario::ClusterScenario;

use crate::world::{CD, WORLD, has_condition};

/// Only asked whose the credentials are.
pub(crate) static CLOUD: LazyLock<Cloud> = LazyLock::new(|| {
    Cloud::start(&CloudOptions::default(), &Progress::silent()).expect("the emulated AWS starts")
});

#[test]
fn an_attempt_may_read_its_own_inputs_and_write_its_own_results() {
    let world = &*WORLD;
    let account = CLOUD.account().unwrap();
    let scenario = ClusterScenario {
        namespace: "attempt".to_owned(),
        name: "demo".to_owned(),
        base_domain: "example.com".to_owned(),
        region: "us-east-1".to_owned(),
        endpoint: CLOUD.endpoint().to_owned(),
        access_key: account.access_key.clone(),
        secret_key: account.secret_key.clone(),
        installer_env: Vec::new(),
        attempts_limit: None,
        image_set: "attempt-set".to_owned(),
    };
    for manifest in scenario.manifests() {
        world.objects.create(&manifest).unwrap();
    }
    let namespace = scenario.namespace.as_str();
    // Without a node no Job reports the images; a person does.
    let waits = |found: Option<&Value>| {
        found.is_some_and(|found| {
            has_condition(found, "RequirementsMet", "True", "AllRequirementsMet")
        })
    };
    world.until(CD, namespace, "demo", "met requirements", waits);
    let images = json!({
        "installerImage": "localhost/openshift-installer:4.19.2",
        "cliImage": "localhost/openshift-cli:4.19.2",
    });
    world
        .objects
        .merge_status(CD, namespace, "demo", &images)
        .unwrap();
    let begun = |found: Option<&Value>| {
        found.is_some_and(|found| found["status"]["provisionRef"]["name"].is_string())
    };
    let begun = world
        .until(CD, namespace, "demo", "an attempt", begun)
        .unwrap();
    let provision = begun["status"]["provisionRef"]["name"].as_str().unwrap();
    let job = Of {
        version: "batch/v1",
        kind: "Job",
    };
    let job_name = format!("{provision}-provision");
    world.until(job, namespace, &job_name, "the install Job", |found| {
        found.is_some()
    });
    let may = |verb: &str, what: &str| {
        let account = format!("--as=system:serviceaccount:{namespace}:cluster-installer");
        let answer = world
            .hub
            .kubectl(&["auth", "can-i", verb, what, "-n", namespace, &account])
            .output()
            .unwrap();
        String::from_utf8(answer.stdout).unwrap().trim() == "yes"
    };
    let kubeconfig = format!("secret/{provision}-admin-kubeconfig");
    let own = format!("clusterprovisions.hive.openshift.io/{provision}");
    let allowed = [
        ("get", "secret/demo-install-config"),
        ("get", "secret/demo-aws-creds"),
        ("get", kubeconfig.as_str()),
        ("patch", kubeconfig.as_str()),
        ("get", own.as_str()),
        ("patch", own.as_str()),
        ("get", "clusterdeployments.hive.openshift.io/demo"),
    ];
    for (verb, what) in allowed {
        assert!(may(verb, what), "an attempt must be able to {verb} {what}");
    }
    let denied = [
        ("list", "secrets"),
        ("create", "secrets"),
        ("get", "secret/somebody-elses"),
        ("delete", kubeconfig.as_str()),
        ("patch", "secret/demo-aws-creds"),
        ("get", "clusterprovisions.hive.openshift.io/another"),
        ("patch", "clusterdeployments.hive.openshift.io/demo"),
        ("delete", own.as_str()),
        ("get", "pods"),
        ("create", "jobs"),
    ];
    for (verb, what) in denied {
        assert!(
            !may(verb, what),
            "an attempt must not be able to {verb} {what}"
        );
    }
    world.assert_nothing_refused();
    // Nothing was created in a cloud, since the installer never ran.
    let pod_never_ran = world
        .objects
        .get(hive("ClusterProvision"), namespace, provision)
        .unwrap()
        .unwrap();
    assert!(pod_never_ran["spec"]["infraID"].is_null());
}
