//! The program: its settings, and what it leaves behind.

#![expect(clippy::unwrap_used, reason = "in tests")]

use std::io::{Read, Write};
use std::process::Command;

use db_adapter::forum::{TABLES, thread, user};
use db_adapter::json::{JsonOptions, JsonStore};
use db_adapter::{Item, Store};
use http_test::{Process, settings_are_documented};
use tempfile::TempDir;

fn program(dir: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_posts-svc"));
    command.env_clear().env("DATA_DIR", dir.path());
    command
}

fn post(process: &Process, path: &str, body: &str) -> String {
    let mut stream = process.connect();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// Threads and users come from other processes, which may share the files at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn a_post_names_what_another_process_wrote_and_outlives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(&mut program(&dir));
    assert_eq!((process.status("/health"), process.status("/api/posts/health")), (200, 200));
    let body = r#"{"threadId":"t1","userId":"u1","content":"Hello"}"#;
    let refused = post(&process, "/api/posts", body);
    assert!(refused.starts_with("HTTP/1.1 422 "), "{refused}");

    let other = JsonStore::open(&TABLES, JsonOptions::new(dir.path())).await.unwrap();
    for (table, item) in [
        (&thread::TABLE, r#"{"threadId":"t1","title":"T","createdAt":"2026-01-01T00:00:00.000Z"}"#),
        (&user::TABLE, r#"{"userId":"u1","email":"a@b.c","name":"A","createdAt":"2026-01-01T00:00:00.000Z"}"#),
    ] {
        other.create(table, Item::parse(item).unwrap().attributes().unwrap()).await.unwrap();
    }
    let response = post(&process, "/api/posts", body);
    assert!(response.starts_with("HTTP/1.1 201 Created\r\n"), "{response}");
    let location = response.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();

    process.signal("KILL");
    drop(process);
    let mut process = Process::start(&mut program(&dir));
    assert_eq!(process.status(location), 200);
    process.signal("INT");
    assert!(process.wait().success());
}

#[test]
fn help_shows_its_name_and_its_port() {
    let dir = tempfile::tempdir().unwrap();
    let output = program(&dir).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for text in ["The posts service of the forum", "Usage: posts-svc", "[env: PORT=] [default: 3003]", "healthcheck"] {
        assert!(help.split_whitespace().collect::<Vec<_>>().join(" ").contains(text), "{text} is not in\n{help}");
    }
}

#[test]
fn healthcheck_asks_the_server_that_its_settings_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(&mut program(&dir));
    let port = process.address().port().to_string();
    let healthcheck = || program(&dir).arg("healthcheck").env("PORT", &port).output().unwrap();
    assert!(healthcheck().status.success());
    process.signal("INT");
    assert!(process.wait().success());
    assert_eq!(healthcheck().status.code(), Some(1));
}

#[test]
fn its_settings_are_documented() {
    settings_are_documented("posts-svc", &mut Command::new(env!("CARGO_BIN_EXE_posts-svc")));
}
