//! `ClusterState`: what the operators inside a cluster report, mirrored on the hub.
//!
//! Mirrors docs/spec/32 §4. Shapes only.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::external::cluster_version::OperatorCondition;
use crate::wire::{Time, absent_spec_is_empty};

/// Nothing is wanted: the object only reports.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "ClusterState",
    plural = "clusterstates",
    namespaced,
    status = "ClusterStateStatus",
    schema = "disabled",
    doc = "A `ClusterState` as it is stored.",
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct ClusterStateSpec {}

absent_spec_is_empty!(ClusterStateSpec);

/// What the operators inside the cluster report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStateStatus {
    /// One entry for each operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_operators: Option<Vec<ClusterOperatorState>>,
    /// When the report last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated: Option<Time>,
}

/// What one operator reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterOperatorState {
    /// Conditions of the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<OperatorCondition>>,
    /// Name of the operator.
    pub name: String,
}
