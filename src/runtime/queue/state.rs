//! What a queue knows, and what follows from it. No clock: times are passed in, as durations since
//! the clock's start.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::runtime::Key;

/// Who asks for a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// Nobody in particular: the regular second look, a list that was repeated, a new leader.
    Resync,
    /// Something that belongs to the object has changed, or a time has come.
    Event,
    /// A person or a tool wants something of the object, deletion included.
    Request,
}

impl Priority {
    /// From the most to the least urgent.
    pub(in crate::runtime) const ALL: [Self; 3] = [Self::Request, Self::Event, Self::Resync];

    pub(in crate::runtime) const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Event => "event",
            Self::Resync => "resync",
        }
    }

    /// How many of eight turns a priority is asked first: the lesser ones are asked first now and
    /// then, so that a flood of requests does not starve them.
    const fn first_in_turn(turn: u8) -> Self {
        match turn {
            3 | 6 => Self::Event,
            7 => Self::Resync,
            _ => Self::Request,
        }
    }
}

/// Until when an object is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The end, on the queue's clock.
    pub until: Duration,
    /// Whether a request ends it: what a person may have mended is tried again at once.
    pub soft: bool,
}

/// An object that was handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Which one.
    pub key: Key,
    /// The most urgent of those who asked.
    pub priority: Priority,
    /// Since when it could have been handed out.
    pub since: Duration,
}

/// What is known of one object.
#[derive(Debug, Default)]
struct Entry {
    /// Asked for, and since when it could be handed out.
    asked: Option<(Priority, Duration)>,
    hold: Option<Hold>,
    /// When to ask although nothing rings.
    due: Option<Duration>,
    running: bool,
    /// Whether it stands in a lane.
    laned: Option<Priority>,
}

impl Entry {
    /// When the entry needs a look at without being rung for.
    fn wake(&self) -> Option<Duration> {
        if self.running || self.laned.is_some() {
            return None;
        }
        let held = self.hold.map(|hold| hold.until);
        match (self.asked, self.due) {
            (Some(_), _) => held,
            // A due time inside a hold is met at the hold's end.
            (None, Some(due)) => Some(held.map_or(due, |held| held.max(due))),
            (None, None) => None,
        }
    }
}

/// What a queue knows.
#[derive(Debug, Default)]
pub(super) struct State {
    leading: bool,
    entries: BTreeMap<Key, Entry>,
    /// Keys in the order in which they became ready. A key that has moved to another lane stays
    /// behind and is skipped: taking it out would cost a pass over the lane.
    lanes: BTreeMap<Priority, VecDeque<Key>>,
    laned: BTreeMap<Priority, usize>,
    wakes: BTreeSet<(Duration, Key)>,
    turn: u8,
}

impl State {
    pub(super) fn ring(&mut self, key: &Key, priority: Priority, now: Duration) {
        self.update(key, now, |entry| {
            let (asked, since) = entry.asked.unwrap_or((priority, now));
            entry.asked = Some((asked.max(priority), since));
            if priority == Priority::Request && entry.hold.is_some_and(|hold| hold.soft) {
                entry.hold = None;
            }
        });
    }

    pub(super) fn ring_at(&mut self, key: &Key, when: Duration) {
        self.update(key, Duration::ZERO, |entry| {
            entry.due = Some(entry.due.map_or(when, |due| due.min(when)));
        });
    }

    pub(super) const fn lead(&mut self) {
        self.leading = true;
    }

    pub(super) fn take(&mut self, now: Duration) -> Option<Taken> {
        if !self.leading {
            return None;
        }
        self.wake(now);
        let first = Priority::first_in_turn(self.turn);
        let order = std::iter::once(first).chain(Priority::ALL);
        let (priority, key) = order
            .into_iter()
            .find_map(|priority| Some((priority, self.pop(priority)?)))?;
        self.turn = (self.turn + 1) % 8;
        let entry = self.entries.get_mut(&key)?;
        let since = entry.asked.take().map_or(now, |(_, since)| since);
        // The run answers what was due by now as well.
        entry.due = None;
        entry.hold = None;
        entry.running = true;
        self.set_lane(&key, None);
        Some(Taken {
            key,
            priority,
            since,
        })
    }

