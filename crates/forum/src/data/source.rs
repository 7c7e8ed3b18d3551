//! What items are read from: a store, a backup, a folder of JSON files. Items are streamed, in no particular order.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Error, Result};
use db_adapter::config::{DynamoConfig, FenceConfig, StoreConfig};
use db_adapter::forum::TABLES;
use db_adapter::json::{self, JsonOptions, JsonStore};
use db_adapter::{Backend, Cursor, Item, Page, Scan, Segment, Store, Table};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Duration;

use crate::Tables;
use crate::data::archive;
use crate::data::location::{Location, with_long_timeouts};
use crate::data::source::directory::{Directory, ReadingArguments};
use crate::output;
use crate::run::rate::{RateCap, read_units};

pub(crate) mod directory;

/// Maximum number of items of a page: enough to fill a response of DynamoDB, few enough for many segments at once.
const PAGE_ITEMS: usize = 1000;
/// Default number of segments: on DynamoDB, of which DynamoDB Local needs many for large tables, and on JSON files.
const SEGMENTS: (u32, u32) = (16, 4);
/// Number of times that a page is requested again if the backend is busy, and the first pause before that, which doubles.
const RETRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(500);

/// A source of items that can be read repeatedly.
#[derive(Debug)]
pub(crate) enum Source {
    /// A store of either backend.
    Store(Scanner),
    /// A backup file. Reading checks every part.
    Backup(PathBuf),
    /// A folder of plain JSON files.
    Directory(Directory),
}

/// Reads a store in parallel segments.
#[derive(Debug, Clone)]
pub(crate) struct Scanner {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Where it is.
    pub(crate) location: Location,
    /// Number of segments in which a table is read.
    pub(crate) segments: u32,
    cap: Arc<RateCap>,
}

/// Some items of a table.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The segment that contains them.
    pub(crate) segment: u32,
    /// The items.
    pub(crate) items: Vec<Item>,
    /// The cursor of the segment's next page; `None` at its end.
    pub(crate) next: Option<Cursor>,
    /// The approximate read capacity units that they cost; 0 on JSON files.
    pub(crate) units: f64,
}

/// The batches of a table, as they arrive. Dropping it stops the reading.
#[derive(Debug)]
pub(crate) struct Batches {
    batches: mpsc::Receiver<Result<Batch>>,
    _tasks: JoinSet<()>,
}

impl Batches {
    /// The next batch; `None` at the end of the table.
    pub(crate) async fn next(&mut self) -> Result<Option<Batch>> {
        self.batches.recv().await.transpose()
    }
}

impl Source {
    /// A folder: a JSON store, which is opened with these settings, or files as these options say.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub(crate) async fn folder(
        path: &Path,
        tables: Tables,
        reading: &ReadingArguments,
        store: &StoreConfig,
        segments: Option<u32>,
    ) -> Result<Self> {
        if Directory::is_store(path, tables) {
            return Ok(Self::Store(Scanner::open(store, segments, None).await?));
        }
        let (path, reading) = (path.to_owned(), reading.clone());
        let opened = tokio::task::spawn_blocking(move || Directory::open(&path, tables, &reading)).await?;
        opened.map(Self::Directory)
    }

    /// Reads every item of the table once.
    pub(crate) fn batches(&self, table: &'static Table) -> Batches {
        match self {
            Self::Store(scanner) => scanner.batches(table),
            Self::Backup(path) => {
                let path = path.clone();
                from_thread(move |send| {
                    archive::each_part(&path, |part| if part.is_of(table) { send(part.items()?) } else { Ok(true) })
                })
            }
            Self::Directory(directory) => {
                let directory = directory.clone();
                from_thread(move |send| directory.each(table, PAGE_ITEMS, send))
            }
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(scanner) => scanner.location.fmt(formatter),
            Self::Backup(path) => write!(formatter, "backup {}", path.display()),
            Self::Directory(directory) => directory.fmt(formatter),
        }
    }
}

