//! `ClusterProvision`: one attempt to install a cluster.
//!
//! Mirrors docs/spec/10 §2.3. The stage in the *spec* is the truth of an attempt; the install manager
//! and the controllers hand over through these fields, each written once. Shapes only.

#![expect(
    clippy::duplicated_attributes,
    reason = "each printer column names its type; the lint reads them as one attribute"
)]

use k8s_openapi::ByteString;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::condition::Condition;
use crate::wire::{LocalObjectReference, referenced_name, wire_enum};

wire_enum! {
    /// How far an attempt has come.
    open Stage {
        /// Manifests are made; no cloud resource exists yet.
        Initializing => "initializing",
        /// The hub knows the infra ID; cloud resources may exist.
        Provisioning => "provisioning",
        /// The cluster is installed.
        Complete => "complete",
        /// The attempt is over without a cluster.
        Failed => "failed",
    }
}

/// One attempt to install a cluster.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "ClusterProvision",
    plural = "clusterprovisions",
    namespaced,
    status = "ClusterProvisionStatus",
    schema = "disabled",
    doc = "A `ClusterProvision` as it is stored.",
    derive = "PartialEq",
    derive = "Default",
    label("contracts.hive.openshift.io/clusterinstall", "false"),
    printcolumn(
        name = "ClusterDeployment",
        type_ = "string",
        json_path = ".spec.clusterDeploymentRef.name"
    ),
    printcolumn(name = "Stage", type_ = "string", json_path = ".spec.stage"),
    printcolumn(name = "InfraID", type_ = "string", json_path = ".spec.infraID")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct ClusterProvisionSpec {
    /// Secret with the new cluster's administrator kubeconfig.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_kubeconfig_secret_ref: Option<LocalObjectReference>,
    /// Secret with the new cluster's administrator password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_password_secret_ref: Option<LocalObjectReference>,
    /// Number of the attempt, counted from zero.
    #[schemars(extend("x-skep-no-format" = true))]
    pub attempt: i64,
    /// The cluster that is installed.
    pub cluster_deployment_ref: LocalObjectReference,
    /// Identifier of the new cluster, made by the installer.
    #[serde(rename = "clusterID", skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// Identifier in names and tags of the cluster's cloud resources, made by the installer.
    #[serde(rename = "infraID", skip_serializing_if = "Option::is_none")]
    pub infra_id: Option<String>,
    /// End of the installer's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_log: Option<String>,
    /// Unused; kept for objects that have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("type" = "object", "x-kubernetes-preserve-unknown-fields" = true))]
    pub metadata: Option<Value>,
    /// The installer's description of the cluster, without credentials.
    #[serde(
        default,
        rename = "metadataJSON",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "bytes")]
    pub metadata_json: Option<ByteString>,
    /// The pod that installs, complete but for its place.
    // Required by the API, which gives it no schema: the normaliser removes the property alone.
    #[schemars(extend("x-skep-schemaless" = true))]
    pub pod_spec: Value,
    /// Cluster identifier of the attempt before.
    #[serde(rename = "prevClusterID", skip_serializing_if = "Option::is_none")]
    pub prev_cluster_id: Option<String>,
    /// Infra identifier of the attempt before.
    #[serde(rename = "prevInfraID", skip_serializing_if = "Option::is_none")]
    pub prev_infra_id: Option<String>,
    /// Name of the attempt before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev_provision_name: Option<String>,
    /// How far the attempt has come.
    pub stage: Stage,
    /// Fields that this version does not know; the API keeps them, and so does Skep.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: Map<String, Value>,
}

fn bytes(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "format": "byte"})
}

impl ClusterProvisionSpec {
    /// Name of the cluster that is installed; empty when the reference is.
    pub fn cluster_deployment(&self) -> &str {
        &self.cluster_deployment_ref.name
    }

    /// The installer's description of the cluster, decoded.
    pub fn metadata_json(&self) -> Option<&[u8]> {
        self.metadata_json.as_ref().map(|bytes| bytes.0.as_slice())
    }
}

/// What was observed of an attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterProvisionStatus {
    /// Details of the attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
    /// The Job that runs the attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_ref: Option<LocalObjectReference>,
}

impl ClusterProvision {
    /// The attempt's conditions; none before there is a status.
    pub fn conditions(&self) -> &[Condition] {
        self.status
            .as_ref()
            .and_then(|status| status.conditions.as_deref())
            .unwrap_or_default()
    }

    /// Name of the Job that runs the attempt.
    pub fn job(&self) -> Option<&str> {
        referenced_name(
            self.status
                .as_ref()
                .and_then(|status| status.job_ref.as_ref()),
        )
    }
}
