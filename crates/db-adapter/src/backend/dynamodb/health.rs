//! Can DynamoDB serve a table? One GetItem of an absent key, made no more often than every few seconds, however many ask.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::DynamoStore;
use crate::store::error::Error;
use crate::store::health::{Backend, Health};
use crate::store::page::Read;
use crate::store::schema::{Key, Table};

/// How long a result is used.
const FRESH: Duration = Duration::from_secs(5);

/// The last result for each table. Its lock is held while DynamoDB is asked, so that others wait for that result.
#[derive(Debug)]
pub(super) struct Cache(BTreeMap<&'static str, Mutex<Option<(Instant, Health)>>>);

impl Cache {
    pub(super) fn new(schema: &[&'static Table]) -> Self {
        Self(schema.iter().map(|table| (table.name, Mutex::default())).collect())
    }
}

impl DynamoStore {
    pub(super) async fn table_health(&self, table: &'static Table) -> Health {
        let Some(slot) = self.health.0.get(table.name) else { return self.ask(table).await };
        let mut slot = slot.lock().await;
        match &*slot {
            Some((asked, health)) if asked.elapsed() < FRESH => health.clone(),
            _ => {
                let health = self.ask(table).await;
                *slot = Some((Instant::now(), health.clone()));
                health
            }
        }
    }

    async fn ask(&self, table: &'static Table) -> Health {
        // No id: a colon is not allowed in one.
        let absent = "health:absent".to_owned();
        let key = Key { range: table.range.map(|_| absent.clone()), hash: absent };
        let read = Read { attributes: Some(Vec::new()), ..Read::default() };
        let asked = timeout(self.options.attempt_timeout, self.get_raw(table, &key, &read)).await;
        let reason = match asked.unwrap_or(Err(Error::Timeout)) {
            Ok(_) => None,
            Err(Error::Timeout) => Some("the database does not respond in time"),
            Err(Error::Throttled { .. }) => Some("the database is overloaded"),
            Err(Error::Unavailable { .. }) => Some("the database cannot be used"),
            Err(_) => Some("the database failed"),
        };
        Health { mode: Backend::DynamoDb, reachable: reason.is_none(), reason, writer_elsewhere: None }
    }
}
