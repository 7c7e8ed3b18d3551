//! A process that reads the lease.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::DateTime;
use metrics::gauge;

use super::{HOLD, PERIOD, takeover};
use crate::store::error::Result;
use crate::store::grant::{Clock, Grant};
use crate::store::lease::{Control, Lease};
use crate::store::time::timestamp;

/// How old a heartbeat may be before a process of the Region that writes renews it.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Reads the lease and opens or closes the [`Grant`]. Sets the gauges `writes_allowed` (1 or 0) and `fence_heartbeat_age_seconds`:
/// the time for which this process has not seen the heartbeat change.
#[derive(Debug)]
pub struct Watch {
    own: String,
    control: Arc<dyn Control>,
    clock: Arc<dyn Clock>,
    grant: Arc<Grant>,
    longest_wait: Duration,
    seen: Mutex<Option<Seen>>,
    /// When the lease was last asked for.
    asked: Mutex<Option<Duration>>,
    asking: tokio::sync::Mutex<()>,
}

/// The lease as it was last read.
#[derive(Debug)]
struct Seen {
    lease: Lease,
    /// When this process may write under this epoch.
    allowed: Duration,
    /// When the heartbeat was first seen as it is.
    beat: Duration,
}

impl Watch {
    /// For a process in the Region `own`, of which a write takes no longer than `operation_timeout`.
    pub fn new(own: &str, control: Arc<dyn Control>, clock: Arc<dyn Clock>, operation_timeout: Duration) -> Self {
        let grant = Arc::new(Grant::new(clock.clone()));
        let longest_wait = takeover::wait(operation_timeout);
        Self {
            own: own.to_owned(),
            control,
            clock,
            grant,
            longest_wait,
            seen: Mutex::default(),
            asked: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    /// The own Region.
    pub fn region(&self) -> &str {
        &self.own
    }

    /// What this opens and closes.
    pub fn grant(&self) -> Arc<Grant> {
        self.grant.clone()
    }

    /// Reads the lease if nobody has for longer than he should: after the process was stopped, as functions are between requests.
    /// Returns at once where another one does so.
    pub(super) async fn catch_up(&self) {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.is_none_or(|asked| self.clock.elapsed().saturating_sub(asked) > 2 * PERIOD)
            && let Ok(_asking) = self.asking.try_lock()
        {
            self.refresh().await;
        }
    }

    /// Reads the lease once. Where that fails, the grant ends when its time is over; the reason is logged.
    pub async fn refresh(&self) {
        let started = self.clock.elapsed();
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(started);
        match self.control.read().await {
            Ok(Some(lease)) => {
                if self.believe(&lease, started) && self.is_due(&lease) {
                    let renewed = self.control.renew(&lease, &timestamp(self.clock.time_of_day())).await;
                    self.log(&renewed, "the heartbeat cannot be renewed");
                }
            }
            Ok(None) => {
                tracing::warn!("there is no lease in FENCE_TABLE: nobody writes; make one with `forum region init`");
                self.grant.close(None);
            }
            failed => self.log(&failed.map(drop), "the lease cannot be read; writing ends when the last read is 10 s old"),
        }
        gauge!("writes_allowed").set(f64::from(u8::from(self.grant.is_open())));
        if let Some(seen) = &*self.seen.lock().unwrap_or_else(PoisonError::into_inner) {
            gauge!("fence_heartbeat_age_seconds").set(self.clock.elapsed().saturating_sub(seen.beat).as_secs_f64());
        }
    }

    /// Opens or closes the grant; returns whether the lease is the newest one.
    fn believe(&self, lease: &Lease, started: Duration) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (allowed, beat) = match &*seen {
            Some(seen) if lease.epoch < seen.lease.epoch => {
                let (old, new) = (lease.epoch, seen.lease.epoch);
                tracing::error!(old, new, "the lease is older than one that was read before: it is not believed");
                return false;
            }
            Some(seen) if lease.change == seen.lease.change => {
                (seen.allowed, if lease.renewed == seen.lease.renewed { seen.beat } else { started })
            }
            _ => {
                tracing::info!(region = lease.region, epoch = lease.epoch, "the Region that writes, now");
                (started + self.wait(lease), started)
            }
        };
        match lease.region.as_deref() {
            Some(region) if region == self.own && started >= allowed => self.grant.open_until(started + HOLD, region),
            region => self.grant.close(region),
        }
        *seen = Some(Seen { lease: lease.clone(), allowed, beat });
        true
    }

    /// How long this process must wait until the lease begins, by its own time of day. No longer than whoever took writing over waited:
    /// a clock that is wrong stops writes for so long, and no longer.
    fn wait(&self, lease: &Lease) -> Duration {
        let begins = DateTime::parse_from_rfc3339(&lease.not_before);
        let wait = begins.map(|begins| (begins.to_utc() - self.clock.time_of_day()).to_std().unwrap_or_default());
        wait.unwrap_or_default().min(self.longest_wait)
    }

    fn is_due(&self, lease: &Lease) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stands = seen.as_ref().map(|seen| self.clock.elapsed().saturating_sub(seen.beat));
        lease.region.as_deref() == Some(&self.own) && stands.is_some_and(|stands| stands >= HEARTBEAT)
    }

    fn log(&self, done: &Result<()>, what: &str) {
        if let Err(error) = done {
            tracing::warn!(error = %error, writes_allowed = self.grant.is_open(), "{what}");
        }
    }
}
