//! Files of every format, kept in `tests/fixtures` as they were written once: each later version must read them.
//!
//! `store` is a directory while a store is open (of each table a snapshot, a journal and a lock file), `expected.json` what is in it,
//! `lock` a lock file of each state, `cursors.json` one cursor of each kind of list. No test writes them. A format that changes gets
//! fixtures of its own beside these; [`make_fixtures`] makes them.

use std::collections::BTreeMap;

use futures::StreamExt;
use serde_json::value::RawValue;

use super::super::disk::Dir;
use super::super::lock::{JournalPosition, LockFile, State};
use super::*;
use crate::forum::post;
use crate::store::cursor::{self, Cursor, Position};
use crate::store::health::Backend;
use crate::store::page::{Order, Segment};
use crate::store::update::Update;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
/// What stands in `expected.json`: the items of each table.
type Expected = BTreeMap<String, Vec<Box<RawValue>>>;

/// The tables of the stored directory. A later version knows more.
fn tables() -> impl Iterator<Item = &'static crate::Table> {
    [&post::TABLE, &thread::TABLE, &user::TABLE].into_iter()
}

/// The tables' files of the stored directory, in a directory of its own.
fn stored() -> TestDir {
    let place = TestDir::new();
    for table in tables() {
        for kind in ["json", "journal", "lock"] {
            let name = format!("{}.{kind}", table.name);
            fs::copy(format!("{FIXTURES}/store/{name}"), place.path(&name)).unwrap();
        }
    }
    place
}

fn text(name: &str) -> String {
    fs::read_to_string(format!("{FIXTURES}/{name}")).unwrap()
}

#[tokio::test]
async fn a_stored_snapshot_and_its_journal_are_read() {
    let place = stored();
    let expected: Expected = serde_json::from_str(&text("expected.json")).unwrap();
    // As another process finds them, compacted, and as the compaction left them.
    for _ in 0..2 {
        let store = place.open().await;
        for table in tables() {
            let found: Vec<_> = scan(&store, table).await.iter().map(|item| item.as_json().to_owned()).collect();
            let wanted: Vec<_> = expected[table.name].iter().map(|item| item.get().to_owned()).collect();
            assert_eq!(found, wanted, "{}", table.name);
        }
        store.close().await.unwrap();
    }
}

/// The file system as it is.
fn dir(path: impl Into<PathBuf>) -> Dir {
    Dir { disk: Arc::new(RealDisk), path: path.into() }
}

