//! What each command does with the working directory (docs/spec/50 §1–2): which files it consumes,
//! which it leaves, in which order.

use anyhow::{Context as _, Result, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::assets::{
    Facts, Identity, Inputs, RELEASE, cluster_api, graph, ignition, machines, manifests, metadata,
};
use crate::aws::destroy::Target;
use crate::aws::{Cloud, destroy, facts};
use crate::cli::{Command, CommandLine};
use crate::environment::{Environment, variable};
use crate::failure::{self, Failure, chain};
use crate::faults::{Faults, Injected, Stage};
use crate::guard::Endpoints;
use crate::install_config::{self, InstallConfig};
use crate::kubeconfig::{self, Access};
use crate::log::Log;
use crate::profile;
use crate::state::{Asset, State, key};
use crate::tls::Certificates;
use crate::{gather, identity, stages};

/// What precedes the reason when an install-config is refused.
const REFUSED: &str = "failed to fetch Master Machines: failed to load asset \"Install Config\": \
                       failed to create install config";
/// The `ConfigMap` among the manifests that orders faults, for tests that cannot set the environment.
const ORDERS: &str = "openshift-install-standin";
/// The operator's own key for service account tokens.
const SIGNING_KEY: &str = "tls/bound-service-account-signing-key.key";
/// A user's own hash of the administrator's password.
const PASSWORD_HASH: &str = "tls/kubeadmin-password.hash";
const PASSWORD: &str = "auth/kubeadmin-password";
const FOLDERS: [&str; 3] = ["cluster-api", "manifests", "openshift"];

/// The administrator's password.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Password {
    pub(crate) password: String,
    password_hash: String,
}

/// How far `create cluster` came, for the commands that continue it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Progress {
    pub(crate) bootstrap_complete: bool,
    pub(crate) aged: bool,
}

/// What every command knows.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(crate) environment: Environment,
    pub(crate) faults: Faults,
    pub(crate) log: &'a Log,
    pub(crate) state: State,
    /// The cluster shall look used.
    pub(crate) aged: bool,
}

/// Runs a command.
pub(crate) async fn run(line: &CommandLine, log: &Log) -> Result<(), Failure> {
    log.debug(&format!("OpenShift Installer {}", RELEASE.version));
    log.debug(&format!("Built from commit {}", RELEASE.commit));
    let verb = match line.command {
        Command::CreateManifests
        | Command::CreateIgnitionConfigs
        | Command::CreateCluster { .. } => "create",
        Command::WaitForBootstrapComplete | Command::WaitForInstallComplete { .. } => "wait-for",
        Command::GatherBootstrap { .. } => "gather",
        Command::DestroyCluster => "destroy",
    };
    let environment = Environment::read()?;
    let state = State::load(&line.dir)?;
    let orders = orders(&state)?;
    let mut documents: Vec<&str> = Vec::new();
    documents.extend(environment.faults.as_deref());
    documents.extend(orders.faults.as_deref());
    let faults = Faults::parse(&documents, environment.attempt, verb)?;
    let aged = environment.aged || orders.aged;
    let mut session = Session {
        environment,
        faults,
        log,
        state,
        aged,
    };
    match &line.command {
        Command::CreateManifests => Box::pin(create_manifests(&mut session)).await,
        Command::CreateIgnitionConfigs => Box::pin(create_ignition(&mut session)).await,
        Command::CreateCluster {
            skip_password_print,
        } => Box::pin(create_cluster(&mut session, *skip_password_print)).await,
        Command::WaitForBootstrapComplete => {
            Box::pin(stages::wait_for_bootstrap(&mut session)).await
        }
        Command::WaitForInstallComplete {
            skip_password_print,
        } => Box::pin(stages::wait_for_install(&mut session, *skip_password_print)).await,
        Command::GatherBootstrap { key } => gather_bootstrap(&session, key.as_deref()).await,
        Command::DestroyCluster => Box::pin(destroy_cluster(&mut session)).await,
    }
}

