//! What an operator does: stop writing everywhere, and let one Region begin.
//!
//! Both change the lease only where nobody else has since it was read, so that of several operators one succeeds. Between the two
//! everybody waits for [`wait`]: by then every process has stopped, also one that never heard of it.

use std::time::Duration;

use uuid::Uuid;

use super::HOLD;
use crate::store::Store;
use crate::store::check::Finding;
use crate::store::error::{Error, Result};
use crate::store::grant::Clock;
use crate::store::lease::{Control, Lease};
use crate::store::schema::Table;
use crate::store::time::timestamp;

/// For what is between the last check of a write and its request.
const MARGIN: Duration = Duration::from_secs(1);

/// Why an operator's command changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is no lease.
    #[error("there is no lease in FENCE_TABLE; make one with `forum region init`")]
    NoLease,
    /// Somebody else was faster.
    #[error("another operator has changed the lease meanwhile; look with `forum region status`, then decide again")]
    Raced,
    /// The control store's own reason.
    #[error(transparent)]
    Store(#[from] Error),
}

/// How long to wait between [`stop`] and [`begin`]: until every permission to write has ended, and every write that was sent before
/// that, where a write takes no longer than `operation_timeout`.
pub fn wait(operation_timeout: Duration) -> Duration {
    HOLD + operation_timeout + MARGIN
}

/// Makes the first lease, for that Region. Returns whether there was none.
///
/// # Errors
/// The control store cannot be used.
pub async fn init(control: &dyn Control, clock: &dyn Clock, region: &str) -> Result<bool> {
    control.replace(None, &lease(clock, Some(region), 1, Duration::ZERO)).await
}

/// From now on no Region gets permission to write. [`wait`] later, by a clock that never jumps, none has it.
///
/// # Errors
/// [`Refused`]: nothing has changed, unless it is [`Error::Timeout`] or [`Error::Backend`].
pub async fn stop(control: &dyn Control, clock: &dyn Clock, operation_timeout: Duration) -> std::result::Result<Lease, Refused> {
    let found = control.read().await?.ok_or(Refused::NoLease)?;
    stop_from(control, clock, &found, operation_timeout).await
}

/// As [`stop`], where the lease is still as it was when it was read.
///
/// # Errors
/// As [`stop`].
pub async fn stop_from(
    control: &dyn Control,
    clock: &dyn Clock,
    found: &Lease,
    operation_timeout: Duration,
) -> std::result::Result<Lease, Refused> {
    let stopped = lease(clock, None, found.epoch + 1, wait(operation_timeout));
    replace(control, found, stopped).await
}

/// Lets the Region write. `stopped` is what [`stop`] returned; [`wait`] MUST have passed since, and [`repair_claims`] be done.
///
/// # Errors
/// As [`stop`].
pub async fn begin(
    control: &dyn Control,
    clock: &dyn Clock,
    stopped: &Lease,
    region: &str,
) -> std::result::Result<Lease, Refused> {
    let begun = lease(clock, Some(region), stopped.epoch + 1, Duration::ZERO);
    replace(control, stopped, begun).await
}

/// What [`repair_claims`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Claims that were missing and were added.
    pub added: usize,
    /// Claims whose item has not arrived. They are kept: it may still arrive, and nobody else may take the value until then.
    pub without_item: usize,
    /// What only a person can repair: values of two items, and broken items.
    pub left: usize,
}

/// Gives every item of the tables the claims on its unique values: items and claims are replicated apart, and one may have arrived
/// without the other. Costs a read of each table that has unique values. The store must be one that is not fenced.
///
/// # Errors
/// Those of the store; what was repaired before stays.
pub async fn repair_claims(store: &dyn Store, tables: &[&'static Table]) -> Result<Repaired> {
    let mut repaired = Repaired::default();
    for table in tables.iter().filter(|table| !table.unique.is_empty()) {
        for finding in store.check(table).await? {
            match finding {
                Finding::MissingClaim { .. } => match store.repair(table, &finding).await {
                    Ok(()) => repaired.added += 1,
                    Err(Error::Conflict { .. }) => repaired.left += 1,
                    Err(error) => return Err(error),
                },
                Finding::DanglingClaim { .. } => repaired.without_item += 1,
                Finding::StolenClaim { .. } | Finding::MendableItem { .. } | Finding::BrokenItem { .. } => repaired.left += 1,
            }
        }
    }
    Ok(repaired)
}

fn lease(clock: &dyn Clock, region: Option<&str>, epoch: u64, wait: Duration) -> Lease {
    let now = clock.time_of_day();
    Lease {
        region: region.map(str::to_owned),
        epoch,
        change: Uuid::new_v4().to_string(),
        since: timestamp(now),
        not_before: timestamp(now + wait),
        renewed: timestamp(now),
    }
}

async fn replace(control: &dyn Control, found: &Lease, new: Lease) -> std::result::Result<Lease, Refused> {
    if control.replace(Some(found.epoch), &new).await? { Ok(new) } else { Err(Refused::Raced) }
}
