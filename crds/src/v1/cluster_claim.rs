//! `ClusterClaim`: a wish for a cluster of a pool.
//!
//! Mirrors docs/spec/30 §1.2. Shapes only.

#![expect(
    clippy::duplicated_attributes,
    reason = "each printer column names its type; the lint reads them as one attribute"
)]

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::external::core::Subject;
use crate::wire::DURATION;

/// A wish for a cluster of a pool.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "ClusterClaim",
    plural = "clusterclaims",
    namespaced,
    status = "ClusterClaimStatus",
    schema = "disabled",
    doc = "A `ClusterClaim` as it is stored.",
    derive = "PartialEq",
    derive = "Default",
    printcolumn(name = "Pool", type_ = "string", json_path = ".spec.clusterPoolName"),
    printcolumn(
        name = "Pending",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Pending')].reason"
    ),
    printcolumn(
        name = "ClusterNamespace",
        type_ = "string",
        json_path = ".spec.namespace"
    ),
    printcolumn(
        name = "ClusterRunning",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='ClusterRunning')].reason"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterClaimSpec {
    /// Pool of the same namespace that the cluster comes from.
    pub cluster_pool_name: String,
    /// Time after which the claim is deleted, counted from when it got its cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DURATION))]
    pub lifetime: Option<String>,
    /// Namespace and name of the claim's cluster; written by the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Who gets access to the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subjects: Option<Vec<Subject>>,
}

/// What was observed of a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterClaimStatus {
    /// Details of the claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
    /// Lifetime that counts, after the pool's default and maximum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<String>,
}
