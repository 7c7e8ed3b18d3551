use http_test::TestApp;
use serde_json::{Value, json};

use crate::{ann, app, create};

async fn create_with_key(app: &TestApp, key: &str, body: &Value) -> http_test::TestResponse {
    app.send_json("POST", "/api/users", &[("idempotency-key", key)], body).await
}

#[tokio::test]
async fn a_user_is_created() {
    let app = app().await;
    let body = json!({ "email": " Ann@Example.COM ", "name": "  Änn ", "username": "ann", "bio": "" });
    let response = create(&app, &body).await;
    let user = response.json();
    let id = user["userId"].as_str().unwrap();
    assert_eq!(response.header("location"), format!("/api/users/{id}"));
    assert_eq!(response.header("content-type"), "application/json");
    assert!(response.header("etag").starts_with("\"1-"), "{response:?}");
    assert!(!response.headers.contains_key("idempotent-replayed"));
    assert_eq!(user["createdAt"], user["updatedAt"]);
    assert_eq!(user["createdAt"].as_str().unwrap().len(), "2024-05-01T12:00:00.000Z".len());
    let time = &user["createdAt"];
    let expected = json!({
        "userId": id, "email": "ann@example.com", "name": "Änn", "username": "ann", "bio": "",
        "createdAt": time, "updatedAt": time, "version": 1,
    });
    assert_eq!(user, expected);
    assert_eq!(app.get(response.header("location")).await.json(), user);
}

#[tokio::test]
async fn absent_and_null_optional_attributes_are_left_out() {
    let app = app().await;
    let user = create(&app, &json!({ "email": "a@b.c", "name": "A", "username": null })).await.json();
    assert!(user.get("username").is_none() && user.get("bio").is_none(), "{user}");
}

#[tokio::test]
async fn what_the_server_sets_is_ignored_in_a_body() {
    let app = app().await;
    let body = json!({ "email": "a@b.c", "name": "A", "userId": "mine", "version": 9, "createdAt": 7, "updatedAt": null });
    let user = create(&app, &body).await.json();
    assert_ne!(user["userId"], "mine");
    assert_eq!(user["version"], 1);
}

#[tokio::test]
async fn every_broken_rule_is_named() {
    let app = app().await;
    let response = app.post("/api/users", &json!({})).await;
    assert_eq!(response.problem(422), ["email", "name"]);
    let body = json!({ "email": "ann", "name": " ", "username": "x".repeat(51), "bio": "ä".repeat(2001) });
    assert_eq!(app.post("/api/users", &body).await.problem(422), ["bio", "email", "name", "username"]);
    let body = json!({ "email": null, "name": null });
    assert_eq!(app.post("/api/users", &body).await.problem(422), ["email", "name"]);
}

#[tokio::test]
async fn lengths_count_unicode_characters() {
    let app = app().await;
    let local = "x".repeat(64);
    let email = format!("{local}@{}.example", format!("{}.", "y".repeat(59)).repeat(3).trim_end_matches('.'));
    let body = json!({ "email": email, "name": "ä".repeat(100), "username": "ß".repeat(50), "bio": "€".repeat(2000) });
    create(&app, &body).await;
    let body = json!({ "email": "a@b.c", "name": "ä".repeat(101) });
    assert_eq!(app.post("/api/users", &body).await.problem(422), ["name"]);
    let long = format!("a@{}.example", format!("{}.", "y".repeat(60)).repeat(5).trim_end_matches('.'));
    assert_eq!(app.post("/api/users", &json!({ "email": long, "name": "A" })).await.problem(422)[0], "email");
}

#[tokio::test]
async fn an_email_belongs_to_one_user() {
    let app = app().await;
    create(&app, &ann()).await;
    let body = json!({ "email": "ANN@example.com", "name": "Other" });
    assert_eq!(app.post("/api/users", &body).await.problem(409), ["email"]);
}

