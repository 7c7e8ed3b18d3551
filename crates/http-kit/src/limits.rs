//! How much one client may do in a time: limits by user and by address, kept in this process.
//!
//! Every request counts for its client's address before its token is checked, which takes longer than anything else that a stranger
//! can make us do. Once the token is checked, it counts for the user, too, so that users behind one address have limits of their own.
//! An address may do ten times what a user may. Each task of a service keeps its own counts.

pub(crate) mod client;
mod clock;
mod keys;
mod policy;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, Method};
use axum::response::Response;
use clap::ValueEnum;

pub use clock::Clock;

use crate::auth::{Account, Caller};
use crate::problem::Problem;
use keys::Room;
use policy::{Kind, Limit, Policies};

/// The limits that apply to a response (draft-ietf-httpapi-ratelimit-headers-11, section 3).
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left of them (section 4).
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// How many users are told apart, and how many addresses: 100,000 keys of 17 bytes, and as much again while a table grows. They have
/// room of their own, so that a flood from many addresses does not take the users' limits away.
const MAX_KEYS_OF_EACH: usize = 50_000;
/// How often what is full again is forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(10);
/// The one route that has a limit of its own.
const REPORTS: &str = "/api/reports";

/// Whether there are limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Clients are limited.
    On,
    /// They are not.
    Off,
}

/// The limits, and what clients have used of them. One for each process, shared by all requests.
#[derive(Debug)]
pub struct RateLimits {
    users: Policies,
    /// Of moderators, admins and service accounts.
    trusted: Policies,
    addresses: Policies,
    hasher: RandomState,
}

/// Whose limit it is.
#[derive(Debug, Clone, Copy)]
enum Whose {
    User,
    Trusted,
    Address,
}

/// What is left of a limit.
#[derive(Debug, Clone, Copy)]
struct Left {
    whose: Whose,
    kind: Kind,
    requests: u32,
    /// Seconds in which there are no more.
    seconds: u64,
}

/// Counts a request: an extension of it, and what its response tells of the limits.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Arc<RateLimits>,
    address: u64,
    kind: Kind,
    left: Mutex<Left>,
}

impl RateLimits {
    /// The limits by that clock.
    pub fn new(clock: &Clock) -> Arc<Self> {
        Self::with_room(clock, MAX_KEYS_OF_EACH)
    }

    fn with_room(clock: &Clock, keys: usize) -> Arc<Self> {
        let (people, addresses) = (Room::new(keys), Room::new(keys));
        Arc::new(Self {
            users: Policies::new("", 1, &people, clock),
            trusted: Policies::new("", 10, &people, clock),
            addresses: Policies::new("address-", 10, &addresses, clock),
            hasher: RandomState::new(),
        })
    }

    /// Counts the request for the address, and gives it a [`Meter`] to count it for its user.
    ///
    /// # Errors
    /// 429 where it is one too many. The meter is for the response, then.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr, request: &mut Request) -> (Arc<Meter>, Result<(), Problem>) {
        let kind = match *request.method() {
            Method::POST if request.uri().path() == REPORTS => Kind::Reports,
            ref method if method.is_safe() => Kind::Reads,
            _ => Kind::Writes,
        };
        let address = self.hasher.hash_one(client::network(address));
        let (left, admitted) = self.take(Whose::Address, kind, address);
        let meter = Arc::new(Meter { limits: Arc::clone(self), address, kind, left: Mutex::new(left) });
        if admitted.is_ok() {
            request.extensions_mut().insert(Arc::clone(&meter));
        }
        (meter, admitted)
    }

    /// Takes one request off a limit.
    fn take(&self, whose: Whose, kind: Kind, key: u64) -> (Left, Result<(), Problem>) {
        let limit = self.limit(whose, kind);
        match limit.take(key) {
            Ok(requests) => (Left { whose, kind, requests, seconds: limit.seconds_for_one() }, Ok(())),
            Err(seconds) => (Left { whose, kind, requests: 0, seconds }, Err(limit.exceeded(seconds))),
        }
    }

    fn limit(&self, whose: Whose, kind: Kind) -> &Limit {
        let policies = match whose {
            Whose::User => &self.users,
            Whose::Trusted => &self.trusted,
            Whose::Address => &self.addresses,
        };
        policies.limit(kind)
    }

    /// Forgets who may do everything again, every ten seconds, as long as it runs.
    pub(crate) async fn upkeep(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(FORGET_EVERY);
        loop {
            ticks.tick().await;
            self.forget();
        }
    }

    fn forget(&self) {
        for policies in [&self.users, &self.trusted, &self.addresses] {
            policies.forget();
        }
    }
}

impl Meter {
    /// Counts the request for the caller, where it is one whom a token names.
    ///
    /// # Errors
    /// 429 where it is one too many.
    pub(crate) fn count(&self, caller: &Caller) -> Result<(), Problem> {
        match caller {
            Caller::User(account) => self.count_user(account, self.kind),
            Caller::Service(service) => self.take(Whose::Trusted, self.kind, self.key(("service", &service.client))),
            Caller::Anyone | Caller::Anonymous => Ok(()),
        }
    }

    /// Counts a new profile for the address and for the user.
    ///
    /// # Errors
    /// 429 where it is one too many.
    pub(crate) fn count_new_profile(&self, account: &Account) -> Result<(), Problem> {
        self.take(Whose::Address, Kind::NewProfiles, self.address)?;
        self.count_user(account, Kind::NewProfiles)
    }

    fn count_user(&self, account: &Account, kind: Kind) -> Result<(), Problem> {
        let whose = if account.moderator || account.admin { Whose::Trusted } else { Whose::User };
        self.take(whose, kind, self.key(("user", &account.id)))
    }

    /// Of 64 bits with a secret of this process: nobody can find a name that has another one's limit.
    fn key(&self, name: (&str, &str)) -> u64 {
        self.limits.hasher.hash_one(name)
    }

    fn take(&self, whose: Whose, kind: Kind, key: u64) -> Result<(), Problem> {
        let (left, admitted) = self.limits.take(whose, kind, key);
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = left;
        admitted
    }

    /// Adds `RateLimit-Policy` and `RateLimit`: the limit that the request was last counted for.
    pub(crate) fn tell(&self, response: &mut Response) {
        let Left { whose, kind, requests, seconds } = *self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = self.limits.limit(whose, kind);
        response.headers_mut().insert(RATE_LIMIT_POLICY, limit.policy());
        response.headers_mut().insert(RATE_LIMIT, limit.left(requests, seconds));
    }
}

#[cfg(test)]
mod tests;
