//! One's own profile: making, changing, exporting and erasing it.

use db_adapter::forum::user;
use db_adapter::{Key, Update};
use http_test::TestResponse;
use serde_json::{Value, json};

use crate::{Forum, name};

fn verified(email: &str) -> Value {
    json!({ "email": email, "email_verified": true })
}

async fn put(forum: &Forum, token: &str, body: Value) -> TestResponse {
    forum.send("PUT", "/api/users/me", Some(token), Some(body)).await
}

#[tokio::test]
async fn a_user_s_id_is_made_of_issuer_and_subject() {
    let forum = Forum::with(&[]).await;
    let make = async |subject: &str, email: &str| {
        let response = put(&forum, &forum.token_with(subject, verified(email)), json!({ "name": "X" })).await.expect_status(201);
        let id = response.json()["userId"].as_str().unwrap().to_owned();
        assert_eq!(response.header("location"), format!("/api/users/{id}"));
        id
    };
    let (ann, bob) = (make("ann", "ann@example.com").await, make("bob", "bob@example.com").await);
    assert_ne!(ann, bob);
    let again = forum.send("GET", "/api/users/me", Some(&forum.token("ann")), None).await.expect_status(200).json();
    assert_eq!(again["userId"], ann.as_str());
}

#[tokio::test]
async fn a_profile_has_the_verified_address_of_the_token() {
    let forum = Forum::new().await;
    let eve = forum.token_with("eve", verified(" Eve@Example.com "));
    forum.send("GET", "/api/users/me", Some(&eve), None).await.problem(404);
    assert_eq!(put(&forum, &eve, json!({ "name": "Eve", "email": "other@example.com" })).await.problem(422), ["email"]);
    let made = put(&forum, &eve, json!({ "name": "Eve", "bio": "x" })).await.expect_status(201).json();
    assert_eq!((made["email"].as_str(), made["userId"].as_str()), (Some("eve@example.com"), Some("eve")));
    let replaced = put(&forum, &eve, json!({ "name": "Eve", "email": "eve@example.com" })).await.expect_status(200).json();
    assert_eq!((replaced["version"].as_u64(), replaced.get("bio")), (Some(2), None));
    // Whoever has another address now is the same person still.
    let moved = forum.token_with("eve", verified("eve@example.org"));
    assert_eq!(put(&forum, &moved, json!({ "name": "Eve" })).await.expect_status(200).json()["email"], "eve@example.org");
    let patched = forum.send("PATCH", "/api/users/me", Some(&eve), Some(json!({ "bio": "y" }))).await.expect_status(200).json();
    assert_eq!(patched["bio"], "y");
    forum.send("PATCH", "/api/users/me", Some(&eve), Some(json!({ "email": "x@example.com" }))).await.problem(422);
}

#[tokio::test]
async fn an_address_that_is_not_verified_or_taken_makes_no_profile() {
    let forum = Forum::new().await;
    forum.populate().await;
    for claims in [json!({ "email": "e@example.com", "email_verified": false }), json!({ "email": "e@example.com" })] {
        forum.issuer.set_userinfo(json!({ "sub": "eve" }));
        let response = put(&forum, &forum.token_with("eve", claims), json!({ "name": "Eve" })).await;
        assert_eq!((response.status.as_u16(), name(&response).as_str()), (403, "email-not-verified"));
    }
    put(&forum, &forum.token_with("eve", verified("ann@example.com")), json!({ "name": "Eve" })).await.problem(409);
    assert_eq!(forum.app.get("/api/users/ann").await.json()["name"], "Ann", "accounts are not linked by address");
}

#[tokio::test]
async fn an_address_that_the_token_lacks_is_asked_of_the_issuer() {
    let forum = Forum::new().await;
    let eve = forum.token("eve");
    forum.issuer.set_userinfo(json!({ "sub": "mallory", "email": "eve@example.com", "email_verified": true }));
    put(&forum, &eve, json!({ "name": "Eve" })).await.problem(503);
    forum.issuer.set_userinfo(json!({ "sub": "eve", "email": "eve@example.com", "email_verified": "true" }));
    assert_eq!(put(&forum, &eve, json!({ "name": "Eve" })).await.expect_status(201).json()["email"], "eve@example.com");
}

#[tokio::test]
async fn a_profile_made_twice_at_once_is_one() {
    let forum = Forum::new().await;
    let eve = forum.token_with("eve", verified("eve@example.com"));
    let responses = futures::future::join_all((0..8).map(|_| put(&forum, &eve, json!({ "name": "Eve" })))).await;
    let made = responses.iter().filter(|response| response.status == 201).count();
    assert!(made == 1 && responses.iter().all(|response| [200, 201].contains(&response.status.as_u16())), "{responses:?}");
}

