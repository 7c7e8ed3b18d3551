//! What each operation costs: its requests, and the capacity units that DynamoDB reports and the metrics count. Transactions are
//! counted by their items, at two units each, as emulators report their units wrongly.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail so")]

mod dynoxide;
mod fault_proxy;

use db_adapter::dynamodb::{DynamoOptions, DynamoStore, tables};
use db_adapter::forum::{TABLES, activity, modlog, post, report, thread, user};
use db_adapter::{Attributes, Item, Key, Order, Query, Read, Scan, Store, Update, Value};
use fault_proxy::FaultProxy;
use futures::StreamExt;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use serde_json::{Value as Json, json};

/// What was spent since it was asked last.
struct Meter {
    proxy: FaultProxy,
    metrics: Snapshotter,
}

impl Meter {
    /// The requests in order, then the units by index and table.
    fn spent(&self) -> Vec<String> {
        let mut units = Vec::new();
        for (key, _, _, value) in self.metrics.snapshot().into_vec() {
            let (_, key) = key.into_parts();
            let kind = match key.name() {
                "dynamodb_consumed_read_units_total" => "read",
                "dynamodb_consumed_write_units_total" => "write",
                _ => continue,
            };
            let label = |name| key.labels().find(|label| label.key() == name).unwrap().value().to_owned();
            let DebugValue::Gauge(consumed) = value else { continue };
            if consumed.0 > 0.0 && label("operation") != "TransactWriteItems" {
                let place = if label("index").is_empty() { label("table") } else { label("index") };
                units.push(format!("{place} {kind} {}", consumed.0));
            }
        }
        units.sort_unstable();
        [self.requests(), units].concat()
    }

    fn requests(&self) -> Vec<String> {
        let show = |seen: fault_proxy::Seen| match seen.body["TransactItems"].as_array() {
            Some(items) => format!("{} of {}", seen.operation, items.len()),
            None => seen.operation,
        };
        let requests = self.proxy.seen().into_iter().map(show).collect();
        self.proxy.reset();
        requests
    }
}

async fn store(recorder: &DebuggingRecorder) -> (DynamoStore, Meter) {
    let proxy = FaultProxy::start(&crate::dynoxide::start().await).await;
    let options = DynamoOptions { endpoint: Some(proxy.endpoint()), ..DynamoOptions::new("us-east-1") };
    let store = DynamoStore::open(&TABLES, options).await.unwrap();
    tables::create(&store).await.unwrap();
    let meter = Meter { proxy, metrics: recorder.snapshotter() };
    meter.spent();
    (store, meter)
}

fn attributes(json: Json) -> Attributes {
    Item::parse(&json.to_string()).unwrap().attributes().unwrap()
}

fn set(name: &str, value: &str) -> Update {
    Update { set: Attributes::from([(name.to_owned(), Value::from(value))]), ..Update::default() }
}

#[tokio::test]
async fn users() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let (store, meter) = store(&recorder).await;
    let key = Key::hash("ann");
    store
        .create(
            &user::TABLE,
            attributes(
                json!({ "userId": "ann", "email": "ann@example.org", "name": "Ann", "createdAt": "2024-01-01T00:00:00.000Z" }),
            ),
        )
        .await
        .unwrap();
    assert_eq!(meter.spent(), ["TransactWriteItems of 2"]);
    store
        .create(&user::TABLE, attributes(json!({ "userId": "bob", "name": "Bob", "createdAt": "2024-01-01T00:00:00.000Z" })))
        .await
        .unwrap();
    assert_eq!(meter.spent(), ["PutItem", "users write 1"]);
    store.get(&user::TABLE, &key, &Read::default()).await.unwrap().unwrap();
    assert_eq!(meter.spent(), ["GetItem", "users read 0.5"]);
    store.get(&user::TABLE, &key, &Read::STRONG).await.unwrap().unwrap();
    assert_eq!(meter.spent(), ["GetItem", "users read 1"]);
    let email = Query { limit: 1, ..Query::new(user::TABLE.index("EmailIndex").unwrap(), "ann@example.org") };
    assert_eq!(store.query(&user::TABLE, &email).await.unwrap().items.len(), 1);
    assert_eq!(meter.spent(), ["Query", "EmailIndex read 0.5"]);
    store.update(&user::TABLE, &key, &set("name", "A")).await.unwrap();
    assert_eq!(meter.spent(), ["UpdateItem", "EmailIndex write 1", "users write 1"]);
    // Whether the user holds the address that it has is asked first.
    store.update(&user::TABLE, &key, &set("email", "ann@example.org")).await.unwrap();
    assert_eq!(meter.spent(), ["GetItem", "UpdateItem", "EmailIndex write 1", "users read 0.5", "users write 1"]);
    store.update(&user::TABLE, &key, &set("email", "a@example.org")).await.unwrap();
    assert_eq!(meter.spent(), ["GetItem", "GetItem", "TransactWriteItems of 3", "users read 1.5"]);
    store.delete(&user::TABLE, &key, None).await.unwrap();
    assert_eq!(meter.spent(), ["GetItem", "TransactWriteItems of 2", "users read 0.5"]);
}

