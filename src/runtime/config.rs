//! The one typed store of settings. Nothing else reads the environment.
//!
//! Its source is the environment and the files that it names (docs/spec/10 §24), and the own pod, read at the start;
//! readers ask the store each time, so that another source can change settings while the process
//! runs. A setting that cannot be read is an error at the start, never a silent default: a typo in the
//! number of workers is found when it is made.

mod failed_provision;
mod metrics;
mod own_pod;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

pub use self::failed_provision::{FailedProvisionAws, FailedProvisionConfig};
pub use self::metrics::MetricsConfig;
pub use self::own_pod::Scheduling;
pub use self::read::ConfigError;

/// Which image and how pods of the operator pull it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OperatorImage {
    /// The image; empty if unknown: no pod can be made then.
    pub image: String,
    /// `Always`, `IfNotPresent` or `Never`.
    pub pull_policy: String,
}

/// Proxy settings, forwarded to pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// For plain requests.
    pub http: Option<String>,
    /// For encrypted requests.
    pub https: Option<String>,
    /// For which there is none.
    pub none: Option<String>,
}

/// How hard one controller may work; `None`: as the default says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Throttle {
    /// Runs at a time.
    pub concurrent_reconciles: Option<usize>,
    /// Requests a second.
    pub client_qps: Option<f64>,
    /// Requests at once.
    pub client_burst: Option<u32>,
    /// Queue turns a second. Read for compatibility; the queue delays per object instead.
    pub queue_qps: Option<f64>,
    /// Queue turns at once. Read for compatibility.
    pub queue_burst: Option<u32>,
}

/// All settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Namespace of the operator's own objects.
    pub hive_namespace: String,
    /// The own pod.
    pub pod_name: Option<String>,
    /// The own pod's namespace.
    pub pod_namespace: Option<String>,
    /// The operator's image.
    pub operator_image: OperatorImage,
    /// Secret in the operator's namespace with registry credentials for all clusters.
    pub global_pull_secret: Option<String>,
    /// Secret with which the operator's own image is pulled.
    pub private_image_pull_secret: Option<String>,
    /// Whether installed clusters are protected from deletion.
    pub protected_delete: bool,
    /// Whether nothing is deleted from any cloud.
    pub deprovisions_disabled: bool,
    /// How failed attempts are treated.
    pub failed_provision: FailedProvisionConfig,
    /// What metrics show.
    pub metrics: MetricsConfig,
    /// Secret for uploading install logs.
    pub install_logs_credentials_secret: Option<String>,
    /// Secret with the source profile for assumed roles.
    pub aws_service_provider_credentials_secret: Option<String>,
    /// Namespace and name of the `ConfigMap` with release signatures.
    pub release_verification_config_map: Option<(String, String)>,
    /// Authorities to add to kubeconfigs, PEM.
    pub additional_ca: Option<String>,
    /// The proxy.
    pub proxy: Proxy,
    /// Where Jobs may run.
    pub scheduling: Scheduling,
    /// Throttles by controller, in lower case; `default` is everybody's.
    pub throttles: BTreeMap<String, Throttle>,
}

/// The variables of this process's environment: for the install manager, whose interface they are
/// (docs/spec/10 §13).
pub fn variables() -> BTreeMap<String, String> {
    read::environment()
}

impl Config {
    /// Settings from the environment of this process.
    ///
    /// # Errors
    /// A setting cannot be read.
    pub fn from_environment() -> Result<Self, ConfigError> {
        read::from_variables(&read::environment(), &read::file)
    }

    /// Settings from given variables; files are not read.
    ///
    /// # Errors
    /// A setting cannot be read.
    pub fn from_variables(variables: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        read::from_variables(variables, &|_| Ok(String::new()))
    }

    /// The throttle of a controller: what is set for it, else for everybody. Case does not matter.
    pub fn throttle(&self, controller: &str) -> Throttle {
        let of = |name: &str| self.throttles.get(&name.to_ascii_lowercase()).copied();
        let own = of(controller).unwrap_or_default();
        let every = of(skep_crds::names::controller::DEFAULT).unwrap_or_default();
        Throttle {
            concurrent_reconciles: own.concurrent_reconciles.or(every.concurrent_reconciles),
            client_qps: own.client_qps.or(every.client_qps),
            client_burst: own.client_burst.or(every.client_burst),
            queue_qps: own.queue_qps.or(every.queue_qps),
            queue_burst: own.queue_burst.or(every.queue_burst),
        }
    }
}

impl Default for Config {
    /// What holds when nothing is set.
    fn default() -> Self {
        Self {
            hive_namespace: skep_crds::names::env::HIVE_NS_DEFAULT.to_owned(),
            pod_name: None,
            pod_namespace: None,
            operator_image: OperatorImage {
                image: String::new(),
                pull_policy: "Always".to_owned(),
            },
            global_pull_secret: None,
            private_image_pull_secret: None,
            protected_delete: false,
            deprovisions_disabled: false,
            failed_provision: FailedProvisionConfig::default(),
            metrics: MetricsConfig::default(),
            install_logs_credentials_secret: None,
            aws_service_provider_credentials_secret: None,
            release_verification_config_map: None,
            additional_ca: None,
            proxy: Proxy::default(),
            scheduling: Scheduling::default(),
            throttles: BTreeMap::new(),
        }
    }
}

/// The settings as they are now. Clones share them.
#[derive(Clone)]
pub struct ConfigStore {
    now: Arc<ArcSwap<Config>>,
    changed: watch::Sender<()>,
}

impl std::fmt::Debug for ConfigStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigStore").finish_non_exhaustive()
    }
}

impl ConfigStore {
    /// A store of these settings.
    pub fn new(config: Config) -> Self {
        Self {
            now: Arc::new(ArcSwap::from_pointee(config)),
            changed: watch::Sender::new(()),
        }
    }

    /// The settings as they are now. A run reads them once, so that it decides by one state of them.
    pub fn get(&self) -> Arc<Config> {
        self.now.load_full()
    }

    /// Changes the settings; who subscribed is told.
    pub fn set(&self, config: Config) {
        self.now.store(Arc::new(config));
        self.changed.send_replace(());
    }

    /// Tells of changes.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}
