//! Nutanix: what a `ClusterDeployment` and a `ClusterDeprovision` say.
//!
//! Mirrors docs/spec/10 §2.2 and docs/spec/20 §2. Shapes only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::LocalObjectReference;

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
