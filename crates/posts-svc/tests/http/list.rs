use std::collections::BTreeSet;

use http_test::TestApp;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{app, create, hello, load_post};

/// Posts 1 to `count` on as many days of January; odd ones in t1, even ones in t2; u1 wrote 1 to 3, u2 the others.
async fn with_posts(count: usize) -> TestApp {
    let app = app().await;
    for day in 1..=count {
        let (thread_id, user_id) = (if day % 2 == 1 { "t1" } else { "t2" }, if day <= 3 { "u1" } else { "u2" });
        load_post(&app, &day.to_string(), thread_id, user_id, &format!("2024-01-{day:02}T00:00:00.000Z")).await;
    }
    app
}

fn ids(posts: &[Value]) -> Vec<&str> {
    posts.iter().map(|post| post["postId"].as_str().unwrap()).collect()
}

async fn listed(app: &TestApp, path: &str) -> Vec<String> {
    let (posts, _) = app.walk(path).await;
    ids(&posts).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn an_empty_list_is_an_empty_array() {
    let app = app().await;
    for list in ["", "?threadId=none", "?userId=none", "/in-thread/none", "/by-user/none", "/in-thread/t1"] {
        let response = app.get(&format!("/api/posts{list}")).await.expect_status(200);
        assert_eq!(response.json(), json!([]));
        assert!(!response.headers.contains_key("link") && !response.headers.contains_key("etag"));
    }
}

#[rstest]
#[case("/api/posts/in-thread/t1", &["1", "3", "5", "7"])]
#[case("/api/posts/in-thread/t1?order=asc", &["1", "3", "5", "7"])]
#[case("/api/posts/in-thread/t1?order=desc", &["7", "5", "3", "1"])]
#[case("/api/posts/in-thread/t1?limit=1", &["1", "3", "5", "7"])]
#[case("/api/posts/in-thread/t1?limit=3&order=desc", &["7", "5", "3", "1"])]
#[case("/api/posts/in-thread/t1?from=2024-01-03T00:00:00Z", &["3", "5", "7"])]
#[case("/api/posts/in-thread/t1?to=2024-01-05T00:00:00Z&limit=1", &["1", "3"])]
#[case("/api/posts/in-thread/t1?from=2024-01-03T01:00:00%2B01:00&to=2024-01-05T00:00:00.0001Z", &["3", "5"])]
#[case("/api/posts/in-thread/t1?from=2025-01-01T00:00:00Z", &[])]
#[case("/api/posts/by-user/u2", &["7", "6", "5", "4"])]
#[case("/api/posts/by-user/u2?order=asc&limit=2", &["4", "5", "6", "7"])]
#[case("/api/posts/by-user/u2?from=2024-01-05T00:00:00Z&to=2024-01-07T00:00:00Z&limit=1", &["6", "5"])]
#[tokio::test]
async fn posts_are_listed_in_order_of_time(#[case] path: &str, #[case] expected: &[&str]) {
    let app = with_posts(7).await;
    assert_eq!(listed(&app, path).await, expected);
}

#[rstest]
#[case("threadId=t1", "in-thread/t1")]
#[case("userId=u2", "by-user/u2")]
#[tokio::test]
async fn a_parameter_and_a_path_are_the_same_list(#[case] parameter: &str, #[case] path: &str) {
    let app = with_posts(7).await;
    for query in ["", "&order=asc", "&order=desc&limit=2", "&from=2024-01-03T00:00:00Z", "&to=2024-01-06T00:00:00Z&limit=1"] {
        let by_parameter = app.get(&format!("/api/posts?{parameter}{query}")).await.expect_status(200);
        let by_path = app.get(&format!("/api/posts/{path}?{}", query.trim_start_matches('&'))).await.expect_status(200);
        assert_eq!(by_parameter.body, by_path.body);
        let cursor = |next: Option<String>| next.map(|next| next.split_once("cursor=").unwrap().1.to_owned());
        assert_eq!(cursor(by_parameter.next()), cursor(by_path.next()));
        if let (Some(next), Some(other)) = (by_parameter.next(), by_path.next()) {
            assert!(next.starts_with(&format!("/api/posts?{parameter}")), "{next}");
            assert!(other.starts_with(&format!("/api/posts/{path}?")), "{other}");
            assert_eq!(app.get(&next).await.expect_status(200).body, app.get(&other).await.expect_status(200).body);
        }
    }
}

#[tokio::test]
async fn a_walk_along_the_links_sees_every_post_once() {
    let app = with_posts(7).await;
    let all: BTreeSet<_> = (1..=7).map(|id| id.to_string()).collect();
    for (limit, expected) in [(1, 7), (3, 3), (7, 1), (1000, 1)] {
        let (walked, pages) = app.walk(&format!("/api/posts?limit={limit}&_=x")).await;
        assert_eq!((walked.len(), pages), (7, expected), "limit {limit}");
        assert_eq!(ids(&walked).into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), all);
    }
}

#[tokio::test]
async fn posts_of_the_same_time_are_listed_once_each() {
    let app = app().await;
    for id in ["a", "b", "c", "d", "e"] {
        load_post(&app, id, "t1", "u1", "2024-01-01T00:00:00.000Z").await;
    }
    for list in ["in-thread/t1", "by-user/u1"] {
        for order in ["asc", "desc"] {
            let mut walked = listed(&app, &format!("/api/posts/{list}?limit=2&order={order}")).await;
            walked.sort();
            assert_eq!(walked, ["a", "b", "c", "d", "e"]);
        }
    }
}

