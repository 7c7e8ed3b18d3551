//! Traces by OTLP (protobuf over HTTP), where a collector is set: a span for each request, for each store call in it, and for each call
//! to DynamoDB in that. Where none is set, a request costs the same as without this module.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::extract::MatchedPath;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Status, TraceContextExt, TracerProvider};
use opentelemetry_http::{HeaderExtractor, HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::{Metadata, Span, Subscriber, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::https;
use crate::telemetry::OnceAMinute;

/// How long a collector may take for spans.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of its response is read.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Are spans made?
static ON: AtomicBool = AtomicBool::new(false);

/// Sends spans, in the background, to a collector.
#[derive(Debug, Clone)]
pub(crate) struct Exporter(SdkTracerProvider);

impl Exporter {
    /// To the collector at this URL, as spans of that service. From now on requests make them. Within a runtime, which sends them.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub(crate) fn start(endpoint: &str, service: Option<String>) -> Result<Self, String> {
        let client = Client { pool: Pool::builder(TokioExecutor::new()).build(https::connector()), runtime: Handle::current() };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()
            .map_err(|error| format!("OTEL_EXPORTER_OTLP_ENDPOINT: {error}"))?;
        let mut resource = Resource::builder();
        if let Some(service) = service.or_else(program) {
            resource = resource.with_service_name(service);
        }
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build();
        ON.store(true, Ordering::Relaxed);
        Ok(Self(provider))
    }

    /// What makes spans of those of the program: of its own crates, as others' tell about their insides.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + Send + Sync + 'static
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let ours = |metadata: &Metadata<'_>| {
            let of = metadata.target().split("::").next().unwrap_or_default();
            metadata.is_span() && matches!(of, "http_kit" | "db_adapter")
        };
        let layer = tracing_opentelemetry::layer().with_tracer(self.0.tracer("forum"));
        layer.with_location(false).with_threads(false).with_tracked_inactivity(false).with_filter(filter_fn(ours))
    }

    /// Sends what is not sent yet, and waits for it, as long as a program may wait.
    pub(crate) async fn flush(&self, patience: Duration) {
        let provider = self.0.clone();
        // What it waits for runs in the background.
        let flushed = tokio::task::spawn_blocking(move || provider.force_flush());
        let _ = tokio::time::timeout(patience, flushed).await;
    }

    /// Sends what is not sent yet, and no more after that.
    pub(crate) fn shutdown(&self, patience: Duration) {
        let _ = self.0.shutdown_with_timeout(patience);
    }
}

/// The name of the program's file.
fn program() -> Option<String> {
    std::env::current_exe().ok()?.file_stem()?.to_str().map(str::to_owned)
}

/// The span of a request, which every log line about it names. Where spans are sent it continues the trace that the request names
/// (W3C Trace Context), and the lines have the trace's id.
pub(crate) fn request_span(id: &str, method: &Method, route: Option<&MatchedPath>, headers: &HeaderMap) -> Span {
    if !ON.load(Ordering::Relaxed) {
        return tracing::info_span!("request", request_id = %id);
    }
    let span = tracing::info_span!("request", request_id = %id, trace_id = field::Empty, otel.kind = "server");
    let caller = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    if caller.span().span_context().is_valid() {
        // Only a span that is not enabled has no parent to set.
        let _ = span.set_parent(caller);
    }
    let context = span.context();
    let route = route.map_or("", MatchedPath::as_str);
    context.span().update_name(format!("{method} {route}").trim_end().to_owned());
    span.set_attribute("http.request.method", method.to_string());
    span.set_attribute("http.route", route.to_owned());
    span.record("trace_id", field::display(context.span().span_context().trace_id()));
    span
}

/// Says in the span of a request how it ended.
pub(crate) fn end_request(span: &Span, status: StatusCode) {
    if ON.load(Ordering::Relaxed) {
        span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            span.set_status(Status::error(""));
        }
    }
}

/// Sends on the program's runtime, as the exporter has a thread without one.
#[derive(Debug)]
struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        static FAILED: OnceAMinute = OnceAMinute::new();
        let pool = self.pool.clone();
        let received = async move {
            let (parts, body) = pool.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, MAX_RESPONSE_BYTES).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(parts, body))
        };
        let received = self.runtime.spawn(async { tokio::time::timeout(TIMEOUT, received).await }).await?;
        let received = received.unwrap_or_else(|_| Err(format!("no response in {} s", TIMEOUT.as_secs()).into()));
        let reason = match &received {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("status {}", response.status())),
            Err(error) => Some(error.to_string()),
        };
        if let Some(reason) = reason.filter(|_| FAILED.is_due()) {
            tracing::warn!(reason, "the collector of OTEL_EXPORTER_OTLP_ENDPOINT did not take spans");
        }
        received
    }
}
