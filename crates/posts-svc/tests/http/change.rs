use http_test::{TestApp, TestResponse};
use serde_json::{Value, json};

use crate::{app, create, created, hello};

async fn conditional(app: &TestApp, method: &str, path: &str, tags: &str) -> TestResponse {
    match method {
        "DELETE" => app.call(method, path, &[("if-match", tags)]).await,
        _ => app.send_json(method, path, &[("if-match", tags)], &hello()).await,
    }
}

fn titled() -> Value {
    json!({ "threadId": "t1", "userId": "u1", "title": "Title", "content": "Hello" })
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let app = app().await;
    let new = create(&app, &titled()).await;
    let path = new.header("location");
    let changed = app.patch(path, &json!({ "content": " B " })).await.expect_status(200);
    let post = changed.json();
    assert_eq!((&post["title"], &post["content"], &post["version"]), (&json!("Title"), &json!(" B "), &json!(2)));
    assert_eq!(post["createdAt"], new.field("createdAt"));
    assert!(post["updatedAt"].as_str() >= new.field("updatedAt").as_str());
    assert!(changed.header("etag").starts_with("\"2-"));
    assert_eq!(app.get(path).await.json(), post);
    assert_eq!(app.get("/api/posts/in-thread/t1").await.json(), json!([post]));
    assert_eq!(app.patch(path, &json!({ "title": " New " })).await.expect_status(200).field("title"), "New");
    let untitled = app.patch(path, &json!({ "title": null })).await.expect_status(200).json();
    assert!(untitled.get("title").is_none());
    assert_eq!((&untitled["content"], &untitled["version"]), (&json!(" B "), &json!(4)));
}

#[tokio::test]
async fn a_patch_is_sent_under_either_media_type() {
    let app = app().await;
    let path = created(&app, &hello()).await;
    for media_type in ["application/merge-patch+json", "application/json; charset=utf-8"] {
        let headers = [("content-type", media_type)];
        app.send_json("PATCH", &path, &headers, &json!({ "content": media_type })).await.expect_status(200);
        assert_eq!(app.get(&path).await.field("content"), media_type);
    }
    let headers = [("content-type", "application/json-patch+json")];
    app.send_json("PATCH", &path, &headers, &json!({})).await.problem(415);
    let headers = [("content-type", "application/merge-patch+json")];
    app.send_json("PUT", &path, &headers, &hello()).await.problem(415);
}

#[tokio::test]
async fn an_empty_patch_keeps_the_version() {
    let app = app().await;
    let new = create(&app, &hello()).await;
    let path = new.header("location");
    for body in [json!({}), json!({ "version": 7, "postId": "x" }), json!({ "threadId": "t1", "userId": "u1" })] {
        for condition in [&[][..], &[("if-match", new.header("etag"))]] {
            let same = app.send_json("PATCH", path, condition, &body).await.expect_status(200);
            assert_eq!((same.json(), same.header("etag")), (new.json(), new.header("etag")));
        }
    }
    assert_eq!(app.patch(path, &json!({ "threadId": "t2" })).await.problem(422), ["threadId"]);
    app.send_json("PATCH", path, &[("if-match", "\"7-x\"")], &json!({})).await.problem(412);
    app.patch("/api/posts/none", &json!({})).await.problem(404);
}

#[tokio::test]
async fn thread_and_user_cannot_change() {
    let app = app().await;
    let path = created(&app, &hello()).await;
    for (thread_id, user_id, fields) in [
        ("t2", "u1", vec!["threadId"]),
        ("t1", "u2", vec!["userId"]),
        ("none", "", vec!["threadId", "userId"]),
        ("T1", "u1 ", vec!["threadId", "userId"]),
    ] {
        let body = json!({ "threadId": thread_id, "userId": user_id, "content": "Moved" });
        assert_eq!(app.patch(&path, &body).await.problem(422), fields);
        assert_eq!(app.put(&path, &body).await.problem(422), fields);
        app.put("/api/posts/none", &body).await.problem(404);
    }
    let body = json!({ "threadId": null, "userId": null, "content": "Moved" });
    assert_eq!(app.patch(&path, &body).await.problem(422), ["threadId", "userId"]);
    assert_eq!(app.put(&path, &body).await.problem(422), ["threadId", "userId"]);
    assert_eq!(app.get(&path).await.field("version"), 1);
    let body = json!({ "threadId": "t1", "userId": "u1", "content": "Stayed" });
    assert_eq!(app.patch(&path, &body).await.expect_status(200).field("content"), "Stayed");
}

