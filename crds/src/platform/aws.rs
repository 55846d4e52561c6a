//! Amazon Web Services: what a `ClusterDeployment`, its status and a `ClusterDeprovision` say.
//!
//! Mirrors docs/spec/10 §2.2 and docs/spec/20 §2. Shapes only.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::LocalObjectReference;

/// A cluster on Amazon Web Services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Platform {
    /// Role that is assumed to manage the cluster's account, instead of static credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_assume_role: Option<AssumeRole>,
    /// Secret with the account's credentials; absent when a role is assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalObjectReference>,
    /// Private connection from the hub to the cluster's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_link: Option<PrivateLink>,
    /// Region that the cluster runs in.
    pub region: String,
    /// Tags put on every resource that is created for the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_tags: Option<BTreeMap<String, String>>,
}

/// A role to assume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssumeRole {
    /// Identifier that the role's trust policy asks for, against the confused-deputy problem.
    #[serde(rename = "externalID", skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Amazon Resource Name of the role.
    #[serde(rename = "roleARN")]
    pub role_arn: String,
}

/// Access to the cluster's API by an endpoint inside the hub's network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrivateLink {
    /// Further principals that may connect to the endpoint service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_allowed_principals: Option<Vec<String>>,
    /// Whether private access is wanted.
    pub enabled: bool,
}

/// What was found or made for a cluster on Amazon Web Services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Resources of the private connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_link: Option<PrivateLinkStatus>,
}

/// Resources of a private connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrivateLinkStatus {
    /// Zone that resolves the API's name inside the hub's network.
    #[serde(rename = "hostedZoneID", skip_serializing_if = "Option::is_none")]
    pub hosted_zone_id: Option<String>,
    /// Endpoint in the hub's network.
    #[serde(rename = "vpcEndpointID", skip_serializing_if = "Option::is_none")]
    pub vpc_endpoint_id: Option<String>,
    /// Endpoint service in the cluster's network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_endpoint_service: Option<EndpointService>,
}

/// An endpoint service in front of the cluster's API load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointService {
    /// Further principals that were allowed to connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_allowed_principals: Option<Vec<String>>,
    /// The hub's own principal, always allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_allowed_principal: Option<String>,
    /// Identifier of the endpoint service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name under which endpoints connect to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Facts of an installed cluster that its deletion needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterMetadata {
    /// Role for the private zone when that zone is in another account. Empty: there is none.
    /// Absent: not known yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosted_zone_role: Option<String>,
}

/// How to delete a cluster from Amazon Web Services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deprovision {
    /// Role that is assumed to delete, instead of static credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_assume_role: Option<AssumeRole>,
    /// Secret with the account's credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalObjectReference>,
    /// Role for the private zone when that zone is in another account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosted_zone_role: Option<String>,
    /// Region that the cluster runs in.
    pub region: String,
}
