//! Which ways to clusters are kept: one per cluster, as long as it is used, and not too many.
//!
//! A plain structure; what such a way is does not matter here.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;

/// Unused for longer than this is dropped: longer than the distance of two routine looks, so that a fleet
/// at rest reads no kubeconfig twice.
const IDLE: Duration = Duration::from_mins(20);

/// Most that are kept. Each holds a key and the authorities, some kilobytes, and while its cluster is asked
/// often its clients, some ten more. Beyond it the longest unused one is made anew when it is needed, which
/// costs a read of a Secret.
const MOST: usize = 1_000;

/// Ways by the uid of their cluster. `B` is what a way was made from.
pub(super) struct Pool<B, W> {
    kept: Mutex<BTreeMap<String, Kept<B, W>>>,
}

struct Kept<B, W> {
    basis: B,
    way: W,
    used: Duration,
}

impl<B: PartialEq, W: Clone> Pool<B, W> {
    pub(super) fn new() -> Self {
        Self {
            kept: Mutex::default(),
        }
    }

    /// The way to a cluster, if it was made from this.
    pub(super) fn get(&self, uid: &str, basis: &B, now: Duration) -> Option<W> {
        let mut all = self.kept.lock();
        let found = all.get_mut(uid).filter(|kept| kept.basis == *basis)?;
        found.used = now;
        Some(found.way.clone())
    }

    /// Keeps a way instead of the cluster's older one, and drops what is unused or too much.
    pub(super) fn put(&self, uid: &str, basis: B, way: W, now: Duration) {
        let mut all = self.kept.lock();
        all.retain(|_, kept| now.saturating_sub(kept.used) <= IDLE);
        all.insert(
            uid.to_owned(),
            Kept {
                basis,
                way,
                used: now,
            },
        );
        if all.len() > MOST {
            let oldest = all.iter().min_by_key(|(_, kept)| kept.used);
            if let Some(oldest) = oldest.map(|(uid, _)| uid.clone()) {
                all.remove(&oldest);
            }
        }
    }

    /// Drops what is unused.
    pub(super) fn sweep(&self, now: Duration) {
        let mut all = self.kept.lock();
        all.retain(|_, kept| now.saturating_sub(kept.used) <= IDLE);
    }

    /// Drops a cluster's.
    pub(super) fn forget(&self, uid: &str) {
        self.kept.lock().remove(uid);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.kept.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_connection_serves_as_long_as_what_it_was_made_from_stands() {
        let pool = Pool::new();
        pool.put("u", "secret/1", 'a', at(0));
        assert_eq!(pool.get("u", &"secret/1", at(1)), Some('a'));
        assert_eq!(pool.get("u", &"secret/2", at(1)), None);
        pool.put("u", "secret/2", 'b', at(2));
        assert_eq!(pool.get("u", &"secret/2", at(3)), Some('b'));
        assert_eq!(pool.len(), 1);
        pool.forget("u");
        assert_eq!(pool.get("u", &"secret/2", at(4)), None);
    }

    #[test]
    fn what_is_unused_goes_and_there_are_never_too_many() {
        let pool = Pool::new();
        pool.put("idle", (), 0_usize, at(0));
        pool.put("used", (), 1, at(0));
        assert!(pool.get("used", &(), at(1_000)).is_some());
        pool.sweep(at(1_500));
        assert_eq!(pool.get("idle", &(), at(1_500)), None);
        assert_eq!(pool.get("used", &(), at(1_500)), Some(1));
        for number in 0..=MOST {
            pool.put(&format!("u-{number:04}"), (), number, at(1_600));
        }
        assert_eq!(pool.len(), MOST);
        assert_eq!(pool.get("used", &(), at(1_600)), None, "the longest unused");
    }
}
