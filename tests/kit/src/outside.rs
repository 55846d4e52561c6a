//! Skep as a process beside a hub without a node, with exactly the rights of its shipped manifests: what
//! needs no pods is tested and measured so, in seconds. Processes die with their owner.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;

use crate::cache;
use crate::hub::{self, Hub};
use crate::process::{Program, Supervision, Supervisor, free_port, tail, wait_until};
use crate::progress::Progress;

/// Namespace of the operator, and of its lease and receipts.
pub const NAMESPACE: &str = "hive";
/// The `ServiceAccount` of the shipped manifests.
pub const ACCOUNT: &str = "hive-controllers";
/// The same as the API server calls it.
pub const USER: &str = "system:serviceaccount:hive:hive-controllers";

const PROGRAM: &str = "skep";
const DEADLINE: Duration = Duration::from_mins(1);

/// One `skep controllers`.
#[derive(Debug)]
pub struct Outside {
    supervisor: Supervisor,
    port: u16,
    log: PathBuf,
}

/// What of the manifests is of no use beside a hub: pods do not run, a webhook that does not answer would keep
/// everything from being written, and that the operator keeps a protected cluster is to be its own doing.
const WITHOUT: [&str; 3] = [
    "kind: Deployment",
    "kind: ValidatingWebhookConfiguration",
    "  name: clusterdeployments.deletion.skep.dev",
];

/// Gives the operator's `ServiceAccount` the rights of `manifests/base`, without what needs pods. Returns a
/// kubeconfig for it.
pub fn grant(hub: &Hub) -> Result<PathBuf> {
    apply(hub, "base", &WITHOUT)?;
    hub.service_account_kubeconfig(NAMESPACE, ACCOUNT)
}

/// Applies a folder below `manifests`, without documents that have one of these lines.
pub fn apply(hub: &Hub, folder: &str, without: &[&str]) -> Result<()> {
    let folder = cache::checkout().join("manifests").join(folder);
    let folder = folder
        .to_str()
        .context("the checkout's path is not Unicode")?;
    let all = hub.run_kubectl(&["kustomize", folder], "")?;
    let wanted: Vec<&str> = all
        .split("\n---\n")
        .filter(|document| !document.lines().any(|line| without.contains(&line)))
        .collect();
    hub.apply(&wanted.join("\n---\n")).map(drop)
}

impl Outside {
    /// Starts one process, called `name` in the lease and in the run folder. It looks at no managed cluster
    /// and at no machine: most clusters of tests lead nowhere, and their clouds do not answer.
    pub fn start(hub: &Hub, skep: &Path, kubeconfig: &Path, name: &str) -> Result<Self> {
        let blind = ["--disabled-controllers", "hibernation,unreachable"];
        Self::start_with(hub, skep, kubeconfig, name, &blind)
    }

    /// The same with these arguments instead, which may be none.
    pub fn start_with(
        hub: &Hub,
        skep: &Path,
        kubeconfig: &Path,
        name: &str,
        more: &[&str],
    ) -> Result<Self> {
        let port = free_port(Ipv4Addr::LOCALHOST)?;
        let text = |text: &str| text.to_owned();
        let mut argv = vec![
            skep.display().to_string(),
            text("controllers"),
            text("--listen"),
            format!("127.0.0.1:{port}"),
        ];
        argv.extend(more.iter().copied().map(text));
        let env = BTreeMap::from([
            (text("KUBECONFIG"), kubeconfig.display().to_string()),
            (text("HIVE_NS"), text(NAMESPACE)),
            (text("POD_NAMESPACE"), text(NAMESPACE)),
            (text("POD_NAME"), text(name)),
            (text("HIVE_IMAGE"), text(crate::images::OPERATOR)),
        ]);
        Self::run(
            argv,
            env,
            port,
            hub.run_folder().join(format!("{name}.log")),
        )
    }

    /// Starts a program of Skep that tells about itself on this port of the machine, which must be a word of
    /// its command line.
    pub fn run(
        argv: Vec<String>,
        env: BTreeMap<String, String>,
        port: u16,
        log: PathBuf,
    ) -> Result<Self> {
        let binary = hub::prepare(false, &Progress::silent())?;
        let folder = tempfile::tempdir().context("make a folder")?.keep();
        let mut supervisor = Supervisor::start(&binary, &folder, Supervision::default(), |_| {})?;
        let program = Program {
            name: PROGRAM.to_owned(),
            argv,
            env,
            folder,
            log: log.clone(),
        };
        supervisor.run(&program)?;
        Ok(Self {
            supervisor,
            port,
            log,
        })
    }

