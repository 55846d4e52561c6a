//! Whole orders: the real driver against the model of the API server and the fake cloud, under paused time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use skep_crds::{ClusterDeployment, ClusterDeprovision};
use skep_providers::fake::{FakeResource, metadata};
use skep_providers::{AccountId, Class};
use tokio_util::sync::CancellationToken;

use super::super::Deprovisions;
use crate::controllers::erasure::testing::{Hub, INFRA_ID, KEY};
use crate::runtime::{Config, Driver, DriverOptions, Process, Selection, bell};

const GROUP: &str = "hive.openshift.io";

/// A hub in which the controller runs, with a cluster that is being deleted and its order.
struct Orders {
    hub: Hub,
    stop: CancellationToken,
}

impl Orders {
    async fn new(hub: Hub, deleting: bool) -> Self {
        let cluster = json!({
            "apiVersion": "hive.openshift.io/v1", "kind": "ClusterDeployment",
            "metadata": {
                "namespace": "team", "name": "demo",
                "finalizers": ["hive.openshift.io/deprovision"],
                "annotations": {"skep.dev/cloud-account": hub.account.as_str()},
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
        });
        hub.seed(GROUP, "clusterdeployments", &cluster);
        if deleting {
            delete::<ClusterDeployment>(&hub).await;
        }
        let uid = hub
            .server
            .object(GROUP, "clusterdeployments", "team", "demo")
            .unwrap()["metadata"]["uid"]
            .clone();
        let described = metadata(INFRA_ID, "demo", "example.com");
        hub.seed_secret("demo-metadata-json", &[("metadata.json", &described)]);
        hub.seed(
            GROUP,
            "clusterdeprovisions",
            &json!({
                "apiVersion": "hive.openshift.io/v1", "kind": "ClusterDeprovision",
                "metadata": {
                    "namespace": "team", "name": "demo",
                    "ownerReferences": [{
                        "apiVersion": "hive.openshift.io/v1", "kind": "ClusterDeployment",
                        "name": "demo", "uid": uid, "controller": true,
                    }],
                },
                "spec": {
                    "infraID": INFRA_ID, "clusterName": "demo", "baseDomain": "example.com",
                    "metadataJSONSecretRef": {"name": "demo-metadata-json"},
                    "platform": {"aws": {
                        "region": "us-east-1", "credentialsSecretRef": {"name": "creds"},
                    }},
                },
            }),
        );
        let stop = CancellationToken::new();
        let orders = Self { hub, stop };
        orders.operate();
        orders
    }

    fn operate(&self) {
        let shared = &self.hub.shared;
        let stores = &shared.stores;
        let controller = Deprovisions {
            shared: shared.clone(),
            started: Arc::default(),
        };
        let options = DriverOptions::default();
        let driver = Driver::new(controller, &stores.deprovisions, &shared.context, options)
            .rung_by(&stores.clusters, bell::namesake())
            .rung_by_input(&stores.secrets, bell::index(super::super::SECRETS_INDEX));
        let client = shared.context.client.clone();
        let mut process = Process::new(shared.context.clone(), client);
        process.watch(&stores.deprovisions, Selection::all());
        process.watch(&stores.clusters, Selection::all());
        process.watch(&stores.secrets, Selection::all());
        process.controller(shared.erasures.rings(driver));
        let stop = self.stop.clone();
        tokio::spawn(async move { process.run(None, stop).await });
    }

    fn order(&self) -> Value {
        self.hub
            .server
            .object(GROUP, "clusterdeprovisions", "team", "demo")
            .unwrap_or_default()
    }

    fn typed(&self) -> ClusterDeprovision {
        serde_json::from_value(self.order()).unwrap()
    }

    /// Status and reason of a condition.
    fn condition(&self, type_: &str) -> Option<(String, String, String)> {
        let root = self.typed();
        let found = root
            .conditions()
            .iter()
            .find(|condition| condition.type_ == type_)?;
        let status = found.status.as_str().to_owned();
        Some((
            status,
            found.reason().to_owned(),
            found.message().to_owned(),
        ))
    }

    async fn until(&self, what: &str, reached: impl Fn(&Self) -> bool) {
        for _ in 0..7200 {
            if reached(self) {
                return;
            }
            self.hub.clock.sleep(Duration::from_millis(500)).await;
        }
        assert!(
            reached(self),
            "{what} did not come about: {:#}",
            self.order()
        );
    }

    fn is(&self, type_: &str, status: &str, reason: &str) -> bool {
        self.condition(type_)
            .is_some_and(|(s, r, _)| s == status && r == reason)
    }

    /// Writes to the order so far.
    fn writes(&self) -> usize {
        let effects = self.hub.server.effects();
        effects
            .log()
            .iter()
            .filter(|e| e.request.plural == "clusterdeprovisions")
            .count()
    }
}

/// A person deletes `demo`.
async fn delete<K>(hub: &Hub)
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let api = kube::Api::<K>::namespaced(hub.server.client("person"), "team");
    api.delete("demo", &kube::api::DeleteParams::default())
        .await
        .unwrap();
}

