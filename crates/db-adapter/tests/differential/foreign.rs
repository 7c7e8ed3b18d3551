//! Items that another program wrote, behind both stores: sound ones with one or two attributes that are changed to what they may not
//! be, or removed. Every read and update returns the same on both, and a repair leaves the same tables, without a finding and without
//! the loss of an item that can be mended.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use db_adapter::dynamodb::{DynamoOptions, DynamoStore, tables};
use db_adapter::forum::{self, TABLES, post, thread};
use db_adapter::json::{JsonOptions, JsonStore};
use db_adapter::{
    Attributes, Clock, Error, Finding, Item, Key, Query, Read, Result, Scan, Store, SystemClock, Table, Update, Value,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::dynoxide;
use crate::lockstep::show;
use crate::moved_clock::MovedClock;

/// Number of items, over all tables.
const ITEMS: usize = 240;

fn attributes(json: &serde_json::Value) -> Attributes {
    Item::parse(&json.to_string()).unwrap().attributes().unwrap()
}

fn base(table: &'static Table, number: usize) -> Attributes {
    let created = format!("2026-01-01T00:{:02}:{:02}.000Z", number / 60, number % 60);
    attributes(&match table.name {
        "users" => {
            serde_json::json!({"userId": format!("u{number}"), "name": "N", "email": format!("{number}@x.org"), "createdAt": created})
        }
        "threads" => {
            serde_json::json!({"threadId": format!("t{number}"), "title": "T", "userId": "u1", "feed": "threads", "createdAt": created})
        }
        _ => {
            serde_json::json!({"postId": format!("p{number}"), "threadId": "t", "userId": "u1", "content": "C", "createdAt": created})
        }
    })
}

/// What an attribute becomes: nothing where it is removed.
fn odd() -> impl Strategy<Value = Option<Value>> {
    let json = |text: &str| attributes(&serde_json::from_str(&format!("{{\"x\":{text}}}")).unwrap()).remove("x").unwrap();
    let odd = [
        "null",
        "5",
        "-1",
        "1.5",
        "true",
        "\"7\"",
        "\"\"",
        "\" X \"",
        "\"yesterday\"",
        "\"2026-01-01T02:00:00+02:00\"",
        "\"me\"",
        "\"2026-01-01\"",
        "[1]",
        "{\"a\":null}",
        "{\"$SS\":[\"a\"]}",
        "{\"$B\":\"AA==\"}",
        "1767225600",
        "\"a b\"",
        "\"2026-01-01T00:00:00.000Z\"",
    ];
    prop_oneof![1 => Just(None), 9 => prop::sample::select(odd.map(json).to_vec()).prop_map(Some)]
}

/// Which attribute, and what it becomes.
type Change = (prop::sample::Index, Option<Value>);

fn foreign() -> impl Strategy<Value = Vec<(&'static str, Attributes)>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), odd()), 0..3);
    prop::collection::vec((prop::sample::select(vec!["users", "threads", "posts"]), changes), ITEMS).prop_map(|items| {
        let item = |(number, (name, changes)): (usize, (&'static str, Vec<Change>))| {
            let table = forum::table(name).unwrap();
            // The JSON store adds the constant to what it reads, so that it is a test of its own.
            let known: Vec<_> =
                table.attributes.iter().map(|known| known.name).filter(|name| !table.is_key(name) && *name != "feed").collect();
            let mut item = base(table, number);
            for (index, value) in changes {
                let name = *index.get(&known);
                item.remove(name);
                item.extend(value.map(|value| (name.to_owned(), value)));
            }
            (name, item)
        };
        items.into_iter().enumerate().map(item).collect()
    })
}

struct Stores {
    json: JsonStore,
    dynamo: DynamoStore,
    keys: Vec<(&'static Table, Key)>,
    _dir: tempfile::TempDir,
}

impl Stores {
    /// Puts into DynamoDB what it takes, an owner's claims too, and the same into the files.
    async fn holding(items: Vec<(&'static str, Attributes)>, clock: Arc<dyn Clock>) -> Self {
        let options =
            DynamoOptions { clock: clock.clone(), endpoint: Some(dynoxide::start().await), ..DynamoOptions::new("us-east-1") };
        let dynamo = DynamoStore::open(&TABLES, options).await.unwrap();
        tables::create(&dynamo).await.unwrap();
        let (mut files, mut keys) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
        for (name, item) in items {
            let table = forum::table(name).unwrap();
            let put = |raw: Attributes| {
                let raw = raw.into_iter().map(|(name, value)| (name, AttributeValue::from(value))).collect();
                dynamo.client().put_item().table_name(dynamo.table_name(table)).set_item(Some(raw)).send()
            };
            let email = item.get("email").and_then(Value::as_str).map(|email| email.trim().to_lowercase());
            let id = item.get(table.hash).unwrap().clone();
            if email.as_ref().is_some_and(|email| !email.contains('@')) || put(item.clone()).await.is_err() {
                continue;
            }
            if let Some(email) = email.filter(|_| name == "users") {
                put([("userId".to_owned(), Value::from(format!("email#{email}"))), ("owner".to_owned(), id)].into())
                    .await
                    .unwrap();
            }
            keys.push((table, table.key_of(&item).unwrap()));
            files.entry(name).or_default().push(Item::new(&item).as_json().to_owned());
        }
        let dir = tempfile::tempdir().unwrap();
        for (name, items) in files {
            std::fs::write(dir.path().join(format!("{name}.json")), format!("[{}]", items.join(",\n"))).unwrap();
        }
        let options = JsonOptions { keep_broken: true, clock, ..JsonOptions::new(dir.path()) };
        Self { json: JsonStore::open(&TABLES, options).await.unwrap(), dynamo, keys, _dir: dir }
    }

    async fn assert_reads_alike(&self) {
        for asked in [None, Some(vec!["title".to_owned(), "name".to_owned()]), Some(vec!["createdAt".to_owned()])] {
            let read = Read { attributes: asked.clone(), ..Read::STRONG };
            for (table, key) in &self.keys {
                let got = [self.json.get(table, key, &read).await, self.dynamo.get(table, key, &read).await].map(tell);
                assert_eq!(got[0], got[1], "{key:?} {asked:?}");
            }
            for keys in self.keys.chunks(100) {
                let show = |found: Vec<Option<Item>>| found.iter().map(|item| item.as_ref().map(show)).collect::<Vec<_>>();
                let json = show(self.json.get_many(keys, &read).await.unwrap());
                assert_eq!(json, show(self.dynamo.get_many(keys, &read).await.unwrap()));
            }
            let lists: [(&'static Table, &str, &str); 4] = [
                (&thread::TABLE, "CreatedAtIndex", "threads"),
                (&thread::TABLE, "UserIndex", "u1"),
                (&post::TABLE, "ThreadIndex", "t"),
                (&post::TABLE, "UserIndex", "u1"),
            ];
            for (table, index, partition) in lists {
                let query = Query { limit: 7, attributes: asked.clone(), ..Query::new(table.index(index).unwrap(), partition) };
                let [json, dynamo] = [list(&self.json, table, &query).await, list(&self.dynamo, table, &query).await];
                assert_eq!(json, dynamo, "{index} {asked:?}");
            }
            for table in TABLES {
                let scan = Scan { attributes: asked.clone(), ..Scan::new(10_000) };
                let [json, dynamo] = [all(&self.json, table, &scan).await, all(&self.dynamo, table, &scan).await];
                assert_eq!(json, dynamo);
            }
        }
    }
}

/// A list without the order of items of equal times, which each backend chooses.
async fn list(store: &dyn Store, table: &'static Table, query: &Query) -> Vec<String> {
    let (mut items, mut query) = (Vec::new(), query.clone());
    loop {
        let page = store.query(table, &query).await.unwrap();
        items.extend(page.items.iter().map(show));
        query.cursor = page.next;
        if query.cursor.is_none() {
            items.sort_unstable();
            return items;
        }
    }
}

async fn all(store: &dyn Store, table: &'static Table, scan: &Scan) -> Vec<String> {
    let mut items: Vec<_> = store.scan(table, scan).await.unwrap().items.iter().map(show).collect();
    items.sort_unstable();
    items
}

fn tell(result: Result<Option<Item>>) -> String {
    match result {
        Ok(item) => item.as_ref().map_or_else(|| "absent".to_owned(), show),
        Err(Error::Corrupt { reason, .. }) => reason,
        Err(Error::NotFound) => "not found".to_owned(),
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn what_others_wrote_is_served_and_repaired_alike() {
    let mut runner = TestRunner::deterministic();
    let stores = Stores::holding(foreign().new_tree(&mut runner).unwrap().current(), Arc::new(SystemClock)).await;
    assert!(stores.keys.len() > 200, "{}", stores.keys.len());
    stores.assert_reads_alike().await;
    for (table, key) in &stores.keys {
        let name = ["name", "title", "content"].into_iter().find(|name| table.attribute(name).is_some()).unwrap();
        let update = Update { set: [(name.to_owned(), Value::from("new"))].into(), ..Update::default() };
        let json = tell(stores.json.update(table, key, &update).await.map(Some));
        assert_eq!(json, tell(stores.dynamo.update(table, key, &update).await.map(Some)), "{key:?}");
    }
    stores.assert_reads_alike().await;
    for table in TABLES {
        for store in [&stores.json as &dyn Store, &stores.dynamo] {
            for finding in store.check(table).await.unwrap() {
                store.repair(table, &finding).await.unwrap();
            }
            assert_eq!(store.check(table).await.unwrap(), []);
        }
    }
    stores.assert_reads_alike().await;
}

#[tokio::test]
async fn of_200_broken_items_a_repair_removes_only_what_cannot_be_mended() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..2 {
        // No number that an item may hold is past its time yet.
        let clock = MovedClock::new();
        clock.advance(-MovedClock::START - 10);
        let stores = Stores::holding(foreign().new_tree(&mut runner).unwrap().current(), Arc::new(clock)).await;
        for store in [&stores.json as &dyn Store, &stores.dynamo] {
            let mut hopeless = Vec::new();
            for table in TABLES {
                for finding in store.check(table).await.unwrap() {
                    store.repair(table, &finding).await.unwrap();
                    if let Finding::BrokenItem { key, item, .. } = finding {
                        hopeless.push((table.name, key));
                        // Only a required text that is missing, or of a type that is no text, cannot be mended.
                        let texts = table.attributes.iter().filter(|known| {
                            ["name", "title", "content", "userId"].contains(&known.name)
                                && known.presence == db_adapter::schema::Presence::Required
                        });
                        let attributes = item.attributes().unwrap();
                        let is_lost =
                            |value: Option<&Value>| !matches!(value, Some(Value::String(_) | Value::Number(_) | Value::Bool(_)));
                        assert!(texts.into_iter().any(|known| is_lost(attributes.get(known.name))), "{item:?}");
                    }
                }
                assert_eq!(store.check(table).await.unwrap(), []);
            }
            for (table, key) in &stores.keys {
                let stays = store.get(table, key, &Read::STRONG).await.unwrap().is_some();
                assert_eq!(stays, !hopeless.contains(&(table.name, key.clone())), "{key:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_thread_without_feed_is_listed_after_a_repair_or_an_update() {
    for feed in [None, Some(Value::from("other")), Some(Value::from("Threads"))] {
        let mut items = Vec::new();
        for number in 0..2 {
            let mut item = base(&thread::TABLE, number);
            item.remove("feed");
            item.extend(feed.clone().map(|feed| ("feed".to_owned(), feed)));
            items.push((thread::TABLE.name, item));
        }
        let stores = Stores::holding(items, Arc::new(SystemClock)).await;
        let query = Query::new(thread::TABLE.index("CreatedAtIndex").unwrap(), thread::FEED);
        assert_eq!(list(&stores.dynamo, &thread::TABLE, &query).await.len(), 0);
        assert_eq!(stores.dynamo.check(&thread::TABLE).await.unwrap().len(), 2);
        let update = Update { set: [("title".to_owned(), Value::from("new"))].into(), ..Update::default() };
        stores.dynamo.update(&thread::TABLE, &Key::hash("t0"), &update).await.unwrap();
        assert_eq!(list(&stores.dynamo, &thread::TABLE, &query).await.len(), 1);
        for finding in stores.dynamo.check(&thread::TABLE).await.unwrap() {
            stores.dynamo.repair(&thread::TABLE, &finding).await.unwrap();
        }
        assert_eq!(list(&stores.dynamo, &thread::TABLE, &query).await.len(), 2);
        assert_eq!(list(&stores.json, &thread::TABLE, &query).await.len(), 2);
    }
}
