//! The store on JSON files: durable, shared by several processes, for local development.
//!
//! A table is a snapshot `users.json`, a journal `users.journal` of what changed since, and a lock file `users.lock` that tells how
//! far the journal is committed; processes queue for it at `users.queue.lock`. Beside them `open.lock` tells who uses the directory
//! and `compact.lock` who compacts a table. Everything is in memory too. Where to look:
//!
//! | file | what |
//! |---|---|
//! | `memory`, `lists`, `record` | a table in memory, its indexes and unique values |
//! | `place`, `sorted` | where an item stands in a list, and the lists |
//! | `scan` | walking a table in steps, whole or a segment of it |
//! | `write` | conditional writes and what they change |
//! | `commit` | the committer: queue, append, one sync for many writes, results |
//! | `table` | what other processes wrote, another journal, poison |
//! | `lock`, `journal`, `snapshot` | the three files' formats |
//! | `turns`, `holder` | waiting for the lock, and who has it |
//! | `files` | how snapshot and journal are replaced together |
//! | `compaction` | snapshot and journal into a new pair, while writers go on |
//! | `directory`, `recover` | the start: alone or not, marks of crashes, edited files |
//! | `disk` | every call to the file system, so that tests can let it fail |

mod commit;
mod compaction;
mod directory;
mod disk;
mod files;
mod holder;
mod journal;
mod lists;
mod lock;
mod memory;
mod open;
mod options;
mod place;
mod record;
mod recover;
mod scan;
mod snapshot;
mod sorted;
mod table;
#[cfg(test)]
mod tests;
mod turns;
mod write;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};

pub use self::open::compact;
pub use self::options::{JsonOptions, UNREAD, unread};

use self::commit::{Committer, Running};
use self::directory::Directory;
use self::disk::{Disk, RealDisk};
use self::memory::Memory;
use self::open::open_tables;
use self::scan::Step;
use self::table::{OpenTable, Poison};
use self::write::Write;
use crate::store::Store;
use crate::store::check::{BrokenItems, Finding};
use crate::store::cursor::{self, Position};
use crate::store::error::{Error, Result, Rule};
use crate::store::health::{Backend, Health};
use crate::store::item::{Attributes, Item, Tag};
use crate::store::limits::MAX_KEYS;
use crate::store::merge;
use crate::store::page::{Page, PageBuilder, Query, Read, Scan, project};
use crate::store::schema::{Fault, Key, Table};
use crate::store::update::Update;

/// Items of a load that are written at once, and their bytes.
const LOAD_ITEMS: usize = 2048;
const LOAD_BYTES: usize = 4 << 20;

/// The store on JSON files.
///
/// Every table is kept in memory, in not much more than the size of its files, and every write is on disk before it is
/// acknowledged. Several processes may use one directory; each sees what the others acknowledged at once.
#[derive(Debug)]
pub struct JsonStore {
    schema: &'static [&'static Table],
    /// In the order of the schema.
    tables: Vec<Served>,
    directory: Arc<Directory>,
    close_timeout: Duration,
    broken: BrokenItems,
}

/// A table and its committer.
#[derive(Debug)]
struct Served {
    table: Arc<OpenTable>,
    committer: Committer,
}

