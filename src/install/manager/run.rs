//! The steps of docs/spec/10 §14.2, in order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use serde_json::{Value, json};
use skep_crds::names::object_name::{admin_kubeconfig_secret, admin_password_secret};
use skep_crds::names::reason::skep::{INSTALL_POD_FAILED, INSTALL_POD_INTERRUPTED};
use skep_crds::names::skep::CLOUD_ACCOUNT_ANNOTATION;
use skep_crds::names::{annotation, env, path, secret_key, value};
use skep_crds::platform::PlatformKind;
use skep_crds::{ClusterDeployment, ClusterProvision, Stage};
use skep_providers::{Account, Cloud, ConnectRequest, CredentialSource, SecretData};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::hub::Hub;
use super::inputs::Inputs;
use super::leftovers::{self, Before};
use super::projection::{self, below, write_file};
use super::redact::{Redactor, scrub_metadata};
use super::runner::{Ended, Installer};
use super::{documents, hub, logs, runner};
use crate::install::{install_config, job, last_words};
use crate::runtime::{Clock, error_chain};

/// The installer's own log, below the working directory.
const INSTALLER_LOG: &str = ".openshift_install.log";

/// Where stdout and stderr of all commands go, below the pod's root.
const CONSOLE_LOG: &str = "/tmp/openshift-install-console.log";

/// How long the question whether bootstrapping is over may take (docs/spec/10 §14.7).
const BOOTSTRAP_QUESTION: Duration = Duration::from_mins(1);

/// The end of the pod's time that is left to say that the attempt is over (docs/spec/10 §13).
const FOR_THE_END: Duration = Duration::from_mins(10);

/// However late it is, the hub is asked at least so long to take the last kubeconfig.
const LEAST_PATIENCE: Duration = Duration::from_mins(1);

/// What is told while the installer runs is not worth waiting for when it has ended.
const PROGRESS_AT_END: Duration = Duration::from_secs(2);

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
    pub(super) fn named(&self, variable: &str) -> Option<&str> {
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

impl Error {
    /// The reason of what cannot be found in the installer's log; none of what can.
    fn reason(&self, told_to_stop: bool) -> Option<&'static str> {
        match self {
            Self::Installer { .. } => None,
            Self::Interrupted { .. } => Some(INSTALL_POD_INTERRUPTED),
            _ if told_to_stop => Some(INSTALL_POD_INTERRUPTED),
            Self::Hub(_)
            | Self::Projection(_)
            | Self::Document(_)
            | Self::Run(_)
            | Self::File { .. }
            | Self::InstallConfig(_)
            | Self::Restarted { .. }
            | Self::Account(_)
            | Self::Leftovers { .. }
            | Self::Metadata(_) => Some(INSTALL_POD_FAILED),
        }
    }

    fn into_failed(self, redactor: &Redactor, stop: &watch::Receiver<bool>) -> Failed {
        let told_to_stop = *stop.borrow();
        let words = redactor.values(&error_chain(&self)).into_owned();
        Failed {
            words: last_words::of(self.reason(told_to_stop), &words),
            error: self,
        }
    }
}

/// How an attempt ended that gave no cluster.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct Failed {
    /// Why.
    pub error: Error,
    /// The same as the operator reads it (see [`last_words`]); no secret is in it.
    pub words: String,
}

/// Installs. `clouds` tells which account the credentials belong to.
pub async fn run(
    settings: &Settings,
    client: Client,
    clouds: &BTreeMap<PlatformKind, Arc<dyn Cloud>>,
    stop: watch::Receiver<bool>,
) -> Result<(), Failed> {
    let (namespace, name) = (&settings.namespace, &settings.provision);
    let hub = Arc::new(Hub::new(client, namespace, name, stop.clone()));
    let mut redactor = Redactor::default();
    let begun = Box::pin(begin(settings, &hub, &stop, &mut redactor)).await;
    let (mut attempt, provision, cluster) = match begun {
        Ok(Some(begun)) => begun,
        Ok(None) => return Ok(()),
        Err(error) => {
            let failed = error.into_failed(&redactor, &stop);
            // The log of a pod that ran before this one says more.
            if !matches!(failed.error, Error::Restarted { .. }) {
                save(&hub, &last_words::below("", &failed.words)).await;
            }
            return Err(failed);
        }
    };
    let outcome = Box::pin(attempt.install(&provision, &cluster, clouds)).await;
    attempt.end_log().await;
    let outcome = outcome.map_err(|error| error.into_failed(&attempt.redactor, &stop));
    attempt.save_log(outcome.as_ref().err()).await;
    outcome.map(drop)
}

