//! Conditional writes, decided one after the other: each sees what those before it changed.

use std::collections::HashMap;

use uuid::Uuid;

use super::memory::{Change, Memory};
use super::record::{self, Record};
use crate::store::error::{Error, Result, Rule};
use crate::store::item::{Attributes, Item, Tag, Value, check_size};
use crate::store::schema::{Key, TOUCH_ID, Table, VERSION, WRITE_ID, is_over};
use crate::store::update::Update;

/// A write that waits for its turn; everything that does not depend on what is stored has been checked.
#[derive(Debug)]
pub(super) enum Write {
    /// Stores a new item.
    Create(Record),
    /// Changes the item with this encoded key.
    Update { key: String, update: Update },
    /// Removes the item with this encoded key.
    Delete { key: String, expected: Option<Tag> },
    /// Stores items as they are, in place of those with their keys.
    Load(Vec<Record>),
    /// Puts another item in the place of this one, or none, if it is still there.
    Repair { key: String, item: Item, mended: Option<Record> },
}

impl Write {
    /// A new item: stamped, checked, of version 1.
    pub(super) fn create(table: &'static Table, mut attributes: Attributes) -> Result<Self> {
        table.check(&attributes)?;
        stamp(table, &mut attributes, 1);
        check_size(&attributes)?;
        Record::new(table, Item::new(&attributes)).map(Self::Create)
    }

    pub(super) fn update(table: &'static Table, key: &Key, update: &Update) -> Result<Self> {
        update.check(table, key)?;
        Ok(Self::Update { key: record::encode(table, key).into_owned(), update: update.clone() })
    }

    pub(super) fn delete(table: &'static Table, key: &Key, expected: Option<&Tag>) -> Result<Self> {
        table.check_full_key(key)?;
        Ok(Self::Delete { key: record::encode(table, key).into_owned(), expected: expected.cloned() })
    }
}

/// The record of an item that is stored as it is, but for the table's constant.
pub(super) fn loaded(table: &'static Table, item: &Item) -> Result<Record> {
    let mut attributes = item.attributes()?;
    table.drop_nulls(&mut attributes);
    table.check(&attributes)?;
    table.add_constant(&mut attributes);
    check_size(&attributes)?;
    Record::new(table, Item::new(&attributes))
}

/// The record of an item that may be broken but has a key: for checks and repairs.
pub(super) fn kept(table: &'static Table, item: &Item) -> Result<Record> {
    let mut attributes = item.attributes()?;
    table.drop_nulls(&mut attributes);
    table.key_of(&attributes)?;
    let keys = table.indexes.iter().flat_map(|index| [Some(index.hash), index.range]).flatten();
    let mut texts = keys.filter_map(|name| Some((name, attributes.get(name)?.as_str()?)));
    match texts.find(|(_, text)| text.contains('\0')) {
        Some((name, _)) => Err(Error::invalid_item(name, "must not contain U+0000: it is part of a key")),
        None => Record::new(table, Item::new(&attributes)),
    }
}

fn stamp(table: &'static Table, attributes: &mut Attributes, version: u64) {
    table.add_constant(attributes);
    attributes.insert(VERSION.to_owned(), Value::from(version));
    attributes.insert(WRITE_ID.to_owned(), new_write_id());
}

fn new_write_id() -> Value {
    Value::String(Uuid::new_v4().simple().to_string())
}

/// What a batch of writes changes, over what is stored.
#[derive(Debug)]
pub(super) struct Staged<'a> {
    memory: &'a Memory,
    now: f64,
    changes: Vec<Change>,
    bytes: usize,
    items: HashMap<String, Option<Item>>,
    owners: HashMap<(usize, String), Option<String>>,
}

impl<'a> Staged<'a> {
    pub(super) fn over(memory: &'a Memory, now: f64) -> Self {
        Self { memory, now, changes: Vec::new(), bytes: 0, items: HashMap::new(), owners: HashMap::new() }
    }

