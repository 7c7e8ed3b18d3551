mod behind;

use futures::future::join_all;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use serde_json::json;

use super::*;
use crate::StoreExt;
use crate::forum::{post, thread, user};

use behind::Behind;

const LONG: Duration = Duration::from_secs(3600);
const ROOM: u64 = 64 << 20;

async fn cached(ttl: Duration, max_bytes: u64) -> (Arc<CachedStore>, Arc<Behind>) {
    let behind = Behind::new().await;
    (Arc::new(CachedStore::new(behind.clone(), ttl, max_bytes)), behind)
}

fn attributes(json: serde_json::Value) -> Attributes {
    Item::parse(&json.to_string()).unwrap().attributes().unwrap()
}

fn ann() -> Attributes {
    attributes(json!({"userId": "ann", "email": "ann@example.com", "name": "0", "createdAt": "2026-01-01T00:00:00.000Z"}))
}

fn hello(id: &str) -> Attributes {
    attributes(json!({"postId": id, "threadId": "t", "userId": "u", "content": "hello", "createdAt": "2026-01-01T00:00:00.000Z"}))
}

fn set(name: &str, value: &str) -> Update {
    Update { set: [(name.to_owned(), value.into())].into(), ..Update::default() }
}

fn by_email(email: &str) -> Query {
    Query::new(user::TABLE.index("EmailIndex").unwrap(), email)
}

fn in_thread() -> Query {
    Query::new(post::TABLE.index("ThreadIndex").unwrap(), "t")
}

fn by_user() -> Query {
    Query::new(post::TABLE.index("UserIndex").unwrap(), "u")
}

async fn name(store: &dyn Store, read: &Read) -> Option<String> {
    store.get(&user::TABLE, &Key::hash("ann"), read).await.unwrap().and_then(|item| item.text("name"))
}

async fn is_called(store: &dyn Store, expected: &str) {
    assert_eq!(name(store, &Read::default()).await.as_deref(), Some(expected));
}

async fn count(store: &dyn Store, query: &Query) -> usize {
    store.query(&post::TABLE, query).await.unwrap().items.len()
}

#[tokio::test]
async fn what_was_read_is_returned_again() {
    let (cache, behind) = cached(LONG, ROOM).await;
    behind.create(&user::TABLE, ann()).await.unwrap();
    for _ in 0..3 {
        is_called(&*cache, "0").await;
        assert_eq!(cache.query(&user::TABLE, &by_email("ann@example.com")).await.unwrap().items.len(), 1);
        assert_eq!(cache.scan(&user::TABLE, &Scan::new(9)).await.unwrap().items.len(), 1);
        assert_eq!(cache.get(&user::TABLE, &Key::hash("bob"), &Read::default()).await.unwrap(), None);
    }
    assert_eq!(behind.reads(), 4);
    let some = Read { attributes: Some(vec!["email".to_owned()]), ..Read::default() };
    let got = cache.get(&user::TABLE, &Key::hash("ann"), &some).await.unwrap();
    assert_eq!(behind.reads(), 0);
    assert_eq!(got, behind.get(&user::TABLE, &Key::hash("ann"), &some).await.unwrap());
}

#[tokio::test]
async fn lists_are_told_apart() {
    let (cache, behind) = cached(LONG, ROOM).await;
    for id in ["a", "b", "c"] {
        behind.create(&post::TABLE, hello(id)).await.unwrap();
    }
    let whole = in_thread();
    let others = [
        Query { limit: 2, ..whole.clone() },
        Query { order: crate::Order::Descending, ..whole.clone() },
        Query { from: Some("2027".to_owned()), ..whole.clone() },
        Query { to: Some("2025".to_owned()), ..whole.clone() },
        Query { attributes: Some(vec![]), ..whole.clone() },
        Query { partition: "t2".to_owned(), ..whole.clone() },
        by_user(),
        whole,
    ];
    for _ in 0..2 {
        for query in &others {
            let (cached, direct) = (cache.query(&post::TABLE, query).await, behind.store.query(&post::TABLE, query).await);
            let (cached, direct) = (cached.unwrap(), direct.unwrap());
            assert_eq!((cached.items, cached.next), (direct.items, direct.next), "{query:?}");
        }
    }
    assert_eq!(behind.reads(), others.len());
}

