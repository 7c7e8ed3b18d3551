//! Items that are past their time leave the files when these are compacted.

use std::sync::atomic::AtomicI64;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::*;
use crate::Clock;
use crate::forum::post;

/// Shows these seconds since 1970.
#[derive(Debug)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn time_of_day(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0.load(Ordering::SeqCst), 0).unwrap()
    }
}

impl SetClock {
    fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::SeqCst);
    }
}

/// A post that ends at 100.
async fn add_post(store: &JsonStore, id: &str) {
    let texts = [("postId", id), ("threadId", "t"), ("userId", "u"), ("content", "c"), ("createdAt", "2026-01-01T00:00:00.000Z")];
    let mut post: Attributes = texts.map(|(name, value)| (name.to_owned(), Value::from(value))).into();
    post.insert("expiresAt".to_owned(), Value::from(100));
    store.create(&post::TABLE, post).await.unwrap();
}

async fn compact_posts(store: &JsonStore) -> Result<bool> {
    let table = Arc::clone(&store.table(&post::TABLE).unwrap().table);
    super::super::blocking(move || compaction::run(&table, &Pace::PATIENT)).await
}

async fn count(store: &JsonStore) -> usize {
    scan(store, &post::TABLE).await.len()
}

fn open_at(place: &TestDir, clock: &Arc<SetClock>, disk: &Arc<FaultyDisk>) -> impl Future<Output = Result<JsonStore>> {
    let options = JsonOptions { clock: Arc::clone(clock) as Arc<dyn Clock>, ..place.options() };
    JsonStore::open_on(&TABLES, options, Arc::clone(disk) as Arc<dyn Disk>)
}

/// What is gone stays gone, in every process and after every start, even where the clock is set back.
#[tokio::test]
async fn a_compaction_removes_what_is_past_its_time() {
    let (place, clock, disk) = (TestDir::new(), Arc::new(SetClock(AtomicI64::new(99))), FaultyDisk::new());
    let [store, peer] = [open_at(&place, &clock, &disk).await.unwrap(), open_at(&place, &clock, &disk).await.unwrap()];
    add_post(&store, "p").await;
    compact_posts(&store).await.unwrap();
    assert_eq!([count(&store).await, count(&peer).await], [1, 1]);
    clock.set(100);
    assert_eq!([count(&store).await, count(&peer).await], [0, 0]);
    compact_posts(&store).await.unwrap();
    assert_eq!(place.read("posts.json"), b"[\n]\n");
    clock.set(99);
    assert_eq!([count(&store).await, count(&peer).await], [0, 0]);
    kill(store).await;
    kill(peer).await;
    assert_eq!(count(&open_at(&place, &clock, &disk).await.unwrap()).await, 0);
}

#[tokio::test]
async fn a_compaction_of_files_that_nobody_uses_does_too() {
    let (place, clock, disk) = (TestDir::new(), Arc::new(SetClock(AtomicI64::new(99))), FaultyDisk::new());
    let store = open_at(&place, &clock, &disk).await.unwrap();
    add_post(&store, "p").await;
    store.close().await.unwrap();
    drop(store);
    clock.set(100);
    let options = JsonOptions { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..place.options() };
    let compacted = super::super::compact(&TABLES, options).await.unwrap();
    assert!(compacted.iter().all(|(_, count)| *count == 0), "{compacted:?}");
    assert_eq!(place.read("posts.json"), b"[\n]\n");
}

#[tokio::test]
async fn a_kill_at_any_call_of_such_a_compaction_leaves_them_absent_and_the_others_there() {
    for calls in 0.. {
        let (place, clock, disk) = (TestDir::new(), Arc::new(SetClock(AtomicI64::new(99))), FaultyDisk::new());
        let store = open_at(&place, &clock, &disk).await.unwrap();
        add_post(&store, "p").await;
        store.update(&post::TABLE, &Key::pair("p", "t"), &crate::Update::default()).await.unwrap();
        add_post(&store, "kept").await;
        let forever = crate::Update { remove: ["expiresAt".to_owned()].into(), ..crate::Update::default() };
        store.update(&post::TABLE, &Key::pair("kept", "t"), &forever).await.unwrap();
        clock.set(100);
        disk.die_after(calls);
        let _ = compact_posts(&store).await;
        let survived = !disk.is_dead();
        kill(store).await;
        disk.die_after(usize::MAX);
        let store = open_at(&place, &clock, &disk).await.unwrap();
        assert_eq!(count(&store).await, 1, "after {calls} calls");
        add_post(&store, "p").await;
        kill(store).await;
        if survived {
            break;
        }
    }
}
