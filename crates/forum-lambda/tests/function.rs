//! `forum-lambda` behind the interface of the runtime, with events of an HTTP API in the form of AWS's documentation.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "in tests")]

mod program;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_test::Collector;
use program::{Function, program};
use serde_json::{Value, json};

/// The event of a request, which is JSON where it has a body.
fn event(method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Value {
    let json = body.map(|_| ("content-type", "application/json"));
    let host = Some(("host", "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"));
    let headers = host.into_iter().chain(headers.iter().copied()).chain(json);
    let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    http_test::lambda::event("a1b2c3d4e5", method, path, &headers, body.unwrap_or_default().as_bytes())
}

/// The status, the headers, and the body as text.
async fn ask(function: &Function, event: Value) -> (u64, Value, String) {
    let response = function.invoke(event).await.unwrap();
    assert_eq!(response["isBase64Encoded"], false, "{response}");
    let body = response["body"].as_str().unwrap_or_default().to_owned();
    (response["statusCode"].as_u64().unwrap(), response["headers"].clone(), body)
}

async fn get(function: &Function, path: &str) -> (u64, Value, String) {
    ask(function, event("GET", path, &[], None)).await
}

async fn create_user(function: &Function, name: &str) -> Value {
    let body = json!({ "name": name, "email": format!("{name}@example.org") }).to_string();
    let (status, headers, body) = ask(function, event("POST", "/api/users", &[], Some(&body))).await;
    let user: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &headers["location"]), (201, &format!("/api/users/{}", user["userId"].as_str().unwrap()).into()));
    user
}

