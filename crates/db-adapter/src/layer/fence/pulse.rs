//! How late the data of other Regions is here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::DateTime;
use futures::future::join_all;
use metrics::gauge;

use crate::store::error::Result;
use crate::store::grant::{Clock, Grant};
use crate::store::heartbeat::Heartbeats;
use crate::store::schema::Table;
use crate::store::time::timestamp;

/// How often a process reads the heartbeats of its tables.
pub(super) const PERIOD: Duration = Duration::from_secs(5);
/// How old a heartbeat may be before a process of the Region that writes makes a new one.
const BEAT: Duration = Duration::from_secs(10);

/// Makes heartbeats in tables that are replicated while its process may write, and reads those that have arrived. Sets the gauge
/// `replication_age_seconds` of each table: how old the last one is, by this machine's time of day. Where replication stands still, it grows.
#[derive(Debug)]
pub struct Pulse {
    store: Arc<dyn Heartbeats>,
    tables: Vec<&'static Table>,
    grant: Arc<Grant>,
    clock: Arc<dyn Clock>,
    /// When the heartbeats were last asked for.
    asked: Mutex<Option<Duration>>,
    asking: tokio::sync::Mutex<()>,
}

impl Pulse {
    /// Of these tables, whose heartbeats the process makes while the grant is open.
    pub fn new(store: Arc<dyn Heartbeats>, tables: Vec<&'static Table>, grant: Arc<Grant>, clock: Arc<dyn Clock>) -> Self {
        Self { store, tables, grant, clock, asked: Mutex::default(), asking: tokio::sync::Mutex::default() }
    }

    /// As [`Pulse::refresh`], if that has not been done for longer than it should: functions stand still between requests. Returns at
    /// once where it is being done.
    pub(super) async fn catch_up(&self) {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.is_none_or(|asked| self.clock.elapsed().saturating_sub(asked) > 2 * PERIOD)
            && let Ok(_asking) = self.asking.try_lock()
        {
            self.refresh_all().await;
        }
    }

    /// Reads the heartbeats once, and makes those that are due. Returns the age of the oldest one; `None` where there is none. What fails is
    /// logged, and tried again the next time.
    pub async fn refresh(&self) -> Option<Duration> {
        let _asking = self.asking.lock().await;
        self.refresh_all().await
    }

    async fn refresh_all(&self) -> Option<Duration> {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.clock.elapsed());
        let ages = join_all(self.tables.iter().map(|table| async move {
            self.refresh_one(table).await.unwrap_or_else(|error| {
                tracing::warn!(table = table.name, %error, "the heartbeat of the table cannot be read or made");
                None
            })
        }));
        ages.await.into_iter().flatten().max()
    }

    async fn refresh_one(&self, table: &'static Table) -> Result<Option<Duration>> {
        let now = self.clock.time_of_day();
        let last = self.store.last_beat(table).await?;
        let at = last.and_then(|last| DateTime::parse_from_rfc3339(&last).ok());
        // One of the future is of a clock that is ahead: it is no news, and is replaced.
        let age = at.map(|at| (now - at.to_utc()).to_std());
        if !matches!(age, Some(Ok(age)) if age < BEAT) && self.grant.is_open() {
            self.store.beat(table, &timestamp(now)).await?;
        }
        let age = age.map(std::result::Result::unwrap_or_default);
        if let Some(age) = age {
            gauge!("replication_age_seconds", "table" => table.name).set(age.as_secs_f64());
        }
        Ok(age)
    }
}
