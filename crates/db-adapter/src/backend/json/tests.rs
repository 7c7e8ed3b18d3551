//! Tests of what no other backend has: files, crashes, faults of the disk, several processes.
//!
//! Two stores in one process are to each other as two processes are: a lock belongs to an open file, not to a process.

mod damage;
mod edited;
mod expiry;
mod faults;
mod formats;
#[cfg(unix)]
mod power;
mod recovery;
mod sharing;
mod slow;
mod stuck;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::compaction::{self, Pace};
use super::disk::{Dir, Disk};
use super::files::Files;
use super::lock::LockFile;
use super::{JsonOptions, JsonStore, RealDisk};
use crate::forum::{TABLES, thread, user};
use crate::store::page::{Query, Read, Scan};
use crate::{Attributes, Error, Item, Key, Result, Store, SystemClock, Table, Value};

/// A directory and what its stores are opened with.
struct TestDir {
    dir: TempDir,
    compact_at: u64,
}

impl TestDir {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), compact_at: u64::MAX }
    }

    fn options(&self) -> JsonOptions {
        JsonOptions { compact_at: self.compact_at, ..JsonOptions::new(self.dir.path()) }
    }

    async fn open(&self) -> JsonStore {
        self.try_open().await.unwrap()
    }

    async fn try_open(&self) -> Result<JsonStore> {
        self.open_on(&FaultyDisk::new()).await
    }

    async fn open_on(&self, disk: &Arc<FaultyDisk>) -> Result<JsonStore> {
        JsonStore::open_on(&TABLES, self.options(), Arc::clone(disk) as Arc<dyn Disk>).await
    }

    /// The files of users and their lock, as a start has them.
    fn files_of_users(&self) -> (Files, LockFile) {
        let files = Files {
            dir: Dir { disk: Arc::new(RealDisk), path: self.dir.path().to_owned() },
            table: &user::TABLE,
            clock: Arc::new(SystemClock),
        };
        let lock = files.dir.open("users.lock", true).unwrap().unwrap();
        (files, LockFile::new(lock, None, std::time::Duration::from_secs(5)))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Every file of users but the lock, with its bytes.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let paths = fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = paths
            .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("users."))
            .filter(|path| path.extension().is_none_or(|extension| extension != "lock"))
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    }

    /// The error of opening a store, which must leave the files alone.
    async fn refusal(&self) -> String {
        let before = self.files();
        let error = self.try_open().await.map(drop).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert_eq!(self.files(), before);
        error.to_string()
    }
}

/// What this thread logs.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || log.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn user(id: &str) -> Attributes {
    [("userId", id), ("email", &format!("{id}@example.com")), ("name", "Ada"), ("createdAt", "2026-01-01T00:00:00.000Z")]
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .into()
}

async fn add(store: &JsonStore, id: &str) -> Result<Item> {
    store.create(&user::TABLE, user(id)).await
}

async fn has(store: &JsonStore, id: &str) -> bool {
    store.get(&user::TABLE, &Key::hash(id), &Read::STRONG).await.unwrap().is_some()
}

/// The ids of a table, by a scan; and the index of users says the same.
async fn ids(store: &JsonStore) -> Vec<String> {
    let items = scan(store, &user::TABLE).await;
    for item in &items {
        let query = Query::new(user::TABLE.index("EmailIndex").unwrap(), item.text("email").unwrap());
        assert_eq!(store.query(&user::TABLE, &query).await.unwrap().items, std::slice::from_ref(item));
    }
    items.iter().map(|item| item.text("userId").unwrap()).collect()
}

async fn scan(store: &JsonStore, table: &'static Table) -> Vec<Item> {
    let mut scan = Scan { broken: true, ..Scan::new(usize::MAX) };
    let mut items = Vec::new();
    loop {
        let page = store.scan(table, &scan).await.unwrap();
        items.extend(page.items);
        match page.next {
            Some(next) => scan.cursor = Some(next),
            None => return items,
        }
    }
}

/// Ends a store as a kill does, but for the writes that are queued: nothing is compacted.
async fn kill(store: JsonStore) {
    for served in &store.tables {
        served.committer.close();
    }
    let running: Vec<_> = store.tables.iter().filter_map(|served| served.committer.take_running()).collect();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    tokio::task::spawn_blocking(move || {
        running.into_iter().for_each(|running| {
            assert!(running.ends_by(until));
            running.join().unwrap();
        })
    })
    .await
    .unwrap();
}

/// Compacts users as a process does while others run.
async fn compact(store: &JsonStore) -> Result<bool> {
    let table = Arc::clone(&store.table(&user::TABLE).unwrap().table);
    super::blocking(move || compaction::run(&table, &Pace::PATIENT)).await
}

/// As [`compact`], in rounds of so few bytes that there are several of them.
async fn compact_in_rounds(store: &JsonStore) -> Result<bool> {
    let table = Arc::clone(&store.table(&user::TABLE).unwrap().table);
    super::blocking(move || compaction::run(&table, &Pace { copy: 100, ..Pace::PATIENT })).await
}

/// Does somebody have the lock of users? A lock belongs to an open file: this is another one.
fn is_locked(dir: &Path) -> bool {
    fs::File::open(dir.join("users.lock")).is_ok_and(|lock| lock.try_lock().is_err())
}

