//! The log: a program serves whatever becomes of it, and no client writes into it what it likes.

#![expect(clippy::unwrap_used, reason = "in tests")]

use std::io::{Read, Write};
use std::process::Command;

use http_test::Process;
use tempfile::TempDir;

/// Many times what a pipe and the program's queue hold.
const REQUESTS: usize = 12_000;
/// How many requests are sent before their responses are read.
const AT_ONCE: usize = 100;

fn program(dir: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_users-svc"));
    command.env_clear().env("DATA_DIR", dir.path()).env("SHUTDOWN_GRACE_SECONDS", "0");
    command
}

/// Sends so many requests that each write a line into the log; all of them get a response.
fn ask(process: &Process, requests: usize) {
    let mut stream = process.connect();
    let request = "HEAD /api/users HTTP/1.1\r\nHost: test\r\n\r\n";
    for _ in 0..requests / AT_ONCE {
        stream.write_all(request.repeat(AT_ONCE).as_bytes()).unwrap();
        let mut responses = Vec::new();
        while responses.windows(4).filter(|end| end == b"\r\n\r\n").count() < AT_ONCE {
            let mut piece = [0; 64 * 1024];
            let length = stream.read(&mut piece).unwrap();
            assert_ne!(length, 0, "the connection was closed");
            responses.extend_from_slice(piece.get(..length).unwrap());
        }
        assert_eq!(String::from_utf8(responses).unwrap().matches("HTTP/1.1 200 OK").count(), AT_ONCE);
    }
}

#[test]
fn a_log_that_nobody_reads_stops_no_request_and_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start_unread(&mut program(&dir));
    ask(&process, REQUESTS);
    assert_eq!(process.status("/health"), 200);
    assert!(process.metric("log_lines_dropped_total") > 0.0);
    process.signal("TERM");
    assert!(process.wait().success());
}

#[test]
fn a_log_that_is_read_again_goes_on_and_says_what_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start_unread(&mut program(&dir));
    ask(&process, REQUESTS);
    process.read_log();
    let line = process.wait_for_log("log lines were dropped");
    assert!(line["lines"].as_u64().unwrap() > 0, "{line}");
    process.signal("TERM");
    process.wait_for_log("stopped");
    assert!(process.wait().success());
}

#[test]
fn a_log_that_is_closed_stops_no_request_and_its_lines_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start_unread(&mut program(&dir));
    process.close_log();
    ask(&process, AT_ONCE);
    process.wait_for_metric("log_lines_dropped_total", |lines| lines >= AT_ONCE as f64);
    process.signal("TERM");
    assert!(process.wait().success());
}

#[test]
fn no_client_writes_into_the_log_what_a_reader_would_take_for_something_else() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(&mut program(&dir));
    // C1 controls, a direction, a line and a paragraph separator, a mark that cannot be seen, a space that is none; and letters.
    assert_eq!(process.status("/api/users/\u{85}\u{9b}\u{202e}\u{2028}\u{2029}\u{feff}\u{a0}é漢"), 404);
    let line = process.wait_for_log("request finished");
    assert_eq!(line["path"], r"/api/users/\u{85}\u{9b}\u{202e}\u{2028}\u{2029}\u{feff}\u{a0}é漢");
}

#[test]
fn what_a_client_writes_into_the_log_is_short() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(&mut program(&dir));
    let mut stream = process.connect();
    let (method, path) = ("M".repeat(2000), format!("/api/users/{}", "é".repeat(30_000)));
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 405"), "{response}");
    let line = process.wait_for_log("request finished");
    assert_eq!(line["method"], format!("{}…", "M".repeat(32)));
    assert_eq!(line["path"], format!("/api/users/{}…", "é".repeat(512 - "/api/users/".len())));
}

#[test]
fn a_refusal_to_start_waits_for_no_reader() {
    let dir = tempfile::tempdir().unwrap();
    let first = Process::start(&mut program(&dir));
    // A pipe that is full, and stays so as long as its reader lives.
    let script = r#"mkfifo "$0/log" && exec 3<>"$0/log"; yes | dd of="$0/log" oflag=nonblock 2>"$0/dd"; exec "$@" 2>&3"#;
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(dir.path()).arg(env!("CARGO_BIN_EXE_users-svc"));
    command.env("DATA_DIR", dir.path()).env("PORT", first.address().port().to_string());
    assert_eq!(command.status().unwrap().code(), Some(1));
}
