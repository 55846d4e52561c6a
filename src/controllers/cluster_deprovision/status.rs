//! The part of a ClusterDeprovision's status that its controller answers for, and how it is merged.
//!
//! The API's own conditions appear when they first hold (docs/spec/20 §2). The progress is a condition that
//! Skep adds; it is rewritten at most every few seconds, however often it changes.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use skep_crds::ClusterDeprovision;
use skep_crds::condition::{Condition, WhenAbsent, WritePolicy, apply, find, standing};
use skep_crds::names::condition::skep::DEPROVISION_PROGRESSING;

pub use skep_crds::condition::Verdict;

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

impl Status {
    /// The deletion goes on.
    pub fn progressing(reason: &str, message: &str) -> Self {
        Self::of(Verdict::holds(DEPROVISION_PROGRESSING, reason, message))
    }

    /// The deletion does not go on.
    pub fn standing(reason: &str, message: &str) -> Self {
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
    let policy = WritePolicy::OnAnyChange;
    for verdict in verdicts {
        changed |= apply(&mut conditions, verdict, policy, WhenAbsent::AddIfTrue, now);
    }
    if *completed && !root.is_completed() {
        patch.insert("completed".to_owned(), json!(true));
    }
    let written_anyway = changed || !patch.is_empty();
    if written_anyway || is_due(find(&conditions, progress.type_), progress, now) {
        changed |= apply(&mut conditions, progress, policy, WhenAbsent::Add, now);
    }
    if changed {
        let stands = standing::of_deprovision(root, *completed, &conditions);
        standing::record(&mut conditions, &stands, changed, now);
        patch.insert("conditions".to_owned(), json!(conditions));
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// Words alone wait their turn; whether it goes on, and why, does not.
fn is_due(current: Option<&Condition>, wanted: &Verdict, now: Timestamp) -> bool {
    let Some(current) = current else { return true };
    if current.status != wanted.status || current.reason() != wanted.reason {
        return true;
    }
    let written = current.last_probe_time.as_ref().map(|time| time.0);
    written.is_none_or(|written| now.duration_since(written) >= PROGRESS_INTERVAL)
}
