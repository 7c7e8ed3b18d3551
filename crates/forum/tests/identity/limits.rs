//! How much callers may do in a time, over HTTP. The time is moved by the tests.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http_kit::auth::Auth;
use http_kit::layers::Behaviour;
use http_kit::limits::{Clock, RateLimits};
use http_test::{Issuer, SigningKey, TestApp, TestResponse, behaviour, request};
use jsonwebtoken::Algorithm;
use rstest::rstest;
use serde_json::json;

use crate::{Forum, name};

const HERE: &str = "198.51.100.1";
const FLAGS: [&str; 4] = ["--auth-user-id-claim", "sub", "--auth-roles-claim", "roles"];

/// A forum with limits, whose clock stands still until it is moved.
struct Limited {
    forum: Forum,
    seconds: Arc<AtomicU64>,
}

impl Limited {
    async fn new() -> Self {
        Self::behind(0).await
    }

    /// Behind so many proxies.
    async fn behind(hops: usize) -> Self {
        let key = SigningKey::new("first", Algorithm::ES256);
        let issuer = Issuer::start(&[&key]).await;
        let (app, seconds) = limited_app(Some(issuer.auth(&FLAGS)), hops).await;
        let forum = Forum { app, issuer, key };
        forum.populate().await;
        Self { forum, seconds }
    }

