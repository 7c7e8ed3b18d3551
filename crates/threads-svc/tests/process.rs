//! The program: it serves, and leaves in order.

use std::process::Command;

use http_test::{Process, settings_are_documented};

#[test]
fn it_serves_and_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_threads-svc"));
    let mut process = Process::start(command.env_clear().env("DATA_DIR", dir.path()));
    for path in ["/health", "/api/threads/health", "/api/threads", "/api/threads/openapi.json"] {
        assert_eq!(process.status(path), 200, "{path}");
    }
    process.signal("INT");
    assert!(process.wait().success());
}

#[test]
fn its_settings_are_documented() {
    settings_are_documented("threads-svc", &mut Command::new(env!("CARGO_BIN_EXE_threads-svc")));
}
