use db_adapter::forum::post;
use db_adapter::{Key, Read};
use serde_json::json;

use crate::{app, create, created, hello, load, load_post};

#[tokio::test]
async fn a_post_is_read_with_its_etag() {
    let app = app().await;
    let new = create(&app, &hello()).await;
    let response = app.get(new.header("location")).await.expect_status(200);
    assert_eq!(response.json(), new.json());
    assert_eq!(response.header("etag"), new.header("etag"));
    app.call("GET", new.header("location"), &[("cache-control", "max-age=0, No-Cache")]).await.expect_status(200);
    assert!(app.get("/api/posts/none").await.problem(404).is_empty());
}

#[tokio::test]
async fn an_unchanged_post_is_304() {
    let app = app().await;
    let new = create(&app, &hello()).await;
    let (path, etag) = (new.header("location"), new.header("etag"));
    for condition in [etag, "*", &format!("\"x\", W/{etag}")] {
        let response = app.call("GET", path, &[("if-none-match", condition)]).await.expect_status(304);
        assert_eq!(response.header("etag"), etag);
        assert!(response.body.is_empty());
    }
    app.call("GET", path, &[("if-none-match", "\"1-other\"")]).await.expect_status(200);
    app.call("GET", "/api/posts/none", &[("if-none-match", "*")]).await.expect_status(404);
    assert_eq!(app.call("GET", path, &[("if-none-match", "1-w")]).await.problem(400), ["if-none-match"]);
}

#[tokio::test]
async fn head_answers_as_get_without_a_body() {
    let app = app().await;
    let path = created(&app, &hello()).await;
    for path in [&path, "/api/posts", "/api/posts/in-thread/t1", "/api/posts/by-user/u1"] {
        let get = app.get(path).await;
        let head = app.call("HEAD", path, &[]).await.expect_status(200);
        assert!(head.body.is_empty());
        assert_eq!(head.header("content-length"), get.body.len().to_string());
        assert_eq!(head.headers.get("etag"), get.headers.get("etag"));
    }
}

#[tokio::test]
async fn what_cannot_be_an_id_is_404() {
    let app = app().await;
    let long = "x".repeat(65);
    for id in ["a%20b", "%FF", "%00", "docs%2F", "in-thread", "by-user", &long, "%C3%A4%2e"] {
        for list in ["", "in-thread/", "by-user/"] {
            let path = format!("/api/posts/{list}{id}");
            assert!(app.get(&path).await.problem(404).is_empty(), "{path}");
        }
        app.patch(&format!("/api/posts/{id}"), &json!({})).await.problem(404);
        app.put(&format!("/api/posts/{id}"), &hello()).await.problem(404);
        app.delete(&format!("/api/posts/{id}")).await.problem(404);
    }
}

#[tokio::test]
async fn some_fields_are_read() {
    let app = app().await;
    let path = created(&app, &hello()).await;
    let response = app.get(&format!("{path}?fields=version,content")).await.expect_status(200);
    assert_eq!(response.json(), json!({ "content": "Hello", "version": 1 }));
    assert!(response.header("etag").starts_with("\"1-"));
    assert_eq!(app.get(&format!("{path}?fields=title")).await.json(), json!({}));
    for fields in ["", ",", "text", "title;", "requestHash"] {
        assert_eq!(app.get(&format!("{path}?fields={fields}")).await.problem(400), ["fields"], "{fields}");
    }
    assert_eq!(app.get(&format!("{path}?limit=1")).await.problem(400), ["limit"]);
}

#[tokio::test]
async fn a_post_under_two_threads_is_the_one_of_the_smallest() {
    let app = app().await;
    for thread_id in ["t2", "t10", "t3"] {
        load_post(&app, "twice", thread_id, "u1", "2024-01-01T00:00:00.000Z").await;
    }
    assert_eq!(app.get("/api/posts/twice").await.field("threadId"), "t10");
    let changed = app.patch("/api/posts/twice", &json!({ "title": "Mine", "threadId": "t10" })).await.expect_status(200);
    assert_eq!((changed.field("threadId"), changed.field("title")), (json!("t10"), json!("Mine")));
    for thread_id in ["t10", "t2", "t3"] {
        assert_eq!(app.get("/api/posts/twice").await.field("threadId"), thread_id);
        app.delete("/api/posts/twice").await.expect_status(204);
    }
    app.delete("/api/posts/twice").await.problem(404);
}

#[tokio::test]
async fn a_migrated_post_is_shown_as_far_as_it_is_known_and_keeps_the_rest() {
    let app = app().await;
    load(&app, &post::TABLE, json!({ "postId": "1", "threadId": "9", "userId": "u1", "content": "Old", "mood": "good", "createdAt": "2020-01-01T00:00:00.000Z" })).await;
    let response = app.get("/api/posts/1").await.expect_status(200);
    assert_eq!(
        response.json(),
        json!({ "postId": "1", "threadId": "9", "userId": "u1", "content": "Old", "createdAt": "2020-01-01T00:00:00.000Z", "version": 0 })
    );
    assert_eq!(response.header("etag"), "\"0-0\"");
    let changed = app.send_json("PATCH", "/api/posts/1", &[("if-match", "\"0-0\"")], &json!({ "title": "x" })).await;
    assert_eq!(changed.expect_status(200).field("version"), 1);
    assert_eq!(app.patch("/api/posts/1", &json!({ "userId": "u2" })).await.problem(422), ["userId"]);
    let item = app.store.get(&post::TABLE, &Key::pair("1", "9"), &Read::STRONG).await.unwrap().unwrap();
    assert_eq!(item.text("mood").as_deref(), Some("good"));
}