#[tokio::test]
async fn a_new_post_is_in_its_lists() {
    let app = with_posts(1).await;
    let post = create(&app, &hello()).await.json();
    let mut seen = app.get("/api/posts/in-thread/t1").await.json();
    assert_eq!(seen[1].take(), post);
    assert_eq!(app.get("/api/posts/by-user/u1?limit=1").await.json(), json!([post]));
    assert_eq!(app.get("/api/posts/in-thread/t2").await.json(), json!([]));
}

#[tokio::test]
async fn a_list_has_100_posts_by_default() {
    let app = app().await;
    for id in 0..101 {
        load_post(&app, &format!("p{id}"), "t1", "u1", "2024-01-01T00:00:00.000Z").await;
    }
    for list in ["", "/in-thread/t1", "/by-user/u1"] {
        let first = app.get(&format!("/api/posts{list}")).await;
        assert_eq!(first.json().as_array().unwrap().len(), 100);
        assert_eq!(app.get(&first.next().unwrap()).await.json().as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn some_fields_are_listed() {
    let app = with_posts(7).await;
    for list in ["/in-thread/t1?", "/by-user/u1?", "?userId=u1&", "?"] {
        let response = app.get(&format!("/api/posts{list}fields=content&limit=1")).await.expect_status(200);
        assert_eq!(response.json(), json!([{ "content": "Old" }]));
        assert_eq!(app.get(&response.next().unwrap()).await.expect_status(200).json(), json!([{ "content": "Old" }]));
        assert_eq!(app.get(&format!("/api/posts{list}fields=text")).await.problem(400), ["fields"]);
    }
}

#[tokio::test]
async fn the_limit_may_change_between_pages() {
    let app = with_posts(7).await;
    let next = app.get("/api/posts/in-thread/t1?limit=1").await.next().unwrap();
    let rest = app.get(&next.replace("limit=1", "limit=9")).await;
    assert_eq!(ids(rest.json().as_array().unwrap()), ["3", "5", "7"]);
    assert_eq!(rest.next(), None);
}

#[tokio::test]
async fn altered_and_foreign_cursors_are_refused() {
    let app = with_posts(7).await;
    let next = app.get("/api/posts/in-thread/t1?limit=1").await.next().unwrap();
    let cursor = next.split_once("cursor=").unwrap().1;
    let flipped = if cursor.ends_with('A') { "B" } else { "A" };
    let altered = format!("{}{flipped}", &cursor[..cursor.len() - 1]);
    for (list, cursor) in [
        ("/in-thread/t1?", altered.as_str()),
        ("/in-thread/t1?", ""),
        ("/in-thread/t1?", "%F0%9F%92%A9"),
        ("/in-thread/t2?", cursor),
        ("/by-user/u1?", cursor),
        ("?", cursor),
        ("?userId=u1&", cursor),
        ("/in-thread/t1?order=desc&", cursor),
        ("/in-thread/t1?from=2024-01-01T00:00:00Z&", cursor),
    ] {
        assert_eq!(app.get(&format!("/api/posts{list}cursor={cursor}")).await.problem(400), ["cursor"], "{list} {cursor}");
    }
}

#[tokio::test]
async fn parameters_that_exclude_or_need_others_are_refused() {
    let app = app().await;
    let time = "2024-01-01T00:00:00Z";
    for (query, field) in [
        ("threadId=t1&userId=u1".to_owned(), "threadId"),
        ("order=asc".to_owned(), "order"),
        (format!("from={time}"), "from"),
        (format!("to={time}&limit=1"), "to"),
        (format!("threadId=t1&from={time}&to={time}"), "from"),
    ] {
        assert_eq!(app.get(&format!("/api/posts?{query}")).await.problem(400), [field], "{query}");
    }
}

#[rstest]
#[case("limit=0", &["limit"])]
#[case("limit=1001", &["limit"])]
#[case("limit=x", &["limit"])]
#[case("limit=1&limit=2", &["limit"])]
#[case("order=up", &["order"])]
#[case("order=", &["order"])]
#[case("from=yesterday", &["from"])]
#[case("to=2024-01-01", &["to"])]
#[case("ids=1", &["ids"])]
#[case("a=1&b=2&order=x", &["a", "b", "order"])]
#[case("fields=x", &["fields"])]
#[case("%FF", &[])]
#[tokio::test]
async fn odd_parameters_are_refused(#[case] query: &str, #[case] fields: &[&str]) {
    let app = app().await;
    for list in ["?", "?threadId=t1&", "/in-thread/t1?", "/by-user/u1?"] {
        assert_eq!(app.get(&format!("/api/posts{list}{query}")).await.problem(400), fields, "{list}");
    }
}

#[tokio::test]
async fn odd_ids_are_400_in_a_parameter() {
    let app = app().await;
    for name in ["threadId", "userId"] {
        for id in ["", "a%20b", "health", "a,b", &"x".repeat(65)] {
            assert_eq!(app.get(&format!("/api/posts?{name}={id}")).await.problem(400), [name], "{id}");
        }
    }
    for (list, name) in [("/in-thread/t1", "threadId"), ("/by-user/u1", "userId")] {
        assert_eq!(app.get(&format!("/api/posts{list}?{name}=x")).await.problem(400), [name]);
    }
}
