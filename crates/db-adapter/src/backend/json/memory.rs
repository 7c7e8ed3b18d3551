//! One table in memory: the items by key, and what leads to them otherwise.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::lists::{Indexes, Notes};
use super::lock::JournalPosition;
use super::place::{IndexPlace, KeyPlace, Parts};
use super::record::{self, Record};
use super::sorted::{Range, Sorted};
use crate::store::error::{Error, Result};
use crate::store::item::Item;
use crate::store::page::{Order, Query};
use crate::store::schema::{Fault, Key, Table, Unique, end_of, is_over};

/// The items of a table, as of a moment between two batches.
///
/// Items are kept as their bytes, and lists point into these. The items of a snapshot share chunks of it, which live for as long as any of
/// their items: all in all they never take more than the snapshot that was loaded, however many items were changed since.
#[derive(Debug)]
pub(super) struct Memory {
    table: &'static Table,
    items: Sorted<KeyPlace>,
    /// Made when they are asked for, as the notes are: reads by key need neither, and so do not wait for them at the start.
    indexes: OnceLock<Indexes>,
    notes: OnceLock<Notes>,
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
    /// A table without items.
    pub(super) fn new(table: &'static Table) -> Self {
        Self::of(table, Sorted::default())
    }

    /// A table of these items; no two may have one unique value.
    pub(super) fn of(table: &'static Table, items: Sorted<KeyPlace>) -> Self {
        let position = JournalPosition { generation: 0, length: 0 };
        Self { table, items, indexes: OnceLock::new(), notes: OnceLock::new(), position, frozen: None }
    }

    pub(super) fn table(&self) -> &'static Table {
        self.table
    }

    /// The first call makes them, and others wait for it.
    fn indexes(&self) -> &Indexes {
        self.indexes.get_or_init(|| Indexes::of(self.table, &self.items))
    }

    /// The first call makes them, and others wait for it.
    fn notes(&self) -> &Notes {
        self.notes.get_or_init(|| Notes::of(self.table, &self.items))
    }

    /// Makes the indexes if they are not there yet.
    pub(super) fn make_indexes(&self) {
        self.indexes();
    }

    /// Are the indexes there, so that a query waits for nothing?
    pub(super) fn has_indexes(&self) -> bool {
        self.indexes.get().is_some()
    }

    /// Is everything there that a write needs?
    pub(super) fn is_ready(&self) -> bool {
        self.has_indexes() && self.notes.get().is_some()
    }

    /// Makes everything that a write needs, if it is not there yet.
    pub(super) fn make_ready(&self) {
        self.indexes();
        self.notes();
    }

    /// The encoded key of some broken item and what is wrong with it, if there is one.
    pub(super) fn first_broken(&self) -> Option<(&str, Fault)> {
        self.notes().broken.first_key_value().map(|(key, fault)| (&**key, *fault))
    }

    /// Is it known that no item is broken?
    pub(super) fn is_sound(&self) -> bool {
        self.notes.get().is_some_and(|notes| notes.broken.is_empty())
    }

    /// Why a read with this attribute list may not return the item, if so.
    pub(super) fn fault(&self, item: &Item, asked: Option<&[String]>) -> Option<Fault> {
        if self.is_sound() { None } else { self.table.fault_in(&item.members(), asked) }
    }

    /// The number of items, with those that are past their time.
    pub(super) fn count(&self) -> u64 {
        self.items.len() as u64
    }

    /// Is this item of the table past its time?
    pub(super) fn is_over(&self, item: &Item, now: f64) -> bool {
        let Some(ttl) = self.table.ttl else { return false };
        let none_ends = self.notes.get().is_some_and(|notes| notes.ends.is_empty());
        !none_ends && item.values([ttl]).into_iter().flatten().any(|end| is_over(end_of(end), now))
    }

    /// The removal of every item that is past its time.
    pub(super) fn removal_of_ended(&self, now: f64) -> Vec<Change> {
        let ended = self.notes().ends.iter().filter(|(_, end)| is_over(Some(**end), now));
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
        self.before_change(&record.key);
        self.items.insert(record.place.clone());
        if let (Some(indexes), Some(notes)) = (self.indexes.get_mut(), self.notes.get_mut()) {
            indexes.add(&record);
            notes.add(record.values, || record.key.as_str().into());
        }
    }

    fn remove(&mut self, key: &str) {
        self.before_change(key);
        self.items.remove(|place| place.compare(&Parts::of(key)));
    }

    /// Keeps the item for a walk, and takes it out of the indexes and notes, which are there from the first change on.
    fn before_change(&mut self, key: &str) {
        self.make_ready();
        self.keep_frozen(key);
        let Some(old) = self.record(key) else { return };
        if let (Some(indexes), Some(notes)) = (self.indexes.get_mut(), self.notes.get_mut()) {
            indexes.remove(&old);
            notes.remove(&old);
        }
    }

    /// The stored item's record.
    pub(super) fn record(&self, key: &str) -> Option<Record> {
        Record::new(self.table, self.item(key)?.clone()).ok()
    }

    /// The unique attribute whose value another item has, and the encoded key of that item.
    pub(super) fn taken(&self, record: &Record) -> Option<(&'static Unique, &str)> {
        let values = self.table.unique.iter().zip(&record.values.unique).enumerate();
        let mut owners = values.filter_map(|(number, (unique, value))| Some((unique, self.owner(number, value.as_deref()?)?)));
        owners.find(|(_, owner)| *owner != record.key)
    }

    /// The item with the encoded key, past its time or not. Writers ask for it, mostly with a key that is new and so behind all others.
    pub(super) fn item(&self, key: &str) -> Option<&Item> {
        let key = Parts::of(key);
        let last = self.items.last()?;
        if last.compare(&key).is_lt() { None } else { self.item_at(&key) }
    }

    fn item_at(&self, key: &Parts<'_, 2>) -> Option<&Item> {
        self.items.get(|place| place.compare(key)).map(KeyPlace::item)
    }

    /// The item with the key, or of the smallest sort half where the key has none.
    pub(super) fn get(&self, key: &Key, now: f64) -> Option<&Item> {
        let place = Parts::of_key(&key.hash, key.range.as_deref());
        if self.table.range.is_none() || key.range.is_some() {
            return self.item_at(&place).filter(|item| !self.is_over(item, now));
        }
        let of_partition = self.items.range(|other| other.compare(&place).is_lt(), |_| true);
        let mut of_partition = of_partition.take_while(|place| place.is_of(&key.hash)).map(KeyPlace::item);
        of_partition.find(|item| !self.is_over(item, now))
    }

    /// The encoded key of the owner of a normalised value of the table's unique attribute of that number.
    pub(super) fn owner(&self, unique: usize, value: &str) -> Option<&str> {
        self.notes().owners.get(unique)?.get(value).map(|owner| &**owner)
    }

    /// The query's items in its order, from behind the place `after`; none that is past its time.
    pub(super) fn query(&self, query: &Query, after: Option<&str>, now: f64) -> Box<dyn Iterator<Item = &Item> + '_> {
        let index = self.table.indexes.iter().position(|index| index == query.index).and_then(|at| self.indexes().get(at));
        let (Some(index), false) = (index, query.is_empty()) else { return Box::new(std::iter::empty()) };
        let (first, end) = record::range(query);
        let (first, mut end, after) = (Parts::of(&first), Parts::of(&end), after.map(Parts::of));
        let mut passed = None;
        match query.order {
            Order::Ascending => passed = after,
            Order::Descending => end = after.unwrap_or(end),
        }
        let is_before = |place: &IndexPlace| match &passed {
            Some(passed) => place.compare(passed).is_le(),
            None => place.compare(&first).is_lt(),
        };
        let places = index.range(is_before, |place| place.compare(&end).is_lt());
        let items = places.map(IndexPlace::item).filter(move |item| !self.is_over(item, now));
        match query.order {
            Order::Ascending => Box::new(items),
            Order::Descending => Box::new(items.rev()),
        }
    }

    /// Places of items in order, from behind `after`, with those that are past their time.
    pub(super) fn scan(&self, after: Option<&str>) -> Range<'_, KeyPlace> {
        behind(&self.items, after)
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
            let item = self.items.get(|place| place.compare(&Parts::of(key))).map(KeyPlace::item);
            frozen.before.insert(key.into(), item.cloned());
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
        let range = behind(&self.items, frozen.passed.as_deref()).take(step);
        let mut items: BTreeMap<Box<str>, Item> = range.map(|place| (place.text().into(), place.item().clone())).collect();
        frozen.done = items.len() < step;
        let mut later = BTreeMap::new();
        if let Some((last, _)) = items.last_key_value().filter(|_| !frozen.done) {
            later = frozen.before.split_off(last);
            frozen.before.extend(later.remove_entry(last));
            frozen.passed = Some(last.clone());
        }
        for (key, item) in std::mem::replace(&mut frozen.before, later) {
            match item {
                Some(item) => items.insert(key, item),
                None => items.remove(&key),
            };
        }
        Ok(Some(items.into_values().collect()))
    }
}

