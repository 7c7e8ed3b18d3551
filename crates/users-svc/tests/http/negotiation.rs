//! Codings of responses, and their tags.

use std::io::Read;

use http_test::{TestApp, TestResponse};
use serde_json::json;

use crate::{app, created};

/// A user that gains by coding.
async fn long(app: &TestApp) -> String {
    created(app, &json!({ "email": "a@b.c", "name": "A", "bio": "x".repeat(2000) })).await
}

async fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> TestResponse {
    app.call("GET", path, headers).await
}

fn coding(response: &TestResponse) -> Option<&str> {
    response.headers.get("content-encoding").map(|value| value.to_str().unwrap())
}

fn varies_by_coding(response: &TestResponse) -> bool {
    response.headers.get_all("vary").iter().any(|value| value.to_str().unwrap().contains("accept-encoding"))
}

#[tokio::test]
async fn responses_are_coded_when_asked() {
    let app = app().await;
    let path = long(&app).await;
    let plain = app.get(&path).await;
    for name in ["gzip", "zstd"] {
        for path in ["/api/users", &path] {
            let response = get(&app, path, &[("accept-encoding", name)]).await.expect_status(200);
            assert_eq!(coding(&response), Some(name));
            assert!(response.body.len() < 1000 && varies_by_coding(&response));
        }
        let coded = get(&app, &path, &[("accept-encoding", name)]).await.body;
        let mut decoded = Vec::new();
        match name {
            "gzip" => flate2::read::GzDecoder::new(&*coded).read_to_end(&mut decoded).map(drop).unwrap(),
            _ => decoded = zstd::decode_all(&*coded).unwrap(),
        }
        assert_eq!(decoded, plain.body);
    }
    assert!(coding(&plain).is_none() && varies_by_coding(&plain));
}

/// A write that happened is never told as a refusal, whatever the client accepts.
#[tokio::test]
async fn a_coding_that_we_do_not_have_is_no_reason_to_refuse() {
    let app = app().await;
    for (at, accepted) in
        ["identity;q=0", "*;q=0", "identity;q=0, *;q=0", "br", "gzip;q=0, identity;q=0", ";;q"].iter().enumerate()
    {
        let accepted = [("accept-encoding", *accepted)];
        let body = json!({ "email": format!("{at}@b.c"), "name": "A", "bio": "x".repeat(200) });
        let response = app.send_json("POST", "/api/users", &accepted, &body).await.expect_status(201);
        assert!(coding(&response).is_none(), "{response:?}");
        let path = response.header("location").to_owned();
        assert!(coding(&get(&app, &path, &accepted).await.expect_status(200)).is_none());
        get(&app, "/api/users/none", &accepted).await.problem(404);
        app.call("DELETE", "/api/users", &accepted).await.problem(405);
        app.call("DELETE", &path, &accepted).await.expect_status(204);
    }
}

#[tokio::test]
async fn any_coding_is_one_that_everybody_reads() {
    let app = app().await;
    let path = long(&app).await;
    for (accepted, expected) in [("*", "gzip"), ("br, *;q=0.5", "gzip"), ("*, zstd", "zstd"), ("gzip, deflate, br, zstd", "zstd")]
    {
        assert_eq!(coding(&get(&app, &path, &[("accept-encoding", accepted)]).await), Some(expected), "{accepted}");
    }
}

#[tokio::test]
async fn each_coding_has_a_tag_that_conditions_accept() {
    let app = app().await;
    let path = long(&app).await;
    let plain = app.get(&path).await.header("etag").to_owned();
    for name in ["gzip", "zstd"] {
        let accepted = ("accept-encoding", name);
        let tag = get(&app, &path, &[accepted]).await.header("etag").to_owned();
        assert_eq!(tag, format!("{}-{name}\"", plain.trim_end_matches('"')));
        for known in [tag.as_str(), &plain, &format!("W/{tag}"), &format!("\"x\", {tag}")] {
            for (accepted, expected) in [(vec![accepted], &tag), (vec![], &plain)] {
                let response = get(&app, &path, &[accepted, vec![("if-none-match", known)]].concat()).await.expect_status(304);
                assert_eq!(response.header("etag"), expected);
                assert!(response.body.is_empty() && varies_by_coding(&response) && coding(&response).is_none());
                assert!(!response.headers.contains_key("content-type"), "{response:?}");
            }
        }
        app.send_json("PATCH", &path, &[("if-match", &tag)], &json!({})).await.expect_status(200);
        let head = app.call("HEAD", &path, &[accepted]).await.expect_status(200);
        assert!(head.header("etag") == tag && coding(&head) == Some(name) && head.body.is_empty());
    }
}
