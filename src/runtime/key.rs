//! The key of an object: where it is, and which one it is.

use std::fmt;

use kube::Resource;
use serde::Serialize;

/// Namespace, name and uid. A recreated object has another key and inherits nothing: no back-off, no
/// memory, no task.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Key {
    /// The namespace; empty for what has none.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The uid.
    pub uid: String,
}

impl Key {
    /// The key of an object as the API server returned it.
    pub fn of<K: Resource>(object: &K) -> Self {
        Self::of_meta(object.meta())
    }

    /// The key of an object with this metadata.
    pub fn of_meta(meta: &kube::core::ObjectMeta) -> Self {
        Self {
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
        }
    }

    /// The namespace, if the kind has namespaces.
    pub fn namespace(&self) -> Option<&str> {
        (!self.namespace.is_empty()).then_some(self.namespace.as_str())
    }
}

/// An object as it was when it was read: what a step carries to say what it relies on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct At {
    /// Which object.
    pub key: Key,
    /// Its resource version then.
    pub version: String,
}

impl At {
    /// The object as the API server returned it.
    pub fn of<K: Resource>(object: &K) -> Self {
        let version = object.meta().resource_version.clone().unwrap_or_default();
        Self {
            key: Key::of(object),
            version,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}
