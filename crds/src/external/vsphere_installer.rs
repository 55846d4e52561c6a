//! The installer's vSphere platform, which a `ClusterDeployment` carries whole.
//!
//! Fields that the installer deprecated stay, because stored objects have them. An entry of the
//! vCenter list is valid only with `user` and `password` keys, and admission wants the password
//! empty: both are plain strings here and are written even when empty (docs/spec/44 §6.7).

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::wire::wire_enum;

/// An inventory path of a folder of virtual machines.
const VM_FOLDER: &str = "^/.*?/vm/.*?";

wire_enum! {
    /// How a disk's space is set aside.
    closed DiskType {
        /// Left to the storage policy.
        Unset => "",
        /// On first use.
        Thin => "thin",
        /// At once, without clearing.
        Thick => "thick",
        /// At once, cleared.
        EagerZeroedThick => "eagerZeroedThick",
    }
}

wire_enum! {
    /// How a data disk's space is set aside.
    closed ProvisioningMode {
        /// On first use.
        Thin => "Thin",
        /// At once, without clearing.
        Thick => "Thick",
        /// At once, cleared.
        EagerlyZeroed => "EagerlyZeroed",
    }
}

wire_enum! {
    /// Who serves the cluster's records.
    closed DnsRecordsType {
        /// The cluster itself.
        Internal => "Internal",
        /// A server outside.
        External => "External",
    }
}

wire_enum! {
    /// Which machine a static host becomes.
    closed HostRole {
        /// Not told.
        Unset => "",
        /// The bootstrap machine.
        Bootstrap => "bootstrap",
        /// A control-plane machine.
        ControlPlane => "control-plane",
        /// A compute machine.
        Compute => "compute",
    }
}

wire_enum! {
    /// Who balances load before the cluster's API.
    closed LoadBalancerType {
        /// The cluster itself.
        OpenShiftManaged => "OpenShiftManagedDefault",
        /// The user.
        UserManaged => "UserManaged",
    }
}

wire_enum! {
    /// What kind of inventory object a region or zone is.
    open FailureDomainType {
        /// A group of hosts.
        HostGroup => "HostGroup",
        /// A datacenter.
        Datacenter => "Datacenter",
        /// A compute cluster.
        ComputeCluster => "ComputeCluster",
    }
}

/// The vSphere part of an install-config.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Platform {
    /// Deprecated: virtual address of the API. Use the list.
    #[serde(rename = "apiVIP", skip_serializing_if = "Option::is_none")]
    pub api_vip: Option<String>,
    /// Virtual addresses of the API, one for each address family.
    #[serde(rename = "apiVIPs", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "ip", "maxItems" = 2))]
    pub api_vips: Option<Vec<String>>,
    /// Deprecated: compute cluster. Use failure domains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Location of the machine image.
    #[serde(rename = "clusterOSImage", skip_serializing_if = "Option::is_none")]
    pub cluster_os_image: Option<String>,
    /// Deprecated: datacenter. Use failure domains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datacenter: Option<String>,
    /// Deprecated: datastore. Use failure domains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_datastore: Option<String>,
    /// Properties of machines whose pool does not say otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_machine_platform: Option<MachinePool>,
    /// How disk space is set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_type: Option<DiskType>,
    /// Who serves the cluster's records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_records_type: Option<DnsRecordsType>,
    /// Regions and zones over which machines are spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_domains: Option<Vec<FailureDomain>>,
    /// Deprecated: folder of the virtual machines. Use failure domains.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = VM_FOLDER))]
    pub folder: Option<String>,
    /// Machines with fixed addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Vec<Host>>,
    /// Deprecated: virtual address of the ingress. Use the list.
    #[serde(rename = "ingressVIP", skip_serializing_if = "Option::is_none")]
    pub ingress_vip: Option<String>,
    /// Virtual addresses of the ingress, one for each address family.
    #[serde(rename = "ingressVIPs", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "ip", "maxItems" = 2))]
    pub ingress_vips: Option<Vec<String>>,
    /// Who balances load before the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<LoadBalancer>,
    /// Deprecated: network. Use failure domains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Which of a machine's addresses the nodes use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_networking: Option<NodeNetworking>,
    /// Deprecated: must stay empty; credentials belong in the Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Deprecated: resource pool. Use failure domains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_pool: Option<String>,
    /// Deprecated: must stay empty; credentials belong in the Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Deprecated: the only vCenter server. Use the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v_center: Option<String>,
    /// The vCenter servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minItems" = 1, "maxItems" = 3))]
    pub vcenters: Option<Vec<VCenter>>,
}

/// Properties of machines.
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
    /// Names of the failure domains to use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zones: Option<Vec<String>>,
}

/// A disk beside the system's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataDisk {
    /// Name of the disk.
    #[schemars(extend("maxLength" = 80, "pattern" = "^[a-zA-Z0-9]([-_a-zA-Z0-9]*[a-zA-Z0-9])?$"))]
    pub name: String,
    /// How its space is set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioning_mode: Option<ProvisioningMode>,
    /// Size in gibibytes.
    #[serde(rename = "sizeGiB")]
    #[schemars(extend("minimum" = 1, "maximum" = 16384))]
    pub size_gib: i32,
}

