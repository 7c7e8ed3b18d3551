//! Where the files are and how they are kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::store::grant::{Clock, SystemClock};
use crate::store::schema::Table;

/// What is said of each file of [`unread`], after its name.
pub const UNREAD: &str =
    "is not read: it is no file of a store; move it to a folder of its own, and load it with `forum migrate --from`";

/// Files in a store's directory that hold items in a form which the store does not read: `db.json`, and `NAME/db.json` for each table.
pub fn unread(dir: &Path, schema: &[&'static Table]) -> Vec<PathBuf> {
    let folders = std::iter::once(dir.to_owned()).chain(schema.iter().map(|table| dir.join(table.name)));
    folders.map(|folder| folder.join("db.json")).filter(|file| file.is_file()).collect()
}

/// Where the files are and how they are kept.
#[derive(Debug, Clone)]
pub struct JsonOptions {
    /// The directory of the files; made where it is missing.
    pub dir: PathBuf,
    /// Bytes above which a journal is compacted into its table's snapshot, but never below the snapshot's own size.
    pub compact_at: u64,
    /// This process alone uses the directory, for as long as it runs.
    pub single_writer: bool,
    /// How long the lock of a table may stand still, as while its holder is stopped, before writes are refused and the store is not
    /// healthy; a start waits six times as long. A lock that goes from one busy process to another does not stand still.
    pub lock_timeout: Duration,
    /// Open files with broken items too, to check and repair them; reads leave such items out.
    pub keep_broken: bool,
    /// How long [`Store::close`](crate::Store::close) may take. What is not compacted by then stays in the journals, as safe as before.
    pub close_timeout: Duration,
    /// Tells which items are past their time.
    pub clock: Arc<dyn Clock>,
}

impl JsonOptions {
    /// The defaults: compaction from 64 MB, several processes, five seconds for a lock and to close.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let seconds = Duration::from_secs(5);
        Self {
            dir: dir.into(),
            compact_at: 64 << 20,
            single_writer: false,
            lock_timeout: seconds,
            keep_broken: false,
            close_timeout: seconds,
            clock: Arc::new(SystemClock),
        }
    }
}
