//! Machines of a cluster and their power state (`docs/spec/21 §8`).

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{erase::ClusterFacts, error::Error};

/// Power state, reduced to what decisions need.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PowerState {
    /// Being started, or being created.
    Pending,
    /// Running.
    Running,
    /// On the way to `Stopped` or to deletion.
    Stopping,
    /// Stopped; costs no compute.
    Stopped,
    /// A state that means none of these, in the cloud's own word (repairing, suspended, unknown).
    /// Such machines are shown, and neither started nor stopped.
    Other(String),
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Machine {
    /// The cloud's identifier: instance ID (AWS), resource ID (Azure), `zones/<zone>/instances/<name>`
    /// (Google Cloud).
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its power state.
    pub power: PowerState,
    /// Spot, pre-emptible, or otherwise without the right to come back: where the cloud cannot stop
    /// such a machine ([`Machines::stop`]) it is deleted and replaced on resume.
    pub spot: bool,
}

/// What became of one machine in a start or stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerOutcome {
    /// [`Machine::id`].
    pub id: String,
    /// `Ok` when the cloud accepted the request (or had nothing to do), else why not.
    pub result: Result<(), Error>,
}

/// Machines of a cluster.
#[async_trait]
pub trait Machines: Send + Sync {
    /// Every machine of the cluster, all pages; terminated ones are left out. A read: safe to
    /// repeat. May be answered from a listing of the account that is a few seconds old; a caller
    /// that must know calls [`Machines::refresh`] first.
    async fn list(&self, cluster: &ClusterFacts) -> Result<Vec<Machine>, Error>;

    /// Forgets cached listings, so that the next [`Machines::list`] asks the cloud.
    fn refresh(&self);

    /// Asks the cloud to start machines, in as few calls as it allows, and does not wait. Starting
    /// what runs already is success; safe to repeat. The outcomes are in the order of `machines`.
    async fn start(&self, machines: &[Machine]) -> Vec<PowerOutcome>;

    /// Asks the cloud to stop machines so that they cost no compute (Azure deallocates), in as few
    /// calls as it allows, and does not wait. Spot machines that cannot be stopped are deleted (AWS).
    /// Stopping what is stopped is success; safe to repeat.
    async fn stop(&self, machines: &[Machine]) -> Vec<PowerOutcome>;
}