#[tokio::test]
async fn threads_and_posts() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let (store, meter) = store(&recorder).await;
    let thread = json!({ "threadId": "t", "title": "T", "createdAt": "2024-01-01T00:00:00.000Z" });
    store.create(&thread::TABLE, attributes(thread)).await.unwrap();
    assert_eq!(meter.spent(), ["PutItem", "CreatedAtIndex write 1", "threads write 1"]);
    store.update(&thread::TABLE, &Key::hash("t"), &set("title", "New")).await.unwrap();
    assert_eq!(meter.spent(), ["UpdateItem", "CreatedAtIndex write 1", "threads write 1"]);
    // Its time counts as nothing; only one before the item's own takes a second request.
    for (time, requests) in [("2026-01-01T00:00:00.000Z", 1), ("2025-01-01T00:00:00.000Z", 2)] {
        store.update(&thread::TABLE, &Key::hash("t"), &set("updatedAt", time)).await.unwrap();
        assert_eq!(meter.requests(), ["UpdateItem"; 2][..requests]);
    }
    meter.spent();
    let post = json!({ "postId": "p", "threadId": "t", "userId": "u", "content": "c", "createdAt": "2024-01-01T00:00:00.000Z" });
    store.create(&post::TABLE, attributes(post)).await.unwrap();
    let written = |operation| [operation, "ThreadIndex write 1", "UserIndex write 1", "posts write 1"];
    assert_eq!(meter.spent(), written("PutItem"));
    store.get(&post::TABLE, &Key::hash("p"), &Read::default()).await.unwrap().unwrap();
    assert_eq!(meter.spent(), ["Query", "posts read 0.5"]);
    let keys = [(&post::TABLE, Key::pair("p", "t")), (&thread::TABLE, Key::hash("t")), (&thread::TABLE, Key::hash("t"))];
    store.get_many(&keys, &Read::default()).await.unwrap();
    assert_eq!(meter.spent(), ["BatchGetItem", "posts read 0.5", "threads read 0.5"]);
    store.update(&post::TABLE, &Key::pair("p", "t"), &set("title", "T")).await.unwrap();
    assert_eq!(meter.spent(), written("UpdateItem"));
    store.delete(&post::TABLE, &Key::pair("p", "t"), None).await.unwrap();
    assert_eq!(meter.spent(), written("DeleteItem"));
    store.delete(&thread::TABLE, &Key::hash("t"), None).await.unwrap();
    assert_eq!(meter.spent(), ["DeleteItem", "CreatedAtIndex write 1", "threads write 1"]);
}

/// The touch of a thread by a new post: in order, or late. `UserIndex` takes a unit only of a thread that has an author.
#[tokio::test]
async fn a_post_touches_its_thread() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let (store, meter) = store(&recorder).await;
    let time = |second: u32| format!("2024-01-01T00:00:{second:02}.000Z");
    let thread = json!({ "threadId": "t", "title": "T", "createdAt": time(0), "lastActivityAt": time(0), "postCount": 0 });
    store.create(&thread::TABLE, attributes(thread)).await.unwrap();
    assert_eq!(meter.spent(), ["PutItem", "ActivityIndex write 1", "CreatedAtIndex write 1", "threads write 1"]);
    let new_post = |second| {
        let post =
            json!({ "postId": format!("p{second}"), "threadId": "t", "userId": "u", "content": "c", "createdAt": time(second) });
        store.create(&post::TABLE, attributes(post))
    };
    for (second, expected) in [
        (5, vec!["UpdateItem", "ActivityIndex write 2", "CreatedAtIndex write 1", "threads write 1"]),
        (6, vec!["UpdateItem", "ActivityIndex write 2", "CreatedAtIndex write 1", "threads write 1"]),
        // One that comes late is refused once: by then another post is the last one.
        (4, vec!["UpdateItem", "UpdateItem", "ActivityIndex write 1", "CreatedAtIndex write 1", "threads write 1"]),
    ] {
        let post = new_post(second).await.unwrap();
        meter.spent();
        activity::post_added(&store, &post).await;
        assert_eq!(meter.spent(), expected, "{second}");
    }
    for (id, expected) in [("p5", vec!["UpdateItem"]), ("p6", vec!["UpdateItem", "Query", "UpdateItem"])] {
        store.delete(&post::TABLE, &Key::pair(id, "t"), None).await.unwrap();
        meter.spent();
        activity::posts_gone(&store, "t", &[id.to_owned()]).await;
        assert_eq!(meter.requests(), expected, "{id}");
    }
    assert_eq!(activity::check(&store, "t").await.unwrap(), None);
}