#[tokio::test]
async fn unknown_fields_and_parameters_are_named() {
    let app = app().await;
    let body = json!({ "email": "a@b.c", "name": "A", "nickname": 1, "writeId": "x", "requestHash": "y", "feed": 1 });
    assert_eq!(app.post("/api/users", &body).await.problem(400), ["feed", "nickname", "requestHash", "writeId"]);
    assert_eq!(app.post("/api/users?dry=1", &ann()).await.problem(400), ["dry"]);
    app.post("/api/users?_=1&utm_source=x", &ann()).await.expect_status(201);
}

#[tokio::test]
async fn a_request_with_a_key_can_be_repeated() {
    let app = app().await;
    let first = create_with_key(&app, "k1", &ann()).await.expect_status(201);
    assert!(!first.headers.contains_key("idempotent-replayed"));
    // Another spelling of the same body.
    let again = json!({ "name": " Ann", "email": "ANN@example.com", "bio": null });
    let second = create_with_key(&app, "k1", &again).await.expect_status(201);
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(second.header("location"), first.header("location"));
    assert_eq!(second.header("etag"), first.header("etag"));
    assert_eq!(second.json(), first.json());
    assert_eq!(app.walk("/api/users").await.0.len(), 1);
}

#[tokio::test]
async fn a_replay_answers_the_item_as_it_is_now() {
    let app = app().await;
    let first = create_with_key(&app, "k", &ann()).await.expect_status(201);
    app.patch(first.header("location"), &json!({ "name": "Anna", "email": "anna@example.com" })).await.expect_status(200);
    let replayed = create_with_key(&app, "k", &ann()).await.expect_status(201);
    assert_eq!(replayed.field("name"), "Anna");
    assert_eq!(replayed.header("idempotent-replayed"), "true");
    assert!(replayed.header("etag").starts_with("\"2-"));
}

#[tokio::test]
async fn a_key_belongs_to_one_body_and_one_email() {
    let app = app().await;
    create_with_key(&app, "k", &ann()).await.expect_status(201);
    let other = json!({ "email": "ann@example.com", "name": "Bob" });
    assert_eq!(create_with_key(&app, "k", &other).await.problem(422), ["Idempotency-Key"]);
    let elsewhere = json!({ "email": "bob@example.com", "name": "Bob" });
    let response = create_with_key(&app, "k", &elsewhere).await.expect_status(201);
    assert!(!response.headers.contains_key("idempotent-replayed"));
    assert_eq!(create_with_key(&app, "k2", &ann()).await.problem(409), ["email"]);
}

#[tokio::test]
async fn a_key_lives_as_long_as_its_item() {
    let app = app().await;
    let first = create_with_key(&app, "k", &ann()).await.expect_status(201);
    app.delete(first.header("location")).await.expect_status(204);
    let second = create_with_key(&app, "k", &json!({ "email": "ann@example.com", "name": "New" })).await.expect_status(201);
    assert_eq!(second.header("location"), first.header("location"));
    assert!(!second.headers.contains_key("idempotent-replayed"));
}

#[tokio::test]
async fn the_same_request_many_times_at_once_creates_one_user() {
    let app = app().await;
    let body = ann();
    let responses = futures::future::join_all((0..20).map(|_| create_with_key(&app, "k", &body))).await;
    let replayed = responses.iter().filter(|response| response.headers.contains_key("idempotent-replayed")).count();
    assert!(responses.iter().all(|response| response.status == 201), "{responses:?}");
    assert_eq!(replayed, 19);
    assert_eq!(app.walk("/api/users").await.0.len(), 1);
}

#[tokio::test]
async fn odd_keys_are_refused() {
    let app = app().await;
    for key in ["", "a b", "ä", &"x".repeat(256)] {
        assert_eq!(create_with_key(&app, key, &ann()).await.problem(400), ["Idempotency-Key"], "{key}");
    }
    create_with_key(&app, &"!".repeat(255), &ann()).await.expect_status(201);
}

#[tokio::test]
async fn a_key_given_twice_is_refused() {
    let twice = [("idempotency-key", "a"), ("idempotency-key", "b")];
    assert_eq!(app().await.send_json("POST", "/api/users", &twice, &ann()).await.problem(400), ["Idempotency-Key"]);
}