#[tokio::test]
async fn concurrent_reads_are_one() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let (cache, behind) = cached(LONG, ROOM).await;
    behind.create(&user::TABLE, ann()).await.unwrap();
    behind.hold();
    let release = async {
        behind.hold_no_more_than(1).await;
        behind.let_go.add_permits(1);
    };
    let readers = join_all((0..50).map(|_| is_called(&*cache, "0")));
    futures::future::join(readers, release).await;
    assert_eq!(behind.reads(), 1);
    let mut counted: Vec<_> = recorder.snapshotter().snapshot().into_vec();
    counted.retain(|(key, ..)| key.key().name().starts_with("store_cache"));
    let mut counted: Vec<_> = counted
        .into_iter()
        .map(|(key, _, _, value)| {
            let labels: Vec<_> = key.key().labels().map(|label| label.value().to_owned()).collect();
            (key.key().name().to_owned(), labels.join(" "), value)
        })
        .collect();
    counted.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [("store_cache_hits_total", 49), ("store_cache_misses_total", 1)];
    let expected = expected.map(|(name, count)| (name.to_owned(), "users item".to_owned(), DebugValue::Counter(count)));
    assert_eq!(counted, expected);
}

#[tokio::test]
async fn errors_are_shared_and_forgotten() {
    let (cache, behind) = cached(LONG, ROOM).await;
    behind.create(&user::TABLE, ann()).await.unwrap();
    behind.fail(Error::unavailable("gone"));
    behind.hold();
    let release = async {
        behind.hold_no_more_than(1).await;
        behind.let_go.add_permits(1);
    };
    let (key, read) = (Key::hash("ann"), Read::default());
    let readers = join_all((0..5).map(|_| cache.get(&user::TABLE, &key, &read)));
    let (outcomes, ()) = futures::future::join(readers, release).await;
    for outcome in outcomes {
        assert!(matches!(&outcome, Err(Error::Unavailable { reason }) if reason == "gone"), "{outcome:?}");
    }
    assert_eq!(behind.reads(), 1);
    is_called(&*cache, "0").await;
}

#[tokio::test]
async fn an_entry_ends_with_its_time() {
    let (cache, behind) = cached(Duration::from_millis(20), ROOM).await;
    behind.create(&user::TABLE, ann()).await.unwrap();
    is_called(&*cache, "0").await;
    behind.update(&user::TABLE, &Key::hash("ann"), &set("name", "1")).await.unwrap();
    while name(&*cache, &Read::default()).await.as_deref() != Some("1") {
        tokio::task::yield_now().await;
    }
}

#[test]
fn what_may_be_late_is_kept_for_less_time() {
    let (now, written) = (Instant::now() + LONG, |before| Some(Instant::now() + LONG - before));
    assert_eq!(lifetime(LONG, now, None), LONG);
    assert_eq!(lifetime(LONG, now, written(SETTLING * 2)), LONG);
    assert_eq!(lifetime(LONG, now, written(SETTLING / 2)), SETTLING);
    assert_eq!(lifetime(SETTLING / 4, now, written(SETTLING / 2)), SETTLING / 4);
    assert_eq!(lifetime(LONG, now, written(Duration::ZERO)), SETTLING);
}

#[tokio::test]
async fn memory_is_bounded() {
    let (cache, behind) = cached(LONG, 1 << 20).await;
    for number in 0..40 {
        let text = "x".repeat(100_000);
        let user = attributes(json!({"userId": format!("u{number}"), "name": text, "createdAt": "2026-01-01T00:00:00.000Z"}));
        behind.create(&user::TABLE, user).await.unwrap();
    }
    for number in 0..40 {
        cache.get(&user::TABLE, &Key::hash(format!("u{number}")), &Read::default()).await.unwrap().unwrap();
    }
    cache.entries.run_pending_tasks().await;
    let (entries, bytes) = (cache.entries.entry_count(), cache.entries.weighted_size());
    assert!((1..=10).contains(&entries) && bytes <= 1 << 20 && bytes >= entries * 100_000, "{entries} {bytes}");
}

#[tokio::test]
async fn strong_and_fresh_reads_pass_and_strong_ones_renew() {
    let (cache, behind) = cached(LONG, ROOM).await;
    behind.create(&user::TABLE, ann()).await.unwrap();
    behind.create(&post::TABLE, hello("a")).await.unwrap();
    is_called(&*cache, "0").await;
    assert_eq!(count(&*cache, &in_thread()).await, 1);
    behind.update(&user::TABLE, &Key::hash("ann"), &set("name", "1")).await.unwrap();
    behind.create(&post::TABLE, hello("b")).await.unwrap();
    is_called(&*cache, "0").await;
    assert_eq!(count(&*cache, &in_thread()).await, 1);

    let keys = [(&user::TABLE, Key::hash("ann"))];
    let many = cache.get_many(&keys, &Read::default()).await.unwrap();
    assert_eq!(many[0].as_ref().unwrap().text("name").as_deref(), Some("1"));
    assert_eq!(count(&*cache, &Query { bypass_cache: true, ..in_thread() }).await, 2);
    assert_eq!(name(&*cache, &Read { bypass_cache: true, ..Read::default() }).await.as_deref(), Some("1"));
    is_called(&*cache, "0").await;
    behind.reads();
    let some = Read { strong: true, attributes: Some(vec!["name".to_owned()]), ..Read::default() };
    assert_eq!(name(&*cache, &some).await.as_deref(), Some("1"));
    is_called(&*cache, "1").await;
    assert_eq!(behind.reads(), 1);

    behind.delete(&user::TABLE, &Key::hash("ann"), None).await.unwrap();
    is_called(&*cache, "1").await;
    assert_eq!(name(&*cache, &Read::STRONG).await, None);
    assert_eq!(name(&*cache, &Read::default()).await, None);
}

