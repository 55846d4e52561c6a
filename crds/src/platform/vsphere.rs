//! vSphere: what the kinds with a platform block say.
//!
//! Mirrors docs/spec/10 §2.2, docs/spec/20 §2 and docs/spec/44 §5. Shapes only; turning the deprecated flat fields
//! into `infrastructure` is the controller's work.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::external::vsphere_installer::{self, DataDisk, OsDisk};
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

/// Machines of one pool on vSphere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachinePool {
    /// Cores of a virtual socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores_per_socket: Option<i32>,
    /// Virtual processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<i32>,
    /// Disks beside the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "maxItems" = 29,
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["name"]
    ))]
    pub data_disks: Option<Vec<DataDisk>>,
    /// Memory in mebibytes.
    #[serde(rename = "memoryMB", skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<i64>,
    /// The system's disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_disk: Option<OsDisk>,
    /// Resource pool of the machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_pool: Option<String>,
    /// Tags put on the virtual machines.
    #[serde(rename = "tagIDs", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxItems" = 10))]
    pub tag_ids: Option<Vec<String>>,
    /// Names of the failure domains to use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zones: Option<Vec<String>>,
}
