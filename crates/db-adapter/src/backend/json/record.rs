//! Where an item stands in memory: its places, encoded so that text order is list order.
//!
//! U+0000 cannot occur in a key, so it separates the parts of a place: it sorts before every other character, and so encoded
//! places are ordered as the tuples of their parts are.

use std::borrow::Cow;

use crate::store::cursor::Position;
use crate::store::error::{Error, Result};
use crate::store::item::Item;
use crate::store::page::Query;
use crate::store::schema::{Fault, Key, Table};

const SEPARATOR: char = '\0';
/// The first text behind everything that starts with a separator.
const BEHIND: char = '\u{1}';

/// An item and its places in a table.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) item: Item,
    /// The encoded key.
    pub(super) key: String,
    /// The place in each of the table's indexes, where the item is in it.
    pub(super) places: Vec<Option<String>>,
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
        let members = item.members();
        let text = |name: &str| members.text(name);
        let half = |name: &str| text(name).ok_or_else(|| Error::invalid_item(name, "is missing: it is part of the key"));
        let mut key = half(table.hash)?.into_owned();
        if let Some(range) = table.range {
            push(&mut key, &half(range)?);
        }
        let place = |(hash, range): (&str, Option<&str>)| {
            let mut place = text(hash)?.into_owned();
            if let Some(range) = range {
                push(&mut place, &text(range)?);
            }
            push(&mut place, &key);
            Some(place)
        };
        let places = table.indexes.iter().map(|index| place((index.hash, index.range))).collect();
        let unique = table.unique.iter().map(|unique| text(unique.attribute).map(|value| unique.normalise(&value))).collect();
        let fault = table.fault_in(&members, None);
        let end = table.end_in(&members);
        drop(members);
        Ok(Self { item, key, places, unique, fault, end })
    }
}

fn push(place: &mut String, part: &str) {
    place.reserve_exact(SEPARATOR.len_utf8() + part.len());
    place.push(SEPARATOR);
    place.push_str(part);
}

/// The place of a key in the table. Of a partition key alone in a table with sort keys: the prefix of all it has.
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

/// The places of a query's range: from the first (inclusive) to the second (exclusive).
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

/// The place of a cursor in the query's index.
pub(super) fn position(table: &Table, query: &Query, position: &Position) -> String {
    let mut place = query.partition.clone();
    if let Some(sort) = &position.sort {
        push(&mut place, sort);
    }
    push(&mut place, &encode(table, &position.key()));
    place
}
