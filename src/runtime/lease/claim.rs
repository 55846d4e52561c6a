//! Whether this process may act, and the proof that it has stopped.
//!
//! A claim runs out by itself; it is renewed before that or never again: one that has run out ends for
//! everybody who acts on it. Whoever acts holds a [`Reign`] and lets go of it only when nothing of its
//! work is under way any more, so that the campaign knows when this process may lead anew.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::runtime::Clock;

/// Whether this process may act. Clones share it.
#[derive(Clone)]
pub struct Claim {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    /// Until when, on the clock; `None`: there is no claim. The clock is read under this lock, so that
    /// all agree on whether a claim had run out before it was renewed.
    until: Mutex<Option<Duration>>,
    held: watch::Sender<bool>,
    /// Reigns that have not ended.
    acting: watch::Sender<usize>,
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claim").finish_non_exhaustive()
    }
}

impl Claim {
    /// No claim yet.
    pub fn none(clock: Clock) -> Self {
        let inner = Inner {
            clock,
            until: Mutex::new(None),
            held: watch::Sender::new(false),
            acting: watch::Sender::new(0),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// A claim for ever: for a process that is alone by construction, and for tests.
    pub fn granted(clock: Clock) -> Self {
        let claim = Self::none(clock);
        claim.grant();
        claim
    }

    /// Grants the claim for ever.
    pub fn grant(&self) {
        self.take(Duration::MAX);
    }

    /// Whether this process may act now.
    pub fn is_current(&self) -> bool {
        self.left(*self.inner.until.lock()).is_some()
    }

    /// Waits until this process may act. Whoever acts keeps what is returned until nothing of its work
    /// is under way.
    pub async fn reign(&self) -> Reign {
        let mut held = self.inner.held.subscribe();
        loop {
            // The sender lives in the claim that is borrowed here.
            let _ = held.wait_for(|held| *held).await;
            {
                let until = self.inner.until.lock();
                if self.left(*until).is_some() {
                    self.inner.acting.send_modify(|acting| *acting += 1);
                    return Reign {
                        claim: self.clone(),
                    };
                }
            }
            // It has run out, and the campaign has yet to say so.
            let _ = held.changed().await;
        }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// A claim is won. Nothing may be acting on an earlier one.
    pub(super) fn take(&self, until: Duration) {
        *self.inner.until.lock() = Some(until);
        self.inner.held.send_replace(true);
    }

    /// Prolongs the claim, unless it has run out: then it stays ended, because somebody may have acted
    /// on that already. Tells until when it holds.
    pub(super) fn renew(&self, until: Duration) -> Option<Duration> {
        let mut held = self.inner.until.lock();
        let longer = self.left(*held)?.max(until);
        *held = Some(longer);
        Some(longer)
    }

    pub(super) fn end(&self) {
        *self.inner.until.lock() = None;
        self.inner.held.send_replace(false);
    }

    /// Waits until nothing acts on this claim any more.
    pub(super) async fn idle(&self) {
        let mut acting = self.inner.acting.subscribe();
        // The sender lives in the claim that is borrowed here.
        let _ = acting.wait_for(|acting| *acting == 0).await;
    }

    /// Until when, if that is in the future.
    fn left(&self, until: Option<Duration>) -> Option<Duration> {
        until.filter(|until| self.inner.clock.elapsed() < *until)
    }
}

/// The right to act, and the word that its holder does.
#[derive(Debug)]
pub struct Reign {
    claim: Claim,
}

impl Reign {
    /// Waits until this process may not act any more: at the very moment when the claim runs out,
    /// whatever becomes of the requests that should have renewed it.
    pub async fn over(&self) {
        let inner = &self.claim.inner;
        let mut held = inner.held.subscribe();
        loop {
            let Some(until) = self.claim.left(*inner.until.lock()) else {
                return;
            };
            tokio::select! {
                biased;
                // The sender lives in the claim.
                _ = held.wait_for(|held| !*held) => return,
                () = inner.clock.sleep_until(until) => {}
            }
        }
    }
}

impl Drop for Reign {
    fn drop(&mut self) {
        let acting = &self.claim.inner.acting;
        acting.send_modify(|acting| *acting = acting.saturating_sub(1));
    }
}
