//! What holds for every service, seen on this one.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request};
use axum::routing::{any, get};
use http_kit::config::Origins;
use http_kit::layers::Behaviour;
use http_kit::{Caller, Deadline, Service};
use http_test::{TestApp, behaviour};
use serde_json::json;
use tokio::sync::Notify;

use crate::{ann, app, created};

#[tokio::test]
async fn routes_and_methods_that_are_none_are_problems() {
    let app = app().await;
    for path in ["/", "/api", "/api/users/a/b", "/api/none", "/api/none/", "/api/users//a", "//api/users", "///"] {
        app.get(path).await.problem(404);
    }
    let response = app.call("DELETE", "/api/users", &[]).await;
    assert!(response.problem(405).is_empty());
    assert_eq!(response.header("allow"), "GET,HEAD,POST");
    let response = app.call("PURGE", "/api/users/x", &[]).await;
    assert!(response.problem(405).is_empty());
    assert_eq!(response.header("allow"), "GET,HEAD,PATCH,PUT,DELETE");
    app.call("POST", "/health", &[]).await.problem(405);
}

#[tokio::test]
async fn a_slash_at_the_end_changes_nothing() {
    let app = app().await;
    let new = app.post("/api/users/", &ann()).await.expect_status(201);
    let path = new.header("location").to_owned();
    assert!(!path.ends_with('/'));
    app.post("/api/users", &json!({ "email": "b@b.c", "name": "B" })).await.expect_status(201);
    for path in ["/api/users", "/api/users?limit=1", &path, &format!("{path}?fields=name"), "/api/users/openapi.json"] {
        let slashed = path.replacen('?', "/?", 1);
        let slashed = if slashed == path { format!("{path}/") } else { slashed };
        let (plain, slashed) = (app.get(path).await.expect_status(200), app.get(&slashed).await.expect_status(200));
        assert_eq!((plain.json(), plain.next()), (slashed.json(), slashed.next().map(|next| next.replace("/?", "?"))));
    }
    assert!(app.get("/api/users/?limit=1").await.next().unwrap().starts_with("/api/users?"));
    for path in ["/health/", "/metrics/", "/api/users/health/", "/api/users//"] {
        app.get(path).await.expect_status(200);
    }
    app.patch(&format!("{path}/"), &json!({ "bio": "x" })).await.expect_status(200);
    app.call("POST", "/health/", &[]).await.problem(405);
    app.delete(&format!("{path}/")).await.expect_status(204);
}

#[tokio::test]
async fn request_ids_are_taken_or_made() {
    let app = app().await;
    let id = |response: http_test::TestResponse| response.header("x-request-id").to_owned();
    assert_eq!(id(app.call("GET", "/api/users", &[("x-request-id", "aZ0._-")]).await), "aZ0._-");
    for odd in ["", "a b", "a\"b", &"x".repeat(65)] {
        assert_eq!(id(app.call("GET", "/health", &[("x-request-id", odd)]).await).len(), 36, "{odd}");
    }
    assert_ne!(id(app.get("/health").await), id(app.get("/health").await));
}

#[tokio::test]
async fn health_says_how_it_is() {
    let app = app().await;
    assert_eq!(app.get("/health").await.expect_status(200).field("status"), "ok");
    let ready = app.get("/api/users/health").await.expect_status(200).json();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        ready,
        json!({ "status": "ok", "service": "users", "version": version, "store": { "mode": http_test::mode(), "reachable": true } })
    );
    app.draining.begin();
    assert_eq!(app.get("/api/users/health").await.expect_status(503).field("status"), "draining");
    app.get("/health").await.expect_status(200);
    app.get("/api/users").await.expect_status(200);
}

#[tokio::test]
async fn a_closed_store_is_503() {
    let app = app().await;
    let path = created(&app, &ann()).await;
    app.store.close().await.unwrap();
    let response = app.post("/api/users", &json!({ "email": "b@b.c", "name": "B" })).await;
    response.problem(503);
    assert!(response.header("retry-after").parse::<u32>().unwrap() > 0);
    app.patch(&path, &json!({ "bio": "x" })).await.problem(503);
}

