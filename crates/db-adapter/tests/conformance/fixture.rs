//! What a case gets: an empty store, and a few items to put into it.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use db_adapter::forum::{post, thread, user};
use db_adapter::schema::Index;
use db_adapter::{Attributes, Error, Item, Key, Page, Query, Result, Scan, Store, Table};
use futures::future::BoxFuture;
use serde_json::json;

use crate::moved_clock::MovedClock;

pub type Run = fn(Fixture) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// One named case.
#[derive(Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    pub run: Run,
}

/// The cases of a module, by the names of its functions.
#[macro_export]
macro_rules! cases {
    ($module:ident: $($case:ident),+ $(,)?) => {
        pub const CASES: &[$crate::fixture::Case] = &[$($crate::fixture::Case {
            name: concat!(stringify!($module), "::", stringify!($case)),
            run: |fixture| Box::pin($case(fixture)),
        }),+];
    };
}

type Reopen = Box<dyn Fn() -> BoxFuture<'static, Arc<dyn Store>> + Send + Sync>;

/// An empty store of its own for each case.
pub struct Fixture {
    pub store: Arc<dyn Store>,
    /// That of the store and of every other one on the same data.
    pub clock: Arc<MovedClock>,
    reopen: Reopen,
}

impl Fixture {
    pub async fn new(clock: Arc<MovedClock>, reopen: Reopen) -> Self {
        Self { store: reopen().await, clock, reopen }
    }

    /// Another store on the same data, as another process would open it.
    pub async fn other(&self) -> Arc<dyn Store> {
        (self.reopen)().await
    }
}

pub fn attributes(json: serde_json::Value) -> Attributes {
    Item::parse(&json.to_string()).unwrap().attributes().unwrap()
}

pub fn user(id: &str, email: &str) -> Attributes {
    attributes(json!({"userId": id, "email": email, "name": "A name", "createdAt": at(0)}))
}

pub fn thread(id: &str, created_at: &str) -> Attributes {
    attributes(json!({"threadId": id, "title": "A title", "createdAt": created_at}))
}

pub fn post(id: &str, thread: &str, created_at: &str) -> Attributes {
    attributes(json!({"postId": id, "threadId": thread, "userId": "u1", "content": "Some words", "createdAt": created_at}))
}

/// A time; larger numbers are later.
pub fn at(second: u32) -> String {
    format!("2026-01-01T00:{:02}:{:02}.000Z", second / 60, second % 60)
}

pub fn key(hash: &str) -> Key {
    Key::hash(hash)
}

pub fn index(table: &'static Table, name: &str) -> &'static Index {
    table.index(name).unwrap()
}

pub fn by_thread(thread: &str) -> Query {
    Query::new(index(&post::TABLE, "ThreadIndex"), thread)
}

pub fn by_email(email: &str) -> Query {
    Query::new(index(&user::TABLE, "EmailIndex"), email)
}

pub fn newest_threads() -> Query {
    Query { order: db_adapter::Order::Descending, ..Query::new(index(&thread::TABLE, "CreatedAtIndex"), thread::FEED) }
}

/// The values of one string attribute, in order.
pub fn texts(items: &[Item], attribute: &str) -> Vec<String> {
    items.iter().map(|item| item.text(attribute).unwrap_or_default()).collect()
}

/// Follows the cursors of a query to its end.
pub async fn walk_query(store: &dyn Store, table: &'static Table, mut query: Query) -> Vec<Page> {
    let mut pages = Vec::new();
    loop {
        let page = store.query(table, &query).await.unwrap();
        query.cursor = page.next.clone();
        pages.push(page);
        if query.cursor.is_none() {
            return pages;
        }
    }
}

/// Follows the cursors of a scan to its end.
pub async fn walk_scan(store: &dyn Store, table: &'static Table, mut scan: Scan) -> Vec<Page> {
    let mut pages = Vec::new();
    loop {
        let page = store.scan(table, &scan).await.unwrap();
        scan.cursor = page.next.clone();
        pages.push(page);
        if scan.cursor.is_none() {
            return pages;
        }
    }
}

/// The values of one string attribute over all pages, which must not repeat.
pub fn all_texts(pages: &[Page], attribute: &str) -> Vec<String> {
    let all: Vec<String> = pages.iter().flat_map(|page| texts(&page.items, attribute)).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "an item came twice: {all:?}");
    all
}

pub async fn load(store: &dyn Store, table: &'static Table, items: Vec<Attributes>) -> Result<u64> {
    let items: Vec<Result<Item>> = items.iter().map(|attributes| Ok(Item::new(attributes))).collect();
    store.load(table, Box::pin(futures::stream::iter(items))).await
}

#[track_caller]
pub fn assert_invalid<T: std::fmt::Debug>(result: Result<T>, attribute: &str) {
    match result {
        Err(Error::InvalidItem { attribute: named, .. }) => assert_eq!(named, attribute),
        other => panic!("expected InvalidItem for {attribute}, got {other:?}"),
    }
}

/// Asserts the error's variant.
#[macro_export]
macro_rules! assert_fails {
    ($result:expr, $pattern:pat) => {
        match $result {
            Err($pattern) => {}
            other => panic!("expected {}, got {other:?}", stringify!($pattern)),
        }
    };
}
