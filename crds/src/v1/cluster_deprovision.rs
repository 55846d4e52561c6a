//! `ClusterDeprovision`: the order to delete a cluster from its cloud.
//!
//! Mirrors docs/spec/20 §2. Shapes only; the gates that keep a hand-made order from being carried out
//! are the controller's.

#![expect(
    clippy::duplicated_attributes,
    reason = "each printer column names its type; the lint reads them as one attribute"
)]

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::platform::DeprovisionPlatform;
use crate::wire::{LocalObjectReference, referenced_name};

/// What to delete, and where.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "ClusterDeprovision",
    plural = "clusterdeprovisions",
    namespaced,
    shortname = "cdr",
    status = "ClusterDeprovisionStatus",
    schema = "disabled",
    doc = "A `ClusterDeprovision` as it is stored.",
    derive = "PartialEq",
    derive = "Default",
    printcolumn(name = "InfraID", type_ = "string", json_path = ".spec.infraID"),
    printcolumn(name = "ClusterID", type_ = "string", json_path = ".spec.clusterID"),
    printcolumn(name = "Completed", type_ = "boolean", json_path = ".status.completed"),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterDeprovisionSpec {
    /// Domain under which the cluster's records were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_domain: Option<String>,
    /// Identifier of the cluster.
    #[serde(rename = "clusterID", skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// Name of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<String>,
    /// Identifier in names and tags of the cluster's cloud resources.
    #[serde(rename = "infraID")]
    pub infra_id: String,
    /// Secret with the installer's description of the cluster.
    #[serde(
        rename = "metadataJSONSecretRef",
        skip_serializing_if = "Option::is_none"
    )]
    pub metadata_json_secret_ref: Option<LocalObjectReference>,
    /// Where the cluster is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<DeprovisionPlatform>,
}

impl ClusterDeprovisionSpec {
    /// Name of the Secret with the installer's description of the cluster.
    pub fn metadata_json_secret(&self) -> Option<&str> {
        referenced_name(self.metadata_json_secret_ref.as_ref())
    }
}

/// How far the deletion has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterDeprovisionStatus {
    /// Whether nothing of the cluster is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<bool>,
    /// Details of the deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
}

impl ClusterDeprovision {
    /// The deletion's conditions; none before there is a status.
    pub fn conditions(&self) -> &[Condition] {
        self.status
            .as_ref()
            .and_then(|status| status.conditions.as_deref())
            .unwrap_or_default()
    }

    /// Whether nothing of the cluster is left.
    pub fn is_completed(&self) -> bool {
        self.status
            .as_ref()
            .and_then(|status| status.completed)
            .unwrap_or(false)
    }
}
