//! Comparing a table of the store with another source by streaming, in bounded memory.
//!
//! Both sides are read once. Keys are hashed into many buckets, and count and checksum of each bucket are kept. Only if buckets
//! differ, both sides are read again, and the keys of a limited number of these buckets are held in memory at a time. Every difference
//! is confirmed by strong reads before it is reported, so that writes and replication in the meantime are not reported.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use anyhow::{Context, Result};
use db_adapter::{Item, Key, Read, Table};
use serde::{Serialize, Serializer};

use crate::data::checksum::{Checksum, Sum, digest};
use crate::data::source::{Scanner, Source};
use crate::run::progress::Progress;

/// Number of buckets of a table. With this many, a few differences in a million items lead to a few thousand keys.
const BUCKETS: usize = 1 << 16;
/// Maximum number of keys that are held in memory at a time.
const MAX_KEYS_IN_MEMORY: u64 = if cfg!(test) { 50 } else { 200_000 };
/// Maximum number of keys of one strong read.
const READ_KEYS: usize = 100;

/// Count and checksum of every bucket of a table.
#[derive(Debug)]
pub(crate) struct Buckets(Vec<Checksum>);

impl Default for Buckets {
    fn default() -> Self {
        Self(vec![Checksum::default(); BUCKETS])
    }
}

impl Buckets {
    /// Adds an item.
    pub(crate) fn add(&mut self, key: &Key, digest: Sum) {
        if let Some(bucket) = self.0.get_mut(bucket_of(key)) {
            bucket.add_digest(digest);
        }
    }

    /// Count and checksum of the whole table.
    pub(crate) fn total(&self) -> Checksum {
        let mut total = Checksum::default();
        self.0.iter().for_each(|bucket| total.merge(bucket));
        total
    }

    async fn of(source: &Source, table: &'static Table, progress: &Progress) -> Result<Self> {
        let mut buckets = Self::default();
        let mut batches = source.batches(table);
        while let Some(batch) = batches.next().await? {
            for item in &batch.items {
                buckets.add(&key_of(table, item), digest(table, item));
            }
            progress.add(batch.items.len() as u64, batch.units);
        }
        Ok(buckets)
    }
}

/// The result of comparing a table of the store with the other source.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// Count and checksum of the other source.
    pub(crate) theirs: Checksum,
    /// The items that differ.
    pub(crate) differences: Vec<Difference>,
    /// Are all of them listed?
    pub(crate) complete: bool,
    /// Do counts and checksums differ?
    pub(crate) differs: bool,
}

/// One item that differs.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Difference {
    /// The table's short name.
    pub(crate) table: &'static str,
    /// The item's key attributes.
    #[serde(serialize_with = "key_attributes")]
    pub(crate) key: NamedKey,
    /// How it differs.
    #[serde(flatten)]
    pub(crate) kind: Kind,
}

/// How an item differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "difference", rename_all = "camelCase")]
pub(crate) enum Kind {
    /// It is not in the store.
    Missing,
    /// It is only in the store.
    Extra,
    /// Both have it, with different contents.
    Different {
        /// The attributes whose values differ or that only one side has.
        attributes: Vec<String>,
    },
}

/// A key with the names of its attributes.
#[derive(Debug, Clone)]
pub(crate) struct NamedKey {
    table: &'static Table,
    key: Key,
}

impl NamedKey {
    /// A key of the table.
    pub(crate) fn new(table: &'static Table, key: Key) -> Self {
        Self { table, key }
    }

    fn halves(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let range = self.table.range.zip(self.key.range.as_deref());
        std::iter::once((self.table.hash, self.key.hash.as_str())).chain(range)
    }
}

impl fmt::Display for NamedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let halves: Vec<_> = self.halves().map(|(name, value)| format!("{name} {value:?}")).collect();
        write!(formatter, "{} {}", self.table.name, halves.join(", "))
    }
}

/// Writes a key as an object of its attributes.
pub(crate) fn key_attributes<S: Serializer>(key: &NamedKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(key.halves())
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Missing => write!(formatter, "{}: is missing from the store", self.key),
            Kind::Extra => write!(formatter, "{}: is only in the store", self.key),
            Kind::Different { attributes } => write!(formatter, "{}: differs in {}", self.key, attributes.join(", ")),
        }
    }
}

/// Count and checksum of a table.
///
/// # Errors
/// When the source cannot be read.
pub(crate) async fn checksum(source: &Source, table: &'static Table, progress: &Progress) -> Result<Checksum> {
    let mut checksum = Checksum::default();
    let mut batches = source.batches(table);
    while let Some(batch) = batches.next().await? {
        batch.items.iter().for_each(|item| checksum.add(table, item));
        progress.add(batch.items.len() as u64, batch.units);
    }
    Ok(checksum)
}

