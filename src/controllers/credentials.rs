//! From a reference in a spec to credentials that a cloud can be opened with (docs/spec/20 §6).
//!
//! Reads Secrets live and holds them no longer than the connection needs. Never logs or returns their
//! content in an error.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use skep_crds::platform::PlatformKind;
use skep_providers::{
    Account, AssumeRole, Cloud, ConnectRequest, CredentialSource, Endpoints, SecretData,
};

use crate::runtime::{Class, Classified, ConfigStore, Reader, RequestError};

/// Which credentials a cluster uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CredentialsRef {
    /// Namespace of the cluster.
    pub namespace: String,
    /// Secret with credentials of its own.
    pub secret: Option<String>,
    /// Role to assume with the service provider's credentials: ARN and external ID.
    pub assume_role: Option<(String, Option<String>)>,
}

/// Credentials could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Secret is not there.
    #[error("Secret {namespace}/{name} does not exist")]
    NoSecret {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// Neither a Secret nor a role is named.
    #[error("no credentials are named")]
    NotNamed,
    /// The service provider's Secret holds nothing that a role can be assumed with.
    #[error(
        "Secret {namespace}/{name} of the service provider has neither keys nor a configuration file with \
         a profile default"
    )]
    NoProfile {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A Secret cannot be read.
    #[error("{0}")]
    Read(#[from] RequestError),
    /// The platform has no cloud here yet.
    #[error("platform {0} is not supported yet")]
    Platform(&'static str),
    /// The credentials cannot be used.
    #[error(transparent)]
    Cloud(#[from] skep_providers::Error),
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::NoSecret { .. } | Self::NotNamed | Self::NoProfile { .. } => Class::BlockedByUser,
            Self::Platform(_) => Class::Terminal,
            Self::Read(source) => source.class(),
            Self::Cloud(_) => Class::BackOff,
        }
    }
}

/// The clouds that this process can open, and how their credentials are read.
#[derive(Clone)]
pub struct Clouds {
    by_platform: Arc<BTreeMap<PlatformKind, Arc<dyn Cloud>>>,
    reader: Reader,
    config: ConfigStore,
}

impl Clouds {
    /// The clouds of a process.
    pub fn new(
        clouds: BTreeMap<PlatformKind, Arc<dyn Cloud>>,
        reader: Reader,
        config: ConfigStore,
    ) -> Self {
        Self {
            by_platform: Arc::new(clouds),
            reader,
            config,
        }
    }

    /// Whether clusters of the platform can be created and deleted.
    pub fn supports(&self, platform: PlatformKind) -> bool {
        self.by_platform.contains_key(&platform)
    }

    /// Opens the account that the credentials belong to. Makes no call to the cloud.
    pub async fn open(
        &self,
        platform: PlatformKind,
        credentials: &CredentialsRef,
        region: &str,
        endpoints: Endpoints,
    ) -> Result<Arc<dyn Account>, Error> {
        let cloud = self
            .by_platform
            .get(&platform)
            .ok_or_else(|| Error::Platform(platform.label()))?;
        let source = self.source(credentials).await?;
        let request = ConnectRequest {
            source,
            region: region.to_owned(),
            endpoints,
        };
        Ok(cloud.connect(request).await?)
    }

    async fn source(&self, credentials: &CredentialsRef) -> Result<CredentialSource, Error> {
        let secret = match &credentials.secret {
            Some(name) => Some(self.read(&credentials.namespace, name).await?),
            None => None,
        };
        let assume_role = credentials.assume_role.clone();
        let assume_role = assume_role.map(|(role_arn, external_id)| AssumeRole {
            role_arn,
            external_id,
        });
        if secret.is_none() && assume_role.is_none() {
            return Err(Error::NotNamed);
        }
        let config = self.config.get();
        let provider_secret = match &config.aws_service_provider_credentials_secret {
            Some(name) if secret.is_none() => Some(self.read(&config.hive_namespace, name).await?),
            Some(_) | None => None,
        };
        Ok(CredentialSource {
            secret,
            assume_role,
            provider_secret,
        })
    }

    async fn read(&self, namespace: &str, name: &str) -> Result<SecretData, Error> {
        let secret = self.reader.get_live::<Secret>(namespace, name).await?;
        let secret = secret.ok_or_else(|| Error::NoSecret {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })?;
        let data = secret.data.unwrap_or_default();
        Ok(data
            .into_iter()
            .map(|(key, ByteString(bytes))| (key, bytes))
            .collect())
    }
}
