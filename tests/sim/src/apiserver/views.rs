//! Stale views: how the operator's watches differ from the truth. Actors always see the truth.

use std::{collections::BTreeMap, time::Duration};

/// Per resource, by plural.
#[derive(Debug, Default)]
pub struct Views {
    frozen: BTreeMap<String, u64>,
    delayed: BTreeMap<String, Duration>,
    skipped: BTreeMap<String, u64>,
}

impl Views {
    pub(super) fn freeze(&mut self, plural: &str, revision: u64) {
        self.frozen.insert(plural.to_owned(), revision);
    }

    pub(super) fn thaw(&mut self, plural: &str) {
        self.frozen.remove(plural);
    }

    pub(super) fn frozen_at(&self, plural: &str) -> Option<u64> {
        self.frozen.get(plural).copied()
    }

    pub(super) fn delay(&mut self, plural: &str, by: Duration) {
        self.delayed.insert(plural.to_owned(), by);
    }

    pub(super) fn delay_of(&self, plural: &str) -> Duration {
        self.delayed.get(plural).copied().unwrap_or_default()
    }

    pub(super) fn skip(&mut self, plural: &str, count: u64) {
        *self.skipped.entry(plural.to_owned()).or_default() += count;
    }

    /// Whether the event that is about to be delivered gets lost.
    pub(super) fn loses_one(&mut self, plural: &str) -> bool {
        match self.skipped.get_mut(plural) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }
}
