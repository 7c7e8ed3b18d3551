//! `forum`: the forum on one port for development, and the operator's commands.

#![deny(clippy::print_stderr, clippy::print_stdout, reason = "output.rs prints")]

mod archive;
mod backup;
mod checksum;
mod cost;
mod dev;
mod fold;
mod interrupt;
mod location;
mod migrate;
mod output;
mod pitr_restore;
mod progress;
mod rate;
mod restore;
mod seed;
mod source;
mod tables;
mod verify;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use http_kit::binary::{self, Allocator};
use http_kit::config::without_empty_variables;

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

#[derive(Debug, Subcommand)]
enum Command {
    Dev(dev::Arguments),
    Tables(tables::Arguments),
    Seed(seed::Arguments),
    Verify(verify::Arguments),
    Backup(backup::Arguments),
    Restore(restore::Arguments),
    Migrate(migrate::Arguments),
    PitrRestore(pitr_restore::Arguments),
    Fold(fold::Arguments),
    Cost(cost::Arguments),
}

/// The tables that a command works on: those that are declared, and in tests others.
pub(crate) type Tables = &'static [&'static db_adapter::Table];

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What was asked for is done.
    Done,
    /// The command compares, and found differences.
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

#[tokio::main]
async fn main() -> ExitCode {
    let parsed = without_empty_variables(command()).try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(usage) => return output::print_usage(&usage),
    };
    match run(cli.command).await {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            output::print_error(&error);
            ExitCode::FAILURE
        }
    }
}

/// The command line, with the port that `dev` listens on by default.
fn command() -> clap::Command {
    Cli::command().mut_subcommand("dev", |dev| binary::with_port(dev, "8080"))
}

async fn run(command: Command) -> Result<Outcome> {
    match command {
        Command::Dev(arguments) => dev::run(arguments).await,
        Command::Tables(arguments) => tables::run(arguments).await,
        Command::Seed(arguments) => seed::run(arguments).await,
        Command::Verify(arguments) => verify::run(arguments).await,
        Command::Backup(arguments) => backup::run(arguments).await,
        Command::Restore(arguments) => restore::run(arguments).await,
        Command::Migrate(arguments) => migrate::run(arguments).await,
        Command::PitrRestore(arguments) => pitr_restore::run(arguments).await,
        Command::Fold(arguments) => fold::run(arguments).await,
        Command::Cost(arguments) => cost::run(arguments),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
