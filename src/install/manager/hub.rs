//! The install manager's narrow view of the hub: one ClusterProvision, its ClusterDeployment, the Secrets
//! that the pod's variables name, and the two that take its results. Its Role allows no more
//! (docs/spec/10 §26.5 X1).

use std::collections::BTreeMap;

use backon::{ExponentialBuilder, Retryable as _};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, Patch, PatchParams, WatchEvent, WatchParams};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use skep_crds::names::skep::{FIELD_MANAGER, INSTALL_PROGRESS_ANNOTATION};
use skep_crds::{ClusterDeployment, ClusterProvision, Stage};
use skep_providers::SecretData;

/// Seconds after which the API server ends a watch; it is started anew then.
const WATCH_SECONDS: u32 = 290;

/// A call to the hub failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An object cannot be read.
    #[error("cannot read {kind} {name}")]
    Read {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// An object cannot be written.
    #[error("cannot write {kind} {name}")]
    Write {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// The attempt is over while its pod still runs.
    #[error(
        "the attempt went to stage {stage:?} while the install pod waited for permission to start"
    )]
    Over {
        /// The stage.
        stage: String,
    },
    /// The attempt was deleted while its pod still runs.
    #[error(
        "the ClusterProvision was deleted while the install pod waited for permission to start"
    )]
    Deleted,
}

/// The hub, as this pod may see it.
pub struct Hub {
    client: Client,
    namespace: String,
    provision: String,
}

