//! The clocks that a grant is measured with.

use std::fmt::Debug;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// The time, as tests can move it.
pub trait Clock: Debug + Send + Sync {
    /// The time since a fixed moment. It never goes back, whatever is done to the time of day, and goes on while the process or the
    /// machine is stopped.
    fn elapsed(&self) -> Duration;

    /// The time of day, which may be wrong.
    fn time_of_day(&self) -> DateTime<Utc>;

    /// The time of day in whole seconds since 1970, which ends of items are compared with.
    fn seconds(&self) -> f64 {
        self.time_of_day().timestamp() as f64
    }
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// `CLOCK_BOOTTIME` on Linux, as `CLOCK_MONOTONIC` stands still while the machine is suspended: see
    /// <https://man7.org/linux/man-pages/man2/clock_gettime.2.html>.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn elapsed(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn elapsed(&self) -> Duration {
        static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
        START.elapsed()
    }

    fn time_of_day(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
