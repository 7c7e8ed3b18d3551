//! One table in memory: the items by key, the indexes, the owners of unique values.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use super::lock::JournalPosition;
use super::record::{self, Record};
use crate::store::error::{Error, Result};
use crate::store::item::Item;
use crate::store::page::{Order, Query};
use crate::store::schema::{Fault, Key, Table, Unique, is_over};

/// The items of a table, as of a moment between two batches. Items are kept as their bytes and indexes as encoded places, so that
/// the whole stays within three times the size of the files.
#[derive(Debug)]
pub(super) struct Memory {
    table: &'static Table,
    items: BTreeMap<Box<str>, Item>,
    indexes: Vec<BTreeSet<Box<str>>>,
    /// For each unique attribute the encoded key of the owner, by normalised value.
    owners: Vec<HashMap<Box<str>, Box<str>>>,
    /// Why which items are broken, by encoded key.
    broken: BTreeMap<Box<str>, Fault>,
    /// When which items end, by encoded key.
    ends: BTreeMap<Box<str>, f64>,
    /// How far in which journal the table is.
    position: JournalPosition,
    frozen: Option<Frozen>,
}

/// What a table was at the moment of a freeze, for a walk that does not stop writers: items that the walk has not passed and that
/// changed since, as they were.
#[derive(Debug, Default)]
struct Frozen {
    passed: Option<Box<str>>,
    before: BTreeMap<Box<str>, Option<Item>>,
    done: bool,
}

/// What a write does to one item.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// Stores the item, in place of the one with its key.
    Put(Record),
    /// Removes the item with this encoded key.
    Del(String),
}

impl Memory {
    pub(super) fn new(table: &'static Table) -> Self {
        let indexes = table.indexes.iter().map(|_| BTreeSet::new()).collect();
        let owners = table.unique.iter().map(|_| HashMap::new()).collect();
        Self {
            table,
            items: BTreeMap::new(),
            indexes,
            owners,
            broken: BTreeMap::new(),
            ends: BTreeMap::new(),
            position: JournalPosition { generation: 0, length: 0 },
            frozen: None,
        }
    }