#[tokio::test]
async fn metrics_are_labelled_by_route() {
    let app = app().await;
    let path = created(&app, &ann()).await;
    app.get(&path).await.expect_status(200);
    app.get("/not/there").await.expect_status(404);
    app.call("PURGE", "/api/users", &[]).await.expect_status(405);
    let response = app.get("/metrics").await.expect_status(200);
    assert!(response.header("content-type").starts_with("text/plain"));
    let text = String::from_utf8(response.body.to_vec()).unwrap();
    for line in [
        r#"http_request_duration_seconds_count{method="GET",route="/api/users/{userId}",status="200"}"#,
        r#"http_request_duration_seconds_count{method="GET",route="unmatched",status="404"}"#,
        r#"http_request_duration_seconds_count{method="other",route="/api/users",status="405"}"#,
        "http_requests_in_flight",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains(&path) && !text.contains("/not/there"));
}

#[tokio::test]
async fn browsers_may_call_from_anywhere_or_from_listed_origins() {
    let app = app().await;
    let preflight = [
        ("origin", "https://a.example"),
        ("access-control-request-method", "PATCH"),
        ("access-control-request-headers", "if-match,idempotency-key"),
    ];
    let response = app.call("OPTIONS", "/api/users/x", &preflight).await.expect_status(200);
    assert_eq!(response.header("access-control-allow-origin"), "*");
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
        assert!(response.header("access-control-allow-methods").contains(method));
    }
    let of_libraries = ["authorization", "x-requested-with", "traceparent", "tracestate", "baggage", "sentry-trace"];
    let ours = ["content-type", "if-match", "if-none-match", "idempotency-key", "cache-control", "x-request-id"];
    for name in ours.into_iter().chain(of_libraries) {
        assert!(response.header("access-control-allow-headers").contains(name), "{name}");
    }
    let response = app.call("GET", "/api/users/none", &[("origin", "https://a.example")]).await.expect_status(404);
    assert_eq!(response.header("access-control-allow-origin"), "*");
    let varies_by_origin =
        |headers: &HeaderMap| headers.get_all("vary").iter().any(|value| value.to_str().unwrap().contains("origin"));
    assert!(!varies_by_origin(&response.headers));
    let of_identity = ["www-authenticate", "ratelimit", "ratelimit-policy"];
    for name in ["link", "etag", "location", "x-request-id", "idempotent-replayed", "retry-after", "writing-region"]
        .into_iter()
        .chain(of_identity)
    {
        assert!(response.header("access-control-expose-headers").contains(name), "{name}");
    }

    let listed = Origins::Only(vec![HeaderValue::from_static("https://a.example")]);
    let app = TestApp::behaving(vec![users_svc::service()], &Behaviour { origins: listed, ..behaviour() }).await;
    let allowed = app.call("GET", "/api/users", &[("origin", "https://a.example")]).await;
    assert_eq!(allowed.header("access-control-allow-origin"), "https://a.example");
    let other = app.call("GET", "/api/users", &[("origin", "https://b.example")]).await;
    assert!(!other.headers.contains_key("access-control-allow-origin"));
    for response in [allowed, other] {
        assert!(varies_by_origin(&response.headers));
    }

    let local = Origins::Loopback(vec![HeaderValue::from_static("https://a.example")]);
    let app = TestApp::behaving(vec![users_svc::service()], &Behaviour { origins: local, ..behaviour() }).await;
    for (origin, allowed) in [
        ("http://localhost:5173", true),
        ("https://127.0.0.1", true),
        ("https://a.example", true),
        ("https://b.example", false),
        ("null", false),
    ] {
        let response = app.call("GET", "/api/users", &[("origin", origin)]).await;
        let said = response.headers.get("access-control-allow-origin").map(|value| value.to_str().unwrap());
        assert_eq!(said, allowed.then_some(origin));
        assert!(varies_by_origin(&response.headers));
    }

    let none = Behaviour { origins: Origins::Only(vec![]), ..behaviour() };
    let app = TestApp::behaving(vec![users_svc::service()], &none).await;
    app.call("OPTIONS", "/api/users", &preflight).await.problem(405);
}

