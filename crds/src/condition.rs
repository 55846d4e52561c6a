//! Conditions: their shape, when they are written, how a list of them is ordered.
//!
//! Decides, from the list as it is and a verdict, what the list becomes; the clock is passed in. It
//! never drops or reorders what it does not understand beyond sorting: types that this version does
//! not know stay in the list. Mirrors docs/spec/10 §21 and docs/spec/44 §7.
//!
//! The rules: `lastTransitionTime` moves only with the status; `lastProbeTime` moves with every
//! write; whether there is a write is the [`WritePolicy`]'s decision. What differs from kind to kind
//! (polarity, what is there from the beginning, what appears when it first holds) is a table:
//! [`kinds`]. After a change a `ClusterDeployment`'s list is sorted, because tools take its first
//! element for what is most wrong. What Skep adds to the API's own conditions is in [`standing`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use jiff::Timestamp;

use crate::names;
use crate::wire::{Time, wire_enum};

pub mod kinds;
pub mod standing;

pub use kinds::Polarity;

wire_enum! {
    /// Whether a condition holds.
    open ConditionStatus {
        /// It is not known.
        Unknown => "Unknown",
        /// The condition holds.
        True => "True",
        /// The condition does not hold.
        False => "False",
    }
}

impl From<bool> for ConditionStatus {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// One observation about an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// When the condition was last written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_probe_time: Option<Time>,
    /// When the status last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
    /// The details, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why the condition has its status, in one word, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the condition holds.
    pub status: ConditionStatus,
    /// What the condition is about.
    #[serde(rename = "type")]
    pub type_: String,
}

impl Condition {
    /// A condition that is written for the first time at `now`.
    pub fn new(
        type_: &str,
        status: ConditionStatus,
        reason: &str,
        message: &str,
        now: Timestamp,
    ) -> Self {
        let now = Some(Time::whole_seconds(now));
        Self {
            last_probe_time: now,
            last_transition_time: now,
            message: Some(message.to_owned()),
            reason: Some(reason.to_owned()),
            status,
            type_: type_.to_owned(),
        }
    }

    /// A condition that nobody has judged yet.
    pub fn initial(type_: &str, now: Timestamp) -> Self {
        Self::new(
            type_,
            ConditionStatus::Unknown,
            names::reason::INITIALIZED,
            names::reason::INITIALIZED_MESSAGE,
            now,
        )
    }

    /// The reason, empty when there is none.
    pub fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }

    /// The message, empty when there is none.
    pub fn message(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }

    /// Whether the condition holds.
    pub fn is_true(&self) -> bool {
        self.status == ConditionStatus::True
    }

    /// Whether the condition is known not to hold.
    pub fn is_false(&self) -> bool {
        self.status == ConditionStatus::False
    }

    /// Whether both say the same, whenever they said it.
    pub fn same_but_for_time(&self, other: &Self) -> bool {
        self.type_ == other.type_
            && self.status == other.status
            && self.reason() == other.reason()
            && self.message() == other.message()
    }
}

/// When a verdict becomes a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WritePolicy {
    /// Only when the status changes.
    OnStatusChange,
    /// When status, reason or message changes.
    OnAnyChange,
    /// Every time.
    Always,
}

/// What happens to a verdict whose condition is not in the list yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhenAbsent {
    /// It is added, whatever its status (`ClusterDeployment` and most kinds).
    Add,
    /// It is added only when it holds: these lists start empty (`ClusterProvision`,
    /// `ClusterDeprovision`, `DNSZone`, `ClusterSync`).
    AddIfTrue,
}

/// What a condition should say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// What the condition is about.
    pub type_: &'static str,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, in one word.
    pub reason: String,
    /// The details.
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

/// One question about what was observed: an answer, or none when the question does not arise.
pub type Check<Observed, Answer> = fn(&Observed, Timestamp) -> Option<Answer>;

/// The first answer of a chain of checks, asked in their order.
pub fn first_answer<Observed, Answer>(
    chain: &[Check<Observed, Answer>],
    observed: &Observed,
    now: Timestamp,
) -> Option<Answer> {
    chain.iter().find_map(|check| check(observed, now))
}

