//! Machines of a cluster and their power state (`docs/spec/21 §8`).

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
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
    /// It runs the control plane: stopped last, started first.
    pub control_plane: bool,
}

/// The machines of a cluster as they were at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Listing {
    /// When the cloud was asked: what happened since is not in here.
    pub at: Timestamp,
    /// Every machine, sorted by identifier; terminated ones are left out. Empty says that the cloud
    /// knows none, never that all of them are stopped.
    pub machines: Vec<Machine>,
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
    /// Every machine of the cluster, all pages. A read: safe to repeat.
    ///
    /// With a `max_age` of zero the cloud is asked about this one cluster: for whoever is about to
    /// start or stop something. Otherwise the answer may come from one listing of the whole account
    /// and region that is at most so old and that all clusters share
    /// ([`Listings`](crate::Listings)); it is never older than the last [`Machines::start`] or
    /// [`Machines::stop`] of a machine of this cluster through the same account, and an empty answer
    /// is never older than the question.
    async fn list(&self, cluster: &ClusterFacts, max_age: Duration) -> Result<Listing, Error>;

    /// Asks the cloud to start machines, in as few calls as it allows, and does not wait. `machines`
    /// come from [`Machines::list`] of this process: others are refused, and so is what the cloud no
    /// longer shows as the cluster's own. Starting what runs already is success; what is on its way to
    /// be stopped is [`Class::DependencyViolation`](crate::Class::DependencyViolation) (ask again
    /// later); what is gone is [`Class::NotFound`](crate::Class::NotFound). One machine that cannot be
    /// started does not keep the others. Safe to repeat. The outcomes are in the order of `machines`.
    async fn start(&self, machines: &[Machine]) -> Vec<PowerOutcome>;

    /// Asks the cloud to stop machines so that they cost no compute (Azure deallocates), in as few
    /// calls as it allows, and does not wait. Spot machines that cannot be stopped are deleted (AWS),
    /// but never one of the control plane: that is
    /// [`Class::Invalid`](crate::Class::Invalid). Stopping what is stopped or stopping is success; what
    /// is only starting is a `DependencyViolation`. Otherwise like [`Machines::start`].
    async fn stop(&self, machines: &[Machine]) -> Vec<PowerOutcome>;
}
