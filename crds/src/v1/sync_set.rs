//! `SyncSet`: objects, secrets and patches for clusters that are named.
//!
//! Also holds what it shares with `SelectorSyncSet`. Mirrors docs/spec/31 §1.1. Shapes only; the
//! objects themselves are anybody's and stay trees.

use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::wire::{LocalObjectReference, wire_enum};

wire_enum! {
    /// How objects and secrets are written to the cluster.
    closed ApplyBehavior {
        /// Left empty: as `Apply`.
        Unset => "",
        /// Merged with what is there; what an earlier version of the set wrote and this one does
        /// not is removed.
        Apply => "Apply",
        /// Written once and left alone afterwards.
        CreateOnly => "CreateOnly",
        /// Merged with what is there, without a record of what was written.
        CreateOrUpdate => "CreateOrUpdate",
    }
}

wire_enum! {
    /// Whether objects that leave the set are deleted.
    open ResourceApplyMode {
        /// Left empty: as `Upsert`.
        Unset => "",
        /// They stay.
        Upsert => "Upsert",
        /// They are deleted.
        Sync => "Sync",
    }
}

wire_enum! {
    /// How a patch is meant.
    open PatchType {
        /// Left empty: as `strategic`.
        Unset => "",
        /// A strategic merge patch.
        Strategic => "strategic",
        /// A list of JSON patch operations.
        Json => "json",
        /// A JSON merge patch.
        Merge => "merge",
    }
}

/// Objects, secrets and patches for clusters that are named.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "SyncSet",
    plural = "syncsets",
    namespaced,
    shortname = "ss",
    status = "SyncSetStatus",
    schema = "disabled",
    doc = "A `SyncSet` as it is stored.",
    derive = "PartialEq",
    derive = "Default"
)]
#[serde(rename_all = "camelCase")]
pub struct SyncSetSpec {
    /// Clusters that the set is for, in the set's own namespace.
    pub cluster_deployment_refs: Vec<LocalObjectReference>,
    /// What is written to the clusters.
    #[serde(flatten)]
    pub common: SyncSetCommonSpec,
}

/// What a set writes to its clusters, however they are chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncSetCommonSpec {
    /// How objects and secrets are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apply_behavior: Option<ApplyBehavior>,
    /// Whether patches are templates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_patch_templates: Option<bool>,
    /// Whether the texts inside objects are templates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_resource_templates: Option<bool>,
    /// Changes to objects that are already there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patches: Option<Vec<SyncObjectPatch>>,
    /// Whether objects that leave the set are deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_apply_mode: Option<ResourceApplyMode>,
    /// Objects, written in this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_objects")]
    pub resources: Option<Vec<Value>>,
    /// Secrets that are copied from the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_mappings: Option<Vec<SecretMapping>>,
}

fn any_objects(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {
            "type": "object",
            "x-kubernetes-embedded-resource": true,
            "x-kubernetes-preserve-unknown-fields": true,
        },
    })
}

/// A change to an object that is already there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncObjectPatch {
    /// API version of the object.
    pub api_version: String,
    /// Kind of the object.
    pub kind: String,
    /// Name of the object.
    pub name: String,
    /// Namespace of the object; none when it has no namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The patch itself.
    pub patch: String,
    /// How it is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch_type: Option<PatchType>,
}

/// A Secret that is copied from the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretMapping {
    /// The Secret on the hub.
    pub source_ref: SecretReference,
    /// The Secret on the cluster.
    pub target_ref: SecretReference,
}

/// A Secret, perhaps of another namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretReference {
    /// Name of the Secret.
    pub name: String,
    /// Its namespace; on the hub the set's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// Nothing is recorded here: `ClusterSync` has each cluster's outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncSetStatus {}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;
    use crate::v1::selector_sync_set::SelectorSyncSet;

    fn common() -> Value {
        json!({
            "applyBehavior": "InAnotherWay",
            "patches": [
                {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "patch": "{}", "patchType": "apply"},
            ],
            "resourceApplyMode": "Sync",
            "resources": [
                {"kind": "Zebra", "apiVersion": "v9", "metadata": {"creationTimestamp": null}, "a": [1.5, {}]},
            ],
            "secretMappings": [{"sourceRef": {"name": "s"}, "targetRef": {"name": "t", "namespace": "n"}}],
        })
    }

    fn set(kind: &str, mut spec: Value, (field, value): (&str, Value)) -> Value {
        spec[field] = value;
        json!({
            "apiVersion": "hive.openshift.io/v1",
            "kind": kind,
            "metadata": {"name": "s"},
            "spec": spec,
        })
    }

    #[test]
    fn objects_and_unknown_values_survive() -> Result<(), serde_json::Error> {
        let clusters = ("clusterDeploymentRefs", json!([{"name": "c1"}]));
        let object = set("SyncSet", common(), clusters);
        let read: SyncSet = from_value(object.clone())?;
        assert_eq!(
            read.spec.common.apply_behavior,
            Some(ApplyBehavior::Other("InAnotherWay".into()))
        );
        assert_eq!(to_value(read)?, object);

        let selector = (
            "clusterDeploymentSelector",
            json!({"matchLabels": {"a": "b"}}),
        );
        let object = set("SelectorSyncSet", common(), selector);
        assert_eq!(
            to_value(from_value::<SelectorSyncSet>(object.clone())?)?,
            object
        );
        Ok(())
    }

    #[test]
    fn the_clusters_of_a_set_must_be_named() {
        let object = set(
            "SyncSet",
            common(),
            ("clusterDeploymentSelector", json!({})),
        );
        assert!(from_value::<SyncSet>(object).is_err());
    }
}
