use serde_json::json;

use crate::{app, create, created};

#[tokio::test]
async fn a_thread_is_read_with_its_etag() {
    let app = app().await;
    let new = create(&app, &json!({ "title": "T" })).await;
    let (path, tag) = (new.header("location"), new.header("etag"));
    let read = app.get(path).await.expect_status(200);
    assert_eq!((read.json(), read.header("etag")), (new.json(), tag));
    assert!(app.call("GET", path, &[("if-none-match", tag)]).await.expect_status(304).body.is_empty());
    app.call("GET", path, &[("if-none-match", "\"0-x\"")]).await.expect_status(200);
    app.call("GET", path, &[("cache-control", "no-cache")]).await.expect_status(200);
    let head = app.call("HEAD", path, &[]).await.expect_status(200);
    assert_eq!((head.body.len(), head.header("etag")), (0, tag));
}

#[tokio::test]
async fn fields_name_what_is_answered() {
    let app = app().await;
    let path = created(&app, "T").await;
    assert_eq!(app.get(&format!("{path}?fields=version,title")).await.json(), json!({ "title": "T", "version": 1 }));
    assert_eq!(app.get(&format!("{path}?fields=writeId")).await.problem(400), ["fields"]);
    assert_eq!(app.get(&format!("{path}?order=asc")).await.problem(400), ["order"]);
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    let app = app().await;
    for id in ["none", "a%20b", "%C3%A4", &"x".repeat(65), "health/x", "%FF", "a%2Fb"] {
        app.get(&format!("/api/threads/{id}")).await.problem(404);
    }
}
