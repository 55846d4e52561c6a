//! Microsoft Azure: what a `ClusterDeployment` and a `ClusterDeprovision` say.
//!
//! Mirrors docs/spec/10 §2.2 and docs/spec/20 §2. Shapes only.

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
