//! vSphere: what a `ClusterDeployment` and a `ClusterDeprovision` say.
//!
//! Mirrors docs/spec/10 §2.2 and docs/spec/20 §2. Shapes only; turning the deprecated flat fields
//! into `infrastructure` is the controller's work.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::external::vsphere_installer;
use crate::wire::LocalObjectReference;

/// A cluster on vSphere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Platform {
    /// Secret with the certificate authorities of the vCenter servers.
    pub certificates_secret_ref: LocalObjectReference,
    /// Deprecated: compute cluster. Use the infrastructure block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Secret with user names and passwords of the vCenter servers.
    pub credentials_secret_ref: LocalObjectReference,
    /// Deprecated: datacenter. Use the infrastructure block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datacenter: Option<String>,
    /// Deprecated: datastore. Use the infrastructure block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_datastore: Option<String>,
    /// Deprecated: folder of the virtual machines. Use the infrastructure block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The vSphere part of an install-config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub infrastructure: Option<vsphere_installer::Platform>,
    /// Deprecated: network. Use the infrastructure block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Deprecated: vCenter server. Use the infrastructure block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v_center: Option<String>,
}

/// How to delete a cluster from vSphere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deprovision {
    /// Secret with the certificate authorities of the vCenter servers.
    pub certificates_secret_ref: LocalObjectReference,
    /// Secret with user names and passwords of the vCenter servers.
    pub credentials_secret_ref: LocalObjectReference,
    /// Deprecated: the only vCenter server. Use the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v_center: Option<String>,
    /// The vCenter servers that hold parts of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v_centers: Option<Vec<String>>,
}
