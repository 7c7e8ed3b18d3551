//! The program: how it starts, says no, and leaves.

#![expect(clippy::unwrap_used, reason = "in tests")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};

use http_test::{Process, settings_are_documented};
use tempfile::TempDir;

fn program(dir: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_users-svc"));
    command.env_clear().env("DATA_DIR", dir.path());
    command
}

/// The end of a program that says no.
fn refused(command: &mut Command) -> (i32, String) {
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn on_sigterm_it_says_so_serves_on_and_lets_requests_finish() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(program(&dir).env("SHUTDOWN_GRACE_SECONDS", "3600"));
    assert_eq!((process.status("/health"), process.status("/api/users/health")), (200, 200));
    let idle = process.connect();

    process.signal("TERM");
    process.wait_for_log("shutting down: readiness");
    assert_eq!(process.status("/api/users/health"), 503);
    assert_eq!((process.status("/health"), process.status("/api/users")), (200, 200));

    // In flight: the head is read, the body is not there yet.
    let mut stream = process.connect();
    let body = r#"{"email":"ann@example.com","name":"Ann"}"#;
    write!(
        stream,
        "POST /api/users HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    )
    .unwrap();
    let mut goes_on = [0; 25];
    stream.read_exact(&mut goes_on).unwrap();
    assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");

    process.signal("INT");
    process.wait_for_log("shutting down: requests in flight");
    stream.write_all(body.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 201 Created\r\n"), "{response}");
    assert!(process.wait().success());
    drop(idle);

    // And what was acknowledged is there for the next one.
    let process = Process::start(&mut program(&dir));
    let location = response.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    assert_eq!(process.status(location), 200);
}

#[test]
fn a_request_is_one_log_line() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(&mut program(&dir));
    assert_eq!(process.status("/api/users/none"), 404);
    let line = process.wait_for_log("request finished");
    assert_eq!((&line["method"], &line["path"]), (&"GET".into(), &"/api/users/none".into()));
    assert_eq!((&line["route"], &line["status"]), (&"/api/users/{userId}".into(), &404.into()));
    assert!(line["latency_ms"].is_number() && line["span"]["request_id"].is_string(), "{line}");
}

#[test]
fn on_sigint_it_leaves_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(program(&dir).env("SHUTDOWN_GRACE_SECONDS", "3600"));
    process.signal("INT");
    assert!(process.wait().success());
}

#[test]
fn limits_are_on_where_an_issuer_says_who_asks() {
    // An issuer that is not there is asked for the first token only.
    let issuer = [("AUTH_ISSUER", "http://127.0.0.1:9"), ("AUTH_AUDIENCE", "forum")];
    for (settings, on) in [
        (vec![], false),
        (vec![("RATE_LIMITS", "on")], true),
        (issuer.to_vec(), true),
        ([issuer.as_slice(), &[("RATE_LIMITS", "off")]].concat(), false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let process = Process::start(program(&dir).envs(settings.clone()));
        let response = process.get("/api/users");
        assert!(response.starts_with("HTTP/1.1 200"), "{settings:?}: {response}");
        assert_eq!(response.contains("\r\nratelimit-policy: "), on, "{settings:?}: {response}");
    }
}

#[test]
fn a_port_that_is_taken_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, message) = refused(program(&dir).env("PORT", &port));
    assert_eq!(code, 1);
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(message.contains(&format!("127.0.0.1:{port} is taken")) && message.contains("PORT"), "{message}");
}

#[test]
fn a_bad_setting_is_named_with_its_value_and_what_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    for (variable, value, allowed) in [
        ("PORT", "70000", "from 0 to 65535"),
        ("LOG_FORMAT", "xml", "json, pretty"),
        ("MAX_IN_FLIGHT", "none", "from 1 to 1000000"),
    ] {
        let (code, message) = refused(program(&dir).env(variable, value));
        assert_eq!(code, 2);
        assert!([variable, value, allowed].iter().all(|part| message.contains(part)), "{message}");
    }
}

