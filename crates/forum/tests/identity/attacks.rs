//! What was tried against the rights, and got through once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use db_adapter::forum::{post, user};
use db_adapter::layer::StoreLayer;
use db_adapter::{Key, Result, Store, Table, Tag, Update};
use http_kit::SharedStore;
use serde_json::json;

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
