//! The server is for its own machine, and keeps a request without a token as it was, unless it is told otherwise.

use std::fs;

use rstest::rstest;
use serde_json::json;

use crate::{Dev, POST_OF_BOB, forum, post, refusal};

#[test]
fn a_request_without_a_token_acts_as_its_body_says_unless_strict() {
    let body = json!({ "threadId": "1", "userId": "2", "content": "Hello" });
    let dev = Dev::start(&[]);
    assert_eq!(dev.client().json("POST", "/api/posts", &body).expect(201).json()["userId"], "2");
    dev.client().delete(POST_OF_BOB).expect(204);
    // A bad token is not the same as none.
    dev.client().bearing("made-up").get("/api/posts").expect(401);

    let strict = Dev::start(&["--strict"]);
    let refused = strict.client().json("POST", "/api/posts", &body).expect(401);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    strict.client().delete(POST_OF_BOB).expect(401);
    strict.client().get("/api/posts").expect(200);
    let alice = strict.client().bearing(&strict.token("alice"));
    alice.json("POST", "/api/posts", &post("Hello")).expect(201);
}

#[rstest]
#[case("evil.example", 421)]
#[case("localhost.evil.example", 421)]
#[case("192.168.0.7:8080", 421)]
#[case("localhost:1", 200)]
#[case("forum.localhost", 200)]
#[case("127.0.0.9", 200)]
#[case("[::1]:8080", 200)]
fn only_names_of_this_machine_are_served(#[case] host: &str, #[case] status: u16) {
    let dev = Dev::start(&[]);
    for path in ["/api/posts", "/dev", "/dev/keys", "/openapi.json", "/health", "/nothing"] {
        let expected = if path == "/nothing" && status == 200 { 404 } else { status };
        dev.client().calling(host).get(path).expect(expected);
    }
    if status == 421 {
        dev.client().calling(host).delete(POST_OF_BOB).expect(421);
        dev.client().get(POST_OF_BOB).expect(200);
    }
}

#[test]
fn pages_of_this_machine_may_call_and_others_may_not() {
    let dev = Dev::start(&[]);
    for (origin, allowed) in [
        ("http://localhost:5173", true),
        ("http://127.0.0.1:3000", true),
        ("https://app.localhost", true),
        ("https://evil.example", false),
        ("http://localhost.evil.example", false),
        ("null", false),
    ] {
        let from = || dev.client().with("origin", origin);
        for response in [from().get("/api/posts"), from().get("/dev/keys"), from().form("/dev/token", &[])] {
            let said = response.header("access-control-allow-origin");
            assert_eq!(said, allowed.then_some(origin), "{response:?}");
        }
    }
    // The button of the page cannot be pressed from elsewhere, as by a form that sends itself.
    let elsewhere = dev.client().with("origin", "https://evil.example");
    elsewhere.form("/dev/authorize?client_id=x&redirect_uri=http://localhost", &[("user", "1")]).expect(403);

    let dir = tempfile::tempdir().unwrap();
    let mut command = forum(dir.path(), &["dev"]);
    let process = http_test::Process::start(command.env("CORS_ALLOWED_ORIGINS", "https://app.example"));
    for (origin, allowed) in [("https://app.example", true), ("http://localhost:5173", true), ("https://evil.example", false)] {
        let response = crate::Client::new(&process).with("origin", origin).get("/api/posts");
        assert_eq!(response.header("access-control-allow-origin"), allowed.then_some(origin));
    }
}

#[rstest]
#[case(&[("AUTH", "off")])]
#[case(&[("AUTH_ISSUER", "http://127.0.0.1:9"), ("AUTH_AUDIENCE", "forum")])]
fn without_mode_dev_there_is_no_issuer_and_every_host_is_served(#[case] settings: &[(&str, &str)]) {
    let dir = tempfile::tempdir().unwrap();
    let process = http_test::Process::start(forum(dir.path(), &["dev"]).envs(settings.iter().copied()));
    let client = || crate::Client::new(&process);
    for path in ["/dev", "/dev/authorize", "/dev/keys", "/dev/.well-known/openid-configuration", "/dev/userinfo"] {
        client().get(path).expect(404);
    }
    client().form("/dev/token", &[]).expect(404);
    client().calling("forum.example").get("/api/posts").expect(200);
    let response = client().with("origin", "https://a.example").get("/api/posts");
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    assert!(!fs::exists(dir.path().join("dev-issuer.pem")).unwrap());
}

#[rstest]
#[case(&[("HOST", "0.0.0.0"), ("AUTH", "dev")], "HOST=0.0.0.0")]
#[case(&[("AUTH_DEV_URL", "https://forum.example")], "AUTH_DEV_URL=https://forum.example")]
#[case(&[("HOST", "0.0.0.0"), ("AUTH", "dev"), ("AUTH_DEV_URL", "http://192.168.0.7:8080")], "AUTH_DEV_URL")]
#[case(&[("AUTH_DEV_URL", "localhost:8080")], "http://localhost:8080")]
fn the_issuer_is_refused_where_others_reach_it(#[case] settings: &[(&str, &str)], #[case] named: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut command = forum(dir.path(), &["dev"]);
    command.envs(settings.iter().copied()).env("PORT", "0");
    let message = refusal(command);
    assert!(message.contains(named), "{message}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn strict_is_for_mode_dev() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = forum(dir.path(), &["dev", "--strict"]);
    command.env("AUTH", "off").env("PORT", "0");
    let message = refusal(command);
    assert!(message.contains("--strict") && message.contains("AUTH"), "{message}");
}
