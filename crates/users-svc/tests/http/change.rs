use http_test::{TestApp, TestResponse};
use serde_json::{Value, json};

use crate::{ann, app, create, created};

async fn conditional(app: &TestApp, method: &str, path: &str, tags: &str) -> TestResponse {
    match method {
        "DELETE" => app.call(method, path, &[("if-match", tags)]).await,
        _ => app.send_json(method, path, &[("if-match", tags)], &ann()).await,
    }
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let app = app().await;
    let new = create(&app, &json!({ "email": "a@b.c", "name": "A", "username": "a", "bio": "b" })).await;
    let path = new.header("location");
    let changed = app.patch(path, &json!({ "name": " B ", "username": null })).await.expect_status(200);
    let user = changed.json();
    assert_eq!((&user["name"], &user["bio"], &user["version"]), (&json!("B"), &json!("b"), &json!(2)));
    assert!(user.get("username").is_none());
    assert_eq!(user["createdAt"], new.field("createdAt"));
    assert!(user["updatedAt"].as_str() >= new.field("updatedAt").as_str());
    assert!(changed.header("etag").starts_with("\"2-"));
    assert_eq!(app.get(path).await.json(), user);
}

#[tokio::test]
async fn a_patch_is_sent_under_either_media_type() {
    let app = app().await;
    let path = created(&app, &ann()).await;
    for media_type in ["application/merge-patch+json", "application/json; charset=utf-8"] {
        let headers = [("content-type", media_type)];
        app.send_json("PATCH", &path, &headers, &json!({ "bio": media_type })).await.expect_status(200);
        assert_eq!(app.get(&path).await.field("bio"), media_type);
    }
    let headers = [("content-type", "application/json-patch+json")];
    app.send_json("PATCH", &path, &headers, &json!({})).await.problem(415);
    let headers = [("content-type", "application/merge-patch+json")];
    app.send_json("PUT", &path, &headers, &ann()).await.problem(415);
}

#[tokio::test]
async fn an_empty_patch_keeps_the_version() {
    let app = app().await;
    let new = create(&app, &ann()).await;
    let path = new.header("location");
    for body in [json!({}), json!({ "version": 7, "userId": "x" })] {
        let same = app.patch(path, &body).await.expect_status(200);
        assert_eq!((same.json(), same.header("etag")), (new.json(), new.header("etag")));
    }
    app.send_json("PATCH", path, &[("if-match", "\"7-x\"")], &json!({})).await.problem(412);
    app.patch("/api/users/none", &json!({})).await.problem(404);
}

#[tokio::test]
async fn a_patch_keeps_the_rules() {
    let app = app().await;
    let path = created(&app, &ann()).await;
    let body = json!({ "email": null, "name": null });
    assert_eq!(app.patch(&path, &body).await.problem(422), ["email", "name"]);
    let body = json!({ "email": "x", "name": "", "username": "x".repeat(51), "bio": "x".repeat(2001) });
    assert_eq!(app.patch(&path, &body).await.problem(422), ["bio", "email", "name", "username"]);
    assert_eq!(app.patch(&path, &json!({ "nick": 1, "writeId": 2 })).await.problem(400), ["nick", "writeId"]);
    assert_eq!(app.patch(&path, &json!({ "name": ["A"] })).await.problem(400), ["name"]);
    assert_eq!(app.patch(&format!("{path}?fields=name"), &json!({})).await.problem(400), ["fields"]);
    assert_eq!(app.get(&path).await.field("version"), 1);
}

#[tokio::test]
async fn put_replaces_what_a_client_may_set() {
    let app = app().await;
    let new = create(&app, &json!({ "email": "a@b.c", "name": "A", "username": "a", "bio": "b" })).await;
    let path = new.header("location");
    let user = app.put(path, &json!({ "email": "A@b.c", "name": "B", "bio": null })).await.expect_status(200).json();
    assert_eq!((&user["name"], &user["email"], &user["version"]), (&json!("B"), &json!("a@b.c"), &json!(2)));
    assert!(user.get("username").is_none() && user.get("bio").is_none());
    assert_eq!(user["createdAt"], new.field("createdAt"));
    assert_eq!(app.put(path, &json!({ "name": "B" })).await.problem(422), ["email"]);
}

