//! The fence: of several Regions that hold the same data, one writes at a time.
//!
//! Which one is told by a [`crate::Lease`], one item in a [`crate::Control`] store that every Region reads strongly. Each process reads it every
//! [`PERIOD`], and may write for [`HOLD`] from the start of a read that named its Region. Who takes writing over waits until every such
//! permission has ended: see [`takeover`].
//!
//! - `watch`: the process that reads it. `takeover`: the operator's part. `pulse`: how late the data of the Region that writes is here.

mod pulse;
pub mod takeover;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;

pub use pulse::Pulse;
pub use watch::Watch;

use super::StoreLayer;
use crate::store::Store;
use crate::store::check::Finding;
use crate::store::error::Result;
use crate::store::grant::Grant;
use crate::store::health::Health;
use crate::store::item::{Attributes, Item, Tag};
use crate::store::schema::{Key, Table};
use crate::store::update::Update;

/// How often a process reads the lease.
pub const PERIOD: Duration = Duration::from_secs(2);
/// How long a process may write from the start of a read that allowed it.
pub const HOLD: Duration = Duration::from_secs(10);

/// A [`Store`] that writes only while its Region does: otherwise a write is [`crate::Error::NotWriting`]. Reads are passed on; health
/// also names the other Region that writes. A write costs no request more.
#[derive(Debug)]
pub struct FencedStore {
    store: Arc<dyn Store>,
    grant: Arc<Grant>,
    own: String,
    watch: Option<Arc<Watch>>,
    pulse: Option<Arc<Pulse>>,
    /// Read the lease and the heartbeats, in the background as long as this lives.
    readers: Vec<tokio::task::JoinHandle<()>>,
}

impl FencedStore {
    /// In front of that store in the Region `own`, for as long as the grant is open. Somebody else must renew it.
    pub fn new(store: Arc<dyn Store>, grant: Arc<Grant>, own: &str) -> Self {
        Self { store, grant, own: own.to_owned(), watch: None, pulse: None, readers: Vec::new() }
    }

    /// In front of that store. The lease is read once before this returns, and every [`PERIOD`] after that; the heartbeats now and then.
    pub async fn watching(store: Arc<dyn Store>, watch: Watch, pulse: Option<Pulse>) -> Self {
        watch.refresh().await;
        let (watch, pulse) = (Arc::new(watch), pulse.map(Arc::new));
        let watching = Arc::clone(&watch);
        let mut readers = vec![tokio::spawn(async move {
            loop {
                tokio::time::sleep(PERIOD).await;
                watching.refresh().await;
            }
        })];
        readers.extend(pulse.clone().map(|pulse| {
            tokio::spawn(async move {
                loop {
                    pulse.refresh().await;
                    tokio::time::sleep(pulse::PERIOD).await;
                }
            })
        }));
        Self { store, grant: watch.grant(), own: watch.region().to_owned(), watch: Some(watch), pulse, readers }
    }

    async fn check(&self) -> Result<()> {
        if !self.grant.is_open() {
            self.catch_up().await;
        }
        self.grant.check()
    }

    async fn catch_up(&self) {
        if let Some(watch) = &self.watch {
            watch.catch_up().await;
        }
    }
}

impl Drop for FencedStore {
    fn drop(&mut self) {
        self.readers.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

impl StoreLayer for FencedStore {
    fn inner(&self) -> &dyn Store {
        &*self.store
    }

    async fn create(&self, table: &'static Table, attributes: Attributes) -> Result<Item> {
        self.check().await?;
        self.store.create(table, attributes).await
    }

    async fn update(&self, table: &'static Table, key: &Key, update: &Update) -> Result<Item> {
        self.check().await?;
        self.store.update(table, key, update).await
    }

    async fn delete(&self, table: &'static Table, key: &Key, expected: Option<&Tag>) -> Result<()> {
        self.check().await?;
        self.store.delete(table, key, expected).await
    }

    /// A load may take hours: every item of the stream is checked.
    async fn load(&self, table: &'static Table, items: BoxStream<'_, Result<Item>>) -> Result<u64> {
        self.check().await?;
        let allowed = items.map(|item| item.and_then(|item| self.grant.check().map(|()| item)));
        self.store.load(table, allowed.boxed()).await
    }

    async fn repair(&self, table: &'static Table, finding: &Finding) -> Result<()> {
        self.check().await?;
        self.store.repair(table, finding).await
    }

    async fn health(&self, table: &'static Table) -> Health {
        self.catch_up().await;
        if let Some(pulse) = &self.pulse {
            pulse.catch_up().await;
        }
        let writer_elsewhere = self.grant.writer().filter(|writer| *writer != self.own);
        Health { writer_elsewhere, ..self.store.health(table).await }
    }

    async fn close(&self) -> Result<()> {
        self.readers.iter().for_each(tokio::task::JoinHandle::abort);
        self.store.close().await
    }
}
