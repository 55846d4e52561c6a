//! The emulated AWS (`tests/doubles/aws`) as a test sees it: started and ended with its owner,
//! accounts, faults, speed of transitional states, the log of calls. It decides nothing about AWS,
//! and must never be used by the product, which only knows endpoints (docs/spec/60 §5).
//!
//! Several clouds can run at once, each on ports of its own; a test owns an account rather than a
//! cloud. Calls block: from asynchronous code, use `spawn_blocking`.

mod words;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cache;
use crate::process::Program;
use crate::progress::Progress;
use crate::python;

pub use words::{
    Account, Call, CallFilter, Calls, Counts, Fault, Instance, NewAccount, Ordered, Speed, Wait,
    Waits,
};

/// Part of every secret key that this module makes; it may appear nowhere but in Secrets.
pub const CANARY: &str = "skep-canary-7f3a";
/// How long the emulation may take to end once its owner is gone.
const GRACE: Duration = Duration::from_secs(5);
/// The longest that an answer of the admin path takes, on a machine that is busy with a build.
const ANSWER: Duration = Duration::from_mins(2);

/// How a cloud is started.
#[derive(Clone, Debug)]
pub struct CloudOptions {
    /// Addresses to listen on, all on the same port. The first is the one that the kit itself uses.
    pub listen: Vec<IpAddr>,
    /// The port; 0 takes a free one.
    pub port: u16,
    /// Speed of transitional states: 1 is AWS's, 0 is at once. None is the emulation's default.
    pub scale: Option<f64>,
    /// Where the emulation's complaints go; a temporary file when None.
    pub log: Option<PathBuf>,
}

impl Default for CloudOptions {
    fn default() -> Self {
        Self {
            listen: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            port: 0,
            scale: None,
            log: None,
        }
    }
}

/// A running cloud. Dropping it ends it.
#[derive(Debug)]
pub struct Cloud {
    endpoints: Vec<String>,
    admin_token: String,
    agent: ureq::Agent,
    python: PathBuf,
    process: Option<Process>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    log: PathBuf,
    _folder: Option<TempDir>,
}

/// What the launcher prints when it is ready.
#[derive(Deserialize)]
struct Ready {
    endpoints: Vec<String>,
    admin_token: String,
}

impl Cloud {
    /// Starts a cloud and returns once it answers.
    pub fn start(options: &CloudOptions, progress: &Progress) -> Result<Self> {
        let home = home();
        let environment = python::venv(&home.join("requirements.txt"), progress)?;
        let python = environment.join("bin/python");
        let (log, folder) = if let Some(log) = &options.log {
            (log.clone(), None)
        } else {
            let folder = tempfile::tempdir().context("make a folder for the cloud's log")?;
            (folder.path().join("cloud.log"), Some(folder))
        };
        let complaints = File::create(&log).with_context(|| format!("create {}", log.display()))?;
        let mut command = Command::new(&python);
        command.args(arguments(options));
        let mut child = command
            .env_clear()
            .current_dir(&home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()
            .with_context(|| format!("start {}", python.display()))?;
        let stdin = child.stdin.take();
        let stdout = child
            .stdout
            .take()
            .context("the cloud's output is not a pipe")?;
        let process = Process {
            child,
            stdin,
            log,
            _folder: folder,
        };
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .context("read the cloud's address")?;
        let ready: Ready = serde_json::from_str(&line)
            .map_err(|_| anyhow!("the cloud did not start:\n{}", tail(&process.log)))?;
        Ok(Self {
            endpoints: ready.endpoints,
            admin_token: ready.admin_token,
            agent: agent(),
            python,
            process: Some(process),
        })
    }

    /// The program of a cloud that a supervisor is to own, so that it outlives this process. It
    /// needs a port of its own choosing; reach it by [`Cloud::connect`] once the port answers.
    pub fn program(
        options: &CloudOptions,
        admin_token: &str,
        log: &Path,
        progress: &Progress,
    ) -> Result<Program> {
        if options.port == 0 {
            bail!("a supervised cloud needs a port");
        }
        let home = home();
        let python = python::venv(&home.join("requirements.txt"), progress)?.join("bin/python");
        let mut argv = vec![python.to_string_lossy().into_owned()];
        argv.extend(arguments(options));
        argv.extend(["--stay", "--admin-token", admin_token].map(str::to_owned));
        Ok(Program {
            name: "cloud".to_owned(),
            argv,
            env: BTreeMap::new(),
            folder: home,
            log: log.to_owned(),
        })
    }

    /// A cloud that somebody else started and owns.
    pub fn connect(endpoint: &str, admin_token: &str, progress: &Progress) -> Result<Self> {
        let environment = python::venv(&home().join("requirements.txt"), progress)?;
        let cloud = Self {
            endpoints: vec![endpoint.trim_end_matches('/').to_owned()],
            admin_token: admin_token.to_owned(),
            agent: agent(),
            python: environment.join("bin/python"),
            process: None,
        };
        cloud.now().context("reach the cloud")?;
        Ok(cloud)
    }

    /// Another handle of this cloud. It does not keep the cloud alive.
    #[must_use]
    pub fn handle(&self) -> Self {
        Self {
            endpoints: self.endpoints.clone(),
            admin_token: self.admin_token.clone(),
            agent: agent(),
            python: self.python.clone(),
            process: None,
        }
    }

    /// The URL of every service, at the first address.
    pub fn endpoint(&self) -> &str {
        self.endpoints.first().map_or("", String::as_str)
    }

    /// The URL of every service at one of the addresses listened on.
    pub fn endpoint_at(&self, address: IpAddr) -> Option<&str> {
        let host = match address {
            IpAddr::V4(address) => format!("http://{address}:"),
            IpAddr::V6(address) => format!("http://[{address}]:"),
        };
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.starts_with(&host))
            .map(String::as_str)
    }

