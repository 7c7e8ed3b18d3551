//! Hundreds of items, each broken in another way, and what a repair leaves of them: nothing that is broken, and everything that can be mended.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail so")]

mod place;

use std::collections::BTreeMap;
use std::fs;

use aws_sdk_dynamodb::types::AttributeValue;
use db_adapter::Table;
use db_adapter::forum::TABLES;
use db_adapter::schema::{Attribute, Kind, Presence};
use serde_json::{Map, Value as Json, json};

use place::{Place, text};

/// An item, and whether a person would know what to make of it.
struct Broken {
    table: &'static Table,
    key: Vec<String>,
    item: Map<String, Json>,
    can_be_mended: bool,
}

/// An item of the table with which nothing is wrong.
fn sound(table: &'static Table, number: usize) -> Map<String, Json> {
    let value = |known: &Attribute| match (known.kind, known.name) {
        _ if known.time => json!("2026-01-01T00:00:00.000Z"),
        (_, "expiresAt") => json!(4_102_444_800_u64),
        (Kind::Count, _) => json!(1),
        (_, "createdAt" | "updatedAt") => {
            json!("2026-01-01T00:00:00.000Z")
        }
        (_, "feed") => json!(table.name),
        (_, "email") => json!(format!("u{number}@forum.example")),
        (_, name) if name == table.hash => json!(format!("i{number}")),
        _ => json!("text"),
    };
    table.attributes.iter().map(|known| (known.name.to_owned(), value(known))).collect()
}

/// Each attribute of each table with each of these values, and without one.
fn every_way() -> Vec<Broken> {
    let values = [
        Some(json!(null)),
        Some(json!(5)),
        Some(json!(-1.5)),
        Some(json!(true)),
        Some(json!([])),
        Some(json!(["a"])),
        Some(json!({"id": "a"})),
        Some(json!("x y")),
        Some(json!("7")),
        Some(json!("health")),
        Some(json!("yesterday")),
        Some(json!("2024-11-23T12:00:00+02:00")),
        Some(json!(" Ann@Forum.Example ")),
        None,
    ];
    let mut broken = Vec::new();
    for table in TABLES {
        for known in table.attributes {
            for value in &values {
                let mut item = sound(table, broken.len());
                // Without its key an item is none.
                if table.is_key(known.name) && !value.as_ref().is_some_and(Json::is_string) {
                    continue;
                }
                // Nor is it one past its time.
                if known.name == "expiresAt" && value.as_ref().is_some_and(|value| value.is_number() || *value == json!("7")) {
                    continue;
                }
                // Two items may have the same bad id, which is no other way.
                match value {
                    Some(value) => item.insert(known.name.to_owned(), value.clone()),
                    None => item.remove(known.name),
                };
                let is_text = value.as_ref().is_some_and(|value| value.is_string() || value.is_number() || value.is_boolean());
                let is_id = ["7", "yesterday"].map(Json::from).contains(item.get(table.hash).unwrap_or(&Json::Null));
                let needs_text = known.presence == Presence::Required && known.kind == Kind::Text && !known.name.ends_with("At");
                let can_be_mended = if known.name == table.hash { is_id } else { !needs_text || is_text };
                let key =
                    [Some(table.hash), table.range].into_iter().flatten().map(|half| item[half].as_str().unwrap().to_owned());
                broken.push(Broken { table, key: key.collect(), item, can_be_mended });
            }
        }
    }
    broken
}

fn raw(value: &Json) -> AttributeValue {
    match value {
        Json::Null => AttributeValue::Null(true),
        Json::Bool(value) => AttributeValue::Bool(*value),
        Json::Number(number) => AttributeValue::N(number.to_string()),
        Json::String(text) => AttributeValue::S(text.clone()),
        Json::Array(values) => AttributeValue::L(values.iter().map(raw).collect()),
        Json::Object(members) => AttributeValue::M(members.iter().map(|(name, value)| (name.clone(), raw(value))).collect()),
    }
}

