//! A heartbeat beside the items of a table, which goes to other Regions as they do.

use std::fmt::Debug;

use async_trait::async_trait;

use super::error::Result;
use super::schema::{Key, Table};

/// The partition key of a table's heartbeat. No item can have it.
pub(crate) const HEARTBEAT: &str = "#heartbeat";
/// Its sort key, in a table that has one.
const RANGE: &str = "#";

/// The key of a table's heartbeat.
pub(crate) fn key(table: &Table) -> Key {
    Key { hash: HEARTBEAT.to_owned(), range: table.range.map(|_| RANGE.to_owned()) }
}

/// Keeps one heartbeat for each table. It is no item: no list, scan or check of the table shows it.
#[async_trait]
pub trait Heartbeats: Debug + Send + Sync {
    /// Stores the heartbeat, in place of the one before.
    ///
    /// # Errors
    /// Those of a write.
    async fn beat(&self, table: &'static Table, at: &str) -> Result<()>;

    /// The time of the heartbeat that has arrived here; `None` where none has.
    ///
    /// # Errors
    /// Those of a read.
    async fn last_beat(&self, table: &'static Table) -> Result<Option<String>>;
}
