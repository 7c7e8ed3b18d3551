use std::time::Duration;

use db_adapter::forum::post;
use db_adapter::{Scan, Segment};
use http_kit::layers::Behaviour;
use http_test::{TestApp, behaviour};
use serde_json::json;

use crate::{app, create, created, store_post};

async fn posts(app: &TestApp) -> usize {
    let all = Scan { segment: Some(Segment { number: 0, of: 1 }), ..Scan::new(1000) };
    app.store.scan(&post::TABLE, &all).await.unwrap().items.len()
}

#[tokio::test]
async fn a_thread_is_deleted_once() {
    let app = app().await;
    let path = created(&app, "T").await;
    assert!(app.delete(&path).await.expect_status(204).body.is_empty());
    app.get(&path).await.problem(404);
    app.delete(&path).await.problem(404);
    app.delete(&format!("{path}?cascade=true")).await.problem(404);
}

#[tokio::test]
async fn a_thread_with_posts_stays() {
    let app = app().await;
    let path = created(&app, "T").await;
    store_post(&app, "p1", &path).await;
    app.delete(&path).await.problem(409);
    app.delete(&format!("{path}?cascade=false")).await.problem(409);
    app.get(&path).await.expect_status(200);
    assert_eq!(posts(&app).await, 1);
}

#[tokio::test]
async fn with_cascade_its_posts_go_too_and_no_others() {
    let app = app().await;
    let (path, other) = (created(&app, "T").await, created(&app, "Other").await);
    for number in 0..230 {
        store_post(&app, &format!("p{number}"), &path).await;
    }
    store_post(&app, "other", &other).await;
    app.delete(&format!("{path}?cascade=true")).await.expect_status(204);
    app.get(&path).await.problem(404);
    app.get(&other).await.expect_status(200);
    assert_eq!(posts(&app).await, 1);
}

#[tokio::test]
async fn a_cascade_that_runs_out_of_time_can_be_repeated() {
    // Less time than a round may take: nothing is begun.
    let hurried = Behaviour { timeout: Duration::from_millis(400), ..behaviour() };
    let app = TestApp::behaving(vec![threads_svc::service()], &hurried).await;
    let path = created(&app, "T").await;
    store_post(&app, "p1", &path).await;
    let response = app.delete(&format!("{path}?cascade=true")).await;
    response.problem(503);
    assert_eq!(response.header("retry-after"), "1");
    app.get(&path).await.expect_status(200);
}

#[tokio::test]
async fn a_stale_condition_deletes_nothing() {
    let app = app().await;
    let new = create(&app, &json!({ "title": "T" })).await;
    let (path, tag) = (new.header("location").to_owned(), new.header("etag").to_owned());
    app.patch(&path, &json!({ "title": "U" })).await.expect_status(200);
    store_post(&app, "p1", &path).await;
    for query in ["", "?cascade=true"] {
        app.call("DELETE", &format!("{path}{query}"), &[("if-match", &tag)]).await.problem(412);
    }
    assert_eq!(posts(&app).await, 1);
    let fresh = app.get(&path).await.header("etag").to_owned();
    app.call("DELETE", &format!("{path}?cascade=true"), &[("if-match", &fresh)]).await.expect_status(204);
}

#[tokio::test]
async fn posts_of_no_thread_are_not_in_the_way_of_404() {
    let app = app().await;
    store_post(&app, "p1", "/api/threads/gone").await;
    for query in ["", "?cascade=true"] {
        app.delete(&format!("/api/threads/gone{query}")).await.problem(404);
    }
    assert_eq!(posts(&app).await, 1);
}

#[tokio::test]
async fn odd_parameters_are_refused() {
    let app = app().await;
    let path = created(&app, "T").await;
    for query in ["cascade=yes", "cascade=", "cascade=true&cascade=true", "force=true"] {
        app.delete(&format!("{path}?{query}")).await.problem(400);
    }
    app.get(&path).await.expect_status(200);
}
