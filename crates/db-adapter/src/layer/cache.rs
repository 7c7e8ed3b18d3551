//! A read cache in front of any [`Store`]: what DAX is elsewhere, inside the process.
//!
//! It serves eventual reads of single items and the first pages of lists; concurrent ones are one read of the store behind.
//! Strong reads, those that [bypass it](Read::bypass_cache), and [`Store::get_many`] pass it.
//!
//! What is written through it is seen by every later read through it, as without it. What others write is seen when an entry's time
//! is over, or by a strong read, which also renews the entry.

mod generation;
mod lookup;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::BoxStream;
use metrics::counter;
use moka::Expiry;
use moka::future::Cache;

use crate::store::Store;
use crate::store::check::Finding;
use crate::store::error::{Error, Result};
use crate::store::grant::{Clock, SystemClock};
use crate::store::item::{Attributes, Item, Tag};
use crate::store::page::{Page, Query, Read, Scan, project};
use crate::store::schema::{Key, Table, is_over};
use crate::store::update::Update;

use generation::{Generations, Scope};
use lookup::{EntryKey, Lookup};

/// So long after a write DynamoDB's indexes and eventual reads may not show it. What is read within that time is kept no longer than
/// that, else one late page would be returned for an entry's whole time.
const SETTLING: Duration = Duration::from_secs(1);

/// Bytes that an entry takes beside its texts, about: moka's own, and ours.
const ENTRY_BYTES: usize = 320;
/// Bytes that an item takes beside its JSON.
const ITEM_BYTES: usize = 32;

/// A [`Store`] that remembers what another one returned. Counts in `store_cache_hits_total` and `store_cache_misses_total`, by
/// table and kind (`item`, `query`, `scan`); what passes it is in neither.
pub struct CachedStore {
    store: Arc<dyn Store>,
    ttl: Duration,
    entries: Cache<EntryKey, Entry>,
    generations: Generations,
    clock: Arc<dyn Clock>,
}

/// What a read returned. An item's is a page of one or none.
#[derive(Debug, Clone)]
struct Entry {
    page: Arc<Page>,
    /// The generation of the lookup before it was read. Valid for as long as the lookup is of that generation.
    generation: u64,
    expires: Instant,
    /// When the first of the items is past its time, if one ends.
    end: Option<f64>,
}

impl Entry {
    fn new(table: &'static Table, page: Page, generation: u64, expires: Instant) -> Self {
        let end = match table.ttl {
            Some(_) => page.items.iter().filter_map(|item| table.end_in(&item.members())).reduce(f64::min),
            None => None,
        };
        Self { page: Arc::new(page), generation, expires, end }
    }
}

struct AtItsTime;

impl CachedStore {
    /// In front of that store: a result is used for no longer than `ttl`, and all of them take no more than about `max_bytes` of memory.
    pub fn new(store: Arc<dyn Store>, ttl: Duration, max_bytes: u64) -> Self {
        let entries = Cache::builder().max_capacity(max_bytes).weigher(weight).expire_after(AtItsTime).build();
        Self { store, ttl, entries, generations: Generations::new(), clock: Arc::new(SystemClock) }
    }

    /// With the clock that tells which items are past their time.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// May the entry be used for a read of that generation or later?
    fn holds(&self, entry: &Entry, asked: u64) -> bool {
        entry.generation >= asked && !is_over(entry.end, self.clock.seconds())
    }

    async fn look_up(&self, lookup: Lookup<'_>) -> Result<Arc<Page>> {
        let labels = [("table", lookup.table().name), ("kind", lookup.kind())];
        let key = lookup.entry_key();
        let asked = self.generations.seen(&lookup.scopes()).generation;
        loop {
            match self.entries.get(&key).await {
                Some(entry) if self.holds(&entry, asked) => {
                    counter!("store_cache_hits_total", &labels).increment(1);
                    return Ok(entry.page);
                }
                Some(_) => self.entries.invalidate(&key).await,
                None => {}
            }
            let read = async {
                counter!("store_cache_misses_total", &labels).increment(1);
                self.read(lookup).await
            };
            let entry = self.entries.entry_by_ref(&key).or_try_insert_with(read).await.map_err(shared)?;
            // An older one is of a read that began before a write which ended before we were asked.
            if self.holds(entry.value(), asked) {
                if !entry.is_fresh() {
                    counter!("store_cache_hits_total", &labels).increment(1);
                }
                return Ok(entry.into_value().page);
            }
        }
    }

    async fn read(&self, lookup: Lookup<'_>) -> Result<Entry> {
        let seen = self.generations.seen(&lookup.scopes());
        let now = Instant::now();
        let page = lookup.read(&*self.store).await?;
        let expires = now + lifetime(self.ttl, now, seen.written);
        Ok(Entry::new(lookup.table(), page, seen.generation, expires))
    }

