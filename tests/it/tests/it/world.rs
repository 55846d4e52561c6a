//! The hub that most tests share, with one operator beside it, and what they ask of both.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use skep_kit::audit::{self, Request};
use skep_kit::fleet::Installed;
use skep_kit::hub::{Hub, HubOptions};
use skep_kit::objects::{Objects, Of, hive};
use skep_kit::outside::{self, Outside};
use skep_kit::process::wait_until;
use skep_kit::progress::Progress;
use skep_kit::{binaries, cache};

pub(crate) const CD: Of<'static> = hive("ClusterDeployment");
pub(crate) const FINALIZER: &str = "hive.openshift.io/deprovision";
pub(crate) const PLATFORM_LABEL: &str = "hive.openshift.io/cluster-platform";
/// Long enough for a machine that is busy with a build.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// The operator's binary.
pub(crate) static SKEP: LazyLock<PathBuf> = LazyLock::new(|| {
    binaries::build(&Progress::silent())
        .expect("skep can be built")
        .skep
});

/// The shared hub. It ends with the process.
pub(crate) static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut world = World::new("it", &cache::checkout().join("crds/yaml"));
    world.start("it-operator");
    let operator = world.operators.first().unwrap();
    operator.await_lead().expect("the operator leads");
    world
});

/// A hub and the operators beside it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) operators: Vec<Outside>,
    pub(crate) objects: Objects,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) hub: Hub,
}

impl World {
    /// A hub with these resource definitions and no operator yet.
    pub(crate) fn new(name: &str, crds: &std::path::Path) -> Self {
        let hub = Hub::start(&HubOptions::for_test(name).with_crds(crds).audited())
            .expect("a control plane boots");
        let kubeconfig = outside::grant(&hub).expect("the shipped rights apply");
        let objects = Objects::new(&hub).expect("a client of the hub");
        Self {
            operators: Vec::new(),
            objects,
            kubeconfig,
            hub,
        }
    }

    /// Starts an operator and waits until it is warm.
    pub(crate) fn start(&mut self, name: &str) {
        let operator =
            Outside::start(&self.hub, &SKEP, &self.kubeconfig, name).expect("the operator starts");
        operator.await_ready().expect("the operator is ready");
        self.operators.push(operator);
    }

    /// The same with every controller: installed clusters and their clouds are looked at too.
    pub(crate) fn start_whole(&mut self, name: &str) {
        let (hub, kubeconfig) = (&self.hub, &self.kubeconfig);
        let operator =
            Outside::start_with(hub, &SKEP, kubeconfig, name, &[]).expect("the operator starts");
        operator.await_ready().expect("the operator is ready");
        self.operators.push(operator);
    }

    /// Creates an installed cluster.
    pub(crate) fn adopt(&self, cluster: &Installed) {
        cluster
            .create(&self.objects)
            .expect("the API takes the cluster");
    }

    /// Waits until an object is as wanted; fails with what it was instead.
    pub(crate) fn until(
        &self,
        of: Of<'_>,
        namespace: &str,
        name: &str,
        what: &str,
        wanted: impl Fn(Option<&Value>) -> bool,
    ) -> Option<Value> {
        let outcome = wait_until(what, PATIENCE, || {
            let found = self.objects.get(of, namespace, name)?;
            Ok(if wanted(found.as_ref()) {
                Ok(found)
            } else {
                Err(format!(
                    "{namespace}/{name}: {}",
                    found.as_ref().map_or_else(|| "absent".to_owned(), shown)
                ))
            })
        });
        outcome.unwrap_or_else(|error| {
            let logs: Vec<String> = self.operators.iter().map(Outside::log).collect();
            panic!("{error:#}\n{}", logs.join("\n---\n"))
        })
    }

    /// Waits until a cluster is adopted: everything that the operator writes about it is written.
    pub(crate) fn until_adopted(&self, cluster: &Installed) -> Value {
        let (namespace, name) = (cluster.namespace.as_str(), cluster.name.as_str());
        let adopted = |found: Option<&Value>| {
            found.is_some_and(|found| {
                has_condition(found, "Provisioned", "True", "Provisioned")
                    && finalizers(found).contains(&FINALIZER)
                    && found["status"]["apiURL"].is_string()
            })
        };
        self.until(CD, namespace, name, "adoption", adopted);
        for suffix in ["creds", "metadata-json"] {
            let secret = format!("{name}-{suffix}");
            let held = |found: Option<&Value>| {
                found.is_some_and(|found| finalizers(found).contains(&"skep.dev/in-use"))
            };
            let of = Of {
                version: "v1",
                kind: "Secret",
            };
            self.until(of, namespace, &secret, "a held Secret", held);
        }
        self.barrier(cluster)
    }

    /// Removes a label by hand and waits until it is back: whatever the operator had to do about this
    /// cluster before is done then, since runs about one object follow each other.
    pub(crate) fn barrier(&self, cluster: &Installed) -> Value {
        let (namespace, name) = (cluster.namespace.as_str(), cluster.name.as_str());
        let removed = json!({"metadata": {"labels": {PLATFORM_LABEL: null}}});
        self.objects.merge(CD, namespace, name, &removed).unwrap();
        let back = |found: Option<&Value>| {
            found.is_some_and(|found| found["metadata"]["labels"][PLATFORM_LABEL] == "aws")
        };
        self.until(CD, namespace, name, "a restored label", back)
            .unwrap()
    }

    /// Everything that the operators asked for so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        audit::requests_of(&self.hub.audit_log(), outside::USER).unwrap()
    }

    /// The operators' writes in a namespace so far.
    pub(crate) fn writes(&self, namespace: &str) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| request.is_write() && request.namespace() == namespace);
        requests
    }

    /// The shipped rights were enough.
    pub(crate) fn assert_nothing_refused(&self) {
        let refused: Vec<String> = self
            .requests()
            .iter()
            .filter(|request| matches!(request.code(), 401 | 403))
            .map(Request::describe)
            .collect();
        assert_eq!(refused, Vec::<String>::new(), "refused to the operator");
    }
}

/// Names of an object's finalizers.
pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    let all = object["metadata"]["finalizers"].as_array();
    all.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// The condition of a type.
pub(crate) fn condition<'a>(object: &'a Value, type_: &str) -> Option<&'a Value> {
    let all = object["status"]["conditions"].as_array();
    all.into_iter()
        .flatten()
        .find(|found| found["type"] == type_)
}

/// Whether an object has this condition.
pub(crate) fn has_condition(object: &Value, type_: &str, status: &str, reason: &str) -> bool {
    condition(object, type_)
        .is_some_and(|found| found["status"] == status && found["reason"] == reason)
}

/// What matters of an object in a message.
fn shown(object: &Value) -> String {
    let metadata = &object["metadata"];
    let short = json!({
        "finalizers": metadata["finalizers"],
        "labels": metadata["labels"],
        "deletionTimestamp": metadata["deletionTimestamp"],
        "spec": object["spec"],
        "status": object["status"],
    });
    format!("{short:#}")
}
