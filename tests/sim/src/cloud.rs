//! A cloud as one life of the operator sees it: each changing call is an effect like a write to the
//! hub (logged, numbered, a place to die), and a dead life gets no answer from the cloud either.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use skep_providers::{
    Account, AccountId, Cloud, ConnectRequest, Credentials, Error, Unsupported,
    erase::{
        ClusterFacts, Deletion, Discovery, EraseTarget, Eraser, Inventory, KindSpec, Outcome,
        Presence, Resource, Untagging,
    },
    machine_sets::MachineSets,
    power::{Listing, Machine, Machines, PowerOutcome},
    preflight::Preflight,
    zones::Zones,
};

use crate::{
    apiserver::{ApiServer, effects::Process},
    world::Life,
};

/// The process that looks at a cloud, and the hub that keeps the log.
#[derive(Clone)]
struct Gate {
    server: ApiServer,
    process: Arc<Process>,
}

impl Gate {
    /// A look at the cloud.
    async fn read<T>(&self, call: impl Future<Output = T>) -> T {
        let result = call.await;
        if self.process.is_dead() {
            std::future::pending::<()>().await;
        }
        result
    }

    async fn change<T>(&self, what: &str, call: impl Future<Output = T>) -> T {
        self.server.around(&self.process, what, call).await
    }
}

/// `cloud` behind the gate of one life.
pub fn seen_by(life: &Life, cloud: Arc<dyn Cloud>) -> Arc<dyn Cloud> {
    let gate = Gate {
        server: life.server.clone(),
        process: Arc::clone(&life.process),
    };
    Arc::new(GatedCloud { gate, cloud })
}

struct GatedCloud {
    gate: Gate,
    cloud: Arc<dyn Cloud>,
}

#[async_trait]
impl Cloud for GatedCloud {
    fn name(&self) -> &str {
        self.cloud.name()
    }

    async fn connect(&self, request: ConnectRequest) -> Result<Arc<dyn Account>, Error> {
        let account = self.gate.read(self.cloud.connect(request)).await?;
        Ok(Arc::new(GatedAccount {
            gate: self.gate.clone(),
            account,
        }))
    }
}

struct GatedAccount {
    gate: Gate,
    account: Arc<dyn Account>,
}

#[async_trait]
impl Credentials for GatedAccount {
    async fn identity(&self) -> Result<AccountId, Error> {
        self.gate.read(self.account.identity()).await
    }
}

impl Account for GatedAccount {
    fn machines(&self) -> Result<Arc<dyn Machines>, Unsupported> {
        let machines = self.account.machines()?;
        Ok(Arc::new(GatedMachines {
            gate: self.gate.clone(),
            machines,
        }))
    }

    fn zones(&self) -> Result<Arc<dyn Zones>, Unsupported> {
        self.account.zones()
    }

    fn machine_sets(&self) -> Result<Arc<dyn MachineSets>, Unsupported> {
        self.account.machine_sets()
    }

    fn preflight(&self) -> Result<Arc<dyn Preflight>, Unsupported> {
        self.account.preflight()
    }

    fn eraser(&self, facts: &ClusterFacts) -> Result<Arc<dyn EraseTarget>, Error> {
        let target = self.account.eraser(facts)?;
        Ok(Arc::new(GatedTarget {
            gate: self.gate.clone(),
            target,
        }))
    }
}

struct GatedMachines {
    gate: Gate,
    machines: Arc<dyn Machines>,
}

#[async_trait]
impl Machines for GatedMachines {
    async fn list(&self, cluster: &ClusterFacts, max_age: Duration) -> Result<Listing, Error> {
        self.gate.read(self.machines.list(cluster, max_age)).await
    }

    async fn start(&self, machines: &[Machine]) -> Vec<PowerOutcome> {
        let what = switched("start", machines);
        self.gate.change(&what, self.machines.start(machines)).await
    }

    async fn stop(&self, machines: &[Machine]) -> Vec<PowerOutcome> {
        let what = switched("stop", machines);
        self.gate.change(&what, self.machines.stop(machines)).await
    }
}

/// As transcripts show it: `stop machine i-0 i-1`.
fn switched(verb: &str, machines: &[Machine]) -> String {
    let ids: Vec<&str> = machines.iter().map(|machine| machine.id.as_str()).collect();
    format!("{verb} machine {}", ids.join(" "))
}

struct GatedTarget {
    gate: Gate,
    target: Arc<dyn EraseTarget>,
}

#[async_trait]
impl Credentials for GatedTarget {
    async fn identity(&self) -> Result<AccountId, Error> {
        self.gate.read(self.target.identity()).await
    }
}

#[async_trait]
impl Inventory for GatedTarget {
    fn kinds(&self) -> &[KindSpec] {
        self.target.kinds()
    }

    async fn discover(&self) -> Result<Discovery, Error> {
        self.gate.read(self.target.discover()).await
    }

    async fn describe(&self, resources: &[Resource]) -> Result<Vec<Presence>, Error> {
        self.gate.read(self.target.describe(resources)).await
    }

    async fn holders(&self, resource: &Resource) -> Result<Vec<Resource>, Error> {
        self.gate.read(self.target.holders(resource)).await
    }

    fn calls(&self) -> skep_providers::call::CallCounts {
        self.target.calls()
    }
}

#[async_trait]
impl Eraser for GatedTarget {
    async fn delete(&self, batch: &[Deletion]) -> Vec<Outcome> {
        let what = shown("delete", batch.iter().map(Deletion::resource));
        self.gate.change(&what, self.target.delete(batch)).await
    }

    async fn release(&self, batch: &[Deletion]) -> Vec<Outcome> {
        let what = shown("release", batch.iter().map(Deletion::resource));
        self.gate.change(&what, self.target.release(batch)).await
    }

    async fn untag(&self, batch: &[Untagging]) -> Vec<Outcome> {
        let what = shown("untag", batch.iter().map(Untagging::resource));
        self.gate.change(&what, self.target.untag(batch)).await
    }
}

/// As transcripts show a changing call: `delete subnet infra/subnet-0 infra/subnet-1`.
fn shown<'a>(verb: &str, resources: impl Iterator<Item = &'a Resource>) -> String {
    let mut text = verb.to_owned();
    for (index, resource) in resources.enumerate() {
        if index == 0 {
            text.push(' ');
            text.push_str(resource.kind.as_str());
        }
        text.push(' ');
        text.push_str(resource.id.as_str());
    }
    text
}
