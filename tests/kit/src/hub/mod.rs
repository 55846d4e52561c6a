//! A real Kubernetes on this machine, as an object: [`Hub::start`] boots it, dropping it ends it.
//!
//! A control plane alone boots in about 3 s, runs as any user, and several run side by side. With a
//! node it needs root and exists once per machine, and pods run in it (docs/spec/60 §2–3).
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use skep_kit::hub::{Hub, HubOptions};
//! let hub = Hub::start(&HubOptions::for_test("adoption"))?;
//! hub.kubectl(&["create", "namespace", "fleet"]).status()?;
//! hub.stop()?;
//! # Ok(())
//! # }
//! ```
//!
//! Nothing of a hub outlives its owner: not a process, not a mount, not the run folder; not even when
//! the owner is killed ([`crate::process`]). Only [`Hub::detach`] lets it live on, and then
//! [`attach`] finds it again.
//!
//! Many tests of one binary can share a hub, each in a namespace of its own: put it into a
//! `static HUB: LazyLock<Hub>`. Statics are not dropped, but the end of the process closes the pipe.
//!
//! The calls block. Boot takes seconds, so that async tests may call them as they are; they never
//! need the caller's runtime.

mod binary;
mod boot;
mod control_plane;
mod node;
mod pki;
mod state;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub use binary::{KUBERNETES, build as build_binary};
pub(crate) use control_plane::build_kubeconfig;
pub use state::{Run, State, leftovers, list, sweep};

use crate::cache;
use crate::debian;
use crate::images::Image;
use crate::process::{Supervision, Supervisor, wait_until};
use crate::progress::Progress;
use boot::Boot;

/// Name of the hub that `cargo xtask hub` uses when none is named.
pub const DEFAULT_NAME: &str = "hub";
/// Name of the one node.
pub const NODE_NAME: &str = "skep-node";
/// Network of the pods.
pub const POD_NETWORK: &str = "10.89.0.0/16";
/// Address of this machine in the pods' network: emulated clouds listen here.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 89, 0, 1);
/// Range of service addresses.
pub const SERVICES: &str = "10.96.0.0/16";
/// The API server's service address, `KUBERNETES_SERVICE_HOST` in every pod.
pub const SERVICE_ADDRESS: &str = "10.96.0.1";
/// Image that holds a pod's namespaces open.
pub const PAUSE_IMAGE: &str = "localhost/pause:1";

/// How much of a cluster a hub is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// etcd and the API server: nothing moves by itself.
    ApiServer,
    /// And the controller manager: garbage collection, Jobs, namespace deletion, tokens.
    ControlPlane,
    /// And a node, where pods run. Needs root; one per machine, so it fails while there is another.
    Node,
    /// The same, waiting while there is another.
    NodeWhenFree,
}

impl Parts {
    fn node(self) -> bool {
        matches!(self, Self::Node | Self::NodeWhenFree)
    }
}

/// What kind of hub to start.
#[derive(Clone, Debug)]
pub struct HubOptions {
    /// Name of the hub and of its run folder: up to 40 of `a-z`, `0-9` and `-`.
    pub name: String,
    /// How much of a cluster to run.
    pub parts: Parts,
    /// The binary whose `pause` verb holds a pod's namespaces open; busybox when there is none.
    pub pause: Option<PathBuf>,
    /// Record every request ([`Hub::audit_log`]).
    pub audit: bool,
    /// Manifests (files or folders) of resource definitions that the hub has from the start.
    /// The garbage collector looks for new kinds only every 30 s; these it knows at once.
    pub crds: Vec<PathBuf>,
    /// Where the boot is shown.
    pub progress: Progress,
}

impl HubOptions {
    /// A control plane with controllers, under a name.
    pub fn control_plane(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            parts: Parts::ControlPlane,
            pause: None,
            audit: false,
            crds: Vec::new(),
            progress: Progress::silent(),
        }
    }

    /// A control plane for one test: silent, under a name that no other test has.
    pub fn for_test(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self::control_plane(format!("{name}-{}-{count}", std::process::id()))
    }

    /// The same with a node. Another test's node is waited for.
    #[must_use]
    pub fn with_node(self) -> Self {
        Self {
            parts: Parts::NodeWhenFree,
            ..self
        }
    }

    /// The same with an API server and etcd only.
    #[must_use]
    pub fn without_controllers(self) -> Self {
        Self {
            parts: Parts::ApiServer,
            ..self
        }
    }

    /// The same with resource definitions from a file or folder, known to the garbage collector.
    #[must_use]
    pub fn with_crds(mut self, manifests: impl Into<PathBuf>) -> Self {
        self.crds.push(manifests.into());
        self
    }

    /// The same with a record of every request.
    #[must_use]
    pub fn audited(self) -> Self {
        Self {
            audit: true,
            ..self
        }
    }

    /// The same, shown.
    #[must_use]
    pub fn shown_by(self, progress: Progress) -> Self {
        Self { progress, ..self }
    }
}

/// A running hub.
#[derive(Debug)]
pub struct Hub {
    state: State,
    supervisor: Option<Supervisor>,
}

