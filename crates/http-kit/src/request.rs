//! What happens to every request, whatever it is: its id, its log line and its metric; its body, its deadline and its turn among
//! those in flight; and the request's id in every problem.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::{BoxFuture, Either, ready};
use tokio::sync::Semaphore;
use tower::Service;
use tracing::Instrument;
use uuid::Uuid;

use crate::log_writer::cut;
use crate::loopback::is_loopback_host;
use crate::metrics::InFlight;
use crate::problem::{self, Problem};
use crate::receive::{Bodies, Received, closing};
use crate::traces;

/// The header that carries a request's id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How many characters of a path, a method and a cause are logged: clients choose what they are, up to 64 KB and more.
const LOGGED_PATH: usize = 512;
const LOGGED_METHOD: usize = 32;
const LOGGED_CAUSE: usize = 2048;

/// The route of a request that matches none.
const UNMATCHED: &str = "unmatched";

/// When the request times out: work that goes in steps stops before that.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

impl Deadline {
    /// How long there still is.
    pub fn remaining(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

impl<S: Sync> FromRequestParts<S> for Deadline {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().copied().ok_or_else(|| Problem::internal("the request has no deadline: a layer is missing"))
    }
}

/// Gives a request its id, and logs and counts it. As the outermost layer it also responds where any layer panics, itself included:
/// the connection would be closed without a word.
#[derive(Debug, Clone)]
pub(crate) struct Observed<S> {
    inner: S,
}

impl<S> Observed<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S> Service<Request> for Observed<S>
where
    S: Service<Request, Error = Infallible> + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match catch_unwind(AssertUnwindSafe(|| self.observe(request))) {
            Ok(response) => Box::pin(or_500(response)),
            Err(_) => Box::pin(ready(Ok(panicked()))),
        }
    }
}

impl<S> Observed<S>
where
    S: Service<Request, Error = Infallible>,
    S::Response: IntoResponse,
{
    fn observe(&mut self, request: Request) -> impl Future<Output = Result<Response, Infallible>> + use<S> {
        let started = Instant::now();
        let id = request_id(request.headers());
        let method = request.method().clone();
        // A clone shares the bytes.
        let uri = request.uri().clone();
        let route = request.extensions().get::<MatchedPath>().cloned();

        let span = traces::request_span(&id, &method, route.as_ref(), request.headers());
        let in_flight = InFlight::start();
        let response = self.inner.call(request).instrument(span.clone());
        async move {
            let mut response = with_request_id(as_problem(response.await.into_response()), &id, &method);
            drop(in_flight);

            let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
            let latency = started.elapsed();
            crate::metrics::record(&method, route, response.status(), latency);
            traces::end_request(&span, response.status());
            span.in_scope(|| log(&method, &cut(uri.path(), LOGGED_PATH), route, &response, latency));
            if let Ok(id) = HeaderValue::try_from(id) {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            Ok(response)
        }
    }
}

/// The response, or 500 where it panics. The panic itself is logged by the hook. Made of combinators, as are the futures below: an async
/// block keeps a second place for each future that it is given, and all of them are moved with the request.
fn or_500<E>(response: impl Future<Output = Result<Response, E>>) -> impl Future<Output = Result<Response, E>> {
    AssertUnwindSafe(response).catch_unwind().map(|ended| ended.unwrap_or_else(|_| Ok(panicked())))
}

fn panicked() -> Response {
    Problem::internal("it panicked").into_response()
}

/// The hosts that requests may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hosts {
    /// Every one.
    Any,
    /// Names of this machine.
    Loopback,
}

/// How many requests may be in flight, for how long each, what their bodies may take, and which hosts they may name.
#[derive(Debug)]
pub(crate) struct Limits {
    in_flight: Semaphore,
    timeout: Duration,
    bodies: Bodies,
    hosts: Hosts,
}

impl Limits {
    pub(crate) fn new(in_flight: usize, timeout: Duration, bodies: Bodies, hosts: Hosts) -> Self {
        Self { in_flight: Semaphore::new(in_flight.min(Semaphore::MAX_PERMITS)), timeout, bodies, hosts }
    }

    /// Handles a request that is admitted: receives its body, then gives it its turn and its deadline.
    pub(crate) fn handle<S>(
        self: &Arc<Self>,
        handler: &mut S,
        mut request: Request,
        admitted: Result<(), Problem>,
    ) -> impl Future<Output = Result<Response, S::Error>> + use<S>
    where
        S: Service<Request, Response = Response, Future: Send> + Clone + Send + 'static,
        S::Error: 'static,
    {
        let limits = Arc::clone(self);
        let no_body = request.body().is_end_stream();
        if let Err(problem) = check_host(&request, self.hosts) {
            Either::Left(ready(Ok(closing(problem))))
        } else if let Err(problem) = admitted {
            // A load balancer's connection, on which nothing more of this request comes, is of use to others.
            Either::Left(ready(Ok(if no_body { problem.into_response() } else { closing(problem) })))
        } else if no_body {
            limits.begin(&mut request);
            Either::Right(Either::Left(limits.limit(handler.call(request))))
        } else {
            // On the heap, so that most requests, which have no body, do not carry what receiving one takes.
            Either::Right(Either::Right(Box::pin(limits.receive(handler.clone(), request))))
        }
    }

    async fn receive<S>(self: Arc<Self>, mut handler: S, request: Request) -> Result<Response, S::Error>
    where
        S: Service<Request, Response = Response>,
    {
        match self.bodies.receive(request).await {
            Ok(Received { mut request, memory: _memory }) => {
                self.begin(&mut request);
                self.limit(handler.call(request)).await
            }
            Err(refused) => Ok(refused),
        }
    }

