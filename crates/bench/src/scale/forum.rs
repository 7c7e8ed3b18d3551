//! How large a forum is, and how much is asked of it. Every figure here is an assumption, and docs/scale.md says so.

use super::popularity::Popularity;

/// The share of users who come on a day.
pub(super) const ACTIVE: f64 = 0.1;
/// Requests of each of them on that day.
pub(super) const REQUESTS: f64 = 50.0;
/// How many times the average the busiest hour has.
pub(super) const PEAK: f64 = 3.0;
/// Threads of each user.
pub(super) const THREADS: f64 = 0.5;
/// Days of which posts are kept when a month is priced.
pub(super) const DAYS_KEPT: f64 = 365.0;
/// The exponent of the popularity of threads, and that of how much each user does.
pub(super) const SKEW_OF_THREADS: f64 = 1.0;
pub(super) const SKEW_OF_USERS: f64 = 0.5;
/// The sizes on the map.
pub(super) const SIZES: [f64; 9] = [1e4, 1e5, 1e6, 3e6, 1e7, 2e7, 3e7, 5e7, 1e8];

/// A forum of so many users.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forum {
    pub(super) users: f64,
}

impl Forum {
    /// Requests a second over the whole day.
    pub(super) fn average(&self) -> f64 {
        self.users * ACTIVE * REQUESTS / 86_400.0
    }

    /// Requests a second in the busiest hour.
    pub(super) fn peak(&self) -> f64 {
        self.average() * PEAK
    }

    /// The forum whose busiest hour has so many requests a second.
    pub(super) fn of_peak(requests: f64) -> Self {
        Self { users: requests / PEAK * 86_400.0 / ACTIVE / REQUESTS }
    }

    pub(super) fn threads(&self) -> Popularity {
        Popularity::new((self.users * THREADS) as u64, SKEW_OF_THREADS)
    }

    pub(super) fn people(&self) -> Popularity {
        Popularity::new(self.users as u64, SKEW_OF_USERS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forum_is_found_by_its_peak() {
        let forum = Forum { users: 2e6 };
        assert!((Forum::of_peak(forum.peak()).users - 2e6).abs() < 1e-3);
    }
}
