//! `ClusterRelocate`: the order to move clusters to another hub.
//!
//! Mirrors docs/spec/32 §8. Shapes only. An empty selector chooses every cluster, so an object
//! without one must never decode.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::LabelSelector;

/// The order to move clusters to another hub.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, CustomResource,
)]
#[kube(
    group = "hive.openshift.io",
    version = "v1",
    kind = "ClusterRelocate",
    plural = "clusterrelocates",
    namespaced,
    status = "ClusterRelocateStatus",
    schema = "disabled",
    doc = "A `ClusterRelocate` as it is stored.",
    derive = "PartialEq",
    derive = "Default",
    printcolumn(
        name = "Selector",
        type_ = "string",
        json_path = ".spec.clusterDeploymentSelector"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRelocateSpec {
    /// Labels of the clusters that move.
    pub cluster_deployment_selector: LabelSelector,
    /// Secret with the kubeconfig of the other hub.
    pub kubeconfig_secret_ref: KubeconfigSecretReference,
}

/// A Secret with a kubeconfig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeconfigSecretReference {
    /// Name of the Secret.
    pub name: String,
    /// Namespace of the Secret.
    pub namespace: String,
}

/// Nothing is recorded here: the annotations of each cluster tell how far its move is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRelocateStatus {}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn without_a_selector_nothing_is_chosen() {
        let to = json!({"name": "other-hub", "namespace": "hive"});
        for spec in [
            None,
            Some(json!({})),
            Some(json!({"kubeconfigSecretRef": to})),
        ] {
            let mut object = json!({"metadata": {"name": "r", "namespace": "n"}});
            if let Some(spec) = spec {
                object["spec"] = spec;
            }
            assert!(
                from_value::<ClusterRelocate>(object.clone()).is_err(),
                "{object}"
            );
        }
    }
}
