//! Everything that a command prints: its result on standard output, all else on standard error. Nothing else in this crate writes
//! to either.
//!
//! A closed pipe is not an error: the reader may stop early, as `head` does. The exit code of the command is then the same as otherwise.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use db_adapter::forum;
use http_kit::telemetry;
use serde::Serialize;

/// The form of a command's result and of its progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For machines: one line of JSON.
    Json,
}

/// Prints the result of a command.
///
/// # Errors
/// Standard output cannot be written, as a full disk cannot; a closed pipe is no error.
pub(crate) fn print(format: Format, result: &(impl Display + Serialize)) -> Result<()> {
    match format {
        Format::Text => print_text(result),
        Format::Json => print_text(serde_json::to_string(result)? + "\n"),
    }
}

/// Prints the result of a command whose standard output holds data instead, to standard error. Errors are ignored.
pub(crate) fn print_aside(format: Format, result: &(impl Display + Serialize)) {
    match format {
        Format::Text => note(result),
        Format::Json => note(serde_json::json!(result)),
    }
}

/// Prints the result of a command that has only one form. The text ends with a line break.
///
/// # Errors
/// As [`print()`].
pub(crate) fn print_text(text: impl Display) -> Result<()> {
    let text = text.to_string();
    let mut stdout = io::stdout().lock();
    unless_closed(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Prints help or the version, or why the command line is wrong.
pub(crate) fn print_usage(usage: &clap::Error) -> ExitCode {
    let printed = usage.print().and_then(|()| io::stdout().flush());
    match unless_closed(printed) {
        Err(error) if !usage.use_stderr() => {
            print_error(&error);
            ExitCode::FAILURE
        }
        _ => u8::try_from(usage.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

/// A number of things in words: `1 item`, `2 items`.
pub(crate) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A number of items of each table, by [`db_adapter::Table::name`]: `1 post, 2 threads`.
pub(crate) fn per_table<'a>(counts: impl IntoIterator<Item = (&'a str, u64)>) -> String {
    let count = |(name, count)| plural(count, forum::table(name).map_or(name, |table| table.singular), name);
    counts.into_iter().map(count).collect::<Vec<_>>().join(", ")
}

fn unless_closed(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Prints the address of a server that has started. The server does not depend on a reader: errors are ignored, and a blocked reader is
/// waited for only briefly.
pub(crate) fn greet(text: String) {
    telemetry::print(io::stdout(), text);
}

/// Prints a question and reads the line that the person at the terminal types, without the white space around it.
///
/// # Errors
/// Standard output cannot be written, or standard input cannot be read.
pub(crate) fn ask(question: &str) -> Result<String> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(question.as_bytes()).and_then(|()| stdout.flush()).context("cannot write to standard output")?;
    let mut line = String::new();
    io::stdin().read_line(&mut line).context("cannot read standard input")?;
    Ok(line.trim().to_owned())
}

/// Prints progress or a warning to standard error. Errors are ignored: the command continues without it.
pub(crate) fn note(text: impl Display) {
    let mut text = text.to_string();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Prints why the command failed; as JSON to standard output too, for who reads only that.
pub(crate) fn print_failure(error: &anyhow::Error, json: bool) {
    print_error(error);
    if json {
        // Where standard output cannot be written, the reason is on standard error all the same.
        let _ = print_text(serde_json::json!({ "error": format!("{error:#}") }).to_string() + "\n");
    }
}

/// Prints why the command failed.
pub(crate) fn print_error(error: &anyhow::Error) {
    telemetry::print(io::stderr(), format!("error: {error:#}\n"));
}