async fn create_manifests(session: &mut Session<'_>) -> Result<(), Failure> {
    let targets = [
        "Master Machines",
        "Worker Machines",
        "Common Manifests",
        "Openshift Manifests",
        "Cluster API Manifests",
    ];
    fetch_graph(session, &targets);
    let consumed = session.state.read(install_config::FILE)?;
    let config = install_config(session)?;
    if let Err(injected) = session.faults.enter(Stage::Manifests).await {
        return Err(refused(&injected));
    }
    let (cloud, keys) = connect(session, &config).await?;
    let facts = match facts::read(&cloud, &config).await {
        Ok(facts) => facts,
        Err(error) => {
            session
                .faults
                .outcome()
                .await
                .map_err(|injected| refused(&injected))?;
            return Err(Failure::of_target(format!("{REFUSED}: {}", chain(&error))));
        }
    };
    let identity = identity(session, &config)?;
    let certificates = certificates(session, &config)?;
    let password = password(session)?;
    session.state.set(key::INSTALL_CONFIG, &config.tree)?;
    session.state.set(key::PLATFORM, &facts)?;
    let inputs = Inputs {
        config: &config,
        identity: &identity,
        facts: &facts,
    };
    let sets = [
        (key::MANIFESTS, manifests::common(inputs, &certificates)?),
        (
            key::OPENSHIFT,
            manifests::openshift(inputs, &certificates, &keys, &password.password_hash)?,
        ),
        (key::CLUSTER_API, cluster_api::manifests(inputs)?),
    ];
    for (key, files) in &sets {
        session.state.write(files)?;
        session.state.set_files(key, files)?;
    }
    if consumed.is_some() {
        session.state.consume(&[install_config::FILE])?;
    }
    session
        .log
        .info("Manifests created in: cluster-api, manifests and openshift");
    Ok(())
}

async fn create_ignition(session: &mut Session<'_>) -> Result<(), Failure> {
    if !session.state.has(key::MANIFESTS) {
        Box::pin(create_manifests(session)).await?;
    }
    let targets = [
        "Kubeconfig Admin Client",
        "Master Ignition Config",
        "Worker Ignition Config",
        "Bootstrap Ignition Config",
        "Metadata",
    ];
    fetch_graph(session, &targets);
    if let Err(injected) = session.faults.enter(Stage::IgnitionConfigs).await {
        let error = injected
            .error
            .unwrap_or_else(|| "unexpected end of JSON input".to_owned());
        let text = format!("failed to fetch Bootstrap Ignition Config: {error}");
        return Err(with_code(Failure::of_target(text), injected.exit_code));
    }
    let config = install_config(session)?;
    let identity = identity(session, &config)?;
    let facts: Facts = session.state.get(key::PLATFORM)?.unwrap_or_default();
    let certificates = certificates(session, &config)?;
    let password = password(session)?;
    let folders = consume_manifests(session)?;
    let log = session.log;
    let ca = certificates.root_ca.summary();
    log.info(&format!(
        "Successfully populated MCS CA cert information: {ca}"
    ));
    let tls = certificates.mcs.summary();
    log.info(&format!(
        "Successfully populated MCS TLS cert information: {tls}"
    ));
    let image = session
        .environment
        .release_image
        .as_deref()
        .unwrap_or(RELEASE.image);
    let files = ignition::files(&config.domain(), &certificates, image, &folders);
    session.state.set_files(key::IGNITION, &files)?;
    let access = match &session.environment.spoke {
        Some(kubeconfig) => Access::of_spoke(kubeconfig)?,
        None => Access::of_cluster(&config.domain(), &certificates),
    };
    session.state.set(key::KUBECONFIG, &access)?;
    let inputs = Inputs {
        config: &config,
        identity: &identity,
        facts: &facts,
    };
    let metadata = metadata::file(inputs);
    session
        .state
        .set_files(key::METADATA, std::slice::from_ref(&metadata))?;
    session.state.write(&files)?;
    session.state.write(&[
        metadata,
        Asset::new(kubeconfig::FILE, access.document(config.name())?),
        Asset::new(PASSWORD, password.password),
    ])?;
    session.state.consume(&FOLDERS)?;
    log.info("Ignition-Configs created in: . and auth");
    Ok(())
}

