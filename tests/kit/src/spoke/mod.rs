//! Managed clusters for tests: their nodes follow the machines of an emulated cloud, there is no API
//! while no machine of the control plane runs, and kubelets that slept too long wait for somebody to
//! approve a certificate (docs/spec/60 §6).
//!
//! | | |
//! |---|---|
//! | [`Spoke`] | a real API server with OpenShift's kinds, behind a [`Gate`]; about 4 s and 400 MB each |
//! | [`Fleet`] | thousands of clusters in one HTTPS server that answers a handful of calls |
//! | [`Rack`], [`Aws`] | the machines: switched by hand, or those of the emulated AWS |
//! | [`Cluster`] | what both can be told and asked |
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use std::sync::Arc;
//! use skep_kit::spoke::{Bad, Now, Rack, Spoke, SpokeOptions};
//! let rack = Arc::new(Rack::new().with("mine-x7k2p", 3, 2));
//! let spoke = Spoke::real(rack.clone(), SpokeOptions::new("mine-x7k2p"))?;
//! let kubeconfig = spoke.kubeconfig(); // for the admin kubeconfig Secret
//! rack.stop_all("mine-x7k2p");
//! spoke.until("sleep", |now| !now.api)?;
//! spoke.pass_days(40.0)?; // its kubelets' certificates expire
//! rack.start_all("mine-x7k2p");
//! spoke.plant(Bad::Impostor)?;
//! spoke.until("sleepy kubelets", |now| now.waiting().count() == 5)?;
//! // … the operator approves …
//! spoke.until("ready nodes", Now::nodes_ready)?;
//! spoke.stop()?;
//! # Ok(())
//! # }
//! ```
//!
//! Nothing of it outlives its owner. The calls block; from asynchronous code, use `spawn_blocking`.
//! Nothing here knows what an operator of the hub expects of a cluster.

mod bell;
mod gate;
mod inventory;
mod light;
mod light_api;
mod model;
mod objects;
mod real;
mod requests;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use parking_lot::Mutex;

pub use gate::{Gate, Way};
pub use inventory::{Aws, Instance, Inventory, Rack, State};
pub use light::{Calls, Fleet, LightSpoke};
pub use objects::MACHINES;
pub use real::Spoke;
pub use requests::{Answer, BOOTSTRAPPER, Bad, Keys, Purpose, Request};

use crate::process::wait_until;
use bell::Bell;
use model::{Model, Phase};

/// Long enough for a machine that is busy with a build.
const PATIENCE: Duration = Duration::from_mins(2);

/// Operators of an OpenShift cluster.
const OPERATORS: [&str; 30] = [
    "authentication",
    "baremetal",
    "cloud-controller-manager",
    "cloud-credential",
    "cluster-autoscaler",
    "config-operator",
    "console",
    "control-plane-machine-set",
    "csi-snapshot-controller",
    "dns",
    "etcd",
    "image-registry",
    "ingress",
    "insights",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-storage-version-migrator",
    "machine-api",
    "machine-approver",
    "machine-config",
    "marketplace",
    "monitoring",
    "network",
    "node-tuning",
    "openshift-apiserver",
    "openshift-controller-manager",
    "operator-lifecycle-manager",
    "service-ca",
    "storage",
];

/// What kind of cluster a spoke is. How many machines it has, its inventory says.
#[derive(Clone, Debug)]
pub struct SpokeOptions {
    /// Which machines of the inventory are its own.
    pub infra_id: String,
    /// Its domain is `<infra ID without its end>.<base domain>`.
    pub base_domain: String,
    /// Its cloud as OpenShift names it: `AWS`, `Azure` or `GCP`.
    pub platform: String,
    /// OpenShift's release.
    pub version: String,
    /// What keys its kubelets have.
    pub keys: Keys,
    /// From a running machine of the control plane to an API that answers.
    pub api_after: Duration,
    /// From a running machine to a kubelet that reports or asks for a certificate.
    pub kubelet_after: Duration,
    /// How much later each further machine's kubelet does.
    pub stagger: Duration,
    /// How long a Node goes on saying that it is ready when its kubelet has fallen silent.
    pub node_grace: Duration,
    /// How long operators are at work after a wake.
    pub operators_settle: Duration,
    /// For how many days a kubelet's certificates are good.
    pub certificate_days: f64,
    /// Names of its `ClusterOperators`.
    pub operators: Vec<String>,
    /// Address of this machine on which a real spoke is reached.
    pub listen: IpAddr,
    /// How often the machines are looked at.
    pub look: Duration,
}

