//! `forum dev` as a person starts it.

#![expect(clippy::unwrap_used, reason = "in tests")]

mod dynamo;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use dynamo::Dynamo;
use http_test::{Process, settings_are_documented};
use serde_json::Value;

fn dev(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forum"));
    command.env_clear().env("DATA_DIR", dir).arg("dev").stdout(Stdio::piped());
    command
}

/// The end of a start that fails: its only line on standard error.
fn refusal(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.env("PORT", "0").output().unwrap();
    let message = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), message.lines().count()), (Some(1), 1), "{message}");
    message
}

fn request(process: &Process, method: &str, path: &str, body: &str) -> String {
    let mut stream = process.connect();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n");
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

fn items(process: &Process, path: &str) -> usize {
    let response = request(process, "GET", path, "");
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    serde_json::from_str::<Value>(body).unwrap().as_array().unwrap().len()
}

#[test]
fn an_empty_store_gets_the_samples_once_and_keeps_what_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(&mut dev(dir.path()));
    let count = |process: &Process| ["users", "threads", "posts"].map(|table| items(process, &format!("/api/{table}")));
    assert_eq!(count(&process), [3, 2, 2]);
    let response = request(&process, "POST", "/api/posts", r#"{"threadId":"1","userId":"2","content":"Hello"}"#);
    assert!(response.starts_with("HTTP/1.1 201 Created\r\n"), "{response}");
    process.signal("INT");
    assert!(process.wait().success());

    let process = Process::start(&mut dev(dir.path()));
    assert_eq!(count(&process), [3, 2, 3]);
}

#[test]
fn without_samples_it_starts_empty() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(dev(dir.path()).arg("--empty"));
    assert_eq!(items(&process, "/api/users"), 0);
    for path in ["/health", "/metrics", "/api/users/docs/", "/api/threads/openapi.json", "/api/posts/health"] {
        assert_eq!(process.status(path), 200, "{path}");
    }
}

#[test]
fn every_call_to_dynamodb_is_in_the_metrics() {
    let dynamo = Dynamo::start();
    dynamo.run(&["tables", "create"]).success();
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(dev(dir.path()).env("USE_DYNAMODB", "true").env("DYNAMODB_ENDPOINT", &dynamo.endpoint));
    assert_eq!(process.status("/api/users/1"), 200);
    let metrics = request(&process, "GET", "/metrics", "");
    // The start makes such calls already: its look at the tables, and the samples.
    for (counter, labels) in [
        ("calls", r#"table="users",index="",operation="GetItem",outcome="Ok""#),
        ("attempts", r#"table="users",index="",operation="GetItem""#),
        ("consumed_read_units", r#"table="users",index="",operation="GetItem""#),
        ("consumed_write_units", r#"table="posts",index="",operation="PutItem""#),
    ] {
        let series = format!("dynamodb_{counter}_total{{{labels}}}");
        assert!(metrics.contains(&series), "{series} is not in\n{metrics}");
    }
}

#[test]
fn metrics_for_cloudwatch_are_lines_on_standard_output() {
    let dir = tempfile::tempdir().unwrap();
    let stdout = dir.path().join("stdout");
    let mut command = Command::new(env!("CARGO_BIN_EXE_forum"));
    command.env_clear().arg("serve").env("DATA_DIR", dir.path()).env("METRICS", "emf").env("METRICS_NAMESPACE", "forum-test");
    let mut process = Process::start(command.stdout(std::fs::File::create(&stdout).unwrap()));
    for status in [200, 404, 404] {
        assert_eq!(process.status(if status == 200 { "/api/users" } else { "/api/users/none" }), status);
    }
    // The last line is written at the end.
    process.signal("INT");
    assert!(process.wait().success());
    let written = std::fs::read_to_string(stdout).unwrap();
    let line: Value = serde_json::from_str(written.lines().last().unwrap()).unwrap();
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "forum-test");
    assert_eq!((&line["Requests"], &line["ServerErrors"]), (&3.0.into(), &0.0.into()), "{line}");
}

#[test]
fn a_port_that_is_taken_is_one_line_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = dev(dir.path()).args(["--port", &port]).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), message.lines().count()), (Some(1), 1), "{message}");
    assert!(message.contains(&format!("127.0.0.1:{port}")) && message.contains("--port"), "{message}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_directory_that_cannot_be_used_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let message = refusal(&mut dev(&file.join("store")));
    assert!(message.contains(file.to_str().unwrap()), "{message}");
}

