//! `forum seed`: the sample data.

use std::fmt;

use anyhow::Result;
use clap::Args;
use db_adapter::config::StoreConfig;
use db_adapter::forum::TABLES;
use serde::Serialize;

use crate::command::arguments::{FenceArguments, OutputArguments};
use crate::data::samples::{self, Counts};
use crate::{Outcome, output};

/// Write the sample data
#[derive(Debug, Args)]
#[command(about = about(), after_help = "Example: USE_DYNAMODB=true forum seed --endpoint http://localhost:8000")]
pub(crate) struct Arguments {
    #[command(flatten)]
    fence: FenceArguments,

    #[command(flatten)]
    output: OutputArguments,

    #[command(flatten)]
    store: StoreConfig,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    let store = arguments.fence.settings(&arguments.store).open().await?;
    let created = samples::seed(&*store, &TABLES).await?;
    store.close().await?;
    output::print(arguments.output.format(), &Seeded { created })?;
    Ok(Outcome::Done)
}

fn about() -> String {
    format!("Write the sample data: {}; existing items are left unchanged", samples::declared(&TABLES))
}

/// The sample items that did not exist before.
#[derive(Debug, Serialize)]
struct Seeded {
    created: Counts,
}

impl fmt::Display for Seeded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "created {}; existing items were left unchanged", self.created)
    }
}
