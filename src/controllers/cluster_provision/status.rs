//! The part of a ClusterProvision's status that its controller answers for, and how it is merged.
//!
//! This list starts empty: a condition is added only when it first holds (docs/spec/10 §21.2). Conditions
//! of other writers stay as they are.

use jiff::Timestamp;
use serde_json::{Value, json};
use skep_crds::ClusterProvision;
use skep_crds::condition::{ConditionStatus, WritePolicy, set_condition_if_true_or_present};

/// What should be on record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Status {
    /// Conditions to be set; others are left alone.
    pub verdicts: Vec<Verdict>,
    /// `jobRef`.
    pub job_ref: JobRef,
}

/// What should become of `status.jobRef`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum JobRef {
    /// It stays.
    #[default]
    Keep,
    /// It names this Job.
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
    pub holds: bool,
    /// Its reason.
    pub reason: String,
    /// Its message.
    pub message: String,
}

impl Verdict {
    /// The condition holds.
    pub fn holds(type_: &'static str, reason: &str, message: &str) -> Self {
        Self {
            type_,
            holds: true,
            reason: reason.to_owned(),
            message: message.to_owned(),
        }
    }

    /// The condition does not hold.
    pub fn holds_not(type_: &'static str, reason: &str, message: &str) -> Self {
        Self {
            holds: false,
            ..Self::holds(type_, reason, message)
        }
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

    /// One more condition.
    #[must_use]
    pub fn and(mut self, verdict: Verdict) -> Self {
        self.verdicts.push(verdict);
        self
    }
}

/// The merge patch of `status`, or `None` when nothing but times would change.
pub(super) fn merge(root: &ClusterProvision, status: &Status, now: Timestamp) -> Option<Value> {
    let mut conditions = root.conditions().to_vec();
    let mut patch = serde_json::Map::new();
    let mut changed = false;
    for verdict in &status.verdicts {
        let wanted = if verdict.holds {
            ConditionStatus::True
        } else {
            ConditionStatus::False
        };
        changed |= set_condition_if_true_or_present(
            &mut conditions,
            verdict.type_,
            wanted,
            &verdict.reason,
            &verdict.message,
            WritePolicy::OnAnyChange,
            now,
        );
    }
    if changed {
        patch.insert("conditions".to_owned(), json!(conditions));
    }
    match (&status.job_ref, root.job()) {
        (JobRef::Set(name), current) if current != Some(name) => {
            patch.insert("jobRef".to_owned(), json!({"name": name}));
        }
        (JobRef::Clear, Some(_)) => {
            patch.insert("jobRef".to_owned(), Value::Null);
        }
        (JobRef::Keep | JobRef::Set(_) | JobRef::Clear, _) => {}
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}
