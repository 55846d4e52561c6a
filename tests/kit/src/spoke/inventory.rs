//! Where the machines of spokes are: an emulated cloud, or a [`Rack`] that the test switches by hand.
//!
//! A spoke only looks here; it decides nothing about machines except that one which was deleted is
//! replaced, as a MachineSet does. Which cloud it is must not matter to the rest of this module.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::cloud::{Account, Cloud};

/// Tag of Cluster API's machines, and what it says of those of the control plane.
const ROLE: &str = "sigs.k8s.io/cluster-api-provider-aws/role";
const CONTROL_PLANE: &str = "control-plane";
/// Begins the tag of what belongs to a cluster; the rest is its infra ID.
const OWNED: &str = "kubernetes.io/cluster/";

/// What a machine does, in the words that all clouds can be told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It starts.
    Pending,
    /// Its operating system runs.
    Running,
    /// It is being stopped.
    Stopping,
    /// It is off, and costs its disks only.
    Stopped,
    /// It is being, or was, deleted.
    Gone,
}

/// One machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The cloud's name for it.
    pub id: String,
    /// Name of its Machine.
    pub name: String,
    /// The cluster that it belongs to.
    pub infra_id: String,
    /// What it does.
    pub state: State,
    /// Whether etcd and the API server run on it.
    pub control_plane: bool,
    /// Whether the cloud may take it away.
    pub spot: bool,
    /// Internal address.
    pub address: String,
    /// Internal DNS name, which is the name of its Node.
    pub host: String,
    /// Availability zone.
    pub zone: String,
}

/// Machines as their owner sees them.
pub trait Inventory: Send + Sync {
    /// All machines, of all clusters.
    fn list(&self) -> Result<Vec<Instance>>;

    /// Deletes a machine and starts another under a new name, as a MachineSet does when the Machine is
    /// deleted.
    fn replace(&self, machine: &Instance) -> Result<()>;
}

/// The name of the machine that comes after one of this name: the stem of its MachineSet and a new end.
fn name_after(name: &str) -> String {
    let stem = name.rsplit_once('-').map_or(name, |(stem, _)| stem);
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("{stem}-{}", &random[..5])
}

/// Machines that the test switches by hand. They change their state at once.
#[derive(Debug, Default)]
pub struct Rack {
    machines: Mutex<Vec<Instance>>,
}

impl Rack {
    /// An empty rack.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with the running machines of one more cluster.
    #[must_use]
    pub fn with(self, infra_id: &str, control_plane: usize, workers: usize) -> Self {
        self.add(infra_id, control_plane, workers, State::Running);
        self
    }

    /// Adds the machines of a cluster.
    pub fn add(&self, infra_id: &str, control_plane: usize, workers: usize, state: State) {
        let masters = (0..control_plane).map(|index| (true, format!("{infra_id}-master-{index}")));
        let workers = (0..workers).map(|_| (false, name_after(&format!("{infra_id}-worker-a-x"))));
        let names: Vec<_> = masters.chain(workers).collect();
        let mut machines = self.machines.lock();
        for (control_plane, name) in names {
            let index = machines.len();
            machines.push(Instance {
                state,
                ..racked(index, infra_id, name, control_plane)
            });
        }
    }

    /// Brings the machines of a cluster that are meant to a state.
    pub fn set(&self, infra_id: &str, state: State, which: impl Fn(&Instance) -> bool) {
        let mut machines = self.machines.lock();
        let mine = machines.iter_mut().filter(|one| one.infra_id == infra_id);
        for machine in mine.filter(|one| one.state != State::Gone && which(one)) {
            machine.state = state;
        }
    }

    /// Starts all machines of a cluster.
    pub fn start_all(&self, infra_id: &str) {
        self.set(infra_id, State::Running, |_| true);
    }

    /// Stops all machines of a cluster.
    pub fn stop_all(&self, infra_id: &str) {
        self.set(infra_id, State::Stopped, |_| true);
    }
}

fn racked(index: usize, infra_id: &str, name: String, control_plane: bool) -> Instance {
    let address = format!("10.{}.{}.{}", index >> 16, (index >> 8) & 255, index & 255);
    Instance {
        id: format!("i-{index:017x}"),
        name,
        infra_id: infra_id.to_owned(),
        state: State::Running,
        control_plane,
        spot: false,
        host: format!("ip-{}.ec2.internal", address.replace('.', "-")),
        address,
        zone: "us-east-1a".to_owned(),
    }
}

impl Inventory for Rack {
    fn list(&self) -> Result<Vec<Instance>> {
        Ok(self.machines.lock().clone())
    }

    fn replace(&self, machine: &Instance) -> Result<()> {
        let mut machines = self.machines.lock();
        let index = machines.len();
        let Some(old) = machines.iter_mut().find(|one| one.id == machine.id) else {
            bail!("no machine {}", machine.id);
        };
        old.state = State::Gone;
        let next = Instance {
            spot: machine.spot,
            ..racked(
                index,
                &machine.infra_id,
                name_after(&machine.name),
                machine.control_plane,
            )
        };
        machines.push(next);
        Ok(())
    }
}

/// The instances of an account of the emulated AWS, in one region. Whatever made them, they belong to
/// the cluster that their tag names.
#[derive(Debug)]
pub struct Aws {
    cloud: Cloud,
    account: Account,
    region: String,
}

impl Aws {
    /// Those of an account in a region.
    pub fn new(cloud: &Cloud, account: &Account, region: &str) -> Self {
        Self {
            cloud: cloud.handle(),
            account: account.clone(),
            region: region.to_owned(),
        }
    }

