//! Tokens that are not taken, on every route.

use http_test::SigningKey;
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Value, json};

use crate::Forum;

/// A route of every kind.
const ROUTES: [(&str, &str); 22] = [
    ("GET", "/api/users"),
    ("POST", "/api/users"),
    ("GET", "/api/users/ann"),
    ("PUT", "/api/users/ann"),
    ("PATCH", "/api/users/ann"),
    ("DELETE", "/api/users/ann"),
    ("GET", "/api/threads"),
    ("POST", "/api/threads"),
    ("GET", "/api/threads/t1"),
    ("PUT", "/api/threads/t1"),
    ("PATCH", "/api/threads/t1"),
    ("DELETE", "/api/threads/t1"),
    ("GET", "/api/posts"),
    ("POST", "/api/posts"),
    ("GET", "/api/posts/p1"),
    ("PUT", "/api/posts/p1"),
    ("PATCH", "/api/posts/p1"),
    ("DELETE", "/api/posts/p1"),
    ("POST", "/api/reports"),
    ("GET", "/api/moderation/reports"),
    ("GET", "/api/moderation/log"),
    ("POST", "/api/moderation/actions"),
];

async fn refused(forum: &Forum, what: &str, authorization: &str) {
    for (method, path) in ROUTES {
        let body = matches!(method, "POST" | "PUT" | "PATCH").then(|| json!({}));
        let headers = [("authorization", authorization)];
        let response = match body {
            Some(body) => forum.app.send_json(method, path, &headers, &body).await,
            None => forum.app.call(method, path, &headers).await,
        };
        assert_eq!(response.status, 401, "{what}: {method} {path}");
        let challenge = response.header("www-authenticate");
        assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{what}: {challenge}");
        assert!(!String::from_utf8_lossy(&response.body).contains("eyJ"), "{what}: no response repeats a token");
    }
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

fn without(claims: &Value, name: &str) -> Value {
    let mut claims = claims.clone();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[tokio::test]
async fn a_token_that_is_not_valid_is_401_on_every_route() {
    let forum = Forum::new().await;
    forum.populate().await;
    let claims = forum.issuer.claims("ann");
    let (now, key) = (claims["iat"].as_i64().unwrap(), &forum.key);
    let mut faulty = vec![
        ("expired", key.sign(&with(&claims, "exp", json!(now - 90)))),
        ("without exp", key.sign(&without(&claims, "exp"))),
        ("not yet valid", key.sign(&with(&claims, "nbf", json!(now + 90)))),
        ("of another issuer", key.sign(&with(&claims, "iss", json!("https://other.example")))),
        ("of nobody", key.sign(&without(&claims, "iss"))),
        ("for somebody else", key.sign(&with(&claims, "aud", json!("billing")))),
        ("for others", key.sign(&with(&claims, "aud", json!(["billing", "mail"])))),
        ("for nobody", key.sign(&without(&claims, "aud"))),
        ("without subject", key.sign(&without(&claims, "sub"))),
        ("with an empty subject", key.sign(&with(&claims, "sub", json!("")))),
        ("whose subject is no id", key.sign(&with(&claims, "sub", json!("../bob")))),
        ("an ID token by token_use", key.sign(&with(&claims, "token_use", json!("id")))),
        ("an ID token by typ", key.sign(&with(&claims, "typ", json!("ID")))),
        ("an ID token by at_hash", key.sign(&with(&claims, "at_hash", json!("x")))),
        ("of an unknown key", SigningKey::new("second", Algorithm::ES256).sign(&claims)),
        ("of another key of that name", SigningKey::new("first", Algorithm::ES256).sign(&claims)),
        ("of a key of another kind", SigningKey::new("first", Algorithm::RS256).sign(&claims)),
        ("without kid", key.sign_with(&Header::new(Algorithm::ES256), &claims)),
        ("altered", tampered(&key.sign(&claims))),
        ("cut", key.sign(&claims)[..80].to_owned()),
        ("not a token", "abc".to_owned()),
        ("three dots", "a.b.c".to_owned()),
        ("alg none", unsigned(r#"{"alg":"none","kid":"first"}"#, &claims)),
        ("alg None", unsigned(r#"{"alg":"None","kid":"first"}"#, &claims)),
        ("no alg", unsigned(r#"{"kid":"first"}"#, &claims)),
        ("HS256 with the public key", forged(&forum, &claims)),
    ];
    let crit = Header { kid: Some("first".to_owned()), crit: Some(vec!["exp".to_owned()]), ..Header::new(Algorithm::ES256) };
    faulty.push(("with an unknown crit", key.sign_with(&crit, &claims)));
    for (what, token) in faulty {
        refused(&forum, what, &format!("Bearer {token}")).await;
    }
    for authorization in ["Bearer", "Bearer ", "Basic YTpi", "Token x", &forum.token("ann")] {
        refused(&forum, authorization, authorization).await;
    }
    assert_eq!(forum.app.get("/api/users/ann").await.expect_status(200).json()["name"], "Ann", "and nothing was written");
}

fn tampered(token: &str) -> String {
    let parts: Vec<_> = token.split('.').collect();
    // Another payload under the same signature.
    format!("{}.{}.{}", parts[0], base64(br#"{"sub":"bob"}"#), parts[2])
}

fn unsigned(header: &str, claims: &Value) -> String {
    format!("{}.{}.", base64(header.as_bytes()), base64(claims.to_string().as_bytes()))
}

/// What a library would take that lets the token choose how it is checked.
fn forged(forum: &Forum, claims: &Value) -> String {
    let header = Header { kid: Some("first".to_owned()), ..Header::new(Algorithm::HS256) };
    let public = forum.key.public().to_string();
    jsonwebtoken::encode(&header, claims, &jsonwebtoken::EncodingKey::from_secret(public.as_bytes()).unwrap()).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().chain([&0, &0]).take(3).fold(0_usize, |group, byte| group << 8 | usize::from(*byte));
        for at in 0..=chunk.len() {
            text.push(char::from(ALPHABET[group >> (18 - 6 * at) & 63]));
        }
    }
    text
}

#[tokio::test]
async fn two_tokens_are_none() {
    let forum = Forum::new().await;
    let token = format!("Bearer {}", forum.token("ann"));
    let response = forum.app.call("GET", "/api/users", &[("authorization", &token), ("authorization", &token)]).await;
    response.expect_status(401);
}

#[tokio::test]
async fn without_a_token_everybody_reads_and_nobody_writes() {
    let forum = Forum::new().await;
    forum.populate().await;
    for (method, path) in ROUTES {
        let body = matches!(method, "POST" | "PUT" | "PATCH").then(|| json!({}));
        let response = forum.send(method, path, None, body).await;
        let for_all = method == "GET" && !path.starts_with("/api/moderation");
        assert_eq!(response.status, if for_all { 200 } else { 401 }, "{method} {path}");
        if !for_all {
            assert_eq!(response.header("www-authenticate"), "Bearer");
        }
    }
}

#[tokio::test]
async fn reading_needs_a_token_where_it_is_set_so() {
    let forum = Forum::with(&["--auth-user-id-claim", "sub", "--auth-required-reads", "true"]).await;
    forum.populate().await;
    forum.app.get("/api/users").await.expect_status(401);
    let token = forum.token("ann");
    forum.send("GET", "/api/users", Some(&token), None).await.expect_status(200);
    forum.app.get("/api/users/health").await.expect_status(200);
    forum.app.get("/health").await.expect_status(200);
}

#[tokio::test]
async fn every_allowed_algorithm_signs() {
    let forum = Forum::new().await;
    forum.populate().await;
    let keys = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]
        .map(|algorithm| SigningKey::new(&format!("{algorithm:?}"), algorithm));
    forum.issuer.publish(&keys.iter().collect::<Vec<_>>());
    for key in &keys {
        let token = key.sign(&forum.issuer.claims("ann"));
        forum.send("PATCH", "/api/users/ann", Some(&token), Some(json!({ "bio": key.kid }))).await.expect_status(200);
    }
}

#[tokio::test]
async fn clocks_may_differ_by_the_leeway() {
    let forum = Forum::new().await;
    forum.populate().await;
    let claims = forum.issuer.claims("ann");
    let now = claims["iat"].as_i64().unwrap();
    for claims in [with(&claims, "exp", json!(now - 30)), with(&claims, "nbf", json!(now + 30))] {
        let token = forum.key.sign(&claims);
        forum.send("GET", "/api/users", Some(&token), None).await.expect_status(200);
    }
}

#[tokio::test]
async fn a_token_of_cognito_says_its_client_in_place_of_an_audience() {
    let forum = Forum::with(&["--auth-user-id-claim", "sub", "--auth-client-ids", "page,app"]).await;
    forum.populate().await;
    let claims = without(&forum.issuer.claims("ann"), "aud");
    let access = with(&with(&claims, "client_id", json!("app")), "token_use", json!("access"));
    forum.send("GET", "/api/users", Some(&forum.key.sign(&access)), None).await.expect_status(200);
    let id = with(&with(&access, "token_use", json!("id")), "aud", json!("app"));
    let other = with(&access, "client_id", json!("other"));
    for claims in [id, other, without(&access, "token_use"), without(&access, "client_id")] {
        refused(&forum, &claims.to_string(), &format!("Bearer {}", forum.key.sign(&claims))).await;
    }
}
