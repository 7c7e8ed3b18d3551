//! `forum seed`: the sample data.

use anyhow::Result;
use clap::Args;
use db_adapter::config::StoreConfig;
use db_adapter::forum::TABLES;

use crate::command::arguments::FenceArguments;
use crate::data::samples;
use crate::{Outcome, output};

/// Write the sample data
#[derive(Debug, Args)]
#[command(about = about(), after_help = "Example: USE_DYNAMODB=true forum seed --endpoint http://localhost:8000")]
pub(crate) struct Arguments {
    #[command(flatten)]
    fence: FenceArguments,

    #[command(flatten)]
    store: StoreConfig,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    let store = arguments.fence.settings(&arguments.store).open().await?;
    let seeded = samples::seed(&*store, &TABLES).await?;
    store.close().await?;
    output::print_text(format_args!("created {seeded}; existing items were left unchanged\n"))?;
    Ok(Outcome::Done)
}

fn about() -> String {
    format!("Write the sample data: {}; existing items are left unchanged", samples::declared(&TABLES))
}
