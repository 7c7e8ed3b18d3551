//! The threads service through its router, one file per handler group.

#![expect(clippy::unwrap_used, reason = "in tests")]

mod activity;
mod change;
mod create;
mod delete;
mod list;
mod openapi;
mod read;

use db_adapter::forum::{post, user};
use db_adapter::{Attributes, Item};
use http_test::{TestApp, TestResponse};
use serde_json::{Value, json};

async fn app() -> TestApp {
    TestApp::new(vec![threads_svc::service()]).await
}

async fn create(app: &TestApp, body: &Value) -> TestResponse {
    app.post("/api/threads", body).await.expect_status(201)
}

/// The path of a new thread.
async fn created(app: &TestApp, title: &str) -> String {
    create(app, &json!({ "title": title })).await.header("location").to_owned()
}

fn attributes(item: &Value) -> Attributes {
    Item::parse(&item.to_string()).unwrap().attributes().unwrap()
}

async fn store_user(app: &TestApp, id: &str) {
    app.store
        .create(&user::TABLE, attributes(&json!({ "userId": id, "name": id, "createdAt": "2020-01-01T00:00:00.000Z" })))
        .await
        .unwrap();
}

async fn store_post(app: &TestApp, id: &str, thread_path: &str) {
    let thread = thread_path.rsplit('/').next().unwrap();
    let item =
        json!({ "postId": id, "threadId": thread, "userId": "u1", "content": "x", "createdAt": "2026-01-01T00:00:00.000Z" });
    app.store.create(&post::TABLE, attributes(&item)).await.unwrap();
}
