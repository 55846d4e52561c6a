//! The webhook in the place of Hive's (docs/webhook.md): the shipped manifests are applied over objects as
//! Hive's operator leaves them, and what comes out works.

use serde_json::{Value, json};
use skep_kit::cache;
use skep_kit::hub::{Hub, HubOptions};
use skep_kit::objects::{Objects, Of};

const NAME: &str = "hiveadmission";
const DEPLOYMENT: Of<'static> = Of {
    version: "apps/v1",
    kind: "Deployment",
};
const SERVICE: Of<'static> = Of {
    version: "v1",
    kind: "Service",
};
const CONFIGURATION: Of<'static> = Of {
    version: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
};
const HOOK: &str = "clusterdeploymentvalidators.admission.hive.openshift.io";

/// What matters of Hive's objects: names, selectors, ports, probes, volumes (docs/spec/40 §9, docs/spec/41 §1).
fn theirs() -> Vec<Value> {
    let labels = json!({
        "app": NAME, NAME: "true", "hive.openshift.io/component": NAME,
    });
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": "hive", "labels": labels},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": NAME, NAME: "true"}},
            "template": {
                "metadata": {"labels": labels, "annotations": {"hive.openshift.io/ca-hash": "0"}},
                "spec": {
                    "serviceAccountName": NAME,
                    "containers": [{
                        "name": NAME,
                        "image": "hive",
                        "command": ["/opt/services/hiveadmission", "--secure-port=9443"],
                        "ports": [{"containerPort": 9443, "protocol": "TCP"}],
                        "env": [
                            {"name": "TMPDIR", "value": "/tmp"},
                            {"name": "MANAGED_DOMAINS_FILE", "value": "/data/config/managed-domains"},
                        ],
                        "envFrom": [{"configMapRef": {"name": "hive-feature-gates"}}],
                        "readinessProbe": {
                            "httpGet": {"path": "/healthz", "port": 9443, "scheme": "HTTPS"},
                        },
                        "securityContext": {"privileged": false, "readOnlyRootFilesystem": true},
                        "volumeMounts": [
                            {"name": "serving-cert", "mountPath": "/var/serving-cert"},
                            {"name": "domains", "mountPath": "/data/config"},
                        ],
                    }],
                    "volumes": [
                        {"name": "serving-cert", "secret": {"secretName": "hiveadmission-serving-cert"}},
                        {"name": "domains", "configMap": {"name": "hive-managed-domains"}},
                    ],
                },
            },
        },
    });
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": "hive"},
        "spec": {"selector": {"app": NAME}, "ports": [{"port": 443, "targetPort": 9443, "protocol": "TCP"}]},
    });
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": HOOK},
        "webhooks": [{
            "name": HOOK,
            "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": {
                "namespace": "default", "name": "kubernetes",
                "path": "/apis/admission.hive.openshift.io/v1/clusterdeploymentvalidators",
            }},
            "rules": [{
                "operations": ["CREATE", "UPDATE", "DELETE"], "apiGroups": ["hive.openshift.io"],
                "apiVersions": ["v1"], "resources": ["clusterdeployments"],
            }],
            "failurePolicy": "Fail",
            "sideEffects": "None",
        }],
    });
    vec![deployment, service, configuration]
}

fn names<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(|item| item[key].as_str()).collect()
}

#[test]
fn the_manifests_are_applied_over_hives_objects() {
    let options = HubOptions::for_test("it-takeover")
        .with_crds(cache::checkout().join("crds/yaml"))
        .without_controllers();
    let hub = Hub::start(&options).expect("an API server boots");
    let objects = Objects::new(&hub).unwrap();
    hub.run_kubectl(&["create", "namespace", "hive"], "")
        .unwrap();
    let folder = cache::checkout().join("manifests/base/admission");
    let folder = folder.to_str().unwrap();
    let ways: [&[&str]; 2] = [
        &["apply", "-k", folder],
        &["apply", "--server-side", "--force-conflicts", "-k", folder],
    ];
    for way in ways {
        for object in theirs() {
            objects.create(&object).unwrap();
        }
        hub.run_kubectl(way, "").unwrap();
        let get = |of, namespace, name| objects.get(of, namespace, name).unwrap().unwrap();
        let deployment = get(DEPLOYMENT, "hive", NAME);
        let pod = &deployment["spec"]["template"];
        // One container, and it is ours, asked for its health where it tells it.
        assert_eq!(names(&pod["spec"]["containers"], "name"), [NAME], "{way:?}");
        let container = &pod["spec"]["containers"][0];
        assert_eq!(container["command"], json!(["/usr/bin/skep", "admission"]));
        let probe = &container["readinessProbe"]["httpGet"];
        assert_eq!(
            *probe,
            json!({"path": "/readyz", "port": "metrics", "scheme": "HTTP"})
        );
        let mut ports = names(&container["ports"], "name");
        ports.sort_unstable();
        assert_eq!(ports, ["metrics", "webhook"], "{way:?}");
        // Each mount has its volume.
        let volumes = names(&pod["spec"]["volumes"], "name");
        for mount in names(&container["volumeMounts"], "name") {
            assert!(volumes.contains(&mount), "{way:?}: {mount}");
        }
        // The Service leads to these pods, by a port that they have.
        let service = get(SERVICE, "hive", NAME);
        for (key, value) in service["spec"]["selector"].as_object().unwrap() {
            assert_eq!(pod["metadata"]["labels"][key], *value, "{way:?}: {key}");
        }
        let ports = &service["spec"]["ports"];
        assert_eq!(ports.as_array().unwrap().len(), 1, "{way:?}: {ports}");
        assert_eq!(ports[0]["targetPort"], 9443);
        // And the API server asks that Service.
        let configuration = get(CONFIGURATION, "", HOOK);
        let hooks = configuration["webhooks"].as_array().unwrap();
        assert_eq!(hooks.len(), 1, "{way:?}");
        let asked = &hooks[0]["clientConfig"]["service"];
        assert_eq!(
            (&asked["namespace"], &asked["name"], &asked["path"]),
            (
                &json!("hive"),
                &json!(NAME),
                &json!("/clusterdeploymentvalidators")
            )
        );
        objects.delete(DEPLOYMENT, "hive", NAME).unwrap();
        objects.delete(SERVICE, "hive", NAME).unwrap();
        objects.delete(CONFIGURATION, "", HOOK).unwrap();
    }
}

