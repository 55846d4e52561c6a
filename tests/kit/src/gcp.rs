//! The emulated Google Cloud (`tests/doubles/gcp`) as a test sees it: projects, faults, speed of
//! transitional states, the log of calls, and Google's own client as a second opinion. It decides
//! nothing about Google Cloud, and must never be used by the product, which only knows endpoints.
//!
//! Several can run at once; a test owns a project rather than a cloud. Calls block.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cache;
use crate::cloud::CANARY;
use crate::double::{Companion, Double};
use crate::progress::Progress;

/// A running emulation. Dropping it ends it.
#[derive(Debug)]
pub struct Gcp(Double);

/// A project and a key of a service account in it.
#[derive(Clone, Deserialize)]
pub struct Project {
    /// Its ID.
    #[serde(rename = "project")]
    pub id: String,
    /// Its number.
    pub number: u64,
    /// The content of the key's file.
    pub key: Value,
}

impl std::fmt::Debug for Project {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Project")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// An instance, as the emulation holds it.
#[derive(Clone, Debug, Deserialize)]
pub struct Instance {
    /// Number.
    pub id: String,
    /// Zone.
    pub zone: String,
    /// Name.
    pub name: String,
    /// `RUNNING`, `TERMINATED`, …
    pub status: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// A fault: an error, a failing operation, a lost answer, or latency.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Fault {
    /// Only calls for this project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Glob of the method: `instances.start`, `oauth2.token`.
    pub method: String,
    /// Globs of parameters: all must match.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// Google's reason; of an operation, its error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Seconds in `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// Close the connection instead of answering.
    pub drop: bool,
    /// `before` the work, `after` it, or in the `operation` that it began.
    pub when: &'static str,
    /// Strike at most this often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

impl Fault {
    /// An error instead of the call.
    pub fn error(method: &str, status: u16, reason: &str) -> Self {
        Self {
            method: method.to_owned(),
            status: Some(status),
            reason: Some(reason.to_owned()),
            when: "before",
            ..Self::default()
        }
    }

    /// The call is accepted, its operation fails.
    pub fn operation(method: &str, status: u16, code: &str) -> Self {
        Self {
            when: "operation",
            ..Self::error(method, status, code)
        }
    }

    /// The work is done and the answer is lost.
    pub fn lost(method: &str) -> Self {
        Self {
            method: method.to_owned(),
            drop: true,
            when: "after",
            ..Self::default()
        }
    }

    /// Only for an instance of this name.
    #[must_use]
    pub fn of_instance(mut self, name: &str) -> Self {
        self.params.insert("instance".to_owned(), name.to_owned());
        self
    }

    /// With a time after which to come again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// At most this often.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }
}

/// Counts of the calls of a project.
#[derive(Clone, Debug, Deserialize)]
pub struct Counts {
    /// By method.
    pub methods: BTreeMap<String, u64>,
    /// Failed ones by reason.
    pub failed: BTreeMap<String, u64>,
    /// Calls that ask for a change.
    pub changing: u64,
}

/// A call in the log.
#[derive(Clone, Debug, Deserialize)]
pub struct Call {
    /// Method.
    pub method: String,
    /// Parameters, of the path as well.
    pub params: BTreeMap<String, String>,
    /// HTTP status; 0 when the answer was lost.
    pub status: u16,
}

impl Gcp {
    /// Starts an emulation in which states take this part of their usual time.
    pub fn start(scale: f64, progress: &Progress) -> Result<Self> {
        let arguments = ["--scale".to_owned(), scale.to_string()];
        Double::start(&home(), &arguments, progress).map(Self)
    }

    /// The URL of every service.
    pub fn endpoint(&self) -> &str {
        self.0.endpoint()
    }

    /// Creates a project that nobody else has, with a key whose id holds the [`CANARY`].
    pub fn project(&self) -> Result<Project> {
        self.0
            .admin("POST", "projects", Some(&json!({"mark": CANARY})))
    }

    /// Orders a fault for a project.
    pub fn order(&self, project: &Project, fault: &Fault) -> Result<()> {
        let mut order = serde_json::to_value(fault)?;
        order["project"] = json!(project.id);
        self.change("POST", "faults", &order)
    }

    /// Withdraws the faults of a project.
    pub fn clear_faults(&self, project: &Project) -> Result<()> {
        let path = format!("faults?project={}", project.id);
        self.0.admin::<Value>("DELETE", &path, None).map(drop)
    }

