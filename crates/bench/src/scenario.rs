//! What is measured. Each scenario makes its servers, says what is compared, and names the goals that the figures should meet.

mod bulk;
mod cache;
mod durable_post;
mod dynamodb;
mod identity;
mod lambda;
pub(crate) mod mixed;
mod pages;
mod point_read;
mod startup;
mod write_latency;

use anyhow::{Result, bail, ensure};
use chrono::{SecondsFormat, Utc};
use clap::ValueEnum;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Profile, Settings};
use crate::figures::{Measured, Section};
use crate::machine::Machine;
use crate::place::Place;
use crate::report::{self, Results};
use crate::tools;

/// A scenario, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    PointRead,
    Identity,
    DurablePost,
    WriteLatency,
    Pages,
    Mixed,
    Dynamodb,
    Cache,
    Startup,
    Lambda,
    Bulk,
}

/// Runs what is asked for, and writes the report.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(settings: Settings) -> Result<()> {
    let mine = if cfg!(debug_assertions) { Profile::Dev } else { Profile::Release };
    ensure!(
        settings.profile == mine,
        "the limits are part of this program, so it must be built as what it measures: cargo run --release -p bench, \
         or for trying cargo run -p bench -- --profile dev"
    );
    tools::check_present()?;
    let place = Place::new(settings)?;
    if !place.settings.no_build {
        tools::build(&place)?;
    }
    // Before what needs it runs for an hour.
    for version in tools::JSON_SERVERS {
        tools::json_server(&place, version)?;
    }
    tools::pocketbase(&place)?;
    let commit = tools::commit(&place.root)?;
    let machine = Machine::this(&place.cores)?;
    place.cores.pin_this_process()?;

    let (mut interrupted, mut terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let results = Results::open(&place)?;
    let only = &place.settings.only;
    let mut failed = Vec::new();
    for name in Name::value_variants().iter().filter(|name| only.is_empty() || only.contains(name)) {
        let label = name.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        eprintln!("{label}");
        let measured = tokio::select! {
            measured = measure(*name, &place) => measured,
            // Returning ends what was started.
            _ = interrupted.recv() => bail!("interrupted"),
            _ = terminated.recv() => bail!("interrupted"),
        };
        match measured {
            Ok(section) => results.keep(
                &label,
                &Measured {
                    section,
                    commit: commit.clone(),
                    date: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
                    machine: machine.clone(),
                },
            )?,
            Err(error) => {
                eprintln!("error: {label}: {error:#}");
                failed.push(label);
            }
        }
        // After each, so that a run that is stopped leaves what it has.
        report::write(&place, &results.all()?)?;
    }
    if !failed.is_empty() {
        bail!("not measured: {}", failed.join(", "));
    }
    Ok(())
}

async fn measure(name: Name, place: &Place) -> Result<Section> {
    match name {
        Name::PointRead => point_read::measure(place).await,
        Name::Identity => identity::measure(place).await,
        Name::DurablePost => durable_post::measure(place).await,
        Name::WriteLatency => write_latency::measure(place).await,
        Name::Pages => pages::measure(place).await,
        Name::Mixed => mixed::measure(place).await,
        Name::Dynamodb => dynamodb::measure(place).await,
        Name::Cache => cache::measure(place).await,
        Name::Startup => startup::measure(place).await,
        Name::Lambda => lambda::measure(place).await,
        Name::Bulk => bulk::measure(place).await,
    }
}

/// A count as people write it.
fn grouped(count: usize) -> String {
    match count {
        0..1000 => count.to_string(),
        _ if count.is_multiple_of(1_000_000) => format!("{} M", count / 1_000_000),
        _ if count.is_multiple_of(1000) => format!("{} k", count / 1000),
        _ => count.to_string(),
    }
}