/// The controllers' Deployment as Hive's operator leaves it (docs/spec/40 §1, §7) becomes ours, whole.
#[test]
fn the_controllers_take_the_place_of_hives() {
    let options = HubOptions::for_test("it-takeover-controllers")
        .with_crds(cache::checkout().join("crds/yaml"))
        .without_controllers();
    let hub = Hub::start(&options).expect("an API server boots");
    let objects = Objects::new(&hub).unwrap();
    hub.run_kubectl(&["create", "namespace", "hive"], "")
        .unwrap();
    let selector = json!({
        "control-plane": "controller-manager", "controller-tools.k8s.io": "1.0",
    });
    let theirs = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "hive-controllers", "namespace": "hive", "labels": selector},
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 4,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": selector},
            "template": {
                "metadata": {"labels": selector},
                "spec": {
                    "serviceAccountName": "hive-controllers",
                    "containers": [{
                        "name": "manager",
                        "image": "hive",
                        "command": ["/opt/services/manager"],
                        "livenessProbe": {"httpGet": {"path": "/debug/health", "port": 8080}},
                        "volumeMounts": [{"name": "kubectl-cache", "mountPath": "/var/cache/kubectl"}],
                    }],
                    "volumes": [{"name": "kubectl-cache", "emptyDir": {}}],
                },
            },
        },
    });
    let folder = cache::checkout().join("manifests/base");
    let folder = folder.to_str().unwrap();
    let ways: [&[&str]; 2] = [
        &["apply", "-k", folder],
        &["apply", "--server-side", "--force-conflicts", "-k", folder],
    ];
    for way in ways {
        objects.create(&theirs).unwrap();
        hub.run_kubectl(way, "").unwrap();
        let found = objects.get(DEPLOYMENT, "hive", "hive-controllers");
        let deployment = found.unwrap().unwrap();
        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(names(&pod["containers"], "name"), ["manager"], "{way:?}");
        let container = &pod["containers"][0];
        let command = json!(["/usr/bin/skep", "controllers"]);
        assert_eq!(container["command"], command, "{way:?}");
        assert_eq!(deployment["spec"]["replicas"], 2, "{way:?}");
        assert_eq!(deployment["spec"]["strategy"]["type"], "RollingUpdate");
        let probe = &container["livenessProbe"]["httpGet"];
        assert_eq!(
            (&probe["path"], &probe["port"]),
            (&json!("/healthz"), &json!("metrics"))
        );
        objects
            .delete(DEPLOYMENT, "hive", "hive-controllers")
            .unwrap();
    }
}

/// With a certificate from somebody else everything else of the pod stays as it is.
#[test]
fn a_mounted_certificate_takes_no_setting_away() {
    let hub = &crate::policies::GUARD.hub;
    let overlay = tempfile::tempdir().unwrap();
    let folder = overlay.path().canonicalize().unwrap();
    let up = "../".repeat(folder.components().count() - 1);
    let manifests = cache::checkout().join("manifests");
    let manifests = manifests.strip_prefix("/").unwrap().display();
    let text = format!(
        "resources: [{up}{manifests}/base/admission]\ncomponents: [{up}{manifests}/components/mounted-certificate]\n"
    );
    std::fs::write(folder.join("kustomization.yaml"), text).unwrap();
    let rendered = hub
        .run_kubectl(&["kustomize", folder.to_str().unwrap()], "")
        .unwrap();
    let deployment: Value = rendered
        .split("\n---\n")
        .map(|document| serde_saphyr::from_str::<Value>(document).unwrap())
        .find(|object| object["kind"] == "Deployment")
        .unwrap();
    let pod = &deployment["spec"]["template"]["spec"];
    for list in [&pod["volumes"], &pod["containers"][0]["volumeMounts"]] {
        assert_eq!(
            names(list, "name"),
            [
                "managed-domains",
                "aws-private-link",
                "supported-contracts",
                "serving-cert"
            ]
        );
    }
}
