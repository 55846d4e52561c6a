//! `skep deprovision run` is no way around a gate (docs/spec/20 §3, step 3, §5): what it is refused, in the words
//! and with the exit code that a person and a script get.

use std::process::{Command, Output};

use serde_json::{Value, json};
use skep_kit::cache;
use skep_kit::fleet::Installed;
use skep_kit::hub::{Hub, HubOptions};
use skep_kit::objects::{Objects, Of};

use crate::world::{CD, FINALIZER, SKEP};

const DEPLOYMENT: Of<'static> = Of {
    version: "apps/v1",
    kind: "Deployment",
};
const REFUSED: i32 = 4;

/// Whoever runs the command is the hub's administrator.
fn run(hub: &Hub, cluster: &Installed, more: &[&str]) -> Output {
    Command::new(&*SKEP)
        .args(["deprovision", "run", "--yes"])
        .args(more)
        .args([&cluster.name, "-n", &cluster.namespace])
        .env("KUBECONFIG", hub.kubeconfig())
        .output()
        .unwrap()
}

#[track_caller]
fn assert_refused(output: &Output, why: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains(why), "{why:?} is not in {told:?}");
    assert_eq!(output.status.code(), Some(REFUSED), "{told}");
}

/// The Deployment of the operator, as far as its settings go.
fn operator(disabled: &str) -> Value {
    let labels = json!({"app": "skep"});
    let container = json!({
        "name": "controllers", "image": "registry.example.com/skep:v0.1.0",
        "env": [{"name": "DEPROVISIONS_DISABLED", "value": disabled}],
    });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": "hive", "name": "hive-controllers"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    })
}

#[test]
fn a_person_is_refused_what_the_operator_is_refused() {
    let crds = cache::checkout().join("crds/yaml");
    let hub = Hub::start(&HubOptions::for_test("it-by-hand").with_crds(&crds)).unwrap();
    let objects = Objects::new(&hub).unwrap();
    let cluster = Installed::new("by-hand").with(json!({"metadata": {"finalizers": [FINALIZER]}}));
    cluster.create(&objects).unwrap();
    let (namespace, name) = (cluster.namespace.as_str(), cluster.name.as_str());
    let change = |patch: Value| objects.merge(CD, namespace, name, &patch).unwrap();
    let beside = ["--beside-the-operator"];

    assert_refused(
        &run(&hub, &cluster, &beside),
        "the operator's settings are not known",
    );
    let of_operator =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "hive"}});
    objects.create(&of_operator).unwrap();
    objects.create(&operator("true")).unwrap();
    assert_refused(&run(&hub, &cluster, &beside), "is not being deleted");
    objects.delete(CD, namespace, name).unwrap();
    assert_refused(&run(&hub, &cluster, &beside), "switched off");
    let settings = operator("false");
    objects
        .merge(DEPLOYMENT, "hive", "hive-controllers", &settings)
        .unwrap();
    assert_refused(&run(&hub, &cluster, &[]), "--beside-the-operator");

    change(json!({"spec": {"preserveOnDelete": true}}));
    assert_refused(&run(&hub, &cluster, &beside), "keeps its cluster");
    change(json!({"spec": {"preserveOnDelete": false}}));
    let paused = |value: Value| json!({"metadata": {"annotations": {"hive.openshift.io/reconcile-pause": value}}});
    change(paused(json!("true")));
    assert_refused(&run(&hub, &cluster, &beside), "is paused");
    change(paused(Value::Null));

    // The same cluster under another name, by a move that was not finished.
    let twin = Installed::new("by-hand-twin");
    twin.create(&objects).unwrap();
    assert_refused(&run(&hub, &cluster, &beside), "by-hand-twin/old");
    objects.delete(CD, "by-hand-twin", "old").unwrap();

    // All gates are open: the command gets as far as the cloud, which does not answer.
    let output = run(&hub, &cluster, &beside);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}