#[tokio::test]
async fn a_miss_that_others_end_is_found() {
    let (cache, behind) = cached(LONG, ROOM).await;
    assert_eq!(name(&*cache, &Read::default()).await, None);
    behind.create(&user::TABLE, ann()).await.unwrap();
    let found = cache.find(&user::TABLE, &Key::hash("ann"), &Read::default()).await.unwrap();
    assert!(found.is_some());
    is_called(&*cache, "0").await;
}

#[tokio::test]
async fn written_items_are_read_from_memory() {
    let (cache, behind) = cached(LONG, ROOM).await;
    let key = Key::hash("ann");
    let read = Read::default();
    let created = cache.create(&user::TABLE, ann()).await.unwrap();
    assert_eq!(cache.get(&user::TABLE, &key, &read).await.unwrap(), Some(created));
    let updated = cache.update(&user::TABLE, &key, &set("name", "1")).await.unwrap();
    assert_eq!(cache.get(&user::TABLE, &key, &read).await.unwrap(), Some(updated));
    cache.delete(&user::TABLE, &key, None).await.unwrap();
    assert_eq!(cache.get(&user::TABLE, &key, &read).await.unwrap(), None);
    assert_eq!(behind.reads(), 0);
}

#[tokio::test]
async fn a_post_that_is_known_by_half_of_its_key_follows_its_writes() {
    let (cache, behind) = cached(LONG, ROOM).await;
    let (half, full) = (Key::hash("p"), Key::pair("p", "t"));
    let get = async || cache.get(&post::TABLE, &half, &Read::default()).await.unwrap();
    assert_eq!(get().await, None);
    let created = cache.create(&post::TABLE, hello("p")).await.unwrap();
    assert_eq!(get().await, Some(created));
    assert_eq!(behind.reads(), 2);
    let updated = cache.update(&post::TABLE, &full, &set("content", "bye")).await.unwrap();
    assert_eq!(get().await, Some(updated));
    assert_eq!(behind.reads(), 0);
    cache
        .create(
            &post::TABLE,
            attributes(
                json!({"postId": "p", "threadId": "s", "userId": "u", "content": "c", "createdAt": "2026-01-01T00:00:00.000Z"}),
            ),
        )
        .await
        .unwrap();
    assert_eq!(get().await.unwrap().text("threadId").as_deref(), Some("s"));
    cache.update(&post::TABLE, &full, &set("content", "again")).await.unwrap();
    assert_eq!(get().await.unwrap().text("threadId").as_deref(), Some("s"));
    cache.delete(&post::TABLE, &Key::pair("p", "s"), None).await.unwrap();
    assert_eq!(get().await.unwrap().text("content").as_deref(), Some("again"));
}

#[tokio::test]
async fn lists_follow_writes() {
    let (cache, behind) = cached(LONG, ROOM).await;
    let lists = async || {
        let scanned = cache.scan(&post::TABLE, &Scan::new(9)).await.unwrap().items.len();
        [count(&*cache, &in_thread()).await, count(&*cache, &by_user()).await, scanned]
    };
    assert_eq!(lists().await, [0, 0, 0]);
    cache.create(&post::TABLE, hello("a")).await.unwrap();
    assert_eq!(lists().await, [1, 1, 1]);
    let key = Key::pair("a", "t");
    cache.update(&post::TABLE, &key, &set("content", "new")).await.unwrap();
    let page = cache.query(&post::TABLE, &in_thread()).await.unwrap();
    assert_eq!(page.items[0].text("content").as_deref(), Some("new"));
    cache.update(&post::TABLE, &key, &set("userId", "v")).await.unwrap();
    assert_eq!(lists().await, [1, 0, 1]);
    cache.delete(&post::TABLE, &key, None).await.unwrap();
    assert_eq!(lists().await, [0, 0, 0]);
    let loaded = [Ok(Item::new(&hello("a")))];
    cache.load(&post::TABLE, Box::pin(futures::stream::iter(loaded))).await.unwrap();
    assert_eq!(lists().await, [1, 1, 1]);
    behind.reads();
    cache
        .create(&thread::TABLE, attributes(json!({"threadId": "t", "title": "T", "createdAt": "2026-01-01T00:00:00.000Z"})))
        .await
        .unwrap();
    let elsewhere = attributes(
        json!({"postId": "b", "threadId": "t2", "userId": "u2", "content": "c", "createdAt": "2026-01-01T00:00:00.000Z"}),
    );
    cache.create(&post::TABLE, elsewhere).await.unwrap();
    assert_eq!(lists().await, [1, 1, 2]);
    assert_eq!(behind.reads(), 1, "a write leaves the lists of other partitions alone");
}

