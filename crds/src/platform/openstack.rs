//! `OpenStack`: what a `ClusterDeployment` and a `ClusterDeprovision` say.
//!
//! Mirrors docs/spec/10 §2.2 and docs/spec/20 §2. Shapes only.

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
