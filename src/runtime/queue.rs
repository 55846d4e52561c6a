//! The queue of one controller: which object is looked at next.
//!
//! One entry per object, however often it is rung for; one run per object at a time; a ring during a
//! run means one more run. Nothing runs before its hold ends, whatever rings (a person's request ends
//! a soft hold). Three priorities, none of which starves. While following, rings only mark.
//!
//! [`State`] decides, given the time; [`Queue`] wakes who waits for it.

mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use self::state::State;
pub use self::state::{Hold, Priority, Taken};
use super::metrics::QueueMetrics;
use super::{Clock, Key};

/// The queue of one controller. Clones share it.
#[derive(Clone)]
pub struct Queue {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    woken: Notify,
    clock: Clock,
    metrics: QueueMetrics,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

impl Queue {
    /// An empty queue that follows: nothing is handed out before [`Queue::lead`].
    pub(super) fn new(clock: Clock, metrics: QueueMetrics) -> Self {
        let inner = Inner {
            state: Mutex::default(),
            woken: Notify::new(),
            clock,
            metrics,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Asks for a look at an object as soon as its hold allows.
    pub fn ring(&self, key: &Key, priority: Priority) {
        self.change(|state, now| state.ring(key, priority, now));
    }

    /// Asks for a look at an object at a time, or earlier when something rings.
    pub(super) fn ring_at(&self, key: &Key, when: Duration) {
        self.change(|state, _| state.ring_at(key, when));
    }

    /// From now on hands objects out: this process leads.
    pub(super) fn lead(&self) {
        self.change(|state, _| state.lead());
    }

    /// From now on only marks. What was marked is forgotten, since a leader begins with every root; of
    /// what was handed out nothing may be under way.
    pub(super) fn follow(&self) {
        self.change(|state, _| *state = State::default());
    }

    /// The next object to look at; waits until there is one.
    pub(super) async fn take(&self) -> Taken {
        loop {
            // Registered before the state is read, so that a ring in between is not missed.
            let woken = self.inner.woken.notified();
            let now = self.inner.clock.elapsed();
            let (taken, wake) = {
                let mut state = self.inner.state.lock();
                let taken = state.take(now);
                self.inner.metrics.depth(state.depth());
                (taken, state.next_wake())
            };
            if let Some(taken) = taken {
                return taken;
            }
            match wake {
                None => woken.await,
                Some(wake) => tokio::select! {
                    () = woken => {}
                    () = self.inner.clock.sleep_until(wake) => {}
                },
            }
        }
    }

    /// The run of a taken object begins: it waits no longer.
    pub(super) fn begun(&self, taken: &Taken) {
        let waited = self.inner.clock.elapsed().saturating_sub(taken.since);
        self.inner.metrics.waited(taken.priority, waited);
    }

    /// A taken object was not run: it is handed out again, as if it had not been.
    pub(super) fn put_back(&self, taken: &Taken) {
        self.change(|state, now| state.put_back(taken, now));
    }

    /// The run of a taken object has ended; it is not looked at again before the hold ends.
    pub(super) fn done(&self, key: &Key, hold: Option<Hold>) {
        self.change(|state, now| state.done(key, hold, now));
    }

    /// The object is gone: nothing about it is kept, except that a running run may end.
    pub(super) fn forget(&self, key: &Key) {
        self.change(|state, _| state.forget(key));
    }

    fn change(&self, change: impl FnOnce(&mut State, Duration)) {
        let now = self.inner.clock.elapsed();
        {
            let mut state = self.inner.state.lock();
            change(&mut state, now);
            self.inner.metrics.depth(state.depth());
        }
        self.inner.woken.notify_waiters();
    }
}
