//! Threads by their last post, and what a post changes for who reads and edits its thread.

use std::sync::Arc;

use db_adapter::forum::{activity, post, thread};
use db_adapter::layer::StoreLayer;
use db_adapter::{Error, Key, Store, Table, Tag, Update};
use http_kit::SharedStore;
use http_test::TestApp;
use serde_json::json;

use crate::{app, attributes, create, created};

async fn add_post(app: &TestApp, path: &str, id: &str, time: &str) {
    let thread = path.rsplit('/').next().unwrap();
    let post = json!({ "postId": id, "threadId": thread, "userId": "u1", "content": "x", "createdAt": time });
    let post = app.store.create(&post::TABLE, attributes(&post)).await.unwrap();
    activity::post_added(&*app.store, &post).await;
}

async fn titles(app: &TestApp, query: &str) -> Vec<String> {
    let (threads, _) = app.walk(&format!("/api/threads?limit=2{query}")).await;
    threads.iter().map(|thread| thread["title"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_new_thread_has_no_posts_and_is_listed_by_its_creation() {
    let app = app().await;
    let thread = create(&app, &json!({ "title": "T", "postCount": 7, "lastPostId": "p" })).await.json();
    assert_eq!((&thread["postCount"], &thread["lastActivityAt"]), (&json!(0), &thread["createdAt"]));
    assert!(thread.get("lastPostId").is_none() && thread.get("lastPostAt").is_none(), "{thread}");
    assert_eq!(titles(&app, "&sort=activity").await, ["T"]);
}

#[tokio::test]
async fn the_last_that_moved_comes_first() {
    let app = app().await;
    let mut paths = Vec::new();
    for title in ["a", "b", "c", "d", "e"] {
        paths.push(created(&app, title).await);
    }
    assert_eq!(titles(&app, "&sort=activity").await, ["e", "d", "c", "b", "a"]);
    add_post(&app, &paths[1], "p1", "2100-01-01T00:00:00.000Z").await;
    add_post(&app, &paths[3], "p2", "2100-01-02T00:00:00.000Z").await;
    assert_eq!(titles(&app, "&sort=activity").await, ["d", "b", "e", "c", "a"]);
    assert_eq!(titles(&app, "&sort=activity&order=asc").await, ["a", "c", "e", "b", "d"]);
    assert_eq!(titles(&app, "&sort=activity&from=2100-01-02T00:00:00Z").await, ["d"]);
    for unchanged in ["", "&sort=created"] {
        assert_eq!(titles(&app, unchanged).await, ["e", "d", "c", "b", "a"]);
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_sort() {
    let app = app().await;
    for title in ["a", "b", "c"] {
        created(&app, title).await;
    }
    let next = app.get("/api/threads?limit=1&sort=activity").await.next().unwrap();
    assert!(next.contains("sort=activity"), "{next}");
    app.get(&next).await.expect_status(200);
    app.get(&next.replace("sort=activity", "sort=created")).await.expect_status(400);
}

#[tokio::test]
async fn pinned_threads_are_asked_for() {
    let app = app().await;
    for (title, pinned) in [("a", Some("2026-01-02T00:00:00.000Z")), ("b", None), ("c", Some("2026-01-01T00:00:00.000Z"))] {
        let path = created(&app, title).await;
        let pin = pinned.map(|at| ("pinnedAt".to_owned(), at.into()));
        let update = Update { set: pin.into_iter().collect(), ..Update::default() };
        app.store.update(&thread::TABLE, &Key::hash(path.rsplit('/').next().unwrap()), &update).await.unwrap();
    }
    assert_eq!(titles(&app, "&pinned=true").await, ["a", "c"]);
    assert_eq!(titles(&app, "&pinned=false").await, ["c", "b", "a"]);
}

#[tokio::test]
async fn odd_combinations_are_refused_by_name() {
    let app = app().await;
    for (query, named) in [
        ("sort=age", "sort"),
        ("pinned=yes", "pinned"),
        ("sort=activity&userId=u", "sort"),
        ("pinned=true&sort=created", "pinned"),
        ("pinned=true&userId=u", "pinned"),
        ("ids=a&sort=created", "ids"),
    ] {
        assert_eq!(app.get(&format!("/api/threads?{query}")).await.problem(400), [named], "{query}");
    }
}

/// Who edits the title is not disturbed by posts; who caches the thread learns of them.
#[tokio::test]
async fn a_post_changes_the_etag_and_no_condition_of_an_editor() {
    let app = app().await;
    let path = created(&app, "T").await;
    let before = app.get(&path).await;
    let tag = before.header("etag").to_owned();
    add_post(&app, &path, "p1", "2100-01-01T00:00:00.000Z").await;
    let after = app.call("GET", &path, &[("if-none-match", &tag)]).await.expect_status(200);
    assert_ne!(after.header("etag"), tag);
    assert_eq!((&after.json()["postCount"], &after.json()["version"]), (&json!(1), &before.json()["version"]));
    let now = after.header("etag").to_owned();
    app.call("GET", &path, &[("if-none-match", &now)]).await.expect_status(304);

    let edited = app.send_json("PATCH", &path, &[("if-match", &tag)], &json!({ "title": "new" })).await.expect_status(200);
    for stale in [&tag, &now] {
        app.send_json("PATCH", &path, &[("if-match", stale)], &json!({ "title": "late" })).await.expect_status(412);
    }
    add_post(&app, &path, "p2", "2100-01-01T00:00:01.000Z").await;
    let last = [("if-match", edited.header("etag"))];
    app.call("DELETE", &path, &last).await.expect_status(409);
    app.call("DELETE", &format!("{path}?cascade=true"), &last).await.expect_status(204);
}

/// Threads cannot be deleted.
#[derive(Debug)]
struct Undeletable(SharedStore);

impl StoreLayer for Undeletable {
    fn inner(&self) -> &dyn Store {
        &*self.0
    }

    async fn delete(&self, table: &'static Table, key: &Key, expected: Option<&Tag>) -> db_adapter::Result<()> {
        match table.name == thread::TABLE.name {
            true => Err(Error::Timeout),
            false => self.0.delete(table, key, expected).await,
        }
    }
}

#[tokio::test]
async fn a_cascade_that_fails_at_its_end_leaves_a_thread_that_says_what_is_left() {
    let app = TestApp::behind(vec![threads_svc::service()], |store| Arc::new(Undeletable(store))).await;
    let path = created(&app, "T").await;
    for number in 0..3 {
        add_post(&app, &path, &format!("p{number}"), "2100-01-01T00:00:00.000Z").await;
    }
    assert_eq!(app.get(&path).await.json().get("postCount"), Some(&json!(3)));
    app.delete(&format!("{path}?cascade=true")).await.problem(504);
    let left = app.get(&path).await.json();
    assert_eq!((&left["postCount"], &left["lastActivityAt"]), (&json!(0), &left["createdAt"]));
    assert_eq!(activity::check(&*app.store, path.rsplit('/').next().unwrap()).await.unwrap(), None);
}