    async fn remember(&self, table: &'static Table, key: &Key, item: Option<Item>, generation: u64, expires: Instant) {
        let page = Page { items: item.into_iter().collect(), next: None };
        self.entries.insert(Lookup::Item(table, key).entry_key(), Entry::new(table, page, generation, expires)).await;
    }

    /// A strong read: of the whole item, which costs the same, so that it can be remembered.
    async fn get_strongly(&self, table: &'static Table, key: &Key) -> Result<Option<Item>> {
        let [scope, all] = Lookup::Item(table, key).scopes();
        let (since, whole) = (self.generations.of(&scope), self.generations.of(&all));
        let expires = Instant::now() + self.ttl;
        let found = self.store.get(table, key, &Read::STRONG).await?;
        if self.generations.advance(&scope, since) {
            self.remember(table, key, found.clone(), since + 1 + whole, expires).await;
        }
        Ok(found)
    }

    fn begin<'a>(&'a self, table: &'static Table, key: &'a Key) -> Write<'a> {
        let [scope, all] = Lookup::Item(table, key).scopes();
        let (since, whole) = (self.generations.of(&scope), self.generations.of(&all));
        Write { cache: self, table, key: Some(key), since, whole, began: Instant::now(), ended: false }
    }

    /// A write of many items.
    fn begin_bulk(&self, table: &'static Table) -> Write<'_> {
        Write { cache: self, table, key: None, since: 0, whole: 0, began: Instant::now(), ended: false }
    }
}

/// A write on its way. However it ends, also when its future is dropped, what it may have changed is forgotten.
struct Write<'a> {
    cache: &'a CachedStore,
    table: &'static Table,
    /// `None`: any item.
    key: Option<&'a Key>,
    /// The generations of the item's two scopes when it began.
    since: u64,
    whole: u64,
    began: Instant,
    ended: bool,
}

impl Write<'_> {
    /// The item is now this one; `moved` tells of which indexes it may have left a partition.
    async fn stored(mut self, item: &Item, moved: impl Fn(&str) -> bool) {
        self.ended = true;
        let alone = self.forget_item();
        for index in self.table.indexes {
            match item.text(index.hash) {
                Some(partition) if !moved(index.hash) => {
                    let constant = self.table.constant.as_ref();
                    let constant = constant.filter(|known| known.attribute == index.hash && known.has(&partition));
                    // Lists are asked for by the value that all partitions share.
                    for partition in [&partition].into_iter().chain(constant.map(|known| known.value.to_owned()).as_ref()) {
                        self.cache.generations.write(&Scope::Partition { table: self.table.name, index: index.name, partition });
                    }
                }
                None if !moved(index.hash) => {}
                _ => self.forget_index(index.name),
            }
        }
        if let Some(key) = self.key.filter(|_| alone) {
            self.renew_first(key, item).await;
            self.remember(key, Some(item.clone())).await;
        }
    }

    /// The item is gone.
    async fn deleted(mut self) {
        self.ended = true;
        let alone = self.forget_item();
        self.forget_indexes();
        if let Some(key) = self.key.filter(|_| alone) {
            self.remember(key, None).await;
        }
    }

    async fn remember(&self, key: &Key, item: Option<Item>) {
        let (generation, expires) = (self.since + 1 + self.whole, self.began + self.cache.ttl);
        self.cache.remember(self.table, key, item, generation, expires).await;
    }

    /// Where the item was known to be the one with the smallest sort half, it still is. For no longer than that was known, as others
    /// may add a smaller one.
    async fn renew_first(&self, key: &Key, item: &Item) {
        let Some(range) = self.table.range else { return };
        let first = Key::hash(&key.hash);
        let known = self.cache.entries.get(&Lookup::Item(self.table, &first).entry_key()).await;
        let known = known.filter(|entry| entry.generation == self.since + self.whole);
        if let Some(Entry { page, expires, .. }) = known
            && page.items.first().and_then(|old| old.text(range)) == key.range
        {
            let generation = self.since + 1 + self.whole;
            self.cache.remember(self.table, &first, Some(item.clone()), generation, expires).await;
        }
    }

    /// Returns whether nobody else wrote or renewed it since this write began: then it is known how the item is now.
    fn forget_item(&self) -> bool {
        let (generations, table) = (&self.cache.generations, self.table.name);
        generations.write(&Scope::Scan { table });
        match self.key {
            Some(key) => generations.write(&Scope::Item { table, hash: &key.hash }) == self.since,
            None => {
                generations.write(&Scope::Items { table });
                false
            }
        }
    }

    fn forget_index(&self, index: &'static str) {
        self.cache.generations.write(&Scope::Index { table: self.table.name, index });
    }

    fn forget_indexes(&self) {
        self.table.indexes.iter().for_each(|index| self.forget_index(index.name));
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.forget_item();
            self.forget_indexes();
        }
    }
}

