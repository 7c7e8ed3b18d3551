//! One pass over a table of the store: count and checksum, unknown attributes, invalid items, dangling references, and ids that
//! several items with different sort keys share.
//!
//! A fingerprint of every item's id, eight bytes, is kept in memory, so that references can be looked up without reading each
//! target. What the fingerprints show as missing is read again before it is reported.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Result;
use db_adapter::schema::Attribute;
use db_adapter::{Attributes, Item, Key, Table, Value};
use serde::Serialize;

use super::activity::Activity;
use super::compare::{Buckets, NamedKey, fingerprint, key_attributes, key_of, read_strongly};
use crate::data::checksum::digest;
use crate::data::source::Scanner;
use crate::run::progress::Progress;

/// Maximum number of names of unknown attributes that are counted.
const UNKNOWN_NAMES: usize = 1000;
/// Maximum number of targets that are remembered as absent and not read again.
const KNOWN_ABSENT: usize = 100_000;

/// What was found in a table.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Inspection {
    #[serde(skip)]
    pub(crate) buckets: Buckets,
    /// Attributes that this version does not know, with the number of items that have them.
    pub(crate) unknown_attributes: BTreeMap<String, u64>,
    /// The number of items that a repair mends or removes.
    pub(crate) broken_items: u64,
    /// The number of references to items that do not exist.
    pub(crate) dangling_references: u64,
    pub(crate) dangling: Vec<Dangling>,
    /// The number of ids that several items share.
    pub(crate) shared_ids: u64,
    pub(crate) shared: Vec<SharedId>,
}

/// A reference to an item that does not exist.
#[derive(Debug, Serialize)]
pub(crate) struct Dangling {
    #[serde(serialize_with = "key_attributes")]
    pub(crate) key: NamedKey,
    pub(crate) attribute: &'static str,
    pub(crate) value: String,
}

/// An id that several items have.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SharedId {
    pub(crate) id: String,
    pub(crate) sort_keys: Vec<String>,
}

