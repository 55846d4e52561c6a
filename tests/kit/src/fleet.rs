//! Clusters that were installed long ago by somebody else, as a hub of many years holds them: what Skep
//! meets when it takes over. Plain manifests with wire names written out; nothing here knows Skep.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use anyhow::{Context as _, Result};

use crate::cloud::{Account, Cloud, CloudOptions};
use crate::objects::{Objects, hive};
use crate::progress::Progress;
use crate::scenario::CANARY;
use crate::spoke::{Aws, Fleet, Rack, SpokeOptions};

/// A condition that no controller of the API has: it belongs to somebody's own tool.
pub const FOREIGN_CONDITION: &str = "ExampleComBackedUp";

/// Conditions of other controllers as they leave them on a cluster that runs: type, status and reason
/// (docs/spec/21 §1, 32 §0.4). A controller that adopts a cluster must leave those of others as they are.
pub const OTHERS_CONDITIONS: [(&str, &str, &str); 13] = [
    ("ActiveAPIURLOverride", "Unknown", "Initialized"),
    ("AWSPrivateLinkFailed", "Unknown", "Initialized"),
    ("AWSPrivateLinkReady", "Unknown", "Initialized"),
    ("ControlPlaneCertificateNotFound", "Unknown", "Initialized"),
    ("Hibernating", "False", "ResumingOrRunning"),
    ("IngressCertificateNotFound", "Unknown", "Initialized"),
    ("PrivateLinkFailed", "Unknown", "Initialized"),
    ("PrivateLinkReady", "Unknown", "Initialized"),
    ("Ready", "True", "Running"),
    ("RelocationFailed", "Unknown", "Initialized"),
    ("SyncSetFailed", "False", "SyncSetApplySuccess"),
    ("Unreachable", "False", "ClusterReachable"),
    (FOREIGN_CONDITION, "False", "AsLeftBehind"),
];

/// One installed cluster, alone in its namespace.
#[derive(Clone, Debug)]
pub struct Installed {
    /// Namespace of everything.
    pub namespace: String,
    /// Name of the ClusterDeployment.
    pub name: String,
    /// What is merged into the ClusterDeployment before it is created.
    pub extra: Value,
    /// Where the cloud answers, as the installer recorded it.
    pub endpoint: String,
    /// The administrator's kubeconfig; one that leads nowhere when there is none.
    pub kubeconfig: Option<String>,
    /// The account that it runs in; one that nobody has when there is none.
    pub account: Option<Account>,
}