impl Scanner {
    /// Opens the store that the settings choose, but does not create a folder of JSON files.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub(crate) async fn open_existing(config: &StoreConfig, segments: Option<u32>, max_read_units: Option<u32>) -> Result<Self> {
        if config.backend == Backend::Json {
            let there = std::fs::metadata(&config.data_dir);
            there.with_context(|| format!("cannot open {}; DATA_DIR names the store", config.data_dir.display()))?;
        }
        Self::open(config, segments, max_read_units).await
    }

    /// Opens the store that the settings choose.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub(crate) async fn open(config: &StoreConfig, segments: Option<u32>, max_read_units: Option<u32>) -> Result<Self> {
        let location = Location::of(config)?;
        tell_of_unread(config);
        let store: Arc<dyn Store> = match config.backend {
            Backend::Json => config.open().await?,
            Backend::DynamoDb => with_long_timeouts(&config.dynamodb).open_behind(&config.fence).await?,
        };
        Ok(Self::of(store, location, segments, max_read_units))
    }

    /// As [`Scanner::open_existing`], also where files hold broken items, to check and repair them.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub(crate) async fn open_broken(config: &StoreConfig, segments: Option<u32>, max_read_units: Option<u32>) -> Result<Self> {
        if config.backend == Backend::DynamoDb {
            return Self::open_existing(config, segments, max_read_units).await;
        }
        let there = std::fs::metadata(&config.data_dir);
        there.with_context(|| format!("cannot open {}; DATA_DIR names the store", config.data_dir.display()))?;
        tell_of_unread(config);
        let options = JsonOptions { keep_broken: true, ..config.json() };
        let store = Arc::new(JsonStore::open(&TABLES, options).await?);
        Ok(Self::of(store, Location::of(config)?, segments, max_read_units))
    }

    /// Opens DynamoDB, behind the fence if there is one.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub(crate) async fn open_dynamodb(
        config: &DynamoConfig,
        fence: &FenceConfig,
        segments: Option<u32>,
        max_read_units: Option<u32>,
    ) -> Result<Self> {
        let store = with_long_timeouts(config).open_behind(fence).await?;
        Ok(Self::of(store, Location::of_dynamodb(config), segments, max_read_units))
    }

    /// Reads an open store.
    pub(crate) fn of(store: Arc<dyn Store>, location: Location, segments: Option<u32>, max_read_units: Option<u32>) -> Self {
        let usual = if location.is_metered() { SEGMENTS.0 } else { SEGMENTS.1 };
        Self { store, location, segments: segments.unwrap_or(usual), cap: Arc::new(RateCap::new(max_read_units)) }
    }

    /// Is the table empty?
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn is_empty(&self, table: &'static Table) -> Result<bool> {
        Ok(self.page(table, &Scan::new(1)).await?.items.is_empty())
    }

    /// Reads every item of the table once, with eventual consistency.
    pub(crate) fn batches(&self, table: &'static Table) -> Batches {
        self.batches_from(table, (0..self.segments).map(|segment| (segment, None)), None)
    }

    /// Reads some segments, each from a cursor, with all or only some attributes.
    pub(crate) fn batches_from(
        &self,
        table: &'static Table,
        starts: impl IntoIterator<Item = (u32, Option<Cursor>)>,
        attributes: Option<Vec<String>>,
    ) -> Batches {
        let (sender, batches) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        for (number, cursor) in starts {
            let segment = Some(Segment { number, of: self.segments });
            let scan = Scan { segment, limit: PAGE_ITEMS, cursor, attributes: attributes.clone(), broken: true };
            tasks.spawn(self.clone().read_segment(table, scan, number, sender.clone()));
        }
        Batches { batches, _tasks: tasks }
    }

    async fn read_segment(self, table: &'static Table, mut scan: Scan, segment: u32, sender: mpsc::Sender<Result<Batch>>) {
        loop {
            let page = match self.page(table, &scan).await {
                Ok(page) => page,
                Err(error) => {
                    let _ = sender.send(Err(error)).await;
                    return;
                }
            };
            let units = if self.location.is_metered() { read_units(table, &page.items) } else { 0.0 };
            self.cap.spend(units).await;
            let next = page.next.clone();
            let batch = Batch { segment, items: page.items, next: page.next, units };
            if sender.send(Ok(batch)).await.is_err() || next.is_none() {
                return;
            }
            scan.cursor = next;
        }
    }

    async fn page(&self, table: &'static Table, scan: &Scan) -> Result<Page> {
        let mut pause = PAUSE;
        for _ in 0..RETRIES {
            match self.store.scan(table, scan).await {
                Err(db_adapter::Error::Throttled { retry_after }) => tokio::time::sleep(pause.max(retry_after)).await,
                Err(db_adapter::Error::Timeout) => tokio::time::sleep(pause).await,
                done => return done.map_err(|error| self.failed(table, error)),
            }
            pause *= 2;
        }
        self.store.scan(table, scan).await.map_err(|error| self.failed(table, error))
    }

    fn failed(&self, table: &Table, error: db_adapter::Error) -> Error {
        Error::new(error).context(format!("cannot read table {} of {}", table.name, self.location))
    }
}

/// Batches that a thread reads. `read` gets a function that takes items and returns whether more are wanted.
fn from_thread(read: impl FnOnce(&mut dyn FnMut(Vec<Item>) -> Result<bool>) -> Result<()> + Send + 'static) -> Batches {
    let (sender, batches) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        let mut send = |items| {
            let batch = Batch { segment: 0, items, next: None, units: 0.0 };
            Ok(sender.blocking_send(Ok(batch)).is_ok())
        };
        if let Err(error) = read(&mut send) {
            let _ = sender.blocking_send(Err(error));
        }
    });
    Batches { batches, _tasks: JoinSet::new() }
}

/// Names the files in the folder of a JSON store that the store does not read.
fn tell_of_unread(config: &StoreConfig) {
    if config.backend == Backend::Json {
        for file in json::unread(&config.data_dir, &TABLES) {
            output::note(format_args!("warning: {} {}", file.display(), json::UNREAD));
        }
    }
}

/// Checks that a file or folder of the command line exists.
pub(crate) fn existing(path: PathBuf) -> Result<PathBuf> {
    std::fs::metadata(&path).with_context(|| format!("cannot open {}", path.display()))?;
    Ok(path)
}