#[tokio::test]
async fn get_edit_put_works() {
    let app = app().await;
    let path = created(&app, &ann()).await;
    let read = app.get(&path).await;
    let mut user = read.json();
    user["bio"] = json!("edited");
    let headers = [("if-match", read.header("etag"))];
    let put = app.send_json("PUT", &path, &headers, &user).await.expect_status(200);
    assert_eq!((put.field("bio"), put.field("version")), (json!("edited"), json!(2)));
}

#[tokio::test]
async fn put_never_creates() {
    let app = app().await;
    app.put("/api/users/mine", &ann()).await.problem(404);
    app.send_json("PUT", "/api/users/mine", &[("if-match", "*")], &ann()).await.problem(404);
}

#[tokio::test]
async fn an_email_that_is_taken_is_refused_and_a_left_one_is_free() {
    let app = app().await;
    let path = created(&app, &ann()).await;
    let other = created(&app, &json!({ "email": "bob@example.com", "name": "Bob" })).await;
    let taken = json!({ "email": "Ann@example.com" });
    assert_eq!(app.patch(&other, &taken).await.problem(409), ["email"]);
    assert_eq!(app.put(&other, &ann()).await.problem(409), ["email"]);
    app.patch(&path, &json!({ "email": "new@example.com" })).await.expect_status(200);
    app.patch(&other, &taken).await.expect_status(200);
    let found: Value = app.get("/api/users?email=ann@example.com").await.json();
    assert_eq!(found[0]["name"], "Bob");
}

#[tokio::test]
async fn a_stale_condition_is_412() {
    let app = app().await;
    let new = create(&app, &ann()).await;
    let (path, stale) = (new.header("location"), new.header("etag"));
    app.patch(path, &json!({ "bio": "x" })).await.expect_status(200);
    for method in ["PATCH", "PUT", "DELETE"] {
        for tags in [stale, "\"odd\"", "\"\"", &format!("\"1-x\", {stale}"), "\"2-0\"", "\"02-x\""] {
            conditional(&app, method, path, tags).await.problem(412);
            conditional(&app, method, "/api/users/none", tags).await.problem(404);
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
            let new = create(&app, &ann()).await;
            let tags = shape.replace("{}", new.header("etag"));
            let response = conditional(&app, method, new.header("location"), &tags).await;
            assert!(response.status.is_success(), "{method} {tags}: {response:?}");
            if method != "DELETE" {
                app.delete(new.header("location")).await.expect_status(204);
            }
        }
        let new = create(&app, &ann()).await;
        let gzipped = new.header("etag").trim_end_matches('"').to_owned() + "-gzip\"";
        assert!(conditional(&app, method, new.header("location"), &gzipped).await.status.is_success());
        app.delete(new.header("location")).await;
    }
}

#[tokio::test]
async fn a_deleted_user_is_gone_and_its_email_free() {
    let app = app().await;
    let path = created(&app, &ann()).await;
    let response = app.delete(&path).await.expect_status(204);
    assert!(response.body.is_empty());
    app.delete(&path).await.problem(404);
    app.get(&path).await.problem(404);
    app.patch(&path, &json!({ "name": "x" })).await.problem(404);
    assert_eq!(app.delete(&format!("{path}?cascade=true")).await.problem(400), ["cascade"]);
    create(&app, &ann()).await;
}

/// An eventual read still shows the ETag before the last one.
#[tokio::test]
async fn the_last_etag_matches_where_a_patch_changes_nothing() {
    let app = TestApp::lagging(vec![users_svc::service()]).await;
    let new = create(&app, &ann()).await;
    let path = new.header("location");
    let changed = app.patch(path, &json!({ "bio": "b" })).await.expect_status(200);
    let patch = async |tag: &str| app.send_json("PATCH", path, &[("if-match", tag)], &json!({})).await;
    assert_eq!(patch(changed.header("etag")).await.expect_status(200).json(), changed.json());
    patch(new.header("etag")).await.problem(412);
}

#[tokio::test]
async fn conditions_guard_every_write() {
    let app = app().await;
    let path = created(&app, &ann()).await;
    http_test::conditions_guard_writes(&app, &path, &ann()).await;
}

#[tokio::test]
async fn texts_are_visible() {
    let app = app().await;
    let location = created(&app, &json!({ "email": "b@b.c", "name": "B" })).await;
    http_test::texts_are_visible(&app, "/api/users", &location, &ann(), &["name", "username"]).await;
}
