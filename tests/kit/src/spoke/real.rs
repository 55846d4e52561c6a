//! A real API server with OpenShift's kinds, and the actor that writes into it what the model says and
//! reads from it what others did: requests that were answered, Machines that were deleted.
//!
//! Signing requests are created by impersonation, so that user and groups are what the server itself
//! records. Neither controllers nor a signer run: who approves a request has done all there is to do.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result, anyhow};
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Client, Config, ResourceExt as _};
use serde_json::{Value, json};

use super::bell::Bell;
use super::gate::{Gate, Way};
use super::inventory::{Instance, Inventory};
use super::objects::{self, CSR};
use super::requests::{Answer, Request};
use super::{Cluster, Now, SpokeOptions};
use crate::cache;
use crate::hub::{self, Hub, HubOptions};

/// Whoever is known to the API server may ask for a certificate, as kubelets may everywhere.
const RIGHTS: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: kubelets-ask-for-certificates}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: 'system:node-bootstrapper'}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'system:authenticated'}]
";

/// A managed cluster with a real API server. Dropping it ends it. Everything that a [`Cluster`] can be
/// told, it can.
#[derive(Debug)]
pub struct Spoke {
    cluster: Cluster,
    bell: Arc<Bell>,
    actor: Option<JoinHandle<()>>,
    gate: Arc<Gate>,
    hub: Option<Hub>,
    kubeconfig: String,
}

impl std::ops::Deref for Spoke {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl Spoke {
    /// Starts a cluster whose machines are those of the inventory, and returns when it shows them.
    ///
    /// # Errors
    /// When its control plane does not boot, or the actor cannot show the cluster.
    pub fn real(inventory: Arc<dyn Inventory>, options: SpokeOptions) -> Result<Self> {
        let kinds = cache::checkout().join("tests/kit/src/spoke/kinds.yaml");
        let hub = HubOptions::for_test("spoke")
            .without_controllers()
            .with_crds(kinds);
        let hub = Hub::start(&hub)?;
        hub.apply(RIGHTS)?;
        let behind = hub.server().trim_start_matches("https://");
        let behind: SocketAddr = behind.parse().context("read the API server's address")?;
        let gate = Arc::new(Gate::before(behind, options.listen)?);
        let server = format!("https://{}", gate.address());
        let kubeconfig = hub::build_kubeconfig(&server, hub.authority_pem(), hub.token());
        let look = options.look;
        let bell = Arc::new(Bell::default());
        let cluster = Cluster::new(options, Arc::clone(&bell));
        let actor = Actor {
            cluster: cluster.clone(),
            inventory,
            inside: hub::build_kubeconfig(hub.server(), hub.authority_pem(), hub.token()),
            gate: Arc::clone(&gate),
            shown: BTreeMap::new(),
            asked: BTreeSet::new(),
        };
        let rings = Arc::clone(&bell);
        let thread = std::thread::Builder::new()
            .name("spoke".to_owned())
            .spawn(move || actor.live(&rings, look))
            .context("start the actor of a spoke")?;
        let spoke = Self {
            cluster,
            bell,
            actor: Some(thread),
            gate,
            hub: Some(hub),
            kubeconfig,
        };
        spoke
            .tell(|_| ())
            .context("show a spoke for the first time")?;
        Ok(spoke)
    }

    /// The administrator's kubeconfig, with everything inline: what the installer leaves. Its token holds
    /// the canary of the tests.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// Where clients go.
    pub fn server(&self) -> String {
        format!("https://{}", self.gate.address())
    }

    /// The control plane behind the gate, which answers whatever the machines do.
    pub fn hub(&self) -> Result<&Hub> {
        self.hub.as_ref().context("the spoke has been stopped")
    }

    /// Another way to the same API server, to be opened and shut by hand: what an override of its URL
    /// leads to.
    pub fn second_gate(&self) -> Result<Gate> {
        let behind = self.hub()?.server().trim_start_matches("https://").parse();
        Gate::before(
            behind.context("read the API server's address")?,
            self.gate.address().ip(),
        )
    }

    /// Ends the cluster and returns when nothing of it is left.
    pub fn stop(mut self) -> Result<()> {
        self.end_actor()?;
        self.hub.take().map_or(Ok(()), Hub::stop)
    }

