//! Amazon Web Services: what the kinds with a platform block, and their status, say.
//!
//! Mirrors docs/spec/10 §2.2, docs/spec/20 §2, docs/spec/22 §1 and docs/spec/23 A1. Shapes only.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::{LocalObjectReference, wire_enum};

wire_enum! {
    /// Whether requests to a machine's metadata service must carry a token.
    open MetadataAuthentication {
        /// They must: version 2 only.
        Required => "Required",
        /// They may.
        Optional => "Optional",
    }
}

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

/// Machines of one pool on Amazon Web Services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachinePool {
    /// Further security groups of the machines.
    #[serde(
        rename = "additionalSecurityGroupIDs",
        skip_serializing_if = "Option::is_none"
    )]
    pub additional_security_group_ids: Option<Vec<String>>,
    /// Machine image, when it is not to be chosen from the release.
    #[serde(rename = "amiID", skip_serializing_if = "Option::is_none")]
    pub ami_id: Option<String>,
    /// How the machines' metadata service may be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_service: Option<MetadataService>,
    /// The machines' first volume.
    pub root_volume: RootVolume,
    /// Asks for spot machines; on demand when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot_market_options: Option<SpotMarketOptions>,
    /// Subnets of the machines, one for each zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnets: Option<Vec<String>>,
    /// Type of the machines.
    pub r#type: String,
    /// Tags of the machines; win over the cluster's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_tags: Option<BTreeMap<String, String>>,
    /// Availability zones over which the machines are spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zones: Option<Vec<String>>,
}

/// How a machine's metadata service may be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetadataService {
    /// Whether requests must carry a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<MetadataAuthentication>,
}

/// A machine's first volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RootVolume {
    /// Operations a second, for types that have a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-skep-no-format" = true))]
    pub iops: Option<i64>,
    /// Key that encrypts the volume; the account's own when absent.
    #[serde(rename = "kmsKeyARN", skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    /// Size in gibibytes.
    #[schemars(extend("x-skep-no-format" = true))]
    pub size: i64,
    /// Type of the volume.
    pub r#type: String,
}

/// How spot machines are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpotMarketOptions {
    /// The most to pay an hour; the price on demand when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_price: Option<String>,
}

/// A zone on Amazon Web Services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DnsZone {
    /// Further tags of the zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_tags: Option<Vec<ResourceTag>>,
    /// Role that is assumed to manage the zone, instead of static credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_assume_role: Option<AssumeRole>,
    /// Secret with the account's credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalObjectReference>,
    /// Region whose endpoint is used; us-east-1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// A tag of a cloud resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceTag {
    /// Key of the tag.
    pub key: String,
    /// Value of the tag.
    pub value: String,
}

/// What was made on Amazon Web Services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DnsZoneStatus {
    /// Identifier of the zone.
    #[serde(rename = "zoneID", skip_serializing_if = "Option::is_none")]
    pub zone_id: Option<String>,
}
