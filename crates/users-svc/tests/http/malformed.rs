//! Bad input of every kind is a response of the 400s, never of the 500s.

use axum::body::Body;
use http_test::{TestApp, request};

use crate::{ann, app, created};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn send(app: &TestApp, body: impl Into<Body>) -> http_test::TestResponse {
    app.send(request("POST", "/api/users", &[JSON], body.into())).await
}

#[tokio::test]
async fn bodies_that_are_no_json_are_400() {
    let app = app().await;
    let bodies: [&[u8]; 9] = [
        b"",
        b"{",
        b"\xff\xfe",
        b"{\"name\":\"\xc3\x28\"}",
        b"{\"name\":\"\\ud800\",\"email\":\"a@b.c\"}",
        b"[]",
        b"\"text\"",
        b"{\"email\":\"a@b.c\",\"name\":\"A\"}{}",
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
    ];
    for body in bodies {
        send(&app, body.to_vec()).await.problem(400);
    }
}

#[tokio::test]
async fn wrong_types_are_400_and_named() {
    let app = app().await;
    for value in ["1", "1e999", "true", "[]", "{}", "{\"$B\":\"AA==\"}", "[[[]]]"] {
        let body = format!("{{\"email\":\"a@b.c\",\"name\":{value}}}");
        let expected = if value == "1e999" { vec![""] } else { vec!["name"] };
        let fields = send(&app, body).await.problem(400);
        assert!(fields == ["name"] || fields == expected, "{value}: {fields:?}");
    }
}

#[tokio::test]
async fn deep_nesting_is_400() {
    let app = app().await;
    for open in ["[", "{\"a\":"] {
        for name in ["name", "unknown", "version"] {
            let body = format!("{{\"{name}\":{}", open.repeat(80_000));
            send(&app, body).await.problem(400);
        }
    }
}

#[tokio::test]
async fn an_oversized_body_is_413() {
    let app = app().await;
    send(&app, "x".repeat(512 * 1024 + 1)).await.problem(413);
    send(&app, format!("{}{}", ann(), " ".repeat(512 * 1024 - ann().to_string().len()))).await.expect_status(201);
}

#[tokio::test]
async fn other_media_types_are_415() {
    let app = app().await;
    for headers in [&[("content-type", "text/plain")][..], &[], &[JSON, ("content-encoding", "gzip")]] {
        app.send(request("POST", "/api/users", headers, Body::from(ann().to_string()))).await.problem(415);
    }
}

#[tokio::test]
async fn odd_header_values_do_no_harm() {
    let app = app().await;
    let path = created(&app, &ann()).await;
    for value in ["", "\"", "\"\"\"", "W/", "*,*", ",", "\t", "\"a\" \"b\"", &"\"a\",".repeat(1000)] {
        for name in ["if-none-match", "if-match", "cache-control", "x-request-id", "accept-encoding", "origin"] {
            for method in ["GET", "PATCH"] {
                let headers = [(name, value), JSON];
                let response = app.send(request(method, &path, &headers, Body::from("{}"))).await;
                assert!(response.status.as_u16() < 500, "{name}: {value}: {response:?}");
            }
        }
    }
}
