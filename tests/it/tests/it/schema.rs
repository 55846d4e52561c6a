//! The resource definitions on a real API server: they install, take what people write, keep what they know,
//! and refuse what they must (docs/spec/44).

use serde_json::{Value, json};
use skep_kit::fleet::Installed;
use skep_kit::objects::hive;
use skep_kit::scenario::ClusterScenario;

use crate::world::{CD, WORLD};

pub(crate) fn scenario(namespace: &str) -> ClusterScenario {
    ClusterScenario {
        namespace: namespace.to_owned(),
        name: "demo".to_owned(),
        base_domain: "example.com".to_owned(),
        region: "us-east-1".to_owned(),
        endpoint: "http://127.0.0.1:9".to_owned(),
        access_key: "AKIAEXAMPLEEXAMPLE00".to_owned(),
        secret_key: skep_kit::scenario::CANARY.to_owned(),
        installer_env: vec![("A".to_owned(), "B".to_owned())],
        attempts_limit: Some(3),
        image_set: format!("{namespace}-set"),
    }
}

#[test]
fn what_people_write_is_taken_and_kept() {
    let world = &*WORLD;
    let scenario = scenario("schema-scenario");
    let mut created = Vec::new();
    for manifest in scenario.manifests() {
        created.push(world.objects.create(&manifest).unwrap());
    }
    let wanted = scenario.cluster_deployment();
    let stored = created.last().unwrap();
    for (path, value) in leaves(&wanted["spec"], "/spec") {
        assert_eq!(stored.pointer(&path), Some(&value), "{path}");
    }
}

/// Every platform of the API, with the least that people write.
#[test]
fn every_platform_is_taken() {
    let world = &*WORLD;
    let name = |name: &str| json!({"name": name});
    let platforms = json!({
        "aws": {"region": "us-east-1", "credentialsSecretRef": name("c")},
        "azure": {"region": "eastus", "credentialsSecretRef": name("c"), "baseDomainResourceGroupName": "dns"},
        "gcp": {"region": "us-east1", "credentialsSecretRef": name("c")},
        "openstack": {"cloud": "os", "credentialsSecretRef": name("c")},
        "ibmcloud": {"region": "us-south", "credentialsSecretRef": name("c")},
        "none": {},
    });
    let cluster = Installed::new("schema-platforms");
    let space =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace}});
    world.objects.create(&space).unwrap();
    for (platform, details) in platforms.as_object().unwrap() {
        let mut manifest = Installed {
            name: platform.clone(),
            ..cluster.clone()
        }
        .cluster_deployment();
        manifest["spec"]["platform"] = json!({platform: details});
        manifest["spec"]["clusterMetadata"]["platform"] = json!({});
        manifest["spec"]["preserveOnDelete"] = json!(true);
        let stored = world.objects.create(&manifest).unwrap();
        assert_eq!(stored["spec"]["platform"][platform], *details, "{platform}");
    }
    // None of them is sent to a cloud, and each says what it is.
    for platform in platforms.as_object().unwrap().keys() {
        let labelled = |found: Option<&Value>| {
            let label = "hive.openshift.io/cluster-platform";
            found.is_some_and(|found| found["metadata"]["labels"][label].is_string())
        };
        world.until(
            CD,
            &cluster.namespace,
            platform,
            "a platform label",
            labelled,
        );
    }
    world.assert_nothing_refused();
}

#[test]
fn what_cannot_be_right_is_refused() {
    let world = &*WORLD;
    let cluster = Installed::new("schema-refused");
    let space =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace}});
    world.objects.create(&space).unwrap();
    for (what, bad) in [
        ("a text for a flag", json!({"installed": "yes"})),
        ("no base domain", json!({"baseDomain": null})),
        ("a text for a number", json!({"installAttemptsLimit": "3"})),
    ] {
        let manifest = Installed {
            extra: json!({"spec": bad}),
            ..cluster.clone()
        }
        .cluster_deployment();
        let outcome = world.objects.create(&manifest);
        assert!(outcome.is_err(), "{what} was taken");
    }
}

#[test]
fn the_status_is_a_resource_of_its_own() {
    let world = &*WORLD;
    let space =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "schema-status"}});
    world.objects.create(&space).unwrap();
    let order = json!({
        "apiVersion": "hive.openshift.io/v1",
        "kind": "ClusterDeprovision",
        "metadata": {"name": "alone", "namespace": "schema-status"},
        "spec": {"infraID": "alone-x7k2p"},
        "status": {"completed": true},
    });
    let stored = world.objects.create(&order).unwrap();
    assert!(stored["status"]["completed"].is_null(), "{stored}");
    let of = hive("ClusterDeprovision");
    world.objects.delete(of, "schema-status", "alone").unwrap();
}

/// Every value at the end of a path, as JSON pointers.
pub(crate) fn leaves(value: &Value, path: &str) -> Vec<(String, Value)> {
    match value {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| {
                let key = key.replace('~', "~0").replace('/', "~1");
                leaves(value, &format!("{path}/{key}"))
            })
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(at, value)| leaves(value, &format!("{path}/{at}")))
            .collect(),
        value => vec![(path.to_owned(), value.clone())],
    }
}
