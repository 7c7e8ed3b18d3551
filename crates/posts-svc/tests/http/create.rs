use db_adapter::Key;
use db_adapter::forum::{thread, user};
use http_test::{TestApp, TestResponse};
use serde_json::{Value, json};

use crate::{app, create, hello};

async fn create_with_key(app: &TestApp, key: &str, body: &Value) -> TestResponse {
    app.send_json("POST", "/api/posts", &[("idempotency-key", key)], body).await
}

#[tokio::test]
async fn a_post_is_created() {
    let app = app().await;
    let body = json!({ "threadId": "t1", "userId": "u1", "title": "  Änn ", "content": "  Hello\n" });
    let response = create(&app, &body).await;
    let post = response.json();
    let id = post["postId"].as_str().unwrap();
    assert_eq!(response.header("location"), format!("/api/posts/{id}"));
    assert_eq!(response.header("content-type"), "application/json");
    assert!(response.header("etag").starts_with("\"1-"), "{response:?}");
    assert!(!response.headers.contains_key("idempotent-replayed"));
    let time = &post["createdAt"];
    assert_eq!(time.as_str().unwrap().len(), "2024-05-01T12:00:00.000Z".len());
    let expected = json!({
        "postId": id, "threadId": "t1", "userId": "u1", "title": "Änn", "content": "  Hello\n",
        "createdAt": time, "updatedAt": time, "version": 1,
    });
    assert_eq!(post, expected);
    assert_eq!(app.get(response.header("location")).await.json(), post);
}

#[tokio::test]
async fn an_absent_title_is_left_out() {
    let app = app().await;
    for title in [None, Some(Value::Null)] {
        let mut body = hello();
        body.as_object_mut().unwrap().extend(title.map(|title| ("title".to_owned(), title)));
        let post = create(&app, &body).await.json();
        assert!(post.get("title").is_none(), "{post}");
    }
}

#[tokio::test]
async fn what_the_server_sets_is_ignored_in_a_body() {
    let app = app().await;
    let mut body = hello();
    body["postId"] = json!("mine");
    body["version"] = json!(9);
    body["createdAt"] = json!(7);
    body["updatedAt"] = Value::Null;
    let post = create(&app, &body).await.json();
    assert_ne!(post["postId"], "mine");
    assert_eq!(post["version"], 1);
}

#[tokio::test]
async fn every_broken_rule_is_named() {
    let app = app().await;
    assert_eq!(app.post("/api/posts", &json!({})).await.problem(422), ["content", "threadId", "userId"]);
    let body = json!({ "threadId": "a b", "userId": "in-thread", "title": " ", "content": "" });
    assert_eq!(app.post("/api/posts", &body).await.problem(422), ["content", "threadId", "title", "userId"]);
    let body = json!({ "threadId": null, "userId": null, "title": "x".repeat(301), "content": null });
    assert_eq!(app.post("/api/posts", &body).await.problem(422), ["content", "threadId", "title", "userId"]);
}

#[tokio::test]
async fn content_counts_bytes_and_a_title_unicode_characters() {
    let app = app().await;
    let post = |title: &str, content: &str| json!({ "threadId": "t1", "userId": "u1", "title": title, "content": content });
    create(&app, &post(&"ä".repeat(300), &"ä".repeat(32_768))).await;
    create(&app, &post("x", "y")).await;
    let response = app.post("/api/posts", &post(&"ä".repeat(301), &format!("{}x", "ä".repeat(32_768)))).await;
    assert_eq!(response.problem(422), ["content", "title"]);
    // Escaped, the longest content is six times as long.
    create(&app, &post("x", &format!("{}x", "\u{1}".repeat(65_535)))).await;
}

#[tokio::test]
async fn a_thread_and_a_user_that_do_not_exist_are_named() {
    let app = app().await;
    for (thread_id, user_id, fields) in
        [("t1", "none", vec!["userId"]), ("none", "u1", vec!["threadId"]), ("u1", "t1", vec!["threadId", "userId"])]
    {
        let body = json!({ "threadId": thread_id, "userId": user_id, "content": "Hello" });
        assert_eq!(app.post("/api/posts", &body).await.problem(422), fields);
        assert_eq!(create_with_key(&app, "k", &body).await.problem(422), fields);
    }
    assert_eq!(app.get("/api/posts").await.json(), json!([]));
}

