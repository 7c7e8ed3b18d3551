//! Receiving the body of a request, whole, before the request is handled.
//!
//! Then a request that is refused has no body left that the connection would stumble over, a body that never arrives takes no place
//! among the requests in flight, and nothing was written when one breaks off.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::limits::client;
use crate::problem::Problem;

/// The maximum number of bytes in a request body; more is 413.
pub(crate) const MAX_BODY_BYTES: usize = 512 * 1024;

/// How long a body may be as slow as it likes: a connection may take so long to recover from a lost packet.
const GRACE: Duration = Duration::from_secs(5);
/// Bytes a second that a body must bring on average after that.
const LEAST_RATE: u64 = 1024;

/// What bodies may take of this process, all together and each.
#[derive(Debug, Clone)]
pub(crate) struct Bodies {
    memory: Arc<Semaphore>,
    clients: Option<Clients>,
    timeout: Duration,
}

/// What the bodies of one client may take of that.
#[derive(Debug, Clone)]
struct Clients {
    of_each: usize,
    trusted_proxy_hops: usize,
    memory: Arc<Mutex<HashMap<IpAddr, Arc<Semaphore>>>>,
}

/// A part of the memory of all, and the same part of the client's.
type Taken = [Option<OwnedSemaphorePermit>; 2];

/// A request whose body is there, and the memory that it takes.
pub(crate) struct Received {
    pub(crate) request: Request<Body>,
    pub(crate) memory: Taken,
}

impl Bodies {
    /// `memory` is how many bytes the bodies of all requests may take at once; each body must be there within `timeout`.
    pub(crate) fn new(memory: usize, timeout: Duration) -> Self {
        Self { memory: Arc::new(Semaphore::new(memory.min(Semaphore::MAX_PERMITS))), clients: None, timeout }
    }

    /// With so many bytes of it at most for the bodies of each client, before which so many trusted proxies stand.
    #[must_use]
    pub(crate) fn of_each_client(self, of_each: usize, trusted_proxy_hops: usize) -> Self {
        Self { clients: Some(Clients { of_each, trusted_proxy_hops, memory: Arc::default() }), ..self }
    }

    /// Reads the body.
    ///
    /// # Errors
    /// The response to a request whose body is too large (413), too slow (408), broken (400), or one too many (503). It closes the
    /// connection, as the rest of the body may still come.
    pub(crate) async fn receive(&self, request: Request<Body>) -> Result<Received, Response> {
        let of_client = self.clients.as_ref().map(|clients| clients.memory(&request));
        let (parts, body) = request.into_parts();
        let (bytes, memory) = self.read(body, of_client.as_ref()).await.map_err(closing)?;
        Ok(Received { request: Request::from_parts(parts, Body::from(bytes)), memory })
    }

    async fn read(&self, mut body: Body, of_client: Option<&Arc<Semaphore>>) -> Result<(Bytes, Taken), Problem> {
        // A client that asked to be told to go on (100-continue) is told 413 instead, as nothing was read.
        if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
            return Err(too_large());
        }
        let started = Instant::now();
        let (mut first, mut whole) = (Bytes::new(), Vec::new());
        let mut taken = Taken::default();
        loop {
            let length = first.len() + whole.len();
            let Some(frame) = timeout_at(self.patience(started, length), body.frame()).await.map_err(|_| too_slow())? else {
                break;
            };
            // Trailers say nothing that we know.
            let Ok(data) = frame.map_err(|_| Problem::unreadable("the request body ended early"))?.into_data() else { continue };
            if length + data.len() > MAX_BODY_BYTES {
                return Err(too_large());
            }
            for (memory, taken) in [Some(&self.memory), of_client].into_iter().flatten().zip(&mut taken) {
                let more = Arc::clone(memory).try_acquire_many_owned(u32::try_from(data.len()).unwrap_or(u32::MAX));
                let more = more.map_err(|_| Problem::unavailable("too many request bodies at once", 1))?;
                match taken {
                    Some(taken) => taken.merge(more),
                    None => *taken = Some(more),
                }
            }
            // Most bodies come in one piece, which is not copied.
            if length == 0 {
                first = data;
            } else {
                whole.extend_from_slice(&std::mem::take(&mut first));
                whole.extend_from_slice(&data);
            }
        }
        Ok((if whole.is_empty() { first } else { whole.into() }, taken))
    }

    /// When to give up on a body of which so many bytes have come.
    fn patience(&self, started: Instant, length: usize) -> Instant {
        let at_least_rate = Duration::from_millis(length as u64 * 1000 / LEAST_RATE);
        started + self.timeout.min(GRACE + at_least_rate)
    }
}

impl Clients {
    /// The memory of the request's client. That of clients without a body, of which nobody else has a pointer, is forgotten.
    fn memory(&self, request: &Request<Body>) -> Arc<Semaphore> {
        let client = client::network(client::address(request, self.trusted_proxy_hops));
        let mut clients = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|_, memory| Arc::strong_count(memory) > 1);
        Arc::clone(clients.entry(client).or_insert_with(|| Arc::new(Semaphore::new(self.of_each.min(Semaphore::MAX_PERMITS)))))
    }
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the request body is larger than {MAX_BODY_BYTES} bytes"))
}

fn too_slow() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "the request body did not arrive in time; nothing was written")
}

/// The response to a request of which something may still come, so that the connection cannot serve another one.
pub(crate) fn closing(problem: Problem) -> Response {
    let mut response = problem.into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