/// As Compose and shells write variables that have no value.
#[test]
fn a_variable_that_is_empty_is_as_one_that_is_not_set() {
    let dir = tempfile::tempdir().unwrap();
    let help = |command: &mut Command| String::from_utf8(command.arg("--help").output().unwrap().stdout).unwrap();
    let help = help(&mut program(&dir));
    let variables: Vec<_> = help.split("[env: ").skip(1).filter_map(|rest| rest.split('=').next()).collect();
    assert!(variables.len() > 15 && variables.contains(&"PORT") && variables.contains(&"USE_DYNAMODB"), "{variables:?}");
    let mut command = program(&dir);
    command.envs(variables.iter().filter(|name| **name != "DATA_DIR").map(|name| (name, "")));
    let process = Process::start(&mut command);
    assert_eq!(process.status("/api/users"), 200);
}

#[test]
fn a_boolean_is_written_in_any_case() {
    let dir = tempfile::tempdir().unwrap();
    for value in ["false", "False", "FALSE", "0"] {
        let process = Process::start(program(&dir).env("USE_DYNAMODB", value).env("DATA_DIR_SINGLE_WRITER", value));
        assert_eq!(process.status("/api/users/health"), 200);
    }
    for value in ["True", "TRUE", "1"] {
        let process = Process::start(program(&dir).env("DATA_DIR_SINGLE_WRITER", value));
        assert_eq!(process.status("/api/users/health"), 200);
    }
}

#[test]
fn a_store_that_cannot_open_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (code, message) = refused(program(&dir).env("DATA_DIR", &file).env("PORT", "0"));
    assert_eq!(code, 1);
    assert!(message.starts_with("users-svc: ") && message.lines().count() == 1, "{message}");
}

/// Another process keeps the lock of the table, as one that is stopped does: here it is the test.
#[test]
fn a_lock_that_stands_still_is_told_by_readiness_by_writes_and_by_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let settings = [("LOCK_TIMEOUT_SECONDS", "1"), ("SHUTDOWN_GRACE_SECONDS", "0")];
    let mut process = Process::start(program(&dir).envs(settings));
    assert_eq!(process.status("/api/users/health"), 200);
    let lock = std::fs::File::open(dir.path().join("users.lock")).unwrap();
    lock.lock().unwrap();
    for _ in 0..2 {
        let response = post(&process, r#"{"email":"ann@example.com","name":"Ann"}"#);
        assert!(response.starts_with("HTTP/1.1 503 ") && response.contains("retry-after: "), "{response}");
        assert!(!response.contains("users.lock"), "{response}");
    }
    assert_eq!((process.status("/health"), process.status("/api/users/health")), (200, 503));
    assert_eq!(process.status("/api/users/none"), 404);

    let (code, said) = refused(program(&dir).envs(settings).env("PORT", "0"));
    assert_eq!(code, 1, "{said}");
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("users-svc: ") && last.contains("users.lock"), "{said}");
    assert!(said.contains("the start waits for a lock"), "{said}");

    // Nothing is queued, so that nothing is left.
    process.signal("TERM");
    assert!(process.wait().success());
    lock.unlock().unwrap();
    let process = Process::start(&mut program(&dir));
    assert!(post(&process, r#"{"email":"ann@example.com","name":"Ann"}"#).starts_with("HTTP/1.1 201 "));
}

fn post(process: &Process, body: &str) -> String {
    let mut stream = process.connect();
    let head = "POST /api/users HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Type: application/json\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn help_shows_every_setting_with_its_default() {
    let dir = tempfile::tempdir().unwrap();
    let output = program(&dir).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for setting in ["[env: PORT=] [default: 3001]", "[env: HOST=] [default: 127.0.0.1]", "SHUTDOWN_GRACE_SECONDS", "USE_DYNAMODB"]
    {
        assert!(help.split_whitespace().collect::<Vec<_>>().join(" ").contains(setting), "{setting} is not in\n{help}");
    }
}

#[test]
fn healthcheck_asks_the_server_that_its_settings_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(&mut program(&dir));
    let port = process.address().port().to_string();
    let healthcheck = |host| program(&dir).arg("healthcheck").env("PORT", &port).env("HOST", host).output().unwrap();
    assert!(healthcheck("127.0.0.1").status.success());
    assert!(healthcheck("0.0.0.0").status.success());
    process.signal("INT");
    assert!(process.wait().success());
    let output = healthcheck("127.0.0.1");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("does not respond"));
}

#[test]
fn its_settings_are_documented() {
    settings_are_documented("users-svc", &mut Command::new(env!("CARGO_BIN_EXE_users-svc")));
}