#[tokio::test]
async fn references_are_checked_once_the_fields_are_right() {
    let app = app().await;
    let body = json!({ "threadId": "none", "userId": "none", "content": "" });
    assert_eq!(app.post("/api/posts", &body).await.problem(422), ["content"]);
}

#[tokio::test]
async fn unknown_fields_and_parameters_are_named() {
    let app = app().await;
    let mut body = hello();
    for name in ["text", "writeId", "requestHash"] {
        body[name] = json!(1);
    }
    assert_eq!(app.post("/api/posts", &body).await.problem(400), ["requestHash", "text", "writeId"]);
    assert_eq!(app.post("/api/posts?dry=1", &hello()).await.problem(400), ["dry"]);
    app.post("/api/posts?_=1&utm_source=x", &hello()).await.expect_status(201);
}

#[tokio::test]
async fn a_request_with_a_key_can_be_repeated() {
    let app = app().await;
    let first = create_with_key(&app, "k1", &hello()).await.expect_status(201);
    assert!(!first.headers.contains_key("idempotent-replayed"));
    // Another spelling of the same body.
    let again = json!({ "content": "Hello", "userId": "u1", "threadId": "t1", "title": null });
    let second = create_with_key(&app, "k1", &again).await.expect_status(201);
    assert_eq!(second.header("idempotent-replayed"), "true");
    for name in ["location", "etag"] {
        assert_eq!(second.header(name), first.header(name));
    }
    assert_eq!(second.json(), first.json());
    assert_eq!(app.walk("/api/posts").await.0.len(), 1);
}

#[tokio::test]
async fn a_replay_answers_the_post_as_it_is_now_whatever_became_of_its_references() {
    let app = app().await;
    let first = create_with_key(&app, "k", &hello()).await.expect_status(201);
    app.patch(first.header("location"), &json!({ "content": "Changed" })).await.expect_status(200);
    app.store.delete(&thread::TABLE, &Key::hash("t1"), None).await.unwrap();
    app.store.delete(&user::TABLE, &Key::hash("u1"), None).await.unwrap();
    let replayed = create_with_key(&app, "k", &hello()).await.expect_status(201);
    assert_eq!(replayed.field("content"), "Changed");
    assert_eq!(replayed.header("idempotent-replayed"), "true");
    assert!(replayed.header("etag").starts_with("\"2-"));
}

#[tokio::test]
async fn a_key_belongs_to_one_body_and_one_user() {
    let app = app().await;
    create_with_key(&app, "k", &hello()).await.expect_status(201);
    for (name, value) in [("content", "Other"), ("threadId", "t2"), ("title", "Title")] {
        let mut other = hello();
        other[name] = json!(value);
        assert_eq!(create_with_key(&app, "k", &other).await.problem(422), ["Idempotency-Key"], "{name}");
    }
    let elsewhere = json!({ "threadId": "t1", "userId": "u2", "content": "Hello" });
    let response = create_with_key(&app, "k", &elsewhere).await.expect_status(201);
    assert!(!response.headers.contains_key("idempotent-replayed"));
}

#[tokio::test]
async fn a_key_lives_as_long_as_its_post() {
    let app = app().await;
    let first = create_with_key(&app, "k", &hello()).await.expect_status(201);
    app.delete(first.header("location")).await.expect_status(204);
    let mut other = hello();
    other["content"] = json!("New");
    let second = create_with_key(&app, "k", &other).await.expect_status(201);
    assert_eq!(second.header("location"), first.header("location"));
    assert!(!second.headers.contains_key("idempotent-replayed"));
}

#[tokio::test]
async fn the_same_request_many_times_at_once_creates_one_post() {
    let app = app().await;
    let body = hello();
    let responses = futures::future::join_all((0..20).map(|_| create_with_key(&app, "k", &body))).await;
    assert!(responses.iter().all(|response| response.status == 201), "{responses:?}");
    let replayed = responses.iter().filter(|response| response.headers.contains_key("idempotent-replayed")).count();
    assert_eq!(replayed, 19);
    assert_eq!(app.walk("/api/posts").await.0.len(), 1);
}

#[tokio::test]
async fn odd_keys_are_refused() {
    let app = app().await;
    for key in ["", "a b", "ä", &"x".repeat(256)] {
        assert_eq!(create_with_key(&app, key, &hello()).await.problem(400), ["Idempotency-Key"], "{key}");
    }
    create_with_key(&app, &"!".repeat(255), &hello()).await.expect_status(201);
}