/// Compares a table of the store with another source; lists no more than `limit` items.
///
/// # Errors
/// When one of them cannot be read.
pub(crate) async fn compare(
    ours: &Scanner,
    theirs: &Source,
    table: &'static Table,
    limit: usize,
    progress: &Progress,
) -> Result<Comparison> {
    let buckets = Buckets::of(&Source::Store(ours.clone()), table, progress).await?;
    compare_buckets(ours, &buckets, theirs, table, limit, progress).await
}

/// As [`compare`], if the store was already read.
///
/// # Errors
/// When one of them cannot be read.
pub(crate) async fn compare_buckets(
    ours: &Scanner,
    buckets: &Buckets,
    theirs: &Source,
    table: &'static Table,
    limit: usize,
    progress: &Progress,
) -> Result<Comparison> {
    let other = Buckets::of(theirs, table, progress).await?;
    let mut different: Vec<_> =
        (0..BUCKETS).zip(buckets.0.iter().zip(&other.0)).filter(|(_, (ours, theirs))| ours != theirs).collect();
    let differs = !different.is_empty();
    let mut found = Search { ours, theirs, table, limit, differences: Vec::new(), complete: true };
    while !different.is_empty() && found.complete {
        let mut held = 0;
        let fits = |(_, (ours, theirs)): &(usize, (&Checksum, &Checksum))| {
            let before = held;
            held += ours.items.max(theirs.items);
            before == 0 || held <= MAX_KEYS_IN_MEMORY
        };
        let count = different.iter().copied().take_while(fits).count();
        let mut wanted = vec![false; BUCKETS];
        for (number, _) in different.drain(..count) {
            wanted.get_mut(number).map(|wanted| *wanted = true).unwrap_or_default();
        }
        found.round(&wanted).await?;
    }
    Ok(Comparison { theirs: other.total(), differences: found.differences, complete: found.complete, differs })
}

struct Search<'a> {
    ours: &'a Scanner,
    theirs: &'a Source,
    table: &'static Table,
    limit: usize,
    differences: Vec<Difference>,
    complete: bool,
}

impl Search<'_> {
    /// Finds the differences among the keys of some buckets.
    async fn round(&mut self, wanted: &[bool]) -> Result<()> {
        let is_wanted = |key: &Key| wanted.get(bucket_of(key)).copied().unwrap_or_default();
        let table = self.table;
        let mut held = HashMap::new();
        let mut batches = self.ours.batches(table);
        while let Some(batch) = batches.next().await? {
            let keys = batch.items.iter().map(|item| (key_of(table, item), digest(table, item)));
            held.extend(keys.filter(|(key, _)| is_wanted(key)));
        }
        let mut batches = self.theirs.batches(table);
        while let Some(batch) = batches.next().await? {
            let mut suspects = Vec::new();
            for item in batch.items {
                let key = key_of(table, &item);
                if is_wanted(&key) && held.remove(&key) != Some(digest(table, &item)) {
                    suspects.push((key, Some(item)));
                }
            }
            self.confirm(suspects).await?;
        }
        let mut extra: Vec<_> = held.into_keys().collect();
        extra.sort_unstable();
        for keys in extra.chunks(READ_KEYS) {
            self.confirm(keys.iter().map(|key| (key.clone(), None)).collect()).await?;
        }
        Ok(())
    }

    /// Reads both sides again, if they are stores, and keeps what still differs. Items of a file are given.
    async fn confirm(&mut self, suspects: Vec<(Key, Option<Item>)>) -> Result<()> {
        for suspects in suspects.chunks(READ_KEYS) {
            if !self.complete {
                return Ok(());
            }
            let keys: Vec<_> = suspects.iter().map(|(key, _)| key.clone()).collect();
            let ours = read_strongly(self.ours, self.table, &keys).await?;
            let theirs = match self.theirs {
                Source::Store(scanner) => read_strongly(scanner, self.table, &keys).await?,
                _ => suspects.iter().map(|(_, item)| item.clone()).collect(),
            };
            for (key, (ours, theirs)) in keys.into_iter().zip(ours.into_iter().zip(theirs)) {
                if let Some(kind) = difference(self.table, ours.as_ref(), theirs.as_ref()) {
                    if self.differences.len() == self.limit {
                        self.complete = false;
                        return Ok(());
                    }
                    self.differences.push(Difference { table: self.table.name, key: NamedKey::new(self.table, key), kind });
                }
            }
        }
        Ok(())
    }
}

/// The items of a table in the backup that the store does not have or has with different contents; no more than `limit`. Items that
/// only the store has are ignored.
///
/// # Errors
/// When the store or the file cannot be read.
pub(crate) async fn absent_or_different(
    scanner: &Scanner,
    backup: &Path,
    table: &'static Table,
    limit: usize,
    progress: &Progress,
) -> Result<Vec<Difference>> {
    let theirs = Source::Backup(backup.to_owned());
    let mut search = Search { ours: scanner, theirs: &theirs, table, limit, differences: Vec::new(), complete: true };
    let mut batches = theirs.batches(table);
    while let Some(batch) = batches.next().await? {
        for items in batch.items.chunks(READ_KEYS) {
            let suspects = items.iter().map(|item| (key_of(table, item), Some(item.clone()))).collect();
            search.confirm(suspects).await?;
            progress.add(items.len() as u64, 0.0);
        }
    }
    Ok(search.differences)
}

