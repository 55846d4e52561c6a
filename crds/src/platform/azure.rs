//! Microsoft Azure: what the kinds with a platform block say.
//!
//! Mirrors docs/spec/10 §2.2, docs/spec/20 §2, docs/spec/22 §1 and docs/spec/23 A1. Shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::{LocalObjectReference, wire_enum};

wire_enum! {
    /// Which of Azure's separate clouds is meant.
    closed CloudName {
        /// Left empty: the public cloud.
        Unset => "",
        /// The public cloud.
        Public => "AzurePublicCloud",
        /// The cloud of the government of the United States.
        UsGovernment => "AzureUSGovernmentCloud",
        /// The cloud operated in China.
        China => "AzureChinaCloud",
        /// The former cloud operated in Germany.
        German => "AzureGermanCloud",
    }
}

wire_enum! {
    /// Type of a machine's system disk.
    closed DiskType {
        /// A standard hard disk.
        Standard => "Standard_LRS",
        /// A premium solid-state disk.
        Premium => "Premium_LRS",
        /// A standard solid-state disk.
        StandardSsd => "StandardSSD_LRS",
    }
}

wire_enum! {
    /// Whether an image of the marketplace is bought with a plan.
    closed ImagePlan {
        /// It is.
        WithPurchasePlan => "WithPurchasePlan",
        /// It is not.
        NoPurchasePlan => "NoPurchasePlan",
    }
}

wire_enum! {
    /// Whether a machine's network traffic is accelerated.
    closed VmNetworkingType {
        /// It is.
        Accelerated => "Accelerated",
        /// It is not.
        Basic => "Basic",
    }
}

/// A cluster on Microsoft Azure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Platform {
    /// Resource group that holds the zone of the base domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_domain_resource_group_name: Option<String>,
    /// Which of Azure's clouds; the public one when absent or empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_name: Option<CloudName>,
    /// Secret with the service principal.
    pub credentials_secret_ref: LocalObjectReference,
    /// Region that the cluster runs in.
    pub region: String,
}

/// Facts of an installed cluster that its deletion needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterMetadata {
    /// Resource group that the installer made or was given.
    // Required by the schema, yet an optional value: absent means "not known yet", and an object
    // from before the rule must still decode.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(required)]
    pub resource_group_name: Option<String>,
}

/// How to delete a cluster from Microsoft Azure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deprovision {
    /// Resource group that holds the zone of the base domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_domain_resource_group_name: Option<String>,
    /// Which of Azure's clouds; the public one when absent or empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_name: Option<CloudName>,
    /// Secret with the service principal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalObjectReference>,
    /// Resource group of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_group_name: Option<String>,
}

/// Machines of one pool on Microsoft Azure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachinePool {
    /// Existing subnet of the machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compute_subnet: Option<String>,
    /// Resource group of the existing network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_resource_group_name: Option<String>,
    /// The machines' system disk.
    pub os_disk: OsDisk,
    /// Image of the marketplace; the image by identifier wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_image: Option<OsImage>,
    /// Identifier of a machine image.
    #[serde(rename = "osImageID", skip_serializing_if = "Option::is_none")]
    pub os_image_id: Option<String>,
    /// How traffic leaves the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound_type: Option<String>,
    /// Type of the machines.
    pub r#type: String,
    /// Existing network of the machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_network: Option<String>,
    /// Whether network traffic is accelerated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vm_networking_type: Option<VmNetworkingType>,
    /// Availability zones over which the machines are spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zones: Option<Vec<String>>,
}

/// A machine's system disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OsDisk {
    /// Keys that encrypt the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_encryption_set: Option<DiskEncryptionSet>,
    /// Size in gigabytes.
    #[serde(rename = "diskSizeGB")]
    #[schemars(extend("minimum" = 0))]
    pub disk_size_gb: i32,
    /// Type of the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_type: Option<DiskType>,
}

/// A set of keys that encrypt disks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiskEncryptionSet {
    /// Name of the set.
    pub name: String,
    /// Resource group of the set.
    pub resource_group: String,
    /// Subscription of the set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<String>,
}

/// A machine image of the marketplace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OsImage {
    /// Offer of the image.
    pub offer: String,
    /// Whether the image is bought with a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<ImagePlan>,
    /// Publisher of the image.
    pub publisher: String,
    /// Variant of the offer.
    pub sku: String,
    /// Version of the image.
    pub version: String,
}

/// A zone on Microsoft Azure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DnsZone {
    /// Which of Azure's clouds; the public one when absent or empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_name: Option<CloudName>,
    /// Secret with the service principal.
    pub credentials_secret_ref: LocalObjectReference,
    /// Resource group of the zone.
    pub resource_group_name: String,
}

/// Nothing is recorded about a zone on Microsoft Azure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DnsZoneStatus {}