impl JsonStore {
    /// Opens the files of these tables; makes them where they are missing, and removes the marks of crashes. Files are named after
    /// [`Table::name`]; other files in the directory are left alone.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the directory cannot be used; [`Error::Corrupt`] names the file and place that must be
    /// corrected first. Nothing was changed then.
    pub async fn open(schema: &'static [&'static Table], options: JsonOptions) -> Result<Self> {
        Self::open_on(schema, options, Arc::new(RealDisk)).await
    }

    async fn open_on(schema: &'static [&'static Table], options: JsonOptions, disk: Arc<dyn Disk>) -> Result<Self> {
        blocking(move || {
            for file in unread(&options.dir, schema) {
                tracing::warn!(file = %file.display(), "{} {UNREAD}", file.display());
            }
            // Windows keeps everyone out of a locked file, so that nothing can be read beside a writer.
            let single = options.single_writer || cfg!(windows);
            let directory = Arc::new(Directory::open(&options.dir, disk, single, options.lock_timeout)?);
            let tables = open_tables(&directory, schema, &options)?;
            let serve = |table: OpenTable| {
                let table = Arc::new(table);
                let committer = Committer::start(Arc::clone(&table), Arc::clone(&directory), options.compact_at)?;
                Ok(Served { table, committer })
            };
            let tables = tables.into_iter().map(serve).collect::<Result<_>>()?;
            Ok(Self { schema, tables, directory, close_timeout: options.close_timeout, broken: BrokenItems::default() })
        })
        .await
    }

    fn table(&self, table: &'static Table) -> Result<&Served> {
        let at = self.schema.iter().position(|known| known.name == table.name);
        at.and_then(|at| self.tables.get(at)).ok_or_else(|| Error::unavailable(format!("there is no table {}", table.name)))
    }

    /// Reads what every process has acknowledged before, with the time that ends of items are compared with.
    async fn read<T>(&self, table: &'static Table, read: impl FnOnce(&Memory, f64) -> T) -> Result<T> {
        let Served { table, .. } = self.table(table)?;
        if let Some(memory) = table.current()? {
            return Ok(read(&memory, table.now()));
        }
        if !table.catch_up_with_little()? {
            let reader = Arc::clone(table);
            blocking(move || reader.catch_up()).await?;
        }
        Ok(read(&table.memory(), table.now()))
    }

    /// Waits for the indexes of the table, which are made after the start.
    async fn wait_for_indexes(&self, table: &'static Table) -> Result<()> {
        let Served { table, .. } = self.table(table)?;
        if table.memory().has_indexes() {
            return Ok(());
        }
        let table = Arc::clone(table);
        blocking(move || {
            table.memory().make_indexes();
            Ok(())
        })
        .await
    }

    async fn write(&self, table: &'static Table, write: Write) -> Result<Option<Item>> {
        let result = self.table(table)?.committer.queue(write)?;
        // The committer drops a write without an outcome only where it panics over it.
        result.await.unwrap_or_else(|_| Err(Error::backend(Poison::Panic.reason())))
    }

    /// The error of a read that met a broken item, which is logged.
    fn corrupt(&self, table: &'static Table, item: &Item, fault: Fault) -> Error {
        let id = item.text(table.hash).unwrap_or_default();
        self.broken.met(table, &id, fault);
        Error::corrupt(format!("table {} item {id}", table.name), fault.to_string())
    }

    async fn query_partition(&self, table: &'static Table, query: &Query) -> Result<Page> {
        let start = cursor::query_start(table, query)?.map(|start| record::position(table, query, &start));
        let mut page = PageBuilder::new(query.limit);
        let wanted = page.wanted();
        let shown = |item: &Item| project(item, table, Some(query.index), query.attributes.as_deref());
        self.wait_for_indexes(table).await?;
        let stored = self.read(table, |memory, now| {
            let is_sound = |item: &&Item| {
                let fault = memory.fault(item, None).and_then(|_| memory.fault(&shown(item), query.attributes.as_deref()));
                fault.inspect(|fault| drop(self.corrupt(table, item, *fault))).is_none()
            };
            memory.query(query, start.as_deref(), now).filter(is_sound).take(wanted).cloned().collect::<Vec<_>>()
        });
        let stored = stored.await?;
        let taken = stored.iter().take_while(|item| page.offer(shown(item)).is_continue()).count();
        page.finish(|_| {
            let last = stored.get(taken.saturating_sub(1)).map_or_else(|| Ok(Attributes::new()), Item::attributes)?;
            Ok(cursor::after_query(table, query, &Position::of(table, Some(query), &last)?))
        })
    }

    async fn stored(&self, table: &'static Table, write: Write) -> Result<Item> {
        self.write(table, write).await?.ok_or_else(|| Error::backend("a write returned no item"))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::backend(error)))
}

