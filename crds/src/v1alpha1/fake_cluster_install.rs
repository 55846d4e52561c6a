//! `FakeClusterInstall`: an installation by another controller that only pretends; for tests of that
//! contract.
//!
//! Mirrors docs/spec/10 §19 and docs/spec/44 §8. Shapes only.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::v1::cluster_deployment::{ClusterImageSetReference, ClusterMetadata};
use crate::wire::LocalObjectReference;

/// An installation by another controller that only pretends.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hiveinternal.openshift.io",
    version = "v1alpha1",
    kind = "FakeClusterInstall",
    plural = "fakeclusterinstalls",
    namespaced,
    status = "FakeClusterInstallStatus",
    schema = "disabled",
    doc = "A `FakeClusterInstall` as it is stored.",
    derive = "PartialEq",
    derive = "Default",
    label("contracts.hive.openshift.io/clusterinstall", "true"),
    annotation(
        "contracts.hive.openshift.io/clusterinstall.config",
        r#"{"skipImageSetJob": "true"}"#
    )
)]
#[serde(rename_all = "camelCase")]
pub struct FakeClusterInstallSpec {
    /// Cluster that is installed.
    pub cluster_deployment_ref: LocalObjectReference,
    /// Identity of the installed cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_metadata: Option<ClusterMetadata>,
    /// Image set that names the release.
    pub image_set_ref: ClusterImageSetReference,
}

/// How far the pretended installation is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FakeClusterInstallStatus {
    /// Details of the installation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
}
