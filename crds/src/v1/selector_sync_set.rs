//! `SelectorSyncSet`: objects, secrets and patches for clusters that are chosen by their labels.
//!
//! Mirrors docs/spec/31 §1.1. Shapes only. An absent or empty selector chooses every cluster.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::v1::sync_set::SyncSetCommonSpec;
use crate::wire::{LabelSelector, absent_spec_is_empty};

/// Objects, secrets and patches for clusters that are chosen by their labels.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "SelectorSyncSet",
    plural = "selectorsyncsets",
    shortname = "sss",
    status = "SelectorSyncSetStatus",
    schema = "disabled",
    doc = "A `SelectorSyncSet` as it is stored.",
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct SelectorSyncSetSpec {
    /// Labels of the clusters that the set is for, in any namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_deployment_selector: Option<LabelSelector>,
    /// What is written to the clusters.
    #[serde(flatten)]
    pub common: SyncSetCommonSpec,
}

absent_spec_is_empty!(SelectorSyncSetSpec);

/// Nothing is recorded here: `ClusterSync` has each cluster's outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SelectorSyncSetStatus {}
