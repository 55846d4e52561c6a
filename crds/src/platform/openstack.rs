//! `OpenStack`: what the kinds with a platform block say.
//!
//! Mirrors docs/spec/10 §2.2, docs/spec/20 §2 and docs/spec/44 §5. Shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::LocalObjectReference;

/// A cluster on `OpenStack`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Platform {
    /// Secret with additional certificate authorities of the cloud's endpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificates_secret_ref: Option<LocalObjectReference>,
    /// Which entry of the credentials' clouds file to use.
    pub cloud: String,
    /// Secret with the clouds file.
    pub credentials_secret_ref: LocalObjectReference,
    /// Whether machines use trunk ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trunk_support: Option<bool>,
}

/// How to delete a cluster from `OpenStack`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deprovision {
    /// Secret with additional certificate authorities of the cloud's endpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificates_secret_ref: Option<LocalObjectReference>,
    /// Which entry of the credentials' clouds file to use.
    pub cloud: String,
    /// Secret with the clouds file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalObjectReference>,
}

/// Machines of one pool on `OpenStack`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachinePool {
    /// Further security groups of the machines.
    #[serde(
        rename = "additionalSecurityGroupIDs",
        skip_serializing_if = "Option::is_none"
    )]
    pub additional_security_group_ids: Option<Vec<String>>,
    /// Flavor of the machines.
    pub flavor: String,
    /// The machines' first volume; a disk of the host when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_volume: Option<RootVolume>,
}

/// A machine's first volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RootVolume {
    /// Size in gibibytes.
    #[schemars(extend("x-skep-no-format" = true))]
    pub size: i64,
    /// Type of the volume.
    pub r#type: String,
}
