//! How an actor thread is woken, ended and waited for. It rests until something is told or the time to
//! look again has come, so that nothing waits longer than it must and the end is at once.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use parking_lot::{Condvar, Mutex};

/// The bell of one actor.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: Mutex<State>,
    /// The actor waits for this.
    rung: Condvar,
    /// Those who wait for the actor do for this.
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    rung: bool,
    stopping: bool,
    /// The actor is gone.
    ended: bool,
    /// Rounds begun, and the last that showed all of what it found.
    begun: u64,
    shown: u64,
    complaint: Option<String>,
}

impl Bell {
    /// Wakes the actor.
    pub(super) fn ring(&self) {
        self.state.lock().rung = true;
        self.rung.notify_all();
    }

    /// Wakes the actor and returns when a round that began after this call has ended well.
    pub(super) fn ring_and_wait(&self, patience: Duration) -> Result<()> {
        let mut state = self.state.lock();
        let round = state.begun + 1;
        state.rung = true;
        self.rung.notify_all();
        let until = Instant::now() + patience;
        while state.shown < round {
            if state.ended {
                bail!("its actor has ended");
            }
            if self.done.wait_until(&mut state, until).timed_out() {
                let why = state.complaint.clone().unwrap_or_default();
                bail!("its actor did not do it in {} s: {why}", patience.as_secs());
            }
        }
        Ok(())
    }

    /// What went wrong in the last round.
    pub(super) fn complaint(&self) -> Option<String> {
        self.state.lock().complaint.clone()
    }

    /// Asks the actor to end.
    pub(super) fn stop(&self) {
        self.state.lock().stopping = true;
        self.rung.notify_all();
    }

    /// The actor's life: one round after the other until it is asked to end.
    pub(super) fn run(&self, look: Duration, mut round: impl FnMut() -> Result<()>) {
        let _end = End(self);
        loop {
            let number = {
                let mut state = self.state.lock();
                if state.stopping {
                    return;
                }
                state.rung = false;
                state.begun += 1;
                state.begun
            };
            let outcome = round();
            let mut state = self.state.lock();
            match outcome {
                Ok(()) => {
                    state.shown = number;
                    state.complaint = None;
                }
                Err(error) => state.complaint = Some(format!("{error:#}")),
            }
            self.done.notify_all();
            if !state.rung && !state.stopping {
                self.rung.wait_for(&mut state, look);
            }
        }
    }
}

/// However the actor ends, nobody waits for it any more.
struct End<'a>(&'a Bell);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.state.lock().ended = true;
        self.0.done.notify_all();
    }
}
