//! A double of a cloud as a process: started and ended with its owner, reached by its admin path. It
//! knows no cloud; each cloud's own module says what its paths mean.
//!
//! A double lies in a folder with `launcher.py`, which prints one JSON line (`endpoints`, `admin_token`)
//! when it answers and ends with its standard input, and `requirements.txt`. Calls block: from
//! asynchronous code, use `spawn_blocking`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::TempDir;

use crate::progress::Progress;
use crate::python;

/// How long a double may take to end once its owner is gone.
const GRACE: Duration = Duration::from_secs(5);
/// The longest that an answer of the admin path takes, on a machine that is busy with a build.
const ANSWER: Duration = Duration::from_mins(2);

/// A running double. Dropping it ends it.
#[derive(Debug)]
pub struct Double {
    endpoint: String,
    admin_token: String,
    agent: ureq::Agent,
    home: PathBuf,
    python: PathBuf,
    _process: Process,
    log: PathBuf,
    _folder: TempDir,
}

/// A process that ends with its standard input.
#[derive(Debug)]
struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
}

/// What the launcher prints when it is ready.
#[derive(Deserialize)]
struct Ready {
    endpoints: Vec<String>,
    admin_token: String,
}

impl Double {
    /// Starts the double that lies in a folder, and returns once it answers.
    pub fn start(home: &Path, arguments: &[String], progress: &Progress) -> Result<Self> {
        let environment = python::venv(&home.join("requirements.txt"), progress)?;
        let python = environment.join("bin/python");
        let folder = tempfile::tempdir().context("make a folder for the double's log")?;
        let log = folder.path().join("double.log");
        let complaints = File::create(&log).with_context(|| format!("create {}", log.display()))?;
        let mut command = Command::new(&python);
        command.args(["-B", "launcher.py"]).args(arguments);
        let (process, mut output) = Process::start(&mut command, home, complaints)?;
        let mut line = String::new();
        output
            .read_line(&mut line)
            .context("read the double's address")?;
        let ready: Ready = serde_json::from_str(&line)
            .map_err(|_| anyhow!("the double did not start:\n{}", tail(&log)))?;
        let endpoint = ready.endpoints.into_iter().next();
        Ok(Self {
            endpoint: endpoint.context("the double names no address")?,
            admin_token: ready.admin_token,
            agent: agent(),
            home: home.to_owned(),
            python,
            _process: process,
            log,
            _folder: folder,
        })
    }

    /// The URL of every service.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The end of what the double complained about.
    pub fn complaints(&self) -> String {
        tail(&self.log)
    }

    /// A program beside the double, in its environment, that answers line by line.
    pub fn companion(&self, program: &str) -> Result<Companion> {
        let mut command = Command::new(&self.python);
        command.args(["-B", program]);
        let complaints = File::options()
            .append(true)
            .open(&self.log)
            .context("open the double's log")?;
        let (process, output) = Process::start(&mut command, &self.home, complaints)?;
        Ok(Companion { process, output })
    }

    /// One call of the admin path.
    pub fn admin<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}/_skep/{path}", self.endpoint))
            .header("Authorization", format!("Bearer {}", self.admin_token))
            .body(body.map_or_else(String::new, Value::to_string))
            .with_context(|| format!("make a request for {path}"))?;
        let answer = self.agent.run(request);
        let mut answer = answer.with_context(|| format!("ask the double for {path}"))?;
        let text = answer
            .body_mut()
            .with_config()
            .limit(256 << 20)
            .read_to_string()
            .with_context(|| format!("read the double's answer to {path}"))?;
        if !answer.status().is_success() {
            bail!("the double refused {path}: {text}");
        }
        serde_json::from_str(&text).with_context(|| format!("understand the answer to {path}"))
    }
}

/// A program that answers each line with one. Dropping it ends it.
#[derive(Debug)]
pub struct Companion {
    process: Process,
    output: BufReader<ChildStdout>,
}

impl Companion {
    /// What the program answers.
    pub fn ask(&mut self, question: &Value) -> Result<Value> {
        let stdin = self.process.stdin.as_mut().context("the program ended")?;
        writeln!(stdin, "{question}").context("ask the program")?;
        let mut line = String::new();
        let read = self.output.read_line(&mut line);
        if read.context("read the program's answer")? == 0 {
            bail!("the program ended without an answer");
        }
        serde_json::from_str(&line).context("understand the program's answer")
    }
}

impl Process {
    fn start(
        command: &mut Command,
        home: &Path,
        complaints: File,
    ) -> Result<(Self, BufReader<ChildStdout>)> {
        let mut child = command
            .env_clear()
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()
            .with_context(|| format!("start {command:?}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("the output is not a pipe")?;
        Ok((Self { child, stdin }, BufReader::new(stdout)))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stdin = None;
        let until = Instant::now() + GRACE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > until {
                // Nothing is left to do about a process that does not even die.
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .timeout_global(Some(ANSWER))
        // The double is on this machine, whatever proxy the environment names.
        .proxy(None)
        .build();
    ureq::Agent::new_with_config(config)
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let start = text.len().saturating_sub(4000);
    text.get(start..).unwrap_or(&text).to_owned()
}
