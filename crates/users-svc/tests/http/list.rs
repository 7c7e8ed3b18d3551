use std::collections::BTreeSet;

use http_test::TestApp;
use serde_json::{Value, json};

use crate::{app, create};

async fn with_users(count: usize) -> (TestApp, Vec<Value>) {
    let app = app().await;
    let mut users = Vec::new();
    for number in 0..count {
        let body = json!({ "email": format!("u{number}@example.com"), "name": format!("User {number}") });
        users.push(create(&app, &body).await.json());
    }
    (app, users)
}

fn id(user: &Value) -> String {
    user["userId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_empty_list_is_an_empty_array() {
    let response = app().await.get("/api/users").await.expect_status(200);
    assert_eq!(response.json(), json!([]));
    assert!(!response.headers.contains_key("link") && !response.headers.contains_key("etag"));
}

#[tokio::test]
async fn a_walk_along_the_links_sees_every_user_once() {
    let (app, users) = with_users(7).await;
    let all: BTreeSet<_> = users.iter().map(id).collect();
    for (limit, expected) in [(1, 7), (3, 3), (7, 1), (1000, 1)] {
        let (walked, pages) = app.walk(&format!("/api/users?limit={limit}&_=x")).await;
        assert_eq!((walked.len(), pages), (7, expected), "limit {limit}");
        assert_eq!(walked.iter().map(id).collect::<BTreeSet<_>>(), all);
    }
    let next = app.get("/api/users?limit=3&fields=name&utm_x=1").await.next().unwrap();
    assert!(next.starts_with("/api/users?limit=3&fields=name&cursor="), "{next}");
    assert_eq!(app.get(&next).await.json()[0].as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn the_limit_may_change_between_pages() {
    let (app, users) = with_users(5).await;
    let next = app.get("/api/users?limit=2").await.next().unwrap();
    let rest = app.get(&next.replace("limit=2", "limit=9")).await;
    assert_eq!(rest.json().as_array().unwrap().len(), users.len() - 2);
    assert_eq!(rest.next(), None);
}

#[tokio::test]
async fn a_list_has_100_users_by_default() {
    let (app, _) = with_users(101).await;
    let first = app.get("/api/users").await;
    assert_eq!(first.json().as_array().unwrap().len(), 100);
    assert_eq!(app.get(&first.next().unwrap()).await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn altered_cursors_are_refused() {
    let (app, _) = with_users(2).await;
    let next = app.get("/api/users?limit=1").await.next().unwrap();
    let flipped = if next.ends_with('A') { "B" } else { "A" };
    let altered = format!("{}{flipped}", &next[..next.len() - 1]);
    for path in [&altered, "/api/users?cursor=", "/api/users?cursor=x", "/api/users?cursor=%F0%9F%92%A9"] {
        assert_eq!(app.get(path).await.problem(400), ["cursor"], "{path}");
    }
}

#[tokio::test]
async fn a_user_is_found_by_email() {
    let (app, users) = with_users(2).await;
    assert_eq!(app.get("/api/users?email=u1@example.com").await.json(), json!([users[1]]));
    assert_eq!(app.get("/api/users?email=%20U1@Example.COM").await.json(), json!([users[1]]));
    assert_eq!(app.get("/api/users?email=u1@example.com&fields=name").await.json(), json!([{ "name": "User 1" }]));
    assert_eq!(app.get("/api/users?email=none").await.json(), json!([]));
    for email in ["", "%00", &"x".repeat(255)] {
        assert_eq!(app.get(&format!("/api/users?email={email}")).await.problem(400), ["email"]);
    }
}

#[tokio::test]
async fn users_are_found_by_ids_in_the_asked_order() {
    let (app, users) = with_users(3).await;
    let (first, last) = (id(&users[0]), id(&users[2]));
    let response = app.get(&format!("/api/users?ids={last},none,{first},{last}")).await.expect_status(200);
    assert_eq!(response.json(), json!([users[2], users[0]]));
    let named = app.get(&format!("/api/users?ids={first}&fields=name")).await;
    assert_eq!(named.json(), json!([{ "name": "User 0" }]));
    let many = |count: usize| (0..count).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    app.get(&format!("/api/users?ids={}", many(100))).await.expect_status(200);
    for ids in ["", ",%20,", "a%20b", "a;b", "health", &many(101)] {
        assert_eq!(app.get(&format!("/api/users?ids={ids}")).await.problem(400), ["ids"], "{ids}");
    }
}

#[tokio::test]
async fn parameters_that_exclude_each_other_are_refused() {
    let app = app().await;
    for (query, field) in
        [("ids=a&limit=1", "ids"), ("ids=a&cursor=x", "ids"), ("ids=a&email=b", "ids"), ("email=a&limit=1", "email")]
    {
        assert_eq!(app.get(&format!("/api/users?{query}")).await.problem(400), [field], "{query}");
    }
}

#[tokio::test]
async fn odd_parameters_are_refused() {
    let app = app().await;
    for (query, fields) in [
        ("limit=0", vec!["limit"]),
        ("limit=1001", vec!["limit"]),
        ("limit=-1", vec!["limit"]),
        ("limit=1.5", vec!["limit"]),
        ("limit=", vec!["limit"]),
        ("order=asc", vec!["order"]),
        ("a=1&b=2&limit=x", vec!["a", "b", "limit"]),
        ("limit=1&limit=2", vec!["limit"]),
        ("fields=x", vec!["fields"]),
        ("%FF", vec![]),
    ] {
        assert_eq!(app.get(&format!("/api/users?{query}")).await.problem(400), fields, "{query}");
    }
}

#[tokio::test]
async fn a_plus_in_an_address_need_not_be_escaped() {
    let app = app().await;
    for email in ["pat+news@example.com", "+pat@example.com", "p+a+t@example.com"] {
        create(&app, &json!({ "email": email, "name": "Pat" })).await;
        for query in [email.to_owned(), email.replace('+', "%2B"), format!("%20{email}%20"), email.to_uppercase()] {
            let found = app.get(&format!("/api/users?email={query}")).await.expect_status(200).json();
            assert_eq!(found[0]["email"], email, "{query}");
        }
    }
}

#[tokio::test]
async fn lists_may_be_repeated_parameters() {
    let app = app().await;
    let mut ids = Vec::new();
    for name in ["a", "b"] {
        ids.push(
            create(&app, &json!({ "email": format!("{name}@b.c"), "name": name }))
                .await
                .field("userId")
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    let (a, b) = (&ids[0], &ids[1]);
    let expected = app.get(&format!("/api/users?ids={a},{b}&fields=name,userId")).await.expect_status(200).json();
    for query in [
        format!("ids={a}&ids={b}&fields=name&fields=userId"),
        format!("fields=userId&ids={a},&ids=,%20{b}&fields=+name,"),
        format!("ids={a}&_=1&ids={b},{a}&fields=name,,userId"),
    ] {
        assert_eq!(app.get(&format!("/api/users?{query}")).await.expect_status(200).json(), expected, "{query}");
    }
    let response = app.get(&format!("/api/users?ids[]={a}&ids[]={b}")).await;
    assert_eq!(response.problem(400), ["ids[]"]);
    assert_eq!(response.json()["errors"][0]["message"], "is not a parameter of this route");
    for query in ["limit=1&limit=1", "email=a@b.c&email=a@b.c"] {
        let response = app.get(&format!("/api/users?{query}")).await;
        response.problem(400);
        assert_eq!(response.json()["errors"][0]["message"], "was given more than once");
    }
}
