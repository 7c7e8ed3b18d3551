//! The contract: [`Store`], its promises, and what it speaks of. Knows neither the backends nor the forum, and imports nothing
//! from outside this folder.

pub(crate) mod check;
pub(crate) mod cursor;
pub(crate) mod error;
pub(crate) mod grant;
pub(crate) mod health;
pub(crate) mod heartbeat;
pub(crate) mod item;
pub(crate) mod lease;
pub(crate) mod limits;
pub(crate) mod merge;
pub(crate) mod page;
mod reserved;
pub mod schema;
pub(crate) mod time;
#[cfg(test)]
pub(crate) mod toy;
pub(crate) mod update;

use std::fmt::Debug;

use async_trait::async_trait;
use futures::stream::BoxStream;

pub use check::Finding;
pub use cursor::Cursor;
pub use error::{Error, Result, Rule};
pub use grant::{Clock, Grant, SystemClock};
pub use health::{Backend, Health};
pub use heartbeat::Heartbeats;
pub use item::{Attributes, Expected, Found, Item, Members, Number, Tag, Value, check_size};
pub use lease::{Control, Lease};
pub use limits::{MAX_ITEM_BYTES, MAX_KEYS};
pub use page::{MAX_PAGE_BYTES, Order, Page, Query, Read, Scan, Segment};
pub use schema::{Key, Table};
pub use update::{Advance, Update};

