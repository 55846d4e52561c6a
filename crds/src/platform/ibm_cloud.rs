//! IBM Cloud: what a `ClusterDeployment` and a `ClusterDeprovision` say.
//!
//! Mirrors docs/spec/10 §2.2 and docs/spec/20 §2. Shapes only.

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
