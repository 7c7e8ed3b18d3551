//! Cursors: where the next page of a list starts. Not secret, but an altered one is recognised.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::error::{Error, Result};
use crate::store::health::Backend;
use crate::store::item::Attributes;
// A circle: a page holds the cursor of the next one, and a cursor names the list that it belongs to.
use crate::store::page::{Order, Query, Scan, Segment};
use crate::store::schema::{Key, Table};

/// The first byte of every cursor of this format.
const FORMAT: u8 = 1;

/// An opaque place in a list, as text that needs no escaping in a URL. Valid for that list only (table, index, partition, order
/// and range, or table, backend and segment); `limit` may change between pages, and the item it names may be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// The cursor that a client sent. It is checked when a list is asked for with it.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The place right after an item: its table key, and its sort key where the list is an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) sort: Option<String>,
    pub(crate) hash: String,
    pub(crate) range: Option<String>,
}

impl Position {
    /// The item's position in the table or in the query's index.
    pub(crate) fn of(table: &Table, query: Option<&Query>, attributes: &Attributes) -> Result<Self> {
        let sort = query.and_then(|query| query.index.key_of(attributes)).and_then(|(_, sort)| sort);
        let key = table.key_of(attributes)?;
        Ok(Self { sort: sort.map(str::to_owned), hash: key.hash, range: key.range })
    }

    pub(crate) fn key(&self) -> Key {
        Key { hash: self.hash.clone(), range: self.range.clone() }
    }
}

/// The place right after an item of a list that is merged from several partitions.
#[derive(Debug, Serialize, Deserialize)]
struct Merged {
    #[serde(flatten)]
    position: Position,
    #[serde(default)]
    partition: u32,
}

/// The list that a cursor belongs to.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum List {
    Query { table: String, index: String, partition: String, descending: bool, from: Option<String>, to: Option<String> },
    Scan { table: String, backend: String, segment: Option<(u32, u32)> },
}

/// The cursor behind an item of the query.
pub(crate) fn after_query(table: &Table, query: &Query, position: &Position) -> Cursor {
    encode(&query_list(table, query), position)
}

/// The cursor behind an item of the scan.
pub(crate) fn after_scan(table: &Table, backend: Backend, scan: &Scan, position: &Position) -> Cursor {
    encode(&scan_list(table, backend, scan), position)
}

/// Where the query goes on, if it has a cursor.
///
/// # Errors
/// [`Error::InvalidItem`] when the partition cannot be a key or a bound cannot be one of the index's; [`Error::InvalidCursor`] when
/// the cursor was altered, belongs to another list or lies outside the range.
pub(crate) fn query_start(table: &Table, query: &Query) -> Result<Option<Position>> {
    query.index.check_partition(&query.partition)?;
    for bound in [&query.from, &query.to].into_iter().flatten() {
        query.index.check_bound(bound)?;
    }
    let Some(cursor) = &query.cursor else { return Ok(None) };
    let position: Position = decode(cursor, &query_list(table, query))?;
    let within = match &position.sort {
        Some(sort) => query.index.is_sort_key(sort) && query.contains(sort),
        None => query.index.range.is_none(),
    };
    if within { checked(table, position).map(Some) } else { Err(invalid("it lies outside the range that was asked for")) }
}

/// The cursor behind an item of a list that is merged from several partitions.
pub(crate) fn after_merged(table: &Table, query: &Query, position: &Position, partition: u32) -> Cursor {
    encode(&query_list(table, query), &Merged { position: position.clone(), partition })
}

/// Where a list that is merged from so many partitions goes on, if it has a cursor: behind that item of that partition. A cursor from
/// when there was one partition is behind an item of the first.
///
/// # Errors
/// As [`query_start`].
pub(crate) fn merged_start(table: &Table, query: &Query, partitions: u32) -> Result<Option<(Position, u32)>> {
    let Some(position) = query_start(table, query)? else { return Ok(None) };
    let Some(cursor) = &query.cursor else { return Ok(None) };
    let Merged { partition, .. } = decode(cursor, &query_list(table, query))?;
    if partition < partitions { Ok(Some((position, partition))) } else { Err(invalid("it names no partition")) }
}

/// Where the scan goes on, if it has a cursor.
///
/// # Errors
/// [`Error::InvalidItem`] when there is no such segment; [`Error::InvalidCursor`] when the cursor was altered or belongs to another
/// list or backend.
pub(crate) fn scan_start(table: &Table, backend: Backend, scan: &Scan) -> Result<Option<Position>> {
    scan.segment.as_ref().map(Segment::check).transpose()?;
    let Some(cursor) = &scan.cursor else { return Ok(None) };
    checked(table, decode(cursor, &scan_list(table, backend, scan))?).map(Some)
}

fn query_list(table: &Table, query: &Query) -> List {
    List::Query {
        table: table.name.to_owned(),
        index: query.index.name.to_owned(),
        partition: query.partition.clone(),
        descending: query.order == Order::Descending,
        from: query.from.clone(),
        to: query.to.clone(),
    }
}

fn scan_list(table: &Table, backend: Backend, scan: &Scan) -> List {
    List::Scan {
        table: table.name.to_owned(),
        backend: backend.name().to_owned(),
        segment: scan.segment.map(|segment| (segment.number, segment.of)),
    }
}

fn checked(table: &Table, position: Position) -> Result<Position> {
    match table.check_key(&position.key()) {
        Ok(()) if position.range.is_some() == table.range.is_some() => Ok(position),
        _ => Err(invalid("it names no item")),
    }
}

