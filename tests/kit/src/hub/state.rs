//! What is on record about running hubs: one state file in each run folder, so that a hub can be
//! found by name from another process. It decides who is alive (by locks, never by process IDs
//! alone) and what a dead hub left.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::cache;
use crate::process;

const STATE: &str = "hub.json";
const OWNER: &str = "owner";
/// Held by the supervisor of the machine's one node.
const NODE_LOCK: &str = "/run/skep-node.lock";

/// The record of one hub.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Name of the hub and of its run folder.
    pub name: String,
    /// Folder that holds everything of this run and goes with it.
    pub run_folder: PathBuf,
    /// Whether the hub has a node, so that pods run.
    pub node: bool,
    /// URL of the API server.
    pub server: String,
    /// The administrator's bearer token.
    pub token: String,
    /// Certificate of the authority that signed the API server's, in PEM.
    pub authority_pem: String,
    /// The administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// The hub's binary.
    pub binary: PathBuf,
    /// Process ID of the supervisor.
    pub supervisor: u32,
}

impl State {
    pub(super) fn write(&self) -> Result<()> {
        let path = self.run_folder.join(STATE);
        let text = serde_json::to_vec_pretty(self).context("encode the hub's state")?;
        // Whoever reads it must see a whole one.
        let fresh = self.run_folder.join("hub.json.new");
        fs::write(&fresh, text).with_context(|| format!("write {}", fresh.display()))?;
        fs::rename(&fresh, &path).with_context(|| format!("rename to {}", path.display()))
    }

    fn read(run_folder: &Path) -> Result<Self> {
        let path = run_folder.join(STATE);
        let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("parse {}", path.display()))
    }
}

/// A run folder as `hub status` shows it.
#[derive(Clone, Debug)]
pub struct Run {
    /// Name of the hub.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its record; none while it starts.
    pub state: Option<State>,
    /// Whether its supervisor lives.
    pub alive: bool,
}

/// All run folders of this cache, by name.
pub fn list() -> Result<Vec<Run>> {
    let folder = cache::folder("run")?;
    let mut runs = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry.context("read an entry of the run folder")?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            let folder = entry.path();
            let alive = cache::is_locked(&folder.join("lock"));
            runs.push(Run {
                name,
                state: State::read(&folder).ok(),
                alive,
                folder,
            });
        }
    }
    runs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(runs)
}

/// The record of a living hub.
pub(super) fn find(name: &str) -> Result<State> {
    let folder = run_folder(name)?;
    if !cache::is_locked(&folder.join("lock")) {
        bail!("no hub {name:?} runs; start one with: cargo xtask hub up --name {name}");
    }
    State::read(&folder)
}

fn run_folder(name: &str) -> Result<PathBuf> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 40 || !name.chars().all(plain) || name.starts_with('-') {
        bail!("{name:?} is no name for a hub: up to 40 of a-z, 0-9 and '-'");
    }
    Ok(cache::folder("run")?.join(name))
}

/// Creates the run folder of a new hub.
pub(crate) fn create_run_folder(name: &str) -> Result<PathBuf> {
    sweep()?;
    let folder = run_folder(name)?;
    // Under its own name it is never without its owner, or a sweep would take it for a dead one's.
    let fresh = folder.with_file_name(format!(".{name}-{}", std::process::id()));
    fs::create_dir_all(&fresh).with_context(|| format!("create {}", fresh.display()))?;
    let owner = fresh.join(OWNER);
    fs::write(&owner, std::process::id().to_string())
        .with_context(|| format!("write {}", owner.display()))?;
    if folder.exists() {
        drop(fs::remove_dir_all(&fresh));
        bail!("a hub {name:?} runs already; end it with: cargo xtask hub down --name {name}");
    }
    fs::rename(&fresh, &folder).with_context(|| format!("create {}", folder.display()))?;
    Ok(folder)
}

