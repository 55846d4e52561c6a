//! The whole stage of the main job: a hub with a node, an emulated AWS account that already holds other
//! people's resources, and Skep as a Deployment inside the hub. The demo and the end-to-end tests play on
//! the same one.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::binaries::{self, Binaries};
use crate::cache;
use crate::cloud::{Account, Cloud, CloudOptions, NewAccount};
use crate::hub::{GATEWAY, Hub, HubOptions};
use crate::images;
use crate::oracle::{Confusable, Oracle, Snapshot};
use crate::process::{free_port, wait_until};
use crate::progress::Progress;
use crate::scenario::ClusterScenario;

/// Namespace of the operator.
pub const OPERATOR_NAMESPACE: &str = "hive";

/// Selects the operator's pods.
const OPERATOR_PODS: &str = "hive.openshift.io/component=hive-controllers";

/// Region in which everything of the tests happens.
pub const REGION: &str = "us-east-1";

/// Base domain of the tests' clusters; its public zone belongs to somebody else.
pub const BASE_DOMAIN: &str = "example.com";

/// How the emulated cloud's transitional states pass: a fiftieth of AWS's time, so that they are seen and
/// cost seconds.
const SPEED: f64 = 0.02;

/// What the installer's waits are multiplied with.
const INSTALLER_TIME_SCALE: &str = "0.001";

/// How a stage is built.
#[derive(Debug)]
pub struct StageOptions {
    /// Name of the hub.
    pub name: String,
    /// Whether to wait while another hub with a node runs on this machine.
    pub wait: bool,
    /// Record every request of the hub's API server.
    pub audit: bool,
    /// Speed of the cloud's transitional states; 1 is AWS's.
    pub speed: f64,
    /// Where to show what is being done.
    pub progress: Progress,
}

impl StageOptions {
    /// The usual stage.
    pub fn new(name: &str, progress: Progress) -> Self {
        Self {
            name: name.to_owned(),
            wait: false,
            audit: false,
            speed: SPEED,
            progress,
        }
    }
}

/// Hub, cloud and operator. Dropping it ends all of them.
#[derive(Debug)]
pub struct Stage {
    /// The hub.
    pub hub: Hub,
    /// The cloud.
    pub cloud: Cloud,
    /// The project's binaries.
    pub binaries: Binaries,
    endpoint_for_pods: String,
}

impl Stage {
    /// Builds what is missing, starts everything, and returns when the operator is ready.
    pub fn raise(options: &StageOptions) -> Result<Self> {
        let progress = &options.progress;
        let binaries = binaries::build(progress)?;
        let crds = cache::checkout().join("crds/yaml");
        let hub_options = HubOptions::control_plane(&options.name)
            .with_crds(crds)
            .shown_by(progress.clone());
        let mut hub_options = hub_options.with_node();
        hub_options.audit = options.audit;
        if !options.wait {
            hub_options.parts = crate::hub::Parts::Node;
        }
        let mut hub = Hub::start(&hub_options)?;
        let (cloud, endpoint_for_pods) = cloud(&mut hub, options)?;
        let stage = Self {
            hub,
            cloud,
            binaries,
            endpoint_for_pods,
        };
        stage.import(progress)?;
        stage.deploy(progress)?;
        Ok(stage)
    }

    fn import(&self, progress: &Progress) -> Result<()> {
        let step = progress.step("write and import images", "5 s");
        let silent = Progress::silent();
        self.hub
            .import(&images::operator(&self.binaries.skep, &silent)?, &silent)?;
        self.hub.import(
            &images::installer(&self.binaries.installer, &silent)?,
            &silent,
        )?;
        self.hub.import(&images::release()?, &silent)?;
        step.done();
        Ok(())
    }

    fn deploy(&self, progress: &Progress) -> Result<()> {
        let step = progress.step("deploy the operator into the hub", "5 s");
        let overlay = cache::checkout().join("manifests/overlays/dev");
        let overlay = overlay
            .to_str()
            .context("the checkout's path is not Unicode")?;
        self.hub
            .run_kubectl(&["apply", "--server-side", "-k", overlay], "")?;
        // Until the webhook answers, nothing can be created.
        for deployment in ["deployment/hiveadmission", "deployment/hive-controllers"] {
            let rollout = [
                "rollout",
                "status",
                deployment,
                "-n",
                OPERATOR_NAMESPACE,
                "--timeout=120s",
            ];
            self.hub
                .run_kubectl(&rollout, "")
                .with_context(|| self.operator_log())?;
        }
        step.done();
        Ok(())
    }

    /// The operator's log so far, for errors.
    pub fn operator_log(&self) -> String {
        let selector = OPERATOR_PODS;
        let arguments = [
            "logs",
            "-n",
            OPERATOR_NAMESPACE,
            "-l",
            selector,
            "--tail=-1",
            "--prefix",
            "--ignore-errors",
        ];
        self.hub
            .run_kubectl(&arguments, "")
            .unwrap_or_else(|error| format!("no log: {error:#}"))
    }

    /// Runs so many replicas of the operator, and waits until it is so.
    pub fn scale_operator(&self, replicas: u32) -> Result<()> {
        let replicas = format!("--replicas={replicas}");
        let deployment = "deployment/hive-controllers";
        self.hub.run_kubectl(
            &["scale", deployment, "-n", OPERATOR_NAMESPACE, &replicas],
            "",
        )?;
        let rollout = [
            "rollout",
            "status",
            deployment,
            "-n",
            OPERATOR_NAMESPACE,
            "--timeout=120s",
        ];
        self.hub.run_kubectl(&rollout, "")?;
        if replicas == "--replicas=0" {
            let gone = [
                "wait",
                "pod",
                "-n",
                OPERATOR_NAMESPACE,
                "-l",
                OPERATOR_PODS,
                "--for=delete",
                "--timeout=60s",
            ];
            self.hub.run_kubectl(&gone, "")?;
        }
        Ok(())
    }

