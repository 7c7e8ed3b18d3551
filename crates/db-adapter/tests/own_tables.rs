//! Both backends on tables that are not the forum's.

#![allow(clippy::unwrap_used, clippy::panic)]

mod dynoxide;

use db_adapter::dynamodb::{DynamoOptions, DynamoStore, tables};
use db_adapter::json::{JsonOptions, JsonStore};
use db_adapter::schema::{Attribute, Constant, Index, Kind, Unique};
use db_adapter::{Attributes, Error, Item, Key, Order, Query, Read, Rule, Scan, Store, Table, Update, Value};
use futures::StreamExt;

/// Notes in books: a key of two halves and a unique attribute.
static NOTES: Table = Table {
    name: "notes",
    singular: "note",
    component: "Note",
    env: "NOTES_TABLE",
    default_name: "own-notes",
    hash: "noteId",
    range: Some("bookId"),
    indexes: &[Index { name: "BookIndex", hash: "bookId", range: Some("page") }],
    unique: &[Unique { attribute: "slug" }],
    constant: None,
    ttl: None,
    attributes: &[Attribute::server("noteId", Kind::Text, "The note's id."), Attribute::text("slug", "Its short name.")],
    samples: "[]",
};

/// Books: listed as a whole through a constant.
static BOOKS: Table = Table {
    name: "books",
    singular: "book",
    component: "Book",
    env: "BOOKS_TABLE",
    default_name: "own-books",
    hash: "bookId",
    range: None,
    indexes: &[Index { name: "TitleIndex", hash: "all", range: Some("title") }],
    unique: &[],
    constant: Some(Constant { attribute: "all", value: "books", partitions: 1 }),
    ttl: None,
    attributes: &[Attribute::server("bookId", Kind::Text, "The book's id."), Attribute::hidden("all")],
    samples: "[]",
};

static SCHEMA: [&Table; 2] = [&BOOKS, &NOTES];
static BOOKS_ONLY: [&Table; 1] = [&BOOKS];

fn attributes<const N: usize>(pairs: [(&str, &str); N]) -> Attributes {
    pairs.map(|(name, value)| (name.to_owned(), Value::from(value))).into()
}

fn note(id: &str, page: &str, slug: &str) -> Attributes {
    attributes([("noteId", id), ("bookId", "b1"), ("page", page), ("slug", slug)])
}

async fn list(store: &dyn Store, table: &'static Table, query: Query, name: &str) -> Vec<String> {
    store.query(table, &query).await.unwrap().items.iter().filter_map(|item| item.text(name)).collect()
}

async fn holds_its_promises(store: &dyn Store) {
    for (id, title) in [("b1", "Walden"), ("b2", "Emma")] {
        store.create(&BOOKS, attributes([("bookId", id), ("title", title)])).await.unwrap();
    }
    let by_title = Query::new(BOOKS.index("TitleIndex").unwrap(), "books");
    assert_eq!(list(store, &BOOKS, by_title, "title").await, ["Emma", "Walden"]);

    for (id, page, slug) in [("n1", "10", "pond"), ("n2", "20", "beans")] {
        store.create(&NOTES, note(id, page, slug)).await.unwrap();
    }
    let newest_first = Query { order: Order::Descending, ..Query::new(NOTES.index("BookIndex").unwrap(), "b1") };
    assert_eq!(list(store, &NOTES, newest_first, "noteId").await, ["n2", "n1"]);
    assert_eq!(store.scan(&NOTES, &Scan::new(9)).await.unwrap().items.len(), 2);

    let taken = store.create(&NOTES, note("n3", "30", " Pond ")).await;
    assert!(matches!(taken, Err(Error::Conflict { rule: Rule::Unique("slug") })), "{taken:?}");
    let (key, freed) = (Key::pair("n1", "b1"), Update { set: attributes([("slug", "lake")]), ..Update::default() });
    store.update(&NOTES, &key, &freed).await.unwrap();
    store.create(&NOTES, note("n3", "30", "pond")).await.unwrap();
    store.delete(&NOTES, &key, None).await.unwrap();
    assert_eq!(store.get(&NOTES, &key, &Read::STRONG).await.unwrap(), None);
    for table in SCHEMA {
        assert_eq!(store.check(table).await.unwrap(), []);
        assert!(store.health(table).await.reachable);
    }
}

/// A unique value may be stored in any spelling where its attribute declares none, as e-mail addresses do; all spellings are one value.
async fn holds_one_value_in_any_spelling(store: &dyn Store) {
    let taken =
        |done: Result<Item, Error>| assert!(matches!(done, Err(Error::Conflict { rule: Rule::Unique("slug") })), "{done:?}");
    let key = |id: &str| Key::pair(id, "b9");
    let to = |slug: &str| Update { set: attributes([("slug", slug)]), ..Update::default() };
    let note = |id: &str, slug: &str| attributes([("noteId", id), ("bookId", "b9"), ("page", "1"), ("slug", slug)]);

    store.create(&NOTES, note("s1", "hut")).await.unwrap();
    for slug in ["hut", "HUT", " Hut "] {
        taken(store.create(&NOTES, note("s2", slug)).await);
    }
    let updated = store.update(&NOTES, &key("s1"), &to("Hut")).await.unwrap();
    assert_eq!(updated.text("slug").as_deref(), Some("Hut"));
    taken(store.create(&NOTES, note("s2", "hut")).await);

    let loaded = futures::stream::iter([Ok(Item::new(&note("s3", " Axe")))]).boxed();
    assert_eq!(store.load(&NOTES, loaded).await.unwrap(), 1);
    store.update(&NOTES, &key("s3"), &to("axe")).await.unwrap();
    store.update(&NOTES, &key("s3"), &to("saw")).await.unwrap();
    store.create(&NOTES, note("s4", "axe")).await.unwrap();
    taken(store.update(&NOTES, &key("s4"), &to("HUT")).await);
    assert_eq!(store.check(&NOTES).await.unwrap(), []);
}

#[tokio::test]
async fn json_files_keep_any_tables() {
    let dir = tempfile::tempdir().unwrap();
    let store = JsonStore::open(&SCHEMA, JsonOptions::new(dir.path())).await.unwrap();
    holds_its_promises(&store).await;
    holds_one_value_in_any_spelling(&store).await;
    store.close().await.unwrap();
    let mut snapshots: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    snapshots.retain(|name| name.to_string_lossy().ends_with(".json"));
    snapshots.sort();
    assert_eq!(snapshots, ["books.json", "notes.json"]);
}

#[tokio::test]
async fn dynamodb_keeps_any_tables() {
    let options = DynamoOptions { endpoint: Some(dynoxide::start().await), ..DynamoOptions::new("us-east-1") };
    let store = DynamoStore::open(&SCHEMA, options).await.unwrap();
    let created: Vec<_> = tables::create(&store).await.unwrap().into_iter().map(|change| change.name).collect();
    assert_eq!(created, ["own-books", "own-notes"]);
    holds_its_promises(&store).await;
    holds_one_value_in_any_spelling(&store).await;
}

#[tokio::test]
async fn a_table_that_was_not_opened_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    let json = JsonStore::open(&BOOKS_ONLY, JsonOptions::new(dir.path())).await.unwrap();
    let refused = json.create(&NOTES, note("n1", "1", "pond")).await;
    assert!(matches!(&refused, Err(Error::Unavailable { reason }) if reason.contains("notes")), "{refused:?}");
    assert!(!json.health(&NOTES).await.reachable);
}
