//! Walking a table in steps, so that writers need not wait for the whole of it.

use super::memory::Memory;
use super::place::KeyPlace;
use crate::store::item::Item;
use crate::store::page::{MAX_PAGE_BYTES, Segment};

/// Maximum number of items that one step looks at under the lock.
const ITEMS: usize = 1024;

/// Some items of a table, in the order of their encoded keys.
#[derive(Debug)]
pub(super) struct Step {
    /// Those of the segment.
    pub(super) items: Vec<Item>,
    /// The last key that was looked at; `None` at the end of the table.
    pub(super) last: Option<String>,
}

impl Step {
    /// What the segment, or the table, has behind a key: few enough that writers need not wait for long, and no more than about a page
    /// or the items that are wanted.
    pub(super) fn behind(after: Option<&str>, segment: Option<Segment>, wanted: usize, memory: &Memory, now: f64) -> Self {
        let (mut items, mut last, mut bytes) = (Vec::new(), None, 0);
        for place in memory.scan(after).take(ITEMS) {
            last = Some(place);
            let item = place.item();
            if segment.is_none_or(|segment| is_in(segment, &place.text())) && !memory.is_over(item, now) {
                bytes += item.as_json().len();
                items.push(item.clone());
            }
            if bytes > MAX_PAGE_BYTES || items.len() >= wanted {
                break;
            }
        }
        Self { items, last: last.map(KeyPlace::text) }
    }
}

/// Is the item with this encoded key in the segment? Keys are spread evenly by their checksum.
fn is_in(segment: Segment, key: &str) -> bool {
    crc32fast::hash(key.as_bytes()) % segment.of == segment.number
}
