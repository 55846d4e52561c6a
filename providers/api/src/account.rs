//! How to get from credentials to an account, and what an account can do.
//!
//! To implement a cloud: one type for [`Cloud`] (holds the shared call layers and caches), one for
//! [`Account`]. A capability that the cloud does not have yet keeps the default answer
//! [`Unsupported`]; callers turn that into a condition, never into a panic or a silent success.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    credentials::{CredentialSource, Credentials, Endpoints},
    erase::{ClusterFacts, EraseTarget},
    error::Error,
    machine_sets::MachineSets,
    power::Machines,
    preflight::Preflight,
    zones::Zones,
};

/// Name of an account, `<cloud>:<account>`: `aws:123456789012`, `azure:<subscription id>`,
/// `gcp:<project id>`. It is what the fence of the deprovision engine compares, and what is
/// recorded at install time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(String);

/// The text is no `<cloud>:<account>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no account identity of the form <cloud>:<account>")]
pub struct InvalidAccountId(String);

impl AccountId {
    /// The identity of `account` in `cloud` (`aws`, `azure`, `gcp`).
    pub fn new(cloud: &str, account: &str) -> Self {
        Self(format!("{cloud}:{account}"))
    }

    /// Parses a recorded identity.
    pub fn parse(text: &str) -> Result<Self, InvalidAccountId> {
        match text.trim().split_once(':') {
            Some((cloud, account)) if !cloud.is_empty() && !account.is_empty() => {
                Ok(Self::new(cloud, account))
            }
            Some(_) | None => Err(InvalidAccountId(text.to_owned())),
        }
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the colon.
    pub fn cloud(&self) -> &str {
        self.0.split_once(':').map_or("", |(cloud, _)| cloud)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The cloud cannot do this (yet).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cloud} does not support {capability} yet")]
pub struct Unsupported {
    /// The cloud.
    pub cloud: String,
    /// The capability: "machines", "zones", "erase", …
    pub capability: &'static str,
}

/// What is needed to open an account.
#[derive(Debug, Clone)]
pub struct ConnectRequest {
    /// Who to be.
    pub source: CredentialSource,
    /// Region of the calls. Clouds without regional endpoints ignore it.
    pub region: String,
    /// Endpoints that replace the cloud's public ones, from the cluster's own metadata.
    pub endpoints: Endpoints,
}

/// A cloud: the factory of accounts. One value per process, shared.
#[async_trait]
pub trait Cloud: Send + Sync {
    /// `aws`, `azure`, `gcp`: the first part of an [`AccountId`].
    fn name(&self) -> &str;

    /// Makes an account of credentials. Cheap: parses the credentials, builds clients lazily and
    /// makes no call. Fails with [`Class::Invalid`](crate::Class::Invalid) or
    /// [`Class::Unauthenticated`](crate::Class::Unauthenticated) when the credentials cannot even be
    /// read (missing key, forbidden `credential_process`). Safe to repeat; implementations cache
    /// sessions by the content of the source.
    async fn connect(&self, request: ConnectRequest) -> Result<Arc<dyn Account>, Error>;
}

/// An opened account and its capabilities.
pub trait Account: Credentials {
    /// Machines of a cluster and their power state.
    fn machines(&self) -> Result<Arc<dyn Machines>, Unsupported>;

    /// Hosted zones and records.
    fn zones(&self) -> Result<Arc<dyn Zones>, Unsupported>;

    /// Generator of `MachineSet`s.
    fn machine_sets(&self) -> Result<Arc<dyn MachineSets>, Unsupported>;

    /// Checks before an installation.
    fn preflight(&self) -> Result<Arc<dyn Preflight>, Unsupported>;

    /// What the deprovision engine needs to erase the cluster that `facts` describe. Makes no call.
    /// Fails with [`Class::Invalid`](crate::Class::Invalid) when the facts are of another platform.
    fn eraser(&self, facts: &ClusterFacts) -> Result<Arc<dyn EraseTarget>, Error>;
}
