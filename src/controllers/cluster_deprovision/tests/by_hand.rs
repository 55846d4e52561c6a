//! What a person may not do either (docs/spec/20 §3, step 3).

use std::sync::Arc;

use kube::Api;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use skep_crds::{ClusterDeployment, ClusterDeprovision};
use skep_providers::fake::metadata;

use super::super::by_hand::{is_in_operators_hands, order_of, refusal};
use crate::controllers::erasure::testing::{Hub, INFRA_ID};
use crate::runtime::Config;

const GROUP: &str = "hive.openshift.io";
const CLUSTERS: &str = "clusterdeployments";

/// A cluster that may be deleted, once somebody asks for it.
fn cluster(name: &str) -> Value {
    json!({
        "apiVersion": "hive.openshift.io/v1", "kind": "ClusterDeployment",
        "metadata": {
            "namespace": "team", "name": name,
            "finalizers": ["hive.openshift.io/deprovision"],
        },
        "spec": {
            "baseDomain": "example.com", "clusterName": "demo", "installed": true,
            "platform": {"aws": {"region": "us-east-1", "credentialsSecretRef": {"name": "creds"}}},
            "clusterMetadata": {
                "clusterID": "c", "infraID": INFRA_ID,
                "adminKubeconfigSecretRef": {"name": "k"},
                "metadataJSONSecretRef": {"name": "demo-metadata-json"},
            },
        },
    })
}

struct Desk {
    hub: Hub,
}

impl Desk {
    /// A hub with this cluster, which somebody deletes.
    async fn new(cluster: &Value) -> Self {
        let desk = Self::living(cluster);
        let client = desk.hub.server.client("person");
        Api::<ClusterDeployment>::namespaced(client, "team")
            .delete("demo", &DeleteParams::default())
            .await
            .unwrap();
        desk
    }

    /// A hub with this cluster.
    fn living(cluster: &Value) -> Self {
        let hub = Hub::new();
        hub.seed(GROUP, CLUSTERS, cluster);
        let described = metadata(INFRA_ID, "demo", "example.com");
        hub.seed_secret("demo-metadata-json", &[("metadata.json", &described)]);
        Self { hub }
    }

    fn cluster(&self) -> ClusterDeployment {
        let found = self.hub.server.object(GROUP, CLUSTERS, "team", "demo");
        serde_json::from_value(found.unwrap()).unwrap()
    }

    /// The order that the hub would give.
    fn order(&self) -> ClusterDeprovision {
        order_of(&self.cluster()).unwrap()
    }

    async fn refusal(&self, order: ClusterDeprovision) -> Option<String> {
        refusal(&self.hub.shared, &Arc::new(order)).await.unwrap()
    }
}

fn with(change: &Value) -> Value {
    let mut cluster = cluster("demo");
    merge(&mut cluster, change);
    cluster
}

fn merge(into: &mut Value, change: &Value) {
    match (into, change) {
        (Value::Object(into), Value::Object(change)) => {
            for (key, value) in change {
                if value.is_null() {
                    into.shift_remove(key);
                } else {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (into, change) => into.clone_from(change),
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_on_its_way_out_may_be_deleted() {
    let desk = Desk::new(&cluster("demo")).await;
    assert_eq!(desk.refusal(desk.order()).await, None);
}

/// Each change alone shuts a gate, as it does for the controller.
#[tokio::test(start_paused = true)]
async fn what_the_controller_refuses_is_refused_to_a_person() {
    for (change, said) in [
        (
            json!({"spec": {"preserveOnDelete": true}}),
            "keeps its cluster",
        ),
        (
            json!({"metadata": {"annotations": {"hive.openshift.io/protected-delete": "true"}}}),
            "is protected",
        ),
        (
            json!({"metadata": {"annotations": {"hive.openshift.io/reconcile-pause": "true"}}}),
            "is paused",
        ),
        (
            json!({"spec": {"clusterMetadata": {"metadataJSONSecretRef": {"name": "gone"}}}}),
            "does not exist",
        ),
    ] {
        let desk = Desk::new(&with(&change)).await;
        let refused = desk.refusal(desk.order()).await.unwrap_or_default();
        assert!(refused.contains(said), "{change}: {refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_living_cluster_is_refused() {
    let desk = Desk::living(&cluster("demo"));
    let refused = desk.refusal(desk.order()).await.unwrap_or_default();
    assert!(refused.contains("is not being deleted"), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn the_hubs_switch_holds_for_a_person() {
    let desk = Desk::new(&cluster("demo")).await;
    desk.hub.shared.config.set(Config {
        deprovisions_disabled: true,
        ..Config::default()
    });
    let refused = desk.refusal(desk.order()).await.unwrap_or_default();
    assert!(refused.contains("switched off"), "{refused:?}");
}

/// The neighbour is in no store: the command has no watch.
#[tokio::test(start_paused = true)]
async fn a_cluster_that_another_uses_is_not_deleted() {
    let desk = Desk::new(&cluster("demo")).await;
    desk.hub.seed(GROUP, CLUSTERS, &cluster("twin"));
    let refused = desk.refusal(desk.order()).await.unwrap_or_default();
    assert!(refused.contains("team/twin"), "{refused:?}");
}

/// An order made by hand: somebody else's infra ID beside a cluster on its way out, or nobody's.
#[tokio::test(start_paused = true)]
async fn an_order_reaches_its_own_cluster_only() {
    let desk = Desk::new(&cluster("demo")).await;
    let mut order = desk.order();
    order.spec.infra_id = "other-9f8e7".into();
    let refused = desk.refusal(order).await.unwrap_or_default();
    assert!(refused.contains("other-9f8e7"), "{refused:?}");

    let mut order = desk.order();
    order.metadata.owner_references = None;
    let refused = desk.refusal(order).await.unwrap_or_default();
    assert!(refused.contains("no ClusterDeployment"), "{refused:?}");
}

#[test]
fn the_operator_is_not_worked_beside_unawares() {
    let of = |change: &Value| serde_json::from_value::<ClusterDeployment>(with(change)).unwrap();
    let held = of(&json!({}));
    let let_go = of(&json!({"metadata": {"finalizers": []}}));
    let order = order_of(&held).unwrap();
    let mut completed = order.clone();
    completed.status = serde_json::from_value(json!({"completed": true})).unwrap();
    for (order, cluster, expected) in [
        (None, &held, true),
        (None, &let_go, false),
        (Some(&order), &let_go, true),
        (Some(&completed), &held, false),
    ] {
        assert_eq!(is_in_operators_hands(order, cluster), expected);
    }
}