/// The read saw the old item, the write is done, and only then does the read come to its end.
#[tokio::test]
async fn a_read_that_began_before_a_write_leaves_nothing_behind() {
    let (cache, behind) = cached(LONG, ROOM).await;
    behind.create(&user::TABLE, ann()).await.unwrap();
    for strong in [false, true] {
        let updated = format!("after {strong}");
        behind.hold();
        let reader = tokio::spawn({
            let cache = cache.clone();
            async move { name(&*cache, &Read { strong, ..Read::default() }).await }
        });
        behind.hold_no_more_than(1).await;
        cache.update(&user::TABLE, &Key::hash("ann"), &set("name", &updated)).await.unwrap();
        is_called(&*cache, &updated).await;
        behind.let_go.add_permits(1);
        assert_ne!(reader.await.unwrap(), Some(updated.clone()));
        is_called(&*cache, &updated).await;
    }
}

/// The same of a list, which is not written through: the second reader waits for the first one's read, which is too old for it.
#[tokio::test]
async fn a_reader_takes_no_answer_that_is_older_than_a_write_before_it() {
    let (cache, behind) = cached(LONG, ROOM).await;
    behind.hold();
    let before = tokio::spawn({
        let cache = cache.clone();
        async move { count(&*cache, &in_thread()).await }
    });
    behind.hold_no_more_than(1).await;
    cache.create(&post::TABLE, hello("a")).await.unwrap();
    let after = in_thread();
    let mut after = Box::pin(count(&*cache, &after));
    assert!(futures::poll!(after.as_mut()).is_pending());
    behind.let_go.add_permits(1);
    assert_eq!((before.await.unwrap(), after.await), (0, 1));
    assert_eq!(count(&*cache, &in_thread()).await, 1);
}

/// The first write's result is the last to come.
#[tokio::test]
async fn of_two_writes_at_once_the_older_one_is_not_remembered() {
    let (cache, behind) = cached(LONG, ROOM).await;
    cache.create(&user::TABLE, ann()).await.unwrap();
    behind.hold();
    let first = tokio::spawn({
        let cache = cache.clone();
        async move { cache.update(&user::TABLE, &Key::hash("ann"), &set("name", "1")).await }
    });
    behind.hold_no_more_than(1).await;
    cache.update(&user::TABLE, &Key::hash("ann"), &set("name", "2")).await.unwrap();
    is_called(&*cache, "2").await;
    behind.let_go.add_permits(1);
    assert_eq!(first.await.unwrap().unwrap().text("name").as_deref(), Some("1"));
    is_called(&*cache, "2").await;
}

#[tokio::test]
async fn a_write_of_unknown_outcome_is_seen_if_it_happened() {
    let (cache, behind) = cached(LONG, ROOM).await;
    let key = Key::hash("ann");
    cache.create(&user::TABLE, ann()).await.unwrap();
    assert_eq!(cache.query(&user::TABLE, &by_email("ann@example.com")).await.unwrap().items.len(), 1);
    behind.fail(Error::Timeout);
    assert!(cache.update(&user::TABLE, &key, &set("email", "a@example.com")).await.is_err());
    assert!(cache.query(&user::TABLE, &by_email("ann@example.com")).await.unwrap().items.is_empty());

    // Its future is dropped, and it happened all the same.
    is_called(&*cache, "0").await;
    behind.hold();
    let dropped = tokio::spawn({
        let cache = cache.clone();
        async move { cache.update(&user::TABLE, &Key::hash("ann"), &set("name", "1")).await }
    });
    behind.hold_no_more_than(1).await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    is_called(&*cache, "1").await;
}

/// Else a client that reads, changes on condition, and reads again when that is refused would be refused for as long.
#[tokio::test]
async fn a_refused_write_ends_what_was_remembered() {
    let (cache, behind) = cached(LONG, ROOM).await;
    let key = Key::hash("ann");
    let created = cache.create(&user::TABLE, ann()).await.unwrap();
    behind.update(&user::TABLE, &key, &set("name", "1")).await.unwrap();
    let update = Update { expected: Some(created.tag()), ..set("name", "2") };
    assert!(matches!(cache.update(&user::TABLE, &key, &update).await, Err(Error::VersionMismatch)));
    is_called(&*cache, "1").await;
}
