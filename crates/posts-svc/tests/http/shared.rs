//! What holds for every service, seen on this one.

use serde_json::json;

use crate::{app, created, hello};

#[tokio::test]
async fn routes_and_methods_that_are_none_are_problems() {
    let app = app().await;
    for path in ["/api/posts/a/b", "/api/posts/in-thread/", "/api/posts/in-thread//t1", "/api/threads", "/api/users"] {
        app.get(path).await.problem(404);
    }
    for (path, allowed) in [
        ("/api/posts", "GET,HEAD,POST"),
        ("/api/posts/x", "GET,HEAD,PATCH,PUT,DELETE"),
        ("/api/posts/in-thread/t1", "GET,HEAD"),
        ("/api/posts/by-user/u1", "GET,HEAD"),
    ] {
        let response = app.call("PURGE", path, &[]).await;
        assert!(response.problem(405).is_empty());
        assert_eq!(response.header("allow"), allowed);
    }
}

#[tokio::test]
async fn health_says_how_it_is() {
    let app = app().await;
    assert_eq!(app.get("/health").await.expect_status(200).field("status"), "ok");
    let ready = app.get("/api/posts/health").await.expect_status(200).json();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        ready,
        json!({ "status": "ok", "service": "posts", "version": version, "store": { "mode": http_test::mode(), "reachable": true } })
    );
}

#[tokio::test]
async fn a_closed_store_is_503() {
    let app = app().await;
    let path = created(&app, &hello()).await;
    app.store.close().await.unwrap();
    let response = app.post("/api/posts", &hello()).await;
    response.problem(503);
    assert!(response.header("retry-after").parse::<u32>().unwrap() > 0);
    app.patch(&path, &json!({ "title": "x" })).await.problem(503);
    app.delete(&path).await.problem(503);
}
