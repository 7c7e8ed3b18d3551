//! `forum-lambda`, as AWS runs it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};

use http_test::lambda::{Outcome, RuntimeApi};
use serde_json::Value;

/// The program behind an interface of the runtime of its own, on JSON files of its own.
pub(crate) struct Function {
    child: Child,
    api: RuntimeApi,
    _data: tempfile::TempDir,
}

/// The program with the variables that AWS sets, on JSON files in that folder.
pub(crate) fn program(data: &Path, runtime: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forum-lambda"));
    command.env_clear().env("DATA_DIR", data).env("LOG_FORMAT", "json").env("RUST_LOG", "warn").envs([
        ("AWS_LAMBDA_FUNCTION_NAME", "forum"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_RUNTIME_API", &runtime.to_string()),
    ]);
    command
}

impl Function {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with these variables.
    pub(crate) async fn start_with(variables: &[(&str, &str)]) -> Self {
        let api = RuntimeApi::listen("127.0.0.1:0").await;
        let data = tempfile::tempdir().unwrap();
        let mut program = program(data.path(), api.address);
        program.env("AUTH", "off").env("TRUSTED_PROXY_HOPS", "1").envs(variables.iter().copied());
        Self { child: program.spawn().unwrap(), api, _data: data }
    }

    /// What the function makes of an event.
    pub(crate) async fn invoke(&self, event: Value) -> Outcome {
        self.api.invoke(event).await
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