/// Makes the list say what the verdict says, by the given policies; tells whether the list changed.
///
/// A list with several conditions of the type has its first one written; the API server does not
/// forbid such lists, and their readers look at the first. The list is not sorted here, so that
/// several writes cost one sort: see [`sort_cluster_deployment`].
pub fn apply(
    conditions: &mut Vec<Condition>,
    verdict: &Verdict,
    policy: WritePolicy,
    absent: WhenAbsent,
    now: Timestamp,
) -> bool {
    let Verdict {
        type_,
        status,
        reason,
        message,
    } = verdict;
    let Some(found) = conditions.iter_mut().find(|c| c.type_ == *type_) else {
        if absent == WhenAbsent::AddIfTrue && *status != ConditionStatus::True {
            return false;
        }
        conditions.push(Condition::new(type_, status.clone(), reason, message, now));
        return true;
    };
    let moved = found.status != *status;
    let reworded = found.reason() != reason || found.message() != message;
    let write = match policy {
        WritePolicy::OnStatusChange => moved,
        WritePolicy::OnAnyChange => moved || reworded,
        WritePolicy::Always => true,
    };
    if !write {
        return false;
    }
    let now = Some(Time::whole_seconds(now));
    if moved {
        found.last_transition_time = now;
        found.status = status.clone();
    }
    found.last_probe_time = now;
    found.reason = Some(reason.clone());
    found.message = Some(message.clone());
    true
}

/// Adds every type that is missing as Unknown; tells whether any was.
pub fn initialize(conditions: &mut Vec<Condition>, types: &[&str], now: Timestamp) -> bool {
    let before = conditions.len();
    for type_ in types {
        if find(conditions, type_).is_none() {
            conditions.push(Condition::initial(type_, now));
        }
    }
    conditions.len() > before
}

/// Removes a type from the list; tells whether it was there.
pub fn remove(conditions: &mut Vec<Condition>, type_: &str) -> bool {
    let before = conditions.len();
    conditions.retain(|c| c.type_ != type_);
    conditions.len() < before
}

/// The first condition of the type.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|c| c.type_ == type_)
}

/// Whether the condition is in the list and holds.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(Condition::is_true)
}

/// Whether the condition is in the list and is known not to hold.
pub fn is_false(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(Condition::is_false)
}

/// Whether both lists say the same, in the same order, whenever they said it.
pub fn same_but_for_time(left: &[Condition], right: &[Condition]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(l, r)| l.same_but_for_time(r))
}

/// `wanted`, with the times that `current` already has for what did not change.
///
/// For callers that compute a whole list afresh: what says the same keeps both its times, what kept
/// its status keeps its transition time.
pub fn keep_times(wanted: &mut [Condition], current: &[Condition]) {
    for condition in wanted {
        let Some(old) = find(current, &condition.type_) else {
            continue;
        };
        if old.same_but_for_time(condition) {
            condition.last_probe_time = old.last_probe_time;
        }
        if old.status == condition.status {
            condition.last_transition_time = old.last_transition_time;
        }
    }
}

/// Whether a `ClusterDeployment`'s condition has the status that its polarity calls good.
pub fn is_desired(condition: &Condition) -> bool {
    kinds::CLUSTER_DEPLOYMENT.is_desired(condition)
}

/// Whether the condition is the API's own, or somebody's, rather than one that Skep adds: what the
/// API's own metrics count.
pub fn is_counted(condition: &Condition) -> bool {
    !names::condition::skep::ALL.contains(&condition.type_.as_str())
}

/// Sorts a `ClusterDeployment`'s list: what is not as desired, what is, what is unknown, each by name;
/// types that Skep adds to the API come last, so that the first element stays what it was.
pub fn sort_cluster_deployment(conditions: &mut [Condition]) {
    fn rank(condition: &Condition) -> (bool, u8) {
        let group = match (&condition.status, is_desired(condition)) {
            (ConditionStatus::Unknown, _) => 2,
            (_, true) => 1,
            (_, false) => 0,
        };
        (!is_counted(condition), group)
    }
    // Stable, so that duplicates of a type keep their order.
    conditions.sort_by(|l, r| rank(l).cmp(&rank(r)).then_with(|| l.type_.cmp(&r.type_)));
}
