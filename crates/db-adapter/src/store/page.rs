//! Lists: what to ask for, and how a page is cut. Cut here, the same on every backend.

use std::ops::ControlFlow;

use crate::store::cursor::Cursor;
use crate::store::error::{Error, Result};
use crate::store::item::Item;
use crate::store::reserved::{TOUCH_ID, VERSION, WRITE_ID};
use crate::store::schema::{Index, Table};

/// Maximum bytes of JSON on a page, unless its only item is larger. Counted is what the page returns, hidden attributes too, so with
/// an attribute list more items fit.
pub const MAX_PAGE_BYTES: usize = 1 << 20;

/// The direction of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Order {
    /// Smallest sort key first: oldest first.
    #[default]
    Ascending,
    /// Largest sort key first: newest first.
    Descending,
}

/// One page of one partition of an index.
#[derive(Debug, Clone)]
pub struct Query {
    /// The index; one of the table's own.
    pub index: &'static Index,
    /// The value of the index's partition key.
    pub partition: String,
    /// The direction.
    pub order: Order,
    /// Only items whose sort key is at least this. For an index with a sort key; no more than 1,024 bytes.
    pub from: Option<String>,
    /// Only items whose sort key is less than this; none where it is not above `from`. As `from` otherwise.
    pub to: Option<String>,
    /// Maximum number of items on the page; 0 counts as 1.
    pub limit: usize,
    /// Where the page starts; from the first item where `None`.
    pub cursor: Option<Cursor>,
    /// The attributes to return, as in [`Read`].
    pub attributes: Option<Vec<String>>,
    /// Read from the backend, not from a [cache](crate::layer).
    pub bypass_cache: bool,
}

impl Query {
    /// The whole partition, oldest first, 100 items a page.
    pub fn new(index: &'static Index, partition: impl Into<String>) -> Self {
        let partition = partition.into();
        Self {
            index,
            partition,
            order: Order::Ascending,
            from: None,
            to: None,
            limit: 100,
            cursor: None,
            attributes: None,
            bypass_cache: false,
        }
    }

    /// Can no sort key lie within the range?
    pub(crate) fn is_empty(&self) -> bool {
        matches!((&self.from, &self.to), (Some(from), Some(to)) if from >= to)
    }

    /// Does the sort key lie within `from` (inclusive) and `to` (exclusive)?
    pub fn contains(&self, sort: &str) -> bool {
        self.from.as_deref().is_none_or(|from| from <= sort) && self.to.as_deref().is_none_or(|to| sort < to)
    }
}

/// One page of a whole table, in the backend's own order.
#[derive(Debug, Clone)]
pub struct Scan {
    /// Only this part of the table, for parallel scans.
    pub segment: Option<Segment>,
    /// Maximum number of items on the page; 0 counts as 1.
    pub limit: usize,
    /// Where the page starts; from the first item where `None`.
    pub cursor: Option<Cursor>,
    /// The attributes to return, as in [`Read`].
    pub attributes: Option<Vec<String>>,
    /// Return broken items too, as they are stored: for backups and checks. Others never see one.
    pub broken: bool,
}

impl Scan {
    /// The whole table, `limit` items a page.
    pub fn new(limit: usize) -> Self {
        Self { segment: None, limit, cursor: None, attributes: None, broken: false }
    }
}

/// One of `of` parts of a table; together the parts are the table, and no item is in two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Which part, from 0.
    pub number: u32,
    /// How many parts there are; at least 1.
    pub of: u32,
}

impl Segment {
    pub(crate) fn check(&self) -> Result<()> {
        if self.number < self.of {
            Ok(())
        } else {
            Err(Error::invalid_item("segment", "must be less than the number of segments"))
        }
    }
}

/// How to read.
#[derive(Debug, Clone, Default)]
pub struct Read {
    /// See every write that was acknowledged before. Without it DynamoDB may miss the last second's, and a [cache](crate::layer)
    /// what others wrote since it read.
    pub strong: bool,
    /// Return these attributes only, and always the table's keys (for a query the index's sort key too), `version`, `writeId`, `touchId` and
    /// the time at which the item ends.
    /// `None` returns every attribute.
    pub attributes: Option<Vec<String>>,
    /// Read from the backend, not from a [cache](crate::layer). Strong reads always do.
    pub bypass_cache: bool,
}

