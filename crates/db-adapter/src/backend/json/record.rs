//! What a table keeps of an item: its places, its unique values, whether it is broken, when it ends.

use std::borrow::Cow;

use super::place::{IndexPlace, KeyPlace, Names, SEPARATOR};
use crate::store::cursor::Position;
use crate::store::error::{Error, Result};
use crate::store::item::Item;
use crate::store::page::Query;
use crate::store::schema::{Fault, Index, Key, Table, Unique};

/// The first text behind everything that starts with a separator.
const BEHIND: char = '\u{1}';

/// An item and its places in a table.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) item: Item,
    /// The text of the place of its key.
    pub(super) key: String,
    pub(super) place: KeyPlace,
    /// The place in each of the table's indexes, where the item is in it.
    pub(super) places: Vec<Option<IndexPlace>>,
    pub(super) values: Values,
}

/// What a table keeps of an item beside its places.
#[derive(Debug, Clone)]
pub(super) struct Values {
    /// The normalised value of each of the table's unique attributes, where the item has it.
    pub(super) unique: Vec<Option<String>>,
    /// Why the item is broken, if it is.
    pub(super) fault: Option<Fault>,
    /// When the item ends, if it does.
    pub(super) end: Option<f64>,
}

impl Record {
    /// The item's record; reads only what it needs of an item that was checked when it was stored.
    ///
    /// # Errors
    /// [`Error::InvalidItem`] when the item has no key.
    pub(super) fn new(table: &'static Table, item: Item) -> Result<Self> {
        let no_key = || Error::invalid_item(table.hash, "is missing, or the other half of the key");
        let place = KeyPlace::new(&item, &key_names(table), None).ok_or_else(no_key)?;
        let places = table.indexes.iter().map(|index| IndexPlace::new(&item, &index_names(table, index), None)).collect();
        let values = Values::of(table, &item);
        Ok(Self { key: place.text(), place, places, values, item })
    }
}

impl Values {
    pub(super) fn of(table: &'static Table, item: &Item) -> Self {
        let members = item.members();
        let value = |unique: &Unique| members.text(unique.attribute).map(|value| unique.normalise(&value));
        let unique = table.unique.iter().map(value).collect();
        Self { unique, fault: table.fault_in(&members, None), end: table.end_in(&members) }
    }
}

/// What the place of a key in the table is made of.
pub(super) fn key_names(table: &Table) -> Names<2> {
    [Some(table.hash), table.range]
}

/// What a place in an index of the table is made of.
pub(super) fn index_names(table: &Table, index: &Index) -> Names<4> {
    match index.range {
        Some(range) => [Some(index.hash), Some(range), Some(table.hash), table.range],
        None => [Some(index.hash), Some(table.hash), table.range, None],
    }
}

fn push(place: &mut String, part: &str) {
    place.reserve_exact(SEPARATOR.len_utf8() + part.len());
    place.push(SEPARATOR);
    place.push_str(part);
}

/// The text of the place of a key in the table. Of a partition key alone in a table with sort keys: the prefix of all it has.
pub(super) fn encode<'a>(table: &Table, key: &'a Key) -> Cow<'a, str> {
    let mut place = Cow::Borrowed(key.hash.as_str());
    if table.range.is_some() {
        push(place.to_mut(), key.range.as_deref().unwrap_or_default());
    }
    place
}

/// The key at a place in the table.
pub(super) fn decode(place: &str) -> Key {
    match place.split_once(SEPARATOR) {
        Some((hash, range)) => Key::pair(hash, range),
        None => Key::hash(place),
    }
}

/// The texts of the places of a query's range: from the first (inclusive) to the second (exclusive).
pub(super) fn range(query: &Query) -> (String, String) {
    let start = |sort: &str| {
        let mut place = query.partition.clone();
        push(&mut place, "");
        // A sort key holds no U+0000, so of a bound that does only what precedes it matters, and that exclusively.
        match sort.split_once(SEPARATOR) {
            None => place.push_str(sort),
            Some((head, _)) => place.extend([head, BEHIND.encode_utf8(&mut [0; 4])]),
        }
        place
    };
    let end = || format!("{}{BEHIND}", query.partition);
    (start(query.from.as_deref().unwrap_or_default()), query.to.as_deref().map_or_else(end, start))
}

/// The text of the place of a cursor in the query's index.
pub(super) fn position(table: &Table, query: &Query, position: &Position) -> String {
    let mut place = query.partition.clone();
    if let Some(sort) = &position.sort {
        push(&mut place, sort);
    }
    push(&mut place, &encode(table, &position.key()));
    place
}
