//! What callers may do to their own items and to those of others.

use std::sync::{Arc, Mutex};

use db_adapter::forum::{thread, user};
use db_adapter::layer::StoreLayer;
use db_adapter::{Item, Key, Read, Store, Table, Update};
use http_kit::SharedStore;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{Forum, name};

/// A token of one of the callers: nobody, two people, a moderator, an admin, and service accounts.
fn token(forum: &Forum, caller: &str) -> Option<String> {
    let service = |scope: &str| forum.token_with("robot", json!({ "client_id": "robot", "scope": scope }));
    Some(match caller {
        "nobody" => return None,
        "mod" => forum.token_with("mod", json!({ "roles": ["moderator"] })),
        "boss" => forum.token_with("boss", json!({ "roles": ["admin", "other"] })),
        "stranger" => forum.token("stranger"),
        "writer" => service("openid forum:write"),
        "importer" => service("forum/forum:import"),
        "robot" => service("openid"),
        person => forum.token(person),
    })
}

const CALLERS: [&str; 9] = ["nobody", "stranger", "ann", "bob", "mod", "boss", "robot", "writer", "importer"];

/// What a caller gets for an action on what is there.
const MODERATORS: [u16; 9] = [401, 403, 403, 403, 201, 201, 403, 403, 201];

/// Each cell is a status: what a caller gets for a request on a forum as it was populated.
#[rstest]
#[case("POST", "/api/users", json!({ "name": "N", "email": "n@example.com" }), [401, 403, 403, 403, 403, 201, 403, 201, 201])]
#[case("PATCH", "/api/users/ann", json!({ "bio": "x" }), [401, 403, 200, 403, 403, 200, 403, 403, 200])]
#[case("PATCH", "/api/users/ann", json!({ "email": "x@example.com" }), [401, 403, 422, 403, 403, 200, 403, 403, 200])]
#[case("PUT", "/api/users/ann", json!({ "name": "x", "email": "ann@example.com" }), [401, 403, 200, 403, 403, 200, 403, 403, 200])]
#[case("DELETE", "/api/users/ann", Value::Null, [401, 403, 204, 403, 403, 204, 403, 403, 204])]
#[case("POST", "/api/threads", json!({ "title": "T" }), [401, 403, 201, 201, 201, 201, 403, 201, 201])]
#[case("POST", "/api/threads", json!({ "title": "T", "userId": "ann" }), [401, 422, 201, 422, 422, 422, 403, 422, 201])]
#[case("PATCH", "/api/threads/t1", json!({ "title": "x" }), [401, 403, 200, 403, 200, 200, 403, 403, 200])]
#[case("PATCH", "/api/threads/t1", json!({}), [401, 403, 200, 403, 200, 200, 403, 403, 200])]
#[case("PATCH", "/api/threads/t1", json!({ "userId": "bob" }), [401, 403, 422, 403, 200, 200, 403, 403, 200])]
#[case("PATCH", "/api/threads/t1", json!({ "userId": null }), [401, 403, 422, 403, 200, 200, 403, 403, 200])]
#[case("PUT", "/api/threads/t1", json!({ "title": "x" }), [401, 403, 200, 403, 200, 200, 403, 403, 200])]
#[case("PATCH", "/api/threads/t2", json!({ "title": "x" }), [401, 403, 403, 403, 200, 200, 403, 403, 200])]
#[case("DELETE", "/api/threads/t1", Value::Null, [401, 403, 409, 403, 409, 409, 403, 403, 409])]
#[case("DELETE", "/api/threads/t2", Value::Null, [401, 403, 403, 403, 204, 204, 403, 403, 204])]
#[case("DELETE", "/api/threads/t1?cascade=true", Value::Null, [401, 403, 403, 403, 204, 204, 403, 403, 204])]
#[case("POST", "/api/posts", json!({ "threadId": "t1", "content": "C" }), [401, 403, 201, 201, 201, 201, 403, 403, 422])]
#[case("POST", "/api/posts", json!({ "threadId": "t1", "content": "C", "userId": "ann" }), [401, 422, 201, 422, 422, 422, 403, 403, 201])]
#[case("PATCH", "/api/posts/p1", json!({ "content": "x" }), [401, 403, 403, 200, 403, 403, 403, 403, 200])]
#[case("PATCH", "/api/posts/p1", json!({}), [401, 403, 403, 200, 403, 403, 403, 403, 200])]
#[case("PUT", "/api/posts/p1", json!({ "content": "x" }), [401, 403, 403, 200, 403, 403, 403, 403, 200])]
#[case("DELETE", "/api/posts/p1", Value::Null, [401, 403, 403, 204, 204, 204, 403, 403, 204])]
#[case("POST", "/api/reports", json!({ "target": "posts/p1", "reason": "r" }), [401, 403, 201, 201, 201, 201, 403, 403, 422])]
#[case("POST", "/api/reports", json!({ "target": "posts/p1", "reason": "r", "userId": "ann" }), [401, 422, 201, 422, 422, 422, 403, 403, 201])]
#[case("GET", "/api/moderation/reports", Value::Null, [401, 403, 403, 403, 200, 200, 403, 403, 200])]
#[case("GET", "/api/moderation/log", Value::Null, [401, 403, 403, 403, 200, 200, 403, 403, 200])]
#[case("POST", "/api/moderation/actions", json!({ "target": "users/bob", "action": "suspend", "reason": "r", "until": "2999-01-01T00:00:00Z" }), MODERATORS)]
#[case("POST", "/api/moderation/actions", json!({ "target": "users/bob", "action": "unsuspend", "reason": "r" }), MODERATORS)]
#[case("POST", "/api/moderation/actions", json!({ "target": "threads/t1", "action": "lock", "reason": "r" }), MODERATORS)]
#[case("POST", "/api/moderation/actions", json!({ "target": "threads/t1", "action": "unlock", "reason": "r" }), MODERATORS)]
#[case("POST", "/api/moderation/actions", json!({ "target": "threads/t1", "action": "pin", "reason": "r" }), MODERATORS)]
#[case("POST", "/api/moderation/actions", json!({ "target": "threads/t1", "action": "unpin", "reason": "r" }), MODERATORS)]
#[case("POST", "/api/moderation/actions", json!({ "target": "threads/t1", "action": "remove", "reason": "r" }), MODERATORS)]
#[case("POST", "/api/moderation/actions", json!({ "target": "posts/p1", "action": "restore", "reason": "r" }), MODERATORS)]
#[case("POST", "/api/moderation/actions", json!({ "target": "posts/p1", "action": "dismiss", "reason": "r" }), MODERATORS)]
#[tokio::test]
async fn each_caller_may_do_what_the_policy_says(
    #[case] method: &str,
    #[case] path: &str,
    #[case] body: Value,
    #[case] statuses: [u16; 9],
) {
    for (caller, expected) in CALLERS.into_iter().zip(statuses) {
        let forum = Forum::new().await;
        forum.populate().await;
        let body = (!body.is_null()).then(|| body.clone());
        let response = forum.send(method, path, token(&forum, caller).as_deref(), body).await;
        assert_eq!(response.status, expected, "{caller}: {method} {path}: {}", String::from_utf8_lossy(&response.body));
    }
}

