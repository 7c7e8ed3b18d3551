//! `forum fold`: the journals of the JSON files, written into the snapshots.

use anyhow::Result;
use clap::Args;
use db_adapter::config::StoreConfig;
use db_adapter::json;

use crate::Outcome;

/// Write the journals of the JSON files into their snapshots, so that these are complete and can be read or edited
///
/// No other process may use the files meanwhile. Also accepts snapshots that were edited by hand while their journals had
/// unfolded writes: the journal's writes are applied over the edited snapshot.
#[derive(Debug, Args)]
#[command(after_help = "Example: forum fold --data-dir data/store")]
pub(crate) struct Arguments {
    #[command(flatten)]
    store: StoreConfig,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    json::compact(&db_adapter::forum::TABLES, arguments.store.json()).await?;
    println!("folded the journals in {}", arguments.store.data_dir.display());
    Ok(Outcome::Done)
}