/// Reads the items with strong consistency.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn read_strongly(scanner: &Scanner, table: &'static Table, keys: &[Key]) -> Result<Vec<Option<Item>>> {
    let keys: Vec<_> = keys.iter().map(|key| (table, key.clone())).collect();
    let mut found = Vec::with_capacity(keys.len());
    for keys in keys.chunks(READ_KEYS) {
        let items = scanner.store.get_many(keys, &Read::STRONG).await;
        found.extend(items.with_context(|| format!("cannot read table {} of {}", table.name, scanner.location))?);
    }
    Ok(found)
}

/// The item's key, even if the item is invalid.
pub(crate) fn key_of(table: &Table, item: &Item) -> Key {
    let half = |name| item.text(name).unwrap_or_default();
    Key { hash: half(table.hash), range: table.range.map(half) }
}

fn difference(table: &Table, ours: Option<&Item>, theirs: Option<&Item>) -> Option<Kind> {
    match (ours, theirs) {
        (None, None) => None,
        (None, Some(_)) => Some(Kind::Missing),
        (Some(_), None) => Some(Kind::Extra),
        (Some(ours), Some(theirs)) if digest(table, ours) == digest(table, theirs) => None,
        (Some(ours), Some(theirs)) => {
            let members = |item: &Item| -> BTreeMap<String, String> {
                item.members().into_iter().map(|(name, value)| (name.into_owned(), value.to_owned())).collect()
            };
            let (ours, theirs) = (members(ours), members(theirs));
            let constant = table.constant.as_ref().map(|constant| constant.attribute);
            let mut attributes: Vec<_> =
                ours.keys().chain(theirs.keys()).filter(|name| ours.get(*name) != theirs.get(*name)).cloned().collect();
            attributes.retain(|name| constant != Some(name.as_str()));
            attributes.sort_unstable();
            attributes.dedup();
            Some(Kind::Different { attributes })
        }
    }
}

/// The same for equal keys within one run of the program.
fn bucket_of(key: &Key) -> usize {
    fingerprint(key) as usize % BUCKETS
}

/// A 64-bit hash, the same for equal values within one run of the program. Collisions are rare.
pub(crate) fn fingerprint(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use super::*;
    use crate::data::location::Location;
    use crate::data::source::directory::{Directory, ReadingArguments};
    use db_adapter::Store;
    use db_adapter::forum::{TABLES, user};
    use db_adapter::json::{JsonOptions, JsonStore};
    use futures::StreamExt;

    fn users(ids: std::ops::Range<u32>, name: &str) -> Vec<Item> {
        ids.map(|id| {
            Item::parse(&format!(r#"{{"userId":"{id}","name":"{name}","createdAt":"2024-01-01T00:00:00.000Z","version":1}}"#))
                .unwrap()
        })
        .collect()
    }

    #[tokio::test]
    async fn more_keys_than_are_held_are_compared_in_rounds() {
        let files = tempfile::tempdir().unwrap();
        let directory = files.path().join("store");
        let store = JsonStore::open(&TABLES, JsonOptions::new(&directory)).await.unwrap();
        let items = [users(0..200, "same"), users(200..400, "ours"), users(400..600, "only ours")].concat();
        store.load(&user::TABLE, futures::stream::iter(items.into_iter().map(Ok)).boxed()).await.unwrap();
        let theirs = [users(0..200, "same"), users(200..400, "theirs"), users(600..800, "only theirs")].concat();
        let theirs: Vec<_> = theirs.iter().map(Item::as_json).collect();
        fs::write(files.path().join("users.json"), format!("[{}]", theirs.join(","))).unwrap();

        let scanner = Scanner::of(Arc::new(store), Location::Json { directory }, None, None);
        let source =
            Source::Directory(Directory::open(files.path(), &db_adapter::forum::TABLES, &ReadingArguments::default()).unwrap());
        let progress = Progress::start("compare users", None, crate::output::Format::Text);
        let found = compare(&scanner, &source, &user::TABLE, 1000, &progress).await.unwrap();
        assert!(found.complete && found.differs);
        let count = |kind: &Kind| found.differences.iter().filter(|difference| difference.kind == *kind).count();
        let changed = Kind::Different { attributes: vec!["name".to_owned()] };
        assert_eq!([Kind::Missing, Kind::Extra, changed].map(|kind| count(&kind)), [200, 200, 200]);
        assert_eq!(found.differences.len(), 600);
        assert_eq!(found.theirs.items, 600);
    }
}
