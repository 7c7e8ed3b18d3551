//! `forum tables`: the tables on DynamoDB.

mod schema;
pub(super) mod status;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use db_adapter::config::DynamoConfig;
use db_adapter::dynamodb::DynamoStore;
use db_adapter::dynamodb::tables::{self, TableChange, TimeToLive};
use db_adapter::forum::TABLES;

use crate::data::dynamodb::drift::drift;
use crate::{Outcome, Tables, output};

/// Create, delete or check the tables on DynamoDB, or print their declaration
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create every table with its indexes, time to live and on-demand billing; adds missing indexes to existing tables
    ///
    /// Exit code 3 if a table that exists is not as declared. [API: CreateTable, DescribeTable, UpdateTable, DescribeTimeToLive,
    /// UpdateTimeToLive]
    #[command(after_help = "Example: forum tables create --endpoint http://localhost:8000")]
    Create {
        #[command(flatten)]
        dynamodb: DynamoConfig,
    },
    /// Delete every table and everything in it; asks first [API: DeleteTable]
    #[command(after_help = "Example: forum tables delete --endpoint http://localhost:8000 --yes")]
    Delete {
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        dynamodb: DynamoConfig,
    },
    Status(status::Arguments),
    Schema(schema::Arguments),
}

pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    match arguments.command {
        Command::Create { dynamodb } => {
            let store = dynamodb.open().await?;
            let changes = tables::create(&store).await?;
            let drift = drift_of_existing(&store, &changes).await?;
            report(&dynamodb, &changes, &drift, "created", "already exists")?;
            return Ok(Outcome::of_comparison(!drift.is_empty()));
        }
        Command::Delete { yes, dynamodb } => {
            let store = dynamodb.open().await?;
            if !yes {
                let question = question(&dynamodb, &store, &TABLES);
                // Not on this thread, so that an interruption is heeded meanwhile.
                tokio::task::spawn_blocking(move || confirm(&question)).await??;
            }
            report(&dynamodb, &tables::delete(&store).await?, &Drift::new(), "deleted", "does not exist")?;
        }
        Command::Status(arguments) => return status::run(arguments, &TABLES).await,
        Command::Schema(arguments) => return schema::run(arguments),
    }
    Ok(Outcome::Done)
}

/// How tables differ from their declaration, by [`db_adapter::Table::name`].
type Drift = BTreeMap<&'static str, Vec<String>>;

/// How the tables that were there before differ.
async fn drift_of_existing(store: &DynamoStore, changes: &[TableChange]) -> Result<Drift> {
    let mut found = Drift::new();
    for change in changes.iter().filter(|change| !change.changed) {
        let Some(table) = db_adapter::forum::table(change.table) else { continue };
        let Some(description) = tables::describe(store, table).await? else { continue };
        let differences = drift(table, &description);
        if !differences.is_empty() {
            found.insert(table.name, differences);
        }
    }
    Ok(found)
}

fn report(dynamodb: &DynamoConfig, changes: &[TableChange], drift: &Drift, done: &str, unchanged: &str) -> Result<()> {
    let line = |TableChange { table, name, changed, added_indexes, time_to_live }: &TableChange| {
        let mut what = match &added_indexes[..] {
            _ if *changed => done.to_owned(),
            [] => unchanged.to_owned(),
            added => format!("{unchanged}; added {}", added.join(", ")),
        };
        match time_to_live {
            TimeToLive::Unchanged => {}
            TimeToLive::Enabled(_) if *changed => {}
            TimeToLive::Enabled(attribute) => what += &format!("; time to live by {attribute} is on"),
            TimeToLive::Unsupported => what += "; time to live is not supported by this endpoint",
        }
        let differences = drift.get(table).into_iter().flatten().map(|difference| format!("  differs: {difference}\n"));
        format!("{name} in {}: {what}\n", dynamodb.aws_region) + &differences.collect::<String>()
    };
    output::print_text(changes.iter().map(line).collect::<String>())
}

/// Asks the person at the terminal, who confirms by typing `delete`.
fn confirm(question: &str) -> Result<()> {
    if !io::stdin().is_terminal() {
        bail!("{question}\nnot a terminal; pass --yes to confirm");
    }
    let line = output::ask(&format!("{question}\nType delete to confirm: "))?;
    if line == "delete" { Ok(()) } else { bail!("nothing was deleted") }
}

pub(super) fn question(dynamodb: &DynamoConfig, store: &DynamoStore, tables: Tables) -> String {
    let endpoint = dynamodb.dynamodb_endpoint.as_deref().unwrap_or("AWS");
    let names: String = tables.iter().map(|table| format!("\n  {}", store.table_name(table))).collect();
    format!("This deletes these tables in {} ({endpoint}) with everything in them:{names}", dynamodb.aws_region)
}
