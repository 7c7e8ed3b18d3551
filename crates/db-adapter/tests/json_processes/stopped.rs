//! A process that is stopped while it has the lock of a table: the others say so, refuse writes at once, close, and go on as soon as
//! it goes on.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use db_adapter::forum::{TABLES, post, thread};
use db_adapter::json::{JsonOptions, JsonStore};
use db_adapter::{Attributes, Error, Item, Key, Read, Result, Store, Value};

use crate::a_post;
use crate::child::Child;

const LOCK_TIMEOUT: Duration = Duration::from_millis(500);
/// How long to wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

fn options(dir: &Path) -> JsonOptions {
    JsonOptions { lock_timeout: LOCK_TIMEOUT, ..crate::options(dir) }
}

/// Stops the writer at a moment when it has the lock of posts. It has it most of the time, as it is held over each sync.
fn stop_with_the_lock(writer: &Child, dir: &Path) {
    let start = Instant::now();
    loop {
        writer.signal("STOP");
        // It may be about to be stopped: only a lock that stays is its own for good.
        let lock = File::open(dir.join("posts.lock")).unwrap();
        let is_stopped = || std::fs::read_to_string(format!("/proc/{}/status", writer.id())).unwrap().contains("State:\tT");
        while !is_stopped() {
            std::thread::yield_now();
        }
        if lock.try_lock().is_err() {
            return;
        }
        drop(lock);
        writer.signal("CONT");
        assert!(start.elapsed() < PATIENCE, "the writer never has the lock");
    }
}

async fn write(store: &JsonStore, id: &str) -> Result<Item> {
    store.create(&post::TABLE, a_post(&Key::pair(id, "t"), 1)).await
}

fn refusal<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Err(Error::Unavailable { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

/// What all threads log, in a test program of its own.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_stopped_with_the_lock_keeps_nobody_waiting() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
    let lines =
        |part: &str| String::from_utf8(log.0.lock().unwrap().clone()).unwrap().lines().filter(|line| line.contains(part)).count();
    let dir = tempfile::tempdir().unwrap();
    let mut child = Child::start("writer::writer_process", dir.path(), "w1", |_| {});
    child.await_step("ready");
    let store = JsonStore::open(&TABLES, options(dir.path())).await.unwrap();
    let leaving = JsonStore::open(&TABLES, options(dir.path())).await.unwrap();
    write(&store, "before").await.unwrap();
    stop_with_the_lock(&child, dir.path());
    let holder = format!("process {} (", child.id());

    // The first write waits until the lock has stood still for too long. The time is what is tested.
    let start = Instant::now();
    let reason = refusal(write(&store, "first").await);
    assert!(reason.contains("posts.lock") && reason.contains(&holder) && reason.contains("stopped"), "{reason}");
    assert!(start.elapsed() >= LOCK_TIMEOUT / 2 && start.elapsed() < PATIENCE);
    let start = Instant::now();
    for number in 0..100 {
        refusal(write(&store, &format!("later-{number}")).await);
    }
    assert!(start.elapsed() < LOCK_TIMEOUT * 20, "100 writes took {:?}", start.elapsed());
    assert_eq!(lines("has been locked for"), 1, "the log is told once");
    let health = store.health(&post::TABLE).await;
    assert_eq!((health.reachable, health.reason), (false, Some("another process keeps the lock: reads only")));

    // Everything else goes on: reads, and other tables.
    assert!(store.get(&post::TABLE, &Key::pair("before", "t"), &Read::STRONG).await.unwrap().is_some());
    let thread = [("threadId", "t"), ("title", "T"), ("createdAt", "2026-01-01T00:00:00.000Z")]
        .map(|(name, value)| (name.to_owned(), Value::from(value)));
    store.create(&thread::TABLE, Attributes::from(thread)).await.unwrap();
    assert!(store.health(&thread::TABLE).await.reachable);

    // One that nobody writes through notices by being asked.
    wait_for(&leaving, false).await;
    // A start says what it waits for, and ends.
    let reason = refusal(JsonStore::open(&TABLES, options(dir.path())).await);
    assert!(reason.contains("posts.lock") && reason.contains(&holder), "{reason}");
    assert_eq!(lines("the start waits for a lock"), 1);
    // So does closing, and nothing is lost by it: nothing was queued.
    tokio::time::timeout(PATIENCE, leaving.close()).await.unwrap().unwrap();

    child.signal("CONT");
    wait_for(&store, true).await;
    write(&store, "after").await.unwrap();
    assert!(store.get(&post::TABLE, &Key::pair("first", "t"), &Read::STRONG).await.unwrap().is_none(), "it was refused");
    child.kill();
    store.close().await.unwrap();
}

async fn wait_for(store: &JsonStore, reachable: bool) {
    let start = Instant::now();
    while store.health(&post::TABLE).await.reachable != reachable {
        assert!(start.elapsed() < PATIENCE, "reachable is not {reachable}");
        tokio::task::yield_now().await;
    }
}
