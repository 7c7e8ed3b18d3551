//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::limit::Limit;
use crate::scenario::Name;

/// Measure the forum beside the limits of this machine, json-server and PocketBase, and write docs/benchmarks.md
///
/// Builds what it needs, and keeps what it makes in target/bench. A run that differs from the default writes its report to
/// target/bench/report instead of docs.
#[derive(Debug, Parser)]
#[command(name = "bench", max_term_width = 110, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The limits that are measured, each a process of its own
    #[command(subcommand, hide = true)]
    Limit(Limit),
    /// Calculate where the schema stops on DynamoDB, for forums of every size, and write docs/scale.md
    Scale,
}

/// What to measure and how long.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// Only these scenarios, with commas; the report keeps what earlier runs of the same settings measured of the others
    #[arg(long, value_name = "SCENARIO", value_enum, value_delimiter = ',')]
    pub(crate) only: Vec<Name>,

    /// Rounds: each measures every variant once; what takes minutes a round has a quarter of them
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,

    /// Seconds of each measurement; the mixed load runs thirty times as long
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = positive)]
    pub(crate) seconds: f64,

    /// How many of the items to measure with: 1 is all, 0.001 is for trying
    #[arg(long, value_name = "FRACTION", default_value_t = 1.0, value_parser = positive)]
    pub(crate) scale: f64,

    /// How to build what is measured
    #[arg(long, value_name = "PROFILE", value_enum, default_value_t = Profile::Release)]
    pub(crate) profile: Profile,

    /// Measure the programs that are built already
    #[arg(long)]
    pub(crate) no_build: bool,

    /// Where the report goes [default: docs, or target/bench/report when seconds, scale or profile are not the default]
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

/// How to build what is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// As it is shipped.
    Release,
    /// Quickly built and slow: for trying the benchmark itself.
    Dev,
}

impl Settings {
    /// How many items stand for `full` of them.
    pub(crate) fn items(&self, full: usize) -> usize {
        ((full as f64 * self.scale) as usize).clamp(full.min(100), full.max(100))
    }

    /// Rounds of a scenario in which one takes minutes.
    pub(crate) fn rounds_of_minutes(&self) -> u32 {
        self.rounds.div_ceil(4)
    }

    /// How long one measurement takes.
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// Are these the settings of the report in docs?
    pub(crate) fn is_full(&self) -> bool {
        (self.scale, self.seconds, self.profile) == (1.0, 2.0, Profile::Release)
    }

    /// Tells apart what must not be compared.
    pub(crate) fn label(&self) -> String {
        format!("{:?}-scale-{}-seconds-{}", self.profile, self.scale, self.seconds).to_lowercase()
    }
}

fn positive(text: &str) -> Result<f64, &'static str> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or("expected a number above 0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_is_sound() {
        Cli::command().debug_assert();
        let settings = Cli::parse_from(["bench"]).settings;
        assert!(settings.is_full());
        assert_eq!(settings.items(1_000_000), 1_000_000);
        let small = Cli::parse_from(["bench", "--scale", "0.001", "--only", "point-read,mixed"]).settings;
        assert!(!small.is_full());
        assert_eq!((small.items(1_000_000), small.items(1_000), small.only.len()), (1_000, 100, 2));
        assert!(Cli::try_parse_from(["bench", "--scale", "0"]).is_err());
    }
}