    /// Waits until its stores are complete.
    pub fn await_ready(&self) -> Result<()> {
        self.supervisor
            .wait_until("a ready operator", DEADLINE, &[PROGRAM], || {
                Ok(self.fetch("readyz").map(drop))
            })
    }

    /// Waits until it leads.
    pub fn await_lead(&self) -> Result<()> {
        self.supervisor
            .wait_until("a leading operator", DEADLINE, &[PROGRAM], || {
                Ok(if self.leads() {
                    Ok(())
                } else {
                    Err("another leads, or nobody".to_owned())
                })
            })
    }

    /// Whether it leads at the moment.
    pub fn leads(&self) -> bool {
        self.metrics()
            .is_ok_and(|text| text.lines().any(|line| line == "skep_leader 1"))
    }

    /// Its figures, in the text format.
    pub fn metrics(&self) -> Result<String> {
        self.fetch("metrics").map_err(anyhow::Error::msg)
    }

    fn fetch(&self, path: &str) -> Result<String, String> {
        let url = format!("http://127.0.0.1:{}/{path}", self.port);
        let answer = ureq::get(&url).call().map_err(|error| error.to_string())?;
        answer
            .into_body()
            .read_to_string()
            .map_err(|error| error.to_string())
    }

    /// What it answers at a path, if it answers with success.
    pub fn answer(&self, path: &str) -> Option<String> {
        self.fetch(path).ok()
    }

    /// Processor time that its living threads have used so far, in seconds. The scheduler's own record: the
    /// one in ticks, which `top` shows, is drawn by samples, and what comes at a regular beat is counted wrong.
    pub fn processor_seconds(&self) -> Result<f64> {
        let threads = self.process_folder()?.join("task");
        let mut nanoseconds = 0.0;
        for thread in std::fs::read_dir(threads).context("list the process's threads")? {
            let file = thread
                .context("list the process's threads")?
                .path()
                .join("schedstat");
            let text = std::fs::read_to_string(file).context("read a thread's times")?;
            let used = text.split_whitespace().next();
            let used = used.and_then(|number| number.parse::<f64>().ok());
            nanoseconds += used.context("understand a thread's times")?;
        }
        Ok(nanoseconds / 1e9)
    }

    /// Resident memory, in MiB.
    pub fn resident_mib(&self) -> Result<f64> {
        self.memory_mib("VmRSS:")
    }

    /// Resident memory that is not part of a file: without the program itself, of which more and more is
    /// touched.
    pub fn anonymous_mib(&self) -> Result<f64> {
        self.memory_mib("RssAnon:")
    }

    fn memory_mib(&self, which: &str) -> Result<f64> {
        let folder = self.process_folder()?;
        let status =
            std::fs::read_to_string(folder.join("status")).context("read the process's status")?;
        let kib: f64 = status
            .lines()
            .find_map(|line| line.strip_prefix(which))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|number| number.parse().ok())
            .context("the process's status tells no memory")?;
        Ok(kib / 1024.0)
    }

    /// Its folder in `/proc`. It is found by its own port: the supervisor counts process IDs in a namespace
    /// of its own.
    fn process_folder(&self) -> Result<PathBuf> {
        let listens = format!("127.0.0.1:{}", self.port);
        for entry in std::fs::read_dir("/proc").context("list the processes")? {
            let folder = entry.context("list the processes")?.path();
            // What is no process, or has ended since, has none.
            let Ok(line) = std::fs::read(folder.join("cmdline")) else {
                continue;
            };
            if line
                .split(|byte| *byte == 0)
                .any(|word| word == listens.as_bytes())
            {
                return Ok(folder);
            }
        }
        anyhow::bail!("no process listens on {listens}")
    }

    /// Kills it, as a crash would, and returns once it is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.end_by(Signal::SIGKILL)
    }

    /// Asks it to stop, as a kubelet would, and returns once it is gone.
    pub fn terminate(&mut self) -> Result<()> {
        self.end_by(Signal::SIGTERM)
    }

    fn end_by(&mut self, signal: Signal) -> Result<()> {
        self.supervisor.signal(PROGRAM, signal)?;
        wait_until("the end of a killed operator", DEADLINE, || {
            Ok(self
                .supervisor
                .exited(PROGRAM)
                .map(drop)
                .ok_or_else(|| "it runs".to_owned()))
        })
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_else(|_| tail(&self.log))
    }
}
