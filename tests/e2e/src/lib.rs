//! What the end-to-end tests share: one stage for all of them, and a cluster that a test creates, watches
//! and deletes on it. Knows the API's wire names only, none of the product's types.
#![expect(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with what it expected"
)]

mod leaks;

use std::sync::LazyLock;
use std::time::Duration;

use futures::StreamExt as _;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, core::GroupVersionKind};
use serde_json::{Value, json};
use skep_kit::cloud::Account;
use skep_kit::oracle::{Confusable, Oracle, Snapshot};
use skep_kit::progress::Progress;
use skep_kit::scenario::ClusterScenario;
use skep_kit::stage::{BASE_DOMAIN, REGION, Stage, StageOptions};

pub use leaks::assert_no_secret_leaked;

/// Long enough for an attempt, a wait of a minute and another attempt on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(8);

/// The stage of this test binary. It ends with the process, whatever becomes of the tests.
pub static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let mut options = StageOptions::new("e2e", Progress::new());
    options.wait = true;
    options.audit = true;
    Stage::raise(&options).expect("hub, cloud and operator start")
});

/// One cluster of a test, in an account and a namespace of its own.
pub struct Cluster {
    /// What it is made from.
    pub scenario: ClusterScenario,
    /// Its account.
    pub account: Account,
    before: Snapshot,
    /// Other people's resources by role, by region.
    planted: Value,
    client: Client,
}

impl Cluster {
    /// Prepares an account and describes a cluster; nothing is created on the hub yet.
    pub async fn prepare(namespace: &str, name: &str, faults: Option<&str>) -> Self {
        let stage = &*STAGE;
        let (account, before, planted) = stage
            .account(name)
            .expect("an account with other people's resources");
        let scenario = stage.cluster(namespace, name, &account, faults);
        let client = stage.hub.client().await.expect("a client of the hub");
        Self {
            scenario,
            account,
            before,
            planted,
            client,
        }
    }

    /// Creates everything, in the order in which a person does.
    pub fn create(&self) {
        for manifest in self.scenario.manifests() {
            self.create_one(&manifest);
        }
    }

    /// Creates one object; one that is shared between tests may exist.
    pub fn create_one(&self, manifest: &Value) {
        match STAGE.create(manifest) {
            Err(error) if !format!("{error:#}").contains("AlreadyExists") => panic!("{error:#}"),
            Ok(_) | Err(_) => {}
        }
    }

    /// Objects of a kind of the API in this cluster's namespace.
    pub fn api(&self, kind: &str) -> Api<DynamicObject> {
        api(
            &self.client,
            "hive.openshift.io",
            "v1",
            kind,
            &self.scenario.namespace,
        )
    }

    /// The ClusterDeployment as it is now.
    pub async fn get(&self) -> Value {
        let found = self.api("ClusterDeployment").get(&self.scenario.name).await;
        serde_json::to_value(found.expect("the ClusterDeployment exists")).unwrap()
    }

    /// Waits until the ClusterDeployment is as wanted (`None` when it is gone), and returns it.
    pub async fn until(
        &self,
        what: &str,
        wanted: impl Fn(Option<&Value>) -> bool,
    ) -> Option<Value> {
        self.until_of("ClusterDeployment", &self.scenario.name, what, wanted)
            .await
    }

    /// The same for any object of the API.
    pub async fn until_of(
        &self,
        kind: &str,
        name: &str,
        what: &str,
        wanted: impl Fn(Option<&Value>) -> bool,
    ) -> Option<Value> {
        let waiting = wait(self.api(kind), name, wanted);
        if let Ok(found) = tokio::time::timeout(PATIENCE, waiting).await {
            return found;
        }
        let now = self.api(kind).get_opt(name).await.ok().flatten();
        let now = now.map_or_else(
            || "it is gone".to_owned(),
            |object| {
                serde_json::to_string_pretty(
                    &json!({"spec": object.data["spec"], "status": object.data["status"]}),
                )
                .unwrap()
            },
        );
        panic!(
            "{kind} {name}: expected {what} within {} s; {now}\n{}",
            PATIENCE.as_secs(),
            STAGE.operator_log()
        )
    }

    /// Waits for a condition of the ClusterDeployment.
    pub async fn until_condition(&self, type_: &str, status: &str, reason: &str) -> Value {
        let what = format!("condition {type_}={status}/{reason}");
        let found = self.until(&what, |object| {
            object.is_some_and(|object| has_condition(object, type_, status, reason))
        });
        found.await.unwrap()
    }

    /// Waits until the cluster is installed.
    pub async fn until_installed(&self) -> Value {
        let installed = |object: Option<&Value>| {
            object.is_some_and(|object| object["spec"]["installed"] == true)
        };
        self.until("spec.installed", installed).await.unwrap()
    }

    /// Deletes the ClusterDeployment and waits until it is gone.
    pub async fn delete(&self) {
        self.begin_deletion().await;
        self.until("its end", |object| object.is_none()).await;
    }

