//! A store whose eventual reads are late, as no emulator's are.

use std::path::Path;

use db_adapter::forum::TABLES;
use db_adapter::json::{JsonOptions, JsonStore};
use db_adapter::layer::StoreLayer;
use db_adapter::{Error, Item, Key, Page, Query, Read, Result, Scan, Store, Table, Tag, Update};
use futures::StreamExt;
use futures::stream::BoxStream;
use http_kit::SharedStore;

/// Eventual reads, indexes and scans miss each item's last write, until [`Lagging::catch_up`]; strong reads see everything. An item
/// that was loaded is seen as it was loaded.
#[derive(Debug)]
pub struct Lagging {
    store: SharedStore,
    /// What eventual reads see.
    seen: JsonStore,
}

impl Lagging {
    /// In front of that store, which is empty; keeps what is seen in that directory.
    pub async fn new(store: SharedStore, dir: &Path) -> Self {
        let seen = JsonStore::open(&TABLES, JsonOptions::new(dir)).await.expect("a store");
        Self { store, seen }
    }

    /// Eventual reads see everything written so far.
    pub async fn catch_up(&self) {
        for table in TABLES {
            // What is gone goes first, as it may have unique values that others have by now.
            for from in [&self.seen as &dyn Store, &*self.store] {
                let page = from.scan(table, &Scan::new(1000)).await.expect("a page");
                assert!(page.next.is_none(), "too many items for a test");
                for item in page.items {
                    self.see(table, &key_of(table, &item).expect("a key")).await.expect("an item");
                }
            }
        }
    }

    /// Eventual reads see the item as it is.
    async fn see(&self, table: &'static Table, key: &Key) -> Result<()> {
        let Some(key) = self.full_key(table, key).await? else { return Ok(()) };
        let seen = match self.store.get(table, &key, &Read::STRONG).await? {
            Some(item) => self.seen.load(table, futures::stream::iter([Ok(item)]).boxed()).await.map(drop),
            None => self.seen.delete(table, &key, None).await,
        };
        match seen {
            // What the other item with this unique value has become is not seen yet.
            Err(Error::NotFound | Error::Conflict { .. }) => Ok(()),
            seen => seen,
        }
    }

    async fn full_key(&self, table: &'static Table, key: &Key) -> Result<Option<Key>> {
        if table.range.is_none() || key.range.is_some() {
            return Ok(Some(key.clone()));
        }
        self.store.get(table, key, &Read::STRONG).await?.map(|item| key_of(table, &item)).transpose()
    }
}

fn key_of(table: &'static Table, item: &Item) -> Result<Key> {
    table.key_of(&item.attributes()?)
}

impl StoreLayer for Lagging {
    fn inner(&self) -> &dyn Store {
        &*self.store
    }

    async fn get(&self, table: &'static Table, key: &Key, read: &Read) -> Result<Option<Item>> {
        if read.strong { self.store.get(table, key, read).await } else { self.seen.get(table, key, read).await }
    }

    async fn get_many(&self, keys: &[(&'static Table, Key)], read: &Read) -> Result<Vec<Option<Item>>> {
        if read.strong { self.store.get_many(keys, read).await } else { self.seen.get_many(keys, read).await }
    }

    async fn query(&self, table: &'static Table, query: &Query) -> Result<Page> {
        self.seen.query(table, query).await
    }

    async fn scan(&self, table: &'static Table, scan: &Scan) -> Result<Page> {
        self.seen.scan(table, scan).await
    }

    async fn update(&self, table: &'static Table, key: &Key, update: &Update) -> Result<Item> {
        self.see(table, key).await?;
        self.store.update(table, key, update).await
    }

    async fn delete(&self, table: &'static Table, key: &Key, expected: Option<&Tag>) -> Result<()> {
        self.see(table, key).await?;
        self.store.delete(table, key, expected).await
    }

    async fn load(&self, table: &'static Table, items: BoxStream<'_, Result<Item>>) -> Result<u64> {
        let items: Vec<_> = items.collect::<Vec<_>>().await.into_iter().collect::<Result<_>>()?;
        let again = || futures::stream::iter(items.clone().into_iter().map(Ok)).boxed();
        self.store.load(table, again()).await?;
        self.seen.load(table, again()).await
    }
}
