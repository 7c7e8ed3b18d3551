//! Identity over HTTP: whose tokens are taken, and what their owners may do.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "in tests")]

mod attacks;
mod erased;
mod keys;
mod limits;
mod me;
mod moderation;
mod moderation_model;
mod rights;
mod tokens;

use std::sync::Arc;

use db_adapter::forum::{post, thread, user};
use http_kit::SharedStore;
use http_kit::auth::Auth;
use http_kit::layers::Behaviour;
use http_test::{Issuer, SigningKey, TestApp, TestResponse, behaviour};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

/// All services, which take the tokens of an issuer.
struct Forum {
    app: TestApp,
    issuer: Issuer,
    key: SigningKey,
}

impl Forum {
    /// With an issuer whose subjects are the ids of users.
    async fn new() -> Self {
        Self::with(&["--auth-user-id-claim", "sub", "--auth-roles-claim", "roles"]).await
    }

    async fn with(flags: &[&str]) -> Self {
        Self::behind(flags, |store| store).await
    }

    async fn behind(flags: &[&str], decorate: impl FnOnce(SharedStore) -> SharedStore) -> Self {
        let key = SigningKey::new("first", Algorithm::ES256);
        let issuer = Issuer::start(&[&key]).await;
        let app = app_behind(issuer.auth(flags), decorate).await;
        Self { app, issuer, key }
    }

    /// A token of that subject.
    fn token(&self, subject: &str) -> String {
        self.key.sign(&self.issuer.claims(subject))
    }

    /// A token of that subject, with further claims.
    fn token_with(&self, subject: &str, more: Value) -> String {
        let mut claims = self.issuer.claims(subject);
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.key.sign(&claims)
    }

    async fn send(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> TestResponse {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        match body {
            Some(body) => self.app.send_json(method, path, &headers, &body).await,
            None => self.app.call(method, path, &headers).await,
        }
    }

    fn moderator(&self) -> String {
        self.token_with("mod", json!({ "roles": ["moderator"] }))
    }

    /// An action of the moderator, which must succeed.
    async fn moderate(&self, target: &str, action: &str) -> Value {
        let body = json!({ "target": target, "action": action, "reason": "rules" });
        let body = if action == "suspend" { with_until(body) } else { body };
        self.send("POST", "/api/moderation/actions", Some(&self.moderator()), Some(body)).await.expect_status(201).json()
    }

    /// Stores an item as it is.
    async fn store(&self, table: &'static db_adapter::Table, item: Value) {
        let attributes = db_adapter::Item::parse(&item.to_string()).unwrap().attributes().unwrap();
        self.app.store.create(table, attributes).await.unwrap();
    }

    /// Ann, Bob, a thread of Ann's and a post of Bob's in it, and a thread of nobody's.
    async fn populate(&self) {
        let times = json!({ "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z" });
        for (table, item) in [
            (&user::TABLE, json!({ "userId": "ann", "email": "ann@example.com", "name": "Ann" })),
            (&user::TABLE, json!({ "userId": "bob", "email": "bob@example.com", "name": "Bob" })),
            (&user::TABLE, json!({ "userId": "mod", "email": "mod@example.com", "name": "Mod" })),
            (&user::TABLE, json!({ "userId": "boss", "email": "boss@example.com", "name": "Boss" })),
            (&thread::TABLE, json!({ "threadId": "t1", "title": "Hello", "userId": "ann" })),
            (&thread::TABLE, json!({ "threadId": "t2", "title": "Of nobody" })),
            (&post::TABLE, json!({ "postId": "p1", "threadId": "t1", "userId": "bob", "content": "Hi" })),
        ] {
            let mut item = item;
            item.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
            self.store(table, item).await;
        }
    }
}

async fn app(auth: Arc<Auth>) -> TestApp {
    app_behind(auth, |store| store).await
}

async fn app_behind(auth: Arc<Auth>, decorate: impl FnOnce(SharedStore) -> SharedStore) -> TestApp {
    TestApp::open(services::all(30), &Behaviour { auth: Some(auth), ..behaviour() }, decorate).await
}

fn with_until(mut action: Value) -> Value {
    action["until"] = json!("2999-01-01T00:00:00.000Z");
    action
}

/// The `type` of a problem, behind its last slash.
fn name(response: &TestResponse) -> String {
    let problem: Value = serde_json::from_slice(&response.body).unwrap();
    problem["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}
