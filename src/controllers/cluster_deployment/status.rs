//! The part of a ClusterDeployment's status that its controller answers for, and how it is merged.
//!
//! All conditions of the controller are initialised together with the first verdicts, in one write
//! (docs/spec/10 §26.2 S1). Conditions of other writers stay as they are. The list is sorted after a
//! change, because people and metrics read its first element (docs/spec/10 §21).

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use skep_crds::condition::{
    self, ConditionStatus, WritePolicy, initialize, set_condition, sort_cluster_deployment,
};
use skep_crds::names::condition::cd;
use skep_crds::{ClusterDeployment, Time};

/// What should be on record. Everything that is not said stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Status {
    /// Conditions to be set.
    pub verdicts: Vec<Verdict>,
    /// `provisionRef`.
    pub provision: Reference,
    /// `installRestarts`.
    pub restarts: Option<i64>,
    /// `installStartedTimestamp`, if there is none.
    pub started: Option<Timestamp>,
    /// `installedTimestamp`, if there is none.
    pub installed: Option<Timestamp>,
    /// `apiURL`, if there is none.
    pub api_url: Option<String>,
    /// `installerImage` and `cliImage`.
    pub images: Option<(String, String)>,
}

/// What should become of a reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reference {
    /// It stays.
    #[default]
    Keep,
    /// It names this object.
    Set(String),
    /// It names none.
    Clear,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// Its type.
    pub type_: &'static str,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Its reason.
    pub reason: String,
    /// Its message.
    pub message: String,
}

impl Verdict {
    /// The condition has this status.
    pub fn new(type_: &'static str, status: ConditionStatus, reason: &str, message: &str) -> Self {
        Self {
            type_,
            status,
            reason: reason.to_owned(),
            message: message.to_owned(),
        }
    }

    /// The condition holds.
    pub fn holds(type_: &'static str, reason: &str, message: &str) -> Self {
        Self::new(type_, ConditionStatus::True, reason, message)
    }

    /// The condition does not hold.
    pub fn holds_not(type_: &'static str, reason: &str, message: &str) -> Self {
        Self::new(type_, ConditionStatus::False, reason, message)
    }

    /// It is not known whether the condition holds.
    pub fn unknown(type_: &'static str, reason: &str, message: &str) -> Self {
        Self::new(type_, ConditionStatus::Unknown, reason, message)
    }
}

impl Status {
    /// One condition.
    pub fn of(verdict: Verdict) -> Self {
        Self {
            verdicts: vec![verdict],
            ..Self::default()
        }
    }

    /// One more condition; the later one of a type wins.
    #[must_use]
    pub fn and(mut self, verdict: Verdict) -> Self {
        self.set(verdict);
        self
    }

    /// One more condition; the later one of a type wins.
    pub fn set(&mut self, verdict: Verdict) {
        self.verdicts
            .retain(|earlier| earlier.type_ != verdict.type_);
        self.verdicts.push(verdict);
    }

    /// What it says about a condition.
    pub fn verdict(&self, type_: &str) -> Option<&Verdict> {
        self.verdicts.iter().find(|verdict| verdict.type_ == type_)
    }
}

/// The merge patch of `status`, or `None` when nothing but times would change.
pub(super) fn merge(root: &ClusterDeployment, status: &Status, now: Timestamp) -> Option<Value> {
    let mut patch = Map::new();
    if let Some(conditions) = conditions(root, &status.verdicts, now) {
        patch.insert("conditions".to_owned(), conditions);
    }
    let before = root.status.as_ref();
    match (&status.provision, root.provision()) {
        (Reference::Set(name), current) if current != Some(name) => {
            patch.insert("provisionRef".to_owned(), json!({ "name": name }));
        }
        (Reference::Clear, Some(_)) => {
            patch.insert("provisionRef".to_owned(), Value::Null);
        }
        (Reference::Keep | Reference::Set(_) | Reference::Clear, _) => {}
    }
    if let Some(restarts) = status.restarts
        && restarts != root.install_restarts()
    {
        patch.insert("installRestarts".to_owned(), json!(restarts));
    }
    let stamp = |at: Timestamp| json!(Time::whole_seconds(at));
    if let Some(at) = status.started
        && before.is_none_or(|status| status.install_started_timestamp.is_none())
    {
        patch.insert("installStartedTimestamp".to_owned(), stamp(at));
    }
    if let Some(at) = status.installed
        && before.is_none_or(|status| status.installed_timestamp.is_none())
    {
        patch.insert("installedTimestamp".to_owned(), stamp(at));
    }
    if let Some(url) = &status.api_url
        && before.is_none_or(|status| status.api_url.is_none())
    {
        patch.insert("apiURL".to_owned(), json!(url));
    }
    if let Some((installer, cli)) = &status.images {
        let known =
            before.map(|status| (status.installer_image.as_ref(), status.cli_image.as_ref()));
        if known != Some((Some(installer), Some(cli))) {
            patch.insert("installerImage".to_owned(), json!(installer));
            patch.insert("cliImage".to_owned(), json!(cli));
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

fn conditions(root: &ClusterDeployment, verdicts: &[Verdict], now: Timestamp) -> Option<Value> {
    let mut conditions = root.conditions().to_vec();
    let mut changed = condition::remove(&mut conditions, cd::CLUSTER_IMAGE_SET_NOT_FOUND);
    for verdict in verdicts {
        changed |= set_condition(
            &mut conditions,
            verdict.type_,
            verdict.status.clone(),
            &verdict.reason,
            &verdict.message,
            WritePolicy::OnAnyChange,
            now,
        );
    }
    changed |= initialize(&mut conditions, cd::INITIALIZED_BY_CLUSTER_DEPLOYMENT, now);
    if !changed {
        return None;
    }
    sort_cluster_deployment(&mut conditions);
    Some(json!(conditions))
}
