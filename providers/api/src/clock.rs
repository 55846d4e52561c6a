//! Where timestamps come from. Timestamps are only for records (receipts, progress); every wait is
//! tokio time.

use std::time::Duration;

use jiff::Timestamp;

/// A source of timestamps.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

impl<T: Clock + ?Sized> Clock for std::sync::Arc<T> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// Time that has passed on tokio's clock since a start, paused clocks included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Monotonic(tokio::time::Instant);

impl Monotonic {
    pub(crate) fn start() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "durations only; this module owns them"
        )]
        Self(tokio::time::Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
