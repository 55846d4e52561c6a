//! The programs of the install path, as the hub sees them: the pod that resolves images
//! (docs/spec/10 §8.3) and the pod that installs (docs/spec/10 §14). Scripted: what an attempt does
//! is data, and the real install manager can take a script's place by another [`Programs`].

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};
use serde_json::{Value, json};

use super::{PodRun, Programs};
use crate::seed;

const HIVE: &str = "/apis/hive.openshift.io/v1/namespaces";
/// Where the install program makes resources.
pub trait Account: Send + Sync {
    /// Creates what an installation of `infra_id` has made by the end of `stage`.
    fn create(&self, infra_id: &str, stage: Stage) -> BoxFuture<'static, ()>;
}

/// How far an installation comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Manifests and ignition are generated; nothing exists in the cloud.
    Assets,
    /// Network and control plane exist.
    Bootstrap,
    /// Everything exists.
    Complete,
}

/// What one attempt does.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// From the start of the pod to the generated assets.
    pub assets_after: Duration,
    /// From the handshake to each further stage.
    pub stage_after: Duration,
    /// The stage in which it fails, and the log it leaves.
    pub fails: Option<(Stage, String)>,
}

impl Attempt {
    pub fn succeeding() -> Self {
        Self {
            assets_after: Duration::from_secs(20),
            stage_after: Duration::from_mins(10),
            fails: None,
        }
    }

    pub fn failing(stage: Stage, log: &str) -> Self {
        Self {
            fails: Some((stage, log.to_owned())),
            ..Self::succeeding()
        }
    }
}

/// The scripted programs of a cluster's pods.
#[derive(Clone)]
pub struct Script {
    pub account: Arc<dyn Account>,
    /// The account's name, recorded with the report; the fence of every deletion.
    pub identity: Option<String>,
    /// By attempt, counted from 0; attempts beyond the last do as the last.
    pub attempts: Vec<Attempt>,
    /// What `metadata.json` holds besides the names of the cluster.
    pub metadata: Value,
    pub version: String,
    /// Images by release image; the imageset pod of another one fails.
    pub images: BTreeMap<String, (String, String)>,
}

impl Script {
    pub fn new(account: Arc<dyn Account>, attempts: Vec<Attempt>) -> Self {
        Self {
            account,
            identity: None,
            attempts,
            metadata: json!({"aws": {"region": "us-east-1"}}),
            version: "4.19.2".into(),
            images: BTreeMap::new(),
        }
    }
}

impl Programs for Script {
    fn program(&self, run: PodRun) -> Option<BoxFuture<'static, i32>> {
        let script = self.clone();
        let kind = run
            .label("hive.openshift.io/job-type")
            .unwrap_or_default()
            .to_owned();
        match kind.as_str() {
            "imageset" => Some(async move { exit(&script.resolve_images(&run).await) }.boxed()),
            "provision" => Some(async move { exit(&script.install(&run).await) }.boxed()),
            _ => None,
        }
    }
}

/// An error is exit code 1, as everywhere in the install path.
fn exit(result: &Result<(), String>) -> i32 {
    i32::from(result.is_err())
}

