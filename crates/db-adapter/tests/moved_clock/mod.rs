//! A clock that a test moves.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use db_adapter::Clock;

/// Shows a time of its own, which only [`MovedClock::advance`] changes.
#[derive(Debug)]
pub(crate) struct MovedClock(AtomicI64);

impl MovedClock {
    /// The time at first, in seconds since 1970.
    pub(crate) const START: i64 = 1_800_000_000;

    pub(crate) fn new() -> Self {
        Self(AtomicI64::new(Self::START))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn time_of_day(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0.load(Ordering::SeqCst), 0).unwrap()
    }
}