    /// Deletes the ClusterDeployment and waits for nothing. What people could read until now is searched
    /// for secrets first, while pods and their logs are still there.
    pub async fn begin_deletion(&self) {
        let searched = self.assert_no_secret_leaked();
        let objects = format!("objects of namespace {}", self.scenario.namespace);
        assert!(searched.contains(&objects), "{searched:#?}");
        let api = self.api("ClusterDeployment");
        api.delete(&self.scenario.name, &kube::api::DeleteParams::default())
            .await
            .unwrap();
    }

    /// Merges into the ClusterDeployment.
    pub async fn merge(&self, patch: &Value) {
        let api = self.api("ClusterDeployment");
        api.patch(
            &self.scenario.name,
            &PatchParams::default(),
            &Patch::Merge(patch),
        )
        .await
        .unwrap();
    }

    /// The attempts made so far, by number.
    pub async fn attempts(&self) -> Vec<Value> {
        let found = self
            .api("ClusterProvision")
            .list(&ListParams::default())
            .await
            .unwrap();
        let mut attempts: Vec<Value> = found
            .items
            .into_iter()
            .map(|attempt| serde_json::to_value(attempt).unwrap())
            .collect();
        attempts.sort_by_key(|attempt| attempt["spec"]["attempt"].as_i64());
        attempts
    }

    /// Waits for the first attempt; its name and what it was then.
    pub async fn first_attempt(&self) -> (String, Value) {
        let found = self.until("an attempt", |object| {
            object.is_some_and(|object| object["status"]["provisionRef"]["name"].is_string())
        });
        let found = found.await.unwrap();
        let name = found["status"]["provisionRef"]["name"]
            .as_str()
            .unwrap()
            .to_owned();
        let attempt = self.api("ClusterProvision").get(&name).await.unwrap();
        (name, serde_json::to_value(attempt).unwrap())
    }

    /// Events about an object of this namespace: reason and note.
    pub async fn events(&self, about: &str) -> Vec<(String, String)> {
        let events = api(
            &self.client,
            "events.k8s.io",
            "v1",
            "Event",
            &self.scenario.namespace,
        );
        let found = events.list(&ListParams::default()).await.unwrap();
        let of = |event: &DynamicObject, path: &str| {
            event
                .data
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        found
            .iter()
            .filter(|event| of(event, "/regarding/name") == about)
            .map(|event| (of(event, "/reason"), of(event, "/note")))
            .collect()
    }

    /// What people can read now holds no secret; tells where was searched.
    pub fn assert_no_secret_leaked(&self) -> Vec<String> {
        assert_no_secret_leaked(&self.scenario.namespace)
    }

    /// The leak oracle's word: the account is as it was before the cluster. Nor has a secret got out on the
    /// way to here.
    pub fn assert_nothing_left(&self) {
        self.assert_no_secret_leaked();
        let oracle = Oracle::new(&STAGE.cloud, &self.account, &[REGION]);
        let after = oracle.snapshot().expect("a snapshot of the account");
        let (same, report) = oracle
            .report(&self.before, &after)
            .expect("the oracle's verdict");
        assert!(same, "the account is not as it was:\n{report}");
    }

    /// Plants other people's records below the cluster's own domain, which nobody can do before it is
    /// installed; they have to be there in the end as well.
    pub fn plant_late(&mut self) {
        let oracle = Oracle::new(&STAGE.cloud, &self.account, &[REGION]);
        let confusable = Confusable {
            cluster: &self.scenario.name,
            base_domain: BASE_DOMAIN,
            infra_id: None,
        };
        let late = oracle
            .seed_late(&confusable, &self.planted)
            .expect("records below the cluster's domain");
        let during = oracle.snapshot().expect("a snapshot of the account");
        self.before = oracle
            .expect(&self.before, &during, &late)
            .expect("what is to be left");
    }

    /// Names of everything that exists in the account because of this cluster, by kind.
    pub fn holdings(&self) -> std::collections::BTreeMap<String, u64> {
        let oracle = Oracle::new(&STAGE.cloud, &self.account, &[REGION]);
        let now = oracle.snapshot().expect("a snapshot of the account");
        oracle
            .count_new(&now, &self.before)
            .expect("the oracle's count")
    }
}

/// Whether an object has this condition.
pub fn has_condition(object: &Value, type_: &str, status: &str, reason: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|condition| {
        condition["type"] == type_ && condition["status"] == status && condition["reason"] == reason
    })
}

fn api(
    client: &Client,
    group: &str,
    version: &str,
    kind: &str,
    namespace: &str,
) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    Api::namespaced_with(client.clone(), namespace, &resource)
}

async fn wait(
    api: Api<DynamicObject>,
    name: &str,
    wanted: impl Fn(Option<&Value>) -> bool,
) -> Option<Value> {
    let mut changes = watcher::watch_object(api, name).default_backoff().boxed();
    while let Some(change) = changes.next().await {
        // A watch that ends is started again; the deadline is the caller's.
        let Ok(object) = change else { continue };
        let object = object.map(|object| serde_json::to_value(object).unwrap());
        if wanted(object.as_ref()) {
            return object;
        }
    }
    panic!("the watch ended")
}