    /// Sets how fast states pass in a project: `scale` of the usual time, but `fixed` seconds for some.
    pub fn set_speed(&self, project: &Project, scale: f64, fixed: &[(&str, f64)]) -> Result<()> {
        let fixed: BTreeMap<_, _> = fixed.iter().copied().collect();
        let body = json!({"project": project.id, "scale": scale, "fixed": fixed});
        self.change("PUT", "transitions", &body)
    }

    /// Brings every transitional state of a project to its end now.
    pub fn settle(&self, project: &Project) -> Result<()> {
        self.change("POST", "settle", &json!({"project": project.id}))
    }

    /// From now on lists of a project come in pages of at most so many.
    pub fn set_page(&self, project: &Project, instances: u32) -> Result<()> {
        let body = json!({"project": project.id, "instances": instances});
        self.change("PUT", "pages", &body)
    }

    /// These zones of a project do not answer.
    pub fn set_unreachable(&self, project: &Project, zones: &[&str]) -> Result<()> {
        let body = json!({"project": project.id, "zones": zones});
        self.change("PUT", "unreachable", &body)
    }

    /// Ends the tokens of a project's accounts, and with `keys` their keys as well.
    pub fn revoke(&self, project: &Project, keys: bool) -> Result<()> {
        let what = if keys { "keys" } else { "tokens" };
        let path = format!("{what}?project={}", project.id);
        self.0.admin::<Value>("DELETE", &path, None).map(drop)
    }

    /// Puts an instance into a state from which nothing follows by itself.
    pub fn set_status(&self, project: &Project, at: &Instance, status: &str) -> Result<()> {
        let body = json!({"zone": at.zone, "name": at.name, "status": status});
        self.change("PUT", &format!("instances/{}", project.id), &body)
    }

    /// Every instance of a project: no call of the API, so neither logged nor struck by faults.
    pub fn instances(&self, project: &Project) -> Result<Vec<Instance>> {
        #[derive(Deserialize)]
        struct Instances {
            instances: Vec<Instance>,
        }
        let path = format!("instances/{}", project.id);
        let found: Instances = self.0.admin("GET", &path, None)?;
        Ok(found.instances)
    }

    /// Calls for a project, oldest first.
    pub fn calls(&self, project: &Project, method: &str) -> Result<Vec<Call>> {
        #[derive(Deserialize)]
        struct Calls {
            calls: Vec<Call>,
        }
        let path = format!("calls?project={}&method={method}", project.id);
        let found: Calls = self.0.admin("GET", &path, None)?;
        Ok(found.calls)
    }

    /// Counts of the calls for a project since it was created or its log cleared.
    pub fn counts(&self, project: &Project) -> Result<Counts> {
        let path = format!("counts?project={}", project.id);
        self.0.admin("GET", &path, None)
    }

    /// Empties the log of a project.
    pub fn clear_calls(&self, project: &Project) -> Result<()> {
        let path = format!("calls?project={}", project.id);
        self.0.admin::<Value>("DELETE", &path, None).map(drop)
    }

    /// Google's own client.
    pub fn judge(&self) -> Result<Judge> {
        let companion = self.0.companion("judge.py")?;
        let endpoint = self.endpoint().to_owned();
        Ok(Judge {
            companion,
            endpoint,
        })
    }

    fn change(&self, method: &str, path: &str, body: &Value) -> Result<()> {
        self.0.admin::<Value>(method, path, Some(body)).map(drop)
    }
}

/// Where the emulation lies in the checkout.
pub fn home() -> PathBuf {
    cache::checkout().join("tests/doubles/gcp")
}

/// Google's own client, asked call by call (`tests/doubles/gcp/judge.py`).
#[derive(Debug)]
pub struct Judge {
    companion: Companion,
    endpoint: String,
}

impl Judge {
    /// `{"ok": …}` or `{"error": {"class", "status", "reasons"}}`.
    pub fn ask(&mut self, project: &Project, call: &str, arguments: &Value) -> Result<Value> {
        let mut question = json!({
            "endpoint": self.endpoint, "key": project.key, "project": project.id, "call": call,
        });
        for (name, value) in arguments.as_object().into_iter().flatten() {
            question[name] = value.clone();
        }
        self.companion.ask(&question)
    }
}