#[async_trait]
impl Store for JsonStore {
    async fn get(&self, table: &'static Table, key: &Key, read: &Read) -> Result<Option<Item>> {
        table.check_key(key)?;
        let asked = read.attributes.as_deref();
        let found = self.read(table, |memory, now| {
            let item = project(memory.get(key, now)?, table, None, asked);
            Some((memory.fault(&item, asked), item))
        });
        match found.await? {
            Some((Some(fault), item)) => Err(self.corrupt(table, &item, fault)),
            found => Ok(found.map(|(_, item)| item)),
        }
    }

    async fn get_many(&self, keys: &[(&'static Table, Key)], read: &Read) -> Result<Vec<Option<Item>>> {
        let mut distinct: Vec<_> = keys.iter().map(|(table, key)| (table.name, key)).collect();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() > MAX_KEYS {
            return Err(Error::invalid_item("keys", format!("must be at most {MAX_KEYS} distinct ones")));
        }
        for (table, key) in keys {
            table.check_full_key(key)?;
        }
        let mut found = Vec::with_capacity(keys.len());
        for (table, key) in keys {
            found.push(match self.get(table, key, read).await {
                Err(Error::Corrupt { .. }) => None,
                found => found?,
            });
        }
        Ok(found)
    }

    async fn query(&self, table: &'static Table, query: &Query) -> Result<Page> {
        match table.spread(query.index, &query.partition) {
            None => self.query_partition(table, query).await,
            Some(constant) => {
                let one = |query: Query| async move { self.query_partition(table, &query).await }.boxed();
                merge::page(table, query, constant, &one).await
            }
        }
    }

    async fn scan(&self, table: &'static Table, scan: &Scan) -> Result<Page> {
        let start = cursor::scan_start(table, Backend::Json, scan)?;
        let mut after = start.map(|start| record::encode(table, &start.key()).into_owned());
        let mut page = PageBuilder::new(scan.limit);
        loop {
            let step = |memory: &Memory, now| {
                (Step::behind(after.as_deref(), scan.segment, page.wanted(), memory, now), memory.is_sound())
            };
            let (Step { items, last }, is_sound) = self.read(table, step).await?;
            let shown = |item| project(item, table, None, scan.attributes.as_deref());
            let mut sound = Vec::with_capacity(items.len());
            for item in &items {
                let item = shown(item);
                let fault =
                    if scan.broken || is_sound { None } else { table.fault_in(&item.members(), scan.attributes.as_deref()) };
                match fault {
                    Some(fault) => drop(self.corrupt(table, &item, fault)),
                    None => sound.push(item),
                }
            }
            let complete = sound.into_iter().try_for_each(|item| page.offer(item)).is_break();
            match last {
                Some(last) if !complete => after = Some(last),
                _ => break,
            }
        }
        // The keys are in every projection.
        page.finish(|last| Ok(cursor::after_scan(table, Backend::Json, scan, &Position::of(table, None, &last.attributes()?)?)))
    }

    async fn create(&self, table: &'static Table, attributes: Attributes) -> Result<Item> {
        self.stored(table, Write::create(table, attributes)?).await
    }

    async fn update(&self, table: &'static Table, key: &Key, update: &Update) -> Result<Item> {
        let item = self.stored(table, Write::update(table, key, update)?).await?;
        match table.fault_in(&item.members(), None) {
            Some(fault) => Err(self.corrupt(table, &item, fault)),
            None => Ok(item),
        }
    }

    async fn delete(&self, table: &'static Table, key: &Key, expected: Option<&Tag>) -> Result<()> {
        self.write(table, Write::delete(table, key, expected)?).await.map(drop)
    }

    async fn load(&self, table: &'static Table, items: BoxStream<'_, Result<Item>>) -> Result<u64> {
        let mut items = items;
        let (mut count, mut bytes, mut records) = (0, 0, Vec::new());
        loop {
            let next = items.next().await.map(|item| write::loaded(table, &item?)).transpose();
            let end = !matches!(next, Ok(Some(_)));
            let failed = next.map(|record| {
                bytes += record.as_ref().map_or(0, |record| record.item.as_json().len());
                records.extend(record);
            });
            if end || records.len() == LOAD_ITEMS || bytes > LOAD_BYTES {
                let stored = records.len() as u64;
                if stored > 0 {
                    self.write(table, Write::Load(std::mem::take(&mut records))).await?;
                }
                (count, bytes) = (count + stored, 0);
            }
            failed?;
            if end {
                return Ok(count);
            }
        }
    }

    async fn check(&self, table: &'static Table) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        let mut after = None;
        loop {
            let Step { items, last } =
                self.read(table, |memory, now| Step::behind(after.as_deref(), None, usize::MAX, memory, now)).await?;
            for item in items {
                let record = record::Record::new(table, item)?;
                findings.extend(Finding::of_item(table, record::decode(&record.key), &record.item.attributes()?));
            }
            if last.is_none() {
                return Ok(findings);
            }
            after = last;
        }
    }

    async fn repair(&self, table: &'static Table, finding: &Finding) -> Result<()> {
        match finding {
            Finding::BrokenItem { key, item, .. } => {
                let write = Write::Repair { key: record::encode(table, key).into_owned(), item: item.clone(), mended: None };
                self.write(table, write).await.map(drop)
            }
            Finding::MendableItem { key, item, mended, .. } => {
                let mended = Some(write::loaded(table, mended)?);
                let write = Write::Repair { key: record::encode(table, key).into_owned(), item: item.clone(), mended };
                self.write(table, write).await.map(drop)
            }
            // Values are indexed, not claimed: the index follows the items.
            Finding::MissingClaim { .. } | Finding::DanglingClaim { .. } => Ok(()),
            Finding::StolenClaim { key, attribute, value, owner } => {
                let holds = |memory: &Memory, key: &Key, now: f64| {
                    let record = memory.get(key, now).and_then(|item| record::Record::new(table, item.clone()).ok());
                    record.is_some_and(|record| record.values.unique.iter().flatten().any(|unique| unique == value))
                };
                match self.read(table, |memory, now| holds(memory, key, now) && holds(memory, owner, now)).await? {
                    true => Err(Error::Conflict { rule: Rule::Unique(attribute) }),
                    false => Ok(()),
                }
            }
        }
    }

    async fn health(&self, table: &'static Table) -> Health {
        let reason = match self.table(table) {
            Ok(served) if served.committer.is_open() => served.table.trouble(),
            _ => Some("closed"),
        };
        Health { mode: Backend::Json, reachable: reason.is_none(), reason, writer_elsewhere: None }
    }

    async fn close(&self) -> Result<()> {
        let until = Instant::now() + self.close_timeout;
        for served in &self.tables {
            // First, so that what is refused from now on counts as left.
            served.table.hurry.store(true, Ordering::Relaxed);
            served.committer.close();
        }
        let running: Vec<_> = self.tables.iter().filter_map(|served| served.committer.take_running()).collect();
        let tables: Vec<_> = self.tables.iter().map(|served| Arc::clone(&served.table)).collect();
        let directory = Arc::clone(&self.directory);
        blocking(move || {
            if running.is_empty() {
                return Ok(());
            }
            // One that goes on keeps the directory, so that nobody else takes himself for alone.
            let late: Vec<_> = running.iter().filter(|running| !running.ends_by(until)).collect();
            if !late.is_empty() {
                return late.into_iter().try_for_each(Running::leave);
            }
            let joined: Vec<_> = running.into_iter().map(Running::join).collect();
            if directory.try_alone()? {
                let compacted = tables.iter().try_for_each(|table| compaction::run_before(table, until));
                // What is not compacted is in the journals, as safe as before.
                let _ = compacted.inspect_err(|error| tracing::warn!(%error, "not every journal was compacted"));
                directory.leave()?;
            }
            joined.into_iter().collect()
        })
        .await
    }
}
