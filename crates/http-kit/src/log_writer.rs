//! Writes log lines to standard error, on a thread of its own, so that nothing waits for whoever reads them; and without characters
//! that a reader would not see as what they are.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

use crate::config::LogFormat;

/// How many lines wait at the most for standard error to take them; more are dropped. A second of a busy server's lines, 3 MB.
const QUEUE: usize = 8192;
/// How often the log says at the most that it lacks lines.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// Counts the lines that did not fit into the queue.
static QUEUE_FULL: OnceLock<ErrorCounter> = OnceLock::new();
/// Counts the lines that standard error did not take.
static NOT_WRITTEN: AtomicU64 = AtomicU64::new(0);

/// What writes lines without waiting. The guard waits for those in the queue when it is dropped, a second at the most.
pub(crate) fn start(format: LogFormat) -> (NonBlocking, WorkerGuard) {
    let builder = NonBlockingBuilder::default().buffered_lines_limit(QUEUE).thread_name("log");
    let (queue, guard) = builder.finish(LogWriter { inner: io::stderr(), format, reported: 0, next_report: None });
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

/// A text for the log: no more than so many characters of it, and an ellipsis for the others.
pub(crate) fn cut(text: &str, max_chars: usize) -> Cow<'_, str> {
    if text.len() <= max_chars {
        return text.into();
    }
    let end = text.char_indices().nth(max_chars).and_then(|(end, _)| text.get(..end));
    end.map_or(text.into(), |start| format!("{start}…").into())
}

/// The line with control, format and separator characters written as `\u{…}`. Those of ASCII are the formatter's: it escapes what comes
/// in fields, and uses some itself.
fn escaped(line: &[u8], format: LogFormat) -> Cow<'_, [u8]> {
    // Nearly every line. Without a branch for each byte, which the compiler makes quick.
    if !line.iter().fold(false, |found, byte| found | (*byte >= 0x7f)) {
        return line.into();
    }
    // In a string of JSON the backslash is escaped itself.
    let mark = if format == LogFormat::Json { r"\\u" } else { r"\u" };
    let mut text = String::with_capacity(line.len() + 64);
    for char in String::from_utf8_lossy(line).chars() {
        if char >= '\x7f' && is_misleading(char) {
            let _ = write!(text, "{mark}{{{:x}}}", u32::from(char));
        } else {
            text.push(char);
        }
    }
    text.into_bytes().into()
}

/// Does it do something to a text, rather than to be seen in it?
fn is_misleading(char: char) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator, SpaceSeparator};
    let category = CodePointMapData::<GeneralCategory>::new().get(char);
    matches!(category, Control | Format | LineSeparator | ParagraphSeparator | SpaceSeparator)
}

struct LogWriter<W> {
    inner: W,
    format: LogFormat,
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
        match self.inner.write_all(&escaped(line, self.format)) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("{\"path\":\"/a b\"}\n", "{\"path\":\"/a b\"}\n")]
    #[case("\u{85}\u{9b}31m\u{7f}", r"\u{85}\u{9b}31m\u{7f}")]
    #[case("\u{202e}\u{2066}\u{200b}\u{feff}\u{ad}", r"\u{202e}\u{2066}\u{200b}\u{feff}\u{ad}")]
    #[case("\u{2028}\u{2029}\u{a0}\u{3000}", r"\u{2028}\u{2029}\u{a0}\u{3000}")]
    #[case("é漢🦀…", "é漢🦀…")]
    #[case("\u{1b}[2mtime\u{1b}[0m é\n", "\u{1b}[2mtime\u{1b}[0m é\n")]
    fn what_a_reader_would_not_see_is_escaped(#[case] line: &str, #[case] written: &str) {
        assert_eq!(String::from_utf8_lossy(&escaped(line.as_bytes(), LogFormat::Pretty)), written);
        let written = written.replace(r"\u{", r"\\u{");
        assert_eq!(String::from_utf8_lossy(&escaped(line.as_bytes(), LogFormat::Json)), written);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("", 0), "");
        assert_eq!(cut("ééé", 3), "ééé");
        assert_eq!(cut("ééé", 2), "éé…");
        assert_eq!(cut("abc", 0), "…");
    }

    #[test]
    fn a_writer_that_fails_takes_lines_all_the_same() {
        struct Failing;
        impl Write for Failing {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut writer = LogWriter { inner: Failing, format: LogFormat::Json, reported: 0, next_report: None };
        let before = dropped_lines();
        writer.write_all(b"{}\n").unwrap();
        assert_eq!(dropped_lines(), before + 1);
    }
}
