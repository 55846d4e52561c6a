//! The part of a ClusterDeprovision's status that its controller answers for, and how it is merged.
//!
//! The API's own conditions appear when they first hold (docs/spec/20 §2). The progress is a condition that
//! Skep adds; it is rewritten at most every few seconds, however often it changes.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use skep_crds::ClusterDeprovision;
use skep_crds::condition::{
    Condition, ConditionStatus, WritePolicy, find, set_condition, set_condition_if_true_or_present,
};
use skep_crds::names::condition::skep::DEPROVISION_PROGRESSING;

/// How often the words of the progress are written at most. A deletion takes minutes, and a fleet of them
/// must not keep the API server busy.
pub(super) const PROGRESS_INTERVAL: SignedDuration = SignedDuration::from_secs(5);

/// What should be on record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    /// Whether the deletion goes on, and how far it is.
    pub progress: Verdict,
    /// The API's conditions to be set; others are left alone.
    pub verdicts: Vec<Verdict>,
    /// Whether nothing is left. Never taken back.
    pub completed: bool,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// Its type.
    pub type_: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// Its reason.
    pub reason: &'static str,
    /// Its message.
    pub message: String,
}

impl Verdict {
    /// A condition that holds.
    pub fn holds(type_: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            type_,
            holds: true,
            reason,
            message: message.into(),
        }
    }

    /// A condition that does not hold.
    pub fn holds_not(
        type_: &'static str,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            holds: false,
            ..Self::holds(type_, reason, message)
        }
    }

    fn status(&self) -> ConditionStatus {
        self.holds.into()
    }
}

impl Status {
    /// The deletion goes on.
    pub fn progressing(reason: &'static str, message: impl Into<String>) -> Self {
        Self::of(Verdict::holds(DEPROVISION_PROGRESSING, reason, message))
    }

    /// The deletion does not go on.
    pub fn standing(reason: &'static str, message: impl Into<String>) -> Self {
        Self::of(Verdict::holds_not(DEPROVISION_PROGRESSING, reason, message))
    }

    /// One more of the API's conditions.
    #[must_use]
    pub fn and(mut self, verdict: Verdict) -> Self {
        self.verdicts.push(verdict);
        self
    }

    /// Nothing is left.
    #[must_use]
    pub fn completed(mut self) -> Self {
        self.completed = true;
        self
    }

    const fn of(progress: Verdict) -> Self {
        Self {
            progress,
            verdicts: Vec::new(),
            completed: false,
        }
    }
}

/// The merge patch of `status`, or `None` when nothing but times would change, or nothing but the words of
/// the progress too soon.
pub(super) fn merge(root: &ClusterDeprovision, status: &Status, now: Timestamp) -> Option<Value> {
    let Status {
        progress,
        verdicts,
        completed,
    } = status;
    let mut conditions = root.conditions().to_vec();
    let mut patch = serde_json::Map::new();
    let mut changed = false;
    for verdict in verdicts {
        changed |= set_condition_if_true_or_present(
            &mut conditions,
            verdict.type_,
            verdict.status(),
            verdict.reason,
            &verdict.message,
            WritePolicy::OnAnyChange,
            now,
        );
    }
    if *completed && !root.is_completed() {
        patch.insert("completed".to_owned(), json!(true));
    }
    let written_anyway = changed || !patch.is_empty();
    if written_anyway || is_due(find(&conditions, progress.type_), progress, now) {
        changed |= set_condition(
            &mut conditions,
            progress.type_,
            progress.status(),
            progress.reason,
            &progress.message,
            WritePolicy::OnAnyChange,
            now,
        );
    }
    if changed {
        patch.insert("conditions".to_owned(), json!(conditions));
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// Words alone wait their turn; whether it goes on, and why, does not.
fn is_due(current: Option<&Condition>, wanted: &Verdict, now: Timestamp) -> bool {
    let Some(current) = current else { return true };
    if current.status != wanted.status() || current.reason() != wanted.reason {
        return true;
    }
    let written = current.last_probe_time.as_ref().map(|time| time.0);
    written.is_none_or(|written| now.duration_since(written) >= PROGRESS_INTERVAL)
}
