//! Bad input of every kind is a response of the 400s, never of the 500s.

use axum::body::Body;
use http_test::{TestApp, TestResponse, request};

use crate::{app, created, hello};

const JSON: (&str, &str) = ("content-type", "application/json");

/// The body in a POST, a PUT and a PATCH.
async fn send(app: &TestApp, path: &str, body: &[u8]) -> Vec<TestResponse> {
    let mut responses = Vec::new();
    for (method, path) in [("POST", "/api/posts"), ("PUT", path), ("PATCH", path)] {
        responses.push(app.send(request(method, path, &[JSON], Body::from(body.to_vec()))).await);
    }
    responses
}

#[tokio::test]
async fn bodies_that_are_no_json_are_400() {
    let app = app().await;
    let path = created(&app, &hello()).await;
    let bodies: [&[u8]; 10] = [
        b"",
        b"{",
        b"null",
        b"\xff\xfe",
        b"{\"content\":\"\xc3\x28\"}",
        b"{\"content\":\"\\ud800\",\"threadId\":\"t1\",\"userId\":\"u1\"}",
        b"[]",
        b"\"text\"",
        b"{\"content\":\"A\",\"threadId\":\"t1\",\"userId\":\"u1\"}{}",
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
    ];
    for body in bodies {
        for response in send(&app, &path, body).await {
            response.problem(400);
        }
    }
}

#[tokio::test]
async fn wrong_types_are_400_and_named() {
    let app = app().await;
    let path = created(&app, &hello()).await;
    for name in ["content", "title", "threadId", "userId"] {
        for value in ["1", "true", "[]", "{}", "{\"$B\":\"AA==\"}", "[[[]]]"] {
            for response in send(&app, &path, format!("{{\"{name}\":{value}}}").as_bytes()).await {
                assert_eq!(response.problem(400), [name], "{value}");
            }
        }
    }
}

#[tokio::test]
async fn deep_nesting_is_400() {
    let app = app().await;
    let path = created(&app, &hello()).await;
    for open in ["[", "{\"a\":"] {
        for name in ["content", "unknown", "version"] {
            for response in send(&app, &path, format!("{{\"{name}\":{}", open.repeat(80_000)).as_bytes()).await {
                response.problem(400);
            }
        }
    }
}

#[tokio::test]
async fn texts_of_every_kind_are_kept_as_they_are() {
    let app = app().await;
    for content in ["x\0", "\u{feff}x", "x\u{2028}", "\"\\", "👩‍👩‍👧", "<script>", "a\u{301}"] {
        let mut body = hello();
        body["content"] = content.into();
        let path = created(&app, &body).await;
        assert_eq!(app.get(&path).await.field("content"), content);
    }
}

#[tokio::test]
async fn an_oversized_body_is_413() {
    let app = app().await;
    let path = created(&app, &hello()).await;
    for response in send(&app, &path, &vec![b'x'; 512 * 1024 + 1]).await {
        response.problem(413);
    }
}

#[tokio::test]
async fn other_media_types_are_415() {
    let app = app().await;
    for headers in [&[("content-type", "text/plain")][..], &[], &[JSON, ("content-encoding", "gzip")]] {
        app.send(request("POST", "/api/posts", headers, Body::from(hello().to_string()))).await.problem(415);
    }
}

#[tokio::test]
async fn odd_header_values_do_no_harm() {
    let app = app().await;
    let path = created(&app, &hello()).await;
    for value in ["", "\"", "\"\"\"", "W/", "*,*", ",", "\t", "\"a\" \"b\"", &"\"a\",".repeat(1000)] {
        for name in ["if-none-match", "if-match", "cache-control", "idempotency-key"] {
            for (method, path) in [("GET", path.as_str()), ("PATCH", &path), ("POST", "/api/posts")] {
                let response = app.send(request(method, path, &[(name, value), JSON], Body::from("{}"))).await;
                assert!(response.status.as_u16() < 500, "{name}: {value}: {response:?}");
            }
        }
    }
}