/// Items of declared tables, kept by some backend. It knows keys, indexes and unique attributes, but nothing of users, threads
/// and posts. Everything that the HTTP interface promises rests on the promises here; the conformance suite in
/// `tests/conformance/` holds every backend to them.
///
/// # Of every operation
/// - A backend MUST check keys and items with [`Table::check_key`] (writes: [`Table::check_full_key`]), [`Table::check`] and
///   [`check_size`] before it does anything, and return [`Error::InvalidItem`] or [`Error::TooLarge`] with nothing written. These come
///   before every other error.
/// - An acknowledged write MUST survive the loss of every process, and on JSON files of power.
/// - A write that failed with any error but [`Error::Timeout`] or [`Error::Backend`] MUST NOT have happened; with these two it may
///   have. Dropping the future of a write does not undo it.
/// - A write that the backend retries by itself MUST happen once: each carries a fresh `writeId`, which is how a retry recognises
///   that an earlier attempt, whose response was lost, succeeded.
/// - Attributes that the schema does not know MUST be kept as they are.
/// - What a read returns is never broken (see [`Table::check`]): other programs write to the same tables. Lists and `get_many` leave
///   such items out; `get`, and an `update` that leaves one broken, are [`Error::Corrupt`], although that update is made. Known attributes
///   that are NULL count as absent. With an attribute list only what was asked for is looked at.
/// - An item that is past its [time](Table::ttl) is absent, for every operation and from that second on: reads and lists leave it out,
///   a create may take its key, an update or a delete does not find it. What a write returns is the item as it stored it.
/// - When the backend cannot serve, the error is [`Error::Throttled`], [`Error::Timeout`], [`Error::Unavailable`],
///   [`Error::NotWriting`], [`Error::Corrupt`] or [`Error::Backend`], whatever the operation.
///
/// # Consistency
/// On DynamoDB eventual reads and index queries may miss the last second's writes; JSON files never do. Between regions the last
/// writer wins, silently: conditions, versions and uniqueness hold within one region, so one region takes writes at a time:
/// see [`crate::layer::fence`].
///
/// A [`crate::layer::CachedStore`] may return an eventual `get`, and the first page of a list, as they were before others wrote, for as
/// long as it was set to. Strong reads, those that [bypass the cache](Read::bypass_cache) and `get_many` always ask the backend: what
/// decides about a write must be one of these.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// One item by key, or `None`. A key without sort half in a table that has one returns the item with the smallest sort half.
    async fn get(&self, table: &'static Table, key: &Key, read: &Read) -> Result<Option<Item>>;

    /// Many items by full key, across tables. The result is in the order of `keys`, one entry each; a repeated key MUST be read
    /// only once. No more than [`MAX_KEYS`] distinct keys: more is [`Error::InvalidItem`].
    async fn get_many(&self, keys: &[(&'static Table, Key)], read: &Read) -> Result<Vec<Option<Item>>>;

    /// One page of one partition of an index, in the order of its sort key; of all that a table is [spread over](schema::Constant::partitions),
    /// where the partition is the constant's value. Items of equal sort key come in a fixed order that the
    /// backend chooses. A walk along the cursors MUST return every item that was there all the time exactly once.
    ///
    /// # Errors
    /// [`Error::InvalidItem`] when the partition cannot be a key of the index or a bound not one of its sort keys';
    /// [`Error::InvalidCursor`]. Both before any call.
    async fn query(&self, table: &'static Table, query: &Query) -> Result<Page>;

    /// One page of a whole table or of one segment of it, in the backend's own order; cut as in [`Store::query`]. Its cursors are
    /// valid on the same backend only.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`], before any call.
    async fn scan(&self, table: &'static Table, scan: &Scan) -> Result<Page>;

    /// Stores a new item and returns it as stored: with `version` 1, a fresh `writeId` and the table's constant added.
    ///
    /// # Errors
    /// [`Error::Conflict`] names the rule; a taken key MUST be reported before a taken unique value.
    async fn create(&self, table: &'static Table, attributes: Attributes) -> Result<Item>;

    /// Changes an item in part and returns it as it is then: `version` grown by 1, with a fresh `writeId`; after a
    /// [touch](Update::touch) with a fresh `touchId` instead. An `updatedAt` that is
    /// before the item's `createdAt` or `updatedAt` becomes the later of these: clocks are set back, and differ between hosts.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::ConditionFailed`]; [`Error::VersionMismatch`] when the item does not have the expected tag;
    /// [`Error::Conflict`] when another item has the unique value. They MUST be reported in this order. A key without its sort half is
    /// [`Error::InvalidItem`].
    async fn update(&self, table: &'static Table, key: &Key, update: &Update) -> Result<Item>;

    /// Removes an item, and frees its unique values.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::VersionMismatch`] when the item does not have the expected tag.
    async fn delete(&self, table: &'static Table, key: &Key, expected: Option<&Tag>) -> Result<()>;

    /// Stores the stream's items as they are, hidden attributes too, in place of those with their keys; adds only the table's
    /// constant and what keeps values unique. Returns how many. Not atomic: on an error some items are stored; repeating a load is
    /// harmless. A load and other writers of the same items SHOULD NOT run at once.
    ///
    /// # Errors
    /// The stream's own errors. [`Error::Conflict`] when an item has the unique value of another one, of the stream or stored.
    async fn load(&self, table: &'static Table, items: BoxStream<'_, Result<Item>>) -> Result<u64>;

    /// What in the table breaks a rule, in no particular order. Costs a read of the whole table.
    async fn check(&self, table: &'static Table) -> Result<Vec<Finding>>;

    /// Repairs one finding as [`Finding`] says. A finding that no longer holds MUST be left alone and is no error.
    ///
    /// # Errors
    /// [`Error::Conflict`] for a finding that only a person can repair.
    async fn repair(&self, table: &'static Table, finding: &Finding) -> Result<()>;

    /// Can the store serve this table? Cheap enough to be asked every second by a load balancer; never an error.
    async fn health(&self, table: &'static Table) -> Health;

    /// Finishes what was begun and tidies up; writes that come later are [`Error::Unavailable`]. Ends within a few seconds.
    ///
    /// # Errors
    /// Writes that were queued are not done. Acknowledged ones are on disk.
    async fn close(&self) -> Result<()>;
}

/// Reads that a handler wants, over any [`Store`].
pub trait StoreExt: Store {
    /// One item by key: an eventual read, and only a miss is repeated with a strong one. So what was just created is found at
    /// the price of an eventual read.
    fn find(&self, table: &'static Table, key: &Key, read: &Read) -> impl Future<Output = Result<Option<Item>>> + Send {
        async move {
            match self.get(table, key, read).await? {
                None if !read.strong => self.get(table, key, &Read { strong: true, ..read.clone() }).await,
                found => Ok(found),
            }
        }
    }

    /// Many items by full key, as [`StoreExt::find`]: only what was missed is read again.
    fn find_many(&self, keys: &[(&'static Table, Key)], read: &Read) -> impl Future<Output = Result<Vec<Option<Item>>>> + Send {
        async move {
            let mut found = self.get_many(keys, read).await?;
            let missed: Vec<_> = keys.iter().zip(&found).filter(|(_, item)| item.is_none()).map(|(key, _)| key.clone()).collect();
            if !missed.is_empty() && !read.strong {
                let mut again = self.get_many(&missed, &Read { strong: true, ..read.clone() }).await?.into_iter();
                for item in found.iter_mut().filter(|item| item.is_none()) {
                    *item = again.next().flatten();
                }
            }
            Ok(found)
        }
    }
}

impl<S: Store + ?Sized> StoreExt for S {}
