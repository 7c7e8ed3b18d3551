//! `forum region`: which Region writes.

mod status;

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use db_adapter::config::{DynamoConfig, FenceConfig};
use db_adapter::dynamodb::{ControlTable, Replicas};
use db_adapter::forum::TABLES;
use db_adapter::layer::fence::takeover::{self, Refused, Repaired};
use db_adapter::{Clock, Lease, SystemClock};

use crate::command::arguments::OutputArguments;
use crate::command::next;
use crate::data::location::with_long_timeouts;
use crate::{Outcome, output};

/// Show or change which Region writes
///
/// Needs FENCE_TABLE. The steps of a failover are in docs/disaster-recovery.md.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make FENCE_TABLE and its lease; leaves what exists unchanged [API: CreateTable, UpdateTable, PutItem]
    #[command(after_help = "Example: forum region init us-east-1 --replica us-west-2 --witness us-east-2")]
    Init {
        /// The Region that writes at first
        #[arg(value_name = "REGION")]
        region: String,
        /// Replicate the table with strong consistency to this Region; without it, the table is in FENCE_REGION alone
        #[arg(long, value_name = "REGION", requires = "witness")]
        replica: Option<String>,
        /// The third Region, of which two must work; it holds no copy that can be read
        #[arg(long, value_name = "REGION", requires = "replica")]
        witness: Option<String>,
        #[command(flatten)]
        dynamodb: DynamoConfig,
        #[command(flatten)]
        fence: FenceConfig,
    },
    /// Show which Region writes, since when, and when it was last heard of [API: GetItem]
    #[command(after_help = "Example: forum region status --fence-table forum-microservices-fence-dev")]
    Status {
        #[command(flatten)]
        output: OutputArguments,
        #[command(flatten)]
        dynamodb: DynamoConfig,
        #[command(flatten)]
        fence: FenceConfig,
    },
    /// Stop writing in every Region, and wait until all have stopped [API: GetItem, PutItem]
    #[command(after_help = "Example: forum region drain --fence-table forum-microservices-fence-dev")]
    Drain {
        #[command(flatten)]
        dynamodb: DynamoConfig,
        #[command(flatten)]
        fence: FenceConfig,
    },
    /// Let this Region write: stops all others, waits until they have stopped, and adds missing claims on unique values there
    ///
    /// Takes about 17 seconds and the time to read the tables with unique values. Interrupted, it leaves no Region writing: run it again.
    /// [API: GetItem, PutItem, Scan, BatchGetItem, TransactWriteItems]
    #[command(after_help = "Example: forum region take us-west-2 --fence-table forum-microservices-fence-dev")]
    Take {
        /// The Region that shall write
        #[arg(value_name = "REGION")]
        region: String,
        /// Let it write without adding missing claims first: e-mail addresses can then be registered twice
        #[arg(long)]
        no_repair: bool,
        #[command(flatten)]
        dynamodb: DynamoConfig,
        #[command(flatten)]
        fence: FenceConfig,
    },
}

/// Runs `forum region`.
pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    match arguments.command {
        Command::Init { region, replica, witness, dynamodb, fence } => {
            let replicas = replica.zip(witness).map(|(replica, witness)| Replicas { replica, witness });
            init(&control(&fence, &dynamodb.aws_region).await?, &region, replicas.as_ref()).await?;
        }
        Command::Status { output, dynamodb, fence } => {
            let lease = control(&fence, &dynamodb.aws_region).await?;
            let lease = db_adapter::Control::read(&lease).await?.ok_or_else(no_lease)?;
            output::print(output.format(), &status::Status::new(lease, SystemClock.time_of_day()))?;
        }
        Command::Drain { dynamodb, fence } => {
            let control = control(&fence, &dynamodb.aws_region).await?;
            stop(&control, dynamodb.dynamodb_operation_timeout_ms).await?;
            let take = next::command(&["region", "take"]);
            output::print_text(format_args!("no Region writes now. Next, with the Region that shall write: {take} REGION\n"))?;
        }
        Command::Take { region, no_repair, dynamodb, fence } => {
            let dynamodb = DynamoConfig { aws_region: region, ..dynamodb };
            take(&control(&fence, &dynamodb.aws_region).await?, &dynamodb, !no_repair).await?;
        }
    }
    Ok(Outcome::Done)
}

fn no_lease() -> anyhow::Error {
    let init = next::command(&["region", "init"]);
    anyhow!("there is no lease in FENCE_TABLE. Next, with the Region that writes: {init} REGION")
}

async fn control(fence: &FenceConfig, own: &str) -> Result<ControlTable> {
    fence.open(own).await?.context("FENCE_TABLE is not set: it names the table with the lease")
}

async fn init(control: &ControlTable, region: &str, replicas: Option<&Replicas>) -> Result<()> {
    let table = if control.create(replicas).await? { "made FENCE_TABLE" } else { "FENCE_TABLE already exists" };
    let lease = if takeover::init(control, &SystemClock, region).await? {
        format!("{region} writes")
    } else {
        "its lease is left unchanged".to_owned()
    };
    output::print_text(format_args!("{table}; {lease}\n"))
}

/// Stops every Region, and waits until all have stopped.
async fn stop(control: &ControlTable, operation_timeout: Duration) -> Result<Lease> {
    let stopped = match takeover::stop(control, &SystemClock, operation_timeout).await {
        Err(Refused::NoLease) => return Err(no_lease()),
        stopped => stopped?,
    };
    let wait = takeover::wait(operation_timeout);
    output::note(format_args!("no Region may write any more; waiting {} s until all have noticed", wait.as_secs()));
    let until = SystemClock.elapsed() + wait;
    while SystemClock.elapsed() < until {
        tokio::time::sleep(until.saturating_sub(SystemClock.elapsed())).await;
    }
    Ok(stopped)
}

async fn take(control: &ControlTable, dynamodb: &DynamoConfig, repair: bool) -> Result<()> {
    let region = &dynamodb.aws_region;
    // What cannot work must fail while the other Region still writes.
    let store = with_long_timeouts(dynamodb).open().await?;
    for table in TABLES {
        let health = db_adapter::Store::health(&store, table).await;
        if let Some(reason) = health.reason {
            bail!("table {} in {region}: {reason}; nothing was changed", dynamodb.table_name(table));
        }
    }
    let stopped = stop(control, dynamodb.dynamodb_operation_timeout_ms).await?;
    if repair {
        let repaired = takeover::repair_claims(&store, &TABLES).await;
        let Repaired { added, without_item, left } = repaired.with_context(|| {
            format!(
                "the claims in {region} could not be repaired, and no Region writes; run the command again, or with --no-repair"
            )
        })?;
        output::note(format_args!(
            "claims in {region}: {added} added; {without_item} whose item has not arrived, kept; {left} that only a person can repair"
        ));
    }
    let begun = takeover::begin(control, &SystemClock, &stopped, region).await?;
    output::print_text(format_args!("{region} writes since {}, epoch {}\n", begun.since, begun.epoch))
}