impl SpokeOptions {
    /// A current cluster that wakes within half a second.
    pub fn new(infra_id: impl Into<String>) -> Self {
        let version = "4.16.3".to_owned();
        Self {
            infra_id: infra_id.into(),
            base_domain: "example.com".to_owned(),
            platform: "AWS".to_owned(),
            keys: Keys::of_version(&version),
            version,
            api_after: Duration::ZERO,
            kubelet_after: Duration::from_millis(100),
            stagger: Duration::ZERO,
            node_grace: Duration::ZERO,
            operators_settle: Duration::from_millis(300),
            certificate_days: 30.0,
            operators: OPERATORS.map(str::to_owned).into(),
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            look: Duration::from_millis(50),
        }
    }

    /// The same of another release, with the keys of its time.
    #[must_use]
    pub fn version(self, version: &str) -> Self {
        Self {
            version: version.to_owned(),
            keys: Keys::of_version(version),
            ..self
        }
    }

    fn domain(&self) -> String {
        let name = self.infra_id.rsplit_once('-');
        let name = name.map_or(self.infra_id.as_str(), |(name, _)| name);
        format!("{name}.{}", self.base_domain)
    }
}

/// A cluster at a moment, as clients see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Now {
    /// Whether the API answers.
    pub api: bool,
    /// What the API says, or said when it last answered, of the Nodes.
    pub nodes: Vec<NodeNow>,
    /// Every certificate signing request.
    pub requests: Vec<Request>,
    /// Whether the operators are done with the last wake.
    pub settled: bool,
    /// When they were: what a wake takes by itself.
    pub settled_since: Timestamp,
}

/// A Node at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeNow {
    /// Its name.
    pub name: String,
    /// Name of its Machine.
    pub machine: String,
    /// Whether it is of the control plane.
    pub control_plane: bool,
    /// Whether it says that it is ready.
    pub ready: bool,
    /// Whether the API server knows its kubelet.
    pub client_valid: bool,
    /// Whether its kubelet can be asked for logs.
    pub serving_valid: bool,
}

impl Now {
    /// Whether the API says that every Node is ready.
    pub fn nodes_ready(&self) -> bool {
        self.api && !self.nodes.is_empty() && self.nodes.iter().all(|node| node.ready)
    }

    /// Genuine requests that nobody has answered.
    pub fn waiting(&self) -> impl Iterator<Item = &Request> {
        let open = |request: &&Request| request.genuine && request.answer.is_none();
        self.requests.iter().filter(open)
    }

    /// A request.
    pub fn request(&self, name: &str) -> Option<&Request> {
        self.requests.iter().find(|request| request.name == name)
    }

    fn of(model: &Model) -> Self {
        let known = model
            .machines
            .values()
            .filter(|machine| machine.registered && machine.instance.state != State::Gone);
        Self {
            api: model.api && !model.cut,
            nodes: known
                .map(|machine| NodeNow {
                    name: machine.instance.host.clone(),
                    machine: machine.instance.name.clone(),
                    control_plane: machine.instance.control_plane,
                    ready: machine.ready,
                    client_valid: machine.client_until > model.day,
                    serving_valid: machine.serving_until > model.day,
                })
                .collect(),
            requests: model.requests.values().cloned().collect(),
            settled: model.api && model.phase == Phase::Available,
            settled_since: model.available,
        }
    }
}

/// What an actor and the test share of one cluster.
#[derive(Debug)]
struct Shared {
    model: Mutex<Model>,
    /// What clients can see by now; the model itself when it is shown without delay.
    shown: Mutex<Option<Now>>,
    bell: Arc<Bell>,
}

