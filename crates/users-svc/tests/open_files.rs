//! What becomes of a program that may open few files: each connection is one.

#![expect(clippy::unwrap_used, reason = "in tests")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use http_test::Process;
use tempfile::TempDir;

/// The program as a shell starts it after it has set its limits.
fn start(dir: &TempDir, limits: &str) -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limits} && exec \"$0\""), env!("CARGO_BIN_EXE_users-svc")]);
    Process::start(command.env("DATA_DIR", dir.path()).env("SHUTDOWN_GRACE_SECONDS", "0"))
}

/// The body of the response to a GET on a connection that stays open.
fn get(stream: &mut TcpStream, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

fn accept_errors(metrics: &str) -> u64 {
    metrics.lines().find_map(|line| line.strip_prefix("accept_errors_total ")?.parse().ok()).unwrap()
}

#[test]
fn connections_beyond_the_limit_wait_and_are_told_of_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = start(&dir, "ulimit -n 64");
    let few = process.wait_for_log("few files can be open at once");
    assert_eq!((&few["level"], &few["limit"], &few["needed"]), (&"WARN".into(), &64.into(), &2048.into()));

    let mut first = process.connect();
    assert_eq!(accept_errors(&get(&mut first, "/metrics")), 0);
    let others: Vec<_> = (0..100).map(|_| process.connect()).collect();
    while accept_errors(&get(&mut first, "/metrics")) < 3 {}
    drop(others);

    assert_eq!((process.status("/health"), process.status("/api/users")), (200, 200));
    process.signal("TERM");
    let lines = process.log_until("stopped");
    let told = lines.iter().filter(|line| line["message"].as_str().unwrap().starts_with("connections cannot be accepted"));
    assert_eq!(told.count(), 1, "{lines:?}");
    assert!(process.wait().success());
}

#[test]
fn the_limit_is_raised_as_far_as_it_may_be() {
    let dir = tempfile::tempdir().unwrap();
    let process = start(&dir, "ulimit -Sn 64 && ulimit -Hn 2048");
    let mut connections: Vec<_> = (0..200).map(|_| process.connect()).collect();
    for connection in &mut connections {
        get(connection, "/health");
    }
    assert_eq!(process.metric("accept_errors_total"), 0.0);
}
