//! Logs, JSON for machines or pretty for people, on standard error; and the start of the metrics.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::config::LogFormat;
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

/// Waits for the lines that are not written yet when it is dropped, but not for a log that nobody reads.
#[derive(Debug)]
#[must_use = "the last lines of the log are lost without it"]
pub struct Logs {
    guard: Option<WorkerGuard>,
}

impl Drop for Logs {
    fn drop(&mut self) {
        let guard = self.guard.take();
        // The guard prints to standard output where the queue is full, which may wait without end.
        wait_for(move || drop(guard));
    }
}

/// Sends the process's logs, and its panics, to standard error, and installs the recorder of the metrics. Once per process, before
/// a store is opened: what is counted before, a store keeps in series that nobody sees. Later calls change nothing.
pub fn init(format: LogFormat, filter: &str) -> Logs {
    metrics::install();
    let (queue, guard) = log_writer::start(format);
    let registry = tracing_subscriber::registry().with(EnvFilter::new(filter));
    // Errors of the formatter itself would be written to standard error at once, whoever waits.
    let started = match format {
        LogFormat::Json => {
            let json = fmt::layer().json().flatten_event(true).with_span_list(false);
            registry.with(json.log_internal_errors(false).with_writer(queue)).try_init()
        }
        LogFormat::Pretty => {
            let ansi = std::io::stderr().is_terminal();
            registry.with(fmt::layer().with_ansi(ansi).log_internal_errors(false).with_writer(queue)).try_init()
        }
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let location = panic.location().map(ToString::to_string).unwrap_or_default();
            let message = panic.payload_as_str().unwrap_or("panicked");
            tracing::error!(location, message, "panic");
        }));
    }
    Logs { guard: Some(guard) }
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
