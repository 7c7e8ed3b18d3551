//! `forum fold`: compaction of the JSON files.

use anyhow::{Result, ensure};
use clap::Args;
use clap::error::ErrorKind;
use db_adapter::Backend;
use db_adapter::config::StoreConfig;
use db_adapter::forum::TABLES;
use db_adapter::json;

use crate::{Outcome, output};

/// Write the journals of the JSON files into their snapshots, so that the snapshots are complete and can be read or edited
///
/// No other process may use the files at the same time. A snapshot that was edited by hand while its journal still held writes is
/// accepted: these writes are applied to the edited snapshot.
#[derive(Debug, Args)]
#[command(after_help = "Example: forum fold --data-dir data/store")]
pub(crate) struct Arguments {
    #[command(flatten)]
    store: StoreConfig,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    if arguments.store.backend == Backend::DynamoDb {
        let usage = "forum fold works on JSON files; leave out --use-dynamodb (USE_DYNAMODB)";
        return Err(crate::command().error(ErrorKind::ArgumentConflict, usage).into());
    }
    let folder = &arguments.store.data_dir;
    ensure!(folder.is_dir(), "no such folder: {}; --data-dir (DATA_DIR) names the store", folder.display());
    json::compact(&TABLES, arguments.store.json()).await?;
    output::print_text(format_args!("wrote the journals in {} into the snapshots\n", arguments.store.data_dir.display()))?;
    Ok(Outcome::Done)
}
