//! The install manager's narrow view of the hub: one ClusterProvision, its ClusterDeployment, the Secrets
//! that the pod's variables name, and the two that take its results. Its Role allows no more
//! (docs/spec/10 §26.5 X1).
//!
//! A hub that restarts or is being upgraded must not cost an attempt (docs/spec/10 §26.1 W27): what it does
//! not answer is asked again. Nothing here outlives the pod's time: once it is told to stop, what is under
//! way has a few seconds left.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, Patch, PatchParams, WatchEvent, WatchParams};
use kube::{Client, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use skep_crds::names::skep::{FIELD_MANAGER, INSTALL_PROGRESS_ANNOTATION};
use skep_crds::{ClusterDeployment, ClusterProvision, Stage};
use skep_providers::SecretData;
use tokio::sync::watch;

/// Until the answer to one request; a connection that has gone silent is given up after it.
const ANSWER: Duration = Duration::from_secs(20);

/// Tries after an answer that says no: a hub that has just started does not know its roles yet, and what
/// somebody deleted may be made again by the operator. About a minute together.
const REFUSALS: u32 = 6;

/// Once the pod is told to stop, the hub is waited for no longer than this: the installer has had most of
/// the thirty seconds, and what is left must do for the log.
const LAST_SECONDS: Duration = Duration::from_secs(4);

/// Seconds after which the API server ends a watch; it is started anew then.
const WATCH_SECONDS: u32 = 290;

/// A watch that the API server did not end is over all the same: the connection is gone.
const WATCH_LIMIT: Duration = Duration::from_secs(WATCH_SECONDS as u64 + 30);

/// Between two watches, so that one that ends at once is not begun anew at once.
const WATCH_PAUSE: Duration = Duration::from_secs(1);

/// A call to the hub failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An object cannot be read.
    #[error("cannot read {kind} {name}")]
    Read {
        /// Its kind.
        kind: Cow<'static, str>,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// An object that is needed is not there.
    #[error("there is no {kind} {name}")]
    Missing {
        /// Its kind.
        kind: Cow<'static, str>,
        /// Its name.
        name: String,
    },
    /// An object cannot be written.
    #[error("cannot write {kind} {name}")]
    Write {
        /// Its kind.
        kind: Cow<'static, str>,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
    /// The pod was told to stop meanwhile.
    #[error("the install pod was told to stop while it waited for the hub ({kind} {name})")]
    Stopped {
        /// Kind of what it waited for.
        kind: Cow<'static, str>,
        /// Its name.
        name: String,
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

impl Error {
    /// Whether nothing but the pod's end kept the call from succeeding.
    pub const fn is_stop(&self) -> bool {
        matches!(self, Self::Stopped { .. })
    }
}

/// What the pod can read and write: objects of its own namespace.
trait Object:
    kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
    + Clone
    + std::fmt::Debug
    + DeserializeOwned
{
}

impl Object for ClusterProvision {}
impl Object for ClusterDeployment {}
impl Object for Secret {}
impl Object for ConfigMap {}

/// The hub, as this pod may see it.
pub struct Hub {
    client: Client,
    namespace: String,
    provision: String,
    stop: watch::Receiver<bool>,
}

impl Hub {
    /// The view of one attempt. `stop` turns true when the pod is told to stop.
    pub fn new(
        client: Client,
        namespace: &str,
        provision: &str,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            client,
            namespace: namespace.to_owned(),
            provision: provision.to_owned(),
            stop,
        }
    }

    fn api<K: Object>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The attempt.
    pub async fn provision(&self) -> Result<ClusterProvision, Error> {
        self.required(&self.provision).await
    }

    /// Another attempt of the cluster, if it still exists.
    pub async fn attempt(&self, name: &str) -> Result<Option<ClusterProvision>, Error> {
        self.read(name).await
    }

    /// The cluster.
    pub async fn cluster(&self, name: &str) -> Result<ClusterDeployment, Error> {
        self.required(name).await
    }

    /// The content of a Secret.
    pub async fn secret(&self, name: &str) -> Result<SecretData, Error> {
        let secret: Secret = self.required(name).await?;
        let data = secret.data.unwrap_or_default();
        Ok(data
            .into_iter()
            .map(|(key, ByteString(bytes))| (key, bytes))
            .collect())
    }

    /// The content of a ConfigMap; text and bytes alike. `None` when there is no such ConfigMap.
    pub async fn config_map(&self, name: &str) -> Result<Option<BTreeMap<String, Vec<u8>>>, Error> {
        let found: Option<ConfigMap> = self.read(name).await?;
        Ok(found.map(content_of))
    }

    /// The content of a ConfigMap that must be there.
    pub async fn required_config_map(
        &self,
        name: &str,
    ) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        self.required(name).await.map(content_of)
    }

    async fn required<K: Object>(&self, name: &str) -> Result<K, Error> {
        self.read(name).await?.ok_or_else(|| Error::Missing {
            kind: K::kind(&()),
            name: name.to_owned(),
        })
    }

    /// Nothing was created yet when the pod reads, so there is no limit to its patience but the Job's own.
    async fn read<K: Object>(&self, name: &str) -> Result<Option<K>, Error> {
        let api = self.api::<K>();
        self.insist(patient(), is_denied, || api.get_opt(name))
            .await
            .map_err(|failed| failed.named::<K>(name, reading))
    }

    /// Fills one of the two Secrets that the operator made for this attempt's results. One that somebody
    /// deleted is made again by the operator meanwhile.
    pub async fn fill_secret(&self, name: &str, data: &BTreeMap<&str, &[u8]>) -> Result<(), Error> {
        self.fill_secret_with(persistent(), name, data).await
    }

    /// The same as long as it takes.
    pub async fn fill_secret_patiently(
        &self,
        name: &str,
        data: &BTreeMap<&str, &[u8]>,
    ) -> Result<(), Error> {
        self.fill_secret_with(patient(), name, data).await
    }

    async fn fill_secret_with(
        &self,
        patience: ExponentialBuilder,
        name: &str,
        data: &BTreeMap<&str, &[u8]>,
    ) -> Result<(), Error> {
        let data: BTreeMap<&str, ByteString> = data
            .iter()
            .map(|(key, value)| (*key, ByteString(value.to_vec())))
            .collect();
        let patch = Patch::Merge(json!({"data": data}));
        let (api, parameters) = (self.api::<Secret>(), parameters());
        let denied_or_gone = |error: &kube::Error| is_denied(error) || is_gone(error);
        self.insist(patience, denied_or_gone, || {
            api.patch(name, &parameters, &patch)
        })
        .await
        .map(drop)
        .map_err(|failed| failed.named::<Secret>(name, writing))
    }

    /// Merges into the attempt.
    pub async fn merge_provision(&self, patch: Value) -> Result<(), Error> {
        let (patch, parameters) = (Patch::Merge(patch), parameters());
        let api = self.api::<ClusterProvision>();
        self.insist(persistent(), is_denied, || {
            api.patch(&self.provision, &parameters, &patch)
        })
        .await
        .map(drop)
        .map_err(|failed| failed.named::<ClusterProvision>(&self.provision, writing))
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
        loop {
            let provision = self.read::<ClusterProvision>(&self.provision).await?;
            let provision = provision.ok_or(Error::Deleted)?;
            if permitted(&provision)? {
                return Ok(());
            }
            let version = provision.resource_version().unwrap_or_default();
            if self.watch_for_permission(&version).await? {
                return Ok(());
            }
        }
    }

    /// False when the watch ended without an answer, however it did.
    async fn watch_for_permission(&self, version: &str) -> Result<bool, Error> {
        let mut stop = self.stop.clone();
        let told = async { stop.wait_for(|stopped| *stopped).await.is_ok() };
        let watched = async {
            let seen = tokio::time::timeout(WATCH_LIMIT, self.next_word(version)).await;
            if let Ok(Ok(Some(word))) = seen {
                return word;
            }
            if let Ok(Err(error)) = seen {
                tracing::debug!(%error, "the watch of the attempt ended");
            }
            tokio::time::sleep(WATCH_PAUSE).await;
            Ok(false)
        };
        tokio::select! {
            biased;
            true = told => Err(Failed::Stopped.named::<ClusterProvision>(&self.provision, reading)),
            word = watched => word,
        }
    }

    /// The first event that decides; none when the watch ended by itself.
    async fn next_word(&self, version: &str) -> kube::Result<Option<Result<bool, Error>>> {
        let selector = format!("metadata.name={}", self.provision);
        let parameters = WatchParams::default()
            .fields(&selector)
            .timeout(WATCH_SECONDS);
        let api = self.api::<ClusterProvision>();
        let mut events = api.watch(&parameters, version).await?.boxed();
        while let Some(event) = events.try_next().await? {
            match event {
                WatchEvent::Added(provision) | WatchEvent::Modified(provision) => {
                    match permitted(&provision) {
                        Ok(false) => {}
                        decided @ (Ok(true) | Err(_)) => return Ok(Some(decided)),
                    }
                }
                WatchEvent::Deleted(_) => return Ok(Some(Err(Error::Deleted))),
                WatchEvent::Bookmark(_) => {}
                WatchEvent::Error(_) => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Repeats a call until the hub has answered, or the patience is at its end. `says_no` tells answers
    /// that are believed only after a while.
    async fn insist<T, F>(
        &self,
        patience: ExponentialBuilder,
        says_no: impl Fn(&kube::Error) -> bool,
        call: impl Fn() -> F,
    ) -> Result<T, Failed>
    where
        F: Future<Output = kube::Result<T>>,
    {
        let mut refusals = 0;
        let again = |error: &kube::Error| {
            let refused = says_no(error);
            refusals += u32::from(refused);
            may_pass(error) || (refused && refusals <= REFUSALS)
        };
        let once = || async {
            let answered = tokio::time::timeout(ANSWER, call()).await;
            answered.unwrap_or_else(|late| Err(kube::Error::Service(late.into())))
        };
        let repeated = once.retry(patience).when(again);
        let mut stop = self.stop.clone();
        let told = async {
            if stop.wait_for(|stopped| *stopped).await.is_err() {
                // Whoever could say so is gone: it is never said.
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(LAST_SECONDS).await;
        };
        tokio::select! {
            biased;
            answered = repeated => answered.map_err(Failed::Hub),
            () = told => Err(Failed::Stopped),
        }
    }
}

/// Why a call gave nothing, before it has a name.
enum Failed {
    Hub(kube::Error),
    Stopped,
}

impl Failed {
    fn named<K: Object>(
        self,
        name: &str,
        by: fn(Cow<'static, str>, String, kube::Error) -> Error,
    ) -> Error {
        let (kind, name) = (K::kind(&()), name.to_owned());
        match self {
            Self::Hub(source) => by(kind, name, source),
            Self::Stopped => Error::Stopped { kind, name },
        }
    }
}

const fn reading(kind: Cow<'static, str>, name: String, source: kube::Error) -> Error {
    Error::Read { kind, name, source }
}

const fn writing(kind: Cow<'static, str>, name: String, source: kube::Error) -> Error {
    Error::Write { kind, name, source }
}

fn content_of(config_map: ConfigMap) -> BTreeMap<String, Vec<u8>> {
    let text = config_map.data.unwrap_or_default().into_iter();
    let text = text.map(|(key, value)| (key, value.into_bytes()));
    let bytes = config_map.binary_data.unwrap_or_default().into_iter();
    text.chain(bytes.map(|(key, ByteString(value))| (key, value)))
        .collect()
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

/// Without an end of its own.
fn patient() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_max_delay(Duration::from_secs(15))
        .without_max_times()
        .with_jitter()
}

fn code_of(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

/// Whether the hub may answer otherwise next time: it refused for good only when it said so, and what cannot
/// be read stays as it is.
fn may_pass(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => matches!(status.code, 409 | 429) || status.code >= 500,
        kube::Error::SerdeError(_) | kube::Error::BuildRequest(_) => false,
        _ => true,
    }
}

fn is_denied(error: &kube::Error) -> bool {
    matches!(code_of(error), Some(401 | 403))
}

fn is_gone(error: &kube::Error) -> bool {
    code_of(error) == Some(404)
}

fn parameters() -> PatchParams {
    PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    }
}
