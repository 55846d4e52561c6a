//! Google Cloud: what a `ClusterDeployment`, its status and a `ClusterDeprovision` say.
//!
//! Mirrors docs/spec/10 §2.2 and docs/spec/20 §2. Shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::LocalObjectReference;

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