#[test]
fn a_corrupt_file_is_one_line_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("users.json"), "[\n{\"userId\":\"1\",\"name\":7}\n]\n").unwrap();
    let message = refusal(&mut dev(dir.path()));
    assert!(message.contains("users.json") && message.contains("name"), "{message}");
}

#[test]
fn a_bad_setting_is_a_usage_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let output = dev(dir.path()).env("USE_DYNAMODB", "yes").output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(["USE_DYNAMODB", "yes", "true or false"].iter().all(|part| message.contains(part)), "{message}");
}

#[test]
fn fold_writes_the_journals_into_the_snapshots() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(&mut dev(dir.path()));
    drop(process);
    assert!(!std::fs::read_to_string(dir.path().join("users.json")).unwrap().contains("alice"));
    let fold =
        Command::new(env!("CARGO_BIN_EXE_forum")).env_clear().args(["fold", "--data-dir"]).arg(dir.path()).output().unwrap();
    assert!(fold.status.success(), "{fold:?}");
    assert!(std::fs::read_to_string(dir.path().join("users.json")).unwrap().contains("alice"));
}

#[test]
fn its_settings_are_documented() {
    for command in ["dev", "serve"] {
        settings_are_documented(&format!("forum {command}"), Command::new(env!("CARGO_BIN_EXE_forum")).arg(command));
    }
}

/// As `dev`, without what is for development.
#[test]
fn serve_has_every_route_no_samples_and_no_issuer() {
    let dir = tempfile::tempdir().unwrap();
    let serve = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forum"));
        command.env_clear().env("DATA_DIR", dir.path()).arg("serve").stdout(Stdio::null());
        command
    };
    let process = Process::start(&mut serve());
    for table in ["users", "threads", "posts"] {
        assert_eq!(items(&process, &format!("/api/{table}")), 0, "{table}");
    }
    for (path, status) in [("/docs/", 200), ("/openapi.json", 200), ("/dev/.well-known/openid-configuration", 404)] {
        assert_eq!(process.status(path), status, "{path}");
    }
    let port = process.address().port().to_string();
    assert!(serve().args(["healthcheck"]).env("PORT", &port).status().unwrap().success());
    drop(process);
    let dead = serve().args(["healthcheck"]).env("PORT", &port).output().unwrap();
    assert_eq!(dead.status.code(), Some(1), "{dead:?}");
    for (setting, value) in [("HOST", "0.0.0.0"), ("AUTH", "dev")] {
        let message = refusal(serve().env(setting, value));
        assert!(message.contains("AUTH_ISSUER"), "{message}");
    }
}

#[test]
fn serve_has_the_page_with_web_and_only_then() {
    let dir = tempfile::tempdir().unwrap();
    let titled = r#"[{"threadId":"1","title":"Seeds & bulbs","createdAt":"2026-01-05T10:00:00.000Z"}]"#;
    std::fs::write(dir.path().join("threads.json"), titled).unwrap();
    let serve = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forum"));
        command.env_clear().env("DATA_DIR", dir.path()).arg("serve").stdout(Stdio::null());
        command
    };
    let statuses = |process: &Process| ["/", "/threads/1", "/api/threads/1", "/health"].map(|path| process.status(path));
    let process = Process::start(&mut serve());
    assert_eq!(statuses(&process), [404, 404, 200, 200]);
    drop(process);

    let with_page = || {
        let mut command = serve();
        command.env("WEB", "true").env("WEB_URL", "https://forum.example");
        command
    };
    let process = Process::start(&mut with_page());
    assert_eq!(statuses(&process), [200, 200, 200, 200]);
    assert!(request(&process, "GET", "/", "").contains("Seeds &amp; bulbs"));
    assert_eq!(items(&process, "/api/threads"), 1);
    drop(process);

    for (refused, named) in
        [(serve().env("WEB", "true"), "WEB_URL"), (with_page().env("WEB_CLIENT_ID", "page"), "WEB_COOKIE_KEY")]
    {
        let message = refusal(refused.env("RUST_LOG", "error"));
        assert!(message.contains(named), "{message}");
    }
}

#[test]
fn fold_makes_no_store() {
    let dir = tempfile::tempdir().unwrap();
    let fold = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_forum"))
            .env_clear()
            .arg("fold")
            .args(arguments)
            .current_dir(dir.path())
            .output()
            .unwrap()
    };
    std::fs::write(dir.path().join("file"), "").unwrap();
    for missing in ["typo", "typo/deeper", "file"] {
        let ended = fold(&["--data-dir", missing]);
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(String::from_utf8(ended.stderr).unwrap().contains(&format!("no such folder: {missing};")));
    }
    let ended = fold(&["--use-dynamodb", "true"]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
