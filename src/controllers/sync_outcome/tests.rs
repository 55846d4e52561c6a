//! Table of docs/spec/31 §9.3.

use jiff::Timestamp;
use serde_json::{Value, json};
use skep_crds::ClusterSync;

use super::observe::observe;
use super::*;
use crate::controllers::context::Stores;
use crate::runtime::{Config, Guarded, Kind, Reconcile as _, Store};

fn put<K: Kind>(store: &Store<K>, object: Value) {
    let guarded: Guarded<K> = serde_json::from_value(object).unwrap();
    store.apply(guarded);
}

fn cluster(labels: &Value, annotations: &Value) -> ClusterDeployment {
    let metadata = json!({
        "clusterID": "c", "infraID": "i", "adminKubeconfigSecretRef": {"name": "k"},
    });
    serde_json::from_value(json!({
        "metadata": {"name": "demo", "namespace": "team", "labels": labels, "annotations": annotations},
        "spec": {"baseDomain": "b", "clusterName": "demo", "platform": {}, "installed": true,
            "clusterMetadata": metadata},
    }))
    .unwrap()
}

fn sync_set(namespace: &str, clusters: &[&str]) -> Value {
    let clusters: Vec<Value> = clusters.iter().map(|name| json!({"name": name})).collect();
    json!({
        "apiVersion": "hive.openshift.io/v1", "kind": "SyncSet",
        "metadata": {"name": "set", "namespace": namespace, "uid": namespace, "resourceVersion": "1"},
        "spec": {"clusterDeploymentRefs": clusters},
    })
}

fn selector_sync_set(selector: &Value) -> Value {
    json!({
        "apiVersion": "hive.openshift.io/v1", "kind": "SelectorSyncSet",
        "metadata": {"name": "all", "uid": "s", "resourceVersion": "1"},
        "spec": {"clusterDeploymentSelector": selector},
    })
}

fn report(failed: &str) -> Value {
    json!({
        "apiVersion": "hiveinternal.openshift.io/v1alpha1", "kind": "ClusterSync",
        "metadata": {"name": "demo", "namespace": "team", "uid": "r", "resourceVersion": "1"},
        "status": {"conditions": [
            {"type": "Failed", "status": failed, "reason": "R", "message": "SyncSet set is failing"},
        ]},
    })
}

fn observed(stores: &Stores, cluster: &ClusterDeployment) -> Observed {
    match observe(stores, cluster) {
        Observation::Of(observed) => observed,
        other => panic!("{other:?}"),
    }
}

/// "False/SyncSetApplySuccess".
fn says(stores: &Stores, cluster: &ClusterDeployment) -> String {
    let plan = SyncOutcomes::decide(&observed(stores, cluster), Timestamp::UNIX_EPOCH);
    let verdict = plan.outcome.unwrap();
    format!("{}/{}", verdict.status, verdict.reason)
}

#[test]
fn the_condition_follows_sets_and_report() {
    let plain = cluster(&json!({"tier": "gold"}), &json!({}));
    let paused = cluster(
        &json!({}),
        &json!({"hive.openshift.io/syncset-pause": "true"}),
    );
    let stores = || Stores::new(&Config::default());
    let success = "False/SyncSetApplySuccess";
    let none = stores();
    put(&none.sync_sets, sync_set("other", &["demo"]));
    put(&none.sync_sets, sync_set("team", &["else"]));
    put(
        &none.selector_sync_sets,
        selector_sync_set(&json!({"matchLabels": {"tier": "iron"}})),
    );
    assert_eq!(says(&none, &plain), success, "no set selects it");
    let named = stores();
    put(&named.sync_sets, sync_set("team", &["else", "demo"]));
    assert_eq!(says(&named, &plain), "True/MissingClusterSync");
    assert_eq!(says(&named, &paused), "True/SyncSetPaused");
    put(&named.cluster_syncs, report("True"));
    assert_eq!(says(&named, &plain), "True/SyncSetApplyFailure");
    assert_eq!(says(&named, &paused), "True/SyncSetApplyFailure");
    put(&named.cluster_syncs, report("False"));
    assert_eq!(says(&named, &plain), success);
    let selected = stores();
    put(&selected.selector_sync_sets, selector_sync_set(&json!({})));
    assert_eq!(says(&selected, &plain), "True/MissingClusterSync");
}

/// It might be the one that selects the cluster.
#[test]
fn a_set_that_cannot_be_read_leaves_the_condition_as_it_is() {
    let stores = Stores::new(&Config::default());
    let mut odd = sync_set("team", &[]);
    odd["spec"]["clusterDeploymentRefs"] = json!("demo");
    put(&stores.sync_sets, odd);
    let observed = observed(&stores, &cluster(&json!({}), &json!({})));
    assert_eq!(observed.outcome, Outcome::Unclear);
    let plan = SyncOutcomes::decide(&observed, Timestamp::UNIX_EPOCH);
    assert_eq!(plan.outcome, None);
}

#[test]
fn selectors_are_read_as_the_api_does() {
    let labels = json!({"tier": "gold", "env": "prod"});
    let expression = |key: &str, operator: &str, values: Value| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
    for (selector, expected) in [
        (json!({}), true),
        (
            json!({"matchLabels": {"tier": "gold", "env": "prod"}}),
            true,
        ),
        (
            json!({"matchLabels": {"tier": "gold", "env": "test"}}),
            false,
        ),
        (expression("tier", "In", json!(["iron", "gold"])), true),
        (expression("tier", "In", json!(["iron"])), false),
        (expression("tier", "NotIn", json!(["iron"])), true),
        (expression("none", "NotIn", json!(["iron"])), true),
        (expression("tier", "NotIn", json!(["gold"])), false),
        (expression("tier", "Exists", json!(null)), true),
        (expression("none", "Exists", json!(null)), false),
        (expression("none", "DoesNotExist", json!(null)), true),
        (expression("tier", "DoesNotExist", json!(null)), false),
        (expression("tier", "Unheard", json!(null)), false),
    ] {
        let labels = serde_json::from_value(labels.clone()).unwrap();
        let wanted = serde_json::from_value(selector.clone()).unwrap();
        assert_eq!(selector::selects(&wanted, &labels), expected, "{selector}");
    }
}

#[test]
fn nothing_is_written_while_nothing_fails() {
    let verdict = |stores: &Stores| {
        let observed = observed(stores, &cluster(&json!({}), &json!({})));
        SyncOutcomes::decide(&observed, Timestamp::UNIX_EPOCH)
            .outcome
            .unwrap()
    };
    let stores = Stores::new(&Config::default());
    let mut root = cluster(&json!({}), &json!({}));
    let now = Timestamp::UNIX_EPOCH;
    let patch = SyncOutcomes::merge_status(&root, &verdict(&stores), now).unwrap();
    root.status = serde_json::from_value(patch).unwrap();
    assert_eq!(
        SyncOutcomes::merge_status(&root, &verdict(&stores), now),
        None
    );
    // Other words for the same: a report came.
    put::<ClusterSync>(&stores.cluster_syncs, report("False"));
    assert_eq!(
        SyncOutcomes::merge_status(&root, &verdict(&stores), now),
        None
    );
    put::<ClusterSync>(&stores.cluster_syncs, report("True"));
    assert!(SyncOutcomes::merge_status(&root, &verdict(&stores), now).is_some());
}