/// A lock file of each state by name.
fn states() -> [(&'static str, State); 4] {
    let open = State::at(JournalPosition { generation: 3, length: 1 << 33 });
    [
        ("open", open),
        ("rotating", State { replacing: true, ..open }),
        ("poisoned", State { poisoned: true, ..open }),
        ("rotating-poisoned", State { replacing: true, poisoned: true, ..open }),
    ]
}

#[test]
fn stored_lock_files_are_read() {
    for (name, state) in states() {
        let place = TestDir::new();
        let name = format!("{name}.lock");
        fs::copy(format!("{FIXTURES}/lock/{name}"), place.path(&name)).unwrap();
        let file = dir(place.dir.path()).open(&name, false).unwrap().unwrap();
        assert_eq!(LockFile::new(file, None, std::time::Duration::from_secs(5)).read().unwrap(), Some(state), "{name}");
    }
    let place = stored();
    for table in tables() {
        let file = dir(place.dir.path()).open(&format!("{}.lock", table.name), false).unwrap().unwrap();
        let length = place.read(&format!("{}.journal", table.name)).len() as u64;
        let state = LockFile::new(file, None, std::time::Duration::from_secs(5)).read().unwrap().unwrap();
        assert_eq!(state, State::at(JournalPosition { generation: state.committed.generation, length }), "{}", table.name);
    }
}

/// A list of each kind by name.
enum List {
    Query(Query),
    Scan(Backend, Scan),
}

fn lists() -> [(&'static str, List); 5] {
    let posts = Query::new(post::TABLE.index("ThreadIndex").unwrap(), "t1");
    let january = Query {
        order: Order::Descending,
        from: Some("2024-01-01T00:00:00.000Z".to_owned()),
        to: Some("2024-02-01T00:00:00.000Z".to_owned()),
        ..posts.clone()
    };
    let segment = Scan { segment: Some(Segment { number: 1, of: 2 }), ..Scan::new(1) };
    [
        ("query", List::Query(posts)),
        ("query of a range, descending", List::Query(january)),
        ("scan of JSON files", List::Scan(Backend::Json, Scan::new(1))),
        ("scan of DynamoDB", List::Scan(Backend::DynamoDb, Scan::new(1))),
        ("scan of a segment of DynamoDB", List::Scan(Backend::DynamoDb, segment)),
    ]
}

/// Where each of these cursors leads.
fn position() -> Position {
    Position { sort: None, hash: "p2".to_owned(), range: Some("t1".to_owned()) }
}

fn sorted() -> Position {
    Position { sort: Some("2024-01-02T09:00:00.000Z".to_owned()), ..position() }
}

#[tokio::test]
async fn stored_cursors_are_read() {
    let cursors: BTreeMap<String, String> = serde_json::from_str(&text("cursors.json")).unwrap();
    assert_eq!(cursors.len(), lists().len());
    let place = stored();
    let store = place.open().await;
    for (name, list) in lists() {
        let cursor = Some(Cursor::from_text(&cursors[name]));
        match list {
            List::Query(query) => {
                let query = Query { cursor, ..query };
                assert_eq!(cursor::query_start(&post::TABLE, &query).unwrap(), Some(sorted()), "{name}");
                let items = store.query(&post::TABLE, &query).await.unwrap().items;
                let next = if query.order == Order::Ascending { "p3" } else { "p1" };
                assert_eq!(items.first().and_then(|item| item.text("postId")).as_deref(), Some(next), "{name}");
            }
            List::Scan(backend, scan) => {
                let scan = Scan { cursor, ..scan };
                assert_eq!(cursor::scan_start(&post::TABLE, backend, &scan).unwrap(), Some(position()), "{name}");
            }
        }
    }
}

/// Every type of value, and text that needs care.
const RICH: &str = r#"{"userId":"u1","email":"u1@example.com","name":"Ä \"1\"\n","createdAt":"2024-01-01T00:00:00.000Z",
    "updatedAt":"2024-01-01T00:00:00.000Z","version":7,"writeId":"w1","tags":{"$SS":["a","b"]},"sizes":{"$NS":[1.5,2]},
    "photo":{"$B":"AP8="},"photos":{"$BS":["AA==","AP8="]},"exact":12345678901234567890123456789012345678,"small":1e-130,
    "nested":{"list":[null,true,false,{"x":-0.5}],"map":{}}}"#;

async fn load(store: &JsonStore, table: &'static Table, items: &[&str]) {
    let items: Vec<_> = items.iter().map(|text| Item::parse(text)).collect();
    store.load(table, futures::stream::iter(items).boxed()).await.unwrap();
}

fn post(id: &str, day: u32) -> String {
    format!(
        r#"{{"postId":"{id}","threadId":"t1","userId":"u1","content":"{id}","createdAt":"2024-01-0{day}T09:00:00.000Z","version":1}}"#
    )
}

/// Makes the fixtures of today's formats: `FIXTURES=/tmp/fixtures cargo test -p db-adapter --lib make_fixtures -- --ignored`
#[tokio::test]
#[ignore = "writes the fixtures of a new format"]
async fn make_fixtures() {
    let to = PathBuf::from(std::env::var_os("FIXTURES").expect("FIXTURES names a directory that does not exist"));
    fs::create_dir(&to).unwrap();
    let place = TestDir::new();
    let store = place.open().await;
    load(
        &store,
        &user::TABLE,
        &[
            RICH,
            r#"{"userId":"u2","email":"u2@example.com","name":"N","createdAt":"2024-01-01T00:00:00.000Z"}"#,
            r#"{"userId":"u3","name":"No e-mail","createdAt":"2024-01-01T00:00:00.000Z"}"#,
        ],
    )
    .await;
    load(&store, &thread::TABLE, &[r#"{"threadId":"t1","title":"In the snapshot","createdAt":"2024-01-01T00:00:00.000Z"}"#])
        .await;
    load(&store, &post::TABLE, &[&post("p1", 1), &post("gone", 1)]).await;
    // What was written until here is in the snapshots then, what follows in the journals.
    store.close().await.unwrap();
    let store = place.open().await;
    add(&store, "u4").await.unwrap();
    let change = Update { set: [("name".to_owned(), Value::from("Eve"))].into(), ..Update::default() };
    store.update(&user::TABLE, &Key::hash("u2"), &change).await.unwrap();
    let removal = Update { remove: ["email".to_owned()].into(), ..Update::default() };
    store.update(&user::TABLE, &Key::hash("u4"), &removal).await.unwrap();
    store.delete(&user::TABLE, &Key::hash("u3"), None).await.unwrap();
    store.delete(&post::TABLE, &Key { hash: "gone".to_owned(), range: Some("t1".to_owned()) }, None).await.unwrap();
    load(&store, &post::TABLE, &[&post("p2", 2), &post("p3", 3)]).await;
    let mut expected = Expected::new();
    fs::create_dir(to.join("store")).unwrap();
    for table in TABLES {
        let items = scan(&store, table).await;
        let items = items.iter().map(|item| RawValue::from_string(item.as_json().to_owned()).unwrap()).collect();
        expected.insert(table.name.to_owned(), items);
        for kind in ["json", "journal", "lock"] {
            let name = format!("{}.{kind}", table.name);
            fs::copy(place.path(&name), to.join("store").join(name)).unwrap();
        }
    }
    fs::write(to.join("expected.json"), serde_json::to_string_pretty(&expected).unwrap() + "\n").unwrap();
    fs::create_dir(to.join("lock")).unwrap();
    for (name, state) in states() {
        let file = dir(to.join("lock")).open(&format!("{name}.lock"), true).unwrap().unwrap();
        LockFile::new(file, None, std::time::Duration::from_secs(5)).lock().unwrap().write(state).unwrap();
    }
    let cursors = lists().map(|(name, list)| {
        let cursor = match list {
            List::Query(query) => cursor::after_query(&post::TABLE, &query, &sorted()),
            List::Scan(backend, scan) => cursor::after_scan(&post::TABLE, backend, &scan, &position()),
        };
        (name, cursor.to_string())
    });
    fs::write(to.join("cursors.json"), serde_json::to_string_pretty(&BTreeMap::from(cursors)).unwrap() + "\n").unwrap();
}
