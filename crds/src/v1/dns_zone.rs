//! `DNSZone`: a zone that the operator runs for the records of one cluster.
//!
//! Mirrors docs/spec/23 A1. Shapes only.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::platform::{aws, azure, gcp};
use crate::wire::Time;

/// A zone that the operator runs for the records of one cluster.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "DNSZone",
    root = "DnsZone",
    plural = "dnszones",
    namespaced,
    status = "DnsZoneStatus",
    schema = "disabled",
    doc = "A `DNSZone` as it is stored.",
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase")]
pub struct DnsZoneSpec {
    /// A zone of Amazon Web Services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<aws::DnsZone>,
    /// A zone of Microsoft Azure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure: Option<azure::DnsZone>,
    /// A zone of Google Cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcp: Option<gcp::DnsZone>,
    /// Whether the parent domain is made to refer to the zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_to_parent_domain: Option<bool>,
    /// Whether the zone stays in its cloud when this object is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preserve_on_delete: Option<bool>,
    /// Domain of the zone.
    pub zone: String,
}

/// What was observed of a zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DnsZoneStatus {
    /// The zone of Amazon Web Services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<aws::DnsZoneStatus>,
    /// The zone of Microsoft Azure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure: Option<azure::DnsZoneStatus>,
    /// Details of the zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
    /// The zone of Google Cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcp: Option<gcp::DnsZoneStatus>,
    /// Generation of this object at that comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sync_generation: Option<i64>,
    /// When the zone was last compared with its cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sync_timestamp: Option<Time>,
    /// Name servers of the zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_servers: Option<Vec<String>>,
}