#[tokio::test]
async fn a_user_is_made_read_changed_and_deleted() {
    let function = Function::start().await;
    assert_eq!(get(&function, "/api/users").await.2, "[]");
    let user = create_user(&function, "ann").await;
    let path = format!("/api/users/{}", user["userId"].as_str().unwrap());
    let (status, headers, body) = get(&function, &path).await;
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()), (200, user));
    assert_eq!(headers["content-type"], "application/json");
    let tag = headers["etag"].as_str().unwrap();
    assert_eq!(ask(&function, event("GET", &path, &[("if-none-match", tag)], None)).await.0, 304);
    let (status, _, body) = ask(&function, event("PATCH", &path, &[("if-match", tag)], Some(r#"{"name":"Ann B"}"#))).await;
    assert!(status == 200 && body.contains("Ann B"), "{body}");
    let (status, _, body) = ask(&function, event("DELETE", &path, &[("if-match", tag)], None)).await;
    assert!(status == 412 && body.contains("requestId"), "{body}");
    let (status, _, body) = ask(&function, event("DELETE", &path, &[], None)).await;
    assert_eq!((status, body.as_str()), (204, ""));
    assert_eq!(get(&function, &path).await.0, 404);
}

/// The example of the payload's documentation, with the host that every event has:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.
#[tokio::test]
async fn the_documented_event_is_understood() {
    let function = Function::start().await;
    let mut documented: Value = serde_json::from_str(include_str!("events/documented.json")).unwrap();
    documented["headers"]["host"] = documented["requestContext"]["domainName"].clone();
    let (status, headers, body) = ask(&function, documented.clone()).await;
    assert_eq!((status, &headers["content-type"]), (404, &"application/problem+json".into()), "{body}");
    documented["rawPath"] = "/api/users".into();
    let (status, _, body) = ask(&function, documented.clone()).await;
    assert!(status == 400 && body.contains("parameter1") && body.contains("parameter2"), "{status} {body}");
    documented["rawQueryString"] = "".into();
    assert_eq!(ask(&function, documented).await.0, 415);
}

#[tokio::test]
async fn every_part_of_a_request_arrives() {
    let function = Function::start().await;
    // A body may come in base64.
    let mut posted = event("POST", "/api/users", &[], Some(r#"{"name":"Zoë","email":"zoe@example.org"}"#));
    posted["body"] = STANDARD.encode(posted["body"].as_str().unwrap()).into();
    posted["isBase64Encoded"] = true.into();
    let (status, _, body) = ask(&function, posted).await;
    assert!(status == 201 && body.contains("Zoë"), "{body}");
    let zoe = serde_json::from_str::<Value>(&body).unwrap()["userId"].as_str().unwrap().to_owned();
    let ids: Vec<_> = (0..99).map(|number| format!("ids=none-{number}")).collect();
    let (status, _, body) = get(&function, &format!("/api/users?{}&ids={zoe}", ids.join("&"))).await;
    assert!(status == 200 && body.contains("Zoë"), "{body}");
    // Every document, and what a browser asks first.
    for path in ["/openapi.json", "/docs/", "/api/posts/openapi.json", "/api/posts/health"] {
        assert_eq!(get(&function, path).await.0, 200, "{path}");
    }
    let asked = [("origin", "https://forum.example"), ("access-control-request-method", "POST")];
    let (status, headers, _) = ask(&function, event("OPTIONS", "/api/users", &asked, None)).await;
    assert!(status == 200 && headers["access-control-allow-origin"] == "*", "{headers}");
    for (path, status) in
        [("/api/users/a b", 404), ("/api/users/a%20b", 404), ("/api/users?limit=a b", 400), ("/api/nothing", 404)]
    {
        let (refused, headers, _) = get(&function, path).await;
        assert_eq!((refused, &headers["content-type"]), (status, &"application/problem+json".into()), "{path}");
    }
    let mut unsound = event("GET", "/api/users", &[], None);
    unsound["headers"]["host"] = "a host/".into();
    let (status, _, body) = ask(&function, unsound).await;
    assert!(status == 400 && body.contains("Host"), "{body}");
}

#[tokio::test]
async fn the_longest_page_fits_into_a_response_and_is_compressed_where_asked() {
    let function = Function::start().await;
    let user = create_user(&function, "ann").await["userId"].clone();
    let thread = json!({ "title": "T", "userId": user });
    let thread = ask(&function, event("POST", "/api/threads", &[], Some(&thread.to_string()))).await.2;
    let thread = serde_json::from_str::<Value>(&thread).unwrap()["threadId"].as_str().unwrap().to_owned();
    // What is longest once it is escaped.
    let content = "\"".repeat(60_000);
    for _ in 0..20 {
        let post = json!({ "threadId": thread, "userId": user, "content": content });
        assert_eq!(ask(&function, event("POST", "/api/posts", &[], Some(&post.to_string()))).await.0, 201);
    }
    let path = format!("/api/posts?threadId={thread}&limit=100");
    let (status, _, body) = get(&function, &path).await;
    let posts = serde_json::from_str::<Vec<Value>>(&body).unwrap().len();
    assert!(status == 200 && body.len() > 900_000 && posts < 20, "{status}, {posts} posts, {} bytes", body.len());

    let compressed = function.invoke(event("GET", &path, &[("accept-encoding", "gzip")], None)).await.unwrap();
    assert_eq!((&compressed["isBase64Encoded"], &compressed["headers"]["content-encoding"]), (&json!(true), &json!("gzip")));
    let bytes = STANDARD.decode(compressed["body"].as_str().unwrap()).unwrap();
    assert_eq!(bytes[..2], [0x1f, 0x8b]);
}

/// Once the response is sent, the process may be frozen for hours.
#[tokio::test]
async fn spans_are_sent_before_the_response() {
    let collector = Collector::start();
    let function = Function::start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)]).await;
    assert_eq!(get(&function, "/api/users").await.0, 200);
    let names: Vec<_> = collector.spans().into_iter().map(|span| (span.service, span.name)).collect();
    let expected = ["store.scan", "GET /api/users"].map(|name| ("forum-lambda".to_owned(), name.to_owned()));
    assert!(expected.iter().all(|span| names.contains(span)), "{names:?}");
}

#[tokio::test]
async fn with_web_it_serves_the_page_of_the_api_in_the_same_process() {
    let function = Function::start_with(&[("WEB", "true"), ("WEB_URL", "https://forum.example")]).await;
    let user = create_user(&function, "ann").await["userId"].clone();
    let thread = json!({ "title": "Seeds & bulbs", "userId": user }).to_string();
    assert_eq!(ask(&function, event("POST", "/api/threads", &[], Some(&thread))).await.0, 201);
    let (status, headers, body) = get(&function, "/").await;
    assert!(status == 200 && body.contains("Seeds &amp; bulbs"), "{status} {body}");
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
}

#[test]
fn without_identity_it_does_not_begin() {
    let data = tempfile::tempdir().unwrap();
    let ended = program(data.path(), ([127, 0, 0, 1], 1).into()).output().unwrap();
    let reason = String::from_utf8(ended.stderr).unwrap();
    assert_eq!((ended.status.code(), reason.lines().count()), (Some(1), 1), "{reason}");
    assert!(reason.starts_with("forum-lambda: ") && reason.contains("AUTH_ISSUER"), "{reason}");
}
