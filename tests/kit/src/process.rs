//! Programs that die with their owner. The supervisor (`skep-hub supervise`, `tests/hub`) starts
//! them, and ends them when the pipe to it closes, which the kernel does even for an owner that was
//! killed. This module holds the pipe and waits for conditions; which programs run is the caller's.
//!
//! Nothing here waits for a length of time: every wait names a condition and a deadline, and fails
//! at once, with the end of the log, when the program it waits for has ended.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

/// How often a condition without a notification of its own is looked at.
const LOOK: Duration = Duration::from_millis(25);
/// The longest that the supervisor needs to answer on a machine that is busy with a build.
const ANSWER: Duration = Duration::from_mins(1);

/// A program to be started.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Program {
    /// Its name among those of the supervisor.
    pub name: String,
    /// Command line; the first is a path.
    pub argv: Vec<String>,
    /// Its whole environment: nothing is inherited.
    pub env: BTreeMap<String, String>,
    /// Its working directory.
    pub folder: PathBuf,
    /// File that its output is appended to.
    pub log: PathBuf,
}

/// How a supervisor behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Supervision {
    /// Prepare the machine for pods: bridge and service address. Needs root, once per machine.
    pub node: bool,
    /// Wait while another supervisor with a node runs, instead of refusing.
    pub wait: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Order<'a> {
    Start(&'a Program),
    Stop {
        name: &'a str,
        grace_ms: u64,
    },
    Signal {
        name: &'a str,
        number: i32,
    },
    Reserve {
        name: &'a str,
        address: [u8; 4],
        port: u16,
    },
    Detach(bool),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event {
    started: Option<Started>,
    failed: Option<Failed>,
    exited: Option<Exited>,
    reserved: Option<Reserved>,
    detached: bool,
    ready: bool,
    waiting: String,
    refused: String,
}

#[derive(Deserialize)]
struct Started {
    name: String,
    pid: u32,
}

#[derive(Deserialize)]
struct Failed {
    name: String,
    error: String,
}

#[derive(Deserialize)]
struct Exited {
    name: String,
    status: String,
}

#[derive(Deserialize)]
struct Reserved {
    name: String,
    port: u16,
}

/// What the supervisor has told so far.
#[derive(Debug, Default)]
struct Told {
    ready: bool,
    detached: bool,
    waiting: Option<String>,
    refused: Option<String>,
    ended: bool,
    running: BTreeMap<String, u32>,
    failed: BTreeMap<String, String>,
    exited: BTreeMap<String, String>,
    reserved: BTreeMap<String, u16>,
    logs: BTreeMap<String, PathBuf>,
}

#[derive(Debug, Default)]
struct Shared {
    told: Mutex<Told>,
    news: Condvar,
}

impl Shared {
    fn told(&self) -> MutexGuard<'_, Told> {
        // A reader that panicked left facts behind, not half a state.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running supervisor. Dropping it ends every program it started and removes its run folder.
#[derive(Debug)]
pub struct Supervisor {
    child: Child,
    orders: Option<ChildStdin>,
    shared: Arc<Shared>,
    run_folder: PathBuf,
}

impl Supervisor {
    /// Starts a supervisor that owns a run folder (which must exist).
    ///
    /// `on_wait` is told who holds the machine's one node, once, when it has to be waited for.
    pub fn start(
        binary: &Path,
        run_folder: &Path,
        how: Supervision,
        on_wait: impl FnOnce(&str),
    ) -> Result<Self> {
        let errors = run_folder.join("supervisor.log");
        let log = File::create(&errors).with_context(|| format!("create {}", errors.display()))?;
        let mut command = Command::new(binary);
        command.args(["supervise", "--run-folder"]).arg(run_folder);
        if how.node {
            command.arg("--node");
        }
        if how.wait {
            command.arg("--wait");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", binary.display()))?;
        let orders = child.stdin.take();
        let events = child
            .stdout
            .take()
            .context("the supervisor's output is not a pipe")?;
        let shared = Arc::new(Shared::default());
        let reader = Arc::clone(&shared);
        std::thread::spawn(move || {
            for line in BufReader::new(events).lines().map_while(Result::ok) {
                if let Ok(event) = serde_json::from_str::<Event>(&line) {
                    reader.told().note(event);
                    reader.news.notify_all();
                }
            }
            reader.told().ended = true;
            reader.news.notify_all();
        });
        let supervisor = Self {
            child,
            orders,
            shared,
            run_folder: run_folder.to_owned(),
        };
        supervisor.await_ready(how, on_wait)?;
        Ok(supervisor)
    }

    fn await_ready(&self, how: Supervision, on_wait: impl FnOnce(&str)) -> Result<()> {
        let mut on_wait = Some(on_wait);
        let mut deadline = Instant::now() + ANSWER;
        let mut told = self.shared.told();
        loop {
            if let Some(why) = &told.refused {
                bail!("{why}");
            }
            if told.ready {
                return Ok(());
            }
            if told.ended {
                bail!(
                    "the supervisor ended: {}",
                    tail(&self.run_folder.join("supervisor.log"))
                );
            }
            if let Some(holder) = told.waiting.clone() {
                if let Some(on_wait) = on_wait.take() {
                    on_wait(&holder);
                }
                if how.wait {
                    deadline = Instant::now() + ANSWER;
                }
            }
            if Instant::now() > deadline {
                bail!(
                    "the supervisor gave no sign of life for {} s",
                    ANSWER.as_secs()
                );
            }
            told = self.next(told);
        }
    }

    fn next<'a>(&self, told: MutexGuard<'a, Told>) -> MutexGuard<'a, Told> {
        let waited = self.shared.news.wait_timeout(told, Duration::from_secs(1));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn order(&mut self, order: &Order<'_>) -> Result<()> {
        let mut line = serde_json::to_vec(order).context("encode an order")?;
        line.push(b'\n');
        let orders = self
            .orders
            .as_mut()
            .context("the supervisor was detached")?;
        orders
            .write_all(&line)
            .context("the supervisor takes no more orders")
    }

    /// Starts a program and returns once it runs (not once it is ready).
    pub fn run(&mut self, program: &Program) -> Result<()> {
        let name = program.name.as_str();
        {
            let mut told = self.shared.told();
            told.failed.remove(name);
            told.exited.remove(name);
            told.logs.insert(name.to_owned(), program.log.clone());
        }
        self.order(&Order::Start(program))?;
        self.answer(name, |told| {
            (told.running.contains_key(name) || told.exited.contains_key(name)).then_some(())
        })
        .with_context(|| format!("start {name} ({})", program.argv.join(" ")))
    }

    /// Reserves a TCP port for a program that shares ports (`SO_REUSEPORT`). 0 lets the kernel
    /// choose. No other program can take it as long as the supervisor lives.
    pub fn reserve_port(&mut self, name: &str, address: Ipv4Addr, port: u16) -> Result<u16> {
        self.order(&Order::Reserve {
            name,
            address: address.octets(),
            port,
        })?;
        self.answer(name, |told| told.reserved.get(name).copied())
            .with_context(|| format!("reserve a port for {name} on {address}"))
    }

    fn answer<T>(&self, name: &str, mut look: impl FnMut(&Told) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + ANSWER;
        let mut told = self.shared.told();
        loop {
            if let Some(answer) = look(&told) {
                return Ok(answer);
            }
            if let Some(error) = told.failed.get(name) {
                bail!("{error}");
            }
            if told.ended {
                bail!("the supervisor ended");
            }
            if Instant::now() > deadline {
                bail!("the supervisor did not answer");
            }
            told = self.next(told);
        }
    }

    /// [`wait_until`] that also watches programs.
    ///
    /// # Errors
    /// At once when one of the `programs` has ended, with the end of its log.
    pub fn wait_until<T>(
        &self,
        what: &str,
        deadline: Duration,
        programs: &[&str],
        mut condition: impl FnMut() -> Result<Result<T, String>>,
    ) -> Result<T> {
        let outcome = wait_until(what, deadline, || {
            let outcome = condition()?;
            if outcome.is_err()
                && let Some((program, status)) = programs
                    .iter()
                    .find_map(|name| Some((name, self.exited(name)?)))
            {
                bail!("{program} ended ({status}):\n{}", self.tail(program));
            }
            Ok(outcome)
        });
        outcome.with_context(|| {
            let logs = programs
                .iter()
                .map(|name| format!("\n--- {name}\n{}", self.tail(name)));
            format!("the programs said last:{}", logs.collect::<String>())
        })
    }

    /// How a program ended, if it did.
    pub fn exited(&self, name: &str) -> Option<String> {
        let told = self.shared.told();
        let ended = || told.ended.then(|| "with its supervisor".to_owned());
        told.exited.get(name).cloned().or_else(ended)
    }

    /// The end of a program's log.
    pub fn tail(&self, name: &str) -> String {
        let log = self.shared.told().logs.get(name).cloned();
        log.map_or_else(String::new, |path| tail(&path))
    }

    /// Ends one program: SIGTERM, SIGKILL after the grace. Returns once it has ended.
    pub fn end_program(&mut self, name: &str, grace: Duration) -> Result<()> {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        self.order(&Order::Stop { name, grace_ms })?;
        self.answer(name, |told| {
            (!told.running.contains_key(name)).then_some(())
        })
        .with_context(|| format!("end {name}"))
    }

    /// Sends a signal to a program and those it started.
    pub fn signal(&mut self, name: &str, signal: Signal) -> Result<()> {
        self.order(&Order::Signal {
            name,
            number: signal as i32,
        })
    }

    /// The process ID of the supervisor itself: SIGTERM to it ends everything.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets the programs outlive this process. From now on only a signal to [`Supervisor::pid`] ends
    /// them.
    pub fn detach(mut self) -> Result<()> {
        self.order(&Order::Detach(true))?;
        self.answer("", |told| told.detached.then_some(()))?;
        self.orders = None;
        Ok(())
    }

    /// Ends every program, and returns once they are gone with everything they held.
    pub fn stop(mut self) -> Result<()> {
        let status = self.end()?;
        if !status.success() {
            bail!("the supervisor ended with {}", describe(status));
        }
        Ok(())
    }

    fn end(&mut self) -> Result<ExitStatus> {
        self.orders = None;
        self.child.wait().context("wait for the supervisor")
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // Closing the pipe is what ends the programs; waiting only makes the end visible to whoever
        // comes next. A detached supervisor is not waited for.
        if self.orders.is_some() {
            drop(self.end());
        }
    }
}

impl Told {
    fn note(&mut self, event: Event) {
        if let Some(Started { name, pid }) = event.started {
            self.exited.remove(&name);
            self.running.insert(name, pid);
        }
        if let Some(Failed { name, error }) = event.failed {
            self.failed.insert(name, error);
        }
        if let Some(Exited { name, status }) = event.exited {
            self.running.remove(&name);
            self.exited.insert(name, status);
        }
        if let Some(Reserved { name, port }) = event.reserved {
            self.reserved.insert(name, port);
        }
        self.ready |= event.ready;
        self.detached |= event.detached;
        if !event.waiting.is_empty() {
            self.waiting = Some(event.waiting);
        }
        if !event.refused.is_empty() {
            self.refused = Some(event.refused);
        }
    }
}

/// Waits until a condition holds, looking at it every few milliseconds. `Ok(Err(why))` is "not yet,
/// because".
///
/// # Errors
/// At the deadline, with the last reason; at once with an error of the condition itself.
pub fn wait_until<T>(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> Result<Result<T, String>>,
) -> Result<T> {
    let until = Instant::now() + deadline;
    loop {
        let why = match condition().with_context(|| format!("wait for {what}"))? {
            Ok(value) => return Ok(value),
            Err(why) => why,
        };
        if Instant::now() > until {
            bail!("{what}: not within {} s: {why}", deadline.as_secs());
        }
        std::thread::sleep(LOOK);
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// The last lines of a log file, for an error message.
pub fn tail(log: &Path) -> String {
    const BYTES: u64 = 3000;
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    read().unwrap_or_else(|error| format!("({}: {error})", log.display()))
}

/// A TCP port on an address that is free at this moment. For programs that cannot share a reserved
/// one ([`Supervisor::reserve_port`]); start them at once.
pub fn free_port(address: Ipv4Addr) -> Result<u16> {
    let listener = std::net::TcpListener::bind(SocketAddrV4::new(address, 0))
        .with_context(|| format!("find a free port on {address}"))?;
    Ok(listener.local_addr().context("read the free port")?.port())
}
