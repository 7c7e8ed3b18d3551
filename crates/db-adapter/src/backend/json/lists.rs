//! What a table keeps beside its items so that they are found otherwise than by their keys.

use std::collections::{BTreeMap, HashMap};

use super::place::{IndexPlace, KeyPlace};
use super::record::{self, Record, Values};
use super::sorted::Sorted;
use crate::store::schema::{Fault, Index, Table};

/// The indexes of a table, in the order of its own.
#[derive(Debug)]
pub(super) struct Indexes(Vec<Sorted<IndexPlace>>);

impl Indexes {
    /// Those of a table with these items, which is faster and takes less memory than to add one by one.
    pub(super) fn of(table: &'static Table, items: &Sorted<KeyPlace>) -> Self {
        let index = |index: &Index| {
            let names = record::index_names(table, index);
            let mut last = None;
            let made = |place: &KeyPlace| {
                last = IndexPlace::new(place.item(), &names, last.as_ref());
                last.clone()
            };
            Sorted::of(items, made, IndexPlace::prefix)
        };
        Self(table.indexes.iter().map(index).collect())
    }

    /// The index of that number.
    pub(super) fn get(&self, number: usize) -> Option<&Sorted<IndexPlace>> {
        self.0.get(number)
    }

    pub(super) fn add(&mut self, record: &Record) {
        for (index, place) in self.0.iter_mut().zip(&record.places) {
            if let Some(place) = place {
                index.insert(place.clone());
            }
        }
    }

    pub(super) fn remove(&mut self, record: &Record) {
        for (index, place) in self.0.iter_mut().zip(&record.places) {
            if let Some(place) = place {
                index.remove(|other| other.cmp(place));
            }
        }
    }
}

/// The owners of unique values in a table, which items are broken, and when which end.
#[derive(Debug)]
pub(super) struct Notes {
    /// For each unique attribute the encoded key of the owner, by normalised value.
    pub(super) owners: Vec<HashMap<Box<str>, Box<str>>>,
    /// Why which items are broken, by encoded key.
    pub(super) broken: BTreeMap<Box<str>, Fault>,
    /// When which items end, by encoded key.
    pub(super) ends: BTreeMap<Box<str>, f64>,
}

impl Notes {
    /// Those of a table with these items.
    pub(super) fn of(table: &'static Table, items: &Sorted<KeyPlace>) -> Self {
        let owners = table.unique.iter().map(|_| HashMap::new()).collect();
        let mut notes = Self { owners, broken: BTreeMap::new(), ends: BTreeMap::new() };
        items.iter().for_each(|place| notes.add(Values::of(table, place.item()), || place.text().into()));
        notes
    }

    /// Adds what is to be known of the item with that key.
    pub(super) fn add(&mut self, values: Values, key: impl Fn() -> Box<str>) {
        let Values { unique, fault, end } = values;
        self.broken.extend(fault.map(|fault| (key(), fault)));
        self.ends.extend(end.map(|end| (key(), end)));
        for (owners, value) in self.owners.iter_mut().zip(unique) {
            owners.extend(value.map(|value| (value.into_boxed_str(), key())));
        }
    }

    pub(super) fn remove(&mut self, record: &Record) {
        let Record { key, values, .. } = record;
        self.broken.remove(key.as_str());
        self.ends.remove(key.as_str());
        for (owners, value) in self.owners.iter_mut().zip(&values.unique) {
            let Some(value) = value else { continue };
            if owners.get(value.as_str()).is_some_and(|owner| **owner == *key) {
                owners.remove(value.as_str());
            }
        }
    }
}
