//! Credentials without a cloud's own vocabulary (`docs/spec/20 §6`, `docs/spec/23 E`).
//!
//! [`SecretData`] is the only type here that holds secrets: it does not print, does not serialise
//! and is zeroed when dropped.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{account::AccountId, error::Error};

/// The data of a Secret: key → bytes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretData(BTreeMap<String, Zeroizing<Vec<u8>>>);

impl SecretData {
    /// The bytes of `key`.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.0.get(key).map(|value| value.as_slice())
    }

    /// The value of `key` as text without surrounding white space (Secrets are often made from
    /// files with a trailing newline); `None` when absent or not UTF-8.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)
            .and_then(|value| std::str::from_utf8(value).ok())
            .map(str::trim)
    }

    /// The keys, which are no secret.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Puts a value in.
    pub fn insert(&mut self, key: impl Into<String>, value: Vec<u8>) {
        self.0.insert(key.into(), Zeroizing::new(value));
    }

    /// A digest of the whole content, to key caches by. Reveals nothing but equality.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for (key, value) in &self.0 {
            hash.update((key.len() as u64).to_be_bytes());
            hash.update(key.as_bytes());
            hash.update((value.len() as u64).to_be_bytes());
            hash.update(value.as_slice());
        }
        hash.finalize().into()
    }
}

impl fmt::Debug for SecretData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<String>> FromIterator<(K, Vec<u8>)> for SecretData {
    fn from_iter<I: IntoIterator<Item = (K, Vec<u8>)>>(entries: I) -> Self {
        let mut data = Self::default();
        for (key, value) in entries {
            data.insert(key, value);
        }
        data
    }
}

/// Another identity to become before acting. AWS: role ARN and external ID. Azure: a federated or
/// managed identity's client ID. Google Cloud: the e-mail address of an impersonated service
/// account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssumeRole {
    /// The role, in the cloud's notation.
    pub role_arn: String,
    /// A shared word that the role's owner demands, where the cloud has such a thing.
    pub external_id: Option<String>,
}

/// Where credentials come from: the cluster's own Secret, or a role assumed with the credentials of
/// the service provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialSource {
    /// The cluster's own credentials.
    pub secret: Option<SecretData>,
    /// The role to assume, with `provider_secret` or else with `secret`.
    pub assume_role: Option<AssumeRole>,
    /// The service provider's credentials.
    pub provider_secret: Option<SecretData>,
}

impl CredentialSource {
    /// Plain credentials of a Secret.
    pub fn from_secret(secret: SecretData) -> Self {
        Self {
            secret: Some(secret),
            ..Self::default()
        }
    }

    /// A digest of everything, to key caches by.
    pub fn fingerprint(&self) -> [u8; 32] {
        let Self {
            secret,
            assume_role,
            provider_secret,
        } = self;
        let mut hash = Sha256::new();
        for data in [secret, provider_secret] {
            hash.update(data.as_ref().map_or([0; 32], SecretData::fingerprint));
        }
        if let Some(AssumeRole {
            role_arn,
            external_id,
        }) = assume_role
        {
            hash.update(role_arn.as_bytes());
            hash.update([0]);
            hash.update(external_id.as_deref().unwrap_or_default().as_bytes());
        }
        hash.finalize().into()
    }
}

/// An endpoint that replaces the public one of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// The service as the cloud's installer names it: `ec2`, `iam`; `arm` for Azure.
    #[serde(rename = "name")]
    pub service: String,
    /// Where it is.
    pub url: String,
}

/// Replaced endpoints of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Endpoints(pub Vec<Endpoint>);

impl Endpoints {
    /// The replaced endpoint of `service`.
    pub fn url(&self, service: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|endpoint| endpoint.service.eq_ignore_ascii_case(service))
            .map(|endpoint| endpoint.url.as_str())
    }

    /// Whether nothing is replaced.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The capability to say who one is.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// The account that these credentials act in, verified by one cheap call that needs no special
    /// permission (AWS: `sts:GetCallerIdentity`; Azure: a token and `GET subscriptions/{id}`;
    /// Google Cloud: a token and `projects.get`). Asked each time: an answer from before says nothing
    /// about keys that were withdrawn since.
    /// [`Class::Unauthenticated`](crate::Class::Unauthenticated): the credentials are wrong;
    /// [`Class::Denied`](crate::Class::Denied): the role may not be assumed. Safe to repeat.
    async fn identity(&self) -> Result<AccountId, Error>;
}
