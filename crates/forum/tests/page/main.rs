//! The page of `forum dev`, without scripts.

#![expect(clippy::panic, clippy::unwrap_used, reason = "in tests")]

mod account;
mod browser;
mod forms;
mod long;
mod reading;
mod writing;

use std::process::{Command, Stdio};

use browser::{Browser, encoded};
use http_test::Process;
use serde_json::{Value, json};

/// A running `forum dev` on sample data of its own.
struct Dev {
    process: Process,
    _dir: tempfile::TempDir,
}

impl Dev {
    fn start() -> Self {
        Self::of(&[])
    }

    /// On these items in place of the sample data, if there are any: by the name of their table.
    fn of(tables: &[(&str, Vec<Value>)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (table, items) in tables {
            std::fs::write(dir.path().join(format!("{table}.json")), Value::from(items.clone()).to_string()).unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_forum"));
        command.env_clear().env("DATA_DIR", dir.path()).arg("dev").stdout(Stdio::null());
        Self { process: Process::start(&mut command), _dir: dir }
    }

    /// Somebody who is not logged in.
    fn browser(&self) -> Browser {
        Browser::new(&self.process)
    }

    /// That person of the sample data, logged in.
    fn person(&self, id: &str) -> Browser {
        Browser::of(&self.process, id)
    }

    /// What the API says at that path.
    fn api(&self, path: &str) -> Value {
        let page = self.browser().send("GET", path, &[], "");
        assert_eq!(page.status, 200, "{page:?}");
        serde_json::from_str(&page.html).unwrap()
    }

    /// Writes through the API, as anybody.
    fn write(&self, path: &str, body: &Value) -> Value {
        let page = self.browser().send("POST", path, &[("Content-Type", "application/json")], &body.to_string());
        assert_eq!(page.status, 201, "{page:?}");
        serde_json::from_str(&page.html).unwrap()
    }
}

/// Text that a careless page would run or be broken by.
const HOSTILE: &str = r#"<script>alert(1)</script>"'><img src=x onerror=alert(1)>&amp;"#;

fn post(content: &str) -> Value {
    json!({ "threadId": "1", "userId": "2", "content": content })
}
