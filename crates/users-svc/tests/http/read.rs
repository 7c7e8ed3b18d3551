use serde_json::json;

use crate::{ann, app, create, created, load};

#[tokio::test]
async fn a_user_is_read_with_its_etag() {
    let app = app().await;
    let new = create(&app, &ann()).await;
    let response = app.get(new.header("location")).await.expect_status(200);
    assert_eq!(response.json(), new.json());
    assert_eq!(response.header("etag"), new.header("etag"));
    app.call("GET", new.header("location"), &[("cache-control", "max-age=0, No-Cache")]).await.expect_status(200);
}

#[tokio::test]
async fn an_unchanged_user_is_304() {
    let app = app().await;
    let new = create(&app, &ann()).await;
    let (path, etag) = (new.header("location"), new.header("etag"));
    let gzipped = etag.replace("\"", "").to_owned() + "-gzip";
    for condition in [etag, "*", &format!("\"x\", W/{etag}"), &format!("\"{gzipped}\"")] {
        let response = app.call("GET", path, &[("if-none-match", condition)]).await.expect_status(304);
        assert_eq!(response.header("etag"), etag);
        assert!(response.body.is_empty());
    }
    app.call("GET", path, &[("if-none-match", "\"1-other\"")]).await.expect_status(200);
    app.call("GET", "/api/users/none", &[("if-none-match", "*")]).await.expect_status(404);
    assert_eq!(app.call("GET", path, &[("if-none-match", "1-w")]).await.problem(400), ["if-none-match"]);
}

#[tokio::test]
async fn head_answers_as_get_without_a_body() {
    let app = app().await;
    let path = created(&app, &ann()).await;
    let get = app.get(&path).await;
    let head = app.call("HEAD", &path, &[]).await.expect_status(200);
    assert!(head.body.is_empty());
    assert_eq!(head.header("etag"), get.header("etag"));
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    assert!(app.call("HEAD", "/api/users/none", &[]).await.expect_status(404).body.is_empty());
    app.call("HEAD", "/api/users", &[]).await.expect_status(200);
}

#[tokio::test]
async fn what_cannot_be_an_id_is_404() {
    let app = app().await;
    for id in ["none", "a%20b", "%FF", "%00", "docs%2F", "in-thread", "by-user", &"x".repeat(65), "email%23a@b.c", "ä%2e"] {
        let path = format!("/api/users/{id}").replace('ä', "%C3%A4");
        assert!(app.get(&path).await.problem(404).is_empty(), "{path}");
    }
}

#[tokio::test]
async fn some_fields_are_read() {
    let app = app().await;
    let path = created(&app, &ann()).await;
    let response = app.get(&format!("{path}?fields=version,name")).await.expect_status(200);
    assert_eq!(response.json(), json!({ "name": "Ann", "version": 1 }));
    assert!(response.header("etag").starts_with("\"1-"));
    assert_eq!(app.get(&format!("{path}?fields=bio")).await.json(), json!({}));
    for fields in ["", ",", "nickname", "writeId", "name,name;"] {
        assert_eq!(app.get(&format!("{path}?fields={fields}")).await.problem(400), ["fields"], "{fields}");
    }
    assert_eq!(app.get(&format!("{path}?limit=1")).await.problem(400), ["limit"]);
}

#[tokio::test]
async fn a_migrated_user_is_shown_as_far_as_it_is_known() {
    let app = app().await;
    load(&app, json!({ "userId": "1", "name": "Old", "shoeSize": 43, "createdAt": "2020-01-01T00:00:00.000Z" })).await;
    let response = app.get("/api/users/1").await.expect_status(200);
    let shown = json!({ "userId": "1", "name": "Old", "createdAt": "2020-01-01T00:00:00.000Z", "version": 0 });
    assert_eq!(response.json(), shown);
    assert_eq!(response.header("etag"), "\"0-0\"");
    let changed = app.send_json("PATCH", "/api/users/1", &[("if-match", "\"0-0\"")], &json!({ "bio": "x" })).await;
    assert_eq!(changed.expect_status(200).field("version"), 1);
    let (table, key) = (&db_adapter::forum::user::TABLE, db_adapter::Key::hash("1"));
    let item = app.store.get(table, &key, &db_adapter::Read::STRONG).await.unwrap().unwrap();
    assert_eq!(item.members().get("shoeSize").unwrap(), "43");
}