    pub(super) fn table(&self) -> &'static Table {
        self.table
    }

    /// The encoded key of some broken item and what is wrong with it, if there is one.
    pub(super) fn first_broken(&self) -> Option<(&str, Fault)> {
        self.broken.first_key_value().map(|(key, fault)| (&**key, *fault))
    }

    /// Is no item broken?
    pub(super) fn is_sound(&self) -> bool {
        self.broken.is_empty()
    }

    /// Why a read with this attribute list may not return the item, if so.
    pub(super) fn fault(&self, item: &Item, asked: Option<&[String]>) -> Option<Fault> {
        if self.is_sound() { None } else { self.table.fault_in(&item.members(), asked) }
    }

    /// The number of items, with those that are past their time.
    pub(super) fn count(&self) -> u64 {
        self.items.len() as u64
    }

    /// Is the item with this encoded key past its time?
    pub(super) fn is_over(&self, key: &str, now: f64) -> bool {
        is_over(self.ends.get(key).copied(), now)
    }

    /// The removal of every item that is past its time.
    pub(super) fn removal_of_ended(&self, now: f64) -> Vec<Change> {
        let ended = self.ends.iter().filter(|(_, end)| is_over(Some(**end), now));
        ended.map(|(key, _)| Change::Del(key.to_string())).collect()
    }

    /// How far in which journal the table is.
    pub(super) fn position(&self) -> JournalPosition {
        self.position
    }

    pub(super) fn move_to(&mut self, position: JournalPosition) {
        self.position = position;
    }

    /// Does what a batch did, which leads there.
    pub(super) fn apply(&mut self, changes: impl IntoIterator<Item = Change>, position: JournalPosition) {
        for change in changes {
            match change {
                Change::Put(record) => self.put(record),
                Change::Del(key) => self.remove(&key),
            }
        }
        self.position = position;
    }

    /// Stores the item, in place of the one with its key.
    pub(super) fn put(&mut self, record: Record) {
        self.keep_frozen(&record.key);
        let Record { item, key, places, unique, fault, end } = record;
        self.remove_places(&key);
        self.broken.extend(fault.map(|fault| (key.as_str().into(), fault)));
        self.ends.extend(end.map(|end| (key.as_str().into(), end)));
        for (index, place) in self.indexes.iter_mut().zip(places) {
            index.extend(place.map(String::into_boxed_str));
        }
        for (owners, value) in self.owners.iter_mut().zip(unique) {
            owners.extend(value.map(|value| (value.into_boxed_str(), key.as_str().into())));
        }
        self.items.insert(key.into_boxed_str(), item);
    }

    fn remove(&mut self, key: &str) {
        self.keep_frozen(key);
        self.remove_places(key);
        self.items.remove(key);
    }

    fn remove_places(&mut self, key: &str) {
        self.broken.remove(key);
        self.ends.remove(key);
        let Some(old) = self.record(key) else { return };
        for (index, place) in self.indexes.iter_mut().zip(old.places) {
            place.map(|place| index.remove(place.as_str()));
        }
        for (owners, value) in self.owners.iter_mut().zip(old.unique) {
            let Some(value) = value else { continue };
            if owners.get(value.as_str()).is_some_and(|owner| &**owner == key) {
                owners.remove(value.as_str());
            }
        }
    }

    /// The stored item's record.
    pub(super) fn record(&self, key: &str) -> Option<Record> {
        let item = self.items.get(key)?;
        Record::new(self.table, item.clone()).ok()
    }

    /// The unique attribute whose value another item has, and the encoded key of that item.
    pub(super) fn taken(&self, record: &Record) -> Option<(&'static Unique, &str)> {
        let values = self.table.unique.iter().zip(&record.unique).enumerate();
        let mut owners = values.filter_map(|(number, (unique, value))| Some((unique, self.owner(number, value.as_deref()?)?)));
        owners.find(|(_, owner)| *owner != record.key)
    }

    /// The item with the encoded key, past its time or not.
    pub(super) fn item(&self, key: &str) -> Option<&Item> {
        self.items.get(key)
    }

    /// The item with the key, or of the smallest sort half where the key has none.
    pub(super) fn get(&self, key: &Key, now: f64) -> Option<&Item> {
        let place = record::encode(self.table, key);
        if self.table.range.is_none() || key.range.is_some() {
            return self.items.get(&*place).filter(|_| !self.is_over(&place, now));
        }
        let of_partition = self.items.range::<str, _>((Bound::Included(&*place), Bound::Unbounded));
        let mut of_partition = of_partition.take_while(|(key, _)| key.starts_with(&*place));
        of_partition.find(|(key, _)| !self.is_over(key, now)).map(|(_, item)| item)
    }

    /// The encoded key of the owner of a normalised value of the table's unique attribute of that number.
    pub(super) fn owner(&self, unique: usize, value: &str) -> Option<&str> {
        self.owners.get(unique)?.get(value).map(|owner| &**owner)
    }

    /// The query's items in its order, from behind the place `after`; none that is past its time.
    pub(super) fn query(&self, query: &Query, after: Option<&str>, now: f64) -> Box<dyn Iterator<Item = &Item> + '_> {
        let index = self.table.indexes.iter().position(|index| index == query.index).and_then(|at| self.indexes.get(at));
        let (first, end) = record::range(query);
        let (mut lower, mut upper) = (Bound::Included(first.as_str()), Bound::Excluded(end.as_str()));
        match (query.order, after) {
            (_, None) => {}
            (Order::Ascending, Some(after)) => lower = Bound::Excluded(after),
            (Order::Descending, Some(after)) => upper = Bound::Excluded(after),
        }
        let (Some(index), false) = (index, query.is_empty()) else { return Box::new(std::iter::empty()) };
        let parts = 1 + usize::from(query.index.range.is_some());
        let item = move |place: &str| {
            let key = place.splitn(parts + 1, '\0').nth(parts)?;
            self.items.get(key).filter(|_| !self.is_over(key, now))
        };
        let places = index.range::<str, _>((lower, upper)).map(|place| &**place);
        match query.order {
            Order::Ascending => Box::new(places.filter_map(item)),
            Order::Descending => Box::new(places.rev().filter_map(item)),
        }
    }

    /// Items in the order of their encoded keys, from behind `after`, with those that are past their time.
    pub(super) fn scan(&self, after: Option<&str>) -> impl Iterator<Item = (&str, &Item)> {
        let lower = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.items.range::<str, _>((lower, Bound::Unbounded)).map(|(key, item)| (&**key, item))
    }

    /// Starts a walk over the table as it is now.
    pub(super) fn freeze(&mut self) {
        self.frozen = Some(Frozen::default());
    }

    /// Ends the walk.
    pub(super) fn thaw(&mut self) {
        self.frozen = None;
    }

    fn keep_frozen(&mut self, key: &str) {
        let Some(frozen) = &mut self.frozen else { return };
        let passed = frozen.done || frozen.passed.as_deref().is_some_and(|passed| key <= passed);
        if !passed && !frozen.before.contains_key(key) {
            frozen.before.insert(key.into(), self.items.get(key).cloned());
        }
    }

    /// The walk's next items, from a step over no more than that many keys; `None` at its end, and where no walk is on.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where no walk is on: the table was loaded anew meanwhile.
    pub(super) fn next_frozen(&mut self, step: usize) -> Result<Option<Vec<Item>>> {
        let Some(frozen) = &mut self.frozen else { return Err(Error::unavailable("the table was loaded anew meanwhile")) };
        if frozen.done {
            return Ok(None);
        }
        let lower = frozen.passed.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.items.range::<str, _>((lower, Bound::Unbounded)).take(step);
        let mut items: BTreeMap<&str, &Item> = range.map(|(key, item)| (&**key, item)).collect();
        frozen.done = items.len() < step;
        let mut later = BTreeMap::new();
        if let Some((last, _)) = items.last_key_value().filter(|_| !frozen.done) {
            later = frozen.before.split_off(*last);
            frozen.before.extend(later.remove_entry(*last));
            frozen.passed = Some((*last).into());
        }
        let before = std::mem::replace(&mut frozen.before, later);
        for (key, item) in &before {
            match item {
                Some(item) => items.insert(key, item),
                None => items.remove(&**key),
            };
        }
        Ok(Some(items.into_values().cloned().collect()))
    }
}