    fn end_actor(&mut self) -> Result<()> {
        self.bell.stop();
        match self.actor.take().map(JoinHandle::join) {
            Some(Err(_)) => Err(anyhow!("the actor of a spoke panicked")),
            Some(Ok(())) | None => Ok(()),
        }
    }
}

impl Drop for Spoke {
    fn drop(&mut self) {
        // A panic of the actor has been told on the standard error.
        drop(self.end_actor());
    }
}

/// Kind, namespace and name.
type Key = (String, String, String);

struct Actor {
    cluster: Cluster,
    inventory: Arc<dyn Inventory>,
    /// A kubeconfig that does not lead through the gate.
    inside: String,
    gate: Arc<Gate>,
    /// What was written, as it was meant.
    shown: BTreeMap<Key, Value>,
    /// Signing requests that were created.
    asked: BTreeSet<String>,
}

impl Actor {
    fn live(mut self, bell: &Bell, look: std::time::Duration) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return bell.run(look, || Err(anyhow!("no runtime: {error}"))),
        };
        let mut client = None;
        bell.run(look, || {
            runtime.block_on(async {
                if client.is_none() {
                    client = Some(connect(&self.inside, None).await?);
                }
                let client = client.as_ref().context("there is no client")?;
                self.act(client).await
            })
        });
        // The client's worker lives in the runtime and must go first.
        let _inside = runtime.enter();
        drop(client);
    }

    async fn act(&mut self, client: &Client) -> Result<()> {
        let awake = self.cluster.shared.model.lock().api;
        if awake {
            self.read(client).await?;
        }
        let instances = self.inventory.list().context("list the machines")?;
        let (now, wanted, replacements, requests) = self.step(&instances)?;
        for machine in replacements {
            self.inventory
                .replace(&machine)
                .with_context(|| format!("replace {}", machine.name))?;
        }
        if !now.api {
            self.gate.set(Way::Refused)?;
        }
        self.write(client, wanted).await?;
        for request in requests {
            self.ask(&request).await?;
        }
        if now.api {
            self.gate.set(Way::Open)?;
        }
        *self.cluster.shared.shown.lock() = Some(now);
        Ok(())
    }

    /// What others did since the last round.
    async fn read(&self, client: &Client) -> Result<()> {
        let requests: Api<CertificateSigningRequest> = Api::all(client.clone());
        let requests = requests
            .list(&ListParams::default())
            .await
            .context("list signing requests")?;
        let machines = api(
            client,
            "machine.openshift.io/v1beta1",
            "Machine",
            objects::MACHINES,
        );
        let machines = machines
            .list(&ListParams::default())
            .await
            .context("list Machines")?;
        let left: BTreeSet<String> = machines
            .iter()
            .filter(|machine| machine.metadata.deletion_timestamp.is_none())
            .map(kube::ResourceExt::name_any)
            .collect();
        let mut model = self.cluster.shared.model.lock();
        for (kind, _, name) in self.shown.keys() {
            if kind == "Machine" && !left.contains(name) {
                model.delete_machine(name);
            }
        }
        let there: BTreeSet<String> = requests.iter().map(kube::ResourceExt::name_any).collect();
        model
            .requests
            .retain(|name, _| there.contains(name) || !self.asked.contains(name));
        for request in &requests {
            if let Some(answer) = answer(request) {
                model.answer(&request.name_any(), answer);
            }
        }
        Ok(())
    }

    #[expect(
        clippy::type_complexity,
        reason = "what a round needs of the model, taken under one lock"
    )]
    fn step(
        &mut self,
        instances: &[Instance],
    ) -> Result<(Now, Vec<Value>, Vec<Instance>, Vec<Request>)> {
        let mut model = self.cluster.shared.model.lock();
        let infra_id = model.options.infra_id.clone();
        let own: Vec<_> = instances
            .iter()
            .filter(|one| one.infra_id == infra_id)
            .collect();
        model.step(Timestamp::now(), &own)?;
        let new = model
            .requests
            .values()
            .filter(|request| !self.asked.contains(&request.name));
        let new = new.cloned().collect();
        Ok((
            Now::of(&model),
            objects::all(&model),
            model.take_replacements(),
            new,
        ))
    }

    /// Writes what differs from what was written before.
    async fn write(&mut self, client: &Client, wanted: Vec<Value>) -> Result<()> {
        let mut gone: BTreeSet<Key> = self.shown.keys().cloned().collect();
        for object in wanted {
            let key = key(&object);
            gone.remove(&key);
            let before = self.shown.get(&key);
            if before == Some(&object) {
                continue;
            }
            let api = api_of(client, &object);
            let (body, status) = split(object.clone());
            let what = || format!("write {} {}", key.0, key.2);
            let written = before.map(|before| split(before.clone()));
            match &written {
                None => {
                    let new = serde_json::from_value(body).with_context(what)?;
                    let made = api.create(&PostParams::default(), &new).await;
                    allow(made.map(drop), 409).with_context(what)?;
                }
                Some((before, _)) if *before != body => {
                    let patch = Patch::Merge(&body);
                    let params = PatchParams::default();
                    let patched = api.patch(&key.2, &params, &patch).await;
                    patched.with_context(what)?;
                }
                Some(_) => {}
            }
            let before = written.map(|(_, status)| status);
            if !status.is_null() && before.as_ref() != Some(&status) {
                let patch = Patch::Merge(json!({"status": status}));
                let params = PatchParams::default();
                let patched = api.patch_subresource("status", &key.2, &params, &patch);
                patched.await.with_context(what)?;
            }
            self.shown.insert(key, object);
        }
        for key in gone {
            if let Some(object) = self.shown.get(&key) {
                let api = api_of(client, object);
                let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
                let freed = api.patch(&key.2, &PatchParams::default(), &free).await;
                allow(freed.map(drop), 404).with_context(|| format!("free {}", key.2))?;
                let deleted = api.delete(&key.2, &DeleteParams::default()).await;
                allow(deleted.map(drop), 404).with_context(|| format!("delete {}", key.2))?;
            }
            self.shown.remove(&key);
        }
        Ok(())
    }

    /// Creates a signing request as its requester.
    async fn ask(&mut self, request: &Request) -> Result<()> {
        let client = connect(&self.inside, Some(request)).await?;
        let mut object = objects::signing_request(request);
        // The server says who asks.
        for field in ["username", "groups"] {
            object["spec"]
                .as_object_mut()
                .and_then(|spec| spec.shift_remove(field));
        }
        let object: CertificateSigningRequest =
            serde_json::from_value(object).context("read a signing request")?;
        let api: Api<CertificateSigningRequest> = Api::all(client);
        match api.create(&PostParams::default(), &object).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 422 || status.code == 400 => {
                // Nothing like a real request: whoever planted it learns that it is not there.
                self.cluster
                    .shared
                    .model
                    .lock()
                    .requests
                    .remove(&request.name);
            }
            Err(error) => {
                return Err(error).with_context(|| format!("create {CSR} {}", request.name));
            }
        }
        self.asked.insert(request.name.clone());
        Ok(())
    }
}