    pub(super) fn put_back(&mut self, taken: &Taken, now: Duration) {
        self.update(&taken.key, now, |entry| {
            entry.running = false;
            let asked = entry.asked.map_or(taken.priority, |(priority, _)| priority);
            entry.asked = Some((asked.max(taken.priority), taken.since));
        });
        // It waits since it was rung for, not since it came back.
        if let Some(entry) = self.entries.get_mut(&taken.key) {
            entry.asked = entry.asked.map(|(priority, _)| (priority, taken.since));
        }
    }

    pub(super) fn done(&mut self, key: &Key, hold: Option<Hold>, now: Duration) {
        self.update(key, now, |entry| {
            entry.running = false;
            // A request that came during the run is not kept waiting by a soft hold.
            let wanted = entry
                .asked
                .is_some_and(|(priority, _)| priority == Priority::Request);
            entry.hold = hold.filter(|hold| hold.until > now && !(hold.soft && wanted));
        });
    }

    pub(super) fn forget(&mut self, key: &Key) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        if let Some(wake) = entry.wake() {
            self.wakes.remove(&(wake, key.clone()));
        }
        self.set_lane(key, None);
        if let Some(entry) = self.entries.remove(key)
            && entry.running
        {
            self.entries.insert(
                key.clone(),
                Entry {
                    running: true,
                    ..Entry::default()
                },
            );
        }
    }

    /// When something becomes ready that is not ready now, if nothing rings.
    pub(super) fn next_wake(&self) -> Option<Duration> {
        self.leading
            .then(|| self.wakes.first().map(|(when, _)| *when))
            .flatten()
    }

    /// How many objects stand in each lane, from the most to the least urgent.
    pub(super) fn depth(&self) -> [usize; 3] {
        Priority::ALL.map(|priority| self.laned.get(&priority).copied().unwrap_or_default())
    }

    /// Moves what has become ready into the lanes.
    fn wake(&mut self, now: Duration) {
        while let Some((when, key)) = self.wakes.first().cloned() {
            if when > now {
                break;
            }
            self.wakes.remove(&(when, key.clone()));
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            let (priority, since) = entry.asked.unwrap_or((Priority::Event, when));
            // Waiting counts from when it could have been handed out.
            entry.asked = Some((priority, since.max(when)));
            entry.hold = None;
            entry.due = None;
            self.set_lane(&key, Some(priority));
        }
    }

    /// Changes an entry and puts it where it belongs then: in a lane, among the wakes, or away.
    fn update(&mut self, key: &Key, now: Duration, change: impl FnOnce(&mut Entry)) {
        let entry = self.entries.entry(key.clone()).or_default();
        let wake_before = entry.wake();
        change(entry);
        let ready = entry.asked.is_some() && entry.hold.is_none() && !entry.running;
        let lane = entry.asked.filter(|_| ready).map(|(priority, _)| priority);
        if lane.is_some() && entry.laned.is_none() {
            // Ready from now on, if it was held or running until now.
            entry.asked = entry
                .asked
                .map(|(priority, since)| (priority, since.max(now)));
        }
        if lane != entry.laned {
            self.set_lane(key, lane);
        }
        let Some(entry) = self.entries.get(key) else {
            return;
        };
        let wake = entry.wake();
        let idle =
            !entry.running && entry.asked.is_none() && entry.due.is_none() && entry.hold.is_none();
        if wake_before != wake {
            if let Some(before) = wake_before {
                self.wakes.remove(&(before, key.clone()));
            }
            if let Some(wake) = wake {
                self.wakes.insert((wake, key.clone()));
            }
        }
        if idle {
            self.entries.remove(key);
        }
    }

    /// The first of a lane that still belongs there.
    fn pop(&mut self, priority: Priority) -> Option<Key> {
        let lane = self.lanes.get_mut(&priority)?;
        let entries = &self.entries;
        std::iter::from_fn(|| lane.pop_front()).find(|key| {
            entries
                .get(key)
                .is_some_and(|entry| entry.laned == Some(priority))
        })
    }

    fn set_lane(&mut self, key: &Key, lane: Option<Priority>) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        if let Some(count) = entry.laned.and_then(|old| self.laned.get_mut(&old)) {
            *count = count.saturating_sub(1);
        }
        entry.laned = lane;
        if let Some(new) = lane {
            *self.laned.entry(new).or_default() += 1;
            self.lanes.entry(new).or_default().push_back(key.clone());
        }
    }
}
