//! The interface that AWS Lambda has for its functions, and the program behind it:
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::collections::HashMap;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

/// What became of an invocation: its response, or the error that the function reported.
type Outcome = Result<Value, Value>;

struct Runtime {
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<(Value, oneshot::Sender<Outcome>)>>,
    running: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
}

impl Runtime {
    fn end(&self, id: &str, outcome: Outcome) -> StatusCode {
        let invocation = self.running.lock().unwrap().remove(id).unwrap();
        let _ = invocation.send(outcome);
        StatusCode::ACCEPTED
    }
}

async fn next(State(runtime): State<Arc<Runtime>>) -> impl IntoResponse {
    let (event, outcome) = runtime.events.lock().await.recv().await.unwrap();
    let id = format!("invocation-{}", runtime.running.lock().unwrap().len());
    runtime.running.lock().unwrap().insert(id.clone(), outcome);
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(29);
    let headers = [
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:forum".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-65f0a1b2-0123456789abcdef01234567;Sampled=0".to_owned()),
    ];
    (headers, Json(event))
}

async fn response(State(runtime): State<Arc<Runtime>>, Path(id): Path<String>, response: Bytes) -> StatusCode {
    runtime.end(&id, Ok(serde_json::from_slice(&response).unwrap()))
}

async fn error(State(runtime): State<Arc<Runtime>>, Path(id): Path<String>, error: Bytes) -> StatusCode {
    runtime.end(&id, Err(serde_json::from_slice(&error).unwrap()))
}

/// `forum-lambda`, as AWS runs it.
pub(crate) struct Function {
    child: Child,
    events: mpsc::UnboundedSender<(Value, oneshot::Sender<Outcome>)>,
    _data: tempfile::TempDir,
}

/// The program with the variables that AWS sets, on JSON files in that folder.
pub(crate) fn program(data: &std::path::Path, runtime: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forum-lambda"));
    command.env_clear().env("DATA_DIR", data).env("LOG_FORMAT", "json").env("RUST_LOG", "warn").envs([
        ("AWS_LAMBDA_FUNCTION_NAME", "forum"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_RUNTIME_API", runtime),
    ]);
    command
}

impl Function {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with these variables.
    pub(crate) async fn start_with(variables: &[(&str, &str)]) -> Self {
        let (events, receiver) = mpsc::unbounded_channel();
        let runtime = Arc::new(Runtime { events: tokio::sync::Mutex::new(receiver), running: Mutex::default() });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(runtime);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        let data = tempfile::tempdir().unwrap();
        let mut program = program(data.path(), &address);
        program.env("AUTH", "off").env("TRUSTED_PROXY_HOPS", "1").envs(variables.iter().copied());
        let child = program.spawn().unwrap();
        Self { child, events, _data: data }
    }

    /// What the function makes of an event.
    pub(crate) async fn invoke(&self, event: Value) -> Outcome {
        let (outcome, ended) = oneshot::channel();
        self.events.send((event, outcome)).unwrap();
        tokio::time::timeout(Duration::from_secs(60), ended).await.expect("a response").unwrap()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