/// As above, once a moderator has locked the thread and removed thread and post.
#[rstest]
#[case("POST", "/api/posts", json!({ "threadId": "t1", "content": "C" }), [401, 403, 409, 409, 201, 201, 403, 403, 422])]
#[case("POST", "/api/posts", json!({ "threadId": "t1", "content": "C", "userId": "ann" }), [401, 422, 409, 422, 422, 422, 403, 403, 201])]
#[case("PATCH", "/api/posts/p1", json!({ "content": "x" }), [401, 403, 403, 200, 403, 403, 403, 403, 200])]
#[case("DELETE", "/api/posts/p1", Value::Null, [401, 403, 403, 204, 204, 204, 403, 403, 204])]
#[case("PATCH", "/api/threads/t1", json!({ "title": "x" }), [401, 403, 200, 403, 200, 200, 403, 403, 200])]
#[case("GET", "/api/posts/p1", Value::Null, [200; 9])]
#[case("GET", "/api/threads/t1", Value::Null, [200; 9])]
#[case("POST", "/api/reports", json!({ "target": "posts/p1", "reason": "r" }), [401, 403, 201, 201, 201, 201, 403, 403, 422])]
#[tokio::test]
async fn each_caller_may_do_what_the_policy_says_of_what_is_moderated(
    #[case] method: &str,
    #[case] path: &str,
    #[case] body: Value,
    #[case] statuses: [u16; 9],
) {
    for (caller, expected) in CALLERS.into_iter().zip(statuses) {
        let forum = Forum::new().await;
        forum.populate().await;
        for (target, action) in [("threads/t1", "lock"), ("threads/t1", "remove"), ("posts/p1", "remove")] {
            forum.moderate(target, action).await;
        }
        let body = (!body.is_null()).then(|| body.clone());
        let response = forum.send(method, path, token(&forum, caller).as_deref(), body).await;
        assert_eq!(response.status, expected, "{caller}: {method} {path}: {}", String::from_utf8_lossy(&response.body));
        if expected == 409 {
            assert_eq!(name(&response), "locked");
        }
    }
}

