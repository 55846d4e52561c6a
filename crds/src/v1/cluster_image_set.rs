//! `ClusterImageSet`: a name for a release image, shared by all namespaces.
//!
//! Mirrors docs/spec/10 §2.4. Shapes only.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names a release of OpenShift for many clusters.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "ClusterImageSet",
    plural = "clusterimagesets",
    shortname = "imgset",
    status = "ClusterImageSetStatus",
    schema = "disabled",
    doc = "A `ClusterImageSet` as it is stored.",
    derive = "PartialEq",
    derive = "Default",
    printcolumn(name = "Release", type_ = "string", json_path = ".spec.releaseImage")
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterImageSetSpec {
    /// Image of the release.
    pub release_image: String,
}

/// Nothing is recorded about an image set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterImageSetStatus {}
