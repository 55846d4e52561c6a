//! The stages of `create cluster`, and of the commands that continue it: their lines, their waits, and
//! how each of them fails (docs/spec/50 §6–8).

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::assets::{CAPI_NAMESPACE, Facts, RELEASE, machines};
use crate::aws::load_balancers::Balancers;
use crate::aws::network::Network;
use crate::aws::security_groups::Groups;
use crate::aws::{self, Cloud, Site};
use crate::commands::{
    Password, Progress, Session, certificates, connect, identity, install_config, with_code,
};
use crate::failure::{self, Failure, chain};
use crate::faults::{Injected, Stage};
use crate::gather;
use crate::install_config::InstallConfig;
use crate::kubeconfig::{self, Access};
use crate::log::Log;
use crate::state::{Asset, key};

/// Folder of the local Cluster API control plane.
pub(crate) const OUTPUT: &str = ".clusterapi_output";
const KUBERNETES: &str = "v1.33.5";
const MANIFESTS_OF_RELEASE: u32 = 901;
/// What a wait ends with that nobody ended.
const EXPIRED: &str = "context deadline exceeded";

/// How long a real installation spends in its waits, in seconds.
mod typical {
    pub(super) const NETWORK: u32 = 60;
    pub(super) const MACHINES: u32 = 30;
    pub(super) const API: u32 = 300;
    pub(super) const BOOTSTRAP: u32 = 480;
    pub(super) const INITIALIZE: u32 = 900;
    pub(super) const STABLE: u32 = 60;
}

