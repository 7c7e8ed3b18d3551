use http_test::TestApp;
use serde_json::{Value, json};

use crate::{app, attributes, created};

/// Threads `t0`, `t1`, ... one second apart.
async fn with_threads(count: usize) -> TestApp {
    let app = app().await;
    for number in 0..count {
        let time = format!("2026-01-01T00:00:{number:02}.000Z");
        let thread = json!({ "threadId": format!("t{number}"), "title": "T", "createdAt": time, "updatedAt": time });
        app.store.create(&db_adapter::forum::thread::TABLE, attributes(&thread)).await.unwrap();
    }
    app
}

fn ids(threads: &Value) -> Vec<&str> {
    threads.as_array().unwrap().iter().map(|thread| thread["threadId"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_newest_come_first_unless_asked_otherwise() {
    let app = with_threads(3).await;
    assert_eq!(ids(&app.get("/api/threads").await.json()), ["t2", "t1", "t0"]);
    assert_eq!(ids(&app.get("/api/threads?order=desc").await.json()), ["t2", "t1", "t0"]);
    assert_eq!(ids(&app.get("/api/threads?order=asc").await.json()), ["t0", "t1", "t2"]);
}

#[tokio::test]
async fn a_range_includes_from_and_excludes_to() {
    let app = with_threads(5).await;
    let list = async |query: &str| {
        let response = app.get(&format!("/api/threads?{query}")).await.expect_status(200);
        ids(&response.json()).join(" ")
    };
    assert_eq!(list("from=2026-01-01T00:00:01Z&to=2026-01-01T00:00:03Z").await, "t2 t1");
    assert_eq!(list("from=2026-01-01T02:00:03%2B02:00").await, "t4 t3");
    assert_eq!(list("to=2026-01-01T00:00:01Z&order=asc").await, "t0");
}

#[tokio::test]
async fn a_walk_along_the_links_sees_every_thread_once_in_order() {
    let app = with_threads(7).await;
    for (limit, pages) in [(1, 7), (3, 3), (7, 1)] {
        let (walked, count) = app.walk(&format!("/api/threads?limit={limit}&from=2026-01-01T00:00:00Z")).await;
        assert_eq!((ids(&Value::from(walked)), count), (vec!["t6", "t5", "t4", "t3", "t2", "t1", "t0"], pages));
    }
    let next = app.get("/api/threads?limit=2&fields=title").await.next().unwrap();
    assert_eq!(app.get(&next).await.json(), json!([{ "title": "T" }, { "title": "T" }]));
}

#[tokio::test]
async fn ids_answer_in_the_asked_order() {
    let app = with_threads(3).await;
    assert_eq!(ids(&app.get("/api/threads?ids=t2,none,t0,t2").await.json()), ["t2", "t0"]);
    assert_eq!(app.get("/api/threads?ids=t1&fields=threadId").await.json(), json!([{ "threadId": "t1" }]));
}

#[tokio::test]
async fn odd_parameters_are_refused_by_name() {
    let app = with_threads(3).await;
    let cursor = app.get("/api/threads?limit=1").await.next().unwrap().split_once("cursor=").unwrap().1.to_owned();
    for (query, named) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("order=newest", "order"),
        ("from=yesterday", "from"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
        ("from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
        ("cursor=x", "cursor"),
        (&format!("order=asc&cursor={cursor}"), "cursor"),
        (&format!("cursor={}", cursor.to_lowercase()), "cursor"),
        ("ids=t1&limit=2", "ids"),
        ("ids=t1&order=asc", "ids"),
        ("ids=,", "ids"),
        ("_sort=title&_order=asc", "_sort"),
        ("limit=2&_page=2", "_page"),
        ("fields=feed", "fields"),
        ("page=2", "page"),
    ] {
        assert_eq!(app.get(&format!("/api/threads?{query}")).await.problem(400), [named], "{query}");
    }
}

#[tokio::test]
async fn a_new_thread_is_the_first() {
    let app = with_threads(2).await;
    let path = created(&app, "New").await;
    let listed = app.get("/api/threads").await.json();
    assert_eq!(format!("/api/threads/{}", ids(&listed)[0]), path);
}
