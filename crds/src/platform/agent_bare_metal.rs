//! Bare metal by an agent: what a `ClusterDeployment` says.
//!
//! Mirrors docs/spec/10 §2.2. Shapes only; the agent's own controllers read the selector.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::LabelSelector;

/// A cluster on hosts that an agent discovers and installs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Platform {
    /// Labels of the agents that may become the cluster's hosts.
    pub agent_selector: LabelSelector,
}
