//! Growing delays with jitter, as a plain function of the count and a seed.
//!
//! No random numbers: the jitter comes from a hash of the seed (an object's uid) and the count, so
//! that objects that failed together do not return together, and a simulation is the same each time.

use std::time::Duration;

/// Delays that double from `first` to `cap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
}

impl Backoff {
    /// Delays that double from `first` to `cap`.
    pub const fn new(first: Duration, cap: Duration) -> Self {
        Self { first, cap }
    }

    /// The delay after the `count`-th failure in a row, between three quarters of the doubled delay
    /// and all of it.
    pub fn delay(self, count: u32, seed: u64) -> Duration {
        let doublings = count.saturating_sub(1).min(30);
        let full = self.first.saturating_mul(1 << doublings).min(self.cap);
        let jitter = mix(seed ^ u64::from(count)) % 1024;
        // At most 1023/4096 of the delay is taken off.
        let off = u128::from(jitter) * full.as_nanos() / 4096;
        full.saturating_sub(Duration::from_nanos(u64::try_from(off).unwrap_or(u64::MAX)))
    }
}

/// A seed from a text.
pub fn seed_of(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |seed, byte| {
        (seed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Spreads the bits of a number (the finaliser of the splitmix64 generator).
const fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const B: Backoff = Backoff::new(Duration::from_millis(5), Duration::from_secs(60));

    #[test]
    fn it_starts_small_and_is_capped() {
        assert!(B.delay(1, 0) <= Duration::from_millis(5));
        assert!(B.delay(1000, 0) >= Duration::from_secs(45));
    }

    proptest! {
        #[test]
        fn delays_grow_by_at_least_half_and_stay_in_bounds(count in 1u32..200, seed: u64) {
            let (this, next) = (B.delay(count, seed), B.delay(count + 1, seed));
            prop_assert!(this <= Duration::from_secs(60));
            prop_assert!(this >= Duration::from_micros(3750));
            let capped = Duration::from_secs(45);
            prop_assert!(next >= (this * 3 / 2).min(capped), "{this:?} then {next:?}");
            prop_assert_eq!(this, B.delay(count, seed));
        }
    }
}