/// Takes over what lies in the folders, however it got there.
fn consume_manifests(session: &mut Session<'_>) -> Result<Vec<Asset>, Failure> {
    let log = session.log;
    let mut all = Vec::new();
    for (folder, key, names) in [
        ("manifests", key::MANIFESTS, ["Common Manifests"].as_slice()),
        (
            "openshift",
            key::OPENSHIFT,
            &["Master Machines", "Worker Machines", "Openshift Manifests"],
        ),
        ("cluster-api", key::CLUSTER_API, &["Cluster API Manifests"]),
    ] {
        if session.state.exists(folder) {
            for name in names {
                log.info(&format!("Consuming {name} from target directory"));
            }
            let files = session.state.read_folder(folder)?;
            session.state.set_files(key, &files)?;
        }
        let files = session.state.files(key)?;
        for file in &files {
            check_yaml(file).map_err(|error| {
                let asset = names.last().copied().unwrap_or_default();
                Failure::of_target(format!(
                    "failed to fetch Bootstrap Ignition Config: failed to load asset {asset:?}: {error:#}"
                ))
            })?;
        }
        if folder == "openshift" {
            machines::machine_sets(&files).context("failed to load asset \"Worker Machines\"")?;
        }
        if folder != "cluster-api" {
            all.extend(files);
        }
    }
    if let Some(signing_key) = session.state.read(SIGNING_KEY)? {
        log.info("Consuming Bound Service Account Signing Key from target directory");
        let file = Asset::new(SIGNING_KEY, signing_key);
        session
            .state
            .set_files(key::SIGNING_KEY, std::slice::from_ref(&file))?;
        session.state.consume(&[SIGNING_KEY])?;
        all.push(file);
    }
    Ok(all)
}

fn check_yaml(file: &Asset) -> Result<()> {
    let extension = file.path.rsplit('.').next().unwrap_or_default();
    if !matches!(extension, "yaml" | "yml") {
        return Ok(());
    }
    let text = std::str::from_utf8(&file.data).with_context(|| file.path.clone())?;
    serde_saphyr::from_multiple::<Value>(text)
        .map(drop)
        .map_err(|error| {
            anyhow!(
                "failed to unmarshal {}: {}",
                file.path,
                error.without_snippet()
            )
        })
}

async fn create_cluster(
    session: &mut Session<'_>,
    skip_password_print: bool,
) -> Result<(), Failure> {
    if session.state.has(key::PROGRESS) || session.state.exists(stages::OUTPUT) {
        return Err(Failure::of_target(
            "failed to fetch Cluster: failed to load asset \"Cluster\": local infrastructure \
             provisioning artifacts already exist. There may already be a running cluster"
                .to_owned(),
        ));
    }
    if !session.state.has(key::METADATA) {
        Box::pin(create_ignition(session)).await?;
    }
    fetch_graph(session, &["Cluster"]);
    let config = install_config(session)?;
    for (file, role) in ignition::FILES
        .iter()
        .zip(["Bootstrap", "Master", "Worker"])
    {
        if session.state.exists(file) {
            session.log.info(&format!(
                "Consuming {role} Ignition Config from target directory"
            ));
        }
    }
    let certificates = certificates(session, &config)?;
    let metadata = session.state.files(key::METADATA)?;
    session.state.write(&metadata)?;
    session.state.write(&[
        Asset::new("terraform.tfvars.json", tfvars(session, &config)?),
        Asset::new("terraform.platform.auto.tfvars.json", "{}\n"),
        Asset::new(
            "tls/journal-gatherer.crt",
            certificates.journal.cert.clone(),
        ),
        Asset::new("tls/journal-gatherer.key", certificates.journal.key.clone()),
    ])?;
    session.state.consume(&ignition::FILES)?;
    session.state.set(key::PROGRESS, &Progress::default())?;
    let (cloud, _) = connect(session, &config).await?;
    let facts: Facts = session.state.get(key::PLATFORM)?.unwrap_or_default();
    if let Some(zone) = &facts.public_zone {
        facts::check_records(&cloud, zone, &config.domain())
            .await
            .map_err(|error| {
                Failure::of_target(format!(
                    "failed to fetch Cluster: failed to fetch dependency of \"Cluster\": failed to \
                 generate asset \"Platform Provisioning Check\": {error:#}"
                ))
            })?;
    }
    Box::pin(stages::create(
        session,
        &cloud,
        &config,
        &facts,
        skip_password_print,
    ))
    .await
}

fn tfvars(session: &Session<'_>, config: &InstallConfig) -> Result<String> {
    let identity: Option<Identity> = session.state.get(key::CLUSTER_ID)?;
    let variables = serde_json::json!({
        "cluster_id": identity.map(|identity| identity.infra_id),
        "cluster_domain": config.domain(),
        "base_domain": config.view.base_domain,
        "machine_v4_cidrs": [config.machine_cidr().to_string()],
        "master_count": config.masters(),
    });
    serde_json::to_string_pretty(&variables).context("failed to marshal variables")
}

