//! The store on JSON files.

mod memory;
mod record;
mod write;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;

use self::memory::Memory;
use self::write::{Staged, Write};
use crate::check::Finding;
use crate::cursor::{self, Position};
use crate::error::{Error, Result, Rule};
use crate::health::{Health, Mode};
use crate::item::{Attributes, Item, Tag};
use crate::page::{Page, PageBuilder, Query, Read, Scan, project};
use crate::schema::{Key, TABLES, Table};
use crate::update::Update;
use crate::{MAX_PAGE_BYTES, Segment, Store};

/// Names this backend in the cursors of scans.
const BACKEND: &str = "json";
/// Distinct keys of one `get_many` at most.
const MAX_KEYS: usize = 100;
/// Items that one step of a scan looks at under the lock.
const STEP: usize = 1024;
/// Items of a load that are written at once.
const LOAD_ITEMS: usize = 512;

/// Where the files are and how they are kept.
#[derive(Debug, Clone)]
pub struct JsonOptions {
    /// The directory of the files; made where it is missing.
    pub dir: PathBuf,
    /// Bytes above which a journal is folded into its snapshot, but never below the snapshot's own size.
    pub compact_at: u64,
    /// This process alone uses the directory, for as long as it runs.
    pub single_writer: bool,
}

impl JsonOptions {
    /// The defaults: compaction from 64 MB, several processes.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), compact_at: 64 << 20, single_writer: false }
    }
}

/// The store on JSON files.
#[derive(Debug)]
pub struct JsonStore {
    tables: Vec<Arc<RwLock<Memory>>>,
}

impl JsonStore {
    /// Opens the files of every table in [`TABLES`]; makes them where they are missing.
    ///
    /// # Errors
    /// What is wrong with the directory or a file.
    pub async fn open(options: JsonOptions) -> Result<Self> {
        let _ = options;
        Ok(Self { tables: TABLES.iter().map(|table| Arc::new(RwLock::new(Memory::new(table)))).collect() })
    }

    fn table(&self, table: &'static Table) -> Result<&Arc<RwLock<Memory>>> {
        let at = TABLES.iter().position(|known| known.name == table.name);
        at.and_then(|at| self.tables.get(at)).ok_or_else(|| Error::unavailable(format!("there is no table {}", table.name)))
    }

    async fn read<T>(&self, table: &'static Table, read: impl FnOnce(&Memory) -> T) -> Result<T> {
        Ok(read(&self.table(table)?.read().unwrap_or_else(PoisonError::into_inner)))
    }

    async fn write(&self, table: &'static Table, write: Write) -> Result<Option<Item>> {
        let mut memory = self.table(table)?.write().unwrap_or_else(PoisonError::into_inner);
        let mut staged = Staged::over(&memory);
        let answer = staged.write(write);
        for change in staged.into_changes() {
            memory.apply(change);
        }
        answer
    }
}

#[async_trait]
impl Store for JsonStore {
    async fn get(&self, table: &'static Table, key: &Key, read: &Read) -> Result<Option<Item>> {
        table.check_key(key)?;
        let found = self.read(table, |memory| memory.get(key).cloned()).await?;
        Ok(found.map(|item| project(&item, table, None, read.attributes.as_deref())))
    }

