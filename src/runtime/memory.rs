//! What the steps of one object came to, most recently, and what its last run failed of.
//!
//! The driver records, `observe` hands over, `decide` turns a failure into a condition. It lives in
//! memory only: a new process starts without it and finds out again, so nothing that is needed to act
//! correctly may depend on it.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};

use jiff::Timestamp;
use serde::Serialize;

use super::trouble::Setback;
use super::{Class, Trouble};

/// Steps remembered per object. A controller has about a dozen kinds of step; more entries than this
/// means that they carry something that changes with every try.
const MAX_ENTRIES: usize = 32;

/// Characters of a step's text that tell it from others.
const MAX_TEXT: usize = 200;

/// How often a step failed in a row, why, and when last.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Failure {
    /// What the caller must do about it.
    pub class: Class,
    /// The chain of errors, for people. Holds no secret.
    pub message: String,
    /// Failures in a row.
    pub count: u32,
    /// The last of them.
    pub at: Timestamp,
}

/// The last outcome of each step of one object. A step that succeeded is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    failures: BTreeMap<String, Failure>,
    trouble: Option<Trouble>,
}

impl Memory {
    /// The last failure of this very step.
    pub fn failure_of<S: Debug>(&self, step: &S) -> Option<&Failure> {
        self.failures.get(&text_of(step))
    }

    /// The latest failure among the steps whose variant has this name, whatever they carry:
    /// `memory.failure_named("CreateJob")`.
    pub fn failure_named(&self, variant: &str) -> Option<&Failure> {
        self.failures
            .iter()
            .filter(|(step, _)| name_of(step) == variant)
            .map(|(_, failure)| failure)
            .max_by_key(|failure| failure.at)
    }

    /// All failures, by the text of their steps.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &Failure)> {
        self.failures
            .iter()
            .map(|(step, failure)| (step.as_str(), failure))
    }

    /// What the last run failed of, if it failed and that is to be told.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref().filter(|trouble| trouble.told)
    }

    /// Whether no step has failed since it last succeeded.
    pub fn is_empty(&self) -> bool {
        let Self { failures, trouble } = self;
        failures.is_empty() && trouble.is_none()
    }

    /// A run failed; what there is to say of it.
    pub(super) fn run_failed(&mut self, setback: Setback, now: Timestamp) -> &Trouble {
        let trouble = Trouble::after(self.trouble.as_ref(), setback, now);
        self.trouble.insert(trouble)
    }

    /// What the last run failed of, even if it is not to be told.
    pub(super) const fn untold_trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// A run did not fail; what is over by that, if it was told.
    pub(super) fn run_went_well(&mut self) -> Option<Trouble> {
        self.trouble.take().filter(|trouble| trouble.told)
    }

    /// The memory with one more failure: for tests of `decide` and for the model checker.
    #[must_use]
    pub fn with_failure<S: Debug>(
        mut self,
        step: &S,
        class: Class,
        message: &str,
        at: Timestamp,
    ) -> Self {
        self.record_failure(step, class, message.to_owned(), at);
        self
    }

    pub(super) fn record_failure<S: Debug>(
        &mut self,
        step: &S,
        class: Class,
        message: String,
        at: Timestamp,
    ) {
        let entry = self.failures.entry(text_of(step));
        let failure = entry.or_insert_with(|| Failure {
            class,
            message: String::new(),
            count: 0,
            at,
        });
        let count = failure.count.saturating_add(1);
        *failure = Failure {
            class,
            message,
            count,
            at,
        };
        while self.failures.len() > MAX_ENTRIES {
            let oldest = self.failures.iter().min_by_key(|(_, failure)| failure.at);
            let Some(oldest) = oldest.map(|(step, _)| step.clone()) else {
                break;
            };
            self.failures.remove(&oldest);
        }
    }

    pub(super) fn record_success<S: Debug>(&mut self, step: &S) {
        self.failures.remove(&text_of(step));
    }
}

/// The name of a step's variant.
pub(super) fn variant_name<S: Debug>(step: &S) -> String {
    name_of(&text_of(step)).to_owned()
}

fn text_of<S: Debug>(step: &S) -> String {
    let mut text = String::new();
    // Writing to a String does not fail; a Debug implementation that does leaves a shorter text.
    let _ = write!(text, "{step:?}");
    let end = text.floor_char_boundary(MAX_TEXT);
    text.truncate(end);
    text
}

fn name_of(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    enum Step {
        CreateJob {
            #[expect(dead_code, reason = "read by Debug")]
            name: &'static str,
        },
        Stop,
    }

    #[test]
    fn failures_count_up_until_the_step_succeeds() {
        let job = Step::CreateJob { name: "a" };
        let mut memory = Memory::default();
        memory.record_failure(
            &job,
            Class::BackOff,
            "first".to_owned(),
            Timestamp::UNIX_EPOCH,
        );
        memory.record_failure(&job, Class::Terminal, "second".to_owned(), Timestamp::MAX);
        let failure = memory.failure_of(&job).cloned();
        assert_eq!(
            failure.as_ref().map(|f| (f.count, f.class)),
            Some((2, Class::Terminal))
        );
        assert_eq!(memory.failure_named("CreateJob").cloned(), failure);
        assert_eq!(memory.failure_named("Stop"), None);
        memory.record_success(&job);
        assert!(memory.is_empty());
    }

    #[test]
    fn a_step_whose_text_never_repeats_does_not_fill_the_memory() {
        let mut memory = Memory::default();
        for n in 0..100_u32 {
            memory.record_failure(&n, Class::BackOff, String::new(), Timestamp::UNIX_EPOCH);
        }
        assert_eq!(memory.failures().count(), MAX_ENTRIES);
        assert_eq!(variant_name(&Step::Stop), "Stop");
    }
}