#[tokio::test]
async fn nobody_and_programs_have_no_profile() {
    let forum = Forum::new().await;
    for path in ["/api/threads/me", "/api/posts/me"] {
        forum.app.get(path).await.problem(404);
    }
    let robot = forum.token_with("robot", json!({ "client_id": "robot", "scope": "forum:write" }));
    for (method, path) in [("GET", "/api/users/me"), ("DELETE", "/api/users/me"), ("GET", "/api/users/me/export")] {
        forum.send(method, path, None, None).await.expect_status(401);
        forum.send(method, path, Some(&robot), None).await.expect_status(403);
    }
}

/// Two threads of Ann's, one in which Bob has posted; posts of both.
async fn talk(forum: &Forum) {
    forum.populate().await;
    let ann = forum.token("ann");
    let own =
        forum.send("POST", "/api/threads", Some(&ann), Some(json!({ "title": "secret own", "description": "secret" }))).await;
    let own = own.expect_status(201).json()["threadId"].clone();
    for number in 0..130 {
        let thread = if number % 2 == 0 { json!("t1") } else { own.clone() };
        let body = json!({ "threadId": thread, "content": format!("secret words {number}") });
        forum.send("POST", "/api/posts", Some(&ann), Some(body)).await.expect_status(201);
    }
}

#[tokio::test]
async fn an_export_has_everything_and_nothing_of_others() {
    let forum = Forum::new().await;
    talk(&forum).await;
    let response = forum.send("GET", "/api/users/me/export", Some(&forum.token("ann")), None).await.expect_status(200);
    assert_eq!((response.header("content-type"), response.header("cache-control")), ("text/plain; charset=utf-8", "no-store"));
    let lines: Vec<Value> = response
        .body
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let count = |kind: &str| lines.iter().filter(|line| line.get(kind).is_some()).count();
    assert_eq!((count("user"), count("thread"), count("post"), lines.len()), (1, 2, 130, 133));
    assert!(lines.iter().all(|line| line.as_object().unwrap().values().all(|item| item["userId"] == "ann")));
}

#[tokio::test]
async fn erasure_keeps_what_was_written_or_erases_it() {
    let forum = Forum::new().await;
    talk(&forum).await;
    let ann = forum.token("ann");
    forum.send("DELETE", "/api/users/me?posts=all", Some(&ann), None).await.problem(400);
    forum.send("DELETE", "/api/users/me?posts=erase", Some(&ann), None).await.expect_status(204);
    forum.app.get("/api/users/ann").await.problem(404);
    for path in [
        "/api/users",
        "/api/threads",
        "/api/posts",
        "/api/posts?threadId=t1",
        "/api/posts/by-user/ann",
        "/api/threads?userId=ann",
    ] {
        let shown =
            forum.app.get(&format!("{path}{}limit=1000", if path.contains('?') { "&" } else { "?" })).await.expect_status(200);
        let shown = String::from_utf8(shown.body.to_vec()).unwrap();
        assert!(!shown.contains("secret") && !shown.contains("\"ann\"") && !shown.contains("ann@"), "{path}: {shown}");
    }
    let thread = forum.app.get("/api/threads/t1").await.expect_status(200).json();
    assert_eq!((thread["title"].as_str(), thread.get("userId")), (Some("[erased]"), None), "Bob has posted in it");
    forum.app.get("/api/posts/p1").await.expect_status(200);
    // The address is free again.
    let eve = forum.token_with("eve", verified("ann@example.com"));
    put(&forum, &eve, json!({ "name": "Eve" })).await.expect_status(201);

    let bob = forum.token("bob");
    forum.send("DELETE", "/api/users/me", Some(&bob), None).await.expect_status(204);
    assert_eq!(forum.app.get("/api/posts/p1").await.json()["userId"], "bob");
}

#[tokio::test]
async fn a_suspended_user_may_export_and_erase_and_stays_suspended() {
    let forum = Forum::new().await;
    talk(&forum).await;
    let mut update = Update::default();
    update.set.insert("suspendedUntil".to_owned(), "2999-01-01T00:00:00.000Z".into());
    forum.app.store.update(&user::TABLE, &Key::hash("ann"), &update).await.unwrap();
    let ann = forum.token_with("ann", verified("ann@example.com"));
    forum.send("GET", "/api/users/me/export", Some(&ann), None).await.expect_status(200);
    put(&forum, &ann, json!({ "name": "Ann" })).await.expect_status(403);
    forum.send("DELETE", "/api/users/me?posts=erase", Some(&ann), None).await.expect_status(204);
    let left = forum.app.get("/api/users/ann").await.expect_status(200).json();
    let mut names: Vec<_> = left.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["createdAt", "name", "suspendedUntil", "updatedAt", "userId", "version"]);
    assert_eq!(left["name"], "[erased]");
    assert_eq!(name(&put(&forum, &ann, json!({ "name": "Ann" })).await), "suspended");
}
