//! The steps of docs/spec/10 §14.2, in order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use serde_json::{Value, json};
use skep_crds::names::object_name::{
    TRUSTED_CA_CONFIG_MAP, admin_kubeconfig_secret, admin_password_secret,
};
use skep_crds::names::skep::CLOUD_ACCOUNT_ANNOTATION;
use skep_crds::names::{annotation, env, path, secret_key, value};
use skep_crds::platform::PlatformKind;
use skep_crds::{ClusterDeployment, ClusterProvision, Stage};
use skep_providers::{Account, Cloud, ConnectRequest, CredentialSource, SecretData};
use tokio::sync::watch;

use super::hub::Hub;
use super::leftovers::{self, Before};
use super::projection::{self, Variables, below, write_all, write_file};
use super::redact::{Redactor, scrub_metadata};
use super::runner::{Ended, Installer};
use super::{documents, hub, logs, runner};
use crate::install::install_config;
use crate::runtime::{Clock, error_chain};

/// The installer's own log, below the working directory.
const INSTALLER_LOG: &str = ".openshift_install.log";

/// Where stdout and stderr of all commands go, below the pod's root.
const CONSOLE_LOG: &str = "/tmp/openshift-install-console.log";

/// How long the question whether bootstrapping is over may take (docs/spec/10 §14.7).
const BOOTSTRAP_QUESTION: Duration = Duration::from_mins(1);

/// Milestones come in bursts; the hub is told of the last one at most this often.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// What the command line and the pod's variables say.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Namespace of the attempt.
    pub namespace: String,
    /// Name of the ClusterProvision.
    pub provision: String,
    /// The installer's working directory.
    pub work_dir: PathBuf,
    /// The pod's root; another folder in tests.
    pub root: PathBuf,
    /// The installer.
    pub installer: PathBuf,
    /// The variables that name Secrets and ConfigMaps (docs/spec/10 §13).
    pub variables: BTreeMap<String, String>,
}

impl Settings {
    fn named(&self, variable: &str) -> Option<&str> {
        self.variables
            .get(variable)
            .map(String::as_str)
            .filter(|name| !name.is_empty())
    }
}