/// Times of the stages, for the last debug lines.
type Times = Vec<(&'static str, Duration)>;

/// Runs all stages.
pub(crate) async fn create(
    session: &mut Session<'_>,
    cloud: &Cloud,
    config: &InstallConfig,
    facts: &Facts,
    skip_password_print: bool,
) -> Result<(), Failure> {
    let started = Instant::now();
    let identity = identity(session, config)?;
    let site = Site {
        cloud,
        config,
        identity: &identity,
        facts,
    };
    let mut times = Times::new();
    let made = Box::pin(infrastructure(session, site, &mut times)).await?;
    Box::pin(bootstrap(session, site, &made, &mut times)).await?;
    Box::pin(cluster(session, site, Some(&made), &mut times)).await?;
    complete(session, config, skip_password_print, started, &times)
}

/// `wait-for bootstrap-complete`.
pub(crate) async fn wait_for_bootstrap(session: &mut Session<'_>) -> Result<(), Failure> {
    let config = install_config(session)?;
    let progress: Progress = session.state.get(key::PROGRESS)?.unwrap_or_default();
    let mut times = Times::new();
    api(session, &config, &mut times).await?;
    until_bootstrapped(session, &mut times, progress.bootstrap_complete).await?;
    session
        .log
        .info("It is now safe to remove the bootstrap resources");
    Ok(())
}

/// `wait-for install-complete`.
pub(crate) async fn wait_for_install(
    session: &mut Session<'_>,
    skip_password_print: bool,
) -> Result<(), Failure> {
    let started = Instant::now();
    let config = install_config(session)?;
    let progress: Progress = session.state.get(key::PROGRESS)?.unwrap_or_default();
    let mut times = Times::new();
    if !progress.bootstrap_complete {
        let log = session.log;
        initialize_line(log, &config);
        session.environment.wait(typical::INITIALIZE).await;
        return Err(initialize_failure(&Injected {
            error: Some(
                "Get \"https://api-int:6443\": dial tcp: connect: connection refused".to_owned(),
            ),
            exit_code: None,
        }));
    }
    let (cloud, _) = connect(session, &config).await?;
    let facts: Facts = session.state.get(key::PLATFORM)?.unwrap_or_default();
    let identity = identity(session, &config)?;
    let site = Site {
        cloud: &cloud,
        config: &config,
        identity: &identity,
        facts: &facts,
    };
    Box::pin(cluster(session, site, None, &mut times)).await?;
    complete(session, &config, skip_password_print, started, &times)
}

/// What the infrastructure stages leave for the later ones.
struct Made {
    network: Network,
    balancers: Balancers,
    zone: String,
}

async fn infrastructure(
    session: &mut Session<'_>,
    site: Site<'_>,
    times: &mut Times,
) -> Result<Made, Failure> {
    let log = session.log;
    let info = |message: &str| log.info(message);
    let infra_id = site.identity.infra_id.as_str();
    log.info("Adding clusters...");
    log.info("Creating infrastructure resources...");

    let stage = Infra {
        stage: Stage::PreProvisioning,
        title: "Infrastructure Pre-provisioning",
        failure: "failed during pre-provisioning",
    };
    stage
        .run(session, times, aws::iam::create(site, &info))
        .await?;

    let stage = Infra {
        stage: Stage::CapiSystem,
        title: "",
        failure: "failed to run cluster api system",
    };
    stage
        .run(session, times, std::future::ready(Ok(())))
        .await?;
    start_system(session)?;

    log.info("Creating infra manifests...");
    for (kind, name) in [
        ("v1.Namespace", CAPI_NAMESPACE),
        ("v1beta2.AWSClusterControllerIdentity", "default"),
        ("v1beta1.Cluster", infra_id),
        ("v1beta2.AWSCluster", infra_id),
    ] {
        created(session, kind, name)?;
    }
    log.info("Done creating infra manifests");
    log.info(&format!(
        "Creating kubeconfig entry for capi cluster {infra_id}"
    ));
    log.info(&waiting(
        15,
        "for network infrastructure to become ready...",
    ));
    let stage = Infra {
        stage: Stage::Network,
        title: "Network-infrastructure Provisioning",
        failure: "infrastructure was not ready within 15m0s",
    };
    let pause = session.environment.clone();
    let (network, groups, balancers) = stage
        .run(session, times, async {
            pause.wait(typical::NETWORK).await;
            make_network(site).await
        })
        .await?;
    log.info("Network infrastructure is ready");

    let stage = Infra {
        stage: Stage::Dns,
        title: "Post-network, pre-machine Provisioning",
        failure: "failed provisioning resources after infrastructure ready",
    };
    let zone = stage
        .run(
            session,
            times,
            aws::dns::create(site, &network.vpc, &balancers, &info),
        )
        .await?;

    let ignition = session.state.files(key::IGNITION)?;
    let bootstrap = ignition
        .into_iter()
        .find(|file| file.path == "bootstrap.ign");
    let bootstrap = bootstrap.map(|file| file.data).unwrap_or_default();
    let stage = Infra {
        stage: Stage::BootstrapIgnition,
        title: "Bootstrap Ignition Provisioning",
        failure: "failed preparing ignition data",
    };
    stage
        .run(
            session,
            times,
            Box::pin(aws::bootstrap::upload(site, bootstrap)),
        )
        .await?;

    let names = aws::machines::names(site);
    for kind in ["v1beta2.AWSMachine", "v1beta1.Machine"] {
        for name in &names {
            created(session, kind, name)?;
        }
    }
    for role in ["bootstrap", "master"] {
        created(session, "v1.Secret", &site.name(role))?;
    }
    log.info(&waiting(
        15,
        &format!("for machines [{}] to provision...", names.join(" ")),
    ));
    let stage = Infra {
        stage: Stage::Machines,
        title: "Machine Provisioning",
        failure: "control-plane machines were not provisioned within 15m0s",
    };
    let machines = stage
        .run(session, times, async {
            pause.wait(typical::MACHINES).await;
            Box::pin(aws::machines::create(site, &network, &groups, &balancers)).await
        })
        .await;
    if let Err(failure) = machines {
        gather_after_failure(session);
        return Err(failure);
    }
    log.info("Control-plane machines are ready");
    let stage = Infra {
        stage: Stage::PostProvisioning,
        title: "Infrastructure Post-provisioning",
        failure: "failed during post-machine creation hook",
    };
    stage
        .run(session, times, std::future::ready(Ok(())))
        .await?;
    log.info("Cluster API resources have been created. Waiting for cluster to become ready...");
    Ok(Made {
        network,
        balancers,
        zone,
    })
}

/// What takes long is begun first: gateways come up while groups and balancers are made.
async fn make_network(site: Site<'_>) -> Result<(Network, Groups, Balancers)> {
    let network = Box::pin(aws::network::create(site)).await?;
    let groups = Box::pin(aws::security_groups::create(site, &network.vpc)).await?;
    let balancers = Box::pin(aws::load_balancers::create(site, &network, &groups)).await?;
    aws::bootstrap::create_bucket(site).await?;
    Box::pin(aws::network::finish(site, &network)).await?;
    Ok((network, groups, balancers))
}

/// A stage whose failure is one of the infrastructure.
struct Infra {
    stage: Stage,
    title: &'static str,
    failure: &'static str,
}

impl Infra {
    async fn run<T>(
        &self,
        session: &Session<'_>,
        times: &mut Times,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T, Failure> {
        let started = Instant::now();
        session
            .faults
            .enter(self.stage)
            .await
            .map_err(|injected| self.injected(injected))?;
        let result = Box::pin(work).await;
        session
            .faults
            .outcome()
            .await
            .map_err(|injected| self.injected(injected))?;
        if !self.title.is_empty() {
            times.push((self.title, started.elapsed()));
        }
        result.map_err(|error| self.failed(&chain(&error), None))
    }

    fn injected(&self, injected: Injected) -> Failure {
        let error = injected
            .error
            .unwrap_or_else(|| format!("client rate limiter Wait returned an error: {EXPIRED}"));
        self.failed(&error, injected.exit_code)
    }

    fn failed(&self, error: &str, code: Option<u8>) -> Failure {
        let text = format!(
            "failed to fetch Cluster: failed to generate asset \"Cluster\": failed to create \
             cluster: {}: {error}",
            self.failure
        );
        with_code(Failure::of_target(text), code)
    }
}

async fn api(
    session: &Session<'_>,
    config: &InstallConfig,
    times: &mut Times,
) -> Result<(), Failure> {
    let started = Instant::now();
    let log = session.log;
    let server = format!("https://api.{}:6443", config.domain());
    log.info(&waiting(
        20,
        &format!("for the Kubernetes API at {server}..."),
    ));
    log.debug(&format!(
        "Still waiting for the Kubernetes API: Get \"{server}/version\": dial tcp: lookup api.{}: no such host",
        config.domain()
    ));
    session.environment.wait(typical::API / 2).await;
    log.debug(&format!(
        "Still waiting for the Kubernetes API: Get \"{server}/version\": dial tcp: connect: connection refused"
    ));
    session.environment.wait(typical::API / 2).await;
    let hint = "Failed waiting for Kubernetes API. This error usually happens when there is a problem \
                on the bootstrap host that prevents creating a temporary control plane.";
    let injected = session.faults.enter(Stage::Api).await;
    injected.map_err(|injected| {
        bootstrap_failure(
            session,
            &injected,
            &format!("Get \"{server}/version\": {EXPIRED}"),
            hint,
        )
    })?;
    log.info(&format!("API {KUBERNETES} up"));
    times.push(("API", started.elapsed()));
    Ok(())
}

async fn until_bootstrapped(
    session: &Session<'_>,
    times: &mut Times,
    will_complete: bool,
) -> Result<(), Failure> {
    let started = Instant::now();
    session
        .log
        .info(&waiting(45, "for bootstrapping to complete..."));
    session.environment.wait(typical::BOOTSTRAP).await;
    let hint = "Failed to wait for bootstrapping to complete. This error usually happens when there \
                is a problem with control plane hosts that prevents the control plane operators from \
                creating the control plane.";
    let mut outcome = session.faults.enter(Stage::Bootstrap).await;
    if outcome.is_ok() && !will_complete {
        outcome = Err(Injected {
            error: None,
            exit_code: None,
        });
    }
    outcome.map_err(|injected| {
        bootstrap_failure(
            session,
            &injected,
            "timed out waiting for the condition",
            hint,
        )
    })?;
    session.log.debug("Bootstrap status: complete");
    times.push(("Bootstrap Complete", started.elapsed()));
    Ok(())
}

fn bootstrap_failure(
    session: &Session<'_>,
    injected: &Injected,
    default: &str,
    hint: &str,
) -> Failure {
    let error = injected.error.as_deref().unwrap_or(default);
    session
        .log
        .error(&format!("Bootstrap failed to complete: {error}"));
    session.log.error(hint);
    gather_after_failure(session);
    // What is to be said has been said, before the logs were gathered.
    Failure {
        code: injected.exit_code.unwrap_or(failure::BOOTSTRAP),
        lines: Vec::new(),
    }
}

fn gather_after_failure(session: &Session<'_>) {
    if let Err(error) = gather::bootstrap(&session.environment, session.state.dir(), session.log) {
        session.log.error(&format!(
            "Attempted to gather debug logs after installation failure: {error:#}"
        ));
    }
}

async fn bootstrap(
    session: &mut Session<'_>,
    site: Site<'_>,
    made: &Made,
    times: &mut Times,
) -> Result<(), Failure> {
    api(session, site.config, times).await?;
    until_bootstrapped(session, times, true).await?;
    let log = session.log;
    log.info("Waiting for the bootstrap etcd member to be removed...");
    session.environment.wait(10).await;
    log.info("Bootstrap etcd member has been removed");
    let progress = Progress {
        bootstrap_complete: true,
        aged: false,
    };
    session.state.set(key::PROGRESS, &progress)?;
    if session.environment.gather_bootstrap {
        gather_after_failure(session);
    }
    if session.environment.preserve_bootstrap {
        log.warn("OPENSHIFT_INSTALL_PRESERVE_BOOTSTRAP is set, not destroying bootstrap resources. Warning: this should only be used for debugging purposes, and poses a risk to cluster stability.");
        return Ok(());
    }
    let started = Instant::now();
    log.info("Destroying the bootstrap resources...");
    let host = site.name("bootstrap");
    log.info(&format!(
        "Waiting up to 5m0s for bootstrap machine deletion {CAPI_NAMESPACE}/{host}..."
    ));
    let failed = |error: &str, code: Option<u8>| {
        let text = format!("error destroying bootstrap resources: {error}");
        with_code(Failure::fatal(text), code)
    };
    let injected = |injected: Injected| {
        let error = injected.error.unwrap_or_else(|| EXPIRED.to_owned());
        failed(&error, injected.exit_code)
    };
    session
        .faults
        .enter(Stage::BootstrapDestroy)
        .await
        .map_err(injected)?;
    let result = Box::pin(aws::bootstrap::destroy(
        site,
        &made.network.vpc,
        &made.balancers,
    ))
    .await;
    session.faults.outcome().await.map_err(injected)?;
    result.map_err(|error| failed(&chain(&error), None))?;
    log.info("Shutting down local Cluster API controllers...");
    for controller in ["Cluster API", "aws infrastructure provider"] {
        log.info(&format!("Stopped controller: {controller}"));
    }
    log.info("Shutting down local Cluster API control plane...");
    log.info("Local Cluster API system has completed operations");
    log.info("Finished destroying bootstrap resources");
    times.push(("Bootstrap Destroy", started.elapsed()));
    Ok(())
}

fn initialize_line(log: &Log, config: &InstallConfig) {
    let server = format!("https://api.{}:6443", config.domain());
    log.info(&waiting(
        40,
        &format!("for the cluster at {server} to initialize..."),
    ));
}

async fn cluster(
    session: &mut Session<'_>,
    site: Site<'_>,
    made: Option<&Made>,
    times: &mut Times,
) -> Result<(), Failure> {
    let log = session.log;
    let started = Instant::now();
    initialize_line(log, site.config);
    for percent in [13, 61, 93] {
        let done = MANIFESTS_OF_RELEASE * percent / 100;
        log.debug(&format!(
            "Still waiting for the cluster to initialize: Working towards {}: {done} of \
             {MANIFESTS_OF_RELEASE} done ({percent}% complete)",
            RELEASE.version
        ));
        session.environment.wait(typical::INITIALIZE / 3).await;
    }
    let enter = session.faults.enter(Stage::Initialize).await;
    enter.map_err(|injected| initialize_failure(&injected))?;
    let aged = age(session, site, made).await;
    let outcome = session.faults.outcome().await;
    outcome.map_err(|injected| initialize_failure(&injected))?;
    aged.map_err(|error| {
        initialize_failure(&Injected {
            error: Some(chain(&error)),
            exit_code: None,
        })
    })?;
    log.debug("Cluster is initialized");
    times.push(("Cluster Operators Available", started.elapsed()));

    let started = Instant::now();
    log.info(&waiting(
        30,
        "to ensure each cluster operator has finished progressing...",
    ));
    session.environment.wait(typical::STABLE).await;
    session
        .faults
        .enter(Stage::OperatorsStable)
        .await
        .map_err(|injected| {
            let error = injected.error.as_deref().unwrap_or(EXPIRED);
            let lines = [
                format!("Error checking cluster operator Progressing status: {error:?}"),
                "These cluster operators were not stable: [authentication, monitoring]".to_owned(),
            ];
            Failure::errors(injected.exit_code.unwrap_or(failure::UNSTABLE), lines)
        })?;
    log.info("All cluster operators have completed progressing");
    times.push(("Cluster Operators Stable", started.elapsed()));

    let started = Instant::now();
    log.info("Checking to see if there is a route at openshift-console/console...");
    if let Err(injected) = session.faults.enter(Stage::Console).await {
        let error = injected.error.as_deref().unwrap_or(EXPIRED);
        let text = format!("failed to fetch the console route: {error}");
        match injected.exit_code {
            Some(code) => return Err(with_code(Failure::fatal(text), Some(code))),
            None => log.warn(&text),
        }
    }
    times.push(("Console", started.elapsed()));
    Ok(())
}

/// What the cluster makes for itself, when it is asked for and was not made before.
async fn age(session: &mut Session<'_>, site: Site<'_>, made: Option<&Made>) -> Result<()> {
    let mut progress: Progress = session.state.get(key::PROGRESS)?.unwrap_or_default();
    if !session.aged || progress.aged {
        return Ok(());
    }
    let sets = machines::machine_sets(&session.state.files(key::OPENSHIFT)?)?;
    let found;
    let (network, zone) = if let Some(made) = made {
        (&made.network, made.zone.clone())
    } else {
        found = aws::network::find(site).await?;
        (&found, aws::dns::find(site).await?)
    };
    Box::pin(aws::aged::create(site, network, &zone, &sets)).await?;
    progress.aged = true;
    session.state.set(key::PROGRESS, &progress)
}

fn initialize_failure(injected: &Injected) -> Failure {
    let error = injected.error.as_deref();
    let error = error.unwrap_or("Cluster operators authentication, console are not available");
    // What comes before the last line is said by single operators.
    let (operators, last) = error.rsplit_once('\n').unwrap_or(("", error));
    let mut lines: Vec<String> = operators.lines().map(str::to_owned).collect();
    lines.extend(
        [
            "Cluster initialization failed because one or more operators are not functioning properly.",
            "The cluster's API is up: look at the conditions of the operators named above.",
            "The documentation on troubleshooting installations tells where to look next.",
            "To go on waiting, run 'wait-for install-complete'",
        ]
        .map(str::to_owned),
    );
    lines.push(format!("failed to initialize the cluster: {last}"));
    Failure::errors(injected.exit_code.unwrap_or(failure::INITIALIZE), lines)
}

fn complete(
    session: &mut Session<'_>,
    config: &InstallConfig,
    skip_password_print: bool,
    started: Instant,
    times: &Times,
) -> Result<(), Failure> {
    let log = session.log;
    let access: Access = session
        .state
        .get(key::KUBECONFIG)?
        .context("no kubeconfig in the state")?;
    let router = certificates(session, config)?.router_ca.cert;
    let access = access.with_authority(&router);
    session.state.write(&[Asset::new(
        kubeconfig::FILE,
        access.document(config.name())?,
    )])?;
    log.info("Install complete!");
    let dir = std::path::absolute(session.state.dir()).context("no working directory")?;
    log.info(&format!(
        "To access the cluster as the system:admin user when using 'oc', run\n    export KUBECONFIG={}",
        dir.join(kubeconfig::FILE).display()
    ));
    let console = format!("https://console-openshift-console.apps.{}", config.domain());
    log.info(&format!("Access the OpenShift web-console here: {console}"));
    let password: Option<Password> = session.state.get(key::PASSWORD)?;
    if skip_password_print {
        log.info("Credentials omitted, if necessary verify the contents of the auth directory");
    } else if let Some(Password { password, .. }) = password {
        log.info(&format!(
            "Login to the console with user: \"kubeadmin\", and password: {password:?}"
        ));
    }
    log.debug("Time elapsed per stage:");
    for (title, time) in times {
        log.debug(&format!("{title:>40}: {}", duration(*time)));
    }
    log.info(&format!("Time elapsed: {}", duration(started.elapsed())));
    Ok(())
}

/// The lines and files of the local Cluster API control plane.
fn start_system(session: &Session<'_>) -> Result<(), Failure> {
    let log = session.log;
    let path = format!("{OUTPUT}/envtest.kubeconfig");
    let document = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "envtest", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "envtest", "context": {"cluster": "envtest", "user": "envtest"}}],
        "current-context": "envtest",
        "users": [{"name": "envtest", "user": {}}],
    });
    let text = serde_saphyr::to_string(&document).context("failed to marshal a kubeconfig")?;
    session.state.write(&[Asset::new(path.as_str(), text)])?;
    let dir = std::path::absolute(session.state.dir()).context("no working directory")?;
    log.info("Started local control plane with envtest");
    // Libraries of the real installer write in a format of their own.
    crate::log::foreign("warning_handler.go:65] unknown field \"spec.network\"");
    log.info(&format!(
        "Stored kubeconfig for envtest in: {}",
        dir.join(&path).display()
    ));
    for (name, port) in [("Cluster API", 1), ("aws infrastructure provider", 2)] {
        log.info(&format!(
            "Running process: {name} with args [-v=2 --health-addr=127.0.0.1:{port} --webhook-port={port}]"
        ));
    }
    Ok(())
}

