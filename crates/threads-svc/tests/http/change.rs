use db_adapter::Key;
use db_adapter::forum::user;
use http_test::TestApp;
use serde_json::json;

use crate::{app, create, created, store_user};

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let app = app().await;
    let new = create(&app, &json!({ "title": "T", "description": "D" })).await;
    let path = new.header("location");
    let changed = app.patch(path, &json!({ "title": " U ", "description": null })).await.expect_status(200);
    let thread = changed.json();
    assert_eq!((&thread["title"], &thread["version"], &thread["createdAt"]), (&json!("U"), &json!(2), &new.field("createdAt")));
    assert!(thread.get("description").is_none());
    assert_eq!(app.get(path).await.json(), thread);
    assert_eq!(app.patch(path, &json!({})).await.expect_status(200).header("etag"), changed.header("etag"));
}

#[tokio::test]
async fn put_replaces_what_a_client_may_set() {
    let app = app().await;
    let path = create(&app, &json!({ "title": "T", "description": "D" })).await.header("location").to_owned();
    let mut thread = app.get(&path).await.json();
    thread["title"] = json!("U");
    assert_eq!(app.put(&path, &thread).await.expect_status(200).field("description"), "D");
    assert_eq!(app.put(&path, &json!({ "title": "V" })).await.expect_status(200).json().get("description"), None);
    app.put("/api/threads/none", &json!({ "title": "V" })).await.problem(404);
}

#[tokio::test]
async fn every_broken_rule_is_named() {
    let app = app().await;
    let path = created(&app, "T").await;
    assert_eq!(app.patch(&path, &json!({ "title": null, "userId": "a b" })).await.problem(422), ["title", "userId"]);
    assert_eq!(app.put(&path, &json!({ "description": "D" })).await.problem(422), ["title"]);
    assert_eq!(app.patch(&path, &json!({ "pinned": true })).await.problem(400), ["pinned"]);
    assert_eq!(app.patch(&path, &json!({ "feed": "x" })).await.problem(400), ["feed"]);
    app.patch("/api/threads/none", &json!({ "title": "T" })).await.problem(404);
    assert_eq!(app.get(&path).await.field("version"), 1);
}

#[tokio::test]
async fn a_new_author_must_exist_and_an_old_one_may_be_gone() {
    let app = app().await;
    for id in ["u1", "u2"] {
        store_user(&app, id).await;
    }
    let path = create(&app, &json!({ "title": "T", "userId": "u1" })).await.header("location").to_owned();
    app.store.delete(&user::TABLE, &Key::hash("u1"), None).await.unwrap();
    let thread = app.get(&path).await.json();
    app.put(&path, &thread).await.expect_status(200);
    app.patch(&path, &json!({ "userId": "u1" })).await.expect_status(200);
    assert_eq!(app.patch(&path, &json!({ "userId": "u3" })).await.problem(422), ["userId"]);
    assert_eq!(app.put(&path, &json!({ "title": "T", "userId": "u3" })).await.problem(422), ["userId"]);
    assert_eq!(app.patch(&path, &json!({ "userId": "u2" })).await.expect_status(200).field("userId"), "u2");
    assert_eq!(app.patch(&path, &json!({ "userId": null })).await.expect_status(200).json().get("userId"), None);
    app.patch("/api/threads/none", &json!({ "userId": "u3" })).await.problem(404);
}

#[tokio::test]
async fn a_stale_condition_is_412() {
    let app = app().await;
    let new = create(&app, &json!({ "title": "T" })).await;
    let (path, tag) = (new.header("location"), new.header("etag"));
    let condition = [("if-match", tag)];
    app.send_json("PATCH", path, &condition, &json!({ "title": "U" })).await.expect_status(200);
    for method in ["PATCH", "PUT"] {
        app.send_json(method, path, &condition, &json!({ "title": "V" })).await.problem(412);
    }
    app.send_json("PUT", path, &[("if-match", "*")], &json!({ "title": "V" })).await.expect_status(200);
}

/// An eventual read still shows the ETag before the last one.
#[tokio::test]
async fn the_last_etag_matches_where_a_patch_changes_nothing() {
    let app = TestApp::lagging(vec![threads_svc::service()]).await;
    let new = create(&app, &json!({ "title": "T" })).await;
    let path = new.header("location");
    let changed = app.patch(path, &json!({ "description": "d" })).await.expect_status(200);
    let patch = async |tag: &str| app.send_json("PATCH", path, &[("if-match", tag)], &json!({})).await;
    assert_eq!(patch(changed.header("etag")).await.expect_status(200).json(), changed.json());
    patch(new.header("etag")).await.problem(412);
}

/// An eventual read still shows the author before the last one.
#[tokio::test]
async fn the_last_author_is_kept_though_that_user_is_gone() {
    let app = TestApp::lagging(vec![threads_svc::service()]).await;
    store_user(&app, "u1").await;
    let path = created(&app, "T").await;
    let thread = app.patch(&path, &json!({ "userId": "u1" })).await.expect_status(200).json();
    // Twice, as the first deletion is still to be seen.
    app.store.delete(&user::TABLE, &Key::hash("u1"), None).await.unwrap();
    app.store.delete(&user::TABLE, &Key::hash("u1"), None).await.unwrap_err();
    app.put(&path, &thread).await.expect_status(200);
}

#[tokio::test]
async fn conditions_guard_every_write() {
    let app = app().await;
    let path = created(&app, "T").await;
    http_test::conditions_guard_writes(&app, &path, &json!({ "title": "T" })).await;
}

#[tokio::test]
async fn texts_are_visible() {
    let app = app().await;
    let location = created(&app, "T").await;
    http_test::texts_are_visible(&app, "/api/threads", &location, &json!({ "title": "T" }), &["title"]).await;
}