/// A report is 2 writes. To resolve one is 3 of the log, 3 of a post, and 2 of the report: 8.
#[tokio::test]
async fn reports_and_the_log_of_moderation() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let (store, meter) = store(&recorder).await;
    let made = json!({ "reportId": "r", "target": "posts/p", "reason": "r", "userId": "u", "queue": "open",
        "createdAt": "2024-01-01T00:00:00.000Z" });
    store.create(&report::TABLE, attributes(made)).await.unwrap();
    assert_eq!(meter.spent(), ["PutItem", "QueueIndex write 1", "reports write 1"]);
    let entry = json!({ "actionId": "a", "target": "posts/p", "action": "remove", "reason": "r",
        "createdAt": "2024-01-01T00:00:01.000Z" });
    store.create(&modlog::TABLE, attributes(entry)).await.unwrap();
    assert_eq!(meter.spent(), ["PutItem", "LogIndex write 1", "TargetIndex write 1", "modlog write 1"]);
    let mut resolved = set("resolvedAt", "2024-01-01T00:00:01.000Z");
    resolved.remove.insert("queue".to_owned());
    store.update(&report::TABLE, &Key::hash("r"), &resolved).await.unwrap();
    assert_eq!(meter.spent(), ["UpdateItem", "QueueIndex write 1", "reports write 1"]);
}

#[tokio::test]
async fn pages() {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let (store, meter) = store(&recorder).await;
    let post =
        |n| format!(r#"{{"postId":"p{n}","threadId":"t","userId":"u","content":"c","createdAt":"2024-01-1{n}T00:00:00.000Z"}}"#);
    let posts = (0..5).map(|n| Item::parse(&post(n)));
    store.load(&post::TABLE, futures::stream::iter(posts).boxed()).await.unwrap();
    assert_eq!(meter.requests(), ["BatchWriteItem"]);
    meter.spent();
    let by_thread = Query::new(post::TABLE.index("ThreadIndex").unwrap(), "t");
    for (limit, order) in [(1, Order::Ascending), (4, Order::Descending), (5, Order::Ascending), (6, Order::Descending)] {
        let query = Query { limit, order, ..by_thread.clone() };
        assert_eq!(store.query(&post::TABLE, &query).await.unwrap().items.len(), limit.min(5));
        assert_eq!(meter.spent(), ["Query", "ThreadIndex read 0.5"]);
        assert_eq!(store.scan(&post::TABLE, &Scan::new(limit)).await.unwrap().items.len(), limit.min(5));
        assert_eq!(meter.spent(), ["Scan", "posts read 0.5"]);
    }
    let none = Query { from: Some("2".to_owned()), to: Some("2".to_owned()), ..by_thread };
    store.query(&post::TABLE, &none).await.unwrap();
    store.get_many(&[], &Read::default()).await.unwrap();
    assert_eq!(meter.spent(), [""; 0]);
}

/// Claims are about half of the users' table, and a scan looks at enough items to fill a page at once, or at twice.
#[tokio::test]
async fn pages_of_users() {
    let recorder = DebuggingRecorder::new();
    let (store, meter) = store(&recorder).await;
    let users = (0..300).map(|n| {
        Item::parse(&format!(
            r#"{{"userId":"u{n}","email":"{n}@example.org","name":"N","createdAt":"2024-01-01T00:00:00.000Z"}}"#
        ))
    });
    store.load(&user::TABLE, futures::stream::iter(users).boxed()).await.unwrap();
    meter.requests();
    let (mut scan, mut pages, mut items) = (Scan::new(50), 0, 0);
    loop {
        let page = store.scan(&user::TABLE, &scan).await.unwrap();
        (pages, items) = (pages + 1, items + page.items.len());
        match page.next {
            Some(next) => scan.cursor = Some(next),
            None => break,
        }
    }
    assert_eq!((pages, items), (6, 300));
    let requests = meter.requests().len();
    assert!(requests <= 2 * pages, "{requests}");
}
