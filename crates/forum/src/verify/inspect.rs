//! One pass over a table of the store: count and checksum, unknown attributes, broken items, dangling references, and sort keys that
//! share what should be one item's id.
//!
//! Of every item at most eight bytes are kept, a fingerprint of its id, so that references can be looked up without reading
//! their targets one by one. What the fingerprints cast doubt on is read again before it is reported.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Result;
use db_adapter::forum::{post, thread, user};
use db_adapter::{Attributes, Item, Key, Table, Value};
use serde::Serialize;

use super::compare::{Buckets, NamedKey, fingerprint, key_attributes, key_of, read_strongly};
use crate::checksum::digest;
use crate::progress::Progress;
use crate::source::Scanner;

/// An attribute that names an item of another table.
pub(crate) struct Reference {
    /// The table of the item that refers.
    pub(crate) from: &'static Table,
    /// The attribute with the id.
    pub(crate) attribute: &'static str,
    /// The table of the item that is meant.
    pub(crate) to: &'static Table,
}

/// Every attribute that names an item.
pub(crate) const REFERENCES: [Reference; 3] = [
    Reference { from: &thread::TABLE, attribute: "userId", to: &user::TABLE },
    Reference { from: &post::TABLE, attribute: "threadId", to: &thread::TABLE },
    Reference { from: &post::TABLE, attribute: "userId", to: &user::TABLE },
];
/// The tables in an order in which what is referred to comes first.
pub(crate) const ORDER: [&Table; 3] = [&user::TABLE, &thread::TABLE, &post::TABLE];
/// Names of unknown attributes that are counted at most.
const UNKNOWN_NAMES: usize = 1000;
/// Targets that are known to be absent and so are not read again.
const KNOWN_ABSENT: usize = 100_000;

/// What was found in a table.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Inspection {
    #[serde(skip)]
    pub(super) buckets: Buckets,
    /// How many items have an attribute that this version does not know.
    pub(super) unknown_attributes: BTreeMap<String, u64>,
    /// Items that no store would take.
    pub(super) broken_items: u64,
    /// References to items that do not exist; the first of them by name.
    pub(super) dangling_references: u64,
    pub(super) dangling: Vec<Dangling>,
    /// Ids that several items share; the first of them by name.
    pub(super) shared_ids: u64,
    pub(super) shared: Vec<SharedId>,
}

/// A reference to an item that does not exist.
#[derive(Debug, Serialize)]
pub(super) struct Dangling {
    #[serde(serialize_with = "key_attributes")]
    pub(super) key: NamedKey,
    pub(super) attribute: &'static str,
    pub(super) value: String,
}

/// Several items with one partition key where one is meant.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SharedId {
    pub(super) id: String,
    pub(super) sort_keys: Vec<String>,
}

/// Fingerprints of the ids of the tables that were read, sorted.
#[derive(Debug, Default)]
pub(super) struct Ids(BTreeMap<&'static str, Vec<u64>>);

impl Ids {
    fn has(&self, table: &Table, id: &str) -> bool {
        self.0.get(table.name).is_some_and(|ids| ids.binary_search(&fingerprint(&id)).is_ok())
    }
}

/// Inspects a table; those that it refers to must have been inspected before. Names at most `limit` items of each kind.
pub(super) async fn inspect(
    scanner: &Scanner,
    table: &'static Table,
    ids: &mut Ids,
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
    if REFERENCES.iter().any(|reference| reference.to.name == table.name) {
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
        self.found.broken_items += u64::from(self.table.check(attributes).is_err());
        let constant = self.table.constant.as_ref().map(|constant| constant.attribute);
        for name in attributes.keys().filter(|name| self.table.attribute(name).is_none() && constant != Some(name.as_str())) {
            let unknown = &mut self.found.unknown_attributes;
            if unknown.len() < UNKNOWN_NAMES || unknown.contains_key(name) {
                *unknown.entry(name.clone()).or_default() += 1;
            }
        }
    }

    /// The item's references whose target was not seen.
    fn suspects(&self, key: &Key, attributes: &Attributes) -> Vec<(&'static Reference, Dangling)> {
        let own = REFERENCES.iter().filter(|reference| reference.from.name == self.table.name);
        let value = |reference: &'static Reference| {
            let value = attributes.get(reference.attribute).and_then(Value::as_str)?;
            (!self.ids.has(reference.to, value)).then(|| {
                let key = NamedKey::new(self.table, key.clone());
                (reference, Dangling { key, attribute: reference.attribute, value: value.to_owned() })
            })
        };
        own.filter_map(value).collect()
    }

    /// Keeps the suspects whose target does not exist now.
    async fn confirm(&mut self, suspects: Vec<(&'static Reference, Dangling)>) -> Result<()> {
        let mut asked: HashMap<(&str, String), &'static Table> = HashMap::new();
        for (reference, dangling) in &suspects {
            let target = (reference.to.name, dangling.value.clone());
            if !self.absent.contains(&target) {
                asked.insert(target, reference.to);
            }
        }
        for target in ORDER {
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
        let dangles = |(reference, dangling): &(&'static Reference, Dangling)| {
            let target = (reference.to.name, dangling.value.clone());
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

/// Reads the keys of the table once more, to name the ids that several items have.
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
