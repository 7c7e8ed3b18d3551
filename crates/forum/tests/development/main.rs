//! `forum dev` with its issuer, as a person who develops a client uses both.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "in tests")]

mod client;
mod login;
mod machine;
mod token;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use client::{Client, TestResponse};
use http_test::Process;
use serde_json::{Value, json};

/// `forum` with those arguments and data.
fn forum(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forum"));
    command.env_clear().env("DATA_DIR", dir).args(arguments).stdout(Stdio::null());
    command
}

/// A running `forum dev` on sample data of its own.
struct Dev {
    process: Process,
    dir: tempfile::TempDir,
}

impl Dev {
    fn start(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let process = Process::start(forum(dir.path(), &["dev"]).args(arguments));
        Self { process, dir }
    }

    fn client(&self) -> Client {
        Client::new(&self.process)
    }

    /// What `forum token` prints for this server.
    fn token(&self, user: &str) -> String {
        let port = self.process.address().port().to_string();
        let output = run(forum(self.dir.path(), &["token", user, "--port", &port]));
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let printed = String::from_utf8(output.stdout).unwrap();
        let token = printed.strip_suffix('\n').unwrap();
        assert!(!token.contains(char::is_whitespace), "{printed:?}");
        token.to_owned()
    }
}

fn run(mut command: Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap()
}

/// A start or a command that fails: what it says.
fn refusal(command: Command) -> String {
    let output = run(command);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{message}");
    message
}

/// The post that Bob has among the sample data.
const POST_OF_BOB: &str = "/api/posts/1";

fn post(content: &str) -> Value {
    json!({ "threadId": "1", "content": content })
}
