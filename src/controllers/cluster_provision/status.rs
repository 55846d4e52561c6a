//! The part of a ClusterProvision's status that its controller answers for, and how it is merged.
//!
//! This list starts empty: a condition is added only when it first holds (docs/spec/10 §21.2). Conditions
//! of other writers stay as they are.

use jiff::Timestamp;
use serde_json::{Value, json};
use skep_crds::ClusterProvision;
use skep_crds::condition::{WhenAbsent, WritePolicy, apply, standing};

pub use skep_crds::condition::Verdict;

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
        let policy = WritePolicy::OnAnyChange;
        changed |= apply(&mut conditions, verdict, policy, WhenAbsent::AddIfTrue, now);
    }
    if changed {
        // They follow from the others, so an attempt without news is not written for them.
        let stands = standing::of_provision(&conditions);
        standing::record(&mut conditions, &stands, changed, now);
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