fn encode(list: &List, position: &impl Serialize) -> Cursor {
    let body = serde_json::to_vec(&(list, position)).unwrap_or_default();
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(&crc32fast::hash(&body).to_be_bytes());
    bytes.extend_from_slice(&body);
    Cursor(BASE64.encode(bytes))
}

fn decode<P: DeserializeOwned>(cursor: &Cursor, expected: &List) -> Result<P> {
    const ALTERED: &str = "it was altered or is not one of ours";
    let bytes = BASE64.decode(&cursor.0).map_err(|_| invalid(ALTERED))?;
    let Some(([FORMAT, crc @ ..], body)) = bytes.split_first_chunk::<5>() else { return Err(invalid(ALTERED)) };
    if crc32fast::hash(body).to_be_bytes() != *crc {
        return Err(invalid(ALTERED));
    }
    let (list, position): (List, P) = serde_json::from_slice(body).map_err(|_| invalid(ALTERED))?;
    if list == *expected { Ok(position) } else { Err(invalid("it belongs to another list")) }
}

fn invalid(reason: &'static str) -> Error {
    Error::InvalidCursor { reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::toy::NOTES;
    use proptest::prelude::*;

    fn query() -> Query {
        Query { from: Some("2024".to_owned()), ..Query::new(NOTES.index("BookIndex").unwrap(), "t1") }
    }

    fn position() -> Position {
        Position { sort: Some("2024-05".to_owned()), hash: "p1".to_owned(), range: Some("t1".to_owned()) }
    }

    fn is_refused(query: &Query, cursor: &Cursor) -> bool {
        matches!(start(query, cursor), Err(Error::InvalidCursor { .. }))
    }

    fn start(query: &Query, cursor: &Cursor) -> Result<Option<Position>> {
        query_start(&NOTES, &Query { cursor: Some(cursor.clone()), ..query.clone() })
    }

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        let cursor = after_query(&NOTES, &query(), &position());
        assert_eq!(start(&query(), &cursor).unwrap(), Some(position()));
        assert_eq!(start(&Query { limit: 7, ..query() }, &cursor).unwrap(), Some(position()));
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let cursor = after_query(&NOTES, &query(), &position());
        for other in [
            Query { index: NOTES.index("WriterIndex").unwrap(), ..query() },
            Query { partition: "t2".to_owned(), ..query() },
            Query { order: Order::Descending, ..query() },
            Query { from: None, ..query() },
            Query { to: Some("2025".to_owned()), ..query() },
        ] {
            assert!(is_refused(&other, &cursor), "{other:?}");
        }
        let scan = Scan { cursor: Some(cursor), ..Scan::new(9) };
        assert!(matches!(scan_start(&NOTES, Backend::Json, &scan), Err(Error::InvalidCursor { .. })));
    }

    #[test]
    fn a_forged_place_is_refused() {
        let outside = Position { sort: Some("2023".to_owned()), ..position() };
        let unsorted = Position { sort: None, ..position() };
        let half_a_key = Position { range: None, ..position() };
        for place in [outside, unsorted, half_a_key] {
            let cursor = after_query(&NOTES, &query(), &place);
            assert!(is_refused(&query(), &cursor), "{place:?}");
        }
    }

    #[test]
    fn a_forged_sort_key_that_no_item_can_have_is_refused() {
        let whole = Query { from: None, ..query() };
        for sort in [String::new(), "2".repeat(1025), "2\0".to_owned()] {
            let cursor = after_query(&NOTES, &whole, &Position { sort: Some(sort.clone()), ..position() });
            assert!(is_refused(&whole, &cursor), "{sort:?}");
        }
    }

    proptest! {
        #[test]
        fn a_cursor_with_a_changed_byte_is_refused(at in 0_usize..200, flip in 1_u8..=255) {
            let mut bytes = after_query(&NOTES, &query(), &position()).to_string().into_bytes();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            let altered = Cursor::from_text(String::from_utf8_lossy(&bytes));
            prop_assert!(is_refused(&query(), &altered));
        }

        #[test]
        fn a_cursor_with_a_changed_part_is_refused(at in 0_usize..400, length in 0_usize..9, part in "[A-Za-z0-9_=-]{0,8}") {
            let original = after_query(&NOTES, &query(), &position());
            let mut text = original.to_string();
            let at = at % (text.len() + 1);
            text.replace_range(at..text.len().min(at + length), &part);
            let altered = Cursor::from_text(text);
            prop_assert_eq!(is_refused(&query(), &altered), altered != original);
        }

        #[test]
        fn any_text_is_refused_without_panic(text in ".{0,80}") {
            prop_assert!(is_refused(&query(), &Cursor::from_text(text)));
        }

        #[test]
        fn any_bytes_are_refused_without_panic(body in prop::collection::vec(any::<u8>(), 0..80), has_checksum: bool) {
            let mut bytes = if has_checksum { [&[FORMAT], &crc32fast::hash(&body).to_be_bytes()[..]].concat() } else { vec![] };
            bytes.extend(body);
            prop_assert!(is_refused(&query(), &Cursor::from_text(BASE64.encode(bytes))));
        }

        #[test]
        fn any_place_in_the_range_is_led_back_to(sort in "2024[^\0]{0,9}", hash in "[^\0#]{1,9}", range in "[^\0]{1,9}") {
            let place = Position { sort: Some(sort), hash, range: Some(range) };
            let cursor = after_query(&NOTES, &query(), &place);
            prop_assert_eq!(start(&query(), &cursor).unwrap(), Some(place));
        }
    }
}
