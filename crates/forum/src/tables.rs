//! `forum tables`: the DynamoDB tables themselves.

mod schema;
pub(crate) mod settings;
pub(crate) mod status;

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use db_adapter::config::DynamoConfig;
use db_adapter::dynamodb::tables::{self, TableChange};
use db_adapter::forum::in_reference_order;

use crate::Outcome;

/// Create or delete the DynamoDB tables, or show what is declared
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create the three tables with their indexes, on-demand billing; leaves alone what is there [API: CreateTable]
    #[command(after_help = "Example: forum tables create --endpoint http://localhost:8000")]
    Create {
        #[command(flatten)]
        dynamodb: DynamoConfig,
    },
    /// Delete the three tables and everything in them; asks first [API: DeleteTable]
    #[command(after_help = "Example: forum tables delete --endpoint http://localhost:8000 --yes")]
    Delete {
        /// Do not ask
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
            report(&dynamodb, &tables::create(&store).await?, "created", "was there already");
        }
        Command::Delete { yes, dynamodb } => {
            if !yes {
                confirm(&dynamodb)?;
            }
            let store = dynamodb.open().await?;
            report(&dynamodb, &tables::delete(&store).await?, "deleted", "was not there");
        }
        Command::Status(arguments) => return status::run(arguments).await,
        Command::Schema(arguments) => return schema::run(arguments),
    }
    Ok(Outcome::Done)
}

fn report(dynamodb: &DynamoConfig, changes: &[TableChange], done: &str, unchanged: &str) {
    for TableChange { name, changed, .. } in changes {
        println!("{name} in {}: {}", dynamodb.aws_region, if *changed { done } else { unchanged });
    }
}

/// Asks the person at the terminal; only the word itself is a yes.
fn confirm(dynamodb: &DynamoConfig) -> Result<()> {
    let place = dynamodb.dynamodb_endpoint.as_deref().unwrap_or("AWS");
    let names: Vec<_> = in_reference_order().into_iter().map(|table| format!("  {}", dynamodb.table_name(table))).collect();
    let listed = names.join("\n");
    let question = format!("This deletes, with everything in them, in {} ({place}):\n{listed}", dynamodb.aws_region);
    if !io::stdin().is_terminal() {
        bail!("{question}\nnot a terminal; pass --yes to confirm");
    }
    print!("{question}\nType delete to go on: ");
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("cannot read the answer")?;
    if answer.trim() == "delete" { Ok(()) } else { bail!("nothing was deleted") }
}