/// The places behind one.
fn behind<'a>(items: &'a Sorted<KeyPlace>, after: Option<&str>) -> Range<'a, KeyPlace> {
    let after = after.map(Parts::of);
    items.range(|place| after.is_some_and(|after| place.compare(&after).is_le()), |_| true)
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
        let mut items = Sorted::default();
        records.into_iter().for_each(|record| items.insert(record.place));
        Memory::of(&post::TABLE, items)
    }

    fn listed(memory: &Memory, query: &Query) -> Vec<String> {
        memory.query(query, None, 0.0).map(|item| item.text("createdAt").unwrap()).collect()
    }

    fn by_thread(from: Option<&str>, to: Option<&str>) -> Query {
        let index = post::TABLE.index("ThreadIndex").unwrap();
        Query { from: from.map(str::to_owned), to: to.map(str::to_owned), ..Query::new(index, "t") }
    }

    #[test]
    fn a_read_by_key_makes_nothing_and_a_change_everything() {
        let mut memory = table([record("a", "1")]);
        assert!(memory.get(&Key::hash("a"), 0.0).is_some() && !memory.is_ready());
        memory.apply([Change::Put(record("b", "2"))], NOWHERE);
        assert!(memory.is_ready());
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
            let expected: Vec<_> = memory.scan(None).map(|place| place.item().clone()).collect();
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
            let items: Vec<_> = memory.scan(None).map(|place| place.item().clone()).collect();
            let fresh = table(items.into_iter().map(|item| Record::new(&post::TABLE, item).unwrap()));
            let texts = |memory: &Memory| -> Vec<Vec<_>> {
                let indexes = [0, 1].map(|number| memory.indexes().get(number).unwrap());
                indexes.map(|index| index.iter().map(IndexPlace::text).collect()).into()
            };
            prop_assert_eq!(texts(&memory), texts(&fresh));
            prop_assert_eq!(listed(&memory, &by_thread(None, None)), listed(&fresh, &by_thread(None, None)));
        }
    }
}
