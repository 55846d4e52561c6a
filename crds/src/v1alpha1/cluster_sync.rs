//! `ClusterSync`: what became of the sets that are for one cluster.
//!
//! Mirrors docs/spec/31 §1.2. Shapes only.

#![expect(
    clippy::duplicated_attributes,
    reason = "each printer column names its type; the lint reads them as one attribute"
)]

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::wire::{Time, absent_spec_is_empty, wire_enum};

wire_enum! {
    /// Outcome of the last attempt to apply a set.
    closed SyncResult {
        /// All of it was applied.
        Success => "Success",
        /// Some of it was not.
        Failure => "Failure",
    }
}

/// Nothing is wanted: the object only reports.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hiveinternal.openshift.io",
    version = "v1alpha1",
    kind = "ClusterSync",
    plural = "clustersyncs",
    namespaced,
    shortname = "csync",
    status = "ClusterSyncStatus",
    schema = "disabled",
    doc = "A `ClusterSync` as it is stored.",
    derive = "PartialEq",
    derive = "Default",
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.conditions[0].reason"
    ),
    printcolumn(
        name = "ControllerReplica",
        type_ = "string",
        json_path = ".status.controlledByReplica"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Failed")].message"#,
        priority = 1
    )
)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct ClusterSyncSpec {}

absent_spec_is_empty!(ClusterSyncSpec);

/// What became of the sets that are for the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSyncStatus {
    /// Details of the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
    /// Ordinal of the controller's replica that handled the cluster last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controlled_by_replica: Option<i64>,
    /// When every set had been applied for the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_success_time: Option<Time>,
    /// Sets that choose the cluster by its labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector_sync_sets: Option<Vec<SyncStatus>>,
    /// Sets that name the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_sets: Option<Vec<SyncStatus>>,
}

/// What became of one set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncStatus {
    /// What was not applied and why; only after a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_message: Option<String>,
    /// When the set had been applied for the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_success_time: Option<Time>,
    /// When this entry last changed.
    pub last_transition_time: Time,
    /// Name of the set.
    pub name: String,
    /// Generation of the set that was applied.
    pub observed_generation: i64,
    /// Objects that leave the cluster with the set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources_to_delete: Option<Vec<SyncResourceReference>>,
    /// Outcome of the last attempt.
    pub result: SyncResult,
}

/// An object on the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncResourceReference {
    /// API version of the object.
    pub api_version: String,
    /// Kind of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name of the object.
    pub name: String,
    /// Namespace of the object; none when it has no namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}