#[tokio::test]
async fn what_a_person_writes_is_of_that_person() {
    let forum = Forum::new().await;
    forum.populate().await;
    let ann = forum.token("ann");
    let thread = forum.send("POST", "/api/threads", Some(&ann), Some(json!({ "title": "T" }))).await.expect_status(201).json();
    assert_eq!(thread["userId"], "ann");
    let body = json!({ "threadId": thread["threadId"], "content": "C" });
    let post = forum.send("POST", "/api/posts", Some(&ann), Some(body)).await.expect_status(201).json();
    assert_eq!(post["userId"], "ann");
    let path = format!("/api/threads/{}", thread["threadId"].as_str().unwrap());
    let replaced = forum.send("PUT", &path, Some(&ann), Some(json!({ "title": "U" }))).await.expect_status(200).json();
    assert_eq!(replaced["userId"], "ann", "a PUT by the owner keeps whose it is");
}

#[tokio::test]
async fn who_imports_brings_ids_and_times() {
    let forum = Forum::new().await;
    forum.populate().await;
    let importer = token(&forum, "importer");
    let send = async |path: &str, body: Value| forum.send("POST", path, importer.as_deref(), Some(body)).await;
    let times = ("2019-05-01T10:00:00.000Z", "2020-05-01T10:00:00.000Z");
    let (created, updated) = ("2019-05-01T12:00:00+02:00", "2020-05-01T10:00:00Z");
    for (path, id, body) in [
        ("/api/users", "userId", json!({ "name": "N", "email": "n@example.com" })),
        ("/api/threads", "threadId", json!({ "title": "T", "userId": "ann" })),
        ("/api/posts", "postId", json!({ "content": "C", "threadId": "t1", "userId": "ann" })),
    ] {
        let with = |more: Value| {
            let mut body = body.clone();
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let whole = with(json!({ id: "old-7", "createdAt": created, "updatedAt": updated }));
        let item = send(path, whole.clone()).await.expect_status(201).json();
        assert_eq!((&item[id], &item["createdAt"], &item["updatedAt"]), (&json!("old-7"), &json!(times.0), &json!(times.1)));
        send(path, whole).await.expect_status(409);
        for (more, field) in [
            (json!({ id: "a b" }), id),
            (json!({ "createdAt": "yesterday" }), "createdAt"),
            (json!({ "createdAt": updated, "updatedAt": created }), "updatedAt"),
            (json!({ "updatedAt": updated }), "updatedAt"),
        ] {
            assert_eq!(send(path, with(more)).await.problem(422), [field], "{path}");
        }
        let fresh = if path == "/api/users" { with(json!({ "email": "m@example.com" })) } else { body.clone() };
        let item = send(path, fresh).await.expect_status(201).json();
        assert!(item[id] != "old-7" && item["createdAt"] == item["updatedAt"], "{item}");
        // Whoever does not import has ids and times of the server.
        let (ann, more) = (forum.token("ann"), json!({ id: "mine", "createdAt": created }));
        if path != "/api/users" {
            let item = forum.send("POST", path, Some(&ann), Some(with(more))).await.expect_status(201).json();
            assert!(item[id] != "mine" && item["createdAt"] != times.0, "{item}");
        }
    }
    let elsewhere = json!({ "postId": "old-7", "content": "C", "threadId": "t2", "userId": "ann" });
    send("/api/posts", elsewhere).await.expect_status(409);
    // The same request with the same key makes one item.
    let body = json!({ "threadId": "old-8", "title": "T", "createdAt": created });
    let bearer = format!("Bearer {}", importer.as_deref().unwrap());
    let headers = [("idempotency-key", "k"), ("authorization", bearer.as_str())];
    for _ in 0..2 {
        let created = forum.app.send_json("POST", "/api/threads", &headers, &body).await.expect_status(201);
        assert_eq!(created.field("threadId"), "old-8");
    }
}

#[tokio::test]
async fn keys_of_two_people_are_two() {
    let forum = Forum::new().await;
    forum.populate().await;
    let mut made = Vec::new();
    for person in ["ann", "bob", "ann"] {
        let bearer = format!("Bearer {}", forum.token(person));
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k")];
        let response = forum.app.send_json("POST", "/api/threads", &headers, &json!({ "title": "T" })).await.expect_status(201);
        made.push(response.json()["threadId"].clone());
    }
    assert_eq!(made[0], made[2]);
    assert_ne!(made[0], made[1]);
}

#[tokio::test]
async fn who_has_no_profile_is_asked_to_make_one() {
    let forum = Forum::new().await;
    forum.populate().await;
    let stranger = forum.token("stranger");
    for (method, path, body) in [
        ("POST", "/api/threads", json!({ "title": "T" })),
        ("POST", "/api/posts", json!({ "threadId": "t1", "content": "C" })),
        ("PATCH", "/api/threads/t1", json!({ "title": "x" })),
        ("PATCH", "/api/posts/p1", json!({ "content": "x" })),
    ] {
        let response = forum.send(method, path, Some(&stranger), Some(body)).await;
        assert_eq!((response.status.as_u16(), name(&response).as_str()), (403, "profile-missing"), "{method} {path}");
    }
}

#[tokio::test]
async fn a_suspended_user_reads_and_does_not_write() {
    let forum = Forum::new().await;
    forum.populate().await;
    let suspend = |until: &str| {
        let mut update = Update::default();
        update.set.insert("suspendedUntil".to_owned(), until.into());
        update.set.insert("suspendedReason".to_owned(), "spam".into());
        update
    };
    let ann = forum.token("ann");
    forum.app.store.update(&user::TABLE, &Key::hash("ann"), &suspend("2999-01-01T00:00:00.000Z")).await.unwrap();
    for (method, path, body) in [
        ("POST", "/api/threads", json!({ "title": "T" })),
        ("POST", "/api/posts", json!({ "threadId": "t1", "content": "C" })),
        ("PATCH", "/api/threads/t1", json!({ "title": "x" })),
        ("PATCH", "/api/users/ann", json!({ "name": "x" })),
    ] {
        let response = forum.send(method, path, Some(&ann), Some(body)).await;
        assert_eq!((response.status.as_u16(), name(&response).as_str()), (403, "suspended"), "{method} {path}");
        let said = String::from_utf8_lossy(&response.body).into_owned();
        assert!(said.contains("2999-01-01") && said.contains("spam"), "{said}");
    }
    forum.send("GET", "/api/threads", Some(&ann), None).await.expect_status(200);
    // One that is over is none.
    forum.app.store.update(&user::TABLE, &Key::hash("bob"), &suspend("2020-01-01T00:00:00.000Z")).await.unwrap();
    let bob = forum.token("bob");
    forum.send("POST", "/api/threads", Some(&bob), Some(json!({ "title": "T" }))).await.expect_status(201);
}

/// Counts what is asked of threads.
#[derive(Debug)]
struct Requests {
    store: SharedStore,
    of_threads: Arc<Mutex<Vec<&'static str>>>,
}

impl Requests {
    fn note(&self, table: &Table, request: &'static str) {
        if table.name == thread::TABLE.name {
            self.of_threads.lock().unwrap().push(request);
        }
    }
}

impl StoreLayer for Requests {
    fn inner(&self) -> &dyn Store {
        &*self.store
    }

    async fn get(&self, table: &'static Table, key: &Key, read: &Read) -> db_adapter::Result<Option<Item>> {
        self.note(table, "get");
        self.store.get(table, key, read).await
    }

    async fn update(&self, table: &'static Table, key: &Key, update: &Update) -> db_adapter::Result<Item> {
        self.note(table, "update");
        self.store.update(table, key, update).await
    }
}

/// The update itself compares the owner. Only a body that names the owner must be compared with the item.
#[tokio::test]
async fn an_owner_changes_a_thread_in_one_request() {
    let of_threads = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&of_threads);
    let flags = ["--auth-user-id-claim", "sub", "--auth-roles-claim", "roles"];
    let forum = Forum::behind(&flags, |store| Arc::new(Requests { store, of_threads: noted })).await;
    forum.populate().await;
    for (caller, body, status, requests) in [
        ("ann", json!({ "title": "1" }), 200, vec!["update"]),
        ("mod", json!({ "title": "2" }), 200, vec!["update"]),
        ("bob", json!({ "title": "3" }), 403, vec!["update"]),
        ("ann", json!({ "title": "4", "userId": "ann" }), 200, vec!["get", "update"]),
        ("bob", json!({ "title": "5", "userId": "bob" }), 403, vec!["get"]),
    ] {
        let token = token(&forum, caller);
        forum.send("PATCH", "/api/threads/t1", token.as_deref(), Some(body)).await.expect_status(status);
        assert_eq!(std::mem::take(&mut *of_threads.lock().unwrap()), requests, "{caller}");
    }
    let stale = [("authorization", format!("Bearer {}", token(&forum, "bob").unwrap())), ("if-match", "\"1-x\"".to_owned())];
    let stale: Vec<_> = stale.iter().map(|(name, value)| (*name, value.as_str())).collect();
    forum.app.send_json("PATCH", "/api/threads/t1", &stale, &json!({ "title": "6" })).await.expect_status(403);
    let title = forum.app.get("/api/threads/t1").await.json()["title"].clone();
    assert_eq!(title, "4");
}