    /// Starts the instances of a cluster that no installer made, `spot` of its workers on the spot
    /// market, and returns their ids. By boto3, which the product does not use.
    pub fn launch(
        &self,
        infra_id: &str,
        control_plane: usize,
        workers: usize,
        spot: usize,
    ) -> Result<Vec<String>> {
        self.run(&json!({ "launch": self.orders(infra_id, control_plane, workers, spot) }))
    }

    /// Starts as many instances for each of many clusters, in one go: a fleet.
    pub fn launch_each(
        &self,
        infra_ids: &[&str],
        control_plane: usize,
        workers: usize,
    ) -> Result<Vec<String>> {
        let orders = infra_ids
            .iter()
            .flat_map(|infra_id| self.orders(infra_id, control_plane, workers, 0));
        self.run(&json!({ "launch": orders.collect::<Vec<_>>() }))
    }

    fn orders(
        &self,
        infra_id: &str,
        control_plane: usize,
        workers: usize,
        spot: usize,
    ) -> Vec<Value> {
        let masters = (0..control_plane).map(|index| {
            let name = format!("{infra_id}-master-{index}");
            order(infra_id, &name, true, false)
        });
        let stem = format!("{infra_id}-worker-{}a-x", self.region);
        let workers =
            (0..workers).map(|index| order(infra_id, &name_after(&stem), false, index < spot));
        masters.chain(workers).collect()
    }

    /// Stops, starts or terminates instances as a person would (`stop`, `start`, `terminate`).
    pub fn power(&self, verb: &str, ids: &[String]) -> Result<()> {
        self.run(&json!({ verb: ids })).map(drop)
    }

    /// Runs a few calls of boto3; returns the ids of what was launched.
    fn run(&self, orders: &Value) -> Result<Vec<String>> {
        let mut child = Command::new(self.cloud.python())
            .args(["-B", "-c", ORDERS])
            .env_clear()
            .env("ENDPOINT", self.cloud.endpoint())
            .env("AWS_DEFAULT_REGION", &self.region)
            .env("AWS_ACCESS_KEY_ID", &self.account.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &self.account.secret_key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("run python")?;
        // It reads all of it, or says on its standard error why not. The pipe closes here.
        if let Some(mut pipe) = child.stdin.take() {
            drop(pipe.write_all(orders.to_string().as_bytes()));
        }
        let output = child.wait_with_output().context("wait for python")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("boto3 on instances: {}", said.trim());
        }
        serde_json::from_slice(&output.stdout).context("understand boto3's answer")
    }
}

/// What is asked of EC2, in this order.
const ORDERS: &str = "
import boto3, json, os, sys
ec2 = boto3.client('ec2', endpoint_url=os.environ['ENDPOINT'])
orders, launched = json.load(sys.stdin), []
for verb in ('stop', 'start', 'terminate'):
    if orders.get(verb):
        getattr(ec2, verb + '_instances')(InstanceIds=orders[verb])
for order in orders.get('launch', []):
    how = {'InstanceMarketOptions': {'MarketType': 'spot'}} if order['spot'] else {}
    made = ec2.run_instances(ImageId='ami-0a5e1d5c7e9b04190', MinCount=1, MaxCount=1,
        TagSpecifications=[{'ResourceType': 'instance', 'Tags': order['tags']}], **how)
    launched.append(made['Instances'][0]['InstanceId'])
print(json.dumps(launched))
";

fn order(infra_id: &str, name: &str, control_plane: bool, spot: bool) -> Value {
    let mut tags = BTreeMap::from([
        ("Name".to_owned(), name.to_owned()),
        (format!("{OWNED}{infra_id}"), "owned".to_owned()),
    ]);
    if control_plane {
        tags.insert(ROLE.to_owned(), CONTROL_PLANE.to_owned());
    }
    let tags = tags
        .iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}));
    json!({"spot": spot, "tags": tags.collect::<Vec<_>>()})
}

impl Inventory for Aws {
    fn list(&self) -> Result<Vec<Instance>> {
        let found = self.cloud.instances(&self.account, &self.region)?;
        Ok(found.into_iter().filter_map(read).collect())
    }

    fn replace(&self, machine: &Instance) -> Result<()> {
        let next = order(
            &machine.infra_id,
            &name_after(&machine.name),
            machine.control_plane,
            machine.spot,
        );
        self.run(&json!({"terminate": [machine.id], "launch": [next]}))
            .map(drop)
    }
}

/// A machine of a cluster; none for instances of other people, and for the bootstrap machine.
fn read(instance: crate::cloud::Instance) -> Option<Instance> {
    let infra_id = instance.tags.iter().find_map(|(key, value)| {
        let owned = value == "owned";
        key.strip_prefix(OWNED).filter(|_| owned).map(str::to_owned)
    })?;
    let name = instance.tags.get("Name").cloned()?;
    let rest = name.strip_prefix(&infra_id).unwrap_or(&name);
    if rest == "-bootstrap" {
        return None;
    }
    let state = match instance.state.as_str() {
        "pending" => State::Pending,
        "running" => State::Running,
        "stopping" => State::Stopping,
        "stopped" => State::Stopped,
        _ => State::Gone,
    };
    Some(Instance {
        id: instance.id,
        infra_id,
        state,
        control_plane: rest.starts_with("-master-")
            || instance
                .tags
                .get(ROLE)
                .is_some_and(|role| role == CONTROL_PLANE),
        spot: instance.spot,
        address: instance.address.unwrap_or_default(),
        host: instance.host.unwrap_or_default(),
        zone: instance.zone.unwrap_or_default(),
        name,
    })
}
