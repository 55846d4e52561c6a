//! `MachinePool`: compute machines of one kind inside an installed cluster.
//!
//! Mirrors docs/spec/22 §1. Shapes only; what becomes of them on the cluster is the controller's
//! matter.

#![expect(
    clippy::duplicated_attributes,
    reason = "each printer column names its type; the lint reads them as one attribute"
)]

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::external::core::Taint;
use crate::platform::MachinePoolPlatform;
use crate::wire::LocalObjectReference;

/// Compute machines of one kind inside an installed cluster.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "MachinePool",
    plural = "machinepools",
    namespaced,
    status = "MachinePoolStatus",
    schema = "disabled",
    doc = "A `MachinePool` as it is stored.",
    derive = "PartialEq",
    derive = "Default",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas"
    ),
    printcolumn(name = "PoolName", type_ = "string", json_path = ".spec.name"),
    printcolumn(
        name = "ClusterDeployment",
        type_ = "string",
        json_path = ".spec.clusterDeploymentRef.name"
    ),
    printcolumn(name = "Replicas", type_ = "integer", json_path = ".spec.replicas")
)]
#[serde(rename_all = "camelCase")]
pub struct MachinePoolSpec {
    /// Bounds within which the cluster chooses the number of machines; excludes `replicas`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<MachinePoolAutoscaling>,
    /// Cluster that the machines belong to.
    pub cluster_deployment_ref: LocalObjectReference,
    /// Labels of the nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Labels of the machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine_labels: Option<BTreeMap<String, String>>,
    /// Name of the pool inside the cluster.
    pub name: String,
    /// What the machines are like.
    pub platform: MachinePoolPlatform,
    /// Number of machines; excludes `autoscaling`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i64>,
    /// Taints of the nodes; of several with the same key and effect the first counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taints: Option<Vec<Taint>>,
}

/// Bounds within which the cluster chooses the number of machines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachinePoolAutoscaling {
    /// Most machines.
    pub max_replicas: i32,
    /// Fewest machines.
    pub min_replicas: i32,
}

/// What was observed of a machine pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachinePoolStatus {
    /// Details of the pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
    /// Ordinal of the controller's replica that handled the pool last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controlled_by_replica: Option<i64>,
    /// The pool's machine sets on the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine_sets: Option<Vec<MachineSetStatus>>,
    /// Keys of node labels that come from the pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owned_labels: Option<Vec<String>>,
    /// Keys of machine labels that come from the pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owned_machine_labels: Option<Vec<String>>,
    /// Node taints that come from the pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owned_taints: Option<Vec<TaintIdentifier>>,
    /// Number of machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
}

/// A machine set on the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachineSetStatus {
    /// What went wrong, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// What went wrong, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_reason: Option<String>,
    /// Most machines.
    pub max_replicas: i32,
    /// Fewest machines.
    pub min_replicas: i32,
    /// Name of the set.
    pub name: String,
    /// Number of machines whose nodes are ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// Number of machines.
    pub replicas: i32,
}

/// What makes a taint the same taint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaintIdentifier {
    /// Effect of the taint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
    /// Key of the taint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}
