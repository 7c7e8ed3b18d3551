//! Whether a person has a profile and may write.

use std::time::Duration;

use chrono::Utc;
use db_adapter::forum::{timestamp, user};
use db_adapter::{Item, Key, Read, Store, StoreExt};
use moka::future::Cache;

use super::Account;
use crate::problem::Problem;

/// When a user's suspension ends, as times are stored.
pub(crate) const SUSPENDED_UNTIL: &str = "suspendedUntil";
/// Why a user is suspended.
pub(crate) const SUSPENDED_REASON: &str = "suspendedReason";
/// How late a suspension may be noticed.
const REMEMBERED: Duration = Duration::from_secs(10);
/// How many people are remembered.
const MAX_REMEMBERED: u64 = 100_000;

/// What is remembered of the people who write.
#[derive(Debug)]
pub(super) struct Standings(Cache<String, Suspension>);

/// Until when a user is suspended, and why; no longer than now where it is not.
#[derive(Debug, Clone, Default)]
struct Suspension {
    until: Option<String>,
    reason: Option<String>,
}

impl Standings {
    pub(super) fn new() -> Self {
        Self(Cache::builder().max_capacity(MAX_REMEMBERED).time_to_live(REMEMBERED).build())
    }

    pub(super) async fn check(&self, store: &dyn Store, account: &Account) -> Result<(), Problem> {
        if let Some(suspension) = self.0.get(&account.id).await {
            return suspension.check();
        }
        let attributes = Some(vec![SUSPENDED_UNTIL.to_owned(), SUSPENDED_REASON.to_owned()]);
        let read = Read { attributes, bypass_cache: true, ..Read::default() };
        let profile = store.find(&user::TABLE, &Key::hash(&account.id), &read).await?;
        // Who has none yet may have one in a second.
        let suspension = Suspension::of(&profile.ok_or_else(Problem::profile_missing)?);
        self.0.insert(account.id.clone(), suspension.clone()).await;
        suspension.check()
    }
}

impl Suspension {
    fn of(profile: &Item) -> Self {
        Self { until: profile.text(SUSPENDED_UNTIL), reason: profile.text(SUSPENDED_REASON) }
    }

    fn check(&self) -> Result<(), Problem> {
        match &self.until {
            Some(until) if *until > timestamp(Utc::now()) => {
                let reason = self.reason.as_deref().unwrap_or("no reason was given");
                Err(Problem::forbidden("suspended", format!("you are suspended until {until}: {reason}")))
            }
            _ => Ok(()),
        }
    }
}

/// Checks that the owner of the profile is not suspended.
///
/// # Errors
/// 403 `suspended`.
pub(crate) fn check_profile(profile: &Item) -> Result<(), Problem> {
    Suspension::of(profile).check()
}
