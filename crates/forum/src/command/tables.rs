//! `forum tables`: the tables on DynamoDB.

mod schema;
pub(super) mod status;

use std::io::{self, IsTerminal};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use db_adapter::config::DynamoConfig;
use db_adapter::dynamodb::DynamoStore;
use db_adapter::dynamodb::tables::{self, TableChange, TimeToLive};
use db_adapter::forum::TABLES;

use crate::{Outcome, Tables, output};

/// Create, delete or check the tables on DynamoDB, or print their declaration
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create every table with its indexes, time to live and on-demand billing; leaves existing tables unchanged [API: CreateTable,
    /// UpdateTable, DescribeTimeToLive, UpdateTimeToLive]
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
            report(&dynamodb, &tables::create(&store).await?, "created", "already exists")?;
        }
        Command::Delete { yes, dynamodb } => {
            let store = dynamodb.open().await?;
            if !yes {
                confirm(&question(&dynamodb, &store, &TABLES))?;
            }
            report(&dynamodb, &tables::delete(&store).await?, "deleted", "does not exist")?;
        }
        Command::Status(arguments) => return status::run(arguments, &TABLES).await,
        Command::Schema(arguments) => return schema::run(arguments),
    }
    Ok(Outcome::Done)
}

fn report(dynamodb: &DynamoConfig, changes: &[TableChange], done: &str, unchanged: &str) -> Result<()> {
    let line = |TableChange { name, changed, added_indexes, time_to_live, .. }: &TableChange| {
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
        format!("{name} in {}: {what}\n", dynamodb.aws_region)
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