impl Drop for Orders {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_is_carried_out_to_its_receipt() {
    let orders = Orders::new(Hub::new(), true).await;
    orders
        .until("completion", |orders| orders.typed().is_completed())
        .await;
    assert_eq!(orders.hub.resources(), 0);
    assert!(orders.is("DeprovisionProgressing", "False", "DeprovisionCompleted"));
    assert_eq!(
        orders.condition("AuthenticationFailure"),
        None,
        "it never held"
    );
    assert!(orders.order()["metadata"]["annotations"]["skep.dev/plan-digest"].is_string());
    let records = orders.hub.server.objects("", "configmaps");
    assert!(
        records
            .iter()
            .any(|record| record["metadata"]["labels"]["skep.dev/receipt"] == "true")
    );
    let took = orders.hub.clock.elapsed().as_secs();
    let most = usize::try_from(took / 5).unwrap() + 5;
    assert!(
        orders.writes() <= most,
        "{} writes in {took} s",
        orders.writes()
    );
    let before = orders.writes();
    orders.hub.clock.sleep(Duration::from_hours(3)).await;
    assert_eq!(orders.writes(), before, "a fulfilled order is left alone");
}

/// docs/spec/20 §3: a hand-made order on a living cluster never deletes it.
#[tokio::test(start_paused = true)]
async fn a_living_cluster_is_not_touched() {
    let orders = Orders::new(Hub::new(), false).await;
    let reason = "ClusterNotBeingDeleted";
    orders
        .until(reason, |orders| {
            orders.is("DeprovisionProgressing", "False", reason)
        })
        .await;
    orders.hub.clock.sleep(Duration::from_hours(1)).await;
    assert_eq!(orders.hub.cloud.log(&orders.hub.account), []);
}

#[tokio::test(start_paused = true)]
async fn corrected_credentials_are_taken_up_at_once() {
    let hub = Hub::new();
    hub.cloud.reject(KEY);
    let orders = Orders::new(hub, true).await;
    let failed =
        |orders: &Orders| orders.is("AuthenticationFailure", "True", "AuthenticationFailed");
    orders.until("the failure", failed).await;
    // Long enough for the delays to have grown.
    orders.hub.clock.sleep(Duration::from_hours(2)).await;
    orders
        .hub
        .cloud
        .accept("AKIANEW", orders.hub.account.clone());
    let secrets = kube::Api::<k8s_openapi::api::core::v1::Secret>::namespaced(
        orders.hub.server.client("person"),
        "team",
    );
    let patch = kube::api::Patch::Merge(json!({"stringData": {"aws_access_key_id": "AKIANEW"},
        "data": {"aws_access_key_id": "QUtJQU5FVw=="}}));
    secrets
        .patch("creds", &kube::api::PatchParams::default(), &patch)
        .await
        .unwrap();
    let corrected = orders.hub.clock.elapsed();
    let works =
        |orders: &Orders| orders.is("AuthenticationFailure", "False", "AuthenticationSucceeded");
    orders.until("the correction", works).await;
    let waited = orders.hub.clock.elapsed() - corrected;
    assert!(waited < Duration::from_secs(20), "it took {waited:?}");
    orders
        .until("completion", |orders| orders.typed().is_completed())
        .await;
}

/// docs/spec/20 §13.3: another account is named, and not touched.
#[tokio::test(start_paused = true)]
async fn another_account_is_not_touched() {
    let hub = Hub::new();
    let other = AccountId::new("aws", "999999999999");
    hub.cloud.accept(KEY, other.clone());
    let orders = Orders::new(hub, true).await;
    orders
        .until("the refusal", |orders| {
            orders.is("DeprovisionFailed", "True", "AccountMismatch")
        })
        .await;
    orders.hub.clock.sleep(Duration::from_hours(1)).await;
    assert!(
        orders
            .hub
            .cloud
            .log(&other)
            .iter()
            .all(|call| !call.is_change())
    );
    assert!(!orders.typed().is_completed());
}

#[tokio::test(start_paused = true)]
async fn what_is_blocked_is_named_and_goes_when_it_can() {
    let hub = Hub::new();
    let stubborn = FakeResource::new("stubborn", "volume")
        .tag(&format!("kubernetes.io/cluster/{INFRA_ID}"), "owned")
        .undeletable(Class::Denied);
    hub.cloud.create(&hub.account, stubborn);
    let orders = Orders::new(hub, true).await;
    orders
        .until("the failure", |orders| {
            orders.is("DeprovisionFailed", "True", "UnknownError")
        })
        .await;
    let (_, _, message) = orders.condition("DeprovisionFailed").unwrap();
    assert!(message.contains("volume stubborn"), "{message}");
    orders.hub.clock.sleep(Duration::from_hours(1)).await;
    orders
        .hub
        .cloud
        .unlock(&orders.hub.account, &"stubborn".into());
    orders
        .until("completion", |orders| orders.typed().is_completed())
        .await;
    assert!(orders.is("DeprovisionFailed", "False", "DeprovisionCompleted"));
}

#[tokio::test(start_paused = true)]
async fn switched_off_deletions_stop_what_runs_and_go_on_later() {
    let orders = Orders::new(Hub::new(), true).await;
    orders
        .until("the first deletion", |orders| orders.hub.changes() > 0)
        .await;
    let config = &orders.hub.shared.config;
    config.set(Config {
        deprovisions_disabled: true,
        ..Config::default()
    });
    let off =
        |orders: &Orders| orders.is("DeprovisionProgressing", "False", "DeprovisionsDisabled");
    orders.until("the switch", off).await;
    orders.hub.clock.sleep(Duration::from_secs(1)).await;
    let changes = orders.hub.changes();
    orders.hub.clock.sleep(Duration::from_hours(1)).await;
    assert_eq!(orders.hub.changes(), changes);
    assert!(orders.hub.resources() > 0);
    config.set(Config::default());
    orders
        .until("completion", |orders| orders.typed().is_completed())
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_order_touches_nothing_more() {
    let orders = Orders::new(Hub::new(), true).await;
    orders
        .until("the first deletion", |orders| orders.hub.changes() > 0)
        .await;
    delete::<ClusterDeprovision>(&orders.hub).await;
    orders.hub.clock.sleep(Duration::from_secs(1)).await;
    let changes = orders.hub.changes();
    orders.hub.clock.sleep(Duration::from_hours(1)).await;
    assert_eq!(orders.hub.changes(), changes);
    assert!(orders.hub.resources() > 0);
}