    /// The changes in order.
    pub(super) fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// Bytes of the items that were put.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Decides one write. Returns the item that a create or an update stored.
    ///
    /// # Errors
    /// Those of the operation in [`crate::store::Store`]; then it has changed nothing, but for a load, which stops where it is.
    pub(super) fn write(&mut self, write: Write) -> Result<Option<Item>> {
        match write {
            Write::Create(record) => {
                if self.item(&record.key).is_some() {
                    return Err(Error::Conflict { rule: Rule::Key });
                }
                self.put(record).map(Some)
            }
            Write::Update { key, update } => {
                let item = self.item(&key).ok_or(Error::NotFound)?;
                let table = self.memory.table();
                let mut attributes = item.attributes()?;
                update.check_stored(&attributes, &item.tag())?;
                update.decided(&attributes).apply(&mut attributes);
                if update.touch {
                    table.add_constant(&mut attributes);
                    attributes.insert(TOUCH_ID.to_owned(), new_write_id());
                } else {
                    let version = attributes.get(VERSION).and_then(Value::as_count).unwrap_or(0);
                    stamp(table, &mut attributes, version.saturating_add(1));
                }
                check_size(&attributes)?;
                self.put(Record::new(table, Item::new(&attributes))?).map(Some)
            }
            Write::Delete { key, expected } => {
                self.expect(&key, expected.as_ref())?;
                self.remove(key);
                Ok(None)
            }
            Write::Load(records) => {
                for record in records {
                    self.put(record)?;
                }
                Ok(None)
            }
            Write::Repair { key, item, mended } => {
                match mended {
                    _ if self.item(&key) != Some(&item) => {}
                    Some(mended) => drop(self.put(mended)?),
                    None => self.remove(key),
                }
                Ok(None)
            }
        }
    }

    /// The item with this encoded key; none that is past its time.
    fn item(&self, key: &str) -> Option<&Item> {
        match self.items.get(key) {
            Some(staged) => {
                let is_there = |item: &&Item| !is_over(self.memory.table().end_in(&item.members()), self.now);
                staged.as_ref().filter(is_there)
            }
            None => self.memory.item(key).filter(|item| !self.memory.is_over(item, self.now)),
        }
    }

    fn expect(&self, key: &str, expected: Option<&Tag>) -> Result<()> {
        let item = self.item(key).ok_or(Error::NotFound)?;
        match expected {
            Some(tag) if *tag != item.tag() => Err(Error::VersionMismatch),
            _ => Ok(()),
        }
    }

    fn owner(&self, unique: usize, value: &str) -> Option<&str> {
        match self.owners.get(&(unique, value.to_owned())) {
            Some(staged) => staged.as_deref(),
            None => self.memory.owner(unique, value),
        }
    }

    fn put(&mut self, record: Record) -> Result<Item> {
        for (number, (unique, value)) in self.memory.table().unique.iter().zip(&record.values.unique).enumerate() {
            let owner = value.as_deref().and_then(|value| self.owner(number, value));
            if owner.is_some_and(|owner| owner != record.key) {
                return Err(Error::Conflict { rule: Rule::Unique(unique.attribute) });
            }
        }
        self.free(&record.key);
        for (number, value) in record.values.unique.iter().enumerate() {
            self.owners.extend(value.clone().map(|value| ((number, value), Some(record.key.clone()))));
        }
        let item = record.item.clone();
        self.bytes += item.as_json().len();
        self.items.insert(record.key.clone(), Some(item.clone()));
        self.changes.push(Change::Put(record));
        Ok(item)
    }

    fn remove(&mut self, key: String) {
        self.free(&key);
        self.items.insert(key.clone(), None);
        self.changes.push(Change::Del(key));
    }

    /// Frees the unique values of the item with this key.
    fn free(&mut self, key: &str) {
        let table = self.memory.table();
        if table.unique.is_empty() {
            return;
        }
        let old = self.item(key).and_then(|item| Record::new(table, item.clone()).ok());
        for (number, value) in old.into_iter().flat_map(|old| old.values.unique).enumerate() {
            self.owners.extend(value.map(|value| ((number, value), None)));
        }
    }
}
