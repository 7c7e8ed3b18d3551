//! Erasure, on disk: no byte of the user is left in any file once the journals are folded, and none in any table of DynamoDB.

use std::path::Path;
use std::sync::Arc;

use db_adapter::dynamodb::{DynamoOptions, DynamoStore, tables};
use db_adapter::forum::{REQUEST_HASH, TABLES, thread};
use db_adapter::json::{JsonOptions, JsonStore};
use db_adapter::{Key, Read, Store};
use http_kit::SharedStore;
use serde_json::json;

use crate::Forum;

/// The user, whose id, address and words are nowhere else.
const USER: &str = "zebulon-7f3a";
/// What must be nowhere. The id is part of the address.
const TRACES: [&str; 2] = ["zebulon", "xylograph"];

/// Writes whatever a user can write, with the words in every field, and erases it.
async fn live_and_erase(forum: &Forum) {
    forum.populate().await;
    let verified = json!({ "email": "zebulon-7f3a@example.com", "email_verified": true });
    let token = forum.token_with(USER, verified);
    let own = async |method: &str, path: &str, key: &str, body| {
        let (bearer, headers) = (format!("Bearer {token}"), [("idempotency-key", key)]);
        let headers = [&headers[..], &[("authorization", &*bearer)]].concat();
        forum.app.send_json(method, path, &headers, &body).await
    };
    let profile = json!({ "name": "Zebulon xylograph", "username": "zebulon", "bio": "xylograph" });
    own("PUT", "/api/users/me", "", profile.clone()).await.expect_status(201);
    own("PUT", "/api/users/me", "", profile).await.expect_status(200);
    let thread = |title: &str| json!({ "title": format!("{title} xylograph"), "description": "xylograph" });
    let kept = own("POST", "/api/threads", "kept", thread("kept")).await.expect_status(201).json()["threadId"].clone();
    own("POST", "/api/threads", "gone", thread("gone")).await.expect_status(201);
    let reply = json!({ "threadId": kept, "content": "a reply" });
    forum.send("POST", "/api/posts", Some(&forum.token("bob")), Some(reply)).await.expect_status(201);
    for (number, thread) in [json!("t1"), kept.clone(), json!("t1")].into_iter().enumerate() {
        let body = json!({ "threadId": thread, "title": "xylograph", "content": "xylograph" });
        let made = own("POST", "/api/posts", &number.to_string(), body).await.expect_status(201);
        let path = made.header("location").to_owned();
        let changed = own("PATCH", &path, "", json!({ "content": "another xylograph" })).await.expect_status(200);
        if number == 2 {
            forum.moderate(&format!("posts/{}", changed.json()["postId"].as_str().unwrap()), "remove").await;
        }
    }
    let report = json!({ "target": "posts/p1", "reason": "xylograph" });
    own("POST", "/api/reports", "", report).await.expect_status(201);
    for (path, times) in [("/api/users", 1), ("/api/threads", 3), ("/api/posts", 4)] {
        let shown = forum.send("GET", path, Some(&forum.moderator()), None).await.expect_status(200);
        let shown = String::from_utf8(shown.body.to_vec()).unwrap();
        assert!(shown.matches(TRACES[1]).count() >= times, "{path} has nothing to erase: {shown}");
    }

    forum.send("DELETE", "/api/users/me?posts=erase", Some(&token), None).await.expect_status(204);
    forum.send("GET", "/api/users/me/export", Some(&token), None).await.expect_status(404);
    let moderator = forum.moderator();
    for path in ["/api/users", "/api/threads", "/api/posts", "/api/moderation/reports", "/api/moderation/log"] {
        let shown = forum.send("GET", &format!("{path}?limit=1000"), Some(&moderator), None).await.expect_status(200);
        assert_traceless(path, &shown.body);
    }
    let key = Key::hash(kept.as_str().unwrap());
    let kept = forum.app.store.get(&thread::TABLE, &key, &Read::STRONG).await.unwrap().unwrap();
    assert_eq!((kept.text("title").as_deref(), kept.text(REQUEST_HASH)), (Some("[erased]"), None), "not even a fingerprint");
}

fn assert_traceless(place: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    for trace in TRACES {
        let at = text.find(trace);
        assert_eq!(at, None, "{place}: …{}…", at.map_or("", |at| &text[at.saturating_sub(100)..(at + 100).min(text.len())]));
    }
}

fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect()
}

#[tokio::test]
async fn no_byte_is_left_in_files_once_journals_are_folded() {
    let dir = tempfile::tempdir().unwrap();
    let open = async || Arc::new(JsonStore::open(&TABLES, JsonOptions::new(dir.path())).await.unwrap());
    let store = open().await;
    let behind = Arc::clone(&store);
    let forum =
        Forum::behind(&["--auth-user-id-claim", "sub", "--auth-roles-claim", "roles"], move |_| behind as SharedStore).await;
    live_and_erase(&forum).await;
    // The last process to leave folds the journals.
    store.close().await.unwrap();
    let left = files(dir.path());
    assert!(left.len() >= TABLES.len() && left.iter().any(|(_, bytes)| bytes.windows(7).any(|window| window == b"a reply")));
    for (path, bytes) in left {
        assert_traceless(&path, &bytes);
    }
}

#[tokio::test]
async fn no_attribute_is_left_on_dynamodb() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    let options = DynamoOptions { endpoint: Some(endpoint), ..DynamoOptions::new("us-east-1") };
    let store = Arc::new(DynamoStore::open(&TABLES, options).await.unwrap());
    tables::create(&store).await.unwrap();
    let behind = Arc::clone(&store);
    let forum =
        Forum::behind(&["--auth-user-id-claim", "sub", "--auth-roles-claim", "roles"], move |_| behind as SharedStore).await;
    live_and_erase(&forum).await;
    for table in TABLES {
        let items = store.client().scan().table_name(store.table_name(table)).send().await.unwrap().items.unwrap();
        assert_traceless(table.name, format!("{items:?}").as_bytes());
    }
}