/// Puts the items into the place past every rule of ours. Returns those that the backend itself takes.
async fn put(place: &Place, items: Vec<Broken>) -> Vec<Broken> {
    let Some(store) = &place.dynamodb else {
        fs::create_dir(place.path("foreign")).unwrap();
        for table in TABLES {
            let list: Vec<_> = items.iter().filter(|broken| broken.table.name == table.name).map(|broken| &broken.item).collect();
            fs::write(place.path(&format!("foreign/{}.json", table.name)), json!(list).to_string()).unwrap();
        }
        return items;
    };
    let mut taken = Vec::new();
    for broken in items {
        let put = store.client().put_item().table_name(store.table_name(broken.table));
        let item = broken.item.iter().map(|(name, value)| (name.clone(), raw(value))).collect();
        // The keys of its indexes have types.
        if put.set_item(Some(item)).send().await.is_ok() {
            taken.push(broken);
        }
    }
    taken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_can_be_mended_is_kept_and_all_that_cannot_is_saved() {
    for place in Place::each().await {
        let items = put(&place, every_way()).await;
        let directory = place.path("foreign");
        let store: &[&str] = if place.dynamodb.is_some() { &[] } else { &["--data-dir", text(&directory)] };
        let verify = |more: &[&str]| place.run(&[&["verify", "--json"], store, more].concat());
        let report = |ended: &place::Ended| serde_json::from_str::<Json>(&ended.stdout).unwrap();

        let found = verify(&["--repair"]);
        assert_eq!(found.code, Some(3), "{}", found.stderr);
        let found = report(&found)["findings"].as_array().unwrap().len();
        assert!(found >= 200, "{found} of {}", items.len());
        let repaired = verify(&["--repair", "--apply", "--save", "saved.jsonl"]);
        assert_eq!(repaired.code, Some(0), "{}{}", repaired.stdout, repaired.stderr);
        let after = verify(&[]);
        assert_eq!((after.code, &report(&after)["findings"]), (Some(0), &json!([])), "{}", after.stderr);

        // What was changed is saved as it was.
        let saved = fs::read_to_string(place.path("saved.jsonl")).unwrap();
        let saved: Vec<Json> = saved.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let key_of = |line: &Json, table: &Table| -> Vec<String> {
            let half = |half: &str| line["key"][half].as_str().map(str::to_owned);
            [Some(table.hash), table.range].into_iter().flatten().filter_map(half).collect()
        };
        let saved_of = |broken: &Broken| {
            let is_its = |line: &&Json| {
                line["table"] == broken.table.name && key_of(line, broken.table) == broken.key && line.get("item").is_some()
            };
            saved.iter().find(is_its)
        };
        let left: BTreeMap<&str, u64> = report(&after)["tables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|table| {
                (TABLES.iter().find(|known| table["table"] == known.name).unwrap().name, table["items"].as_u64().unwrap())
            })
            .collect();
        for table in TABLES {
            let mut kept = 0;
            for broken in items.iter().filter(|broken| broken.table.name == table.name) {
                let line = saved_of(broken);
                let is_removed = line.is_some_and(|line| line["finding"] == "brokenItem");
                assert_eq!(is_removed, !broken.can_be_mended, "{} {:?}: {line:?}", table.name, broken.item);
                if let Some(line) = line {
                    let mut before = broken.item.clone();
                    let mut item = line["item"].as_object().unwrap().clone();
                    // Files are read without what is NULL, and `feed` is added.
                    before.retain(|name, value| name != "feed" && !value.is_null());
                    item.retain(|name, value| name != "feed" && !value.is_null());
                    assert_eq!(item, before, "{}", table.name);
                }
                kept += u64::from(!is_removed);
            }
            assert_eq!(left[table.name], kept, "{}", table.name);
        }
    }
}