    fn later(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    async fn send(&self, from: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> TestResponse {
        send(&self.forum.app, from, method, path, headers).await
    }

    /// A read by the owner of a token.
    async fn read(&self, from: &str, token: &str) -> TestResponse {
        self.send(from, "GET", "/api/threads", &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// A write by the owner of a token.
    async fn write(&self, from: &str, token: &str) -> TestResponse {
        self.send(from, "DELETE", "/api/threads/none", &[("authorization", &format!("Bearer {token}"))]).await
    }

    fn moderator(&self) -> String {
        self.forum.token_with("mod", json!({ "roles": ["moderator"] }))
    }
}

async fn limited_app(auth: Option<Arc<Auth>>, trusted_proxy_hops: usize) -> (TestApp, Arc<AtomicU64>) {
    let seconds = Arc::new(AtomicU64::new(0));
    let read = Arc::clone(&seconds);
    let clock = Clock::new(move || Duration::from_secs(read.load(Ordering::Relaxed)));
    let rate_limits = Some(RateLimits::new(&clock));
    (TestApp::behaving(services::all(30), &Behaviour { auth, rate_limits, trusted_proxy_hops, ..behaviour() }).await, seconds)
}

async fn send(app: &TestApp, from: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> TestResponse {
    let mut request = request(method, path, headers, Body::empty());
    let peer = SocketAddr::new(from.parse::<IpAddr>().unwrap(), 1234);
    request.extensions_mut().insert(ConnectInfo(peer));
    app.send(request).await
}

/// The value of a parameter of `RateLimit`: what is left.
fn left(response: &TestResponse) -> u64 {
    response.header("ratelimit").split_once(";r=").unwrap().1.split(';').next().unwrap().parse().unwrap()
}

/// Checks that the response is 429 with all that belongs to it: in how many seconds to try again.
fn refused(response: &TestResponse) -> u64 {
    assert_eq!((response.status.as_u16(), name(response).as_str()), (429, "rate-limited"), "{response:?}");
    assert_eq!(response.header("content-type"), "application/problem+json");
    assert_eq!(response.header("access-control-allow-origin"), "*");
    assert_eq!(response.field("requestId"), response.header("x-request-id"));
    let seconds = response.header("retry-after");
    assert!(response.header("ratelimit").ends_with(&format!(";r=0;t={seconds}")), "{response:?}");
    assert!(response.header("access-control-expose-headers").contains("ratelimit-policy"));
    seconds.parse().unwrap()
}

#[tokio::test]
async fn reads_are_limited_by_user_and_by_address() {
    let limited = Limited::new().await;
    let ann = limited.forum.token("ann");
    for expected in (0..300).rev() {
        let response = limited.read(HERE, &ann).await.expect_status(200);
        assert_eq!(left(&response), expected);
    }
    assert_eq!(refused(&limited.read(HERE, &ann).await), 1);
    // Another one behind the same address, and a moderator, who may do ten times as much.
    let response = limited.read(HERE, &limited.forum.token("bob")).await.expect_status(200);
    assert_eq!((response.header("ratelimit-policy"), left(&response)), ("\"reads\";q=300;w=60", 299));
    let response = limited.read(HERE, &limited.moderator()).await.expect_status(200);
    assert_eq!((response.header("ratelimit-policy"), left(&response)), ("\"reads\";q=3000;w=60", 2999));
    // Without a token it is the address that has read 303 times.
    let response = limited.send(HERE, "GET", "/api/threads", &[]).await.expect_status(200);
    assert_eq!((response.header("ratelimit-policy"), left(&response)), ("\"address-reads\";q=3000;w=60", 2696));
    limited.later(1);
    limited.read(HERE, &ann).await.expect_status(200);
}

#[tokio::test]
async fn writes_are_limited_and_pass_after_the_told_wait() {
    let limited = Limited::new().await;
    let (ann, bob) = (limited.forum.token("ann"), limited.forum.token("bob"));
    for _ in 0..5 {
        limited.write(HERE, &ann).await.expect_status(404);
    }
    let wait = refused(&limited.write(HERE, &ann).await);
    assert_eq!(wait, 6);
    limited.read(HERE, &ann).await.expect_status(200);
    limited.write(HERE, &bob).await.expect_status(404);
    limited.later(wait - 1);
    assert_eq!(refused(&limited.write(HERE, &ann).await), 1);
    limited.later(1);
    limited.write(HERE, &ann).await.expect_status(404);
    assert_eq!(refused(&limited.write(HERE, &ann).await), 6);
}

#[tokio::test]
async fn a_moderator_writes_ten_times_as_often() {
    let limited = Limited::new().await;
    let moderator = limited.moderator();
    for expected in (0..50).rev() {
        assert_eq!(left(&limited.write(HERE, &moderator).await.expect_status(404)), expected);
    }
    assert_eq!(refused(&limited.write("203.0.113.1", &moderator).await), 1);
}

#[tokio::test]
async fn a_flood_of_forged_tokens_is_refused_before_they_are_checked() {
    let limited = Limited::new().await;
    let forged = SigningKey::new("unknown", Algorithm::ES256).sign(&limited.forum.issuer.claims("ann"));
    let fetches = |limited: &Limited| limited.forum.issuer.fetches();
    for expected in (0..50).rev() {
        let response = limited.write(HERE, &forged).await.expect_status(401);
        assert_eq!((response.header("ratelimit-policy"), left(&response)), ("\"address-writes\";q=100;w=60", expected));
    }
    assert_eq!(fetches(&limited), 1);
    // The issuer's keys would be asked for again by now, if the token were looked at.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60)).await;
    tokio::time::resume();
    assert_eq!(refused(&limited.write(HERE, &forged).await), 1);
    assert_eq!(refused(&limited.write(HERE, "not a token").await), 1);
    assert_eq!(refused(&limited.write(HERE, &limited.forum.token("ann")).await), 1);
    assert_eq!(fetches(&limited), 1);
    limited.write("203.0.113.1", &limited.forum.token("ann")).await.expect_status(404);
}

#[tokio::test]
async fn a_refused_body_is_not_waited_for() {
    let limited = Limited::new().await;
    for _ in 0..50 {
        limited.write(HERE, "not a token").await.expect_status(401);
    }
    let mut endless =
        request("POST", "/api/threads", &[], Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>()));
    endless.extensions_mut().insert(ConnectInfo(SocketAddr::new(HERE.parse().unwrap(), 1)));
    let response = limited.forum.app.send(endless).await;
    refused(&response);
    assert_eq!(response.header("connection"), "close");
    assert!(!limited.write(HERE, "not a token").await.headers.contains_key("connection"));
}

/// Each request comes from the same proxy, and forges a new address.
#[rstest]
#[case::at_no_proxy(0, "203.0.113.{n}")]
#[case::at_one(1, "203.0.113.{n}, 198.51.100.7")]
#[case::at_one_by_many(1, "203.0.113.{n}, 203.0.113.{n}, 198.51.100.7")]
#[case::at_two(2, "203.0.113.{n}, 198.51.100.7, 10.0.0.1")]
#[case::at_two_that_are_not_there(2, "198.51.100.7")]
#[case::garbled(1, "203.0.113.{n}, {n}")]
#[tokio::test]
async fn a_forged_address_has_no_limit_of_its_own(#[case] hops: usize, #[case] forwarded: &str) {
    let limited = Limited::behind(hops).await;
    for n in 0..5 {
        let forwarded = forwarded.replace("{n}", &n.to_string());
        let response = limited.send("10.0.0.9", "GET", "/api/threads", &[("x-forwarded-for", &forwarded)]).await;
        assert_eq!(left(&response), 2999 - n, "{forwarded}");
    }
}

/// Each request comes from the same proxy, of another client.
#[rstest]
#[case::at_one(1, "203.0.113.{n}")]
#[case::at_two(2, "203.0.113.{n}, 10.0.0.1")]
#[case::in_networks_of_their_own(1, "2001:db8:0:{n}::1")]
#[tokio::test]
async fn clients_behind_trusted_proxies_are_told_apart(#[case] hops: usize, #[case] forwarded: &str) {
    let limited = Limited::behind(hops).await;
    for n in 0..5 {
        let forwarded = forwarded.replace("{n}", &n.to_string());
        let response = limited.send("10.0.0.9", "GET", "/api/threads", &[("x-forwarded-for", &forwarded)]).await;
        assert_eq!(left(&response), 2999, "{forwarded}");
    }
}

#[tokio::test]
async fn a_network_of_ipv6_is_one_client() {
    let limited = Limited::new().await;
    for (address, expected) in [("2001:db8::1", 2999), ("2001:db8::ffff:0:0:2", 2998), ("2001:db8:0:1::1", 2999)] {
        assert_eq!(left(&limited.send(address, "GET", "/api/threads", &[]).await), expected, "{address}");
    }
}

#[tokio::test]
async fn probes_are_not_limited() {
    let limited = Limited::new().await;
    // Readiness needs the issuer's keys.
    limited.read(HERE, &limited.forum.token("ann")).await.expect_status(200);
    for path in ["/health", "/api/users/health", "/metrics"] {
        for _ in 0..10 {
            let response = limited.send(HERE, "GET", path, &[]).await.expect_status(200);
            assert!(!response.headers.contains_key("ratelimit"), "{path}");
        }
    }
    assert_eq!(left(&limited.send(HERE, "GET", "/api/users", &[]).await), 2998);
    for _ in 0..2998 {
        limited.send(HERE, "GET", "/api/users/none", &[]).await.expect_status(404);
    }
    refused(&limited.send(HERE, "GET", "/api/users/none", &[]).await);
    for path in ["/health", "/api/users/health", "/metrics"] {
        limited.send(HERE, "GET", path, &[]).await.expect_status(200);
    }
}

#[tokio::test]
async fn every_response_tells_the_limit() {
    let limited = Limited::new().await;
    let tag = limited.send(HERE, "GET", "/api/threads/t1", &[]).await.header("etag").to_owned();
    for (status, method, path, headers) in [
        (200, "GET", "/api/threads", vec![]),
        (200, "HEAD", "/api/threads", vec![]),
        (200, "GET", "/api/threads", vec![("accept-encoding", "gzip")]),
        (200, "GET", "/openapi.json", vec![]),
        (304, "GET", "/api/threads/t1", vec![("if-none-match", tag.as_str())]),
        (400, "GET", "/api/threads?limit=x", vec![]),
        (400, "GET", "/api/threads", vec![("host", "again")]),
        (401, "GET", "/api/threads", vec![("authorization", "Bearer x")]),
        (401, "POST", "/api/threads", vec![]),
        (404, "GET", "/api/threads/none", vec![]),
        (200, "GET", "/api/threads/", vec![]),
        (405, "PUT", "/api/threads", vec![]),
    ] {
        let response = limited.send(HERE, method, path, &headers).await.expect_status(status);
        let policy = response.header("ratelimit-policy");
        let names = (policy.split(';').next(), response.header("ratelimit").split(';').next());
        let expected = if matches!(method, "GET" | "HEAD") { "\"address-reads\"" } else { "\"address-writes\"" };
        assert_eq!(names, (Some(expected), Some(expected)), "{method} {path}");
    }
    // A person's, also where the person may not.
    let bob = format!("Bearer {}", limited.forum.token("bob"));
    let response = limited.send(HERE, "DELETE", "/api/threads/t1", &[("authorization", &bob)]).await.expect_status(403);
    assert_eq!(response.header("ratelimit"), "\"writes\";r=4;t=6");
}

#[tokio::test]
async fn without_identity_addresses_are_limited() {
    let (app, _) = limited_app(None, 0).await;
    for _ in 0..50 {
        send(&app, HERE, "DELETE", "/api/threads/none", &[]).await.expect_status(404);
    }
    assert_eq!(refused(&send(&app, HERE, "DELETE", "/api/threads/none", &[]).await), 1);
    send(&app, "203.0.113.1", "DELETE", "/api/threads/none", &[]).await.expect_status(404);
}

#[tokio::test]
async fn without_limits_nothing_is_told() {
    let forum = Forum::new().await;
    let response = forum.send("GET", "/api/threads", None, None).await.expect_status(200);
    assert!(!response.headers.contains_key("ratelimit") && !response.headers.contains_key("ratelimit-policy"));
}