/// Removes the folders of hubs whose supervisor was killed. The kernel ended their programs and
/// mounts; what they left on the machine is swept by the next node's supervisor.
pub fn sweep() -> Result<Vec<String>> {
    let mut swept = Vec::new();
    for run in list()? {
        let owner = fs::read_to_string(run.folder.join(OWNER)).unwrap_or_default();
        let starting = owner
            .trim()
            .parse::<u32>()
            .is_ok_and(|pid| run.state.is_none() && Path::new(&format!("/proc/{pid}")).exists());
        if !run.alive && !starting {
            match fs::remove_dir_all(&run.folder) {
                Ok(()) => swept.push(run.name),
                // Somebody else swept it at the same time.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(error).context(format!("remove {}", run.folder.display()));
                }
            }
        }
    }
    Ok(swept)
}

/// Asks the supervisor of a hub to end, and returns when it has, with its run folder.
pub(super) fn end(folder: &Path) -> Result<()> {
    let lock = folder.join("lock");
    let text = fs::read_to_string(&lock).with_context(|| format!("read {}", lock.display()))?;
    let pid = text.lines().next().and_then(|pid| pid.parse::<i32>().ok());
    let pid = pid.with_context(|| format!("{} names no process", lock.display()))?;
    if cache::is_locked(&lock) {
        kill(Pid::from_raw(pid), Signal::SIGTERM)
            .with_context(|| format!("signal the supervisor, process {pid}"))?;
    }
    process::wait_until("the end of the supervisor", Duration::from_mins(1), || {
        let gone = !cache::is_locked(&lock);
        Ok(if gone {
            Ok(())
        } else {
            Err(format!("process {pid} holds its lock"))
        })
    })?;
    sweep().map(drop)
}

/// Everything that is still there of a hub that should be gone, in words. Empty is good.
pub fn leftovers(run_folder: &Path, node: bool) -> Result<Vec<String>> {
    let mut left = Vec::new();
    let path = run_folder.display().to_string();
    if run_folder.exists() {
        left.push(format!("folder {path}"));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").context("read the mounts")?;
    let mounts = mounts.lines().filter(|line| names(line, &path));
    left.extend(mounts.map(|line| format!("mount {line}")));
    for entry in fs::read_dir("/proc").context("read /proc")? {
        let entry = entry.context("read an entry of /proc")?.path();
        let Some(pid) = entry
            .file_name()
            .and_then(|name| name.to_str()?.parse::<u32>().ok())
        else {
            continue;
        };
        let command = fs::read(entry.join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let inside = fs::read_link(entry.join("cwd")).is_ok_and(|cwd| cwd.starts_with(run_folder));
        if inside || (pid != std::process::id() && names(&command, &path)) {
            left.push(format!("process {pid} {command}"));
        }
    }
    // Who waited for the node has its bridge and address by now.
    if node && !cache::is_locked(Path::new(NODE_LOCK)) {
        if Path::new("/sys/class/net/skep0").exists() {
            left.push("bridge skep0".to_owned());
        }
        // cgroup v1 has one tree for each controller, v2 a single one.
        let mut trees = vec![PathBuf::from("/sys/fs/cgroup")];
        for tree in fs::read_dir("/sys/fs/cgroup").context("read the control groups")? {
            trees.push(tree.context("read a control group")?.path());
        }
        for tree in trees {
            let path = tree.join("k8s.io");
            if path.exists() {
                left.push(format!("control group {}", path.display()));
            }
        }
        let addresses = std::process::Command::new("ip")
            .args(["-oneline", "address", "show", "dev", "lo"])
            .output()
            .context("run ip")?;
        if String::from_utf8_lossy(&addresses.stdout).contains(super::SERVICE_ADDRESS) {
            left.push(format!("address {} on lo", super::SERVICE_ADDRESS));
        }
    }
    Ok(left)
}

/// Whether a text names a folder or something in it, rather than a folder that begins alike.
fn names(text: &str, folder: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || "-_.".contains(c));
    text.match_indices(folder)
        .any(|(at, _)| ends(&text[at + folder.len()..]))
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_folder_is_not_mistaken_for_one_that_begins_alike() {
        assert!(names(
            "supervise --run-folder /run/hub-1 --node",
            "/run/hub-1"
        ));
        assert!(names(
            "containerd --config=/run/hub-1/containerd.toml",
            "/run/hub-1"
        ));
        assert!(names("supervise --run-folder /run/hub-1", "/run/hub-1"));
        assert!(!names("supervise --run-folder /run/hub-12", "/run/hub-1"));
        assert!(!names("supervise --run-folder /run/hub-1-b", "/run/hub-1"));
    }
}
