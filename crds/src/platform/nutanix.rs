//! Nutanix: what the kinds with a platform block say.
//!
//! Mirrors docs/spec/10 §2.2, docs/spec/20 §2 and docs/spec/44 §5. Shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::{LocalObjectReference, Quantity, wire_enum};

wire_enum! {
    /// How a machine boots.
    closed BootType {
        /// Left empty: as `Legacy`.
        Unset => "",
        /// By the old firmware.
        Legacy => "Legacy",
        /// By the newer firmware.
        Uefi => "UEFI",
        /// By the newer firmware, signed software only.
        SecureBoot => "SecureBoot",
    }
}

wire_enum! {
    /// How a resource of Prism Central is identified.
    closed IdentifierType {
        /// By its identifier.
        Uuid => "uuid",
        /// By its name.
        Name => "name",
    }
}

wire_enum! {
    /// How a storage container of Prism Central is identified.
    closed StorageIdentifierType {
        /// By its identifier.
        Uuid => "uuid",
    }
}

wire_enum! {
    /// How a graphics processor is identified.
    closed GpuIdentifierType {
        /// By its name.
        Name => "Name",
        /// By its number.
        DeviceId => "DeviceID",
    }
}

wire_enum! {
    /// Bus of a disk.
    closed AdapterType {
        /// SCSI.
        Scsi => "SCSI",
        /// IDE.
        Ide => "IDE",
        /// PCI.
        Pci => "PCI",
        /// SATA.
        Sata => "SATA",
        /// SPAPR.
        Spapr => "SPAPR",
    }
}

wire_enum! {
    /// What kind of device a disk is.
    closed DeviceType {
        /// A disk.
        Disk => "Disk",
        /// A drive for discs.
        CdRom => "CDRom",
    }
}

wire_enum! {
    /// How fast a disk's storage is.
    closed DiskMode {
        /// As the container provides.
        Standard => "Standard",
        /// Always on flash.
        Flash => "Flash",
    }
}

/// A cluster on Nutanix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Platform {
    /// Secret with additional certificate authorities of the Prism endpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificates_secret_ref: Option<LocalObjectReference>,
    /// Secret with user name and password.
    pub credentials_secret_ref: LocalObjectReference,
    /// Prism Elements and subnets over which machines are spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_domains: Option<Vec<FailureDomain>>,
    /// Endpoint that manages the Prism Elements.
    pub prism_central: Endpoint,
}

/// Where a Prism service listens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Host name or address.
    pub address: String,
    /// Port.
    pub port: i32,
}

/// One failure domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureDomain {
    /// Images that machines of this domain may be made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_source_images: Option<Vec<StorageReference>>,
    /// Name of the domain.
    #[schemars(extend("minLength" = 1, "maxLength" = 64, "pattern" = "^[0-9A-Za-z_.-@/]+$"))]
    pub name: String,
    /// Prism Element of the domain.
    pub prism_element: PrismElement,
    /// Storage containers that disks of this domain may live in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_containers: Option<Vec<StorageReference>>,
    /// Subnets of the domain.
    #[serde(rename = "subnetUUIDs")]
    #[schemars(extend("minItems" = 1, "x-kubernetes-list-type" = "set"))]
    pub subnet_uuids: Vec<String>,
}

/// A Prism Element, which is one Nutanix cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrismElement {
    /// Where it listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// Name in Prism Central.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Identifier in Prism Central.
    pub uuid: String,
}

/// An image or storage container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageReference {
    /// Name in Prism.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Name by which the install-config refers to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_name: Option<String>,
    /// Identifier in Prism.
    pub uuid: String,
}

/// How to delete a cluster from Nutanix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deprovision {
    /// Secret with additional certificate authorities of the Prism endpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificates_secret_ref: Option<LocalObjectReference>,
    /// Secret with user name and password.
    pub credentials_secret_ref: LocalObjectReference,
    /// Endpoint that manages the Prism Elements.
    pub prism_central: Endpoint,
}

/// Machines of one pool on Nutanix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachinePool {
    /// How the machines boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_type: Option<BootType>,
    /// Categories of the machines, which exist already.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["key"]
    ))]
    pub categories: Option<Vec<Category>>,
    /// Cores of a virtual socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores_per_socket: Option<i64>,
    /// Virtual sockets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<i64>,
    /// Disks beside the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_disks: Option<Vec<DataDisk>>,
    /// Names of the cluster's failure domains to use.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub failure_domains: Option<Vec<String>>,
    /// Graphics processors of a machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpus: Option<Vec<Gpu>>,
    /// Memory in mebibytes.
    #[serde(rename = "memoryMiB", skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<i64>,
    /// The machines' system disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_disk: Option<OsDisk>,
    /// Project of the machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<ResourceIdentifier>,
}

/// A category of Prism Central.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Category {
    /// Key of the category.
    #[schemars(extend("minLength" = 1, "maxLength" = 64))]
    pub key: String,
    /// Value of the category.
    #[schemars(extend("minLength" = 1, "maxLength" = 64))]
    pub value: String,
}

/// A machine's system disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OsDisk {
    /// Size in gibibytes.
    #[serde(rename = "diskSizeGiB", skip_serializing_if = "Option::is_none")]
    pub disk_size_gib: Option<i64>,
}

/// A resource of Prism Central, by name or by identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceIdentifier {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which of the two is given.
    pub r#type: IdentifierType,
    /// Its identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
}

/// A graphics processor, by name or by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "has(self.type) && self.type == 'DeviceID' ?  has(self.deviceID) : !has(self.deviceID)",
        "message": "deviceID must be given when type is DeviceID, and only then"
    },
    {
        "rule": "has(self.type) && self.type == 'Name' ?  has(self.name) : !has(self.name)",
        "message": "name must be given when type is Name, and only then"
    }
]))]
pub struct Gpu {
    /// Number of the device.
    #[serde(rename = "deviceID", skip_serializing_if = "Option::is_none")]
    pub device_id: Option<i32>,
    /// Name of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which of the two is given.
    pub r#type: GpuIdentifierType,
}

/// A disk beside the system's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataDisk {
    /// Image that the disk is filled from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_source: Option<ResourceIdentifier>,
    /// What the machine sees of the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_properties: Option<DeviceProperties>,
    /// Size of the disk.
    pub disk_size: Quantity,
    /// Where the disk is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_config: Option<StorageConfig>,
}

/// What a machine sees of a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceProperties {
    /// Bus of the disk.
    pub adapter_type: AdapterType,
    /// Place on that bus.
    #[schemars(extend("x-skep-default" = 0, "minimum" = 0))]
    pub device_index: i32,
    /// What kind of device it is.
    #[schemars(extend("x-skep-default" = "Disk"))]
    pub device_type: DeviceType,
}

/// Where a disk is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageConfig {
    /// How fast the storage is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-skep-default" = "Standard"))]
    pub disk_mode: Option<DiskMode>,
    /// Container that holds the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_container: Option<StorageResourceIdentifier>,
}

/// A storage container of Prism Central.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "has(self.type) && self.type == 'uuid' ?  has(self.uuid) : !has(self.uuid)",
    "message": "uuid must be given when type is uuid, and only then"
}]))]
pub struct StorageResourceIdentifier {
    /// How it is identified.
    pub r#type: StorageIdentifierType,
    /// Its identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
}