/// What a cluster can be told and asked. Telling returns when clients can see it.
#[derive(Clone, Debug)]
pub struct Cluster {
    shared: Arc<Shared>,
}

impl Cluster {
    fn new(options: SpokeOptions, bell: Arc<Bell>) -> Self {
        Self {
            shared: Arc::new(Shared {
                model: Mutex::new(Model::new(options, Timestamp::now())),
                shown: Mutex::new(None),
                bell,
            }),
        }
    }

    /// The cluster as clients see it now.
    pub fn now(&self) -> Now {
        let shown = self.shared.shown.lock().clone();
        shown.unwrap_or_else(|| Now::of(&self.shared.model.lock()))
    }

    /// Waits until the cluster is so.
    ///
    /// # Errors
    /// When it is not within two minutes, with what it was instead.
    pub fn until(&self, what: &str, condition: impl Fn(&Now) -> bool) -> Result<Now> {
        wait_until(what, PATIENCE, || {
            let now = self.now();
            if condition(&now) {
                return Ok(Ok(now));
            }
            let complaint = self.shared.bell.complaint();
            Ok(Err(format!(
                "{}; {}",
                describe(&now),
                complaint.unwrap_or_default()
            )))
        })
    }

    /// Whether the API says that every Node is ready.
    pub fn nodes_ready(&self) -> bool {
        self.now().nodes_ready()
    }

    /// Lets days pass: the certificates of kubelets that sleep come nearer to their end. Who runs renews.
    pub fn pass_days(&self, days: f64) -> Result<()> {
        self.tell(|model| model.pass_days(days))
    }

    /// Has all certificates expired, as if the cluster had slept for long.
    pub fn expire_certificates(&self) -> Result<()> {
        self.tell(Model::expire_certificates)
    }

    /// Begins an upgrade to the next patch release, or ends it.
    pub fn upgrade(&self, begin: bool) -> Result<()> {
        self.tell(|model| model.upgrade(begin, Timestamp::now()))
    }

    /// Has the cluster say why no minor upgrade is possible, or that one is.
    pub fn upgradeable(&self, why_not: Option<&str>) -> Result<()> {
        self.tell(|model| model.not_upgradeable = why_not.map(str::to_owned))
    }

    /// Has an operator say what degrades it, or that nothing does.
    pub fn degrade(&self, operator: &str, why: Option<&str>) -> Result<()> {
        self.tell(|model| {
            model.degraded.remove(operator);
            if let Some(why) = why {
                let trouble = (why.to_owned(), Timestamp::now());
                model.degraded.insert(operator.to_owned(), trouble);
            }
        })
    }

    /// Keeps the API shut though machines run, or no longer.
    pub fn cut(&self, shut: bool) -> Result<()> {
        self.tell(|model| model.cut = shut)
    }

    /// Plants a signing request that must not be approved, about the first worker. Returns its name.
    ///
    /// # Errors
    /// When a real API server does not take it.
    pub fn plant(&self, bad: Bad) -> Result<String> {
        let name = self.tell(|model| model.plant(bad))??;
        if !self.shared.model.lock().requests.contains_key(&name) {
            bail!("the API server takes no request that is {bad:?}");
        }
        Ok(name)
    }

    /// Changes the model and returns when it is shown.
    fn tell<T>(&self, change: impl FnOnce(&mut Model) -> T) -> Result<T> {
        let told = change(&mut self.shared.model.lock());
        self.shared
            .bell
            .ring_and_wait(PATIENCE)
            .context("show a change to the clients of a spoke")?;
        Ok(told)
    }
}

fn describe(now: &Now) -> String {
    let silent = now.nodes.iter().filter(|node| !node.ready);
    let silent: Vec<_> = silent.map(|node| node.name.as_str()).collect();
    format!(
        "API {}, nodes {} of which not ready {silent:?}, requests waiting {}, operators {}",
        if now.api { "up" } else { "down" },
        now.nodes.len(),
        now.waiting().count(),
        if now.settled { "done" } else { "at work" },
    )
}
