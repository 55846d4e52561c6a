//! The part of a ClusterDeployment's status that this controller answers for, and how it is merged.
//!
//! `Hibernating`, `Ready` and `powerState` (docs/spec/21 §1). Nothing is written unless status, reason or
//! message changes, so `lastProbeTime` says when a cluster last came closer to its wish. Conditions of
//! other writers stay as they are.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use skep_crds::ClusterDeployment;
use skep_crds::condition::{
    Condition, WhenAbsent, WritePolicy, apply, find, initialize, sort_cluster_deployment, standing,
};
use skep_crds::names::condition::cd::{HIBERNATING, READY};
use skep_crds::names::reason;

pub use skep_crds::condition::Verdict;

/// `powerState` of a cluster whose power is not managed.
const POWER_UNKNOWN: &str = "Unknown";

/// What should be on record. Everything that is not said stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Status {
    /// The condition `Hibernating`.
    pub hibernating: Option<Verdict>,
    /// The condition `Ready`.
    pub ready: Option<Verdict>,
    /// `status.powerState`.
    pub power_state: Option<&'static str>,
}

impl Status {
    /// The power is not managed.
    pub fn unknown(reason: &str, message: &str) -> Self {
        Self {
            hibernating: Some(Verdict::unknown(HIBERNATING, reason, message)),
            ready: Some(Verdict::unknown(READY, reason, message)),
            power_state: Some(POWER_UNKNOWN),
        }
    }

    /// The cluster cannot be stopped, so it runs.
    pub fn unsupported(message: &str) -> Self {
        Self {
            hibernating: Some(Verdict::holds_not(
                HIBERNATING,
                reason::UNSUPPORTED,
                message,
            )),
            ready: Some(Verdict::holds(READY, reason::RUNNING, message)),
            power_state: Some(reason::RUNNING),
        }
    }

    /// The cluster is to be stopped, and nothing was done about it yet.
    pub fn before_sleep(reason: &str, message: &str) -> Self {
        Self {
            hibernating: Some(Verdict::holds_not(HIBERNATING, reason, message)),
            ..Self::default()
        }
    }

    /// Machines are being stopped. The reason is the power state too.
    pub fn stopping(reason: &'static str, message: &str) -> Self {
        let words = "the cluster is being stopped";
        Self {
            hibernating: Some(Verdict::holds_not(HIBERNATING, reason, message)),
            ready: Some(Verdict::holds_not(
                READY,
                reason::STOPPING_OR_HIBERNATING,
                words,
            )),
            power_state: Some(reason),
        }
    }

    /// All machines are stopped.
    pub fn hibernating(message: &str) -> Self {
        let words = "the cluster is stopped";
        Self {
            hibernating: Some(Verdict::holds(HIBERNATING, reason::HIBERNATING, message)),
            ready: Some(Verdict::holds_not(
                READY,
                reason::STOPPING_OR_HIBERNATING,
                words,
            )),
            power_state: Some(reason::HIBERNATING),
        }
    }

    /// The cluster comes up. The reason is the power state too.
    pub fn waking(reason: &'static str, message: &str) -> Self {
        Self {
            hibernating: Some(resuming_or_running()),
            ready: Some(Verdict::holds_not(READY, reason, message)),
            power_state: Some(reason),
        }
    }

    /// Nothing is known yet of a cluster that is to run.
    pub fn undecided() -> Self {
        Self {
            hibernating: Some(resuming_or_running()),
            ..Self::default()
        }
    }

    /// The cluster works.
    pub fn running() -> Self {
        let words = "the cluster's machines run and the cluster works";
        Self {
            hibernating: Some(resuming_or_running()),
            ready: Some(Verdict::holds(READY, reason::RUNNING, words)),
            power_state: Some(reason::RUNNING),
        }
    }
}

fn resuming_or_running() -> Verdict {
    let words = "the cluster's machines run or are being started";
    Verdict::holds_not(HIBERNATING, reason::RESUMING_OR_RUNNING, words)
}

/// Whether the conditions say as much already, if in other words.
fn says(conditions: &[Condition], verdict: &Verdict) -> bool {
    find(conditions, verdict.type_).is_some_and(|found| {
        found.status == verdict.status && found.reason.as_deref() == Some(&*verdict.reason)
    })
}

/// Whether the verdict is about a cluster that runs or sleeps, and not about the way there.
fn is_settled(verdict: &Verdict) -> bool {
    let settled = [
        reason::RUNNING,
        reason::HIBERNATING,
        reason::RESUMING_OR_RUNNING,
    ];
    settled.contains(&&*verdict.reason)
}

/// The merge patch of `status`, or `None` when nothing but times would change.
pub(super) fn merge(root: &ClusterDeployment, status: &Status, now: Timestamp) -> Option<Value> {
    let Status {
        hibernating,
        ready,
        power_state,
    } = status;
    let mut conditions = root.conditions().to_vec();
    // A new object is written to by its own controller first: two at once cost both a conflict.
    if conditions.is_empty() && *status == Status::default() {
        return None;
    }
    let mut patch = Map::new();
    let mut changed = false;
    for verdict in hibernating.iter().chain(ready) {
        // Where nothing goes on, words alone are no reason to write: those of another writer stay.
        let policy = if says(&conditions, verdict) && is_settled(verdict) {
            WritePolicy::OnStatusChange
        } else {
            WritePolicy::OnAnyChange
        };
        changed |= apply(&mut conditions, verdict, policy, WhenAbsent::Add, now);
    }
    changed |= initialize(&mut conditions, &[HIBERNATING, READY], now);
    if changed {
        let stands = standing::of_cluster(root, &conditions, now);
        standing::record(&mut conditions, &stands, changed, now);
        sort_cluster_deployment(&mut conditions);
        patch.insert("conditions".to_owned(), json!(conditions));
    }
    let recorded = root.status.as_ref();
    let recorded = recorded.and_then(|status| status.power_state.as_deref());
    if let Some(power) = power_state
        && recorded != Some(power)
    {
        patch.insert("powerState".to_owned(), json!(power));
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}
