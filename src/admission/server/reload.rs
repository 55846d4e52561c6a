//! Certificates and settings from files, followed while the process runs.
//!
//! What cannot be used is told once and not taken: the process goes on with what it had. Only at the
//! start are settings that cannot be used an error, as for every process of the hub; a certificate may
//! come later, and until then nothing is served.
//!
//! Mirrors docs/spec/41 §2 and docs/spec/40 §9; that settings are followed mends docs/spec/41 §15 #12.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use skep_crds::names::env;
use zeroize::Zeroizing;

use super::certificate::{Certificate, CertificateError, Served};
use super::files::Files;
use super::{Desk, Figures};
use crate::admission::{Settings, SettingsError, Sources};
use crate::runtime::{Clock, error_chain};

/// Files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// A file cannot be read.
    #[error("could not read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is no text.
    #[error("{} is no text", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::string::FromUtf8Error,
    },
    /// The pair cannot be served.
    #[error("the certificate of {} cannot be served", path.display())]
    Certificate {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: CertificateError,
    },
    /// The settings say nothing that can be understood.
    #[error("the settings cannot be used")]
    Settings(#[source] SettingsError),
}

async fn bytes(path: &Path) -> Result<Vec<u8>, ReloadError> {
    tokio::fs::read(path)
        .await
        .map_err(|source| ReloadError::Read {
            path: path.to_owned(),
            source,
        })
}

/// A certificate and its key as files.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// The certificate and what leads to its authority, in PEM.
    pub chain: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
}

impl CertificateFiles {
    async fn read(&self) -> Result<Certificate, ReloadError> {
        let chain = bytes(&self.chain).await?;
        let key = Zeroizing::new(bytes(&self.key).await?);
        Certificate::from_pem(&chain, &key).map_err(|source| ReloadError::Certificate {
            path: self.chain.clone(),
            source,
        })
    }

    /// Serves what the files hold, for ever.
    pub async fn follow(
        self,
        served: Served,
        figures: Figures,
        clock: Clock,
    ) -> std::convert::Infallible {
        let mut files = Files::new(vec![self.chain.clone(), self.key.clone()]);
        loop {
            files.changed(&clock).await;
            let read = self.read().await;
            figures.reloaded("certificate", read.is_ok());
            match read {
                Ok(certificate) => {
                    let until = certificate.validity().until;
                    if served.set(certificate) {
                        tracing::info!(%until, "another certificate is served");
                    }
                }
                // Between two writes they do not belong together; the second is noticed as well.
                Err(error) => tracing::warn!(
                    error = error_chain(&error),
                    kept = served.get().is_some(),
                    "the certificate's files cannot be used"
                ),
            }
        }
    }
}

/// Where the settings come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsFiles {
    managed_domains: Option<PathBuf>,
    private_link: Option<PathBuf>,
    contracts: Option<PathBuf>,
    feature_gates: Option<String>,
    release_verification: Option<String>,
    secret_source_namespaces: Option<String>,
}

impl SettingsFiles {
    /// As the variables of the process say.
    pub fn from_variables(variables: &BTreeMap<String, String>) -> Self {
        let text = |name: &str| variables.get(name).filter(|text| !text.is_empty()).cloned();
        let path = |name: &str| text(name).map(PathBuf::from);
        Self {
            managed_domains: path(env::MANAGED_DOMAINS_FILE),
            private_link: path(env::AWS_PRIVATELINK_CONTROLLER_CONFIG_FILE),
            contracts: path(env::SUPPORTED_CONTRACT_IMPLEMENTATIONS_FILE),
            feature_gates: text(env::HIVE_FEATURE_GATES_ENABLED),
            release_verification: text(env::HIVE_RELEASE_IMAGE_VERIFICATION_CONFIGMAP_NAME),
            secret_source_namespaces: text(env::SELECTOR_SYNCSET_SECRET_NAMESPACES),
        }
    }

    fn files(&self) -> Files {
        let paths = [&self.managed_domains, &self.private_link, &self.contracts];
        Files::new(paths.into_iter().flatten().cloned().collect())
    }

    /// The settings that they say.
    ///
    /// # Errors
    /// A file that is named and there cannot be read or understood.
    pub async fn read(&self) -> Result<Settings, ReloadError> {
        let managed_domains = text(self.managed_domains.as_deref()).await?;
        let private_link = text(self.private_link.as_deref()).await?;
        let contracts = text(self.contracts.as_deref()).await?;
        Settings::read(&Sources {
            managed_domains: managed_domains.as_deref(),
            private_link: private_link.as_deref(),
            contracts: contracts.as_deref(),
            feature_gates: self.feature_gates.as_deref(),
            release_verification: self.release_verification.as_deref(),
            secret_source_namespaces: self.secret_source_namespaces.as_deref(),
        })
        .map_err(ReloadError::Settings)
    }

    /// Lets the desk judge by what the files say, for ever.
    pub async fn follow(
        self,
        desk: Arc<Desk>,
        figures: Figures,
        clock: Clock,
    ) -> std::convert::Infallible {
        let mut files = self.files();
        loop {
            files.changed(&clock).await;
            let read = self.read().await;
            figures.reloaded("settings", read.is_ok());
            match read {
                Ok(settings) => {
                    tracing::info!("the settings were read");
                    desk.set_settings(settings);
                }
                Err(error) => tracing::warn!(
                    error = error_chain(&error),
                    "the settings' files cannot be used; the settings stay as they were"
                ),
            }
        }
    }
}