impl Script {
    /// `update-installer-image`: one status update with what the release payload says.
    async fn resolve_images(&self, run: &PodRun) -> Result<(), String> {
        let name = cluster_of(run)?;
        let cluster = format!("{HIVE}/{}/clusterdeployments/{name}", run.namespace());
        let release = run.pod["spec"]["containers"][0]["image"]
            .as_str()
            .unwrap_or_default();
        let found = self.images.get(release).cloned();
        let (installer, cli) = match found {
            Some(images) => images,
            None if self.images.is_empty() => (
                "localhost/openshift-installer:4.19.2".into(),
                "localhost/openshift-cli:4.19.2".into(),
            ),
            None => return Err(format!("no such release image: {release}")),
        };
        let version = self.version.clone();
        let now = run.server.clock().now().to_string();
        update(run, &cluster, "/status", move |object| {
            let resolved = json!({
                "type": "InstallerImageResolutionFailed", "status": "False",
                "reason": "InstallerImageResolved", "message": "InstallerImage is resolved.",
                "lastProbeTime": now, "lastTransitionTime": now,
            });
            let mut conditions = object["status"]["conditions"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            conditions.retain(|condition| condition["type"] != resolved["type"]);
            conditions.push(resolved);
            json!({"status": {
                "installerImage": installer, "cliImage": cli, "installVersion": version,
                "conditions": conditions,
            }})
        })
        .await
    }

    /// `install-manager`: assets, the report, the handshake, then the cloud.
    async fn install(&self, run: &PodRun) -> Result<(), String> {
        let namespace = run.namespace().to_owned();
        let provision_name = run
            .label("hive.openshift.io/cluster-provision-name")
            .ok_or("the pod does not say which provision it is for")?
            .to_owned();
        let path = format!("{HIVE}/{namespace}/clusterprovisions/{provision_name}");
        let provision = read(run, &path).await?;
        let cluster_name = text(&provision["spec"]["clusterDeploymentRef"]["name"]);
        let cluster = read(
            run,
            &format!("{HIVE}/{namespace}/clusterdeployments/{cluster_name}"),
        )
        .await?;
        let stage = text(&provision["spec"]["stage"]);
        let over = !matches!(stage.as_str(), "initializing" | "provisioning");
        if over || cluster["spec"]["installed"] == true {
            return Ok(());
        }
        if provision["spec"]["infraID"].is_string() {
            return Err("this provision was begun before".into());
        }
        let number = provision["spec"]["attempt"].as_u64().unwrap_or_default();
        let attempt = usize::try_from(number)
            .ok()
            .and_then(|index| self.attempts.get(index))
            .or_else(|| self.attempts.last())
            .cloned()
            .unwrap_or_else(Attempt::succeeding);
        self.wait(run, attempt.assets_after).await?;
        if let Some((Stage::Assets, log)) = &attempt.fails {
            return fail(run, &path, log).await;
        }
        let infra_id = self.report(run, &path, &provision, &cluster).await?;
        self.handshake(run, &path).await?;
        for stage in [Stage::Bootstrap, Stage::Complete] {
            self.account.create(&infra_id, stage).await;
            self.wait(run, attempt.stage_after).await?;
            if let Some((_, log)) = attempt.fails.as_ref().filter(|(at, _)| *at == stage) {
                return fail(run, &path, log).await;
            }
        }
        update(
            run,
            &path,
            "",
            |_| json!({"spec": {"installLog": "level=info msg=Install complete!"}}),
        )
        .await
    }

    /// Time passes, unless the pod is asked to end.
    #[allow(clippy::unused_self, reason = "reads as what the script does")]
    async fn wait(&self, run: &PodRun, time: Duration) -> Result<(), String> {
        tokio::select! {
            biased;
            () = run.terminate.notified() => Err("terminated".into()),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    /// Secrets first, then one update of the provision with everything that names the cluster.
    async fn report(
        &self,
        run: &PodRun,
        path: &str,
        provision: &Value,
        cluster: &Value,
    ) -> Result<String, String> {
        let name = text(&provision["metadata"]["name"]);
        let cluster_name = text(&cluster["spec"]["clusterName"]);
        let uid = text(&provision["metadata"]["uid"]);
        let seed = run.server.seed();
        let suffix = seed::suffix(seed, &["infra", &uid]);
        let infra_id = format!("{}-{suffix}", &cluster_name[..cluster_name.len().min(21)]);
        let cluster_id = seed::uuid(seed, &["cluster", &uid]);
        let mut metadata = self.metadata.clone();
        metadata["clusterName"] = cluster_name.clone().into();
        metadata["clusterID"] = cluster_id.clone().into();
        metadata["infraID"] = infra_id.clone().into();
        let base_domain = text(&cluster["spec"]["baseDomain"]);
        metadata["aws"]["clusterDomain"] = format!("{cluster_name}.{base_domain}").into();
        metadata["aws"]["identifier"] = json!([
            {(format!("kubernetes.io/cluster/{infra_id}")): "owned"},
            {"openshiftClusterID": cluster_id},
            {(format!("sigs.k8s.io/cluster-api-provider-aws/cluster/{infra_id}")): "owned"},
        ]);
        for (suffix, content) in [
            (
                "admin-kubeconfig",
                json!({"kubeconfig": kubeconfig(&cluster_name, &base_domain)}),
            ),
            (
                "admin-password",
                json!({"username": "kubeadmin", "password": "skep-canary-7f3a"}),
            ),
        ] {
            // The pod may only fill Secrets that were made for it.
            let secret = format!(
                "/api/v1/namespaces/{}/secrets/{name}-{suffix}",
                run.namespace()
            );
            let patch = json!({"stringData": content});
            send(run, "PATCH", &secret, &patch)
                .await
                .map_err(|error| error.to_string())?;
        }
        let encoded = {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(metadata.to_string())
        };
        let reported = infra_id.clone();
        let mut patch = json!({"spec": {
            "metadataJSON": encoded, "infraID": reported, "clusterID": cluster_id,
            "adminKubeconfigSecretRef": {"name": format!("{name}-admin-kubeconfig")},
            "adminPasswordSecretRef": {"name": format!("{name}-admin-password")},
        }});
        if let Some(account) = &self.identity {
            patch["metadata"] = json!({"annotations": {"skep.dev/cloud-account": account}});
        }
        send(run, "PATCH", path, &patch)
            .await
            .map_err(|error| error.to_string())?;
        Ok(infra_id)
    }

    /// Nothing is created before the hub has recorded the cluster's name.
    async fn handshake(&self, run: &PodRun, path: &str) -> Result<(), String> {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let namespace = run.namespace().to_owned();
        let agreed = run.server.when(|server| {
            let found = server.stored("hive.openshift.io", "clusterprovisions", &namespace, &name);
            match found {
                None => Some(Err("the provision is gone".to_owned())),
                Some(object) if object["metadata"].get("deletionTimestamp").is_some() => {
                    Some(Err("the provision is being deleted".to_owned()))
                }
                Some(object) => match object["spec"]["stage"].as_str() {
                    Some("initializing") => None,
                    Some("provisioning") => Some(Ok(())),
                    other => Some(Err(format!("unexpected stage {other:?}"))),
                },
            }
        });
        tokio::select! {
            biased;
            () = run.terminate.notified() => Err("terminated".into()),
            result = agreed => result,
        }
    }
}

async fn fail(run: &PodRun, path: &str, log: &str) -> Result<(), String> {
    let log = log.to_owned();
    update(run, path, "", move |_| json!({"spec": {"installLog": log}})).await?;
    Err("the installer failed".into())
}

fn cluster_of(run: &PodRun) -> Result<String, String> {
    if let Some(name) = run.label("hive.openshift.io/cluster-deployment-name") {
        return Ok(name.to_owned());
    }
    let containers = run.pod["spec"]["containers"]
        .as_array()
        .into_iter()
        .flatten();
    let words = containers.flat_map(|container| {
        let list = |field: &str| container[field].as_array().cloned().unwrap_or_default();
        [list("command"), list("args")].concat()
    });
    let mut words = words
        .skip_while(|word| *word != "--cluster-deployment-name")
        .skip(1);
    let name = words
        .next()
        .and_then(|word| word.as_str().map(ToOwned::to_owned));
    name.ok_or_else(|| "the pod does not say which cluster it is for".to_owned())
}

async fn read(run: &PodRun, path: &str) -> Result<Value, String> {
    send(run, "GET", path, &Value::Null)
        .await
        .map_err(|error| error.to_string())
}

/// Read, change, write with the revision that was read; again when somebody was faster.
async fn update(
    run: &PodRun,
    path: &str,
    subresource: &str,
    change: impl Fn(&Value) -> Value,
) -> Result<(), String> {
    loop {
        let object = read(run, path).await?;
        let mut patch = change(&object);
        patch["metadata"]["resourceVersion"] = object["metadata"]["resourceVersion"].clone();
        match send(run, "PATCH", &format!("{path}{subresource}"), &patch).await {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

async fn send(run: &PodRun, method: &str, path: &str, body: &Value) -> kube::Result<Value> {
    let content_type = if method == "PATCH" {
        "application/merge-patch+json"
    } else {
        "application/json"
    };
    let bytes = if body.is_null() {
        Vec::new()
    } else {
        body.to_string().into_bytes()
    };
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::CONTENT_TYPE, content_type)
        .body(bytes)
        .unwrap();
    run.client.request(request).await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The administrator's way into the cluster.
fn kubeconfig(cluster: &str, base_domain: &str) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "admin",
        "clusters": [{"name": cluster, "cluster": {
            "server": format!("https://api.{cluster}.{base_domain}:6443"),
        }}],
        "contexts": [{"name": "admin", "context": {"cluster": cluster, "user": "admin"}}],
        "users": [{"name": "admin", "user": {"token": "skep-canary-7f3a"}}],
    })
    .to_string()
}
