//! The emulated AWS (`tests/doubles/aws`) as a test sees it: started and ended with its owner,
//! accounts, faults, speed of transitional states, the log of calls. It decides nothing about AWS,
//! and must never be used by the product, which only knows endpoints (docs/spec/60 §5).
//!
//! Several clouds can run at once, each on ports of its own; a test owns an account rather than a
//! cloud. Calls block: from asynchronous code, use `spawn_blocking`.

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
use crate::progress::Progress;
use crate::python;

/// Part of every secret key that this module makes; it may appear nowhere but in Secrets.
pub const CANARY: &str = "skep-canary-7f3a";
/// How long the emulation may take to end once its owner is gone.
const GRACE: Duration = Duration::from_secs(5);
/// The longest that an answer of the admin path takes, on a machine that is busy with a build.
const ANSWER: Duration = Duration::from_secs(120);

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
        let (log, folder) = match &options.log {
            Some(log) => (log.clone(), None),
            None => {
                let folder = tempfile::tempdir().context("make a folder for the cloud's log")?;
                (folder.path().join("cloud.log"), Some(folder))
            }
        };
        let complaints = File::create(&log).with_context(|| format!("create {}", log.display()))?;
        let mut command = Command::new(&python);
        command.arg("-B").arg(home.join("launcher.py"));
        for address in &options.listen {
            let listen = match address {
                IpAddr::V4(address) => format!("{address}:{}", options.port),
                IpAddr::V6(address) => format!("[{address}]:{}", options.port),
            };
            command.args(["--listen", &listen]);
        }
        if let Some(scale) = options.scale {
            command.args(["--scale", &scale.to_string()]);
        }
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
        let path = account.map_or("faults".to_owned(), |a| format!("faults?account={}", a.id));
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

/// An account and the keys of its root user.
#[derive(Clone, Deserialize)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: String,
    /// ARNs of the roles that were asked for.
    #[serde(default)]
    pub roles: Vec<String>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Account")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What a new account shall be; everything that is None is made up.
#[derive(Clone, Default, Serialize)]
pub struct NewAccount {
    /// Twelve digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Twenty upper-case letters and digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key: Option<String>,
    /// Secret access key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<String>,
    /// Roles that anybody may assume.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

/// A fault: an error, a lost answer, or latency.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Fault {
    /// Only calls of this account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Only this service: ec2, elb, elbv2, iam, sts, route53, s3, efs, tagging.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Glob of the action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Globs of parameters, by glob of their name: all must match.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// Error code to answer with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// HTTP status of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Latency before the call is served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// Close the connection instead of answering.
    pub drop: bool,
    /// Do the work first, then fail: the answer is lost.
    #[serde(rename = "when", serialize_with = "when")]
    pub after_the_work: bool,
    /// Probability that a call is struck; None is always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Seed of that probability.
    pub seed: u64,
    /// Strike at most this often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Let this many matching calls pass first.
    pub after: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn when<S: serde::Serializer>(after: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if *after { "after" } else { "before" })
}

impl Fault {
    /// An error with a code and an HTTP status.
    pub fn error(code: &str, status: u16) -> Self {
        Self {
            code: Some(code.to_owned()),
            status: Some(status),
            ..Self::default()
        }
    }

    /// Latency.
    pub fn latency(latency: Duration) -> Self {
        let latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        Self {
            latency_ms: Some(latency_ms),
            ..Self::default()
        }
    }

    /// Closes the connection without an answer.
    pub fn dropped() -> Self {
        Self {
            drop: true,
            ..Self::default()
        }
    }

    /// Only this account.
    #[must_use]
    pub fn of(mut self, account: &Account) -> Self {
        self.account = Some(account.id.clone());
        self
    }

    /// Only this service and glob of actions.
    #[must_use]
    pub fn on(mut self, service: &str, action: &str) -> Self {
        self.service = Some(service.to_owned());
        self.action = Some(action.to_owned());
        self
    }

    /// At most this often.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// After this many matching calls that pass.
    #[must_use]
    pub fn after(mut self, passed: u64) -> Self {
        self.after = passed;
        self
    }

    /// The work is done, the answer is lost.
    #[must_use]
    pub fn after_the_work(mut self) -> Self {
        self.after_the_work = true;
        self
    }

    /// With a probability, decided by a seed.
    #[must_use]
    pub fn rate(mut self, rate: f64, seed: u64) -> Self {
        self.rate = Some(rate);
        self.seed = seed;
        self
    }
}

/// A fault on order.
#[derive(Clone, Debug, Deserialize)]
pub struct Ordered {
    /// Its number.
    pub id: u64,
    /// How many calls matched it.
    pub seen: u64,
    /// How many calls it struck.
    pub hits: u64,
}