/// Why the attempt ended without a cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The hub did not do its part.
    #[error(transparent)]
    Hub(#[from] hub::Error),
    /// Files could not be put in place.
    #[error(transparent)]
    Projection(#[from] projection::Error),
    /// A document could not be edited.
    #[error(transparent)]
    Document(#[from] documents::Error),
    /// The installer could not be run.
    #[error(transparent)]
    Run(#[from] runner::Error),
    /// A file of the installer is missing or cannot be moved.
    #[error("cannot read or copy {path}")]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The install-config does not parse.
    #[error("{0}")]
    InstallConfig(String),
    /// The pod was restarted in the middle of its attempt.
    #[error(
        "this attempt already has infra ID {infra_id}: the install pod was restarted; the attempt ends here and is cleaned up"
    )]
    Restarted {
        /// The infra ID.
        infra_id: String,
    },
    /// The account cannot be told.
    #[error("cannot tell which cloud account the credentials belong to")]
    Account(#[source] skep_providers::Error),
    /// The attempt before may have left something that cannot be erased.
    #[error("what attempt {name} left in the cloud is not erased")]
    Leftovers {
        /// The attempt before.
        name: String,
        /// Why.
        #[source]
        source: leftovers::Error,
    },
    /// The installer's description of the cluster is unusable.
    #[error("metadata.json of the installer {0}")]
    Metadata(String),
    /// The installer failed.
    #[error("openshift-install {command} ended with {status}")]
    Installer {
        /// The command.
        command: String,
        /// How it ended.
        status: String,
    },
    /// The pod was told to stop.
    #[error("the install pod was told to stop while openshift-install {command} ran")]
    Interrupted {
        /// The command.
        command: String,
    },
}

/// Installs. `clouds` tells which account the credentials belong to.
pub async fn run(
    settings: &Settings,
    client: Client,
    clouds: &BTreeMap<PlatformKind, Arc<dyn Cloud>>,
    stop: watch::Receiver<bool>,
) -> Result<(), Error> {
    let hub = Hub::new(client, &settings.namespace, &settings.provision);
    let provision = hub.provision().await?;
    let cluster = hub.cluster(provision.spec.cluster_deployment()).await?;
    if !is_due(&provision, &cluster) {
        tracing::info!(
            stage = provision.spec.stage.as_str(),
            "nothing to do for this attempt"
        );
        return Ok(());
    }
    if let Some(infra_id) = provision.spec.infra_id.clone() {
        return Err(Error::Restarted { infra_id });
    }
    let mut attempt = Attempt::prepare(settings, hub, &cluster, stop).await?;
    let console = below(&settings.root, CONSOLE_LOG);
    let outcome = attempt.install(&provision, &cluster, clouds).await;
    attempt.end_log().await;
    // The log is saved whatever happened; without it the operator cannot say why.
    if let Some(log) = logs::tail(&console, &attempt.redactor).await
        && let Err(error) = attempt
            .hub
            .merge_provision(json!({"spec": {"installLog": log}}))
            .await
    {
        tracing::warn!(
            error = error_chain(&error),
            "the installer's log could not be saved"
        );
    }
    outcome
}

fn is_due(provision: &ClusterProvision, cluster: &ClusterDeployment) -> bool {
    match provision.spec.stage {
        Stage::Initializing | Stage::Provisioning => !cluster.spec.installed,
        Stage::Complete | Stage::Failed | Stage::Other(_) => false,
    }
}

struct Attempt<'a> {
    settings: &'a Settings,
    hub: Arc<Hub>,
    installer: Installer,
    redactor: Arc<Redactor>,
    install_config: install_config::Facts,
    credentials: Option<SecretData>,
    log_done: watch::Sender<bool>,
    log_tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl<'a> Attempt<'a> {
    /// Steps 2 to 7: everything the installer needs, and everything a log must not show.
    async fn prepare(
        settings: &'a Settings,
        hub: Hub,
        cluster: &ClusterDeployment,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, Error> {
        let keeps = annotation_of(cluster, annotation::DISABLE_INSTALL_LOG_PASSWORD_REDACTION);
        let mut redactor = Redactor::new(annotation::is_true(keeps));
        let mut inputs = Inputs {
            settings,
            hub: &hub,
            redactor: &mut redactor,
        };
        let (install_config, credentials, environment) = inputs.project(cluster).await?;
        let console_log = below(&settings.root, CONSOLE_LOG);
        create_folder(console_log.parent().unwrap_or(&settings.root))?;
        create_folder(&settings.work_dir)?;
        let installer = Installer {
            program: settings.installer.clone(),
            work_dir: settings.work_dir.clone(),
            console_log,
            environment,
            stop,
        };
        let (log_done, _) = watch::channel(false);
        let mut attempt = Self {
            settings,
            hub: Arc::new(hub),
            installer,
            redactor: Arc::new(redactor),
            install_config,
            credentials,
            log_done,
            log_tasks: Vec::new(),
        };
        attempt.follow_log();
        Ok(attempt)
    }

    /// Steps 8 and 11 to 16.
    async fn install(
        &mut self,
        provision: &ClusterProvision,
        cluster: &ClusterDeployment,
        clouds: &BTreeMap<PlatformKind, Arc<dyn Cloud>>,
    ) -> Result<(), Error> {
        let account = self.open(cluster, clouds).await?;
        if let Some(account) = &account {
            self.erase_leftovers(provision, cluster, account).await?;
        }
        self.succeed(&["create", "manifests"]).await?;
        self.change_manifests(cluster)?;
        self.succeed(&["create", "ignition-configs"]).await?;
        let identity = match &account {
            Some(account) => Some(
                account
                    .identity()
                    .await
                    .map_err(Error::Account)?
                    .to_string(),
            ),
            None => None,
        };
        self.hand_over(identity).await?;
        tracing::info!("waiting for the hub to record the infra ID");
        self.hub.permission().await?;
        self.create_cluster(cluster).await?;
        // The installer adds the router's certificate authority at the very end (docs/spec/50 §4).
        self.store_kubeconfig().await
    }

    async fn succeed(&self, arguments: &[&str]) -> Result<(), Error> {
        let command = arguments.join(" ");
        tracing::info!(command, "running openshift-install");
        match self.installer.run(arguments, None).await? {
            Ended::Exited(status) if status.success() => Ok(()),
            Ended::Exited(status) => Err(Error::Installer {
                command,
                status: status.to_string(),
            }),
            Ended::Interrupted => Err(Error::Interrupted { command }),
        }
    }

    /// docs/spec/10 §14.5, steps 2, 5 and 6.
    fn change_manifests(&self, cluster: &ClusterDeployment) -> Result<(), Error> {
        let root = &self.settings.root;
        let manifests = self.settings.work_dir.join("manifests");
        let key = below(root, path::BOUND_SA_SIGNING_KEY).join(secret_key::BOUND_SA_SIGNING_KEY);
        if key.exists() {
            let tls = self.settings.work_dir.join("tls");
            copy_file(&key, &tls.join(secret_key::BOUND_SA_SIGNING_KEY))?;
        }
        for extra in files_of(&below(root, path::MANIFESTS))? {
            if let Some(name) = extra.file_name() {
                copy_file(&extra, &manifests.join(name))?;
            }
        }
        if let Some(mode) = annotation_of(cluster, annotation::OVERRIDE_IN_CLUSTER_CREDENTIALS_MODE)
        {
            let file = manifests.join("cluster-config.yaml");
            let changed = documents::with_credentials_mode(&read_text(&file)?, mode)?;
            write_file(&file, changed.as_bytes())?;
        }
        Ok(())
    }

    /// Step 8. Its two admin Secrets are the operator's to delete.
    async fn erase_leftovers(
        &self,
        provision: &ClusterProvision,
        cluster: &ClusterDeployment,
        account: &Arc<dyn Account>,
    ) -> Result<(), Error> {
        let spec = &provision.spec;
        let infra_id = spec.prev_infra_id.as_deref().filter(|id| !id.is_empty());
        let Some(infra_id) = infra_id else {
            return Ok(());
        };
        let name = spec.prev_provision_name.clone().unwrap_or_default();
        let found = if name.is_empty() {
            None
        } else {
            self.hub.attempt(&name).await?
        };
        let failed = |source| Error::Leftovers {
            name: name.clone(),
            source,
        };
        let before = Before::of(infra_id, found.as_ref()).map_err(failed)?;
        tracing::info!(
            infra_id,
            "looking for what the attempt before left in the cloud"
        );
        let base_domain = &cluster.spec.base_domain;
        let (clock, stop) = (Clock::real(), self.installer.stop.clone());
        let receipt = Box::pin(leftovers::erase(
            &before,
            base_domain,
            account,
            &clock,
            stop,
        ));
        let receipt = receipt.await.map_err(failed)?;
        tracing::info!(
            deleted = receipt.deleted.len(),
            untagged = receipt.untagged.len(),
            "nothing is left of it"
        );
        Ok(())
    }

    /// The account that the credentials belong to; the deprovision engine refuses to act in another one
    /// (docs/spec/20 §13.3).
    async fn open(
        &self,
        cluster: &ClusterDeployment,
        clouds: &BTreeMap<PlatformKind, Arc<dyn Cloud>>,
    ) -> Result<Option<Arc<dyn Account>>, Error> {
        let platform = &cluster.spec.platform;
        let Some(cloud) = clouds.get(&platform.kind()) else {
            return Ok(None);
        };
        let request = ConnectRequest {
            source: source_of(self.credentials.clone()),
            region: platform.region().unwrap_or_default().to_owned(),
            endpoints: self.install_config.endpoints.clone(),
        };
        cloud
            .connect(request)
            .await
            .map(Some)
            .map_err(Error::Account)
    }

    /// Steps 12 to 14: one write puts infra ID, metadata and account on record together.
    async fn hand_over(&self, account: Option<String>) -> Result<(), Error> {
        let text = read_text(&self.settings.work_dir.join("metadata.json"))?;
        let mut metadata: Value = serde_json::from_str(&text)
            .map_err(|error| Error::Metadata(format!("is not valid JSON: {error}")))?;
        let member = |name: &str| {
            metadata
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let cluster_id = member("clusterID");
        let infra_id = member("infraID").filter(|id| !id.is_empty());
        let infra_id = infra_id.ok_or_else(|| Error::Metadata("has no infraID".to_owned()))?;
        scrub_metadata(&mut metadata);
        self.store_kubeconfig().await?;
        self.store_password().await?;
        let provision = &self.settings.provision;
        let mut patch = json!({"spec": {
            "infraID": infra_id,
            "clusterID": cluster_id,
            "metadataJSON": k8s_openapi::ByteString(metadata.to_string().into_bytes()),
            "adminKubeconfigSecretRef": {"name": admin_kubeconfig_secret(provision)},
            "adminPasswordSecretRef": {"name": admin_password_secret(provision)},
        }});
        if let Some(account) = account {
            patch["metadata"] = json!({"annotations": {CLOUD_ACCOUNT_ANNOTATION: account}});
        }
        self.hub.merge_provision(patch).await?;
        tracing::info!(infra_id, "the hub was told the infra ID");
        Ok(())
    }

    async fn store_kubeconfig(&self) -> Result<(), Error> {
        let kubeconfig = read_text(&self.settings.work_dir.join("auth/kubeconfig"))?;
        let bytes = kubeconfig.as_bytes();
        let data = BTreeMap::from([
            (secret_key::KUBECONFIG, bytes),
            (secret_key::RAW_KUBECONFIG, bytes),
        ]);
        Ok(self
            .hub
            .fill_secret(&admin_kubeconfig_secret(&self.settings.provision), &data)
            .await?)
    }

    async fn store_password(&self) -> Result<(), Error> {
        let password = read_text(&self.settings.work_dir.join("auth/kubeadmin-password"))?;
        let data = BTreeMap::from([
            (secret_key::USERNAME, value::KUBEADMIN.as_bytes()),
            (secret_key::PASSWORD, password.trim().as_bytes()),
        ]);
        Ok(self
            .hub
            .fill_secret(&admin_password_secret(&self.settings.provision), &data)
            .await?)
    }

    /// docs/spec/10 §14.7 and §14.8. The extra waits end at the first success (§26.1 W9).
    async fn create_cluster(&self, cluster: &ClusterDeployment) -> Result<(), Error> {
        let mut outcome = self
            .succeed(&["create", "cluster", "--skip-password-print"])
            .await;
        let waits = annotation_of(cluster, annotation::WAIT_FOR_INSTALL_COMPLETE_EXECUTIONS);
        let waits: u32 = waits.and_then(|text| text.parse().ok()).unwrap_or(0);
        if waits > 0
            && matches!(outcome, Err(Error::Installer { .. }))
            && self.bootstrapped().await?
        {
            for _ in 0..waits {
                if !matches!(outcome, Err(Error::Installer { .. })) {
                    break;
                }
                outcome = self.succeed(&["wait-for", "install-complete"]).await;
            }
        }
        if matches!(outcome, Err(Error::Installer { .. })) {
            self.pause(cluster).await;
        }
        outcome
    }

    async fn bootstrapped(&self) -> Result<bool, Error> {
        let question = ["wait-for", "bootstrap-complete"];
        let ended = self
            .installer
            .run(&question, Some(BOOTSTRAP_QUESTION))
            .await?;
        Ok(matches!(ended, Ended::Exited(status) if status.success()))
    }

    /// Keeps the failed pod for a look inside, as the annotation asks; an unreadable duration asks
    /// nothing (docs/spec/10 §14.8).
    async fn pause(&self, cluster: &ClusterDeployment) {
        let asked = annotation_of(cluster, annotation::PAUSE_ON_INSTALL_FAILURE);
        let Some(asked) = asked.and_then(|text| text.parse::<jiff::SignedDuration>().ok()) else {
            return;
        };
        let Ok(duration) = Duration::try_from(asked) else {
            return;
        };
        tracing::info!(
            ?duration,
            "the installation failed; the pod stays for a look inside"
        );
        let mut stop = self.installer.stop.clone();
        tokio::select! {
            () = tokio::time::sleep(duration) => {}
            _ = stop.wait_for(|stopped| *stopped) => {}
        }
    }

    fn follow_log(&mut self) {
        let (milestone, reached) = watch::channel(None);
        let log = self.settings.work_dir.join(INSTALLER_LOG);
        let shown = logs::show(
            log,
            Arc::clone(&self.redactor),
            milestone,
            self.log_done.subscribe(),
        );
        self.log_tasks.push(tokio::spawn(shown));
        self.log_tasks
            .push(tokio::spawn(tell_progress(Arc::clone(&self.hub), reached)));
    }

    async fn end_log(&mut self) {
        self.log_done.send_replace(true);
        for task in self.log_tasks.drain(..) {
            // A task that panicked costs lines of the log, never the attempt.
            let _ = task.await;
        }
    }
}

async fn tell_progress(hub: Arc<Hub>, mut reached: watch::Receiver<Option<String>>) {
    while reached.changed().await.is_ok() {
        let Some(sentence) = reached.borrow_and_update().clone() else {
            continue;
        };
        if let Err(error) = hub.show_progress(&sentence).await {
            tracing::debug!(%error, "the progress could not be shown");
        }
        tokio::time::sleep(PROGRESS_EVERY).await;
    }
}

/// What goes into the pod's folders.
struct Inputs<'a> {
    settings: &'a Settings,
    hub: &'a Hub,
    redactor: &'a mut Redactor,
}

impl Inputs<'_> {
    async fn project(
        &mut self,
        cluster: &ClusterDeployment,
    ) -> Result<(install_config::Facts, Option<SecretData>, Variables), Error> {
        let root = self.settings.root.clone();
        let mut environment = Variables::new();
        let credentials = self.secret(env::CREDS_SECRET_NAME).await?;
        if let Some((name, secret)) = &credentials {
            let platform = cluster.spec.platform.kind();
            environment.extend(projection::credentials(platform, name, secret, &root)?);
        }
        if let Some((_, secret)) = self.secret(env::MANIFESTS_SECRET_NAME).await? {
            write_all(&below(&root, path::MANIFESTS), &entries(&secret))?;
        } else if let Some(name) = self.settings.named(env::MANIFESTS_CONFIGMAP_NAME)
            && let Some(files) = self.hub.config_map(name).await?
        {
            write_all(&below(&root, path::MANIFESTS), &files)?;
        }
        environment.extend(
            self.key_file(
                env::BOUND_TOKEN_SIGNING_KEY_SECRET_NAME,
                secret_key::BOUND_SA_SIGNING_KEY,
                path::BOUND_SA_SIGNING_KEY,
                env::BOUND_SA_SIGNING_KEY,
            )
            .await?,
        );
        environment.extend(
            self.key_file(
                env::SSH_PRIVATE_KEY_SECRET_PATH,
                secret_key::SSH_PRIVATE_KEY,
                path::SSH_KEYS,
                env::SSH_PRIV_KEY_PATH,
            )
            .await?,
        );
        self.trusted_authorities().await?;
        self.known_hosts(cluster)?;
        let facts = self.install_config().await?;
        Ok((facts, credentials.map(|(_, secret)| secret), environment))
    }

    /// Step 6: the install-config with the merged pull secret.
    async fn install_config(&mut self) -> Result<install_config::Facts, Error> {
        let config = self
            .required(env::INSTALLCONFIG_SECRET_NAME, secret_key::INSTALL_CONFIG)
            .await?;
        let pull = self
            .required(env::PULLSECRET_SECRET_NAME, secret_key::DOCKER_CONFIG_JSON)
            .await?;
        let facts = install_config::Facts::parse(&config).map_err(Error::InstallConfig)?;
        let merged = documents::with_pull_secret(&config, &pull)?;
        write_file(
            &self.settings.work_dir.join("install-config.yaml"),
            merged.as_bytes(),
        )?;
        Ok(facts)
    }

    async fn required(&mut self, variable: &str, key: &'static str) -> Result<String, Error> {
        let missing = |secret: &str| projection::Error::NoKey {
            secret: secret.to_owned(),
            key,
        };
        let (name, secret) = self
            .secret(variable)
            .await?
            .ok_or_else(|| missing(variable))?;
        // An install-config is no secret as a whole, but what it holds may be; its values are learnt
        // from the Secrets they come from.
        let text = secret
            .get(key)
            .and_then(|bytes| std::str::from_utf8(bytes).ok());
        Ok(text.ok_or_else(|| missing(&name))?.to_owned())
    }

    async fn key_file(
        &mut self,
        names_secret: &str,
        key: &'static str,
        folder: &str,
        names_file: &str,
    ) -> Result<Option<(String, String)>, Error> {
        let Some((name, secret)) = self.secret(names_secret).await? else {
            return Ok(None);
        };
        let bytes = secret
            .get(key)
            .ok_or(projection::Error::NoKey { secret: name, key })?;
        write_file(&below(&self.settings.root, folder).join(key), bytes)?;
        Ok(Some((names_file.to_owned(), format!("{folder}/{key}"))))
    }

    /// The Secret that a variable names, with its values learnt by the redactor.
    async fn secret(&mut self, variable: &str) -> Result<Option<(String, SecretData)>, Error> {
        let Some(name) = self.settings.named(variable) else {
            return Ok(None);
        };
        let secret = self.hub.secret(name).await?;
        if variable != env::INSTALLCONFIG_SECRET_NAME {
            secret
                .keys()
                .filter_map(|key| secret.get(key))
                .for_each(|value| self.redactor.learn(value));
        }
        Ok(Some((name.to_owned(), secret)))
    }

    /// The hub's authorities, where `SSL_CERT_DIR` points (docs/spec/10 §14.3).
    async fn trusted_authorities(&self) -> Result<(), Error> {
        let Some(files) = self.hub.config_map(TRUSTED_CA_CONFIG_MAP).await? else {
            return Ok(());
        };
        let filled = files
            .into_iter()
            .filter(|(_, bytes)| !bytes.is_empty())
            .collect();
        Ok(write_all(
            &below(&self.settings.root, path::TRUSTED_CA_COPY),
            &filled,
        )?)
    }

    /// Step 7.
    fn known_hosts(&self, cluster: &ClusterDeployment) -> Result<(), Error> {
        let provisioning = cluster.spec.provisioning.as_ref();
        let hosts = provisioning
            .and_then(|p| p.ssh_known_hosts.clone())
            .unwrap_or_default();
        if hosts.is_empty() {
            return Ok(());
        }
        let file = below(&self.settings.root, path::HOME).join(".ssh/known_hosts");
        Ok(write_file(&file, (hosts.join("\n") + "\n").as_bytes())?)
    }
}

/// The Secret that the operator gave this pod says it all. With `credentialsAssumeRole` its default profile
/// is that role already; to assume the role once more would take a role that trusts itself.
fn source_of(secret: Option<SecretData>) -> CredentialSource {
    secret
        .map(CredentialSource::from_secret)
        .unwrap_or_default()
}

fn entries(secret: &SecretData) -> BTreeMap<String, Vec<u8>> {
    secret
        .keys()
        .filter_map(|key| Some((key.to_owned(), secret.get(key)?.to_vec())))
        .collect()
}

fn annotation_of<'a>(cluster: &'a ClusterDeployment, name: &str) -> Option<&'a str> {
    cluster
        .metadata
        .annotations
        .as_ref()?
        .get(name)
        .map(String::as_str)
}

fn read_text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

fn create_folder(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

fn copy_file(from: &Path, to: &Path) -> Result<(), Error> {
    let failed = |source| Error::File {
        path: from.to_owned(),
        source,
    };
    let bytes = std::fs::read(from).map_err(failed)?;
    Ok(write_file(to, &bytes)?)
}

/// The plain files of a folder that need not exist, in order of their names.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::File {
        path: folder.to_owned(),
        source,
    };
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_in_the_pods_secret_is_not_assumed_a_second_time() {
        let config = "[default]\nrole_arn = skep-canary-7f3a\nsource_profile = source\n";
        let secret = [(
            secret_key::AWS_CONFIG.to_owned(),
            config.as_bytes().to_vec(),
        )];
        let source = source_of(Some(secret.into_iter().collect()));
        assert!(source.assume_role.is_none() && source.provider_secret.is_none());
        let secret = source.secret.unwrap();
        assert_eq!(secret.text(secret_key::AWS_CONFIG), Some(config.trim()));
    }
}
