//! What is said to the emulated AWS, and what it answers: accounts, faults, speed, waits, calls.
//! Plain data as the admin path has it (`tests/doubles/aws/README.md`); nothing is decided here.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

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

/// An instance, as the emulation holds it.
#[derive(Clone, Debug, Deserialize)]
pub struct Instance {
    /// `i-…`.
    pub id: String,
    /// `pending`, `running`, `stopping`, `stopped`, `shutting-down` or `terminated`.
    pub state: String,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Private address; none once it is terminated.
    pub address: Option<String>,
    /// Private DNS name; none once it is terminated.
    pub host: Option<String>,
    /// Availability zone.
    pub zone: Option<String>,
    /// Bought on the spot market.
    #[serde(default)]
    pub spot: bool,
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