/// Makes a table of many items at once, which is faster and takes less memory than one by one.
#[derive(Debug)]
pub(super) struct Builder {
    table: &'static Table,
    items: Vec<(Box<str>, Item)>,
    indexes: Vec<Vec<Box<str>>>,
    owners: Vec<HashMap<Box<str>, Box<str>>>,
    broken: BTreeMap<Box<str>, Fault>,
    ends: BTreeMap<Box<str>, f64>,
}

impl Builder {
    pub(super) fn new(table: &'static Table) -> Self {
        let indexes = table.indexes.iter().map(|_| Vec::new()).collect();
        let owners = table.unique.iter().map(|_| HashMap::new()).collect();
        Self { table, items: Vec::new(), indexes, owners, broken: BTreeMap::new(), ends: BTreeMap::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Expects about so many items: lists that grow to their length leave behind twice as much memory for a while.
    pub(super) fn make_room_for(&mut self, items: usize) {
        self.items.reserve(items);
        self.indexes.iter_mut().for_each(|index| index.reserve(items));
    }

    /// Adds an item; no two may have one key or unique value.
    pub(super) fn push(&mut self, record: Record) {
        let Record { item, key, places, unique, fault, end } = record;
        self.broken.extend(fault.map(|fault| (key.as_str().into(), fault)));
        self.ends.extend(end.map(|end| (key.as_str().into(), end)));
        for (index, place) in self.indexes.iter_mut().zip(places) {
            index.extend(place.map(String::into_boxed_str));
        }
        for (owners, value) in self.owners.iter_mut().zip(unique) {
            owners.extend(value.map(|value| (value.into_boxed_str(), key.as_str().into())));
        }
        self.items.push((key.into_boxed_str(), item));
    }

    pub(super) fn finish(self) -> Memory {
        let mut memory = Memory::new(self.table);
        memory.items = self.items.into_iter().collect();
        memory.indexes = self.indexes.into_iter().map(|index| index.into_iter().collect()).collect();
        memory.owners = self.owners;
        memory.broken = self.broken;
        memory.ends = self.ends;
        memory
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::forum::post;

    const NOWHERE: JournalPosition = JournalPosition { generation: 0, length: 0 };

    fn record(id: &str, created_at: &str) -> Record {
        let item = format!(r#"{{"createdAt":"{created_at}","postId":"{id}","threadId":"t","userId":"u"}}"#);
        Record::new(&post::TABLE, Item::parse(&item).unwrap()).unwrap()
    }

    fn table(records: impl IntoIterator<Item = Record>) -> Memory {
        let mut builder = Builder::new(&post::TABLE);
        records.into_iter().for_each(|record| builder.push(record));
        builder.finish()
    }

    fn listed(memory: &Memory, query: &Query) -> Vec<String> {
        memory.query(query, None, 0.0).map(|item| item.text("createdAt").unwrap()).collect()
    }

    fn by_thread(from: Option<&str>, to: Option<&str>) -> Query {
        let index = post::TABLE.index("ThreadIndex").unwrap();
        Query { from: from.map(str::to_owned), to: to.map(str::to_owned), ..Query::new(index, "t") }
    }

    proptest! {
        /// Bounds may be any text; sort keys hold no U+0000.
        #[test]
        fn a_range_is_what_text_order_says(
            sorts in prop::collection::btree_set("[\u{1}ab\u{10ffff}]{1,3}", 0..12),
            from in prop::option::of("[\u{0}\u{1}ab]{0,3}"),
            to in prop::option::of("[\u{0}\u{1}ab]{0,3}"),
        ) {
            let escaped = |sort: &str| serde_json::to_string(sort).unwrap().trim_matches('"').to_owned();
            let memory = table(sorts.iter().enumerate().map(|(id, sort)| record(&id.to_string(), &escaped(sort))));
            let mut query = by_thread(from.as_deref(), to.as_deref());
            let expected: Vec<_> = sorts.iter().filter(|sort| query.contains(sort)).cloned().collect();
            prop_assert_eq!(listed(&memory, &query), expected.clone());
            query.order = Order::Descending;
            prop_assert_eq!(listed(&memory, &query), expected.into_iter().rev().collect::<Vec<_>>());
        }

        /// Whatever is written between its steps, the walk returns the table as it was at its start.
        #[test]
        fn a_walk_returns_the_moment_of_its_freeze(
            before in prop::collection::btree_set(0_u8..40, 0..40),
            step in 1_usize..7,
            writes in prop::collection::vec(prop::collection::vec((0_u8..40, any::<bool>()), 0..6), 0..60),
        ) {
            let id = |number: u8| format!("{number:02}");
            let mut memory = table(before.iter().map(|number| record(&id(*number), "before")));
            let expected: Vec<_> = memory.scan(None).map(|(_, item)| item.clone()).collect();
            memory.freeze();
            let (mut walked, mut writes) = (Vec::new(), writes.into_iter());
            loop {
                for (number, put) in writes.next().unwrap_or_default() {
                    let record = record(&id(number), "after");
                    let change = if put { Change::Put(record) } else { Change::Del(record.key) };
                    memory.apply(vec![change], NOWHERE);
                }
                match memory.next_frozen(step).unwrap() {
                    Some(items) => walked.extend(items),
                    None => break,
                }
            }
            prop_assert_eq!(walked, expected);
        }

        /// Indexes follow the items through any changes.
        #[test]
        fn an_index_is_what_a_new_table_would_have(writes in prop::collection::vec((0_u8..6, 0_u8..4, any::<bool>()), 0..40)) {
            let mut memory = Memory::new(&post::TABLE);
            for (id, sort, put) in writes {
                let record = record(&id.to_string(), &sort.to_string());
                let change = if put { Change::Put(record) } else { Change::Del(record.key) };
                memory.apply(vec![change], NOWHERE);
            }
            let items: Vec<_> = memory.scan(None).map(|(_, item)| item.clone()).collect();
            let fresh = table(items.into_iter().map(|item| Record::new(&post::TABLE, item).unwrap()));
            prop_assert_eq!(&memory.indexes, &fresh.indexes);
            prop_assert_eq!(listed(&memory, &by_thread(None, None)), listed(&fresh, &by_thread(None, None)));
        }
    }
}
