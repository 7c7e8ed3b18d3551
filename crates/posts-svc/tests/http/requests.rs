//! What each route asks of the store, as the costs that are promised rest on it.

use std::sync::{Arc, Mutex};

use db_adapter::layer::StoreLayer;
use db_adapter::{Attributes, Error, Finding, Item, Key, Page, Query, Read, Result, Scan, Store, Table, Tag, Update};
use http_kit::SharedStore;
use http_test::TestApp;
use rstest::rstest;
use serde_json::json;

use crate::{furnished, hello, load_post};

/// Writes down what is asked, and lags: eventual reads of single items see nothing at all.
#[derive(Debug)]
struct Recorder {
    store: SharedStore,
    asked: Arc<Mutex<Vec<String>>>,
    lags: bool,
}

impl Recorder {
    fn note(&self, asked: impl Into<String>) {
        self.asked.lock().unwrap().push(asked.into());
    }

    fn note_read(&self, operation: &str, tables: &[&str], read: &Read) {
        let strength = if read.strong { "strong" } else { "eventual" };
        self.note(format!("{operation} {} {strength}", tables.join("+")));
    }
}

impl StoreLayer for Recorder {
    fn inner(&self) -> &dyn Store {
        &*self.store
    }

    async fn get(&self, table: &'static Table, key: &Key, read: &Read) -> Result<Option<Item>> {
        self.note_read("get", &[table.name], read);
        if self.lags && !read.strong { Ok(None) } else { self.store.get(table, key, read).await }
    }

    async fn get_many(&self, keys: &[(&'static Table, Key)], read: &Read) -> Result<Vec<Option<Item>>> {
        self.note_read("get_many", &keys.iter().map(|(table, _)| table.name).collect::<Vec<_>>(), read);
        if self.lags && !read.strong { Ok(vec![None; keys.len()]) } else { self.store.get_many(keys, read).await }
    }

    async fn query(&self, table: &'static Table, query: &Query) -> Result<Page> {
        self.note(format!("query {}", query.index.name));
        self.store.query(table, query).await
    }

    async fn scan(&self, table: &'static Table, scan: &Scan) -> Result<Page> {
        self.note(format!("scan {}", table.name));
        self.store.scan(table, scan).await
    }

    async fn create(&self, table: &'static Table, attributes: Attributes) -> Result<Item> {
        self.note(format!("create {}", table.name));
        self.store.create(table, attributes).await
    }

    async fn update(&self, table: &'static Table, key: &Key, update: &Update) -> Result<Item> {
        self.note(format!("update {}", table.name));
        self.store.update(table, key, update).await
    }

    async fn delete(&self, table: &'static Table, key: &Key, expected: Option<&Tag>) -> Result<()> {
        self.note(format!("delete {}", table.name));
        self.store.delete(table, key, expected).await
    }

    async fn check(&self, _: &'static Table) -> Result<Vec<Finding>> {
        Err(Error::unavailable("no route asks this"))
    }

    async fn repair(&self, _: &'static Table, _: &Finding) -> Result<()> {
        Err(Error::unavailable("no route asks this"))
    }
}

/// With post p1 of u1 in t1.
async fn recorded(lags: bool) -> (TestApp, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let recorder = |store| -> SharedStore { Arc::new(Recorder { store, asked: asked.clone(), lags }) };
    let app = furnished(TestApp::behind(vec![posts_svc::service()], recorder).await).await;
    load_post(&app, "p1", "t1", "u1", "2024-01-01T00:00:00.000Z").await;
    (app, asked)
}

#[rstest]
#[case("POST", "/api/posts", &[], &["get_many threads+users eventual", "create posts", "update threads"])]
#[case(
    "POST",
    "/api/posts",
    &[("idempotency-key", "k")],
    &["get posts strong", "get_many threads+users eventual", "create posts", "update threads"],
)]
#[case("PATCH", "/api/posts/p1", &[], &["get posts eventual", "update posts"])]
#[case("PUT", "/api/posts/p1", &[], &["get posts eventual", "update posts"])]
#[case("PUT", "/api/posts/p1", &[("if-match", "\"1-0\"")], &["get posts eventual", "update posts"])]
#[case("DELETE", "/api/posts/p1", &[], &["get posts eventual", "delete posts", "update threads"])]
#[case("DELETE", "/api/posts/p1", &[("if-match", "\"1-0\"")], &["get posts eventual", "delete posts", "update threads"])]
#[case("GET", "/api/posts/p1", &[], &["get posts eventual"])]
#[case("GET", "/api/posts/p1", &[("cache-control", "no-cache")], &["get posts strong"])]
#[case("GET", "/api/posts", &[], &["scan posts"])]
#[case("GET", "/api/posts?threadId=t1", &[], &["query ThreadIndex"])]
#[case("GET", "/api/posts/in-thread/t1", &[], &["query ThreadIndex"])]
#[case("GET", "/api/posts?userId=u1", &[], &["query UserIndex"])]
#[case("GET", "/api/posts/by-user/u1", &[], &["query UserIndex"])]
#[tokio::test]
async fn a_route_asks_no_more_than_it_must(
    #[case] method: &str,
    #[case] path: &str,
    #[case] headers: &[(&str, &str)],
    #[case] expected: &[&str],
) {
    let (app, asked) = recorded(false).await;
    let response = app.send_json(method, path, headers, &hello()).await;
    assert!(response.status.is_success(), "{response:?}");
    assert_eq!(*asked.lock().unwrap(), expected);
}

#[tokio::test]
async fn what_an_eventual_read_misses_is_read_again() {
    let (app, asked) = recorded(true).await;
    app.post("/api/posts", &hello()).await.expect_status(201);
    assert_eq!(
        std::mem::take(&mut *asked.lock().unwrap()),
        ["get_many threads+users eventual", "get_many threads+users strong", "create posts", "update threads"]
    );
    app.get("/api/posts/p1").await.expect_status(200);
    app.patch("/api/posts/p1", &json!({ "title": "x" })).await.expect_status(200);
    app.delete("/api/posts/p1").await.expect_status(204);
    app.delete("/api/posts/p1").await.problem(404);
}

#[tokio::test]
async fn a_body_that_breaks_a_rule_asks_nothing() {
    let (app, asked) = recorded(false).await;
    app.post("/api/posts", &json!({ "threadId": "t1", "userId": "u1" })).await.problem(422);
    app.patch("/api/posts/p1", &json!({ "content": "" })).await.problem(422);
    app.get("/api/posts?threadId=t1&userId=u1").await.problem(400);
    assert_eq!(*asked.lock().unwrap(), [""; 0]);
}
