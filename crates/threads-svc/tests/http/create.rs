use http_test::{TestApp, TestResponse};
use serde_json::{Value, json};

use crate::{app, create, store_user};

async fn create_with_key(app: &TestApp, key: &str, body: &Value) -> TestResponse {
    app.send_json("POST", "/api/threads", &[("idempotency-key", key)], body).await
}

#[tokio::test]
async fn a_thread_is_opened() {
    let app = app().await;
    store_user(&app, "u1").await;
    let response = create(&app, &json!({ "title": "  Größe ", "description": "", "userId": "u1" })).await;
    let thread = response.json();
    let id = thread["threadId"].as_str().unwrap();
    assert_eq!(response.header("location"), format!("/api/threads/{id}"));
    assert!(response.header("etag").starts_with("\"1-"), "{response:?}");
    let time = &thread["createdAt"];
    let expected = json!({
        "threadId": id, "title": "Größe", "description": "", "userId": "u1", "postCount": 0, "lastActivityAt": time,
        "createdAt": time, "updatedAt": time, "version": 1,
    });
    assert_eq!(thread, expected);
    assert_eq!(app.get(response.header("location")).await.json(), thread);
}

#[tokio::test]
async fn every_broken_rule_is_named() {
    let app = app().await;
    assert_eq!(app.post("/api/threads", &json!({})).await.problem(422), ["title"]);
    let body = json!({ "title": " ", "description": "ä".repeat(20_001), "userId": "not an id" });
    assert_eq!(app.post("/api/threads", &body).await.problem(422), ["description", "title", "userId"]);
    let body = json!({ "title": "ä".repeat(301), "description": "ä".repeat(20_000) });
    assert_eq!(app.post("/api/threads", &body).await.problem(422), ["title"]);
    let body = json!({ "title": "T", "feed": "threads", "writeId": "w", "pinned": true });
    assert_eq!(app.post("/api/threads", &body).await.problem(400), ["feed", "pinned", "writeId"]);
    create(&app, &json!({ "title": "ä".repeat(300), "description": "ä".repeat(20_000), "userId": null })).await;
}

#[tokio::test]
async fn an_author_must_exist() {
    let app = app().await;
    let body = json!({ "title": "T", "userId": "u1" });
    assert_eq!(app.post("/api/threads", &body).await.problem(422), ["userId"]);
    store_user(&app, "u1").await;
    create(&app, &body).await;
}

#[tokio::test]
async fn a_request_with_a_key_can_be_repeated() {
    let app = app().await;
    store_user(&app, "u1").await;
    let body = json!({ "title": "T", "userId": "u1" });
    let first = create_with_key(&app, "k", &body).await.expect_status(201);
    app.store.delete(&db_adapter::forum::user::TABLE, &db_adapter::Key::hash("u1"), None).await.unwrap();
    let again = create_with_key(&app, "k", &json!({ "userId": "u1", "title": " T " })).await.expect_status(201);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.json(), first.json());
    assert_eq!(create_with_key(&app, "k", &json!({ "title": "U", "userId": "u1" })).await.problem(422), ["Idempotency-Key"]);
}

#[tokio::test]
async fn a_key_belongs_to_one_author() {
    let app = app().await;
    store_user(&app, "u1").await;
    let anonymous = create_with_key(&app, "k", &json!({ "title": "T" })).await.expect_status(201);
    let named = create_with_key(&app, "k", &json!({ "title": "T", "userId": "u1" })).await.expect_status(201);
    assert_ne!(anonymous.header("location"), named.header("location"));
    assert!(!named.headers.contains_key("idempotent-replayed"));
}

#[tokio::test]
async fn bad_bodies_are_refused() {
    let app = app().await;
    for body in [json!([]), json!("T"), json!({ "title": 1 }), json!({ "title": ["T"] }), json!({ "title": "T", "userId": {} })] {
        app.post("/api/threads", &body).await.problem(400);
    }
    app.send_json("POST", "/api/threads", &[("content-type", "text/plain")], &json!({ "title": "T" })).await.problem(415);
    app.post("/api/threads", &json!({ "title": "x".repeat(600_000) })).await.problem(413);
}
