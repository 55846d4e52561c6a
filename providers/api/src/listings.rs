//! One listing of an account for everybody who asks about something in it.
//!
//! Decides when a kept listing is good enough and when the cloud is asked again. It never gives away a
//! listing that is older than the asker allows or than a change that the asker made
//! ([`Listings::outdate`]), never asks twice at the same time for the same account, and never keeps an
//! error. A thousand clusters of an account that are looked at once an hour cost one listing in the
//! time that they allow it to be old (`docs/spec/21 §11`, `docs/spec/24 §5`).

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    clock::{Clock, Monotonic},
    error::Error,
};

/// A listing and when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// When the cloud was asked; what happened since is not in it.
    pub at: Timestamp,
    /// What the cloud said.
    pub items: T,
}

/// Listings by account (and region, or whatever else a listing is of).
pub struct Listings<K, T> {
    clock: Arc<dyn Clock>,
    started: Monotonic,
    most: usize,
    questions: AtomicU64,
    entries: Mutex<BTreeMap<K, Arc<Entry<T>>>>,
}

struct Entry<T> {
    marks: Mutex<Marks>,
    /// Held while the cloud is asked, so that the others wait for the answer.
    last: tokio::sync::Mutex<Last<T>>,
}

impl<T> Default for Entry<T> {
    fn default() -> Self {
        Self {
            marks: Mutex::default(),
            last: tokio::sync::Mutex::new(Last {
                good: None,
                failed: None,
            }),
        }
    }
}

impl<T> Entry<T> {
    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What may be looked at while the cloud is being asked.
#[derive(Default)]
struct Marks {
    /// Answers so far, good or bad.
    answers: u64,
    /// Changes so far.
    changes: u64,
    /// Number of the latest question.
    used: u64,
}

struct Last<T> {
    good: Option<Good<T>>,
    /// Number of the answer, and what it was.
    failed: Option<(u64, Error)>,
}

struct Good<T> {
    began: Duration,
    /// Changes that were known when it began.
    changes: u64,
    listed: Arc<Listed<T>>,
}

impl<K: Ord + Clone, T> Listings<K, T> {
    /// No listings, and never more than `most` of them: beyond that the one goes that was not asked for
    /// longest.
    pub fn new(clock: Arc<dyn Clock>, most: usize) -> Self {
        Self {
            clock,
            started: Monotonic::start(),
            most: most.max(1),
            questions: AtomicU64::new(0),
            entries: Mutex::default(),
        }
    }

    /// The listing of `key`, begun at most `max_age` ago; `ask` makes it if there is none. Whoever asks
    /// while it is being made waits for it, and shares its failure; who asks after a failure tries
    /// anew. If the one who makes it gives up (is dropped), the next one who waits makes it.
    pub async fn within<Asked>(
        &self,
        key: &K,
        max_age: Duration,
        ask: impl FnOnce() -> Asked,
    ) -> Result<Arc<Listed<T>>, Error>
    where
        Asked: Future<Output = Result<T, Error>>,
    {
        let entry = self.entry(key);
        let known = entry.marks().answers;
        let mut last = entry.last.lock().await;
        let changes = entry.marks().changes;
        let began = self.started.elapsed();
        if let Some(good) = &last.good
            && good.changes >= changes
            && began.saturating_sub(good.began) <= max_age
        {
            return Ok(Arc::clone(&good.listed));
        }
        if let Some((number, error)) = &last.failed
            && *number > known
        {
            return Err(error.clone());
        }
        let at = self.clock.now();
        let result = ask().await;
        let number = {
            let mut marks = entry.marks();
            marks.answers += 1;
            marks.answers
        };
        match result {
            Ok(items) => {
                let listed = Arc::new(Listed { at, items });
                last.failed = None;
                last.good = Some(Good {
                    began,
                    changes,
                    listed: Arc::clone(&listed),
                });
                Ok(listed)
            }
            Err(error) => {
                last.failed = Some((number, error.clone()));
                Err(error)
            }
        }
    }

    /// Something that the listing of `key` shows was changed: listings that began before this, even
    /// those that are being made, are given only to whoever asked before.
    pub fn outdate(&self, key: &K) {
        if let Some(entry) = self.entries().get(key) {
            entry.marks().changes += 1;
        }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<K, Arc<Entry<T>>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, key: &K) -> Arc<Entry<T>> {
        let number = self.questions.fetch_add(1, Ordering::Relaxed);
        let mut entries = self.entries();
        if !entries.contains_key(key) && entries.len() >= self.most {
            let idle = entries
                .iter()
                .min_by_key(|(_, entry)| entry.marks().used)
                .map(|(key, _)| key.clone());
            if let Some(idle) = idle {
                entries.remove(&idle);
            }
        }
        let entry = entries.entry(key.clone()).or_default();
        entry.marks().used = number;
        Arc::clone(entry)
    }
}
