//! Writes log lines to standard error, on a thread of its own, so that nothing waits for whoever reads them.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// How many lines wait at the most for standard error to take them; more are dropped. A second of a busy server's lines, 3 MB.
const QUEUE: usize = 8192;
/// How often the log says at the most that it lacks lines.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// Counts the lines that did not fit into the queue.
static QUEUE_FULL: OnceLock<ErrorCounter> = OnceLock::new();
/// Counts the lines that standard error did not take.
static NOT_WRITTEN: AtomicU64 = AtomicU64::new(0);

/// What writes lines without waiting. The guard waits for those in the queue when it is dropped, a second at the most.
pub(crate) fn start() -> (NonBlocking, WorkerGuard) {
    let builder = NonBlockingBuilder::default().buffered_lines_limit(QUEUE).thread_name("log");
    let (queue, guard) = builder.finish(LogWriter { inner: io::stderr(), reported: 0, next_report: None });
    let _ = QUEUE_FULL.set(queue.error_counter());
    (queue, guard)
}

/// How many lines were dropped since the start.
pub(crate) fn dropped_lines() -> u64 {
    queue_full() + NOT_WRITTEN.load(Ordering::Relaxed)
}

fn queue_full() -> u64 {
    QUEUE_FULL.get().map_or(0, |counter| counter.dropped_lines() as u64)
}

struct LogWriter<W> {
    inner: W,
    /// How many dropped lines the log has told of.
    reported: u64,
    next_report: Option<Instant>,
}

impl<W> LogWriter<W> {
    /// Tells the reader of the log that it lacks lines. The report is a line like others: it may be dropped too, and is then repeated.
    fn report_dropped_lines(&mut self) {
        let lines = dropped_lines();
        if lines == self.reported || self.next_report.is_some_and(|next| Instant::now() < next) {
            return;
        }
        let before = queue_full();
        tracing::warn!(lines, "log lines were dropped since the start: standard error is not read fast enough");
        if queue_full() == before {
            self.reported = lines;
            self.next_report = Some(Instant::now() + REPORT_EVERY);
        }
    }
}

impl<W: Write> Write for LogWriter<W> {
    /// Writes a line, which is given whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.inner.write_all(line) {
            Ok(()) => self.report_dropped_lines(),
            // Nobody could be told.
            Err(_) => _ = NOT_WRITTEN.fetch_add(1, Ordering::Relaxed),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
