//! From an object to the roots that it concerns.
//!
//! Each function gives what [`super::Driver::rung_by`] asks for. A root that the store does not hold
//! yet is not named: its own arrival rings.

use kube::core::ObjectMeta;

use crate::runtime::store::{IndexName, Store};
use crate::runtime::{Key, Kind};

/// The roots among the object's owners.
pub fn owner<R: Kind>() -> impl Fn(&ObjectMeta, &Store<R>) -> Vec<Key> + Send + Sync + 'static {
    |meta, roots| {
        let owners = meta.owner_references.iter().flatten();
        owners
            .filter_map(|owner| roots.by_uid(&owner.uid))
            .map(|root| Key::of(&root))
            .collect()
    }
}

/// The root of the object's namespace that the value of a label names.
pub fn label<R: Kind>(
    key: IndexName,
) -> impl Fn(&ObjectMeta, &Store<R>) -> Vec<Key> + Send + Sync + 'static {
    move |meta, roots| {
        let name = meta.labels.as_ref().and_then(|labels| labels.get(key));
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let root = name.and_then(|name| roots.entry(namespace, name));
        root.map(|root| Key::of(&root)).into_iter().collect()
    }
}

/// The root of the same namespace and name.
pub fn namesake<R: Kind>() -> impl Fn(&ObjectMeta, &Store<R>) -> Vec<Key> + Send + Sync + 'static {
    |meta, roots| {
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let root = roots.entry(namespace, meta.name.as_deref().unwrap_or_default());
        root.map(|root| Key::of(&root)).into_iter().collect()
    }
}

/// The roots that an index of their store lists under `<namespace>/<name>` of the object (for what has
/// no namespace: `/<name>`): those that refer to it.
pub fn index<R: Kind>(
    index: IndexName,
) -> impl Fn(&ObjectMeta, &Store<R>) -> Vec<Key> + Send + Sync + 'static {
    move |meta, roots| {
        let value = reference(
            meta.namespace.as_deref().unwrap_or_default(),
            meta.name.as_deref().unwrap_or_default(),
        );
        roots
            .indexed(index, &value)
            .iter()
            .map(|root| Key::of(root.as_ref()))
            .collect()
    }
}

/// All roots: for what concerns everything, and changes rarely.
pub fn all<R: Kind>() -> impl Fn(&ObjectMeta, &Store<R>) -> Vec<Key> + Send + Sync + 'static {
    |_, roots| roots.entries().iter().map(Key::of).collect()
}

/// The value under which an index lists a root that refers to the object of this name.
pub fn reference(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}