#[tokio::test]
async fn a_server_for_development_is_reached_under_names_of_this_machine_only() {
    let closed = Behaviour { development: Some(Router::new()), ..behaviour() };
    let (closed, open) =
        (TestApp::behaving(vec![users_svc::service()], &closed).await, TestApp::new(vec![users_svc::service()]).await);
    for (host, status) in [("localhost:8080", 200), ("127.0.0.1", 200), ("[::1]:1", 200), ("evil.example", 421), ("test", 421)] {
        for path in ["/api/users", "/health", "/metrics"] {
            let request = || Request::get(path).header("host", host).body(Body::empty()).unwrap();
            closed.send(request()).await.expect_status(status);
            open.send(request()).await.expect_status(200);
        }
    }
    let elsewhere = closed.get("/api/users").await;
    elsewhere.problem(421);
    assert!(elsewhere.field("detail").as_str().unwrap().contains("localhost"));
}

#[tokio::test]
async fn a_compressed_problem_is_not_garbled() {
    let app = app().await;
    let response = app.call("GET", "/api/users?x=1", &[("accept-encoding", "gzip")]).await;
    assert_eq!(response.problem(400), ["x"]);
    assert!(!response.headers.contains_key("content-encoding"));
}

/// The service and routes that misbehave.
fn misbehaving(held: &Arc<Notify>, entered: &Arc<Notify>) -> Service {
    let mut service = users_svc::service();
    let (held, entered) = (held.clone(), entered.clone());
    let hold = async move || {
        entered.notify_one();
        held.notified().await;
    };
    let misbehaving = Router::new()
        .route("/api/test/panic", get(async || -> () { panic!("secret") }))
        .route("/api/test/hold", get(hold))
        .route("/api/test/never", any(async || std::future::pending::<()>().await))
        .route("/api/test/deadline", get(async |_: Caller, deadline: Deadline| deadline.remaining().as_millis().to_string()));
    service.routes = service.routes.undocumented(misbehaving);
    service
}

#[tokio::test]
async fn a_panic_is_500_without_its_cause() {
    let app = TestApp::new(vec![misbehaving(&Arc::default(), &Arc::default())]).await;
    let response = app.call("GET", "/api/test/panic", &[("origin", "https://a.example")]).await;
    response.problem(500);
    assert_eq!(response.header("access-control-allow-origin"), "*", "a browser may read it");
    assert!(!String::from_utf8_lossy(&response.body).contains("secret"));
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_504() {
    let behaviour = Behaviour { timeout: Duration::from_millis(50), ..behaviour() };
    let app = TestApp::behaving(vec![misbehaving(&Arc::default(), &Arc::default())], &behaviour).await;
    // Only what writes may have written.
    for (method, says) in [
        ("GET", "no response in time"),
        ("HEAD", ""),
        ("POST", "no response in time; a write may or may not have happened: repeat it with Idempotency-Key or If-Match"),
        ("DELETE", "no response in time; a write may or may not have happened: repeat it with Idempotency-Key or If-Match"),
    ] {
        let response = app.call(method, "/api/test/never", &[]).await.expect_status(504);
        let detail = if says.is_empty() { String::new() } else { response.json()["detail"].as_str().unwrap().to_owned() };
        assert_eq!(detail, says, "{method}");
    }
    let remaining: u64 = String::from_utf8(app.get("/api/test/deadline").await.body.to_vec()).unwrap().parse().unwrap();
    assert!(remaining <= 50, "{remaining}");
}

#[tokio::test]
async fn what_is_too_much_is_shed_but_probes_are_answered() {
    let (held, entered) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let behaviour = Behaviour { max_in_flight: 1, ..behaviour() };
    let app = Arc::new(TestApp::behaving(vec![misbehaving(&held, &entered)], &behaviour).await);
    let first = tokio::spawn({
        let app = app.clone();
        async move { app.get("/api/test/hold").await.status }
    });
    entered.notified().await;
    let shed = app.get("/api/users").await;
    shed.problem(503);
    assert_eq!(shed.header("retry-after"), "1");
    for path in ["/health", "/api/users/health", "/metrics"] {
        app.get(path).await.expect_status(200);
    }
    held.notify_one();
    assert_eq!(first.await.unwrap(), 200);
    app.get("/api/users").await.expect_status(200);
}
