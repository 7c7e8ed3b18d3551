//! Measures the forum beside the limits of the machine and what a user would take instead, and writes `docs/benchmarks.md`.
//!
//! | file | what |
//! |---|---|
//! | `scenario`, `scenario/*` | what is measured, one file each |
//! | `round` | interleaved rounds over the variants of a scenario |
//! | `load` | the load generator: closed loop, HdrHistogram |
//! | `server`, `endpoint`, `tools` | the processes that are measured, and how they are obtained |
//! | `limit` | the bare servers and programs that show what the machine allows; run as processes of their own |
//! | `data` | the data that is served, the same in every run |
//! | `figures`, `report` | what came out, as Markdown and plots |
//! | `scale`, `scale/*` | where the schema stops on DynamoDB, calculated: `docs/scale.md` |

mod cli;
mod data;
mod endpoint;
mod figures;
mod limit;
mod load;
mod machine;
mod metrics_text;
mod place;
mod progress;
mod report;
mod round;
mod scale;
mod scenario;
mod server;
mod tools;
mod variant;

use std::process::ExitCode;

use clap::Parser;

use self::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Some(Command::Limit(limit)) => limit::run(limit),
        Some(Command::Scale) => scale::run(),
        None => scenario::run(cli.settings),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