/// One object of the local control plane: a line, and a file.
fn created(session: &Session<'_>, kind: &str, name: &str) -> Result<(), Failure> {
    let namespaced = kind != "v1.Namespace";
    let namespace = if namespaced { CAPI_NAMESPACE } else { "" };
    let message = format!("Created manifest *{kind}, namespace={namespace} name={name}");
    session.log.info(&message);
    let (version, short) = kind.split_once('.').unwrap_or(("v1", kind));
    let document = json!({
        "apiVersion": version,
        "kind": short,
        "metadata": {"name": name, "namespace": namespace},
    });
    let text = serde_saphyr::to_string(&document).context("failed to marshal an object")?;
    let path = format!("{OUTPUT}/{short}-{CAPI_NAMESPACE}-{name}.yaml");
    session.state.write(&[Asset::new(path, text)])?;
    Ok(())
}

fn waiting(minutes: i64, what: &str) -> String {
    let until = Timestamp::now() + SignedDuration::from_mins(minutes);
    format!(
        "Waiting up to {minutes}m0s (until {}) {what}",
        until.strftime("%-I:%M%p UTC")
    )
}

fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Level;

    #[test]
    fn operators_are_named_before_the_advice() {
        let failure = initialize_failure(&Injected {
            error: Some(
                "Cluster operator ingress Degraded is True with X: y\nsome are late".to_owned(),
            ),
            exit_code: None,
        });
        let text: Vec<&str> = failure
            .lines
            .iter()
            .map(|(_, line)| line.as_str())
            .collect();
        assert_eq!(failure.code, failure::INITIALIZE);
        assert_eq!(
            text.first(),
            Some(&"Cluster operator ingress Degraded is True with X: y")
        );
        assert_eq!(
            text.last(),
            Some(&"failed to initialize the cluster: some are late")
        );
        assert!(
            failure
                .lines
                .iter()
                .all(|(level, _)| *level == Level::Error)
        );
    }

    #[test]
    fn durations_read_like_those_of_go() {
        assert_eq!(duration(Duration::from_secs(59)), "59s");
        assert_eq!(duration(Duration::from_secs(41 * 60 + 1)), "41m1s");
    }
}