    /// The port that all addresses share.
    pub fn port(&self) -> u16 {
        self.endpoint()
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .unwrap_or_default()
    }

    /// Guards the admin path; for [`Cloud::connect`] in another process.
    pub fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// The Python interpreter of the emulation's own environment.
    pub fn python(&self) -> &Path {
        &self.python
    }

    /// The end of what the emulation complained about.
    pub fn complaints(&self) -> String {
        self.process
            .as_ref()
            .map_or_else(String::new, |process| tail(&process.log))
    }

    /// The emulation's monotonic clock, in seconds: the one of the log and of waits.
    pub fn now(&self) -> Result<f64> {
        let health: Value = self.get("health", &[])?;
        health["now"].as_f64().context("the cloud tells no time")
    }

    /// Creates an account that nobody else has, with a secret key that holds the [`CANARY`].
    pub fn account(&self) -> Result<Account> {
        self.create_account(&NewAccount::default())
    }

    /// Creates an account.
    pub fn create_account(&self, new: &NewAccount) -> Result<Account> {
        let mut new = new.clone();
        if new.secret_key.is_none() {
            new.secret_key = Some(format!("{CANARY}-{}", uuid::Uuid::new_v4().simple()));
        }
        self.post("accounts", &new)
    }

    /// Orders a fault.
    pub fn order_fault(&self, fault: &Fault) -> Result<Ordered> {
        self.post("faults", fault)
    }

    /// The faults on order, with what they did.
    pub fn faults(&self) -> Result<Vec<Ordered>> {
        #[derive(Deserialize)]
        struct Faults {
            faults: Vec<Ordered>,
        }
        Ok(self.get::<Faults>("faults", &[])?.faults)
    }

    /// Withdraws one fault.
    pub fn clear_fault(&self, id: u64) -> Result<()> {
        self.send::<Value>("DELETE", &format!("faults/{id}"), None)
            .map(drop)
    }

    /// Withdraws all faults of an account, or all.
    pub fn clear_faults(&self, account: Option<&Account>) -> Result<()> {
        let path = account.map_or_else(
            || "faults".to_owned(),
            |a| format!("faults?account={}", a.id),
        );
        self.send::<Value>("DELETE", &path, None).map(drop)
    }

    /// Sets how fast transitional states pass, for an account or as the default of all.
    pub fn set_speed(&self, account: Option<&Account>, speed: &Speed) -> Result<()> {
        let body = json!({
            "account": account.map(|account| &account.id),
            "scale": speed.scale,
            "fixed": speed.fixed,
        });
        self.send::<Value>("PUT", "transitions", Some(&body))
            .map(drop)
    }

    /// From now on an account's instances are listed in pages of at most so many, whatever is asked for.
    pub fn set_page(&self, account: &Account, instances: u32) -> Result<()> {
        let body = json!({ "account": &account.id, "instances": instances });
        self.send::<Value>("PUT", "pages", Some(&body)).map(drop)
    }

    /// Brings every transitional state to its end now. Returns how many there were.
    pub fn settle(&self, account: Option<&Account>) -> Result<u64> {
        let body = json!({ "account": account.map(|account| &account.id) });
        let answer: Value = self.post("settle", &body)?;
        answer["settled"]
            .as_u64()
            .context("the cloud tells no count")
    }

