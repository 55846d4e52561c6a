//! Facts of Secrets' contents, kept by the version that they were read from.
//!
//! Secrets are watched by their metadata alone. A live observation reads the content, takes the facts
//! that a decision needs, and drops the content; an observation from the stores finds the facts again as
//! long as the Secret is the same version, and says `Unread` otherwise. No content is kept, logged or
//! returned: digests and facts only.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::core::PartialObjectMeta;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use skep_providers::SecretData;

use crate::runtime::{Freshness, Reader, RequestError, Store};

/// Versions that are kept; beyond it all are forgotten and read again when they are needed.
const MOST: usize = 50_000;

/// What is known of something that is read live only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Read<T> {
    /// It does not exist, or nothing refers to it.
    Absent,
    /// It exists, and this version of it was not read yet.
    Unread,
    /// It was read.
    Known(T),
}

impl<T> Read<T> {
    /// The value that was read.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unread => None,
        }
    }

    /// The same about what follows from the value.
    pub fn map<U>(self, from: impl FnOnce(T) -> U) -> Read<U> {
        match self {
            Self::Absent => Read::Absent,
            Self::Unread => Read::Unread,
            Self::Known(value) => Read::Known(from(value)),
        }
    }
}

/// Purpose and uid; the version is part of the value, so that an old one is replaced.
type Place = (&'static str, String);

#[derive(Clone)]
struct Fact {
    version: String,
    value: Arc<dyn Any + Send + Sync>,
}

/// The facts of this process. Clones share them.
#[derive(Clone)]
pub struct Inputs {
    reader: Reader,
    secrets: Store<PartialObjectMeta<Secret>>,
    facts: Arc<Mutex<BTreeMap<Place, Fact>>>,
}

impl Inputs {
    /// No facts yet.
    pub fn new(reader: Reader, secrets: Store<PartialObjectMeta<Secret>>) -> Self {
        Self {
            reader,
            secrets,
            facts: Arc::default(),
        }
    }

    /// What `parse` makes of a Secret's content. `purpose` names the parser.
    ///
    /// # Errors
    /// Only a live read can fail.
    pub async fn secret<T: Clone + Send + Sync + 'static>(
        &self,
        how: Freshness,
        (namespace, name): (&str, &str),
        purpose: &'static str,
        parse: impl FnOnce(&SecretData) -> T + Send,
    ) -> Result<Read<T>, RequestError> {
        if how == Freshness::Cached {
            return Ok(match self.secrets.get(namespace, name) {
                None => Read::Absent,
                Some(meta) => self
                    .recall(purpose, meta.as_ref())
                    .map_or(Read::Unread, Read::Known),
            });
        }
        let Some(secret) = self.reader.get_live::<Secret>(namespace, name).await? else {
            return Ok(Read::Absent);
        };
        let (uid, version) = identity_of(&secret);
        let data = data_of(secret);
        let value = parse(&data);
        self.keep((purpose, uid), version, Arc::new(value.clone()));
        Ok(Read::Known(value))
    }

    /// What is known already of a Secret's present version.
    pub fn remembered<T: Clone + 'static>(
        &self,
        namespace: &str,
        name: &str,
        purpose: &'static str,
    ) -> Option<T> {
        let meta = self.secrets.get(namespace, name)?;
        self.recall(purpose, meta.as_ref())
    }

    fn recall<T: Clone + 'static>(
        &self,
        purpose: &'static str,
        meta: &PartialObjectMeta<Secret>,
    ) -> Option<T> {
        let (uid, version) = identity_of(meta);
        let facts = self.facts.lock();
        let fact = facts
            .get(&(purpose, uid))
            .filter(|fact| fact.version == version)?;
        fact.value.downcast_ref::<T>().cloned()
    }

    fn keep(&self, place: Place, version: String, value: Arc<dyn Any + Send + Sync>) {
        let mut facts = self.facts.lock();
        if facts.len() >= MOST {
            facts.clear();
        }
        facts.insert(place, Fact { version, value });
    }
}

fn identity_of<K: kube::Resource>(object: &K) -> (String, String) {
    let meta = object.meta();
    (
        meta.uid.clone().unwrap_or_default(),
        meta.resource_version.clone().unwrap_or_default(),
    )
}

/// A Secret's content, in a type that does not print and is zeroed.
pub fn data_of(secret: Secret) -> SecretData {
    let data = secret.data.unwrap_or_default();
    data.into_iter()
        .map(|(key, ByteString(bytes))| (key, bytes))
        .collect()
}

/// A text that changes with the version of an object, and says nothing about its content.
pub fn version_of<K: kube::Resource>(object: &K) -> String {
    let (uid, version) = identity_of(object);
    format!("{uid}/{version}")
}

/// Digest of some parts, in hexadecimal.
pub fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The Secret's name as people write it.
pub fn full_name(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

/// Whether a Secret carries a finalizer.
pub fn is_held(secret: &PartialObjectMeta<Secret>, finalizer: &str) -> bool {
    secret.finalizers().iter().any(|name| name == finalizer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        assert_ne!(
            digest([b"ab".as_slice(), b"c"]),
            digest([b"a".as_slice(), b"bc"])
        );
        assert_eq!(digest([b"x".as_slice()]).len(), 64);
    }
}
