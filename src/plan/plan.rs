//! The outcome of a decision: what to record, what to do, when to look again, and why.
//!
//! A plan is a comparable value, so that tables, properties, golden files and the model checker
//! look at the very thing the driver carries out. Mirrors docs/architecture.md, "a reconcile".

use jiff::Timestamp;

use super::Note;

/// When the object is looked at again although nothing rings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Requeue {
    /// Not before something changes: a watch, a task or a person rings.
    #[default]
    Wait,
    /// At this moment, or earlier when something rings.
    At(Timestamp),
}

impl Requeue {
    /// The earlier of two wishes; waiting is later than any moment.
    #[must_use]
    pub fn or_earlier(self, other: Self) -> Self {
        match (self, other) {
            (Self::Wait, wish) | (wish, Self::Wait) => wish,
            (Self::At(a), Self::At(b)) => Self::At(a.min(b)),
        }
    }
}

/// What one decision wants done about one object.
///
/// The driver writes `intent`, takes the `steps`, and writes `outcome` when all of them succeeded.
/// The steps of one plan are independent of each other: what builds on the effect of a step belongs
/// to the next plan, because a failed step does not keep its neighbours from being taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Plan<Status, Step> {
    /// The status that must be on record before the first step. `None`: leave it as it is.
    pub intent: Option<Status>,
    /// The effects, in the order in which they are tried.
    pub steps: Vec<Step>,
    /// The status that holds once the steps succeeded; without steps, the status that holds now.
    pub outcome: Option<Status>,
    /// When to look again if nothing rings before.
    pub requeue: Requeue,
    /// Why, for people.
    pub notes: Vec<Note>,
}

impl<Status, Step> Plan<Status, Step> {
    /// A plan that does nothing and waits.
    pub const fn nothing() -> Self {
        Self {
            intent: None,
            steps: Vec::new(),
            outcome: None,
            requeue: Requeue::Wait,
            notes: Vec::new(),
        }
    }

    /// A plan that only records a status.
    pub fn record(status: Status) -> Self {
        Self {
            outcome: Some(status),
            ..Self::nothing()
        }
    }

    /// A plan of one step.
    pub fn step(step: Step) -> Self {
        Self {
            steps: vec![step],
            ..Self::nothing()
        }
    }

    /// The plan with one more step.
    #[must_use]
    pub fn and_step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// The plan with this status recorded before its steps.
    #[must_use]
    pub fn intending(mut self, status: Status) -> Self {
        self.intent = Some(status);
        self
    }

    /// The plan with this status recorded after its steps.
    #[must_use]
    pub fn then_record(mut self, status: Status) -> Self {
        self.outcome = Some(status);
        self
    }

    /// The plan, looked at again at `when` or earlier.
    #[must_use]
    pub fn again_at(mut self, when: Timestamp) -> Self {
        self.requeue = self.requeue.or_earlier(Requeue::At(when));
        self
    }

    /// The plan with one more reason.
    #[must_use]
    pub fn because(mut self, note: Note) -> Self {
        self.notes.push(note);
        self
    }

    /// Whether the plan would do anything beyond recording a status.
    pub const fn has_effects(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The status that an observer would want on record while the steps are held back: the intent,
    /// or, without steps, the outcome.
    pub const fn status_before_steps(&self) -> Option<&Status> {
        if self.intent.is_some() || self.has_effects() {
            self.intent.as_ref()
        } else {
            self.outcome.as_ref()
        }
    }
}

impl<Status, Step> Default for Plan<Status, Step> {
    fn default() -> Self {
        Self::nothing()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type TestPlan = Plan<&'static str, u8>;

    #[test]
    fn the_earlier_requeue_wins_and_waiting_is_the_latest() {
        let early = Requeue::At(Timestamp::UNIX_EPOCH);
        let late = Requeue::At(Timestamp::MAX);
        assert_eq!(early.or_earlier(late), early);
        assert_eq!(late.or_earlier(early), early);
        assert_eq!(Requeue::Wait.or_earlier(late), late);
        assert_eq!(late.or_earlier(Requeue::Wait), late);
        assert_eq!(Requeue::Wait.or_earlier(Requeue::Wait), Requeue::Wait);
    }

    #[test]
    fn before_steps_only_the_intent_may_be_recorded() {
        let both = TestPlan::step(1).intending("will").then_record("did");
        assert_eq!(both.status_before_steps(), Some(&"will"));
        assert_eq!(
            TestPlan::step(1).then_record("did").status_before_steps(),
            None
        );
        assert_eq!(TestPlan::record("is").status_before_steps(), Some(&"is"));
        assert_eq!(TestPlan::nothing().status_before_steps(), None);
    }
}