impl Read {
    /// A read that sees every acknowledged write.
    pub const STRONG: Read = Read { strong: true, attributes: None, bypass_cache: false };
}

/// Some items of a list and where the next page starts.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The items in the list's order.
    pub items: Vec<Item>,
    /// The next page: present exactly when another item exists.
    pub next: Option<Cursor>,
}

/// Cuts a page: after `limit` items, or before the item that takes the sum of the items' JSON above [`MAX_PAGE_BYTES`], but
/// never before the first item.
#[derive(Debug)]
pub(crate) struct PageBuilder {
    limit: usize,
    bytes: usize,
    items: Vec<Item>,
    more: bool,
}

impl PageBuilder {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), bytes: 0, items: Vec::new(), more: false }
    }

    /// Takes the list's next item. Breaks when the item is not on this page, and so the page is complete.
    pub(crate) fn offer(&mut self, item: Item) -> ControlFlow<()> {
        let bytes = self.bytes + item.as_json().len();
        if !self.items.is_empty() && (self.items.len() == self.limit || bytes > MAX_PAGE_BYTES) {
            self.more = true;
            return ControlFlow::Break(());
        }
        self.bytes = bytes;
        self.items.push(item);
        ControlFlow::Continue(())
    }

    /// Items that the page still has room for, and the one that proves a next page.
    pub(crate) fn wanted(&self) -> usize {
        (self.limit - self.items.len()).saturating_add(1)
    }

    /// The page, with a cursor behind its last item where another one was offered.
    pub(crate) fn finish<E>(
        self,
        cursor_after: impl FnOnce(&Item) -> std::result::Result<Cursor, E>,
    ) -> std::result::Result<Page, E> {
        let last = self.items.last().filter(|_| self.more);
        let next = last.map(cursor_after).transpose()?;
        Ok(Page { items: self.items, next })
    }
}

/// Every attribute that a read with this attribute list returns.
pub(crate) fn projection<'a>(table: &'static Table, index: Option<&'static Index>, asked: &'a [String]) -> Vec<&'a str> {
    let keys = [
        Some(table.hash),
        table.range,
        index.and_then(|index| index.range),
        Some(VERSION),
        Some(WRITE_ID),
        Some(TOUCH_ID),
        table.ttl,
    ];
    let mut names: Vec<&str> = asked.iter().map(String::as_str).chain(keys.into_iter().flatten()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The item as a read with this attribute list returns it.
pub(crate) fn project(item: &Item, table: &'static Table, index: Option<&'static Index>, asked: Option<&[String]>) -> Item {
    match asked {
        None => item.clone(),
        Some(asked) => {
            let names = projection(table, index, asked);
            item.project(|name| names.binary_search(&name).is_ok())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(bytes: usize) -> Item {
        Item::parse(&format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8))).unwrap()
    }

    fn cut(limit: usize, sizes: &[usize]) -> (usize, bool) {
        let mut page = PageBuilder::new(limit);
        let _ = sizes.iter().try_for_each(|size| page.offer(item(*size)));
        let page = page.finish(|_| Ok::<_, ()>(Cursor::from_text("next"))).unwrap();
        (page.items.len(), page.next.is_some())
    }

    #[test]
    fn a_page_ends_at_its_limit_or_at_one_mebibyte() {
        assert_eq!(cut(2, &[]), (0, false));
        assert_eq!(cut(2, &[9, 9]), (2, false));
        assert_eq!(cut(2, &[9, 9, 9]), (2, true));
        assert_eq!(cut(0, &[9, 9]), (1, true));
        assert_eq!(cut(9, &[MAX_PAGE_BYTES - 9, 9]), (2, false));
        assert_eq!(cut(9, &[MAX_PAGE_BYTES - 9, 10]), (1, true));
        assert_eq!(cut(9, &[MAX_PAGE_BYTES + 1]), (1, false));
    }
}
