//! When the controllers of installed clusters leave a ClusterDeployment alone (docs/spec/32 §0.1).
//!
//! Plain functions; the order is that in which a person would want to be told.

use skep_crds::ClusterDeployment;

use super::secrets::is_paused;
use crate::plan::Note;

/// Why a cluster is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gate {
    /// A person asked for it.
    Paused,
    /// It is being deleted.
    Deleting,
    /// There is no cluster yet.
    NotInstalled,
    /// It is said to be installed, but not what it is.
    NoMetadata,
}

/// What keeps the controllers of installed clusters from this one.
pub fn closed(cluster: &ClusterDeployment) -> Option<Gate> {
    let spec = &cluster.spec;
    [
        (is_paused(cluster), Gate::Paused),
        (
            cluster.metadata.deletion_timestamp.is_some(),
            Gate::Deleting,
        ),
        (!spec.installed, Gate::NotInstalled),
        (spec.cluster_metadata.is_none(), Gate::NoMetadata),
    ]
    .into_iter()
    .find_map(|(is_closed, gate)| is_closed.then_some(gate))
}

impl Gate {
    /// The reason for people.
    pub fn note(self) -> Note {
        match self {
            Self::Paused => Note::paused(),
            Self::Deleting => Note::progress("Deleting", "the cluster is being deleted"),
            Self::NotInstalled => Note::waiting(
                "NotInstalled",
                "the cluster is not installed yet",
                "its installation",
                None,
            ),
            Self::NoMetadata => Note::waiting(
                "MetadataIncomplete",
                "spec.installed is set without spec.clusterMetadata",
                "spec.clusterMetadata",
                None,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// docs/spec/32 §0.1.
    #[test]
    fn the_first_reason_in_order_is_told() {
        let cluster = |metadata: serde_json::Value, spec: serde_json::Value| {
            let mut object = json!({
                "apiVersion": "hive.openshift.io/v1", "kind": "ClusterDeployment",
                "metadata": {"name": "demo", "namespace": "team"},
                "spec": {"baseDomain": "b", "clusterName": "demo", "platform": {}},
            });
            json_patch::merge(&mut object, &json!({"metadata": metadata, "spec": spec}));
            closed(&serde_json::from_value(object).unwrap())
        };
        let metadata = json!({
            "clusterID": "c", "infraID": "i", "adminKubeconfigSecretRef": {"name": "k"},
        });
        let installed = json!({"installed": true, "clusterMetadata": metadata});
        let paused = json!({"annotations": {"hive.openshift.io/reconcile-pause": "true"}});
        let deleting = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
        for (meta, spec, expected) in [
            (json!({}), installed.clone(), None),
            (paused, json!({}), Some(Gate::Paused)),
            (deleting, json!({}), Some(Gate::Deleting)),
            (json!({}), json!({}), Some(Gate::NotInstalled)),
            (
                json!({}),
                json!({"installed": true}),
                Some(Gate::NoMetadata),
            ),
        ] {
            assert_eq!(cluster(meta, spec), expected);
        }
    }
}
