//! A disk on which each sync takes long, with writers that go on all the time. What is counted is what they must wait for, not how
//! long that takes here.

use futures::StreamExt;

use super::*;

/// What a compaction does while it has the lock.
#[derive(Debug, Default)]
struct Work {
    syncs: Vec<String>,
    bytes: u64,
}

/// A disk that notes what is done under the lock of users.
#[derive(Debug)]
struct SlowDisk {
    calls: Arc<FaultyDisk>,
    dir: PathBuf,
    locked: Mutex<Work>,
}

impl SlowDisk {
    fn note(&self, path: &Path, bytes: Option<usize>) {
        // What a commit does is not counted.
        if path.file_name().is_none_or(|name| name != "users.journal") && is_locked(&self.dir) {
            let mut work = self.locked.lock().unwrap();
            match bytes {
                Some(bytes) => work.bytes += bytes as u64,
                None => work.syncs.push(path.file_name().unwrap().to_string_lossy().into_owned()),
            }
        }
    }
}

impl Disk for SlowDisk {
    fn write_at(&self, file: &fs::File, path: &Path, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.note(path, Some(bytes.len()));
        self.calls.write_at(file, path, bytes, offset)
    }

    fn sync(&self, file: &fs::File, path: &Path) -> io::Result<()> {
        self.note(path, None);
        self.calls.sync(file, path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.note(path, None);
        self.calls.sync_dir(path)
    }
}

/// A sixteenth of the sizes that were seen: 48 writers of 65 KB for each sync, and a megabyte brought to disk at once.
const WRITERS: usize = 48;
const BYTES: usize = 4 << 10;
const COPY: u64 = 64 << 10;
/// Times that all of them have written before: the snapshot takes more than one sync.
const BEFORE: usize = 8;
/// How long to wait for what must happen at once.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

fn large_user(id: &str) -> Item {
    Item::new(&user(id).into_iter().chain([("bio".to_owned(), Value::String("x".repeat(BYTES)))]).collect())
}

async fn write_many(store: &JsonStore, name: &str) {
    let items: Vec<_> = (0..WRITERS).map(|number| Ok(large_user(&format!("{name}-{number:02}")))).collect();
    store.load(&user::TABLE, futures::stream::iter(items).boxed()).await.unwrap();
}

fn stored(store: &JsonStore) -> usize {
    store.table(&user::TABLE).unwrap().table.memory().count() as usize
}

/// With three syncs of 300 ms under the lock it is held for less than a second.
#[tokio::test]
async fn writers_wait_for_one_sync_and_what_came_during_one() {
    let place = TestDir::new();
    let calls = FaultyDisk::new();
    let disk = Arc::new(SlowDisk { calls: Arc::clone(&calls), dir: place.dir.path().to_owned(), locked: Mutex::default() });
    let store = Arc::new(JsonStore::open_on(&TABLES, place.options(), Arc::clone(&disk) as Arc<dyn Disk>).await.unwrap());
    let peer = Arc::new(place.open().await);
    for number in 0..BEFORE {
        write_many(&peer, &format!("before-{number}")).await;
    }
    *disk.locked.lock().unwrap() = Work::default();
    let written = Arc::new(AtomicUsize::new(0));
    let (count, writers, dir) = (Arc::clone(&written), [Arc::clone(&store), Arc::clone(&peer)], place.dir.path().to_owned());
    calls.let_happen(move || {
        if !is_locked(&dir) {
            let number = count.fetch_add(1, Ordering::SeqCst);
            // The process that compacts writes too: neither the lock nor the table in memory may be kept over a sync.
            let (writer, name) = (&writers[number % 2], format!("during-{number}"));
            let write = async { tokio::time::timeout(PATIENCE, write_many(writer, &name)).await.expect("writers wait") };
            tokio::runtime::Handle::current().block_on(write);
        }
    });
    let table = Arc::clone(&store.table(&user::TABLE).unwrap().table);
    assert!(
        crate::backend::json::blocking(move || compaction::run(&table, &Pace { copy: COPY, ..Pace::PATIENT })).await.unwrap()
    );
    calls.let_happen(|| {});

    let batch = (WRITERS * (BYTES + 200)) as u64;
    let written = written.load(Ordering::SeqCst);
    assert!(written > 20, "too little was written meanwhile to prove anything: {written} times");
    let work = std::mem::take(&mut *disk.locked.lock().unwrap());
    let directory = place.dir.path().file_name().unwrap().to_string_lossy();
    assert_eq!(work.syncs, ["users.journal.new", &directory, &directory]);
    assert!(work.bytes < batch + 1000, "{} bytes were copied while {written} × {batch} were written", work.bytes);
    kill(Arc::into_inner(store).unwrap()).await;
    kill(Arc::into_inner(peer).unwrap()).await;
    assert_eq!(stored(&place.open().await), (BEFORE + written) * WRITERS);
}

/// The time is what is tested: it is over before the compaction begins.
#[tokio::test]
async fn a_fold_that_has_no_time_left_leaves_the_journal_as_it_is() {
    let place = TestDir::new();
    let store = place.open().await;
    add(&store, "a").await.unwrap();
    let journal = place.read("users.journal");
    let table = Arc::clone(&store.table(&user::TABLE).unwrap().table);
    let late = crate::backend::json::blocking(move || compaction::run_before(&table, std::time::Instant::now())).await;
    assert!(matches!(&late, Err(Error::Unavailable { reason }) if reason.contains("too long")), "{late:?}");
    assert_eq!(place.read("users.journal"), journal);
    assert!(!place.path("users.json.new").exists() && !place.path("users.journal.new").exists());
    add(&store, "b").await.unwrap();
    store.close().await.unwrap();
    assert!(place.read("users.journal").len() < journal.len(), "there was time enough");
    assert_eq!(ids(&place.open().await).await, ["a", "b"]);
}
