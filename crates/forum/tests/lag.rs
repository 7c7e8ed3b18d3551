//! All three services on a store whose eventual reads and indexes are late: what was written is found, changed and deleted by its id
//! all the same, and lists follow later.

#![expect(clippy::unwrap_used, reason = "in tests")]

use http_test::TestApp;
use serde_json::{Value, json};

async fn app() -> TestApp {
    TestApp::lagging(services::all(30)).await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn created(app: &TestApp, path: &str, body: &Value) -> String {
    app.post(path, body).await.expect_status(201).header("location").to_owned()
}

/// A user, a thread by that user and a post in it, each created right after the other: their paths, and the lists they are in.
async fn forum(app: &TestApp) -> ([String; 3], Vec<String>) {
    let user = created(app, "/api/users", &json!({ "name": "Ann", "email": "ann@example.org" })).await;
    let user_id = text(&app.get(&user).await.expect_status(200).field("userId"));
    let thread = created(app, "/api/threads", &json!({ "title": "T", "userId": user_id })).await;
    let thread_id = text(&app.get(&thread).await.expect_status(200).field("threadId"));
    let new = json!({ "threadId": thread_id, "userId": user_id, "content": "Hello" });
    let post = created(app, "/api/posts", &new).await;
    let lists = [
        "/api/users".to_owned(),
        "/api/users?email=ann@example.org".to_owned(),
        "/api/threads".to_owned(),
        format!("/api/posts?threadId={thread_id}"),
        format!("/api/posts?userId={user_id}"),
        "/api/posts".to_owned(),
    ];
    ([user, thread, post], lists.into())
}

#[tokio::test]
async fn what_was_just_written_is_read_changed_and_deleted() {
    let app = app().await;
    let (paths, _) = forum(&app).await;
    let changes = [json!({ "bio": "b" }), json!({ "description": "d" }), json!({ "content": "c" })];
    for (path, change) in paths.iter().zip(&changes) {
        let new = app.get(path).await.expect_status(200);
        let changed = app.send_json("PATCH", path, &[("if-match", new.header("etag"))], change).await.expect_status(200);
        assert_eq!(changed.field("version"), 2, "{path}");
        // A strong read sees it, whatever others see.
        let seen = app.call("GET", path, &[("cache-control", "no-cache")]).await.expect_status(200);
        assert_eq!(seen.json(), changed.json());
        app.send_json("PATCH", path, &[("if-match", new.header("etag"))], change).await.problem(412);
        let replaced = app.put(path, &changed.json()).await.expect_status(200);
        assert_eq!(replaced.field("version"), 3, "{path}");
    }
    for path in paths.iter().rev() {
        let current = app.call("GET", path, &[("cache-control", "no-cache")]).await.expect_status(200);
        app.call("DELETE", path, &[("if-match", current.header("etag"))]).await.expect_status(204);
        app.call("GET", path, &[("cache-control", "no-cache")]).await.expect_status(404);
        app.delete(path).await.expect_status(404);
    }
}

#[tokio::test]
async fn what_was_just_created_is_deleted() {
    let app = app().await;
    let ([.., post], _) = forum(&app).await;
    let user = created(&app, "/api/users", &json!({ "name": "Bob", "email": "bob@example.org" })).await;
    let thread = created(&app, "/api/threads", &json!({ "title": "T" })).await;
    for path in [post, thread, user] {
        app.delete(&path).await.expect_status(204);
    }
}

#[tokio::test]
async fn a_repeated_key_makes_no_second_item() {
    let app = app().await;
    let (paths, _) = forum(&app).await;
    let [user, thread] = [&paths[0], &paths[1]].map(|path| path.rsplit_once('/').unwrap().1);
    let requests = [
        ("/api/users", "userId", json!({ "name": "Bob", "email": "bob@example.org" })),
        ("/api/threads", "threadId", json!({ "title": "T" })),
        ("/api/posts", "postId", json!({ "threadId": thread, "userId": user, "content": "Hello" })),
    ];
    for (path, id, body) in requests {
        let send = async || app.send_json("POST", path, &[("idempotency-key", "k")], &body).await.expect_status(201);
        let (first, again) = (send().await, send().await);
        assert_eq!(first.field(id), again.field(id));
        assert_eq!(again.header("idempotent-replayed"), "true");
    }
}

#[tokio::test]
async fn an_email_is_taken_although_no_list_shows_it() {
    let app = app().await;
    let ann = json!({ "name": "Ann", "email": "ann@example.org" });
    let path = created(&app, "/api/users", &ann).await;
    app.post("/api/users", &ann).await.problem(409);
    app.delete(&path).await.expect_status(204);
    created(&app, "/api/users", &ann).await;
}

#[tokio::test]
async fn lists_follow() {
    let app = app().await;
    let (paths, lists) = forum(&app).await;
    // The thread was written twice, as it was told of its post: so its first version is seen.
    for list in lists.iter().filter(|list| !list.starts_with("/api/threads")) {
        assert_eq!(app.walk(list).await.0, [] as [Value; 0], "{list}");
    }
    app.catch_up().await;
    for list in &lists {
        assert_eq!(app.walk(list).await.0.len(), 1, "{list}");
    }
    // The post first: a thread is not deleted while a list shows posts of it.
    let (of_posts, others): (Vec<_>, Vec<_>) = lists.iter().partition(|list| list.starts_with("/api/posts"));
    for (paths, lists) in [(&paths[2..], of_posts), (&paths[..2], others)] {
        for path in paths {
            app.delete(path).await.expect_status(204);
        }
        for list in &lists {
            assert_eq!(app.walk(list).await.0.len(), 1, "{list}");
        }
        app.catch_up().await;
        for list in &lists {
            assert_eq!(app.walk(list).await.0, [] as [Value; 0], "{list}");
        }
    }
}