/// Sorted fingerprints of the ids of the tables that were read.
#[derive(Debug, Default)]
pub(crate) struct Ids(BTreeMap<&'static str, Vec<u64>>);

impl Ids {
    fn has(&self, table: &Table, id: &str) -> bool {
        self.0.get(table.name).is_some_and(|ids| ids.binary_search(&fingerprint(&id)).is_ok())
    }
}

/// Inspects one of the tables. The tables that it refers to must be inspected before. Lists no more than `limit` items of each kind.
pub(crate) async fn inspect(
    scanner: &Scanner,
    table: &'static Table,
    tables: &[&'static Table],
    ids: &mut Ids,
    activity: &mut Activity,
    limit: usize,
    progress: &Progress,
) -> Result<Inspection> {
    let mut pass = Pass { scanner, table, ids, limit, found: Inspection::default(), absent: HashSet::new() };
    let mut own_ids = Vec::new();
    let mut batches = scanner.batches(table);
    while let Some(batch) = batches.next().await? {
        let mut dangling = Vec::new();
        for item in &batch.items {
            let key = key_of(table, item);
            own_ids.push(fingerprint(&key.hash.as_str()));
            pass.found.buckets.add(&key, digest(table, item));
            activity.see(table, item);
            let attributes = item.attributes()?;
            pass.look_at(&attributes);
            dangling.extend(pass.suspects(&key, &attributes));
        }
        pass.confirm(dangling).await?;
        progress.add(batch.items.len() as u64, batch.units);
    }
    own_ids.sort_unstable();
    let mut found = pass.found;
    let repeated: HashSet<_> =
        own_ids.iter().zip(own_ids.iter().skip(1)).filter(|(id, next)| id == next).map(|(id, _)| *id).collect();
    if table.range.is_some() && !repeated.is_empty() {
        shared_ids(scanner, table, &repeated, limit, &mut found).await?;
    }
    if tables.iter().flat_map(|table| table.references()).any(|(_, target)| target.name == table.name) {
        ids.0.insert(table.name, own_ids);
    }
    Ok(found)
}

struct Pass<'a> {
    scanner: &'a Scanner,
    table: &'static Table,
    ids: &'a Ids,
    limit: usize,
    found: Inspection,
    absent: HashSet<(&'static str, String)>,
}

impl Pass<'_> {
    fn look_at(&mut self, attributes: &Attributes) {
        self.found.broken_items += u64::from(!self.table.is_sound(attributes));
        let constant = self.table.constant.as_ref().map(|constant| constant.attribute);
        for name in attributes.keys().filter(|name| self.table.attribute(name).is_none() && constant != Some(name.as_str())) {
            let unknown = &mut self.found.unknown_attributes;
            if unknown.len() < UNKNOWN_NAMES || unknown.contains_key(name) {
                *unknown.entry(name.clone()).or_default() += 1;
            }
        }
    }

    /// The item's references whose target was not found so far.
    fn suspects(&self, key: &Key, attributes: &Attributes) -> Vec<(&'static Table, Dangling)> {
        let suspect = |(known, target): (&Attribute, &'static Table)| {
            let value = attributes.get(known.name).and_then(Value::as_str)?;
            (!self.ids.has(target, value)).then(|| {
                let key = NamedKey::new(self.table, key.clone());
                (target, Dangling { key, attribute: known.name, value: value.to_owned() })
            })
        };
        self.table.references().filter_map(suspect).collect()
    }

    /// Reads the targets again, and keeps the references whose target does not exist.
    async fn confirm(&mut self, suspects: Vec<(&'static Table, Dangling)>) -> Result<()> {
        let mut asked: HashMap<(&str, String), &'static Table> = HashMap::new();
        for (table, dangling) in &suspects {
            let target = (table.name, dangling.value.clone());
            if !self.absent.contains(&target) {
                asked.insert(target, table);
            }
        }
        for (_, target) in self.table.references() {
            let values: Vec<_> =
                asked.iter().filter(|(_, table)| table.name == target.name).map(|((_, value), _)| value).collect();
            let (values, keys): (Vec<_>, Vec<_>) = values
                .into_iter()
                .filter(|value| target.check_key(&Key::hash(value.as_str())).is_ok())
                .map(|value| (value.clone(), Key::hash(value.as_str())))
                .unzip();
            let items = read_strongly(self.scanner, target, &keys).await?;
            let there = values.into_iter().zip(items).filter(|(_, item): &(_, Option<Item>)| item.is_some());
            for (value, _) in there {
                asked.remove(&(target.name, value));
            }
        }
        let dangles = |(table, dangling): &(&'static Table, Dangling)| {
            let target = (table.name, dangling.value.clone());
            asked.contains_key(&target) || self.absent.contains(&target)
        };
        let (dangling, _): (Vec<_>, Vec<_>) = suspects.into_iter().partition(dangles);
        self.found.dangling_references += dangling.len() as u64;
        let room = self.limit - self.found.dangling.len().min(self.limit);
        self.found.dangling.extend(dangling.into_iter().take(room).map(|(_, dangling)| dangling));
        if self.absent.len() < KNOWN_ABSENT {
            self.absent.extend(asked.into_keys());
        }
        Ok(())
    }
}

/// Reads the keys of the table again, to list the ids that several items have.
async fn shared_ids(
    scanner: &Scanner,
    table: &'static Table,
    repeated: &HashSet<u64>,
    limit: usize,
    found: &mut Inspection,
) -> Result<()> {
    let mut items: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let starts = (0..scanner.segments).map(|segment| (segment, None));
    let mut batches = scanner.batches_from(table, starts, Some(Vec::new()));
    while let Some(batch) = batches.next().await? {
        for key in batch.items.iter().map(|item| key_of(table, item)) {
            if repeated.contains(&fingerprint(&key.hash.as_str())) && (items.len() < limit || items.contains_key(&key.hash)) {
                items.entry(key.hash).or_default().extend(key.range);
            }
        }
    }
    found.shared_ids = repeated.len() as u64;
    items.retain(|_, sort_keys| sort_keys.len() > 1);
    let shared = items.into_iter().map(|(id, mut sort_keys)| {
        sort_keys.sort_unstable();
        SharedId { id, sort_keys }
    });
    found.shared = shared.collect();
    Ok(())
}
