//! `ClusterPool`: clusters that are installed before somebody asks for them.
//!
//! Mirrors docs/spec/30 §1.1. Shapes only; which clusters a pool makes, keeps and replaces is the
//! controller's matter.

#![expect(
    clippy::duplicated_attributes,
    reason = "each printer column names its type; the lint reads them as one attribute"
)]

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::external::env_var::EnvVar;
use crate::platform::Platform;
use crate::v1::cluster_deployment::ClusterImageSetReference;
use crate::wire::{DURATION, LocalObjectReference, wire_enum};

wire_enum! {
    /// Kind of an entry of a pool's inventory.
    closed InventoryKind {
        /// A customization of the cluster.
        ClusterDeploymentCustomization => "ClusterDeploymentCustomization",
        /// Left empty: a customization.
        Unset => "",
    }
}

/// Clusters that are installed before somebody asks for them.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "ClusterPool",
    plural = "clusterpools",
    namespaced,
    shortname = "cp",
    status = "ClusterPoolStatus",
    schema = "disabled",
    doc = "A `ClusterPool` as it is stored.",
    derive = "PartialEq",
    derive = "Default",
    scale(
        spec_replicas_path = ".spec.size",
        status_replicas_path = ".status.size"
    ),
    printcolumn(name = "Size", type_ = "string", json_path = ".spec.size"),
    printcolumn(name = "Standby", type_ = "string", json_path = ".status.standby"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.ready"),
    printcolumn(name = "BaseDomain", type_ = "string", json_path = ".spec.baseDomain"),
    printcolumn(
        name = "ImageSet",
        type_ = "string",
        json_path = ".spec.imageSetRef.name"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterPoolSpec {
    /// Annotations of clusters that are made from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Domain under which the clusters' records are made.
    pub base_domain: String,
    /// How long a cluster may be held by a claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim_lifetime: Option<ClaimLifetime>,
    /// Customization that every cluster gets, beside the one from the inventory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customization_ref: Option<LocalObjectReference>,
    /// Time after which a claimed cluster that runs is hibernated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DURATION))]
    pub hibernate_after: Option<String>,
    /// How clusters that nobody has claimed are stopped and resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hibernation_config: Option<HibernationConfig>,
    /// Image set that names the clusters' release.
    pub image_set_ref: ClusterImageSetReference,
    /// Number of attempts after which the installation of a cluster is given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_attempts_limit: Option<i32>,
    /// Secret with the install-config that each cluster's is made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_config_secret_template_ref: Option<LocalObjectReference>,
    /// Further environment variables of the installer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installer_env: Option<Vec<EnvVar>>,
    /// Objects of which each makes one cluster of the pool differ from the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Vec<InventoryEntry>>,
    /// Labels of clusters that are made from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Most clusters that are installed or deleted at the same time; unlimited when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<i32>,
    /// Most clusters of the pool, claimed ones included; unlimited when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<i32>,
    /// Where the clusters live.
    pub platform: Platform,
    /// Secret with the registry credentials of the clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_secret_ref: Option<LocalObjectReference>,
    /// Number of unclaimed clusters that are kept running; the others hibernate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minimum" = 0))]
    pub running_count: Option<i32>,
    /// Number of unclaimed clusters that are kept ready.
    #[schemars(extend("minimum" = 0))]
    pub size: i32,
    /// Whether the clusters get no machine pools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_machine_pools: Option<bool>,
}

/// How long a cluster may be held by a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClaimLifetime {
    /// Lifetime of claims that ask for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DURATION))]
    pub default: Option<String>,
    /// Longest lifetime, whatever a claim asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DURATION))]
    pub maximum: Option<String>,
}

/// How clusters that nobody has claimed are stopped and resumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HibernationConfig {
    /// Time after which a cluster that does not resume counts as broken; zero means never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DURATION))]
    pub resume_timeout: Option<String>,
}

/// An object that makes one cluster of the pool differ from the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InventoryEntry {
    /// Kind of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-skep-default" = "ClusterDeploymentCustomization"))]
    pub kind: Option<InventoryKind>,
    /// Its name.
    pub name: String,
}

/// What was observed of a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterPoolStatus {
    /// Details of the pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
    /// Number of unclaimed clusters that run and can be claimed.
    pub ready: i32,
    /// Number of unclaimed clusters.
    pub size: i32,
    /// Number of unclaimed clusters that are installed and do not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standby: Option<i32>,
}
