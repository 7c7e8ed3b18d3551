//! An in-process DynamoDB for tests that are not asynchronous themselves.

use assert_cmd::assert::Assert;
use assert_cmd::cargo::cargo_bin_cmd;

/// Serves as long as the test.
pub(crate) struct Dynamo {
    _runtime: tokio::runtime::Runtime,
    pub(crate) endpoint: String,
}

impl Dynamo {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
        Self { _runtime: runtime, endpoint }
    }

    /// Runs `forum` with this endpoint and no other settings.
    pub(crate) fn run(&self, arguments: &[&str]) -> Assert {
        cargo_bin_cmd!("forum").env_clear().env("DYNAMODB_ENDPOINT", &self.endpoint).args(arguments).assert()
    }
}
