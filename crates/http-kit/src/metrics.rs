//! Prometheus metrics of this process.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse;
use metrics::{Gauge, Histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::log_writer;
use crate::telemetry::OnceAMinute;

/// Requests by method, route and status; seconds from the first byte of the request's handling to the response's head.
pub const REQUEST_DURATION: &str = "http_request_duration_seconds";
/// Requests that are being handled.
pub const IN_FLIGHT: &str = "http_requests_in_flight";
/// Errors of accepting connections, as when no more files can be opened.
pub const ACCEPT_ERRORS: &str = "accept_errors_total";
/// Log lines that were dropped because standard error was not read fast enough.
pub const LOG_LINES_DROPPED: &str = "log_lines_dropped_total";

/// Connections that are open.
pub const CONNECTIONS: &str = "http_connections";
/// Connections that were refused because there were too many.
pub const CONNECTIONS_REFUSED: &str = "http_connections_refused_total";
/// Bytes of large responses that clients have not read yet.
pub const UNSENT: &str = "http_response_bytes_unsent";

/// Upper bounds of the latency histogram in seconds: from a point read in memory to a request that times out.
const BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// To find a series in the recorder costs more than to record in it: those that were found are kept.
static REQUESTS_IN_FLIGHT: LazyLock<Gauge> = LazyLock::new(|| {
    install();
    metrics::gauge!(IN_FLIGHT)
});
static OPEN: LazyLock<Gauge> = LazyLock::new(|| {
    install();
    metrics::gauge!(CONNECTIONS)
});
static UNSENT_BYTES: LazyLock<Gauge> = LazyLock::new(|| {
    install();
    metrics::gauge!(UNSENT)
});
/// By route.
static DURATIONS: LazyLock<RwLock<HashMap<String, Vec<Durations>>>> = LazyLock::new(RwLock::default);

/// The durations of requests with one method and status.
struct Durations {
    method: &'static str,
    status: StatusCode,
    histogram: Histogram,
}

/// Installs the recorder; once per process, however often it is called.
pub fn install() -> &'static PrometheusHandle {
    RECORDER.get_or_init(|| {
        let named = Matcher::Full(REQUEST_DURATION.to_owned());
        let builder = PrometheusBuilder::new();
        let builder = match builder.set_buckets_for_metric(named, &BUCKETS) {
            Ok(builder) => builder,
            Err(_) => PrometheusBuilder::new(),
        };
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Another recorder means that whoever embeds us keeps its own metrics; ours stay empty then.
        let _ = metrics::set_global_recorder(recorder);
        metrics::describe_histogram!(REQUEST_DURATION, metrics::Unit::Seconds, "Requests by method, route and status");
        metrics::describe_gauge!(IN_FLIGHT, "Requests that are being handled");
        metrics::describe_gauge!(CONNECTIONS, "Connections that are open");
        metrics::describe_counter!(CONNECTIONS_REFUSED, "Connections that were refused because there were too many");
        metrics::describe_gauge!(UNSENT, metrics::Unit::Bytes, "Large responses that clients have not read yet");
        metrics::describe_counter!(ACCEPT_ERRORS, "Errors of accepting connections, as when no more files can be opened");
        metrics::describe_counter!(LOG_LINES_DROPPED, "Log lines that were dropped: standard error was not read fast enough");
        handle
    })
}

/// Says how many connections are open now.
pub(crate) fn connections(open: usize) {
    OPEN.set(open as f64);
}

/// Counts a connection that was one too many. A line a minute says that there are some.
pub(crate) fn connection_refused() {
    static LOG: OnceAMinute = OnceAMinute::new();
    install();
    metrics::counter!(CONNECTIONS_REFUSED).increment(1);
    if LOG.is_due() {
        tracing::warn!("connections are refused: there are MAX_CONNECTIONS, or MAX_CONNECTIONS_PER_ADDRESS of one address");
    }
}

/// Says how many bytes of large responses clients have not read yet.
pub(crate) fn unsent(bytes: usize) {
    UNSENT_BYTES.set(bytes as f64);
}

/// Keeps the histograms' memory bounded while nobody asks for metrics. Runs until it is dropped.
pub(crate) async fn upkeep() {
    let mut timer = tokio::time::interval(Duration::from_secs(1));
    loop {
        timer.tick().await;
        install().run_upkeep();
    }
}

pub(crate) async fn metrics() -> impl IntoResponse {
    let recorder = install();
    metrics::counter!(LOG_LINES_DROPPED).absolute(log_writer::dropped_lines());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], recorder.render())
}

pub(crate) fn record(method: &Method, route: &str, status: StatusCode, latency: Duration) {
    let method = label(method);
    let is_known = {
        let known = DURATIONS.read().unwrap_or_else(PoisonError::into_inner);
        let found =
            known.get(route).and_then(|known| known.iter().find(|known| (known.method, known.status) == (method, status)));
        found.map(|durations| durations.histogram.record(latency)).is_some()
    };
    if !is_known {
        let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.as_str().to_owned())];
        let histogram = metrics::histogram!(REQUEST_DURATION, &labels);
        histogram.record(latency);
        let mut known = DURATIONS.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(route.to_owned()).or_default().push(Durations { method, status, histogram });
    }
}

/// Clients can invent methods, and every label value costs memory.
fn label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// A request counts as in flight as long as this lives: also when its client goes away.
pub(crate) struct InFlight;

impl InFlight {
    pub(crate) fn start() -> Self {
        REQUESTS_IN_FLIGHT.increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        REQUESTS_IN_FLIGHT.decrement(1.0);
    }
}