impl super::store_layer::StoreLayer for CachedStore {
    fn inner(&self) -> &dyn Store {
        &*self.store
    }

    async fn get(&self, table: &'static Table, key: &Key, read: &Read) -> Result<Option<Item>> {
        let found = match read {
            Read { strong: true, .. } => self.get_strongly(table, key).await?,
            Read { bypass_cache: true, .. } => return self.store.get(table, key, read).await,
            _ => self.look_up(Lookup::Item(table, key)).await?.items.first().cloned(),
        };
        Ok(found.map(|item| project(&item, table, None, read.attributes.as_deref())))
    }

    async fn query(&self, table: &'static Table, query: &Query) -> Result<Page> {
        match query.bypass_cache || query.cursor.is_some() {
            true => self.store.query(table, query).await,
            false => self.look_up(Lookup::Query(table, query)).await.map(Arc::unwrap_or_clone),
        }
    }

    async fn scan(&self, table: &'static Table, scan: &Scan) -> Result<Page> {
        match scan.segment.is_some() || scan.cursor.is_some() {
            true => self.store.scan(table, scan).await,
            false => self.look_up(Lookup::Scan(table, scan)).await.map(Arc::unwrap_or_clone),
        }
    }

    async fn create(&self, table: &'static Table, attributes: Attributes) -> Result<Item> {
        let Ok(key) = table.key_of(&attributes) else { return self.store.create(table, attributes).await };
        let write = self.begin(table, &key);
        let item = self.store.create(table, attributes).await?;
        write.stored(&item, |_| false).await;
        Ok(item)
    }

    async fn update(&self, table: &'static Table, key: &Key, update: &Update) -> Result<Item> {
        let write = self.begin(table, key);
        let item = self.store.update(table, key, update).await?;
        write.stored(&item, |attribute| update.changes(attribute)).await;
        Ok(item)
    }

    async fn delete(&self, table: &'static Table, key: &Key, expected: Option<&Tag>) -> Result<()> {
        let write = self.begin(table, key);
        self.store.delete(table, key, expected).await?;
        write.deleted().await;
        Ok(())
    }

    async fn load(&self, table: &'static Table, items: BoxStream<'_, Result<Item>>) -> Result<u64> {
        let _write = self.begin_bulk(table);
        self.store.load(table, items).await
    }

    async fn repair(&self, table: &'static Table, finding: &Finding) -> Result<()> {
        let _write = self.begin_bulk(table);
        self.store.repair(table, finding).await
    }
}

impl fmt::Debug for CachedStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CachedStore").field("store", &self.store).field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

impl Expiry<EntryKey, Entry> for AtItsTime {
    fn expire_after_create(&self, _: &EntryKey, entry: &Entry, now: Instant) -> Option<Duration> {
        Some(entry.expires.saturating_duration_since(now))
    }

    fn expire_after_update(&self, _: &EntryKey, entry: &Entry, now: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(entry.expires.saturating_duration_since(now))
    }
}

/// How long a result is used that was read at `now`, where the last write of what it depends on was then.
fn lifetime(ttl: Duration, now: Instant, written: Option<Instant>) -> Duration {
    let settled = written.is_none_or(|written| now.saturating_duration_since(written) >= SETTLING);
    if settled { ttl } else { ttl.min(SETTLING) }
}

fn weight(key: &EntryKey, entry: &Entry) -> u32 {
    let items: usize = entry.page.items.iter().map(|item| item.as_json().len() + ITEM_BYTES).sum();
    u32::try_from(ENTRY_BYTES + key.bytes() + items).unwrap_or(u32::MAX)
}

/// The error of a read that several wait for, for each of them.
fn shared(error: Arc<Error>) -> Error {
    Arc::try_unwrap(error).unwrap_or_else(|error| match &*error {
        Error::Conflict { rule } => Error::Conflict { rule: *rule },
        Error::NotFound => Error::NotFound,
        Error::ConditionFailed { attribute } => Error::ConditionFailed { attribute: attribute.clone() },
        Error::VersionMismatch => Error::VersionMismatch,
        Error::InvalidCursor { reason } => Error::InvalidCursor { reason },
        Error::InvalidItem { attribute, reason } => Error::invalid_item(attribute, reason),
        Error::TooLarge => Error::TooLarge,
        Error::Corrupt { place, reason } => Error::corrupt(place, reason),
        Error::Throttled { retry_after } => Error::Throttled { retry_after: *retry_after },
        Error::Timeout => Error::Timeout,
        Error::Unavailable { reason } => Error::unavailable(reason),
        Error::NotWriting { writer } => Error::NotWriting { writer: writer.clone() },
        Error::Backend(_) => Error::backend(error),
    })
}