#[tokio::test]
async fn a_patch_keeps_the_rules() {
    let app = app().await;
    let path = created(&app, &hello()).await;
    assert_eq!(app.patch(&path, &json!({ "content": null })).await.problem(422), ["content"]);
    let body = json!({ "content": "", "title": " " });
    assert_eq!(app.patch(&path, &body).await.problem(422), ["content", "title"]);
    let body = json!({ "content": "x".repeat(65_537), "title": "x".repeat(301) });
    assert_eq!(app.patch(&path, &body).await.problem(422), ["content", "title"]);
    assert_eq!(app.patch(&path, &json!({ "text": 1, "writeId": 2 })).await.problem(400), ["text", "writeId"]);
    assert_eq!(app.patch(&path, &json!({ "content": ["A"] })).await.problem(400), ["content"]);
    assert_eq!(app.patch(&path, &json!({ "threadId": 1 })).await.problem(400), ["threadId"]);
    assert_eq!(app.patch(&format!("{path}?fields=title"), &json!({})).await.problem(400), ["fields"]);
    assert_eq!(app.get(&path).await.field("version"), 1);
}

#[tokio::test]
async fn put_replaces_what_a_client_may_set() {
    let app = app().await;
    let new = create(&app, &titled()).await;
    let path = new.header("location");
    let post = app.put(path, &json!({ "content": "B" })).await.expect_status(200).json();
    let mut expected = new.json();
    expected.as_object_mut().unwrap().remove("title");
    (expected["content"], expected["version"], expected["updatedAt"]) = (json!("B"), json!(2), post["updatedAt"].clone());
    assert_eq!(post, expected);
    assert_eq!(app.put(path, &json!({ "title": "T" })).await.problem(422), ["content"]);
    assert_eq!(app.put(path, &json!({ "title": " ", "content": null })).await.problem(422), ["content", "title"]);
    assert_eq!(app.put(path, &json!({ "content": "B", "text": 1 })).await.problem(400), ["text"]);
    assert_eq!(app.put(&format!("{path}?x=1"), &hello()).await.problem(400), ["x"]);
}

#[tokio::test]
async fn get_edit_put_works() {
    let app = app().await;
    let path = created(&app, &titled()).await;
    let read = app.get(&path).await;
    let mut post = read.json();
    post["content"] = json!("edited");
    let headers = [("if-match", read.header("etag"))];
    let put = app.send_json("PUT", &path, &headers, &post).await.expect_status(200);
    assert_eq!((put.field("content"), put.field("title"), put.field("version")), (json!("edited"), json!("Title"), json!(2)));
}

#[tokio::test]
async fn put_never_creates() {
    let app = app().await;
    app.put("/api/posts/mine", &hello()).await.problem(404);
    app.send_json("PUT", "/api/posts/mine", &[("if-match", "*")], &hello()).await.problem(404);
    assert_eq!(app.get("/api/posts").await.json(), json!([]));
}

#[tokio::test]
async fn a_stale_condition_is_412() {
    let app = app().await;
    let new = create(&app, &hello()).await;
    let (path, stale) = (new.header("location"), new.header("etag"));
    app.patch(path, &json!({ "title": "x" })).await.expect_status(200);
    for method in ["PATCH", "PUT", "DELETE"] {
        for tags in [stale, "\"odd\"", "\"\"", &format!("\"1-x\", {stale}"), "\"2-0\"", "\"02-x\""] {
            conditional(&app, method, path, tags).await.problem(412);
            conditional(&app, method, "/api/posts/none", tags).await.problem(404);
        }
        assert_eq!(conditional(&app, method, path, "odd").await.problem(400), ["if-match"]);
    }
    assert_eq!(app.get(path).await.field("version"), 2);
}

#[tokio::test]
async fn a_condition_that_holds_lets_the_write_through() {
    let app = app().await;
    for method in ["PATCH", "PUT", "DELETE"] {
        for shape in ["{}", "W/{}", "\"9-x\", {}", "*"] {
            let new = create(&app, &hello()).await;
            let tags = shape.replace("{}", new.header("etag"));
            let response = conditional(&app, method, new.header("location"), &tags).await;
            assert!(response.status.is_success(), "{method} {tags}: {response:?}");
        }
    }
}

#[tokio::test]
async fn a_deleted_post_is_gone_from_every_list() {
    let app = app().await;
    let path = created(&app, &hello()).await;
    let response = app.delete(&path).await.expect_status(204);
    assert!(response.body.is_empty());
    app.delete(&path).await.problem(404);
    app.get(&path).await.problem(404);
    app.patch(&path, &json!({ "title": "x" })).await.problem(404);
    for list in ["", "/in-thread/t1", "/by-user/u1"] {
        assert_eq!(app.get(&format!("/api/posts{list}")).await.json(), json!([]));
    }
    assert_eq!(app.delete(&format!("{path}?cascade=true")).await.problem(400), ["cascade"]);
}

#[tokio::test]
async fn conditions_guard_every_write() {
    let app = app().await;
    let path = created(&app, &hello()).await;
    http_test::conditions_guard_writes(&app, &path, &hello()).await;
}

#[tokio::test]
async fn texts_are_visible() {
    let app = app().await;
    let location = created(&app, &hello()).await;
    http_test::texts_are_visible(&app, "/api/posts", &location, &hello(), &["title", "content"]).await;
}