    async fn get_many(&self, keys: &[(&'static Table, Key)], read: &Read) -> Result<Vec<Option<Item>>> {
        let mut distinct: Vec<_> = keys.iter().map(|(table, key)| (table.name, key)).collect();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() > MAX_KEYS {
            return Err(Error::invalid_item("keys", format!("must be at most {MAX_KEYS} distinct ones")));
        }
        for (table, key) in keys {
            write::full_key(table, key)?;
        }
        let mut found = Vec::with_capacity(keys.len());
        for (table, key) in keys {
            found.push(self.get(table, key, read).await?);
        }
        Ok(found)
    }

    async fn query(&self, table: &'static Table, query: &Query) -> Result<Page> {
        let start = cursor::query_start(table, query)?.map(|start| record::position(table, query, &start));
        let mut page = PageBuilder::new(query.limit);
        let offer = |memory: &Memory| {
            let _ = memory.query(query, start.as_deref()).try_for_each(|item| page.offer(item.clone()));
        };
        self.read(table, offer).await?;
        let after = |item: &Item| Position::of(table, Some(query), &item.attributes()?);
        let page = page.finish(|item| Ok::<_, Error>(cursor::after_query(table, query, &after(item)?)))?;
        Ok(projected(page, |item| project(&item, table, Some(query.index), query.attributes.as_deref())))
    }

    async fn scan(&self, table: &'static Table, scan: &Scan) -> Result<Page> {
        let start = cursor::scan_start(table, BACKEND, scan)?;
        let mut after = start.map(|start| record::encode(table, &start.key()));
        let mut page = PageBuilder::new(scan.limit);
        loop {
            let step = self.read(table, |memory| step(memory, after.as_deref())).await?;
            let within = |key: &str| scan.segment.is_none_or(|segment| is_in(segment, key));
            let mut items = step.iter().filter(|(key, _)| within(key));
            let complete = items.try_for_each(|(_, item)| page.offer(item.clone())).is_break();
            match step.into_iter().last() {
                Some((last, _)) if !complete => after = Some(last.into()),
                _ => break,
            }
        }
        let position = |item: &Item| Position::of(table, None, &item.attributes()?);
        let page = page.finish(|item| Ok::<_, Error>(cursor::after_scan(table, BACKEND, scan, &position(item)?)))?;
        Ok(projected(page, |item| project(&item, table, None, scan.attributes.as_deref())))
    }

    async fn create(&self, table: &'static Table, attributes: Attributes) -> Result<Item> {
        self.stored(table, Write::create(table, attributes)?).await
    }

    async fn update(&self, table: &'static Table, key: &Key, update: &Update) -> Result<Item> {
        self.stored(table, Write::update(table, key, update)?).await
    }

    async fn delete(&self, table: &'static Table, key: &Key, expected: Option<&Tag>) -> Result<()> {
        self.write(table, Write::delete(table, key, expected)?).await.map(drop)
    }

    async fn load(&self, table: &'static Table, items: BoxStream<'_, Result<Item>>) -> Result<u64> {
        let mut count = 0;
        let mut chunks = items.map(|item| write::loaded(table, &item?)).ready_chunks(LOAD_ITEMS);
        while let Some(chunk) = chunks.next().await {
            let (records, failed) = until_failed(chunk);
            let stored = records.len();
            if !records.is_empty() {
                self.write(table, Write::Load(records)).await?;
            }
            if let Some(error) = failed {
                return Err(error);
            }
            count += stored as u64;
        }
        Ok(count)
    }

    async fn check(&self, table: &'static Table) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        let mut after: Option<Box<str>> = None;
        loop {
            let step = self.read(table, |memory| step(memory, after.as_deref())).await?;
            for (key, item) in &step {
                if let Err(error) = item.attributes().and_then(|attributes| table.check(&attributes)) {
                    findings.push(Finding::BrokenItem {
                        key: record::decode(key),
                        reason: error.to_string(),
                        item: item.clone(),
                    });
                }
            }
            match step.into_iter().last() {
                Some((last, _)) => after = Some(last),
                None => return Ok(findings),
            }
        }
    }

    async fn repair(&self, table: &'static Table, finding: &Finding) -> Result<()> {
        match finding {
            Finding::BrokenItem { key, item, .. } => {
                let write = Write::Discard { key: record::encode(table, key), item: item.clone() };
                self.write(table, write).await.map(drop)
            }
            // Values are indexed, not claimed: the index follows the items.
            Finding::MissingClaim { .. } | Finding::DanglingClaim { .. } => Ok(()),
            Finding::StolenClaim { key, attribute, value, owner } => {
                let holds = |memory: &Memory, key: &Key| {
                    let record = memory.get(key).and_then(|item| record::Record::new(table, item.clone()).ok());
                    record.is_some_and(|record| record.unique.iter().flatten().any(|unique| unique == value))
                };
                match self.read(table, |memory| holds(memory, key) && holds(memory, owner)).await? {
                    true => Err(Error::Conflict { rule: Rule::Unique(attribute) }),
                    false => Ok(()),
                }
            }
        }
    }

    async fn health(&self, _table: &'static Table) -> Health {
        Health { mode: Mode::Json, reachable: true, reason: None }
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

impl JsonStore {
    async fn stored(&self, table: &'static Table, write: Write) -> Result<Item> {
        self.write(table, write).await?.ok_or_else(|| Error::backend("a write answered no item"))
    }
}

type Step = Vec<(Box<str>, Item)>;

/// Some items from behind a key: few enough that writers need not wait for long, and no more than a page takes.
fn step(memory: &Memory, after: Option<&str>) -> Step {
    let mut bytes = 0;
    let mut room = |item: &Item| {
        let before = bytes;
        bytes += item.as_json().len();
        before <= MAX_PAGE_BYTES
    };
    memory.scan(after).take(STEP).take_while(|(_, item)| room(item)).map(|(key, item)| (key.into(), item.clone())).collect()
}

/// Is the item with this encoded key in the segment? Keys are spread evenly by their checksum.
fn is_in(segment: Segment, key: &str) -> bool {
    crc32fast::hash(key.as_bytes()) % segment.of == segment.number
}

fn projected(page: Page, project: impl Fn(Item) -> Item) -> Page {
    Page { items: page.items.into_iter().map(project).collect(), next: page.next }
}

/// What comes before the first error, and that error.
fn until_failed<T>(results: Vec<Result<T>>) -> (Vec<T>, Option<Error>) {
    let mut failed = None;
    let good = results.into_iter().map_while(|result| result.map_err(|error| failed = Some(error)).ok()).collect();
    (good, failed)
}
