//! Whose turn it is: the runs of all controllers of this process that are about one object come one after
//! the other.
//!
//! Several controllers have the same roots, and what one writes is in the stores before its turn ends. So
//! none of them ever decides on a version that another has just replaced, and a conflict always means that
//! somebody else wrote. Nobody holds more than one turn, so nobody waits in a circle; nothing here decides
//! who comes next but the order in which they asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// The turns of this process. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns(Arc<Mutex<BTreeMap<String, Arc<Turn<()>>>>>);

/// A turn at an object; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    turns: Turns,
    uid: String,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits for a turn at the object with this uid.
    pub(super) async fn take(&self, uid: &str) -> Taken {
        let turn = Arc::clone(self.0.lock().entry(uid.to_owned()).or_default());
        // From here on the entry goes away with whoever is last, also if nobody waits for this any more.
        let mut taken = Taken {
            turns: self.clone(),
            uid: uid.to_owned(),
            held: None,
        };
        taken.held = Some(turn.lock_owned().await);
        taken
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.held = None;
        let mut turns = self.turns.0.lock();
        // Whoever waits holds the entry too.
        if turns
            .get(&self.uid)
            .is_some_and(|turn| Arc::strong_count(turn) == 1)
        {
            turns.remove(&self.uid);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use futures::poll;

    use super::*;

    #[tokio::test]
    async fn one_at_a_time_at_an_object_and_others_go_on() {
        let turns = Turns::default();
        let first = turns.take("a").await;
        let mut second = Box::pin(turns.take("a"));
        assert!(poll!(&mut second).is_pending(), "the first has not ended");
        assert!(turns.take("b").now_or_never().is_some(), "another object");
        drop(first);
        assert!(poll!(&mut second).is_ready());
    }

    #[tokio::test]
    async fn nothing_is_kept_of_turns_that_are_over_or_were_not_waited_for() {
        let turns = Turns::default();
        let first = turns.take("a").await;
        let mut second = Box::pin(turns.take("a"));
        assert!(poll!(&mut second).is_pending());
        drop(second);
        assert_eq!(turns.0.lock().len(), 1, "the first goes on");
        drop(first);
        assert!(turns.0.lock().is_empty());
    }

    #[tokio::test]
    async fn a_turn_that_was_given_up_while_waiting_leaves_the_order_intact() {
        let turns = Turns::default();
        let first = turns.take("a").await;
        let mut second = Box::pin(turns.take("a"));
        let mut third = Box::pin(turns.take("a"));
        assert!(poll!(&mut second).is_pending());
        assert!(poll!(&mut third).is_pending());
        drop(first);
        drop(second);
        assert!(poll!(&mut third).is_ready());
    }
}
