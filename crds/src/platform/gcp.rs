//! Google Cloud: what the kinds with a platform block, and their status, say.
//!
//! Mirrors docs/spec/10 §2.2, docs/spec/20 §2, docs/spec/22 §1 and docs/spec/23 A1. Shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::{LocalObjectReference, wire_enum};

wire_enum! {
    /// What becomes of a machine whose host is maintained.
    closed OnHostMaintenance {
        /// It moves to another host.
        Migrate => "Migrate",
        /// It is stopped; machines with accelerators know nothing else.
        Terminate => "Terminate",
    }
}

wire_enum! {
    /// Whether a machine boots signed software only.
    closed SecureBoot {
        /// It does.
        Enabled => "Enabled",
        /// It does not.
        Disabled => "Disabled",
    }
}

/// A cluster on Google Cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Platform {
    /// Secret with the service account's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalObjectReference>,
    /// Whether local solid-state disks may lose their content when the cluster hibernates; without
    /// it machines that have such disks cannot be stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discard_local_ssd_on_hibernate: Option<bool>,
    /// Private connection from the hub to the cluster's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_service_connect: Option<PrivateServiceConnect>,
    /// Region that the cluster runs in.
    pub region: String,
}

/// Access to the cluster's API by an endpoint inside the hub's network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrivateServiceConnect {
    /// Whether private access is wanted.
    pub enabled: bool,
    /// How the cluster's side of the connection is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_attachment: Option<ServiceAttachment>,
}

/// The cluster's side of a private connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAttachment {
    /// Subnet that carries the translated traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet: Option<ServiceAttachmentSubnet>,
}

/// The subnet of a service attachment: an existing one, or one that is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAttachmentSubnet {
    /// Address range of the subnet that is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cidr: Option<String>,
    /// Subnet that exists already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub existing: Option<ExistingSubnet>,
}

/// A subnet that exists already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExistingSubnet {
    /// Name of the subnet.
    pub name: String,
    /// Project of the subnet, when it is not the cluster's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
}

/// What was found or made for a cluster on Google Cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Resources of the private connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_service_connect: Option<PrivateServiceConnectStatus>,
}

/// Resources of a private connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrivateServiceConnectStatus {
    /// Endpoint in the hub's network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Address of that endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_address: Option<String>,
    /// Service attachment in the cluster's network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_attachment: Option<String>,
    /// Firewall rule that lets the translated traffic in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_attachment_firewall: Option<String>,
    /// Subnet that carries the translated traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_attachment_subnet: Option<String>,
}

/// Facts of an installed cluster that its deletion needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterMetadata {
    /// Project of a shared network. Empty: the network is the cluster's own. Absent: not known yet.
    #[serde(rename = "networkProjectID", skip_serializing_if = "Option::is_none")]
    pub network_project_id: Option<String>,
}

/// How to delete a cluster from Google Cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deprovision {
    /// Secret with the service account's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalObjectReference>,
    /// Project of a shared network.
    #[serde(rename = "networkProjectID", skip_serializing_if = "Option::is_none")]
    pub network_project_id: Option<String>,
    /// Region that the cluster runs in.
    pub region: String,
}

/// Machines of one pool on Google Cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachinePool {
    /// Project of the network, when it is not the cluster's own.
    #[serde(rename = "networkProjectID", skip_serializing_if = "Option::is_none")]
    pub network_project_id: Option<String>,
    /// What becomes of a machine whose host is maintained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_host_maintenance: Option<OnHostMaintenance>,
    /// The machines' system disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_disk: Option<OsDisk>,
    /// Whether the machines boot signed software only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secure_boot: Option<SecureBoot>,
    /// Service account of the machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
    /// Network tags of the machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Type of the machines.
    pub r#type: String,
    /// Resource tags of the machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_tags: Option<Vec<UserTag>>,
    /// Zones over which the machines are spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zones: Option<Vec<String>>,
}

/// A machine's system disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OsDisk {
    /// Size in gigabytes; 128 when absent.
    #[serde(rename = "diskSizeGB", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minimum" = 16, "maximum" = 65536))]
    pub disk_size_gb: Option<i64>,
    /// Type of the disk; pd-ssd when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_type: Option<String>,
    /// Key that encrypts the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption_key: Option<EncryptionKey>,
}

/// A key that encrypts a disk, and who uses it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EncryptionKey {
    /// The key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<KmsKey>,
    /// Service account that uses the key; Compute Engine's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_service_account: Option<String>,
}

/// A key of the key management service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KmsKey {
    /// Key ring of the key.
    pub key_ring: String,
    /// Location of the key ring.
    pub location: String,
    /// Name of the key.
    pub name: String,
    /// Project of the key ring; the machines' own when absent.
    #[serde(rename = "projectID", skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
}

/// A resource tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserTag {
    /// Short name of the tag key.
    pub key: String,
    /// Organization or project that the tag is defined in.
    #[serde(rename = "parentID")]
    pub parent_id: String,
    /// Short name of the tag value.
    pub value: String,
}

/// A zone on Google Cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DnsZone {
    /// Secret with the service account's key.
    pub credentials_secret_ref: LocalObjectReference,
}

/// What was made on Google Cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DnsZoneStatus {
    /// Name of the zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone_name: Option<String>,
}
