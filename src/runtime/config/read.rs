//! From variables to settings.

use std::collections::BTreeMap;

use skep_crds::names::env;

use super::{Config, MetricsConfig, OperatorImage, Proxy, Throttle};

/// A setting cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not a number, or none that makes sense.
    #[error("{variable}={value:?} is not a positive number")]
    Number {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
    },
    /// Neither true nor false.
    #[error("{variable}={value:?} is neither true nor false")]
    Boolean {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
    },
    /// A file that a variable names cannot be read.
    #[error("could not read {path}, which {variable} names")]
    File {
        /// The variable.
        variable: &'static str,
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A label that no metric can have.
    #[error("{label:?}, an additional label of metrics, is no label's name")]
    Label {
        /// The label.
        label: String,
    },
    /// A file that a variable names is not what it should be.
    #[error("{path}, which {variable} names, cannot be understood")]
    Content {
        /// The variable.
        variable: &'static str,
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// Reads a file; a parameter, so that tests need none.
type ReadFile<'a> = &'a dyn Fn(&str) -> std::io::Result<String>;

/// The environment of this process. What is not Unicode is nobody's setting.
pub(super) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

pub(super) fn file(path: &str) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

pub(super) fn from_variables(
    variables: &BTreeMap<String, String>,
    read: ReadFile<'_>,
) -> Result<Config, ConfigError> {
    let text = |name: &str| {
        variables
            .get(name)
            .filter(|value| !value.is_empty())
            .cloned()
    };
    let defaults = Config::default();
    let image = OperatorImage {
        image: text(env::HIVE_IMAGE).unwrap_or_default(),
        pull_policy: text(env::HIVE_IMAGE_PULL_POLICY)
            .unwrap_or(defaults.operator_image.pull_policy),
    };
    let signatures = text(env::HIVE_RELEASE_IMAGE_VERIFICATION_CONFIGMAP_NS)
        .zip(text(env::HIVE_RELEASE_IMAGE_VERIFICATION_CONFIGMAP_NAME));
    Ok(Config {
        hive_namespace: text(env::HIVE_NS).unwrap_or(defaults.hive_namespace),
        pod_name: text(env::POD_NAME),
        pod_namespace: text(env::POD_NAMESPACE),
        operator_image: image,
        global_pull_secret: text(env::GLOBAL_PULL_SECRET),
        private_image_pull_secret: text(env::HIVE_PRIVATE_IMAGE_PULL_SECRET),
        protected_delete: boolean(env::PROTECTED_DELETE, text(env::PROTECTED_DELETE))?,
        deprovisions_disabled: boolean(
            env::DEPROVISIONS_DISABLED,
            text(env::DEPROVISIONS_DISABLED),
        )?,
        failed_provision: json(
            env::FAILED_PROVISION_CONFIG_FILE,
            text(env::FAILED_PROVISION_CONFIG_FILE),
            read,
        )?,
        metrics: metrics(text(env::METRICS_CONFIG_FILE), read)?,
        install_logs_credentials_secret: text(env::HIVE_INSTALL_LOGS_CREDENTIALS_SECRET),
        aws_service_provider_credentials_secret: text(
            env::HIVE_AWS_SERVICE_PROVIDER_CREDENTIALS_SECRET,
        ),
        release_verification_config_map: signatures,
        additional_ca: content(env::ADDITIONAL_CA, text(env::ADDITIONAL_CA), read)?,
        proxy: Proxy {
            http: text(env::HTTP_PROXY),
            https: text(env::HTTPS_PROXY),
            none: text(env::NO_PROXY),
        },
        throttles: throttles(variables)?,
        // The own pod tells it, not the environment.
        scheduling: defaults.scheduling,
    })
}

fn throttles(
    variables: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Throttle>, ConfigError> {
    let mut throttles: BTreeMap<String, Throttle> = BTreeMap::new();
    let of =
        |variable: &str, suffix: &str| variable.strip_suffix(suffix).map(str::to_ascii_lowercase);
    for (variable, value) in variables {
        if value.is_empty() {
            continue;
        }
        if let Some(name) = of(variable, env::SUFFIX_CONCURRENT_RECONCILES) {
            let count: u32 = number(variable, value)?;
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            throttles.entry(name).or_default().concurrent_reconciles = Some(count);
        } else if let Some(name) = of(variable, env::SUFFIX_CLIENT_QPS) {
            throttles.entry(name).or_default().client_qps = Some(number(variable, value)?);
        } else if let Some(name) = of(variable, env::SUFFIX_CLIENT_BURST) {
            throttles.entry(name).or_default().client_burst = Some(number(variable, value)?);
        } else if let Some(name) = of(variable, env::SUFFIX_QUEUE_QPS) {
            throttles.entry(name).or_default().queue_qps = Some(number(variable, value)?);
        } else if let Some(name) = of(variable, env::SUFFIX_QUEUE_BURST) {
            throttles.entry(name).or_default().queue_burst = Some(number(variable, value)?);
        }
    }
    Ok(throttles)
}

/// A positive number.
fn number<N: std::str::FromStr + PartialOrd + Default>(
    variable: &str,
    value: &str,
) -> Result<N, ConfigError> {
    value
        .trim()
        .parse()
        .ok()
        .filter(|number| *number > N::default())
        .ok_or_else(|| ConfigError::Number {
            variable: variable.to_owned(),
            value: value.to_owned(),
        })
}

/// The spellings that Hive accepts; nothing is false.
fn boolean(variable: &str, value: Option<String>) -> Result<bool, ConfigError> {
    let Some(value) = value else { return Ok(false) };
    match value.as_str() {
        "1" | "t" | "T" | "TRUE" | "true" | "True" | "enabled" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(ConfigError::Boolean {
            variable: variable.to_owned(),
            value,
        }),
    }
}

fn content(
    variable: &'static str,
    path: Option<String>,
    read: ReadFile<'_>,
) -> Result<Option<String>, ConfigError> {
    let Some(path) = path else { return Ok(None) };
    match read(&path) {
        Ok(text) => Ok(Some(text).filter(|text| !text.trim().is_empty())),
        Err(source) => Err(ConfigError::File {
            variable,
            path,
            source,
        }),
    }
}

fn metrics(path: Option<String>, read: ReadFile<'_>) -> Result<MetricsConfig, ConfigError> {
    let config: MetricsConfig = json(env::METRICS_CONFIG_FILE, path, read)?;
    match config.impossible_label() {
        None => Ok(config),
        Some(label) => Err(ConfigError::Label {
            label: label.to_owned(),
        }),
    }
}

/// The content of a file, or what holds without one.
fn json<T: Default + serde::de::DeserializeOwned>(
    variable: &'static str,
    path: Option<String>,
    read: ReadFile<'_>,
) -> Result<T, ConfigError> {
    let Some(text) = content(variable, path.clone(), read)? else {
        return Ok(T::default());
    };
    serde_json::from_str(&text).map_err(|source| ConfigError::Content {
        variable,
        path: path.unwrap_or_default(),
        source,
    })
}
