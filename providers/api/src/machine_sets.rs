//! Generation of `MachineSet`s (`docs/spec/22 §7`): facts are gathered by calls, the sets are then
//! made by a plain function.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{erase::ClusterFacts, error::Error};

/// What a `MachineSet` generator is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolRequest {
    /// Name of the pool.
    pub pool: String,
    /// Zones asked for; empty: all that fit.
    pub zones: Vec<String>,
    /// The pool's platform stanza, as the API has it.
    pub platform: Value,
    /// A master machine of the cluster (provider specification), source of image and network.
    pub master: Value,
    /// A `MachineSet` that exists in the cluster, where names of networks are copied from it.
    pub template: Option<Value>,
    /// Tags of the cluster and of the pool.
    pub tags: BTreeMap<String, String>,
}

/// What the cloud said about zones, networks and sizes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolFacts {
    /// Zones to use.
    pub zones: Vec<String>,
    /// Zone → subnet, where subnets were given.
    pub subnets: BTreeMap<String, String>,
    /// Capabilities of the machine size, in the cloud's words.
    pub capabilities: BTreeMap<String, String>,
}

/// Why no `MachineSet`s can be made of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MachineSetError {
    /// The subnets do not fit the zones.
    #[error("subnets do not fit: {0}")]
    Subnets(String),
    /// The machine size is unknown in the region, or cannot do what is asked.
    #[error("machine size: {0}")]
    Size(String),
    /// Something else in the request is wrong.
    #[error("{0}")]
    Invalid(String),
}

/// `MachineSet`s of a pool.
#[async_trait]
pub trait MachineSets: Send + Sync {
    /// Asks the cloud for what the generator needs. Reads only: safe to repeat.
    async fn gather(
        &self,
        cluster: &ClusterFacts,
        request: &PoolRequest,
    ) -> Result<PoolFacts, Error>;

    /// One `MachineSet` per zone. No call: the same input gives the same output.
    fn generate(
        &self,
        cluster: &ClusterFacts,
        request: &PoolRequest,
        facts: &PoolFacts,
    ) -> Result<Vec<Value>, MachineSetError>;
}
