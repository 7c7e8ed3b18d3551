//! Logs, JSON for machines or pretty for people, on standard error; and the start of the metrics.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::config::LogFormat;
use crate::metrics;

/// Sends the process's logs, and its panics, to standard error, and installs the recorder of the metrics. Once per process, before
/// a store is opened: what is counted before, a store keeps in series that nobody sees. Later calls change nothing.
pub fn init(format: LogFormat, filter: &str) {
    metrics::install();
    let registry = tracing_subscriber::registry().with(EnvFilter::new(filter));
    let started = match format {
        LogFormat::Json => {
            let json = fmt::layer().json().flatten_event(true).with_span_list(false);
            registry.with(json.with_writer(std::io::stderr)).try_init()
        }
        LogFormat::Pretty => {
            let ansi = std::io::stderr().is_terminal();
            registry.with(fmt::layer().with_ansi(ansi).with_writer(std::io::stderr)).try_init()
        }
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let location = panic.location().map(ToString::to_string).unwrap_or_default();
            let message = panic.payload_as_str().unwrap_or("panicked");
            tracing::error!(location, message, "panic");
        }));
    }
}
