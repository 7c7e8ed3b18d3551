//! What was tried against the rights, and got through once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use db_adapter::forum::{TABLES, post, user};
use db_adapter::layer::StoreLayer;
use db_adapter::{Key, Result, Scan, Store, Table, Tag, Update};
use http_kit::SharedStore;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{Forum, name};

const FAR: &str = "2999-01-01T00:00:00.000Z";
const FLAGS: [&str; 4] = ["--auth-user-id-claim", "sub", "--auth-roles-claim", "roles"];

/// Suspends Ann when a post is deleted.
#[derive(Debug)]
struct SuspendsMeanwhile {
    store: SharedStore,
    done: AtomicBool,
}

impl StoreLayer for SuspendsMeanwhile {
    fn inner(&self) -> &dyn Store {
        &*self.store
    }

    async fn delete(&self, table: &'static Table, key: &Key, expected: Option<&Tag>) -> Result<()> {
        if table.name == post::TABLE.name && !self.done.swap(true, Ordering::Relaxed) {
            let set = [("suspendedUntil".to_owned(), FAR.into())].into();
            self.store.update(&user::TABLE, &Key::hash("ann"), &Update { set, ..Update::default() }).await?;
        }
        self.store.delete(table, key, expected).await
    }
}

/// Ann can make a profile only where no suspension is left.
async fn assert_is_suspended(forum: &Forum) {
    let ann = forum.token_with("ann", json!({ "email": "ann@example.com", "email_verified": true }));
    let again = forum.send("PUT", "/api/users/me", Some(&ann), Some(json!({ "name": "Ann" }))).await;
    assert_eq!((again.status.as_u16(), name(&again).as_str()), (403, "suspended"));
    let left = forum.app.get("/api/users/ann").await.expect_status(200).json();
    assert_eq!((left["name"].as_str(), left.get("email")), (Some("[erased]"), None));
}

#[tokio::test]
async fn whoever_is_suspended_while_erasing_stays_suspended() {
    let decorate = |store| Arc::new(SuspendsMeanwhile { store, done: AtomicBool::new(false) }) as SharedStore;
    let forum = Forum::behind(&FLAGS, decorate).await;
    forum.populate().await;
    let ann = forum.token("ann");
    let own = json!({ "threadId": "t1", "content": "C" });
    forum.send("POST", "/api/posts", Some(&ann), Some(own)).await.expect_status(201);
    forum.send("DELETE", "/api/users/me?posts=erase", Some(&ann), None).await.expect_status(204);
    assert_is_suspended(&forum).await;
}

/// That a person may write is remembered for ten seconds, which is enough to see one's suspension and delete it with the profile.
#[tokio::test]
async fn nobody_deletes_a_suspension_with_the_profile() {
    let forum = Forum::with(&FLAGS).await;
    forum.populate().await;
    let ann = forum.token("ann");
    forum.send("PATCH", "/api/users/ann", Some(&ann), Some(json!({ "bio": "b" }))).await.expect_status(200);
    forum.moderate("users/ann", "suspend").await;
    forum.send("DELETE", "/api/users/ann", Some(&ann), None).await.expect_status(204);
    assert_is_suspended(&forum).await;
    // Nor do admins, by mistake.
    let boss = forum.token_with("boss", json!({ "roles": ["admin"] }));
    forum.send("DELETE", "/api/users/ann", Some(&boss), None).await.expect_status(204);
    assert_is_suspended(&forum).await;
}

/// Else whoever deletes what was reported leaves moderators with reports that nobody can close.
#[tokio::test]
async fn reports_of_what_is_gone_can_be_dismissed() {
    let forum = Forum::with(&FLAGS).await;
    forum.populate().await;
    let report = json!({ "target": "posts/p1", "reason": "r" });
    forum.send("POST", "/api/reports", Some(&forum.token("ann")), Some(report)).await.expect_status(201);
    forum.send("DELETE", "/api/posts/p1", Some(&forum.token("bob")), None).await.expect_status(204);
    let open = async || {
        let queue = forum.send("GET", "/api/moderation/reports", Some(&forum.moderator()), None).await;
        queue.expect_status(200).json().as_array().unwrap().len()
    };
    assert_eq!(open().await, 1);
    forum.moderate("posts/p1", "dismiss").await;
    assert_eq!(open().await, 0);
    // Nothing else can be done to what is gone.
    let body = json!({ "target": "posts/p1", "action": "remove", "reason": "r" });
    let removed = forum.send("POST", "/api/moderation/actions", Some(&forum.moderator()), Some(body)).await;
    assert_eq!(removed.problem(422), ["target"]);
}

