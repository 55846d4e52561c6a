//! From a changed object to the roots that it concerns, where the runtime's own bells do not know.

use k8s_openapi::api::core::v1::Namespace;
use kube::core::{ObjectMeta, PartialObjectMeta};
use skep_crds::names::skep::IN_USE_FINALIZER;
use skep_crds::names::{label, object_name};
use skep_crds::{ClusterDeployment, ClusterProvision};

use super::secrets::NAMESPACE;
use crate::runtime::{Key, Store};

/// The attempts of a changed ClusterDeployment.
pub fn attempts_of_cluster(meta: &ObjectMeta, roots: &Store<ClusterProvision>) -> Vec<Key> {
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    let name = meta.name.as_deref().unwrap_or_default();
    let attempts = roots.labelled(namespace, label::CLUSTER_DEPLOYMENT_NAME, name);
    attempts
        .iter()
        .map(|attempt| Key::of(attempt.as_ref()))
        .collect()
}

/// The clusters of the namespace of a `ConfigMap` with trusted authorities.
pub fn beside_trusted_ca(meta: &ObjectMeta, roots: &Store<ClusterDeployment>) -> Vec<Key> {
    if meta.name.as_deref() != Some(object_name::TRUSTED_CA_CONFIG_MAP) {
        return Vec::new();
    }
    clusters_in(meta.namespace.as_deref().unwrap_or_default(), roots)
}

/// The clusters of an object's namespace.
pub fn beside(meta: &ObjectMeta, roots: &Store<ClusterDeployment>) -> Vec<Key> {
    clusters_in(meta.namespace.as_deref().unwrap_or_default(), roots)
}

/// The clusters of a namespace that is going away.
pub fn in_dying_namespace(meta: &ObjectMeta, roots: &Store<ClusterDeployment>) -> Vec<Key> {
    if meta.deletion_timestamp.is_none() {
        return Vec::new();
    }
    clusters_in(meta.name.as_deref().unwrap_or_default(), roots)
}

/// The namespace of an object.
pub fn its_namespace(meta: &ObjectMeta, roots: &Store<PartialObjectMeta<Namespace>>) -> Vec<Key> {
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    let namespace = roots.get("", namespace);
    namespace
        .map(|namespace| Key::of(namespace.as_ref()))
        .into_iter()
        .collect()
}

/// The namespace of a Secret that is held.
pub fn namespace_of_held(
    meta: &ObjectMeta,
    roots: &Store<PartialObjectMeta<Namespace>>,
) -> Vec<Key> {
    let mut finalizers = meta.finalizers.iter().flatten();
    if finalizers.any(|name| name == IN_USE_FINALIZER) {
        return its_namespace(meta, roots);
    }
    Vec::new()
}

fn clusters_in(namespace: &str, roots: &Store<ClusterDeployment>) -> Vec<Key> {
    roots
        .indexed(NAMESPACE, namespace)
        .iter()
        .map(|root| Key::of(root.as_ref()))
        .collect()
}
