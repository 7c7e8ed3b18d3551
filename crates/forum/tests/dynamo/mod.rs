//! An in-process DynamoDB for tests that are not asynchronous themselves.

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
}
