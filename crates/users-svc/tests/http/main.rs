//! The users service through its router, one file per handler group.

#![expect(clippy::panic, clippy::unwrap_used, reason = "in tests")]

mod change;
mod create;
mod list;
mod malformed;
mod negotiation;
mod openapi;
mod read;
mod shared;

use http_test::{TestApp, TestResponse};
use serde_json::{Value, json};

async fn app() -> TestApp {
    TestApp::new(vec![users_svc::service()]).await
}

fn ann() -> Value {
    json!({ "email": "ann@example.com", "name": "Ann" })
}

async fn create(app: &TestApp, body: &Value) -> TestResponse {
    app.post("/api/users", body).await.expect_status(201)
}

/// The path of a new user.
async fn created(app: &TestApp, body: &Value) -> String {
    create(app, body).await.header("location").to_owned()
}

/// A user as another tool stored it.
async fn load(app: &TestApp, item: Value) {
    let item = db_adapter::Item::parse(&item.to_string()).unwrap();
    let stream = futures::stream::iter([Ok(item)]);
    app.store.load(&db_adapter::forum::user::TABLE, Box::pin(stream)).await.unwrap();
}
