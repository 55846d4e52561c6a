//! Runs `openshift-install` and nothing else: working directory, console log, termination.
//!
//! The child's output goes straight into a file, so that a slow reader never blocks the installer.
//! When the pod is told to stop (deadline, eviction, deletion), the installer is told to stop and is
//! waited for: it is the one that knows how to end between two cloud calls (docs/spec/10 §26.1 W22).

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// Kubernetes kills a pod 30 s after the request to stop; the rest of that time is needed to save the
/// log and to say why.
const INSTALLER_GRACE: Duration = Duration::from_secs(20);

/// The installer could not be run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The console log cannot be opened.
    #[error("cannot open the console log {path}")]
    OpenLog {
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The binary does not start.
    #[error("cannot start {program}")]
    Start {
        /// Its path.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The process cannot be waited for.
    #[error("cannot wait for {program}")]
    Wait {
        /// Its path.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Exited(ExitStatus),
    /// Because the pod was told to stop.
    Interrupted,
}

/// Runs the installer in one working directory.
pub struct Installer {
    /// The binary.
    pub program: PathBuf,
    /// The assets' directory; the installer's `--dir` is its current directory.
    pub work_dir: PathBuf,
    /// Where stdout and stderr are appended.
    pub console_log: PathBuf,
    /// Variables added to the process's own environment.
    pub environment: Vec<(String, String)>,
    /// True once the pod was told to stop.
    pub stop: watch::Receiver<bool>,
}

impl Installer {
    /// Runs one command to its end, or until the pod is told to stop. `limit` bounds commands that are
    /// only asked to find something out (`wait-for bootstrap-complete`); a command that reaches it is
    /// stopped and counts as failed.
    pub async fn run(&self, arguments: &[&str], limit: Option<Duration>) -> Result<Ended, Error> {
        let mut stop = self.stop.clone();
        if *stop.borrow() {
            return Ok(Ended::Interrupted);
        }
        let mut child = self.start(arguments)?;
        let limit = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // An installer that has ended has ended by itself, whatever else happened in that moment.
            biased;
            status = child.wait() => self.exited(status),
            () = limit => {
                self.terminate(&mut child).await.map(Ended::Exited)
            }
            _ = stop.wait_for(|stopped| *stopped) => {
                let status = self.terminate(&mut child).await?;
                // It was done before the signal reached it: what it made is whole.
                Ok(if status.success() { Ended::Exited(status) } else { Ended::Interrupted })
            }
        }
    }

    fn start(&self, arguments: &[&str]) -> Result<Child, Error> {
        let (stdout, stderr) = (self.open_log()?, self.open_log()?);
        Command::new(&self.program)
            .args(arguments)
            .current_dir(&self.work_dir)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| Error::Start {
                program: self.program.clone(),
                source,
            })
    }

    fn open_log(&self) -> Result<File, Error> {
        open_append(&self.console_log).map_err(|source| Error::OpenLog {
            path: self.console_log.clone(),
            source,
        })
    }

    /// Asks the installer to stop, waits, and kills it only when it does not.
    async fn terminate(&self, child: &mut Child) -> Result<ExitStatus, Error> {
        if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok()) {
            // A process that has just ended is no error.
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        let ended = tokio::time::timeout(INSTALLER_GRACE, child.wait()).await;
        let status = match ended {
            Ok(status) => status,
            Err(_elapsed) => match child.kill().await {
                Ok(()) => child.wait().await,
                Err(source) => Err(source),
            },
        };
        status.map_err(|source| Error::Wait {
            program: self.program.clone(),
            source,
        })
    }

    fn exited(&self, status: std::io::Result<ExitStatus>) -> Result<Ended, Error> {
        status.map(Ended::Exited).map_err(|source| Error::Wait {
            program: self.program.clone(),
            source,
        })
    }
}

fn open_append(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}
