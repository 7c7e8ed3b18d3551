//! What a cache in the memory of the tasks leaves of the reads.

use super::popularity::{Group, Popularity};

/// The cache of every task of a service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cache {
    /// For how long each keeps what it has read; 0 is off.
    pub(super) seconds: f64,
    /// How many tasks, each with a cache of its own.
    pub(super) tasks: f64,
}

impl Cache {
    pub(super) const OFF: Self = Self { seconds: 0.0, tasks: 1.0 };

    /// Reads a second that reach the store, of so many of one thing at random times: after each, a task has it for the time.
    pub(super) fn misses(self, rate: f64) -> f64 {
        rate / (1.0 + rate / self.tasks * self.seconds)
    }

    /// The share of the time in which a task has what is read so often.
    fn presence(self, rate: f64) -> f64 {
        1.0 - self.misses(rate) / rate.max(f64::MIN_POSITIVE)
    }

    /// Reads a second that reach the store, of so many that are distributed so.
    pub(super) fn all_misses(self, popularity: &Popularity, rate: f64) -> f64 {
        popularity.groups().iter().map(|Group { count, share }| count * self.misses(rate * share)).sum()
    }

    /// How many things a task has in memory, of those that are read so often together.
    pub(super) fn kept(self, popularity: &Popularity, rate: f64) -> f64 {
        popularity.groups().iter().map(|Group { count, share }| count * self.presence(rate * share)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_always_asked_for_is_read_once_in_the_time_by_each_task() {
        let cache = Cache { seconds: 60.0, tasks: 3.0 };
        assert!((cache.misses(1e9) - 3.0 / 60.0).abs() < 1e-6);
        assert!((cache.misses(1e-9) - 1e-9).abs() < 1e-15);
        assert_eq!(Cache::OFF.misses(7.0), 7.0);
    }

    /// A thing that a task asks for once in the time, on average, is there half of the time.
    #[test]
    fn half_is_missed_of_what_comes_once_in_the_time() {
        let (one, cache) = (Popularity::new(1, 1.0), Cache { seconds: 60.0, tasks: 1.0 });
        assert!((cache.all_misses(&one, 1.0 / 60.0) - 0.5 / 60.0).abs() < 1e-12);
        assert!((cache.kept(&one, 1.0 / 60.0) - 0.5).abs() < 1e-12);
    }
}
