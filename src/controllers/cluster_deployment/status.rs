//! The part of a ClusterDeployment's status that its controller answers for, and how it is merged.
//!
//! All conditions of the controller are initialised together with the first verdicts, in one write
//! (docs/spec/10 §26.2 S1). Conditions of other writers stay as they are. The list is sorted after a
//! change, because people and metrics read its first element (docs/spec/10 §21). `Reconciling` and
//! `Stalled` follow from the rest of the list, in the same write.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use skep_crds::condition::{
    self, Condition, WhenAbsent, WritePolicy, apply, initialize, sort_cluster_deployment,
    standing::{self, Standing},
};
use skep_crds::names::condition::{cd, skep};
use skep_crds::names::reason;
use skep_crds::{ClusterDeployment, Time};

pub use skep_crds::condition::Verdict;

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
    /// Where the cluster stands, if that does not follow from its conditions: steps keep failing.
    pub stands: Option<Standing>,
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
    if let Some(conditions) = conditions(root, status, now) {
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

fn conditions(root: &ClusterDeployment, status: &Status, now: Timestamp) -> Option<Value> {
    let mut conditions = root.conditions().to_vec();
    let mut changed = condition::remove(&mut conditions, cd::CLUSTER_IMAGE_SET_NOT_FOUND);
    for verdict in &status.verdicts {
        let policy = WritePolicy::OnAnyChange;
        changed |= apply(&mut conditions, verdict, policy, WhenAbsent::Add, now);
    }
    changed |= initialize(&mut conditions, cd::INITIALIZED_BY_CLUSTER_DEPLOYMENT, now);
    // The words of what keeps failing are worth a write, and so is that they hold no more.
    let failing = status.stands.is_some() || conditions.iter().any(tells_trouble);
    let stands = match &status.stands {
        Some(stands) => stands.clone(),
        None => standing::of_cluster(root, &conditions, now),
    };
    changed |= standing::record(&mut conditions, &stands, changed || failing, now);
    if !changed {
        return None;
    }
    sort_cluster_deployment(&mut conditions);
    Some(json!(conditions))
}

fn tells_trouble(condition: &Condition) -> bool {
    [skep::RECONCILING, skep::STALLED].contains(&condition.type_.as_str())
        && condition.is_true()
        && reason::skep::TROUBLES.contains(&condition.reason())
}
