//! `ClusterSyncLease`: when all sets of a cluster were last applied in full.
//!
//! Mirrors docs/spec/31 §1.3. Shapes only; it is apart from `ClusterSync` so that renewing it does
//! not rewrite the large object.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::MicroTime;

/// When all sets of a cluster were last applied in full.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hiveinternal.openshift.io",
    version = "v1alpha1",
    kind = "ClusterSyncLease",
    plural = "clustersyncleases",
    namespaced,
    shortname = "csl",
    schema = "disabled",
    doc = "A `ClusterSyncLease` as it is stored.",
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSyncLeaseSpec {
    /// When it was.
    pub renew_time: MicroTime,
}