impl Installed {
    /// The cluster of a namespace, in a cloud that does not answer.
    pub fn new(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: "old".to_owned(),
            extra: json!({}),
            endpoint: "http://127.0.0.1:9".to_owned(),
            kubeconfig: None,
            account: None,
        }
    }

    /// The same, reached by a kubeconfig: that of a [`crate::spoke`].
    #[must_use]
    pub fn reached_by(mut self, kubeconfig: &str) -> Self {
        self.kubeconfig = Some(kubeconfig.to_owned());
        self
    }

    /// The same with its machines in an account of an emulated cloud.
    #[must_use]
    pub fn in_account(mut self, cloud: &Cloud, account: &Account) -> Self {
        cloud.endpoint().clone_into(&mut self.endpoint);
        self.account = Some(account.clone());
        self
    }

    /// The same with more in its ClusterDeployment.
    #[must_use]
    pub fn with(mut self, extra: Value) -> Self {
        self.extra = extra;
        self
    }

    /// The infra ID.
    pub fn infra_id(&self) -> String {
        format!("{}-x7k2p", self.name)
    }

    /// Namespace, Secrets and ClusterDeployment (more than 10 KB with its status), created in this order.
    pub fn create(&self, objects: &Objects) -> Result<()> {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace},
        });
        objects.create(&namespace)?;
        for secret in self.secrets() {
            objects.create(&secret)?;
        }
        objects.create(&self.cluster_deployment())?;
        let of = hive("ClusterDeployment");
        objects.merge_status(of, &self.namespace, &self.name, &self.status())?;
        Ok(())
    }

    /// Credentials, pull secret, kubeconfig, password and the installer's description.
    pub fn secrets(&self) -> Vec<Value> {
        let name = &self.name;
        let nowhere = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: admin\nclusters:\n- name: {name}\n  cluster:\n    \
             server: https://api.{name}.example.com:6443\ncontexts:\n- name: admin\n  context:\n    \
             cluster: {name}\n    user: admin\nusers:\n- name: admin\n  user:\n    token: {CANARY}\n"
        );
        let kubeconfig = self.kubeconfig.as_deref().unwrap_or(&nowhere);
        let (access_key, secret_key) = match &self.account {
            Some(account) => (account.access_key.as_str(), account.secret_key.as_str()),
            None => ("AKIAEXAMPLEEXAMPLE00", CANARY),
        };
        let metadata = json!({
            "clusterName": name,
            "clusterID": "0b4d1b4e-5f6a-4c5e-8f64-8d0a35a9b0f6",
            "infraID": self.infra_id(),
            "aws": {
                "region": "us-east-1",
                "identifier": [{format!("kubernetes.io/cluster/{}", self.infra_id()): "owned"}],
                "serviceEndpoints": crate::scenario::SERVICES
                    .map(|service| json!({"name": service, "url": self.endpoint})),
                "clusterDomain": format!("{name}.example.com"),
            },
        });
        let auth = BASE64.encode(format!("old:{CANARY}"));
        let pull = json!({"auths": {"registry.example.com": {"auth": auth}}}).to_string();
        vec![
            self.secret(
                "creds",
                "Opaque",
                &[
                    ("aws_access_key_id", access_key),
                    ("aws_secret_access_key", secret_key),
                ],
            ),
            self.secret(
                "pull",
                "kubernetes.io/dockerconfigjson",
                &[(".dockerconfigjson", &pull)],
            ),
            self.secret(
                "admin-kubeconfig",
                "Opaque",
                &[("kubeconfig", kubeconfig), ("raw-kubeconfig", kubeconfig)],
            ),
            self.secret(
                "admin-password",
                "Opaque",
                &[("username", "kubeadmin"), ("password", CANARY)],
            ),
            self.secret(
                "metadata-json",
                "Opaque",
                &[("metadata.json", &metadata.to_string())],
            ),
        ]
    }

    fn secret(&self, suffix: &str, kind: &str, data: &[(&str, &str)]) -> Value {
        let data: serde_json::Map<String, Value> = data
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(BASE64.encode(value))))
            .collect();
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": format!("{}-{suffix}", self.name), "namespace": self.namespace},
            "type": kind,
            "data": data,
        })
    }

    /// The ClusterDeployment, without its status.
    pub fn cluster_deployment(&self) -> Value {
        let name = &self.name;
        let named = |suffix: &str| json!({"name": format!("{name}-{suffix}")});
        let mut manifest = json!({
            "apiVersion": "hive.openshift.io/v1",
            "kind": "ClusterDeployment",
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "annotations": {
                    "example.com/last-applied": "x".repeat(4000),
                },
            },
            "spec": {
                "baseDomain": "example.com",
                "clusterName": name,
                "installed": true,
                "clusterMetadata": {
                    "infraID": self.infra_id(),
                    "clusterID": "0b4d1b4e-5f6a-4c5e-8f64-8d0a35a9b0f6",
                    "adminKubeconfigSecretRef": named("admin-kubeconfig"),
                    "adminPasswordSecretRef": named("admin-password"),
                    "metadataJSONSecretRef": named("metadata-json"),
                    "platform": {"aws": {"hostedZoneRole": ""}},
                },
                "platform": {"aws": {
                    "credentialsSecretRef": named("creds"),
                    "region": "us-east-1",
                }},
                "pullSecretRef": named("pull"),
            },
        });
        merge(&mut manifest, &self.extra);
        manifest
    }

    /// The status that other controllers left: their conditions with long texts, as old hubs have them.
    pub fn status(&self) -> Value {
        let conditions: Vec<Value> = OTHERS_CONDITIONS
            .iter()
            .map(|(type_, status, reason)| {
                json!({
                    "type": type_,
                    "status": status,
                    "reason": reason,
                    "message": format!("{type_}: {}", "what was said about it long ago, ".repeat(15)),
                    "lastProbeTime": "2024-02-03T04:05:06Z",
                    "lastTransitionTime": "2024-02-03T04:05:06Z",
                })
            })
            .collect();
        json!({
            "cliImage": "registry.example.com/cli@sha256:0",
            "installerImage": "registry.example.com/installer@sha256:0",
            "installVersion": "4.14.9",
            "powerState": "Running",
            "webConsoleURL": format!("https://console.apps.{}.example.com", self.name),
            "conditions": conditions,
        })
    }
}

/// Installed clusters that run: their APIs answer, and their machines are in one account of an emulated
/// cloud.
pub struct Living {
    stem: String,
    cloud: Cloud,
    account: Account,
    spokes: Fleet,
}

/// Machines of each.
const CONTROL_PLANE: usize = 3;
const WORKERS: usize = 3;

impl Living {
    /// Starts so many, each in a namespace of its own: `<stem>-0000` and so on.
    pub fn start(stem: &str, clusters: usize, progress: &Progress) -> Result<Self> {
        let infra_ids = (0..clusters).map(|number| numbered(stem, number).infra_id());
        let infra_ids: Vec<String> = infra_ids.collect();
        let rack = infra_ids.iter().fold(Rack::new(), |rack, infra_id| {
            rack.with(infra_id, CONTROL_PLANE, WORKERS)
        });
        let options = infra_ids.iter().map(SpokeOptions::new);
        let spokes = Fleet::start(Arc::new(rack), options)?;
        let instant = CloudOptions {
            scale: Some(0.001),
            ..CloudOptions::default()
        };
        let cloud = Cloud::start(&instant, progress)?;
        let account = cloud.account()?;
        let names: Vec<&str> = infra_ids.iter().map(String::as_str).collect();
        let region = Aws::new(&cloud, &account, "us-east-1");
        region.launch_each(&names, CONTROL_PLANE, WORKERS)?;
        cloud.settle(Some(&account))?;
        Ok(Self {
            stem: stem.to_owned(),
            cloud,
            account,
            spokes,
        })
    }

    /// The clusters as they are to be created on the hub.
    pub fn clusters(&self) -> Result<Vec<Installed>> {
        let numbers = 0..self.spokes.spokes().count();
        let reached = numbers.map(|number| {
            let cluster = numbered(&self.stem, number);
            let spoke = self.spokes.spoke(&cluster.infra_id());
            let spoke = spoke.with_context(|| format!("nothing is behind {}", cluster.name))?;
            let cluster = cluster.reached_by(&spoke.kubeconfig());
            Ok(cluster.in_account(&self.cloud, &self.account))
        });
        reached.collect()
    }
}

/// One of many; its name is its own in the account, too.
fn numbered(stem: &str, number: usize) -> Installed {
    Installed {
        name: format!("old-{number:04}"),
        ..Installed::new(&format!("{stem}-{number:04}"))
    }
}

/// Objects are merged, everything else is replaced.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}