    /// The waits that transitional states imposed on an account since a time of [`Cloud::now`].
    pub fn waits(&self, account: &Account, since: f64) -> Result<Waits> {
        self.get(
            "waits",
            &[("account", &account.id), ("since", &since.to_string())],
        )
    }

    /// Calls of an account, oldest first.
    pub fn calls(&self, account: &Account, filter: &CallFilter) -> Result<Calls> {
        let mut query = vec![("account", account.id.clone())];
        let mut add = |name: &'static str, value: Option<String>| {
            query.extend(value.map(|value| (name, value)));
        };
        add("service", filter.service.clone());
        add("action", filter.action.clone());
        add("resource", filter.resource.clone());
        add("changing", filter.changing.map(|flag| flag.to_string()));
        add("errors", filter.errors.map(|flag| flag.to_string()));
        add("after", Some(filter.after.to_string()));
        add("limit", Some(filter.limit.unwrap_or(50_000).to_string()));
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        self.get("calls", &query)
    }

    /// Counts of the calls of an account since it was created or its log cleared.
    pub fn counts(&self, account: &Account) -> Result<Counts> {
        self.get("counts", &[("account", &account.id)])
    }

    /// Empties the log and the counts of an account.
    pub fn clear_calls(&self, account: &Account) -> Result<()> {
        self.send::<Value>("DELETE", &format!("calls?account={}", account.id), None)
            .map(drop)
    }

    /// Everything that the emulation holds for an account, by path, whatever its API says.
    pub fn dump(&self, account: &Account) -> Result<Value> {
        self.get(&format!("dump/{}", account.id), &[])
    }

    /// Every instance of an account in a region: no call of the API, so neither logged nor struck by
    /// faults.
    pub fn instances(&self, account: &Account, region: &str) -> Result<Vec<Instance>> {
        #[derive(Deserialize)]
        struct Instances {
            instances: Vec<Instance>,
        }
        let path = format!("instances/{}", account.id);
        let found: Instances = self.get(&path, &[("region", region)])?;
        Ok(found.instances)
    }

    fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T> {
        let mut request = self
            .agent
            .get(self.admin_url(path))
            .header("Authorization", self.bearer());
        for (name, value) in query {
            request = request.query(name, value);
        }
        read(path, request.call())
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        let body = serde_json::to_value(body).context("encode a request")?;
        self.send("POST", path, Some(&body))
    }

    fn send<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T> {
        let url = self.admin_url(path);
        let bearer = self.bearer();
        let answer = match (method, body) {
            ("DELETE", _) => self
                .agent
                .delete(url)
                .header("Authorization", bearer)
                .call(),
            ("PUT", Some(body)) => self
                .agent
                .put(url)
                .header("Authorization", bearer)
                .send(body.to_string()),
            (_, body) => {
                let text = body.map_or_else(String::new, Value::to_string);
                self.agent
                    .post(url)
                    .header("Authorization", bearer)
                    .send(text)
            }
        };
        read(path, answer)
    }

    fn admin_url(&self, path: &str) -> String {
        format!("{}/_skep/{path}", self.endpoint())
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.admin_token)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The launcher ends with its standard input.
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

/// Where the emulation lies in the checkout.
pub fn home() -> PathBuf {
    cache::checkout().join("tests/doubles/aws")
}

fn arguments(options: &CloudOptions) -> Vec<String> {
    let mut arguments = vec!["-B".to_owned()];
    arguments.push(home().join("launcher.py").to_string_lossy().into_owned());
    for address in &options.listen {
        let listen = match address {
            IpAddr::V4(address) => format!("{address}:{}", options.port),
            IpAddr::V6(address) => format!("[{address}]:{}", options.port),
        };
        arguments.extend(["--listen".to_owned(), listen]);
    }
    if let Some(scale) = options.scale {
        arguments.extend(["--scale".to_owned(), scale.to_string()]);
    }
    arguments
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(ANSWER))
        // The emulation is on this machine, whatever proxy the environment names.
        .proxy(None)
        .build();
    ureq::Agent::new_with_config(config)
}

fn read<T: DeserializeOwned>(
    path: &str,
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<T> {
    let mut answer = answer.with_context(|| format!("ask the cloud for {path}"))?;
    let text = answer
        .body_mut()
        .with_config()
        .limit(256 << 20)
        .read_to_string()
        .with_context(|| format!("read the cloud's answer to {path}"))?;
    if !answer.status().is_success() {
        bail!("the cloud refused {path}: {text}");
    }
    serde_json::from_str(&text).with_context(|| format!("understand the cloud's answer to {path}"))
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let start = text.len().saturating_sub(4000);
    text.get(start..).unwrap_or(&text).to_owned()
}