/// Everything before the installer's first command; nothing if there is nothing to do.
async fn begin<'a>(
    settings: &'a Settings,
    hub: &Arc<Hub>,
    stop: &watch::Receiver<bool>,
    redactor: &mut Redactor,
) -> Result<Option<(Attempt<'a>, ClusterProvision, ClusterDeployment)>, Error> {
    let provision = hub.provision().await?;
    let cluster = hub.cluster(provision.spec.cluster_deployment()).await?;
    if !is_due(&provision, &cluster) {
        tracing::info!(
            stage = provision.spec.stage.as_str(),
            "nothing to do for this attempt"
        );
        return Ok(None);
    }
    if let Some(infra_id) = provision.spec.infra_id.clone() {
        return Err(Error::Restarted { infra_id });
    }
    let attempt = Attempt::prepare(settings, hub, &cluster, stop.clone(), redactor).await?;
    Ok(Some((attempt, provision, cluster)))
}

/// What the operator reads when the attempt is over.
async fn save(hub: &Hub, log: &str) {
    let patch = json!({"spec": {"installLog": log}});
    if let Err(error) = hub.merge_provision(patch).await {
        tracing::warn!(
            error = error_chain(&error),
            "the installer's log could not be saved"
        );
    }
}

pub(super) fn is_due(provision: &ClusterProvision, cluster: &ClusterDeployment) -> bool {
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
    /// What a person should know of an attempt that succeeded.
    remark: Option<String>,
    log_done: watch::Sender<bool>,
    /// Who shows the log, and who tells the progress.
    log_tasks: Option<(JoinHandle<()>, JoinHandle<()>)>,
}