/// How fast transitional states pass.
#[derive(Clone, Debug, Default)]
pub struct Speed {
    /// 1 is AWS's own speed, 0 is at once; None leaves it.
    pub scale: Option<f64>,
    /// Seconds by kind, whatever the scale: `instance.shutting-down`, `nat.deleting`, … None leaves
    /// them.
    pub fixed: Option<BTreeMap<String, f64>>,
}

impl Speed {
    /// Everything at a fraction of its duration in AWS.
    pub fn scale(scale: f64) -> Self {
        Self {
            scale: Some(scale),
            fixed: None,
        }
    }

    /// This kind takes so many seconds.
    #[must_use]
    pub fn with(mut self, kind: &str, seconds: f64) -> Self {
        self.fixed
            .get_or_insert_default()
            .insert(kind.to_owned(), seconds);
        self
    }
}

/// The waits that deletions had to sit out.
#[derive(Clone, Debug, Deserialize)]
pub struct Waits {
    /// Each wait, of creations too.
    pub waits: Vec<Wait>,
    /// The longest single wait: nobody can be faster than that, in seconds.
    pub floor: f64,
    /// Instances first, then the longest of gateways, balancers and endpoints: the critical path of
    /// docs/spec/20 §9.9, in seconds.
    pub waves: f64,
    /// Time in which at least one wait was running, in seconds.
    pub union: f64,
}

/// One wait.
#[derive(Clone, Debug, Deserialize)]
pub struct Wait {
    /// What kind of transition.
    pub kind: String,
    /// Id or ARN.
    pub resource: String,
    /// Monotonic seconds.
    pub started: f64,
    /// How long.
    pub seconds: f64,
    /// When it ended; None while it lasts.
    pub ended: Option<f64>,
    /// Number of the call that began it.
    pub cause: Option<u64>,
}

/// Which calls to read; the default is all.
#[derive(Clone, Debug, Default)]
pub struct CallFilter {
    /// Service.
    pub service: Option<String>,
    /// Glob of the action.
    pub action: Option<String>,
    /// Only changing, or only reading calls.
    pub changing: Option<bool>,
    /// Only failed, or only successful calls.
    pub errors: Option<bool>,
    /// Only calls that name this resource.
    pub resource: Option<String>,
    /// Only calls after this cursor.
    pub after: u64,
    /// At most so many; None is all that are kept.
    pub limit: Option<u64>,
}

impl CallFilter {
    /// Only changing calls.
    pub fn changing() -> Self {
        Self {
            changing: Some(true),
            ..Self::default()
        }
    }

    /// Only calls of a glob of actions.
    pub fn action(action: &str) -> Self {
        Self {
            action: Some(action.to_owned()),
            ..Self::default()
        }
    }

    /// Only calls after a cursor.
    #[must_use]
    pub fn after(mut self, cursor: u64) -> Self {
        self.after = cursor;
        self
    }
}

/// A page of the log.
#[derive(Clone, Debug, Deserialize)]
pub struct Calls {
    /// Oldest first.
    pub calls: Vec<Call>,
    /// Where the next page starts.
    pub cursor: u64,
    /// Calls that the bounded log has forgotten.
    pub dropped: u64,
}

/// One call of a client.
#[derive(Clone, Debug, Deserialize)]
pub struct Call {
    /// Its number, in the order of arrival.
    pub number: u64,
    /// Its place in the log, in the order of completion.
    pub sequence: u64,
    /// Service.
    pub service: String,
    /// Action.
    pub action: String,
    /// Region.
    pub region: String,
    /// Whether it changes anything.
    pub changing: bool,
    /// Parameters, without secrets.
    pub params: BTreeMap<String, Value>,
    /// Ids, ARNs and names that it was about, or that its answer named.
    pub resources: Vec<String>,
    /// HTTP status; 0 for none.
    pub status: u16,
    /// Error code.
    pub error: Option<String>,
    /// The fault that struck it.
    pub fault: Option<String>,
    /// Monotonic seconds.
    pub started: f64,
    /// How long it took.
    pub seconds: f64,
}

/// Counts of calls.
#[derive(Clone, Debug, Deserialize)]
pub struct Counts {
    /// Calls that change.
    pub changing: u64,
    /// Calls that only read.
    pub reading: u64,
    /// By `service:action`.
    pub by_action: BTreeMap<String, u64>,
    /// By `service:action:code`.
    pub errors: BTreeMap<String, u64>,
}

/// Where the emulation lies in the checkout.
pub(crate) fn home() -> PathBuf {
    cache::checkout().join("tests/doubles/aws")
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
