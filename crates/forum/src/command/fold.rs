//! `forum fold`: compaction of the JSON files.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use clap::error::ErrorKind;
use db_adapter::Backend;
use db_adapter::config::StoreConfig;
use db_adapter::forum::TABLES;
use db_adapter::json;
use serde::Serialize;

use crate::command::arguments::OutputArguments;
use crate::{Outcome, output};

/// Write the journals of the JSON files into their snapshots, so that the snapshots are complete and can be read or edited
///
/// No other process may use the files at the same time. A snapshot that was edited by hand while its journal still held writes is
/// accepted: these writes are applied to the edited snapshot.
#[derive(Debug, Args)]
#[command(after_help = "Example: forum fold --data-dir data/store")]
pub(crate) struct Arguments {
    #[command(flatten)]
    output: OutputArguments,

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
    let items = json::compact(&TABLES, arguments.store.json()).await?;
    let folded = Folded { folder: folder.clone(), items: items.into_iter().map(|(table, items)| (table.name, items)).collect() };
    output::print(arguments.output.format(), &folded)?;
    Ok(Outcome::Done)
}

/// The items in the snapshots.
#[derive(Debug, Serialize)]
struct Folded {
    folder: PathBuf,
    /// By table.
    items: BTreeMap<&'static str, u64>,
}

impl fmt::Display for Folded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "wrote the journals in {} into the snapshots", self.folder.display())
    }
}