    /// Kills every process of every replica of the operator, as a crash would. At least one must have had a
    /// process to kill.
    pub fn kill_operator(&self) -> Result<()> {
        let names = [
            "get",
            "pods",
            "-n",
            OPERATOR_NAMESPACE,
            "-l",
            OPERATOR_PODS,
            "-o",
            "name",
        ];
        let mut missed = Vec::new();
        let mut killed = 0;
        for name in self.hub.run_kubectl(&names, "")?.lines() {
            let pod = name.trim_start_matches("pod/");
            // A replica that is just starting has no process yet.
            match self.hub.signal_container(
                OPERATOR_NAMESPACE,
                pod,
                "manager",
                nix::sys::signal::Signal::SIGKILL,
            ) {
                Ok(_) => killed += 1,
                Err(error) => missed.push(format!("{pod}: {error:#}")),
            }
        }
        ensure!(
            killed > 0,
            "no replica of the operator could be killed: {}",
            missed.join("; ")
        );
        Ok(())
    }

    /// Takes every pod of the operator away by force, as the loss of a node would: new ones start while the
    /// old ones may still run.
    pub fn evict_operator(&self) -> Result<()> {
        let arguments = [
            "delete",
            "pods",
            "-n",
            OPERATOR_NAMESPACE,
            "-l",
            OPERATOR_PODS,
            "--force",
            "--grace-period=0",
        ];
        self.hub.run_kubectl(&arguments, "").map(drop)
    }

    /// An account of its own, filled with other people's resources whose names and tags look like those of
    /// `cluster`, the snapshot that the account is held against in the end, and what was planted.
    pub fn account(&self, cluster: &str) -> Result<(Account, Snapshot, serde_json::Value)> {
        let account = self.cloud.create_account(&NewAccount::default())?;
        let oracle = Oracle::new(&self.cloud, &account, &[REGION]);
        let planted = oracle.seed(&Confusable {
            cluster,
            base_domain: BASE_DOMAIN,
            infra_id: None,
        })?;
        let before = oracle.snapshot()?;
        Ok((account, before, planted))
    }

    /// A cluster in that account. `faults` is what the stand-in installer is told to do wrong.
    pub fn cluster(
        &self,
        namespace: &str,
        name: &str,
        account: &Account,
        faults: Option<&str>,
    ) -> ClusterScenario {
        let time_scale = ("OPENSHIFT_INSTALL_STANDIN_TIME_SCALE", INSTALLER_TIME_SCALE);
        let faults = faults.map(|faults| ("OPENSHIFT_INSTALL_STANDIN_FAULTS", faults));
        ClusterScenario {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            base_domain: BASE_DOMAIN.to_owned(),
            region: REGION.to_owned(),
            endpoint: self.endpoint_for_pods.clone(),
            access_key: account.access_key.clone(),
            secret_key: account.secret_key.clone(),
            installer_env: [Some(time_scale), faults]
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            attempts_limit: None,
            image_set: "openshift-v4.19.2".to_owned(),
        }
    }

    /// `kubectl create` of objects, as a person would.
    pub fn create(&self, manifest: &serde_json::Value) -> Result<String> {
        self.hub
            .run_kubectl(&["create", "-f", "-"], &manifest.to_string())
    }

    /// The command line of Skep, as a person on this machine would call it.
    pub fn skep(&self, arguments: &[&str]) -> Result<String> {
        let output = std::process::Command::new(&self.binaries.skep)
            .args(arguments)
            .env("KUBECONFIG", self.hub.kubeconfig())
            .output()
            .context("run skep")?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(said);
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        anyhow::bail!("skep {}: {}{said}", arguments.join(" "), complaint.trim())
    }

    /// Leaves hub, cloud and operator running after this process.
    pub fn leave(self) -> Result<PathBuf> {
        let kubeconfig = self.hub.kubeconfig().to_owned();
        self.hub.detach()?;
        Ok(kubeconfig)
    }

    /// Ends everything and verifies that nothing is left on the machine.
    pub fn lower(self) -> Result<()> {
        drop(self.cloud);
        self.hub.stop()
    }
}

/// A cloud that lives and dies with the hub, reachable from this machine and from pods.
fn cloud(hub: &mut Hub, options: &StageOptions) -> Result<(Cloud, String)> {
    let progress = &options.progress;
    let step = progress.step("start the emulated AWS", "2 s");
    let log = hub.run_folder().join("cloud.log");
    let supervisor = hub.supervisor().context("the hub has no supervisor")?;
    let port = free_port(Ipv4Addr::UNSPECIFIED)?;
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let cloud_options = CloudOptions {
        listen: vec![loopback, IpAddr::V4(GATEWAY)],
        port,
        scale: Some(options.speed),
        log: None,
    };
    let token = uuid::Uuid::new_v4().to_string();
    supervisor.run(&Cloud::program(
        &cloud_options,
        &token,
        &log,
        &Progress::silent(),
    )?)?;
    let endpoint = format!("http://{loopback}:{port}");
    let silent = Progress::silent();
    wait_until("the emulated AWS", Duration::from_mins(1), || {
        let connection = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        Ok(connection.map(drop).map_err(|error| error.to_string()))
    })?;
    let cloud = Cloud::connect(&endpoint, &token, &silent)?;
    step.done();
    Ok((cloud, format!("http://{GATEWAY}:{port}")))
}