/// The system's disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OsDisk {
    /// Size in gigabytes.
    #[serde(rename = "diskSizeGB", skip_serializing_if = "Option::is_none")]
    pub disk_size_gb: Option<i32>,
}

/// One failure domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureDomain {
    /// Name of the domain.
    #[schemars(extend("minLength" = 1, "maxLength" = 256))]
    pub name: String,
    /// Tag of the region.
    pub region: String,
    /// What the region is in the inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "region_type")]
    pub region_type: Option<FailureDomainType>,
    /// The vCenter server of the domain.
    #[schemars(extend("minLength" = 1, "maxLength" = 255))]
    pub server: String,
    /// Where in the inventory the domain's machines go.
    pub topology: Topology,
    /// Tag of the zone.
    pub zone: String,
    /// What the zone is in the inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "zone_type")]
    pub zone_type: Option<FailureDomainType>,
}

fn region_type(_: &mut SchemaGenerator) -> Schema {
    failure_domain_type(&["Datacenter", "ComputeCluster"])
}

fn zone_type(_: &mut SchemaGenerator) -> Schema {
    failure_domain_type(&["ComputeCluster", "HostGroup"])
}

/// The type's own values and, beside them, those that the field allows: two lists in the API.
fn failure_domain_type(allowed: &[&str]) -> Schema {
    json_schema!({
        "type": "string",
        "allOf": [{"enum": FailureDomainType::KNOWN}, {"enum": allowed}],
    })
}

/// Where in the inventory a failure domain's machines go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Topology {
    /// Path of the compute cluster.
    #[schemars(extend("minLength" = 1, "maxLength" = 2048))]
    pub compute_cluster: String,
    /// Name of the datacenter.
    #[schemars(extend("minLength" = 1, "maxLength" = 80))]
    pub datacenter: String,
    /// Path of the datastore.
    #[schemars(extend("minLength" = 1, "maxLength" = 2048))]
    pub datastore: String,
    /// Path of the folder of the virtual machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minLength" = 1, "maxLength" = 2048, "pattern" = VM_FOLDER))]
    pub folder: Option<String>,
    /// Group of hosts inside the compute cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 80))]
    pub host_group: Option<String>,
    /// Networks of the machines.
    #[schemars(extend("minItems" = 1, "maxItems" = 10))]
    pub networks: Vec<String>,
    /// Path of the resource pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minLength" = 1, "maxLength" = 2048, "pattern" = "^/.*?/host/.*?/Resources.*"))]
    pub resource_pool: Option<String>,
    /// Tags put on the virtual machines.
    #[serde(rename = "tagIDs", skip_serializing_if = "Option::is_none")]
    pub tag_ids: Option<Vec<String>>,
    /// Path of a template that machines are cloned from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minLength" = 1, "maxLength" = 2048, "pattern" = VM_FOLDER))]
    pub template: Option<String>,
}

/// A machine with fixed addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// Failure domain of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_domain: Option<String>,
    /// Its network interface.
    pub network_device: NetworkDevice,
    /// Which machine it becomes.
    pub role: HostRole,
}

/// A network interface with fixed addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkDevice {
    /// Gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "ipv6"))]
    pub gateway: Option<String>,
    /// Addresses with their prefix lengths.
    #[schemars(extend("format" = "ipv6"))]
    pub ip_addrs: Vec<String>,
    /// Name servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "ipv6"))]
    pub nameservers: Option<Vec<String>>,
}

/// Who balances load before the API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadBalancer {
    /// Who does it; cannot be changed once set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "x-skep-default" = "OpenShiftManagedDefault",
        "x-kubernetes-validations" = [{
            "rule": "oldSelf == '' || self == oldSelf",
            "message": "cannot be changed once set"
        }]
    ))]
    pub r#type: Option<LoadBalancerType>,
}

/// Which of a machine's addresses the nodes use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeNetworking {
    /// Addresses for traffic from outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<NodeNetworkingSpec>,
    /// Addresses for traffic inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal: Option<NodeNetworkingSpec>,
}

/// How one kind of address is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeNetworkingSpec {
    /// Ranges whose addresses are not chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub exclude_network_subnet_cidr: Option<Vec<String>>,
    /// Network whose addresses are chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Ranges whose addresses are chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub network_subnet_cidr: Option<Vec<String>>,
}

/// A vCenter server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VCenter {
    /// Its datacenters that the cluster uses.
    #[schemars(extend("minItems" = 1))]
    pub datacenters: Vec<String>,
    /// Must stay empty; credentials belong in the Secret.
    pub password: String,
    /// Port of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-skep-default" = 443, "minimum" = 1, "maximum" = 32767))]
    pub port: Option<i32>,
    /// Host name or address.
    #[schemars(extend("maxLength" = 255))]
    pub server: String,
    /// Must be present and may stay empty; credentials belong in the Secret.
    pub user: String,
}
