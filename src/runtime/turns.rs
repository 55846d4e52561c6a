//! Whose turn it is: the runs of all controllers of this process that are about one object come one after
//! the other.
//!
//! Several controllers have the same roots, and what one writes is in the stores before its turn ends. So
//! none of them ever decides on a version that another has just replaced, and a conflict always means that
//! somebody else wrote.
//!
//! Nobody waits for a turn: who comes too early leaves word, and is told when the turn is over. So a run
//! that hangs keeps the others from its own object alone, and nobody waits in a circle.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// What is done when a turn is over.
type Word = Box<dyn FnOnce() + Send>;

/// The turns of this process: the objects at which somebody is, by uid. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<BTreeMap<String, Vec<Word>>>>);

/// A turn at an object; it ends when this is dropped.
pub(super) struct Turn {
    turns: Turns,
    uid: String,
}

impl Turns {
    /// A turn at the object with this uid. While it is another's there is none, and `over` is called when
    /// that one ends: whoever is called may ask again, and may come too early again.
    pub(super) fn take(&self, uid: &str, over: impl FnOnce() + Send + 'static) -> Option<Turn> {
        let mut turns = self.0.lock();
        if let Some(words) = turns.get_mut(uid) {
            words.push(Box::new(over));
            return None;
        }
        turns.insert(uid.to_owned(), Vec::new());
        Some(Turn {
            turns: self.clone(),
            uid: uid.to_owned(),
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let words = self.turns.0.lock().remove(&self.uid);
        for word in words.into_iter().flatten() {
            word();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn one_at_a_time_at_an_object_and_whoever_came_too_early_is_told() {
        let turns = Turns::default();
        let told = Arc::new(AtomicU32::new(0));
        let tell = || {
            let told = Arc::clone(&told);
            move || {
                told.fetch_add(1, Ordering::Relaxed);
            }
        };
        let first = turns.take("a", tell());
        assert!(first.is_some());
        assert!(turns.take("b", tell()).is_some(), "another object");
        for _ in 0..2 {
            assert!(turns.take("a", tell()).is_none(), "it is the first's turn");
        }
        assert_eq!(told.load(Ordering::Relaxed), 0);
        drop(first);
        assert_eq!(told.load(Ordering::Relaxed), 2);
        assert!(turns.take("a", tell()).is_some());
        assert!(turns.0.lock().is_empty(), "nothing is kept of what is over");
    }

    #[test]
    fn whoever_is_told_has_the_next_turn() {
        let turns = Turns::default();
        let next = Arc::new(Mutex::new(None));
        let (again, place) = (turns.clone(), Arc::clone(&next));
        let first = turns.take("a", || ());
        let early = turns.take("a", move || *place.lock() = again.take("a", || ()));
        assert!(early.is_none());
        drop(first);
        assert!(next.lock().take().is_some());
    }
}
