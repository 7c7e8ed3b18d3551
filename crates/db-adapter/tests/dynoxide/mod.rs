//! An in-process DynamoDB on a free port.

use tokio::net::TcpListener;

/// Starts one and returns its URL. It serves as long as the test's runtime.
pub(crate) async fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    endpoint
}