impl Hub {
    /// The view of one attempt.
    pub fn new(client: Client, namespace: &str, provision: &str) -> Self {
        Self {
            client,
            namespace: namespace.to_owned(),
            provision: provision.to_owned(),
        }
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The attempt.
    pub async fn provision(&self) -> Result<ClusterProvision, Error> {
        self.api::<ClusterProvision>()
            .get(&self.provision)
            .await
            .map_err(|source| Error::Read {
                kind: "ClusterProvision",
                name: self.provision.clone(),
                source,
            })
    }

    /// Another attempt of the cluster, if it still exists.
    pub async fn attempt(&self, name: &str) -> Result<Option<ClusterProvision>, Error> {
        let found = self.api::<ClusterProvision>().get_opt(name).await;
        found.map_err(|source| Error::Read {
            kind: "ClusterProvision",
            name: name.to_owned(),
            source,
        })
    }

    /// The cluster.
    pub async fn cluster(&self, name: &str) -> Result<ClusterDeployment, Error> {
        self.api::<ClusterDeployment>()
            .get(name)
            .await
            .map_err(|source| Error::Read {
                kind: "ClusterDeployment",
                name: name.to_owned(),
                source,
            })
    }

    /// The content of a Secret.
    pub async fn secret(&self, name: &str) -> Result<SecretData, Error> {
        let secret = self
            .api::<Secret>()
            .get(name)
            .await
            .map_err(|source| Error::Read {
                kind: "Secret",
                name: name.to_owned(),
                source,
            })?;
        let data = secret.data.unwrap_or_default();
        Ok(data
            .into_iter()
            .map(|(key, ByteString(bytes))| (key, bytes))
            .collect())
    }

    /// The content of a ConfigMap; text and bytes alike. `None` when there is no such ConfigMap.
    pub async fn config_map(&self, name: &str) -> Result<Option<BTreeMap<String, Vec<u8>>>, Error> {
        let found = self
            .api::<ConfigMap>()
            .get_opt(name)
            .await
            .map_err(|source| Error::Read {
                kind: "ConfigMap",
                name: name.to_owned(),
                source,
            })?;
        Ok(found.map(|config_map| {
            let text = config_map.data.unwrap_or_default().into_iter();
            let text = text.map(|(key, value)| (key, value.into_bytes()));
            let bytes = config_map.binary_data.unwrap_or_default().into_iter();
            text.chain(bytes.map(|(key, ByteString(value))| (key, value)))
                .collect()
        }))
    }

    /// Fills one of the two Secrets that the operator made for this attempt's results.
    pub async fn fill_secret(&self, name: &str, data: &BTreeMap<&str, &[u8]>) -> Result<(), Error> {
        let data: BTreeMap<&str, ByteString> = data
            .iter()
            .map(|(key, value)| (*key, ByteString(value.to_vec())))
            .collect();
        let patch = Patch::Merge(json!({"data": data}));
        let api = self.api::<Secret>();
        (|| async { api.patch(name, &parameters(), &patch).await })
            .retry(persistent())
            .when(may_pass)
            .await
            .map(drop)
            .map_err(|source| Error::Write {
                kind: "Secret",
                name: name.to_owned(),
                source,
            })
    }

    /// Merges into the attempt.
    pub async fn merge_provision(&self, patch: Value) -> Result<(), Error> {
        let patch = Patch::Merge(patch);
        let api = self.api::<ClusterProvision>();
        (|| async { api.patch(&self.provision, &parameters(), &patch).await })
            .retry(persistent())
            .when(may_pass)
            .await
            .map(drop)
            .map_err(|source| Error::Write {
                kind: "ClusterProvision",
                name: self.provision.clone(),
                source,
            })
    }

    /// Shows the installer's progress on the attempt.
    pub async fn show_progress(&self, sentence: &str) -> Result<(), Error> {
        let annotations = json!({INSTALL_PROGRESS_ANNOTATION: sentence});
        self.merge_provision(json!({"metadata": {"annotations": annotations}}))
            .await
    }

    /// Waits until the attempt may touch the cloud: the handshake of docs/spec/10 §12. There is no limit
    /// but the Job's own: nothing was created yet, so a hub that is busy or being upgraded costs time and
    /// no attempt (docs/spec/10 §26.1 W27).
    pub async fn permission(&self) -> Result<(), Error> {
        let patient = ExponentialBuilder::default()
            .without_max_times()
            .with_jitter();
        (|| self.seek_permission())
            .retry(patient)
            .when(|error| matches!(error, Error::Read { .. }))
            .await
    }

    async fn seek_permission(&self) -> Result<(), Error> {
        loop {
            let provision = self.provision().await?;
            let version = provision.resource_version().unwrap_or_default();
            if permitted(&provision)? || self.watch_for_permission(&version).await? {
                return Ok(());
            }
        }
    }

    /// False when the watch ended by itself.
    async fn watch_for_permission(&self, version: &str) -> Result<bool, Error> {
        let failed = |source| Error::Read {
            kind: "ClusterProvision",
            name: self.provision.clone(),
            source,
        };
        let selector = format!("metadata.name={}", self.provision);
        let parameters = WatchParams::default()
            .fields(&selector)
            .timeout(WATCH_SECONDS);
        let api = self.api::<ClusterProvision>();
        let mut events = api
            .watch(&parameters, version)
            .await
            .map_err(failed)?
            .boxed();
        while let Some(event) = events.try_next().await.map_err(failed)? {
            match event {
                WatchEvent::Added(provision) | WatchEvent::Modified(provision) => {
                    if permitted(&provision)? {
                        return Ok(true);
                    }
                }
                WatchEvent::Deleted(_) => return Err(Error::Deleted),
                WatchEvent::Bookmark(_) => {}
                WatchEvent::Error(_) => return Ok(false),
            }
        }
        Ok(false)
    }
}

fn permitted(provision: &ClusterProvision) -> Result<bool, Error> {
    if provision.metadata.deletion_timestamp.is_some() {
        return Err(Error::Deleted);
    }
    match &provision.spec.stage {
        Stage::Initializing => Ok(false),
        Stage::Provisioning => Ok(true),
        stage @ (Stage::Complete | Stage::Failed | Stage::Other(_)) => Err(Error::Over {
            stage: stage.as_str().to_owned(),
        }),
    }
}

/// What the pod writes is all that is known of an installation of half an hour: a hub that restarts, or a
/// connection that was closed meanwhile, must not lose it. Merge patches may be sent twice.
fn persistent() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_max_times(8)
        .with_jitter()
}

/// Whether the hub may answer otherwise next time: it refused for good only when it said so.
fn may_pass(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code == 429 || status.code >= 500,
        _ => true,
    }
}

fn parameters() -> PatchParams {
    PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    }
}