/// Each with credentials of its own: one must not get what the other one has made for its own.
#[tokio::test]
async fn keys_of_two_programs_are_two() {
    let forum = Forum::with(&FLAGS).await;
    forum.populate().await;
    let mut ids = BTreeSet::new();
    for program in ["robot", "rover", "robot"] {
        let token = forum.token_with(program, json!({ "client_id": program, "scope": "forum:write" }));
        let headers = [("authorization", &*format!("Bearer {token}")), ("idempotency-key", "k")];
        let made = forum.app.send_json("POST", "/api/threads", &headers, &json!({ "title": "T" })).await.expect_status(201);
        ids.insert(made.json()["threadId"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 2, "{ids:?}");
}

/// Whoever is suspended writes nothing, by whatever route, moderators included. What the process remembers of people is that.
#[rstest]
#[case("ann", "PUT", "/api/users/me", json!({ "name": "x" }))]
#[case("ann", "PATCH", "/api/users/me", json!({ "name": "x" }))]
#[case("ann", "PATCH", "/api/users/me", json!({}))]
#[case("ann", "PUT", "/api/users/ann", json!({ "name": "x", "email": "ann@example.com" }))]
#[case("ann", "DELETE", "/api/users/ann", Value::Null)]
#[case("ann", "POST", "/api/threads", json!({ "title": "T" }))]
#[case("ann", "PUT", "/api/threads/t1", json!({ "title": "T" }))]
#[case("ann", "PATCH", "/api/threads/t1", json!({ "title": "T" }))]
#[case("ann", "PATCH", "/api/threads/t1", json!({}))]
#[case("ann", "DELETE", "/api/threads/t1", Value::Null)]
#[case("ann", "POST", "/api/posts", json!({ "threadId": "t1", "content": "C" }))]
#[case("bob", "PUT", "/api/posts/p1", json!({ "content": "C" }))]
#[case("bob", "PATCH", "/api/posts/p1", json!({ "content": "C" }))]
#[case("bob", "DELETE", "/api/posts/p1", Value::Null)]
#[case("ann", "POST", "/api/reports", json!({ "target": "posts/p1", "reason": "r" }))]
#[case("mod", "POST", "/api/moderation/actions", json!({ "target": "users/mod", "action": "unsuspend", "reason": "r" }))]
#[case("mod", "POST", "/api/moderation/actions", json!({ "target": "posts/p1", "action": "dismiss", "reason": "r" }))]
#[case("mod", "DELETE", "/api/threads/t1?cascade=true", Value::Null)]
#[case("mod", "PATCH", "/api/threads/t1", json!({ "title": "T" }))]
#[tokio::test]
async fn whoever_is_suspended_writes_nothing(
    #[case] who: &str,
    #[case] method: &str,
    #[case] path: &str,
    #[case] body: Value,
    #[values(None, Some("key"))] key: Option<&str>,
) {
    let forum = Forum::with(&FLAGS).await;
    forum.populate().await;
    let set = [("suspendedUntil".to_owned(), FAR.into())].into();
    forum.app.store.update(&user::TABLE, &Key::hash(who), &Update { set, ..Update::default() }).await.unwrap();
    let claims = json!({ "roles": if who == "mod" { vec!["moderator"] } else { vec![] }, "email": "ann@example.com", "email_verified": true });
    let bearer = format!("Bearer {}", forum.token_with(who, claims));
    let mut headers = vec![("authorization", &*bearer)];
    headers.extend(key.map(|key| ("idempotency-key", key)));
    let before = snapshot(&forum).await;
    let refused = match body {
        Value::Null => forum.app.call(method, path, &headers).await,
        body => forum.app.send_json(method, path, &headers, &body).await,
    };
    assert_eq!((refused.status.as_u16(), name(&refused).as_str()), (403, "suspended"));
    assert_eq!(snapshot(&forum).await, before);
}

/// Everything that is stored.
async fn snapshot(forum: &Forum) -> Vec<String> {
    let mut all = Vec::new();
    for table in TABLES {
        let items = forum.app.store.scan(table, &Scan::new(100)).await.unwrap().items;
        all.extend(items.iter().map(|item| item.as_json().to_owned()));
    }
    all.sort_unstable();
    all
}
