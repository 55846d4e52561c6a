//! Guarded decoding: an object that this version cannot read is an entry, not a gap, and never keeps
//! its neighbours from being read.
//!
//! Bytes are parsed once, into a tree; the typed object is read from it by reference, and what nobody
//! reads (`managedFields`) is dropped before.

use std::borrow::Cow;
use std::sync::Arc;

use kube::Resource;
use kube::core::{ObjectMeta, TypeMeta};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Kind;

/// An object that could not be decoded.
#[derive(Clone, Debug)]
pub struct Undecodable {
    /// What is known about it.
    pub meta: ObjectMeta,
    /// Why it could not be decoded; never quotes a Secret.
    pub error: String,
}

/// An object, decoded if possible.
#[derive(Clone, Debug)]
pub struct Guarded<K>(pub Result<Arc<K>, Arc<Undecodable>>);

impl<K: Kind> Guarded<K> {
    /// The object, if it could be decoded.
    pub const fn decoded(&self) -> Option<&Arc<K>> {
        match &self.0 {
            Ok(object) => Some(object),
            Err(_) => None,
        }
    }
}

impl<'de, K: Kind> Deserialize<'de> for Guarded<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Shell {
            #[serde(default)]
            metadata: ObjectMeta,
            #[serde(flatten)]
            _types: Option<TypeMeta>,
        }
        let mut tree = Value::deserialize(deserializer)?;
        if let Some(metadata) = tree.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        match K::deserialize(&tree) {
            Ok(object) => Ok(Self(Ok(Arc::new(object)))),
            Err(error) => {
                let Shell { metadata, .. } = Shell::deserialize(&tree).map_err(D::Error::custom)?;
                let error = if K::kind(&()) == "Secret" {
                    "its content is not that of a Secret".to_owned()
                } else {
                    shortened(error.to_string())
                };
                Ok(Self(Err(Arc::new(Undecodable {
                    meta: metadata,
                    error,
                }))))
            }
        }
    }
}

/// An error may quote what it does not like, and that may be as large as an object.
const MAX_ERROR: usize = 512;

fn shortened(mut error: String) -> String {
    if error.len() > MAX_ERROR {
        error.truncate(error.floor_char_boundary(MAX_ERROR));
        error.push('…');
    }
    error
}

impl<K: Kind> Resource for Guarded<K> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn metadata_api() -> bool {
        K::metadata_api()
    }

    fn kind((): &()) -> Cow<'_, str> {
        K::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        K::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        K::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        match &self.0 {
            Ok(object) => object.meta(),
            Err(undecodable) => &undecodable.meta,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match &mut self.0 {
            Ok(object) => Arc::make_mut(object).meta_mut(),
            Err(undecodable) => &mut Arc::make_mut(undecodable).meta,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::{Pod, Secret};
    use serde_json::json;

    #[test]
    fn an_unreadable_object_keeps_its_metadata_and_loses_its_managed_fields() {
        let object = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": "a", "uid": "u", "managedFields": [{ "manager": "x" }] },
            "spec": { "containers": "none" },
        });
        let guarded: Option<Guarded<Pod>> = serde_json::from_value(object).ok();
        let meta = guarded
            .as_ref()
            .map(|guarded| guarded.meta().clone())
            .unwrap_or_default();
        assert_eq!(
            (meta.name.as_deref(), meta.uid.as_deref()),
            (Some("a"), Some("u"))
        );
        assert_eq!(meta.managed_fields, None);
        assert!(guarded.is_some_and(|guarded| guarded.0.is_err()));
    }

    #[test]
    fn an_error_does_not_quote_a_megabyte() {
        let object = json!({
            "metadata": { "name": "a" }, "spec": { "containers": "ü".repeat(1 << 19) },
        });
        let guarded: Option<Guarded<Pod>> = serde_json::from_value(object).ok();
        let error = guarded.and_then(|guarded| guarded.0.err());
        let length = error.map(|error| error.error.len());
        assert!(length.is_some_and(|length| length < 600), "{length:?}");
    }

    #[test]
    fn an_unreadable_secret_is_not_quoted() {
        let object = json!({ "metadata": { "name": "a" }, "data": "hunter2" });
        let guarded: Option<Guarded<Secret>> = serde_json::from_value(object).ok();
        let error = guarded.and_then(|guarded| guarded.0.err());
        assert!(error.is_some_and(|error| !error.error.contains("hunter2")));
    }
}
