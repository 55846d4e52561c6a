//! IBM Cloud: what the kinds with a platform block say.
//!
//! Mirrors docs/spec/10 §2.2, docs/spec/20 §2 and docs/spec/44 §5. Shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::LocalObjectReference;

/// A cluster on IBM Cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Platform {
    /// Deprecated: the account is looked up with the credentials.
    #[serde(rename = "accountID", skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Deprecated: the Internet Services instance is looked up from the base domain.
    #[serde(rename = "cisInstanceCRN", skip_serializing_if = "Option::is_none")]
    pub cis_instance_crn: Option<String>,
    /// Secret with the API key.
    pub credentials_secret_ref: LocalObjectReference,
    /// Region that the cluster runs in.
    pub region: String,
}

/// How to delete a cluster from IBM Cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deprovision {
    /// Domain under which the cluster's records were made.
    pub base_domain: String,
    /// Secret with the API key.
    pub credentials_secret_ref: LocalObjectReference,
    /// Region that the cluster runs in.
    pub region: String,
}

/// Machines of one pool on IBM Cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachinePool {
    /// The machines' boot volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_volume: Option<BootVolume>,
    /// Hosts that carry only these machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedicated_hosts: Option<Vec<DedicatedHost>>,
    /// Profile of the machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
    /// Zones over which the machines are spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zones: Option<Vec<String>>,
}

/// A machine's boot volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BootVolume {
    /// Key that encrypts the volume; the provider's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption_key: Option<String>,
}

/// A host that carries only these machines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DedicatedHost {
    /// Name of an existing host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Profile of a host that is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}
