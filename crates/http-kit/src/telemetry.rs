//! Logs, JSON for machines or pretty for people, on standard error; and the start of metrics and traces.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use db_adapter::layer::TracedStore;
use tracing::Subscriber;
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::config::{LogFormat, ServerConfig};
use crate::service::SharedStore;
use crate::traces::Exporter;
use crate::{log_writer, metrics};

/// How long a program waits for whoever reads what it prints: twice of what the log's guard may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Says of what happens all the time when it is time to log it: once a minute.
#[derive(Debug, Default)]
pub(crate) struct OnceAMinute(Mutex<Option<Instant>>);

impl OnceAMinute {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Is it time? Then not again for a minute.
    pub(crate) fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= Duration::from_secs(60));
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

/// Waits for the lines and spans that are not sent yet when it is dropped, but not for a log that nobody reads.
#[derive(Debug)]
#[must_use = "the last lines of the log are lost without it"]
pub struct Logs {
    guard: Option<WorkerGuard>,
    traces: Option<Exporter>,
}

impl Logs {
    /// The store, in front of which its calls become spans where traces are sent.
    pub fn traced(&self, store: SharedStore) -> SharedStore {
        if self.traces.is_some() { Arc::new(TracedStore::new(store)) } else { store }
    }

    /// Waits until the spans that have ended are sent, but not for a collector that does not take them.
    pub async fn send_traces(&self) {
        if let Some(traces) = &self.traces {
            traces.flush(PATIENCE).await;
        }
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        if let Some(traces) = self.traces.take() {
            wait_for(move || traces.shutdown(PATIENCE));
        }
        let guard = self.guard.take();
        // The guard prints to standard output where the queue is full, which may wait without end.
        wait_for(move || drop(guard));
    }
}

/// Sends the process's logs, and its panics, to standard error, and installs the recorder of the metrics. Once per process, before
/// a store is opened: what is counted before, a store keeps in series that nobody sees. Later calls change nothing.
pub fn init(format: LogFormat, filter: &str) -> Logs {
    start(format, filter, None)
}

/// As [`init`], for a program that serves: it sends traces too, where its settings say so. Within a runtime.
///
/// # Errors
/// What to set, for the person who starts the program.
pub fn init_to_serve(config: &ServerConfig) -> Result<Logs, String> {
    let endpoint = config.otel_exporter_otlp_endpoint.as_deref();
    let traces = endpoint.map(|endpoint| Exporter::start(endpoint, config.otel_service_name.clone())).transpose()?;
    Ok(start(config.log_format, &config.rust_log, traces))
}

fn start(format: LogFormat, filter: &str, traces: Option<Exporter>) -> Logs {
    metrics::install();
    let (queue, guard) = log_writer::start(format);
    let filter = EnvFilter::new(filter);
    let started = match &traces {
        // One filter for all costs less than one of the log's own.
        None => tracing_subscriber::registry().with(filter).with(lines(format, queue)).try_init(),
        // What is not logged may be a span all the same.
        Some(traces) => {
            tracing_subscriber::registry().with(lines(format, queue).with_filter(filter)).with(traces.layer()).try_init()
        }
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let location = panic.location().map(ToString::to_string).unwrap_or_default();
            let message = panic.payload_as_str().unwrap_or("panicked");
            tracing::error!(location, message, "panic");
        }));
    }
    Logs { guard: Some(guard), traces }
}

/// Errors of the formatter itself would be written to standard error at once, whoever waits.
fn lines<S>(format: LogFormat, queue: NonBlocking) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    match format {
        LogFormat::Json => {
            let json = fmt::layer().json().flatten_event(true).with_span_list(false);
            json.log_internal_errors(false).with_writer(queue).boxed()
        }
        LogFormat::Pretty => {
            let ansi = std::io::stderr().is_terminal();
            fmt::layer().with_ansi(ansi).log_internal_errors(false).with_writer(queue).boxed()
        }
    }
}

/// Prints a text to a stream that perhaps nobody reads: does not wait for long, and does not mind that it is closed.
pub fn print(mut stream: impl Write + Send + 'static, text: String) {
    wait_for(move || {
        let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
    });
}

/// Does what may wait without end, and waits for it a while only.
fn wait_for(work: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let worker = thread::Builder::new().spawn(move || {
        work();
        let _ = done.send(());
    });
    if worker.is_ok() {
        let _ = ended.recv_timeout(PATIENCE);
    }
}