/// While a compaction waits for the disk and others may write, this one adds users, and notes how that went.
fn let_write(disk: &FaultyDisk, dir: &Path, peer: &Arc<JsonStore>) -> Arc<Mutex<Expected>> {
    let expected = Arc::new(Mutex::new(Expected::default()));
    let (dir, peer, noted) = (dir.to_owned(), Arc::clone(peer), Arc::clone(&expected));
    disk.let_happen(move || {
        let mut expected = noted.lock().unwrap();
        let count = expected.sure.len() + expected.possible.len();
        if !is_locked(&dir) {
            tokio::runtime::Handle::current().block_on(expected.add(&peer, &format!("peer{count:03}")));
        }
    });
    expected
}

/// Users that must be there, and those that may be.
#[derive(Debug, Default)]
struct Expected {
    sure: Vec<String>,
    possible: Vec<String>,
}

impl Expected {
    async fn add(&mut self, store: &JsonStore, id: &str) {
        match add(store, id).await {
            Ok(_) => self.sure.push(id.to_owned()),
            Err(_) => self.possible.push(id.to_owned()),
        }
    }

    async fn delete(&mut self, store: &JsonStore, id: &str) {
        let deleted = store.delete(&user::TABLE, &Key::hash(id), None).await;
        if self.sure.iter().any(|sure| sure == id) {
            self.sure.retain(|sure| sure != id);
            self.possible.extend(deleted.is_err().then(|| id.to_owned()));
        }
    }

    fn extend(&mut self, other: &Self) {
        self.sure.extend_from_slice(&other.sure);
        self.possible.extend_from_slice(&other.possible);
    }
}

/// A call that changes something on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Create,
    Write,
    Sync,
    Truncate,
    Rename,
    Remove,
    SyncDir,
}

/// What happens when a new file is brought to disk.
type Busy = Arc<dyn Fn() + Send + Sync>;

/// A disk that fails when told to.
struct FaultyDisk {
    /// What the next such call on a file whose name ends so does, once.
    faults: Mutex<Vec<(Call, &'static str, Option<io::ErrorKind>)>>,
    /// So many calls succeed, then none: as if the process had been killed.
    left: AtomicUsize,
    busy: Mutex<Option<Busy>>,
}

impl std::fmt::Debug for FaultyDisk {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("FaultyDisk")
    }
}

impl FaultyDisk {
    fn new() -> Arc<Self> {
        Arc::new(Self { faults: Mutex::new(Vec::new()), left: AtomicUsize::new(usize::MAX), busy: Mutex::default() })
    }

    fn fail(&self, call: Call, file: &'static str, error: io::ErrorKind) {
        self.faults.lock().unwrap().push((call, file, Some(error)));
    }

    /// The nth such call from now on fails.
    fn fail_nth(&self, nth: usize, call: Call, file: &'static str, error: io::ErrorKind) {
        self.faults.lock().unwrap().extend((1..nth).map(|_| (call, file, None)));
        self.fail(call, file, error);
    }

    fn die_after(&self, calls: usize) {
        self.left.store(calls, Ordering::SeqCst);
    }

    /// Lets this happen with each sync of a new file: others write while a compaction waits for the disk.
    fn let_happen(&self, busy: impl Fn() + Send + Sync + 'static) {
        *self.busy.lock().unwrap() = Some(Arc::new(busy));
    }

    fn is_dead(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }

    fn call(&self, call: Call, path: &Path) -> io::Result<()> {
        let spent = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if spent.is_err() {
            return Err(io::Error::other("the process is dead"));
        }
        let mut faults = self.faults.lock().unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match faults.iter().position(|(failing, file, _)| *failing == call && name.ends_with(file)) {
            Some(at) => faults.remove(at).2.map_or(Ok(()), |error| Err(error.into())),
            None => Ok(()),
        }
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<fs::File> {
        self.call(Call::Create, path)?;
        RealDisk.create(path)
    }

    fn write_at(&self, file: &fs::File, path: &Path, bytes: &[u8], offset: u64) -> io::Result<usize> {
        // A failed write leaves half of its bytes behind, as a full disk does; a lock file is small enough to be written or not.
        self.call(Call::Write, path).or_else(|error| {
            if path.extension().is_none_or(|extension| extension != "lock") {
                RealDisk.write_at(file, path, &bytes[..bytes.len() / 2], offset)?;
            }
            Err(error)
        })?;
        RealDisk.write_at(file, path, bytes, offset)
    }

    fn sync(&self, _file: &fs::File, path: &Path) -> io::Result<()> {
        let busy = self.busy.lock().unwrap().clone().filter(|_| path.extension().is_some_and(|extension| extension == "new"));
        if let Some(busy) = busy {
            busy();
        }
        // Nobody pulls the plug in a test, so that a real sync would only cost time.
        self.call(Call::Sync, path)
    }

    fn truncate(&self, file: &fs::File, path: &Path, length: u64) -> io::Result<()> {
        self.call(Call::Truncate, path)?;
        RealDisk.truncate(file, path, length)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(Call::Rename, from)?;
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(Call::Remove, path)?;
        RealDisk.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.call(Call::SyncDir, path)
    }
}

#[tokio::test]
async fn a_thread_is_listed_by_its_constant() {
    let place = TestDir::new();
    place.write("threads.json", r#"[{"threadId":"t","title":"by hand","createdAt":"2024-01-01T00:00:00.000Z"}]"#);
    let store = place.open().await;
    let query = Query::new(thread::TABLE.index("CreatedAtIndex").unwrap(), thread::FEED);
    assert_eq!(store.query(&thread::TABLE, &query).await.unwrap().items.len(), 1);
}