async fn gather_bootstrap(
    session: &Session<'_>,
    key: Option<&std::path::Path>,
) -> Result<(), Failure> {
    if let Err(injected) = session.faults.enter(Stage::Gather).await {
        let error = injected
            .error
            .unwrap_or_else(|| "failed to gather".to_owned());
        return Err(with_code(Failure::fatal(error), injected.exit_code));
    }
    if let Some(key) = key
        && !key.exists()
    {
        return Err(Failure::fatal(format!(
            "failed to read SSH key {}",
            key.display()
        )));
    }
    gather::bootstrap(&session.environment, session.state.dir(), session.log)
        .map_err(|error| Failure::fatal(chain(&error)))
}

async fn destroy_cluster(session: &mut Session<'_>) -> Result<(), Failure> {
    if let Err(injected) = session.faults.enter(Stage::Destroy).await {
        let error = injected
            .error
            .unwrap_or_else(|| "context deadline exceeded".to_owned());
        let failure = Failure::fatal(format!("Failed to destroy cluster: {error}"));
        return Err(with_code(failure, injected.exit_code));
    }
    let file = session.state.read(metadata::FILE)?.ok_or_else(|| {
        Failure::fatal("Failed while preparing to destroy cluster: open metadata.json: no such file or directory".to_owned())
    })?;
    let tree: Value = serde_json::from_slice(&file).context("failed to unmarshal metadata.json")?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let aws = &tree["aws"];
    let infra_id = text(&tree["infraID"]).filter(|id| !id.is_empty());
    let infra_id = infra_id.context("metadata.json has no infraID")?;
    let region = text(&aws["region"]).context("metadata.json has no aws.region")?;
    let endpoints = aws["serviceEndpoints"].as_array().into_iter().flatten();
    let endpoints = endpoints.filter_map(|one| Some((text(&one["name"])?, text(&one["url"])?)));
    let endpoints = Endpoints::checked(&endpoints.collect(), variable)?;
    let source = profile::find(variable)?;
    let cloud = Cloud::connect(&region, endpoints, &source, &session.faults).await?;
    let target = Target {
        infra_id,
        domain: text(&aws["clusterDomain"]),
        hosted_zone_role: text(&aws["hostedZoneRole"]),
    };
    let log = session.log;
    destroy::cluster(&cloud, &target, &|message| log.info(message))
        .await
        .map_err(|error| Failure::fatal(format!("Failed to destroy cluster: {error:#}")))?;
    session.state.consume(&[
        crate::state::FILE,
        metadata::FILE,
        "auth",
        "tls",
        stages::OUTPUT,
        "terraform.tfvars.json",
        "terraform.platform.auto.tfvars.json",
    ])?;
    log.info("Uninstallation complete!");
    Ok(())
}

/// The install-config from disk, else the one in the state.
pub(crate) fn install_config(session: &Session<'_>) -> Result<InstallConfig, Failure> {
    let refuse = |reason: String| Failure::of_target(format!("{REFUSED}: {reason}"));
    if let Some(bytes) = session.state.read(install_config::FILE)?
        && !session.state.has(key::MANIFESTS)
    {
        let text = String::from_utf8(bytes)
            .map_err(|_| refuse(format!("{} is not UTF-8", install_config::FILE)))?;
        let config = InstallConfig::parse(&text).map_err(refuse)?;
        session
            .log
            .info("Consuming Install Config from target directory");
        return Ok(config);
    }
    match session.state.get::<Value>(key::INSTALL_CONFIG)? {
        Some(tree) => InstallConfig::of_tree(tree).map_err(refuse),
        None => Err(Failure::fatal(format!(
            "failed to fetch Master Machines: failed to load asset \"Install Config\": open {}: no \
             such file or directory",
            install_config::FILE
        ))),
    }
}

