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

/// Two processes on the same files: one has the API, the other one the page.
#[test]
fn with_web_it_serves_the_page_of_an_api_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let titled = r#"[{"threadId":"1","title":"Seeds & bulbs","createdAt":"2026-01-05T10:00:00.000Z"}]"#;
    std::fs::write(dir.path().join("threads.json"), titled).unwrap();
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_threads-svc"));
        command.env_clear().env("DATA_DIR", dir.path());
        command
    };
    let api = Process::start(&mut program());
    let with_page = |port: u16| {
        let mut command = program();
        let url = format!("http://127.0.0.1:{port}");
        command.env("WEB", "true").env("WEB_URL", "http://localhost:8080").env("API_URL", url);
        command
    };
    let page = Process::start(&mut with_page(api.address().port()));
    assert!(page.get("/").contains("Seeds &amp; bulbs"));
    assert_eq!((page.status("/threads/none"), page.status("/api/threads/1"), api.status("/")), (404, 200, 404));
    drop(api);
    assert_eq!(page.status("/"), 503);

    for (missing, present) in [("WEB_URL", "API_URL"), ("API_URL", "WEB_URL")] {
        let mut command = program();
        let output = command.env("PORT", "0").env("WEB", "true").env(present, "http://localhost:1").output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && message.contains(&format!("needs {missing}")), "{message}");
    }
    let output = with_page(1).env("WEB_CLIENT_ID", "page").env("PORT", "0").output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("WEB_COOKIE_KEY"));
}

#[test]
fn its_settings_are_documented() {
    settings_are_documented("threads-svc", &mut Command::new(env!("CARGO_BIN_EXE_threads-svc")));
}
