//! The posts service through its router, one file per handler group.

#![expect(clippy::unwrap_used, reason = "in tests")]

mod activity;
mod change;
mod create;
mod list;
mod malformed;
mod openapi;
mod read;
mod requests;
mod shared;

use db_adapter::forum::{post, thread, user};
use db_adapter::{Item, Table};
use http_test::{TestApp, TestResponse};
use serde_json::{Value, json};

/// With threads t1 and t2, and users u1 and u2.
async fn app() -> TestApp {
    furnished(TestApp::new(vec![posts_svc::service()]).await).await
}

async fn furnished(app: TestApp) -> TestApp {
    for id in ["t1", "t2"] {
        load(&app, &thread::TABLE, json!({ "threadId": id, "title": id, "createdAt": "2020-01-01T00:00:00.000Z" })).await;
    }
    for id in ["u1", "u2"] {
        load(&app, &user::TABLE, json!({ "userId": id, "name": id, "createdAt": "2020-01-01T00:00:00.000Z" })).await;
    }
    app
}

fn hello() -> Value {
    json!({ "threadId": "t1", "userId": "u1", "content": "Hello" })
}

async fn create(app: &TestApp, body: &Value) -> TestResponse {
    app.post("/api/posts", body).await.expect_status(201)
}

/// The path of a new post.
async fn created(app: &TestApp, body: &Value) -> String {
    create(app, body).await.header("location").to_owned()
}

/// An item as another tool stored it.
async fn load(app: &TestApp, table: &'static Table, item: Value) {
    let item = Item::parse(&item.to_string()).unwrap();
    let stream = futures::stream::iter([Ok(item)]);
    app.store.load(table, Box::pin(stream)).await.unwrap();
}

/// A post as another tool stored it.
async fn load_post(app: &TestApp, post_id: &str, thread_id: &str, user_id: &str, created_at: &str) {
    let post = json!({
        "postId": post_id, "threadId": thread_id, "userId": user_id, "content": "Old",
        "createdAt": created_at, "updatedAt": created_at, "version": 1,
    });
    load(app, &post::TABLE, post).await;
}
