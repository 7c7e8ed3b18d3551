//! What is limited, and how much of it there is.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::HeaderValue;
use governor::clock::Clock as _;
use governor::middleware::StateInformationMiddleware;
use governor::{Quota, RateLimiter};

use super::clock::Clock;
use super::keys::{Keys, Room};
use crate::problem::Problem;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Reads,
    Writes,
    Reports,
    NewProfiles,
}

impl Kind {
    /// What a user may do: its name, how often, in which time, and how often at once.
    const fn of_a_user(self) -> (&'static str, u32, Window, u32) {
        match self {
            Self::Reads => ("reads", 300, Window::Minute, 300),
            Self::Writes => ("writes", 10, Window::Minute, 5),
            Self::Reports => ("reports", 10, Window::Hour, 10),
            Self::NewProfiles => ("new-profiles", 3, Window::Hour, 3),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Window {
    Minute,
    Hour,
}

/// The limits of one sort of clients.
#[derive(Debug)]
pub(super) struct Policies {
    reads: Limit,
    writes: Limit,
    reports: Limit,
    new_profiles: Limit,
}

impl Policies {
    /// So many times what a user may do. The prefix is that of the policies' names.
    pub(super) fn new(prefix: &str, times: u32, room: &Room, clock: &Clock) -> Self {
        let limit = |kind| Limit::new(prefix, kind, times, room, clock);
        Self {
            reads: limit(Kind::Reads),
            writes: limit(Kind::Writes),
            reports: limit(Kind::Reports),
            new_profiles: limit(Kind::NewProfiles),
        }
    }

    pub(super) fn limit(&self, kind: Kind) -> &Limit {
        match kind {
            Kind::Reads => &self.reads,
            Kind::Writes => &self.writes,
            Kind::Reports => &self.reports,
            Kind::NewProfiles => &self.new_profiles,
        }
    }

    pub(super) fn forget(&self) {
        for limit in [&self.reads, &self.writes, &self.reports, &self.new_profiles] {
            limit.buckets.retain_recent();
        }
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> usize {
        [&self.reads, &self.writes, &self.reports, &self.new_profiles].map(|limit| limit.buckets.len()).iter().sum()
    }
}

/// One limit: a bucket for each client, which is full at first, and is filled steadily.
#[derive(Debug)]
pub(super) struct Limit {
    buckets: RateLimiter<u64, Keys, Clock, StateInformationMiddleware>,
    /// The name, in quotes.
    name: String,
    policy: HeaderValue,
    /// Of what there are too many.
    allowed: String,
    seconds_for_one: u64,
}

impl Limit {
    fn new(prefix: &str, kind: Kind, times: u32, room: &Room, clock: &Clock) -> Self {
        let (name, often, window, at_once) = kind.of_a_user();
        let times = |number: u32| NonZeroU32::new(number * times).unwrap_or(NonZeroU32::MIN);
        let (quota, seconds, word) = match window {
            Window::Minute => (Quota::per_minute(times(often)), 60, "minute"),
            Window::Hour => (Quota::per_hour(times(often)), 3600, "hour"),
        };
        let quota = quota.allow_burst(times(at_once));
        let whose = if prefix.is_empty() { "your account" } else { "your address" };
        let allowed = format!("{} a {word}, {} at once, for {whose}", times(often), times(at_once));
        let policy = format!("\"{prefix}{name}\";q={};w={seconds}", times(often));
        Self {
            buckets: RateLimiter::new(quota, Keys::new(room.clone()), clock.clone()),
            name: format!("\"{prefix}{name}\""),
            policy: HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("")),
            allowed: format!("too many {}: {allowed}", name.replace('-', " ")),
            seconds_for_one: whole_seconds(quota.replenish_interval()),
        }
    }

    /// Takes one request out of the client's bucket: how many there still are, or in how many seconds there is one.
    pub(super) fn take(&self, key: u64) -> Result<u32, u64> {
        match self.buckets.check_key(&key) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(until) => Err(whole_seconds(until.wait_time_from(self.buckets.clock().now()))),
        }
    }

    /// Seconds in which an empty bucket has one request again.
    pub(super) fn seconds_for_one(&self) -> u64 {
        self.seconds_for_one
    }

    /// 429, for a client that should wait so many seconds.
    pub(super) fn exceeded(&self, seconds: u64) -> Problem {
        Problem::rate_limited(format!("{}; try again in {seconds} s", self.allowed), seconds)
    }

    /// The value of `RateLimit-Policy`.
    pub(super) fn policy(&self) -> HeaderValue {
        self.policy.clone()
    }

    /// The value of `RateLimit`.
    pub(super) fn left(&self, requests: u32, seconds: u64) -> HeaderValue {
        let value = format!("{};r={requests};t={seconds}", self.name);
        HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static(""))
    }
}

/// Rounded up, so that the wait is over then; at least 1.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}
