//! `ClusterDeploymentCustomization`: changes to what the installer reads and writes.
//!
//! Mirrors docs/spec/30 §1.3. Shapes only; whether a change can be applied shows when it is.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::external::cluster_version::StrictCondition;
use crate::wire::{LocalObjectReference, wire_enum};

wire_enum! {
    /// What an operation of a JSON patch does.
    closed PatchOperation {
        /// Puts a value at the path.
        Add => "add",
        /// Removes what is at the path.
        Remove => "remove",
        /// Puts a value in the place of the one at the path.
        Replace => "replace",
        /// Moves a value from elsewhere to the path.
        Move => "move",
        /// Copies a value from elsewhere to the path.
        Copy => "copy",
        /// Fails unless the value is at the path.
        Test => "test",
    }
}

/// Changes to what the installer reads and writes.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "ClusterDeploymentCustomization",
    plural = "clusterdeploymentcustomizations",
    namespaced,
    shortname = "cdc",
    status = "ClusterDeploymentCustomizationStatus",
    schema = "disabled",
    doc = "A `ClusterDeploymentCustomization` as it is stored.",
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterDeploymentCustomizationSpec {
    /// Changes to the install-config, in this order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_config_patches: Option<Vec<PatchEntity>>,
    /// Changes to the installer's manifests, in this order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installer_manifest_patches: Option<Vec<InstallerManifestPatch>>,
}

/// Changes to some of the installer's manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstallerManifestPatch {
    /// Manifests that are changed.
    pub manifest_selector: ManifestSelector,
    /// The changes, in this order.
    pub patches: Vec<PatchEntity>,
}

/// Some of the installer's manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManifestSelector {
    /// Pattern of their paths below the installer's working directory.
    pub glob: String,
}

/// One operation of a JSON patch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatchEntity {
    /// Path of the value to copy or move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What the operation does.
    pub op: PatchOperation,
    /// Path that it is about.
    pub path: String,
    /// Text to put there or compare with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// JSON to put there or compare with; wins over the text unless it is empty.
    #[serde(rename = "valueJSON", skip_serializing_if = "Option::is_none")]
    pub value_json: Option<String>,
}

/// Who uses a customization, and with what outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterDeploymentCustomizationStatus {
    /// Cluster that uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_deployment_ref: Option<LocalObjectReference>,
    /// Pool whose inventory it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_pool_ref: Option<LocalObjectReference>,
    /// Details of the use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<StrictCondition>>,
    /// The changes as they were when last used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_applied_configuration: Option<String>,
}
