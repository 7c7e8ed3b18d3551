//! Keys that change, and an issuer that is not there.

use std::time::Duration;

use http_test::{Issuer, SigningKey};
use jsonwebtoken::Algorithm;
use serde_json::json;
use tokio::time::advance;

use crate::{Forum, app};

async fn status(forum: &Forum, key: &SigningKey) -> u16 {
    let token = key.sign(&forum.issuer.claims("ann"));
    forum.send("GET", "/api/users", Some(&token), None).await.status.as_u16()
}

/// Time that stands still while requests wait for a socket would end their deadlines.
async fn later(duration: Duration) {
    tokio::time::pause();
    advance(duration).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_new_key_is_taken_at_once_and_an_old_one_no_longer() {
    let forum = Forum::new().await;
    let second = SigningKey::new("second", Algorithm::ES256);
    assert_eq!(status(&forum, &forum.key).await, 200);
    forum.issuer.publish(&[&forum.key, &second]);
    // The first token of a new key is what makes it known; an earlier fetch was a moment ago.
    assert_eq!(status(&forum, &second).await, 401);
    later(Duration::from_secs(10)).await;
    assert_eq!((status(&forum, &second).await, status(&forum, &forum.key).await), (200, 200));
    forum.issuer.publish(&[&second]);
    later(Duration::from_secs(10)).await;
    assert_eq!(status(&forum, &SigningKey::new("third", Algorithm::ES256)).await, 401);
    assert_eq!((status(&forum, &second).await, status(&forum, &forum.key).await), (200, 401));
}

/// Its signature is checked once.
#[tokio::test]
async fn a_token_that_was_valid_is_refused_without_its_key_and_after_a_day_without_keys() {
    let forum = Forum::new().await;
    let token = forum.token("ann");
    let status = async || forum.send("GET", "/api/users", Some(&token), None).await.status.as_u16();
    let another =
        async || forum.send("GET", "/api/users", Some(&SigningKey::new("x", Algorithm::ES256).sign(&json!({}))), None).await;
    assert_eq!((status().await, status().await), (200, 200));
    // The same key, fetched anew.
    later(Duration::from_secs(10)).await;
    another().await.expect_status(401);
    assert_eq!((forum.issuer.fetches(), status().await), (2, 200));
    forum.issuer.publish(&[]);
    later(Duration::from_secs(10)).await;
    another().await.expect_status(401);
    assert_eq!(status().await, 401);
    forum.issuer.publish(&[&forum.key]);
    later(Duration::from_secs(10)).await;
    assert_eq!((status().await, status().await), (200, 200));
    forum.issuer.set_down(true);
    later(Duration::from_secs(24 * 3600)).await;
    assert_eq!(status().await, 503);
}

#[tokio::test]
async fn a_token_that_was_valid_is_refused_once_it_has_expired() {
    let forum = Forum::with(&["--auth-leeway-seconds", "0"]).await;
    let mut claims = forum.issuer.claims("ann");
    // The least that outlasts the first request.
    claims["exp"] = json!(chrono::Utc::now().timestamp() + 2);
    let token = forum.key.sign(&claims);
    let status = async || forum.send("GET", "/api/users", Some(&token), None).await.status.as_u16();
    assert_eq!((status().await, status().await), (200, 200));
    let expires = claims["exp"].as_i64().unwrap();
    loop {
        let before = chrono::Utc::now().timestamp();
        match status().await {
            200 => assert!(before <= expires, "it is still taken"),
            refused => break assert_eq!(refused, 401),
        }
    }
}

#[tokio::test]
async fn a_flood_of_unknown_keys_fetches_once_in_ten_seconds() {
    let forum = Forum::new().await;
    for round in 1..=3 {
        for at in 0..50 {
            let key = SigningKey::new(&format!("unknown-{round}-{at}"), Algorithm::EdDSA);
            assert_eq!(status(&forum, &key).await, 401);
        }
        assert_eq!(forum.issuer.fetches(), round);
        later(Duration::from_secs(10)).await;
    }
}

#[tokio::test]
async fn requests_at_once_share_one_fetch() {
    let forum = Forum::new().await;
    let token = forum.token("ann");
    let requests = (0..20).map(|_| forum.send("GET", "/api/users", Some(&token), None));
    for response in futures::future::join_all(requests).await {
        response.expect_status(200);
    }
    assert_eq!(forum.issuer.fetches(), 1);
}

#[tokio::test]
async fn an_issuer_that_is_down_at_the_start_is_503_for_tokens_and_readiness_only() {
    let forum = Forum::new().await;
    forum.issuer.set_down(true);
    assert_eq!(status(&forum, &forum.key).await, 503);
    forum.app.get("/api/users").await.expect_status(200);
    let readiness = forum.app.get("/api/users/health").await.expect_status(503).json();
    assert!(readiness["identity"].as_str().unwrap().contains("keys"), "{readiness}");
    forum.issuer.set_down(false);
    later(Duration::from_secs(10)).await;
    assert_eq!(status(&forum, &forum.key).await, 200);
    forum.app.get("/api/users/health").await.expect_status(200);
}

#[tokio::test]
async fn old_keys_serve_for_a_day_while_the_issuer_is_down() {
    let forum = Forum::new().await;
    assert_eq!(status(&forum, &forum.key).await, 200);
    forum.issuer.set_down(true);
    later(Duration::from_secs(23 * 3600)).await;
    assert_eq!(status(&forum, &forum.key).await, 200);
    forum.app.get("/api/users/health").await.expect_status(200);
    later(Duration::from_secs(3600)).await;
    assert_eq!(status(&forum, &forum.key).await, 503);
    forum.app.get("/api/users/health").await.expect_status(503);
}

#[tokio::test]
async fn a_document_of_another_issuer_is_not_taken() {
    let forum = Forum::new().await;
    forum.issuer.pretend("https://other.example");
    assert_eq!(status(&forum, &forum.key).await, 503);
}

#[tokio::test]
async fn keys_of_unknown_kinds_do_not_hide_the_others() {
    let forum = Forum::new().await;
    let for_encryption = {
        let mut key = SigningKey::new("enc", Algorithm::RS256).public();
        key["use"] = json!("enc");
        key
    };
    let odd = json!({ "kty": "PQC", "kid": "new", "x": 7 });
    forum.issuer.publish_raw(vec![odd, json!("text"), for_encryption, forum.key.public()]);
    assert_eq!(status(&forum, &forum.key).await, 200);
}

#[tokio::test]
async fn keys_are_found_without_discovery() {
    let key = SigningKey::new("first", Algorithm::ES256);
    let issuer = Issuer::start(&[&key]).await;
    let keys = format!("{}/keys", issuer.url);
    let app = app(issuer.auth(&["--auth-jwks-url", &keys])).await;
    issuer.pretend("https://other.example");
    let bearer = format!("Bearer {}", key.sign(&issuer.claims("ann")));
    app.call("GET", "/api/users", &[("authorization", &bearer)]).await.expect_status(200);
}