/// Finds a hub that was detached, or that another process owns.
pub fn attach(name: &str) -> Result<Hub> {
    Ok(Hub {
        state: state::find(name)?,
        supervisor: None,
    })
}

/// Takes from the machine and builds what a hub needs, so that nothing waits for it later. Returns the
/// hub's binary.
pub fn prepare(node: bool, progress: &Progress) -> Result<PathBuf> {
    if node {
        debian::install(&node::PACKAGES, progress)?;
    }
    build_binary(progress)
}

impl Hub {
    /// Boots a hub and returns when it is usable: the API server is ready; with controllers, pods
    /// may be created in `default`; with a node, they run.
    ///
    /// Builds the hub's binary first when the cache does not have it, which takes minutes.
    ///
    /// # Errors
    /// When a program ends or the deadline passes; the text holds the end of its log, and all logs
    /// are kept in the cache's `failed/<name>`. Nothing is left running.
    pub fn start(options: &HubOptions) -> Result<Self> {
        // A thread of its own, because the caller may be inside an async runtime.
        std::thread::scope(|scope| match scope.spawn(|| Self::boot(options)).join() {
            Ok(hub) => hub,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    fn boot(options: &HubOptions) -> Result<Self> {
        let progress = &options.progress;
        let binary = prepare(options.parts.node(), progress)?;
        let folder = state::create_run_folder(&options.name)?;
        let booted = Self::boot_in(options, &binary, &folder);
        if booted.is_err() && folder.exists() {
            // Only a refusal leaves it: the supervisor removes the folder of what it started.
            drop(fs::remove_dir_all(&folder));
        }
        booted.with_context(|| {
            let logs = failed_folder(&options.name);
            let logs = logs.filter(|logs| logs.exists());
            let logs = logs.map_or_else(String::new, |logs| format!(" (logs: {})", logs.display()));
            format!("start hub {:?}{logs}", options.name)
        })
    }

    fn boot_in(options: &HubOptions, binary: &Path, folder: &Path) -> Result<Self> {
        let progress = &options.progress;
        if options.parts.node() {
            node::check_folder(folder)?;
        }
        let how = Supervision {
            node: options.parts.node(),
            wait: options.parts == Parts::NodeWhenFree,
        };
        let supervisor = Supervisor::start(binary, folder, how, |holder| {
            progress.say(format!("waiting for the machine's one node: {holder}"));
        })?;
        let mut boot = Boot {
            options,
            folder,
            binary,
            supervisor,
        };
        match boot.run() {
            Ok(state) => Ok(Self {
                state,
                supervisor: Some(boot.supervisor),
            }),
            Err(error) => {
                keep_logs(&options.name, folder);
                Err(error)
            }
        }
    }

    /// Name of the hub.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// The hub's record.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Folder of this run: logs are `<program>.log`.
    pub fn run_folder(&self) -> &Path {
        &self.state.run_folder
    }

    /// URL of the API server.
    pub fn server(&self) -> &str {
        &self.state.server
    }

    /// The administrator's bearer token.
    pub fn token(&self) -> &str {
        &self.state.token
    }

    /// Certificate of the authority that signed the API server's, in PEM.
    pub fn authority_pem(&self) -> &str {
        &self.state.authority_pem
    }

    /// One JSON object (`audit.k8s.io/v1` Event, level Metadata) a line for each request, if the hub
    /// was started so: who, verb, object, code.
    pub fn audit_log(&self) -> PathBuf {
        self.state.run_folder.join(control_plane::AUDIT_LOG)
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.state.kubeconfig
    }

    /// `kubectl` as the administrator, with arguments.
    pub fn kubectl(&self, arguments: &[&str]) -> Command {
        let mut kubectl = kubectl(&self.state.binary, &self.state.kubeconfig);
        kubectl.args(arguments);
        kubectl
    }

    /// Runs `kubectl` with something on stdin and returns what it prints.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub fn run_kubectl(&self, arguments: &[&str], stdin: &str) -> Result<String> {
        use std::io::Write as _;
        use std::process::Stdio;
        let mut child = self
            .kubectl(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("start kubectl")?;
        // It need not read all of it, so a broken pipe is no failure. The pipe closes here.
        if let Some(mut pipe) = child.stdin.take() {
            drop(pipe.write_all(stdin.as_bytes()));
        }
        let output = child.wait_with_output().context("wait for kubectl")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("kubectl {}: {}", arguments.join(" "), said.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// `kubectl apply` of manifests in YAML or JSON.
    pub fn apply(&self, manifests: &str) -> Result<String> {
        self.run_kubectl(&["apply", "-f", "-"], manifests)
    }

    /// A client as the administrator. To be called inside a tokio runtime.
    pub async fn client(&self) -> Result<Client> {
        let state = &self.state;
        client(&control_plane::build_kubeconfig(
            &state.server,
            &state.authority_pem,
            &state.token,
        ))
        .await
    }

    /// Writes a kubeconfig for a `ServiceAccount` (token for a day) and returns its path, so that
    /// something outside can act with exactly that account's rights.
    pub fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let arguments = [
            "create",
            "token",
            name,
            "--namespace",
            namespace,
            "--duration=24h",
        ];
        let token = self.run_kubectl(&arguments, "")?;
        let state = &self.state;
        let text =
            control_plane::build_kubeconfig(&state.server, &state.authority_pem, token.trim());
        let path = state
            .run_folder
            .join(format!("{namespace}.{name}.kubeconfig"));
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    /// Makes an image known to the node under its reference, unless exactly this one is.
    pub fn import(&self, image: &Image, progress: &Progress) -> Result<()> {
        if !self.state.node {
            bail!("hub {:?} has no node to import images into", self.name());
        }
        import(&self.state.run_folder, image, progress)
    }

    /// Sends a signal to every process of a pod's container, from outside: no clean-up of the
    /// kubelet runs before, just as when a process crashes. Returns how many there were.
    pub fn signal_container(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        signal: Signal,
    ) -> Result<usize> {
        let text = self.run_kubectl(&["get", "pod", pod, "-n", namespace, "-o", "json"], "")?;
        let pod: serde_json::Value = serde_json::from_str(&text).context("parse the pod")?;
        let id = pod["status"]["containerStatuses"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|status| status["name"] == container)
            .and_then(|status| status["containerID"].as_str())
            .and_then(|id| id.strip_prefix("containerd://"))
            .with_context(|| format!("container {container} has no ID"))?;
        let processes = node::host_processes(id)?;
        for pid in &processes {
            // It may have ended between the look and the signal.
            let _ = kill(Pid::from_raw(*pid), signal);
        }
        Ok(processes.len())
    }

    /// The supervisor of an owned hub, for programs that shall live and die with the hub. A hub that
    /// was attached to has none.
    pub fn supervisor(&mut self) -> Option<&mut Supervisor> {
        self.supervisor.as_mut()
    }

    /// Lets the hub outlive this process; [`attach`] finds it again.
    pub fn detach(mut self) -> Result<()> {
        self.supervisor.take().map_or(Ok(()), Supervisor::detach)
    }

    /// Ends the hub and returns when nothing of it is left.
    ///
    /// # Errors
    /// When something is left, with what.
    pub fn stop(mut self) -> Result<()> {
        let folder = self.state.run_folder.clone();
        match self.supervisor.take() {
            Some(supervisor) => supervisor.stop()?,
            None => state::end(&folder)?,
        }
        // The supervisor of an attached hub still has to exit when its folder is gone.
        wait_until("an empty machine", Duration::from_secs(10), || {
            let left = leftovers(&folder, self.state.node)?;
            Ok(if left.is_empty() {
                Ok(())
            } else {
                Err(left.join("\n  "))
            })
        })
        .with_context(|| format!("hub {:?} left something behind", self.state.name))
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if self.supervisor.is_some() && std::thread::panicking() {
            keep_logs(&self.state.name, &self.state.run_folder);
        }
    }
}

async fn client(kubeconfig: &str) -> Result<Client> {
    // Another provider may have been installed by the caller; any serves.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig).context("parse the kubeconfig")?;
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .context("read the kubeconfig")?;
    // A server that boots is asked again by whoever waits for it.
    config.default_retry = false;
    Client::try_from(config).context("build a client")
}

fn kubectl(binary: &Path, kubeconfig: &Path) -> Command {
    let mut kubectl = Command::new(binary);
    kubectl
        .arg("kubectl")
        .arg(format!("--kubeconfig={}", kubeconfig.display()));
    // Not in the home folder, where another server's answers may lie.
    let cache = kubeconfig.with_file_name("kubectl");
    kubectl.arg(format!("--cache-dir={}", cache.display()));
    kubectl
}

fn import(folder: &Path, image: &Image, progress: &Progress) -> Result<()> {
    let imported = folder.join("imported");
    fs::create_dir_all(&imported).with_context(|| format!("create {}", imported.display()))?;
    let archive = image.archive(progress)?;
    let mark = imported.join(image.reference.replace(['/', ':'], "_"));
    let digest = archive.digest.as_bytes();
    if fs::read(&mark).is_ok_and(|known| known == digest) {
        return Ok(());
    }
    let step = progress.step(format!("import image {}", image.reference), "1 s");
    let output = node::ctr(folder)
        .args([
            "images",
            "import",
            "--snapshotter",
            node::snapshotter(folder),
        ])
        .arg(&archive.path)
        .output()
        .context("run ctr")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("import {}: {}", image.reference, said.trim());
    }
    fs::write(&mark, digest).with_context(|| format!("write {}", mark.display()))?;
    step.done();
    Ok(())
}

fn failed_folder(name: &str) -> Option<PathBuf> {
    cache::root()
        .ok()
        .map(|root| root.join("failed").join(name))
}

/// Keeps the logs of a run that failed. Best effort: it must not hide the failure.
fn keep_logs(name: &str, folder: &Path) {
    let Some(target) = failed_folder(name) else {
        return;
    };
    drop(fs::create_dir_all(&target));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|kind| kind == "log") {
            drop(fs::copy(&path, target.join(entry.file_name())));
        }
    }
}