async fn text(path: Option<&Path>) -> Result<Option<String>, ReloadError> {
    let Some(path) = path else { return Ok(None) };
    let found = match bytes(path).await {
        Err(ReloadError::Read { path, source }) if source.kind() == ErrorKind::NotFound => {
            // The volumes are optional: a hub without managed domains has no ConfigMap of them.
            tracing::info!(path = %path.display(), "no such file: nothing is configured by it");
            return Ok(None);
        }
        found => found?,
    };
    String::from_utf8(found)
        .map(Some)
        .map_err(|source| ReloadError::Text {
            path: path.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use skep_crds::names::component;

    use super::*;

    fn from(file: &Path) -> SettingsFiles {
        let variables = BTreeMap::from([
            (
                env::MANAGED_DOMAINS_FILE.to_owned(),
                file.display().to_string(),
            ),
            (
                env::HIVE_FEATURE_GATES_ENABLED.to_owned(),
                "One,Two".to_owned(),
            ),
        ]);
        SettingsFiles::from_variables(&variables)
    }

    #[tokio::test]
    async fn settings_come_from_the_files_that_the_variables_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("domains");
        let settings = from(&file);
        // The volume is there, and nobody has configured anything yet.
        let read = settings.read().await.unwrap();
        assert!(read.managed_domains.is_empty() && read.feature_gates.contains("One"));
        let folder_for_file = from(folder.path());
        assert!(matches!(
            folder_for_file.read().await,
            Err(ReloadError::Read { .. })
        ));
        std::fs::write(&file, r#"[{"domains": ["managed.example.com"]}]"#).unwrap();
        let read = settings.read().await.unwrap();
        assert_eq!(read.managed_domains, ["managed.example.com"]);
        assert!(read.feature_gates.contains("Two"));
        std::fs::write(&file, "{").unwrap();
        assert!(matches!(
            settings.read().await,
            Err(ReloadError::Settings(_))
        ));
        std::fs::write(&file, [0xff]).unwrap();
        assert!(matches!(
            settings.read().await,
            Err(ReloadError::Text { .. })
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn settings_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("domains");
        let metrics = crate::runtime::metrics::Metrics::new();
        let (figures, clock) = (Figures::new(&metrics), Clock::real());
        let desk = Desk::new(
            Settings::default(),
            Served::default(),
            figures.clone(),
            clock.clone(),
        );
        let desk = Arc::new(desk);
        let following = tokio::spawn(from(&file).follow(desk.clone(), figures, clock.clone()));
        for domains in [&["a.example.com"][..], &["b.example.com"], &[]] {
            if domains.is_empty() {
                std::fs::remove_file(&file).unwrap();
            } else {
                let text = serde_json::json!([{"domains": domains}]).to_string();
                std::fs::write(&file, text).unwrap();
            }
            while desk.settings().managed_domains != domains {
                clock.sleep(super::super::files::LOOK).await;
            }
        }
        // What cannot be understood changes nothing.
        std::fs::write(&file, "{").unwrap();
        let refused = r#"skep_admission_reloads_total{files="settings",outcome="refused"} 1"#;
        while !metrics.text().contains(refused) {
            clock.sleep(super::super::files::LOOK).await;
        }
        assert!(desk.settings().feature_gates.contains("One"));
        following.abort();
    }

    /// What the shipped Deployment says: each variable leads into a volume of a ConfigMap under the name that
    /// it has on every hub, and no hub needs to have it.
    #[test]
    fn the_shipped_deployment_hands_the_settings_over() {
        let text = include_str!("../../../manifests/base/admission/deployment.yaml");
        let deployment: serde_json::Value = serde_saphyr::from_str(text).unwrap();
        let pod = &deployment["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let named = |list: &serde_json::Value, key: &str, name: &str| {
            let mut items = list.as_array().into_iter().flatten();
            items
                .find(|item| item[key] == name)
                .cloned()
                .unwrap_or_default()
        };
        let mut variables = BTreeMap::new();
        for (variable, config_map, key) in [
            (
                env::MANAGED_DOMAINS_FILE,
                component::MANAGED_DOMAINS,
                "managed-domains",
            ),
            (
                env::AWS_PRIVATELINK_CONTROLLER_CONFIG_FILE,
                component::AWS_PRIVATE_LINK,
                "aws-private-link",
            ),
            (
                env::SUPPORTED_CONTRACT_IMPLEMENTATIONS_FILE,
                component::SUPPORTED_CONTRACTS,
                "supported-contracts",
            ),
        ] {
            let value = named(&container["env"], "name", variable)["value"].clone();
            let path = value.as_str().unwrap_or_default();
            let folder = path.strip_suffix(&format!("/{key}")).unwrap();
            let mount = named(&container["volumeMounts"], "mountPath", folder);
            let volume = named(&pod["volumes"], "name", mount["name"].as_str().unwrap());
            let wanted = serde_json::json!({"name": config_map, "optional": true});
            assert_eq!(volume["configMap"], wanted, "{variable}");
            variables.insert(variable.to_owned(), path.to_owned());
        }
        let files = SettingsFiles::from_variables(&variables);
        assert!(files.managed_domains.is_some());
        assert!(files.private_link.is_some() && files.contracts.is_some());
        for config_map in [component::FEATURE_GATES, "hiveadmission-settings"] {
            let wanted =
                serde_json::json!({"configMapRef": {"name": config_map, "optional": true}});
            let from = container["envFrom"].as_array().unwrap();
            assert!(from.contains(&wanted), "{config_map}");
        }
    }
}
