//! What a thread says of its posts.

use std::sync::Arc;

use db_adapter::forum::activity;
use db_adapter::forum::{post, thread};
use db_adapter::layer::StoreLayer;
use db_adapter::{Error, Item, Key, Read, Store, Table, Update};
use http_kit::SharedStore;
use http_test::TestApp;
use serde_json::{Value, json};

use crate::{app, create, created, furnished, hello, load, load_post};

async fn thread(app: &TestApp, id: &str) -> Value {
    let thread = app.store.get(&thread::TABLE, &Key::hash(id), &Read::STRONG).await.unwrap().unwrap();
    serde_json::from_str(thread.as_json()).unwrap()
}

/// The thread says what its posts do, and has so many.
async fn assert_exact(app: &TestApp, id: &str, count: u64) {
    assert_eq!(activity::check(&*app.store, id).await.unwrap(), None);
    assert_eq!(thread(app, id).await.get("postCount"), Some(&json!(count)));
}

#[tokio::test]
async fn a_new_post_is_the_last_one_and_no_edit_of_its_thread() {
    let app = app().await;
    for count in 1..=3 {
        let post = create(&app, &hello()).await.json();
        let thread = thread(&app, "t1").await;
        assert_eq!(thread["lastPostId"], post["postId"]);
        assert_eq!((&thread["lastPostAt"], &thread["lastActivityAt"]), (&post["createdAt"], &post["createdAt"]));
        assert_eq!(thread["lastPostUserId"], "u1");
        assert!(thread.get("version").is_none() && thread.get("updatedAt").is_none(), "{thread}");
        assert_exact(&app, "t1", count).await;
    }
}

#[tokio::test]
async fn a_request_that_is_repeated_counts_once() {
    let app = app().await;
    for _ in 0..3 {
        app.send_json("POST", "/api/posts", &[("idempotency-key", "k")], &hello()).await.expect_status(201);
    }
    assert_exact(&app, "t1", 1).await;
}

#[tokio::test]
async fn a_deleted_post_is_taken_off_and_the_one_before_is_the_last() {
    let app = app().await;
    let (first, second, third) = (created(&app, &hello()).await, created(&app, &hello()).await, created(&app, &hello()).await);
    for (path, left) in [(&second, 2), (&third, 1), (&first, 0)] {
        app.delete(path).await.expect_status(204);
        assert_exact(&app, "t1", left).await;
        app.delete(path).await.expect_status(404);
        assert_exact(&app, "t1", left).await;
    }
    assert_eq!(thread(&app, "t1").await.get("lastActivityAt"), Some(&json!("2020-01-01T00:00:00.000Z")));
}

/// One that is about to end has been taken off when its end was set.
#[tokio::test]
async fn a_post_that_ends_does_not_count() {
    let app = app().await;
    let path = created(&app, &hello()).await;
    let ends = json!({ "postId": "ends", "threadId": "t1", "userId": "u1", "content": "c", "createdAt": "2030-01-01T00:00:00.000Z",
        "expiresAt": 4_000_000_000_u64 });
    load(&app, &post::TABLE, ends).await;
    assert_exact(&app, "t1", 1).await;
    app.delete("/api/posts/ends").await.expect_status(204);
    assert_exact(&app, "t1", 1).await;
    app.delete(&path).await.expect_status(204);
    assert_exact(&app, "t1", 0).await;
}

#[tokio::test]
async fn a_post_of_a_thread_that_is_gone_is_deleted_all_the_same() {
    let app = app().await;
    load_post(&app, "p", "gone", "u1", "2024-01-01T00:00:00.000Z").await;
    app.delete("/api/posts/p").await.expect_status(204);
}

#[tokio::test]
async fn fifty_posters_at_once_are_counted_exactly() {
    let app = app().await;
    let post = hello();
    futures::future::join_all((0..50).map(|_| create(&app, &post))).await;
    assert_exact(&app, "t1", 50).await;
}

/// Threads cannot be changed.
#[derive(Debug)]
struct Untouchable(SharedStore);

impl StoreLayer for Untouchable {
    fn inner(&self) -> &dyn Store {
        &*self.0
    }

    async fn update(&self, table: &'static Table, key: &Key, update: &Update) -> db_adapter::Result<Item> {
        match table.name == thread::TABLE.name {
            true => Err(Error::Timeout),
            false => self.0.update(table, key, update).await,
        }
    }
}

#[tokio::test]
async fn a_touch_that_fails_fails_no_request_and_can_be_mended() {
    let app = TestApp::behind(vec![posts_svc::service()], |store| Arc::new(Untouchable(store))).await;
    let app = furnished(app).await;
    let path = created(&app, &hello()).await;
    app.get(&path).await.expect_status(200);
    assert!(activity::check(&*app.store, "t1").await.unwrap().is_some());
    assert_eq!(activity::fill(&*app.store).await.unwrap(), 2);
    assert_exact(&app, "t1", 1).await;
    app.delete(&path).await.expect_status(204);
    let finding = activity::check(&*app.store, "t1").await.unwrap().unwrap();
    assert!(finding.is_fault());
    app.store.repair(&thread::TABLE, &finding).await.unwrap();
    assert_exact(&app, "t1", 0).await;
}
