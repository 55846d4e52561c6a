//! The one clock. Time is asked for here and passed in everywhere else.
//!
//! Two kinds: the real one, and a virtual one that starts at a given moment and advances with tokio's
//! timers, so that under `tokio::time::pause` a simulation of years takes milliseconds and is the same
//! each time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A source of time. Clones share it.
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
    /// The wall time at `start` of a virtual clock; the real one asks the system.
    base: Option<Timestamp>,
}

impl Clock {
    /// The system's clock.
    #[expect(clippy::disallowed_methods, reason = "this module owns the clock")]
    pub fn real() -> Self {
        Self {
            start: Instant::now(),
            base: None,
        }
    }

    /// A clock that shows `base` now and advances with tokio's time.
    #[expect(clippy::disallowed_methods, reason = "this module owns the clock")]
    pub fn starting_at(base: Timestamp) -> Self {
        Self {
            start: Instant::now(),
            base: Some(base),
        }
    }

    /// The time of day, for what is written down.
    #[expect(clippy::disallowed_methods, reason = "this module owns the clock")]
    pub fn now(&self) -> Timestamp {
        match self.base {
            None => Timestamp::now(),
            Some(base) => after(base, self.elapsed()),
        }
    }

    /// Time since the clock was made: never jumps, so delays and deadlines are judged by it.
    #[expect(clippy::disallowed_methods, reason = "this module owns the clock")]
    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(self.start)
    }

    /// How long it is from now until `when`; zero if it has passed.
    pub fn until(&self, when: Timestamp) -> Duration {
        when.duration_since(self.now())
            .try_into()
            .unwrap_or(Duration::ZERO)
    }

    /// Waits until [`Clock::elapsed`] has reached `mark`.
    pub async fn sleep_until(&self, mark: Duration) {
        // Beyond what the timer can express is as good as never.
        match self.start.checked_add(mark) {
            Some(instant) => tokio::time::sleep_until(instant).await,
            None => std::future::pending().await,
        }
    }

    /// Waits for a duration.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// For the deprovision engine.
impl skep_providers::Clock for Clock {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }
}

/// `moment` plus `duration`, held at the end of time.
pub fn after(moment: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| moment.checked_add(duration).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_virtual_clock_advances_with_the_timers_alone() {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        clock.sleep(Duration::from_hours(24)).await;
        assert_eq!(
            clock.now(),
            after(Timestamp::UNIX_EPOCH, Duration::from_hours(24))
        );
        assert_eq!(
            clock.until(after(clock.now(), Duration::from_secs(5))),
            Duration::from_secs(5)
        );
        assert_eq!(clock.until(Timestamp::UNIX_EPOCH), Duration::ZERO);
    }

    #[test]
    fn the_end_of_time_is_not_passed() {
        assert_eq!(
            after(Timestamp::MAX, Duration::from_secs(1)),
            Timestamp::MAX
        );
        assert_eq!(after(Timestamp::UNIX_EPOCH, Duration::MAX), Timestamp::MAX);
    }
}
