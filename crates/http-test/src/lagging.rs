//! A store whose eventual reads are late, as no emulator's are.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use db_adapter::{Attributes, Finding, Health, Item, Key, Page, Query, Read, Result, Scan, Store, Table, Tag, Update};
use futures::stream::BoxStream;
use http_kit::SharedStore;

type Place = (&'static str, String);

/// Eventual reads of single items miss each item's last write, for good; strong reads, indexes and scans see everything. An item
/// that was loaded is seen as it was loaded.
#[derive(Debug)]
pub struct Lagging {
    store: SharedStore,
    before: Mutex<HashMap<Place, Option<Item>>>,
}

impl Lagging {
    /// In front of that store.
    pub fn new(store: SharedStore) -> Self {
        Self { store, before: Mutex::default() }
    }

    fn late(&self, table: &'static Table, key: &Key, read: &Read) -> Option<Option<Item>> {
        let before = self.before.lock().expect("no test panics in here");
        if read.strong { None } else { before.get(&(table.name, key.hash.clone())).cloned() }
    }

    async fn keep(&self, table: &'static Table, key: &Key) -> Result<()> {
        let item = self.store.get(table, key, &Read::STRONG).await?;
        self.before.lock().expect("no test panics in here").insert((table.name, key.hash.clone()), item);
        Ok(())
    }
}

#[async_trait]
impl Store for Lagging {
    async fn get(&self, table: &'static Table, key: &Key, read: &Read) -> Result<Option<Item>> {
        match self.late(table, key, read) {
            Some(item) => Ok(item),
            None => self.store.get(table, key, read).await,
        }
    }

    async fn get_many(&self, keys: &[(&'static Table, Key)], read: &Read) -> Result<Vec<Option<Item>>> {
        let now = self.store.get_many(keys, read).await?;
        let seen = keys.iter().zip(now).map(|((table, key), item)| self.late(table, key, read).unwrap_or(item));
        Ok(seen.collect())
    }

    async fn query(&self, table: &'static Table, query: &Query) -> Result<Page> {
        self.store.query(table, query).await
    }

    async fn scan(&self, table: &'static Table, scan: &Scan) -> Result<Page> {
        self.store.scan(table, scan).await
    }

    async fn create(&self, table: &'static Table, attributes: Attributes) -> Result<Item> {
        let item = self.store.create(table, attributes).await?;
        let id = item.text(table.hash).unwrap_or_default();
        self.before.lock().expect("no test panics in here").insert((table.name, id), None);
        Ok(item)
    }

    async fn update(&self, table: &'static Table, key: &Key, update: &Update) -> Result<Item> {
        self.keep(table, key).await?;
        self.store.update(table, key, update).await
    }

    async fn delete(&self, table: &'static Table, key: &Key, expected: Option<&Tag>) -> Result<()> {
        self.keep(table, key).await?;
        self.store.delete(table, key, expected).await
    }

    async fn load(&self, table: &'static Table, items: BoxStream<'_, Result<Item>>) -> Result<u64> {
        self.store.load(table, items).await
    }

    async fn check(&self, table: &'static Table) -> Result<Vec<Finding>> {
        self.store.check(table).await
    }

    async fn repair(&self, table: &'static Table, finding: &Finding) -> Result<()> {
        self.store.repair(table, finding).await
    }

    async fn health(&self, table: &'static Table) -> Health {
        self.store.health(table).await
    }

    async fn close(&self) -> Result<()> {
        self.store.close().await
    }
}