impl<'a> Attempt<'a> {
    /// Steps 2 to 7: everything the installer needs, and everything a log must not show.
    async fn prepare(
        settings: &'a Settings,
        hub: &Arc<Hub>,
        cluster: &ClusterDeployment,
        stop: watch::Receiver<bool>,
        redactor: &mut Redactor,
    ) -> Result<Self, Error> {
        let keeps = annotation_of(cluster, annotation::DISABLE_INSTALL_LOG_PASSWORD_REDACTION);
        *redactor = Redactor::new(annotation::is_true(keeps));
        let mut inputs = Inputs {
            settings,
            hub,
            redactor,
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
            hub: Arc::clone(hub),
            installer,
            redactor: Arc::new(std::mem::take(redactor)),
            install_config,
            credentials,
            remark: None,
            log_done,
            log_tasks: None,
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
        self.complete_secrets(provision).await;
        Ok(())
    }

    /// The installer adds the router's certificate authority at the very end (docs/spec/50 §4), and a Secret
    /// that somebody deleted meanwhile was made again, empty. The cluster stands and is on record since the
    /// handshake: whatever goes wrong here, the attempt has succeeded.
    async fn complete_secrets(&mut self, provision: &ClusterProvision) {
        let patience = patience_at_end(provision, Clock::real().now());
        let stored = async {
            let kubeconfig = self.kubeconfig()?;
            let secret = admin_kubeconfig_secret(&self.settings.provision);
            let data = kubeconfig_data(&kubeconfig);
            self.hub.fill_secret_patiently(&secret, &data).await?;
            self.store_password().await
        };
        let why = match tokio::time::timeout(patience, stored).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error_chain(&error),
            Err(_elapsed) => "the hub does not take it".to_owned(),
        };
        let why = self.redactor.values(&why).into_owned();
        tracing::warn!(
            error = why,
            "the cluster is installed, but its kubeconfig could not be completed"
        );
        self.remark = Some(format!(
            "the cluster is installed, but Secret {} could not be completed ({why}). If it is empty or \
             missing, make it anew from the cluster; else the kubeconfig in it works, and lacks only the \
             authority of the cluster's router (ConfigMap openshift-config-managed/default-ingress-cert)",
            admin_kubeconfig_secret(&self.settings.provision),
        ));
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
        let disabled = self.settings.named(env::DEPROVISIONS_DISABLED);
        if disabled.is_some_and(|disabled| annotation::is_true(Some(disabled))) {
            tracing::warn!(
                infra_id,
                "deletions are switched off: remains of it are not looked for"
            );
            return Ok(());
        }
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

    fn kubeconfig(&self) -> Result<String, Error> {
        read_text(&self.settings.work_dir.join("auth/kubeconfig"))
    }

    async fn store_kubeconfig(&self) -> Result<(), Error> {
        let kubeconfig = self.kubeconfig()?;
        let secret = admin_kubeconfig_secret(&self.settings.provision);
        let data = kubeconfig_data(&kubeconfig);
        Ok(self.hub.fill_secret(&secret, &data).await?)
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
        if waits > 0 && matches!(outcome, Err(Error::Installer { .. })) && self.bootstrapped().await
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

    /// What the question itself suffers must not hide why the installation failed.
    async fn bootstrapped(&self) -> bool {
        let question = ["wait-for", "bootstrap-complete"];
        let asked = self.installer.run(&question, Some(BOOTSTRAP_QUESTION));
        matches!(asked.await, Ok(Ended::Exited(status)) if status.success())
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
        let told = tell_progress(Arc::clone(&self.hub), reached);
        self.log_tasks = Some((tokio::spawn(shown), tokio::spawn(told)));
    }

    async fn end_log(&mut self) {
        self.log_done.send_replace(true);
        let Some((shown, mut told)) = self.log_tasks.take() else {
            return;
        };
        // A task that panicked costs lines of the log, never the attempt.
        let _ = shown.await;
        if tokio::time::timeout(PROGRESS_AT_END, &mut told)
            .await
            .is_err()
        {
            told.abort();
        }
    }

    /// Whatever happened: without it the operator cannot say why. Its last line is what the installer does
    /// not know, for there is a log even when nobody sees the pod's own last words any more.
    async fn save_log(&self, failed: Option<&Failed>) {
        let console = below(&self.settings.root, CONSOLE_LOG);
        let log = logs::tail(&console, &self.redactor).await;
        let unknown_to_it = failed
            .map(|failed| &failed.words)
            .filter(|words| last_words::read(words).is_some())
            .or(self.remark.as_ref());
        let log = match (log, unknown_to_it) {
            (None, None) => return,
            (Some(log), None) => log,
            (log, Some(words)) => last_words::below(&log.unwrap_or_default(), words),
        };
        save(&self.hub, &log).await;
    }
}

/// How long the hub is asked to take the last kubeconfig: until the Job's deadline is near, since before it
/// the Job must have ended well.
pub(super) fn patience_at_end(provision: &ClusterProvision, now: jiff::Timestamp) -> Duration {
    let begun = provision.metadata.creation_timestamp.as_ref();
    // The Job is younger than its attempt, so its deadline is no earlier.
    let age = begun.map_or(jiff::SignedDuration::ZERO, |begun| {
        now.duration_since(begun.0)
    });
    let left = job::INSTALL_DEADLINE
        .saturating_sub(Duration::try_from(age).unwrap_or_default())
        .saturating_sub(FOR_THE_END);
    left.max(LEAST_PATIENCE)
}

fn kubeconfig_data(kubeconfig: &str) -> BTreeMap<&'static str, &[u8]> {
    let bytes = kubeconfig.as_bytes();
    BTreeMap::from([
        (secret_key::KUBECONFIG, bytes),
        (secret_key::RAW_KUBECONFIG, bytes),
    ])
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

/// The Secret that the operator gave this pod says it all. With `credentialsAssumeRole` its default profile
/// is that role already; to assume the role once more would take a role that trusts itself.
fn source_of(secret: Option<SecretData>) -> CredentialSource {
    secret
        .map(CredentialSource::from_secret)
        .unwrap_or_default()
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