    fn begin(&self, request: &mut Request) {
        request.extensions_mut().insert(Deadline(Instant::now() + self.timeout));
    }

    /// Responds in a handler's place where there are too many requests, where it takes too long, and where it panics.
    async fn limit<E>(self: Arc<Self>, response: impl Future<Output = Result<Response, E>>) -> Result<Response, E> {
        let Ok(_turn) = self.in_flight.try_acquire() else {
            return Ok(Problem::unavailable("too many requests at once", 1).into_response());
        };
        // A panic is caught here already, so that the layers above do with the 500 as with any response.
        match tokio::time::timeout(self.timeout, or_500(response)).await {
            Ok(response) => response,
            Err(_) => Ok(Problem::timeout().into_response()),
        }
    }
}

/// A request of HTTP/1.1 names its host, and no request names two (RFC 9112, section 3.2): proxies would disagree on which is meant.
fn check_host(request: &Request, allowed: Hosts) -> Result<(), Problem> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let may_have = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:%[]".contains(byte);
    let is_host = |host: &[u8]| !host.is_empty() && host.iter().all(may_have);
    match (hosts.next().map(HeaderValue::as_bytes), hosts.next()) {
        (Some(host), None) if is_host(host) && (allowed == Hosts::Any || is_loopback_host(host)) => Ok(()),
        (Some(host), None) if is_host(host) => {
            Err(Problem::misdirected("this server is for its own machine (AUTH=dev): call it localhost, 127.0.0.1 or [::1]"))
        }
        (None, _) if request.version() < Version::HTTP_11 => Ok(()),
        (None, _) => Err(Problem::unreadable("the header Host is missing")),
        (Some(_), Some(_)) => Err(Problem::unreadable("the header Host was given more than once")),
        (Some(_), None) => Err(Problem::unreadable("the header Host must be a host and, where needed, a port")),
    }
}

/// The one line about a request. A failure of ours is logged here, with its cause, and nowhere else.
fn log(method: &Method, path: &str, route: &str, response: &Response, latency: Duration) {
    let status = response.status().as_u16();
    let latency_ms = latency.as_micros() as f64 / 1000.0;
    let method = cut(method.as_str(), LOGGED_METHOD);
    let cause = response.extensions().get::<Problem>().and_then(Problem::cause).map(|cause| cut(cause, LOGGED_CAUSE));
    match cause.as_deref() {
        Some(cause) => tracing::error!(%method, path, route, status, latency_ms, cause, "failed"),
        None if status >= 500 => tracing::warn!(%method, path, route, status, latency_ms, "refused"),
        None if route.starts_with("/api/") && !route.ends_with("/health") => {
            tracing::info!(%method, path, route, status, latency_ms, "request finished");
        }
        None => tracing::debug!(%method, path, route, status, latency_ms, "request finished"),
    }
}

/// The client's id where it is fit for logs and headers, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    match given {
        Some(id) if (1..=64).contains(&id.len()) && id.bytes().all(allowed) => id.to_owned(),
        _ => Uuid::now_v7().to_string(),
    }
}

/// Errors that a library returned by itself, in plain text or empty, become problems too.
fn as_problem(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).map_or(b"".as_slice(), HeaderValue::as_bytes);
    // What an issuer says to its clients, and what a page says to people.
    let for_itself = kind == b"application/json" || kind.starts_with(b"text/html");
    let failed = status.is_client_error() || status.is_server_error();
    if !failed || for_itself || response.extensions().get::<Problem>().is_some() {
        return response;
    }
    let mut problem = Problem::new(status, status.canonical_reason().unwrap_or("error")).into_response();
    for (name, value) in response.headers() {
        if ![header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING].contains(name) {
            problem.headers_mut().append(name, value.clone());
        }
    }
    problem
}

fn with_request_id(mut response: Response, id: &str, method: &Method) -> Response {
    let Some(problem) = response.extensions().get::<Problem>() else { return response };
    let body = problem.to_json(Some((id, method)));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    response.headers_mut().remove(header::CONTENT_ENCODING);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(problem::CONTENT_TYPE));
    *response.body_mut() = if method == Method::HEAD { Body::empty() } else { Body::from(body) };
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use tower::service_fn;
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    async fn status<F>(inner: impl Fn(Request) -> F + 'static) -> u16
    where
        F: Future<Output = Result<Response, Infallible>> + Send + 'static,
    {
        let response = Observed::new(service_fn(inner)).call(Request::new(Body::empty())).await.unwrap();
        let json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == problem::CONTENT_TYPE);
        assert_eq!(json, response.status() == 500);
        response.status().as_u16()
    }

    #[tokio::test]
    async fn a_panic_of_a_layer_is_500() {
        let at_once = |_| -> std::future::Ready<_> { panic!("at once") };
        let later = async |_| panic!("later");
        assert_eq!((status(at_once).await, status(later).await), (500, 500));
    }

    /// Takes every event for a reason to panic.
    struct Panicking;

    impl Subscriber for Panicking {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, _: &Event<'_>) {
            panic!("in the log");
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    #[tokio::test]
    async fn a_panic_of_the_outermost_layer_is_500() {
        let _panicking = tracing::subscriber::set_default(Panicking);
        assert_eq!(status(async |_| Ok(Response::new(Body::empty()))).await, 500);
    }
}
