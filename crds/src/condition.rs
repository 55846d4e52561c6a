//! Conditions: their shape, when they are written, how a list of them is ordered.
//!
//! Decides, from the list as it is and a wish, what the list becomes; the clock is passed in. It never
//! drops or reorders what it does not understand beyond sorting: types that this version does not
//! know stay in the list. Mirrors docs/spec/10 §21 and docs/spec/44 §7.
//!
//! The rules: `lastTransitionTime` moves only with the status; `lastProbeTime` moves with every
//! write; whether there is a write is the [`WritePolicy`]'s decision. After a change a
//! `ClusterDeployment`'s list is sorted, because tools take its first element for what is most wrong.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use jiff::Timestamp;

use crate::names;
use crate::wire::{Time, wire_enum};

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

/// When a wish for a condition becomes a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WritePolicy {
    /// Only when the status changes.
    OnStatusChange,
    /// When status, reason or message changes.
    OnAnyChange,
    /// Every time.
    Always,
}

/// What happens to a wish for a condition that is not in the list yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhenAbsent {
    /// It is added, whatever its status (`ClusterDeployment` and most kinds).
    Add,
    /// It is added only when it holds: these lists start empty (`ClusterProvision`,
    /// `ClusterDeprovision`, `DNSZone`, `ClusterSync`).
    AddIfTrue,
}

/// A condition as somebody wants it to be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wish<'a> {
    /// What the condition is about.
    pub type_: &'a str,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, in one word.
    pub reason: &'a str,
    /// The details.
    pub message: &'a str,
}

/// Makes `wish` true in the list, by the given policies; tells whether the list changed.
///
/// A list with several conditions of the type has its first one written; the API server does not
/// forbid such lists, and their readers look at the first.
pub fn apply(
    conditions: &mut Vec<Condition>,
    wish: &Wish<'_>,
    policy: WritePolicy,
    absent: WhenAbsent,
    now: Timestamp,
) -> bool {
    let Some(found) = conditions.iter_mut().find(|c| c.type_ == wish.type_) else {
        if absent == WhenAbsent::AddIfTrue && wish.status != ConditionStatus::True {
            return false;
        }
        conditions.push(Condition::new(
            wish.type_,
            wish.status.clone(),
            wish.reason,
            wish.message,
            now,
        ));
        return true;
    };
    let moved = found.status != wish.status;
    let reworded = found.reason() != wish.reason || found.message() != wish.message;
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
        found.status = wish.status.clone();
    }
    found.last_probe_time = now;
    found.reason = Some(wish.reason.to_owned());
    found.message = Some(wish.message.to_owned());
    true
}

/// [`apply`] for the lists that take conditions of any status: `ClusterDeployment`'s and most others.
///
/// The list is not sorted here, so that several writes cost one sort: see
/// [`sort_cluster_deployment`].
pub fn set_condition(
    conditions: &mut Vec<Condition>,
    type_: &str,
    status: ConditionStatus,
    reason: &str,
    message: &str,
    policy: WritePolicy,
    now: Timestamp,
) -> bool {
    let wish = Wish {
        type_,
        status,
        reason,
        message,
    };
    apply(conditions, &wish, policy, WhenAbsent::Add, now)
}

/// [`apply`] for the lists that start empty: `ClusterProvision`'s and `ClusterDeprovision`'s.
pub fn set_condition_if_true_or_present(
    conditions: &mut Vec<Condition>,
    type_: &str,
    status: ConditionStatus,
    reason: &str,
    message: &str,
    policy: WritePolicy,
    now: Timestamp,
) -> bool {
    let wish = Wish {
        type_,
        status,
        reason,
        message,
    };
    apply(conditions, &wish, policy, WhenAbsent::AddIfTrue, now)
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

/// Which status of a condition is the good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Polarity {
    /// True is good.
    Positive,
    /// False is good.
    Negative,
}

/// The polarity of a `ClusterDeployment` condition.
///
/// Unknown types count as negative, as they always have for readers of this API. `PrivateLinkReady`
/// is positive here: the list that others use lacks it, so that a healthy private connection
/// was sorted first as if it were an error (docs/spec/44 §10, 18).
pub fn polarity(type_: &str) -> Polarity {
    if names::condition::cd::POSITIVE.contains(&type_)
        || names::condition::skep::POSITIVE.contains(&type_)
    {
        Polarity::Positive
    } else {
        Polarity::Negative
    }
}

/// Whether the condition has the status that its polarity calls good.
pub fn is_desired(condition: &Condition) -> bool {
    match (polarity(&condition.type_), &condition.status) {
        (Polarity::Positive, ConditionStatus::True)
        | (Polarity::Negative, ConditionStatus::False) => true,
        (Polarity::Positive, ConditionStatus::False | ConditionStatus::Other(_))
        | (Polarity::Negative, ConditionStatus::True | ConditionStatus::Other(_))
        | (_, ConditionStatus::Unknown) => false,
    }
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
        (
            names::condition::skep::ALL.contains(&condition.type_.as_str()),
            group,
        )
    }
    // Stable, so that duplicates of a type keep their order.
    conditions.sort_by(|l, r| rank(l).cmp(&rank(r)).then_with(|| l.type_.cmp(&r.type_)));
}