/// The cloud of a config; the endpoints are checked before anything is sent.
pub(crate) async fn connect(
    session: &Session<'_>,
    config: &InstallConfig,
) -> Result<(Cloud, profile::Keys), Failure> {
    let endpoints = Endpoints::checked(&config.service_endpoints(), variable)?;
    let source = profile::find(variable)
        .map_err(|error| Failure::of_target(format!("{REFUSED}: {error:#}")))?;
    session
        .log
        .info(&format!("Credentials loaded from {}", source.origin));
    let connected = Cloud::connect(&config.aws().region, endpoints, &source, &session.faults).await;
    let cloud = connected.map_err(|error| Failure::of_target(format!("{REFUSED}: {error:#}")))?;
    Ok((cloud, source.keys))
}

/// Who the cluster is; decided once.
pub(crate) fn identity(
    session: &mut Session<'_>,
    config: &InstallConfig,
) -> Result<Identity, Failure> {
    if let Some(identity) = session.state.get(key::CLUSTER_ID)? {
        return Ok(identity);
    }
    let identity = Identity {
        uuid: identity::cluster_id(),
        infra_id: identity::infra_id(config.name(), session.log),
    };
    session.state.set(key::CLUSTER_ID, &identity)?;
    Ok(identity)
}

/// The certificates; made once.
pub(crate) fn certificates(
    session: &mut Session<'_>,
    config: &InstallConfig,
) -> Result<Certificates, Failure> {
    if let Some(certificates) = session.state.get(key::CERTIFICATES)? {
        return Ok(certificates);
    }
    let certificates = Certificates::generate(&config.domain())?;
    session.state.set(key::CERTIFICATES, &certificates)?;
    Ok(certificates)
}

/// The password; chosen once, unless the user brought a hash.
fn password(session: &mut Session<'_>) -> Result<Password, Failure> {
    if let Some(password) = session.state.get(key::PASSWORD)? {
        return Ok(password);
    }
    let password = match session.state.read(PASSWORD_HASH)? {
        Some(hash) => Password {
            password: String::new(),
            password_hash: String::from_utf8_lossy(&hash).trim().to_owned(),
        },
        // Nothing ever checks the hash of a cluster that does not exist.
        None => Password {
            password: identity::password(),
            password_hash: format!("$2a$10${}", identity::hex(53)),
        },
    };
    session.state.set(key::PASSWORD, &password)?;
    Ok(password)
}

fn fetch_graph(session: &Session<'_>, targets: &[&str]) {
    let state = &session.state;
    let known = |name: &str| match name {
        "Cluster" => false,
        "Metadata" => state.has(key::METADATA),
        "Bootstrap Ignition Config" | "Master Ignition Config" | "Worker Ignition Config" => {
            state.has(key::IGNITION)
        }
        "Kubeconfig Admin Client" => state.has(key::KUBECONFIG),
        "Platform Permissions Check"
        | "Platform Provisioning Check"
        | "Platform Quota Check"
        | "Terraform Variables" => state.has(key::PROGRESS),
        _ => state.has(key::MANIFESTS),
    };
    graph::fetch(session.log, targets, &known);
}

fn refused(injected: &Injected) -> Failure {
    let error = injected
        .error
        .as_deref()
        .unwrap_or("platform: Internal error: injected");
    with_code(
        Failure::of_target(format!("{REFUSED}: {error}")),
        injected.exit_code,
    )
}

/// Another exit code; a failure with code 1 is fatal.
pub(crate) fn with_code(mut failure: Failure, code: Option<u8>) -> Failure {
    if let Some(code) = code {
        failure.code = code;
        if code == failure::FATAL
            && let Some((level, _)) = failure.lines.last_mut()
        {
            *level = crate::log::Level::Fatal;
        }
    }
    failure
}

#[derive(Debug, Default)]
struct Orders {
    faults: Option<String>,
    aged: bool,
}

/// The orders among the manifests that an earlier command consumed.
fn orders(state: &State) -> Result<Orders> {
    for file in state.files(key::MANIFESTS)? {
        let text = String::from_utf8_lossy(&file.data);
        if !text.contains(ORDERS) {
            continue;
        }
        let Ok(tree) = serde_saphyr::from_str::<Value>(&text) else {
            continue;
        };
        if tree["kind"] == "ConfigMap" && tree["metadata"]["name"] == ORDERS {
            let data = |name: &str| tree["data"][name].as_str().map(str::to_owned);
            let aged = data("aged").is_some_and(|value| value == "true");
            return Ok(Orders {
                faults: data("faults"),
                aged,
            });
        }
    }
    Ok(Orders::default())
}
