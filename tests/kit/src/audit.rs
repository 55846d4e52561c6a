//! Who asked the API server for what, and when: the audit log of a hub ([`crate::hub::HubOptions::audited`])
//! as data. Writes, conflicts and latencies of the product are read from here, where it has no say.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::Deserialize;

/// One answered request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, …
    pub verb: String,
    user: User,
    #[serde(default)]
    object_ref: Object,
    #[serde(default)]
    response_status: Answer,
    stage: String,
    /// When the server had received it.
    #[serde(rename = "requestReceivedTimestamp")]
    pub received: Timestamp,
    /// When it had answered.
    #[serde(rename = "stageTimestamp")]
    pub answered: Timestamp,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Object {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    code: u16,
}

impl Request {
    /// Who asked.
    pub fn user(&self) -> &str {
        &self.user.username
    }

    /// Plural of the kind, such as `clusterdeployments`.
    pub fn resource(&self) -> &str {
        &self.object_ref.resource
    }

    /// Such as `status`; empty for the object itself.
    pub fn subresource(&self) -> &str {
        &self.object_ref.subresource
    }

    /// Namespace of the object.
    pub fn namespace(&self) -> &str {
        &self.object_ref.namespace
    }

    /// Name of the object; empty for lists and generated names.
    pub fn name(&self) -> &str {
        &self.object_ref.name
    }

    /// The HTTP status.
    pub const fn code(&self) -> u16 {
        self.response_status.code
    }

    /// Whether it was to change something. Reviews of rights change nothing.
    pub fn is_write(&self) -> bool {
        let changes = matches!(
            self.verb.as_str(),
            "create" | "update" | "patch" | "delete" | "deletecollection"
        );
        changes && !self.resource().ends_with("reviews")
    }

    /// Whether it belongs to the leader election.
    pub fn is_lease(&self) -> bool {
        self.resource() == "leases"
    }

    /// One word for a message: verb, kind, name and answer.
    pub fn describe(&self) -> String {
        let subresource = match self.subresource() {
            "" => String::new(),
            name => format!("/{name}"),
        };
        format!(
            "{} {}{subresource} {}/{} → {}",
            self.verb,
            self.resource(),
            self.namespace(),
            self.name(),
            self.code()
        )
    }
}

/// All answered requests of a user so far, in the order in which they were answered. Watches that go on are
/// not among them.
///
/// The server writes a record before it answers, so that whoever has seen an effect finds its request here.
pub fn requests_of(log: &Path, user: &str) -> Result<Vec<Request>> {
    Reader::new(log, user).more()
}

/// Reads a log while it grows.
#[derive(Debug)]
pub struct Reader {
    log: PathBuf,
    user: String,
    /// What was read up to, in bytes.
    read: u64,
}

impl Reader {
    /// A reader of one user's requests, from the beginning.
    pub fn new(log: &Path, user: &str) -> Self {
        Self {
            log: log.to_owned(),
            user: user.to_owned(),
            read: 0,
        }
    }

    /// What was answered since it was last asked, like [`requests_of`].
    pub fn more(&mut self) -> Result<Vec<Request>> {
        let failed = || format!("read {}", self.log.display());
        let mut file = File::open(&self.log).with_context(failed)?;
        file.seek(SeekFrom::Start(self.read)).with_context(failed)?;
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(failed)?;
        // The last line may be half written.
        let whole = text
            .rfind('\n')
            .and_then(|end| text.get(..=end))
            .unwrap_or("");
        self.read += whole.len() as u64;
        let mut requests = Vec::new();
        for line in whole.lines().filter(|line| line.contains(&self.user)) {
            let request: Request =
                serde_json::from_str(line).context("understand the audit log")?;
            if request.user() == self.user && request.stage == "ResponseComplete" {
                requests.push(request);
            }
        }
        Ok(requests)
    }
}
