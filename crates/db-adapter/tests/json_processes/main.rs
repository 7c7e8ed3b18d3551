//! Processes that share one directory of JSON files, killed and not.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod child;
mod crash;
mod expected;
mod sharing;
mod stopped;
mod writer;

use std::path::Path;

use db_adapter::forum::post;
use db_adapter::json::JsonOptions;
use db_adapter::{Attributes, Item, Key, Scan, Store, Table, Tag, Update, Value};

/// Small enough that tables are compacted all the time.
const COMPACT_AT: u64 = 32 << 10;

fn options(dir: &Path) -> JsonOptions {
    JsonOptions { compact_at: COMPACT_AT, ..JsonOptions::new(dir) }
}

fn a_post(key: &Key, number: u64) -> Attributes {
    let text = |name: &str, value: String| (name.to_owned(), Value::String(value));
    Attributes::from([
        text("postId", key.hash.clone()),
        text("threadId", key.range.clone().unwrap()),
        text("userId", "u".to_owned()),
        text("content", "x".repeat(100)),
        text("title", number.to_string()),
        text("createdAt", format!("2024-01-01T00:00:00.{:03}Z", number % 1000)),
    ])
}

fn a_user(id: &str, email: &str) -> Attributes {
    [("userId", id), ("email", email), ("name", "n"), ("createdAt", "2026-01-01T00:00:00.000Z")]
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .into()
}

/// The number in a post's title.
fn count_of(item: &Item) -> u64 {
    item.text("title").unwrap().parse().unwrap()
}

/// Sets the number in a post's title, if the post still is the expected one.
async fn set_count(store: &dyn Store, key: &Key, number: u64, expected: Tag) -> db_adapter::Result<Item> {
    let set = Attributes::from([("title".to_owned(), Value::String(number.to_string()))]);
    store.update(&post::TABLE, key, &Update { set, expected: Some(expected), ..Update::default() }).await
}

async fn all(store: &dyn Store, table: &'static Table) -> Vec<Item> {
    let (mut items, mut scan) = (Vec::new(), Scan::new(1000));
    loop {
        let page = store.scan(table, &scan).await.unwrap();
        items.extend(page.items);
        match page.next {
            Some(next) => scan.cursor = Some(next),
            None => return items,
        }
    }
}
