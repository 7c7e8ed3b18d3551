//! The interface that AWS Lambda has for its functions: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// How long a function may take: its start on a busy machine is in it.
const PATIENCE: Duration = Duration::from_secs(120);

/// What became of an invocation: its response, or the error that the function reported.
pub type Outcome = Result<Value, Value>;

type Invocation = (Value, oneshot::Sender<Outcome>);

/// The interface of the runtime, which functions ask for events.
#[derive(Debug)]
pub struct RuntimeApi {
    /// Where it listens: the value of `AWS_LAMBDA_RUNTIME_API`.
    pub address: SocketAddr,
    events: mpsc::UnboundedSender<Invocation>,
}

#[derive(Debug)]
struct Running {
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    invocations: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
    next_id: AtomicU64,
}

impl RuntimeApi {
    /// Listens there, as long as the runtime of this task exists.
    pub async fn listen(address: &str) -> Self {
        let (events, receiver) = mpsc::unbounded_channel();
        let running =
            Running { events: tokio::sync::Mutex::new(receiver), invocations: Mutex::default(), next_id: AtomicU64::new(0) };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::new(running));
        let listener = TcpListener::bind(address).await.expect("a free address");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { address, events }
    }

    /// What a function makes of an event.
    pub async fn invoke(&self, event: Value) -> Outcome {
        let (outcome, ended) = oneshot::channel();
        self.events.send((event, outcome)).expect("it listens");
        tokio::time::timeout(PATIENCE, ended).await.expect("a response in time").expect("a response")
    }
}

async fn next(State(running): State<Arc<Running>>) -> impl IntoResponse {
    let Some((event, outcome)) = running.events.lock().await.recv().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let id = format!("invocation-{}", running.next_id.fetch_add(1, Ordering::Relaxed));
    running.invocations.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), outcome);
    let deadline = SystemTime::now() + Duration::from_secs(29);
    let headers = [
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:forum".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-65f0a1b2-0123456789abcdef01234567;Sampled=0".to_owned()),
    ];
    (headers, Json(event)).into_response()
}

async fn response(State(running): State<Arc<Running>>, Path(id): Path<String>, response: Bytes) -> StatusCode {
    running.end(&id, Ok(serde_json::from_slice(&response).expect("JSON")))
}

async fn error(State(running): State<Arc<Running>>, Path(id): Path<String>, error: Bytes) -> StatusCode {
    running.end(&id, Err(serde_json::from_slice(&error).expect("JSON")))
}

impl Running {
    fn end(&self, id: &str, outcome: Outcome) -> StatusCode {
        let invocation = self.invocations.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        match invocation.map(|invocation| invocation.send(outcome)) {
            Some(_) => StatusCode::ACCEPTED,
            None => StatusCode::BAD_REQUEST,
        }
    }
}
