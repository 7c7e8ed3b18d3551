//! `forum`: the forum on one port for development, and the operator's commands.

#![deny(clippy::print_stderr, clippy::print_stdout, reason = "output.rs prints")]

mod command;
mod cost;
mod data;
mod output;
mod run;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};
use http_kit::binary::{self, Allocator};
use http_kit::config::without_empty_variables;

use crate::command::Command;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// The forum's command-line tool
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 differences found.
#[derive(Debug, Parser)]
#[command(name = "forum", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The tables that a command works on: [`db_adapter::forum::TABLES`], and in tests others.
pub(crate) type Tables = &'static [&'static db_adapter::Table];

/// The outcome of a command that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The command did its work.
    Done,
    /// The command compared data and found differences.
    Differences,
}

impl Outcome {
    /// The outcome of a comparison.
    pub(crate) fn of_comparison(differs: bool) -> Self {
        if differs { Self::Differences } else { Self::Done }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::Differences => Self::from(3),
        }
    }
}

fn main() -> ExitCode {
    let matches = without_empty_variables(command()).try_get_matches();
    let parsed = matches.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, wants_json(&matches))));
    let (cli, json) = match parsed {
        Ok(parsed) => parsed,
        Err(usage) => return output::print_usage(&usage),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::print_failure(&anyhow::Error::new(error).context("cannot start the threads"), json);
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(cli.command.run());
    // A thread that still reads a file does not keep an interrupted command from ending.
    runtime.shutdown_background();
    match done {
        Ok(outcome) => outcome.into(),
        Err(error) => match error.downcast::<clap::Error>() {
            Ok(usage) => output::print_usage(&usage),
            Err(error) => {
                output::print_failure(&error, json);
                ExitCode::FAILURE
            }
        },
    }
}

/// Was the command, or one below it, given `--json`?
fn wants_json(matches: &ArgMatches) -> bool {
    matches.try_get_one::<bool>("json").is_ok_and(|json| json == Some(&true))
        || matches.subcommand().is_some_and(|(_, matches)| wants_json(matches))
}

/// The command line, with the port that a server listens on by default.
fn command() -> clap::Command {
    let with_port = |command| binary::with_port(command, "8080");
    ["dev", "serve", "token"].into_iter().fold(Cli::command(), |command, name| command.mut_subcommand(name, with_port))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