async fn connect(kubeconfig: &str, as_requester: Option<&Request>) -> Result<Client> {
    // Another provider may have been installed by the caller; any serves.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig).context("parse the kubeconfig")?;
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .context("read the kubeconfig")?;
    if let Some(request) = as_requester {
        config.auth_info.impersonate = Some(request.username.clone());
        config.auth_info.impersonate_groups = Some(request.groups.clone());
    }
    Client::try_from(config).context("build a client")
}

fn answer(request: &CertificateSigningRequest) -> Option<Answer> {
    let status = request.status.as_ref()?;
    let condition = status.conditions.as_ref()?.first()?;
    Some(Answer {
        type_: condition.type_.clone(),
        reason: condition.reason.clone().unwrap_or_default(),
        message: condition.message.clone().unwrap_or_default(),
    })
}

fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn key(object: &Value) -> Key {
    let of = |path| text(object, path).to_owned();
    (of("/kind"), of("/metadata/namespace"), of("/metadata/name"))
}

/// An object without its status, and its status.
fn split(mut object: Value) -> (Value, Value) {
    let status = object
        .as_object_mut()
        .and_then(|fields| fields.shift_remove("status"));
    (object, status.unwrap_or(Value::Null))
}

fn api(client: &Client, version: &str, kind: &str, namespace: &str) -> Api<DynamicObject> {
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    match namespace {
        "" => Api::all_with(client.clone(), &resource),
        _ => Api::namespaced_with(client.clone(), namespace, &resource),
    }
}

fn api_of(client: &Client, object: &Value) -> Api<DynamicObject> {
    api(
        client,
        text(object, "/apiVersion"),
        text(object, "/kind"),
        text(object, "/metadata/namespace"),
    )
}

/// One refusal by the API server is as good as success.
fn allow(outcome: kube::Result<()>, code: u16) -> kube::Result<()> {
    match outcome {
        Err(kube::Error::Api(status)) if status.code == code => Ok(()),
        other => other,
    }
}
