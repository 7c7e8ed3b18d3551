//! A collector of OpenTelemetry's traces: OTLP, protobuf over HTTP.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use prost::Message;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A span that was received.
#[derive(Debug, Clone)]
pub struct ReceivedSpan {
    /// The service that sent it.
    pub service: String,
    /// The trace it is of, in hexadecimal digits.
    pub trace: String,
    /// Its id, in hexadecimal digits.
    pub id: String,
    /// The id of the span that it is in; empty where it is in none.
    pub parent: String,
    /// What it is called.
    pub name: String,
    /// Its attributes, as texts.
    pub attributes: BTreeMap<String, String>,
}

type Spans = Arc<Mutex<Vec<ReceivedSpan>>>;

/// A collector on a free port, for as long as it is kept.
pub struct Collector {
    /// Where it listens: the value of `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub endpoint: String,
    spans: Spans,
    runtime: Option<Runtime>,
}

impl Collector {
    /// Begins to listen.
    pub fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let spans = Spans::default();
        let router = Router::new().route("/v1/traces", post(receive)).with_state(Arc::clone(&spans));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        runtime.spawn(async { axum::serve(TcpListener::from_std(listener).expect("a socket"), router).await });
        Self { endpoint, spans, runtime: Some(runtime) }
    }

    /// What has come of that trace.
    pub fn trace(&self, trace: &str) -> Vec<ReceivedSpan> {
        self.spans().into_iter().filter(|span| span.trace == trace).collect()
    }

    /// What has come.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // It may be dropped within another runtime, which must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn receive(State(spans): State<Spans>, body: Bytes) -> (StatusCode, [(header::HeaderName, &'static str); 1]) {
    let request = ExportTraceServiceRequest::decode(body).expect("protobuf");
    for resource in request.resource_spans {
        let service = resource.resource.map(|resource| attributes(resource.attributes)).unwrap_or_default();
        let service = service.get("service.name").cloned().unwrap_or_default();
        let received = resource.scope_spans.into_iter().flat_map(|scope| scope.spans).map(|span| ReceivedSpan {
            service: service.clone(),
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            name: span.name,
            attributes: attributes(span.attributes),
        });
        spans.lock().unwrap_or_else(PoisonError::into_inner).extend(received);
    }
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/x-protobuf")])
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|pair| (pair.key, pair.value.map(text).unwrap_or_default())).collect()
}

fn text(value: AnyValue) -> String {
    match value.value {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(any_value::Value::DoubleValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
