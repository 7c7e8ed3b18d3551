//! `forum tables status`: the tables on DynamoDB, compared with their declaration.

use std::fmt;

use anyhow::Result;
use aws_sdk_dynamodb::types::{BillingMode, TableDescription};
use clap::{Args, ValueEnum};
use db_adapter::Table;
use db_adapter::config::DynamoConfig;
use db_adapter::dynamodb::DynamoStore;
use db_adapter::forum::timestamp;
use serde::Serialize;

use crate::command::arguments::OutputArguments;
use crate::command::next;
use crate::data::dynamodb::drift::{billing_mode, drift};
use crate::data::dynamodb::{LiveTable, Recovery, Reply};
use crate::output::{self, plural};
use crate::{Outcome, Tables};

/// Compare the tables with their declaration, and show their settings
///
/// Exit code 3 if a table is missing, if keys, indexes, projections or time to live are not as declared, or if a setting is not as
/// expected. [API: DescribeTable, DescribeTimeToLive, DescribeContinuousBackups]
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    forum tables status --endpoint http://localhost:8000\n  \
    forum tables status --expect-pitr --expect-protection --expect-billing PAY_PER_REQUEST --expect-replica us-west-2")]
pub(crate) struct Arguments {
    /// Expect point-in-time recovery to be on
    #[arg(long)]
    expect_pitr: bool,

    /// Expect deletion protection to be on
    #[arg(long)]
    expect_protection: bool,

    /// Expect this billing mode
    #[arg(long, value_name = "MODE")]
    expect_billing: Option<Billing>,

    /// Expect an active replica in this Region; repeatable
    #[arg(long, value_name = "REGION")]
    expect_replica: Vec<String>,

    #[command(flatten)]
    output: OutputArguments,

    #[command(flatten)]
    dynamodb: DynamoConfig,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
enum Billing {
    PayPerRequest,
    Provisioned,
}

impl Billing {
    fn mode(self) -> BillingMode {
        match self {
            Self::PayPerRequest => BillingMode::PayPerRequest,
            Self::Provisioned => BillingMode::Provisioned,
        }
    }
}

/// The status of all tables.
#[derive(Debug, Serialize)]
pub(in crate::command) struct Report {
    /// Is a table not as declared or expected?
    differs: bool,
    tables: Vec<Status>,
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tables.iter().try_for_each(|table| table.fmt(formatter))
    }
}

/// The status of one table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    table: &'static str,
    name: String,
    region: String,
    #[serde(flatten)]
    live: Option<Live>,
    /// The differences from the declaration and from the expected settings.
    differences: Vec<String>,
}

/// The settings of a table that exists.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Live {
    status: String,
    /// Approximate: DynamoDB updates the number every six hours.
    items: i64,
    bytes: i64,
    billing_mode: String,
    deletion_protection: bool,
    /// `None` if the endpoint does not support it.
    point_in_time_recovery: Option<bool>,
    restorable_from: Option<String>,
    restorable_to: Option<String>,
    time_to_live: Option<String>,
    replicas: Vec<Replica>,
}

#[derive(Debug, Serialize)]
struct Replica {
    region: String,
    status: String,
}

pub(crate) async fn run(arguments: Arguments, tables: Tables) -> Result<Outcome> {
    let store = arguments.dynamodb.open().await?;
    let report = report(&arguments, &store, tables).await?;
    output::print(arguments.output.format(), &report)?;
    Ok(Outcome::of_comparison(report.differs))
}

/// Reads the settings of every table and compares them.
pub(in crate::command) async fn report(arguments: &Arguments, store: &DynamoStore, tables: Tables) -> Result<Report> {
    let mut found = Vec::new();
    for table in tables {
        let place = LiveTable { client: store.client(), region: &arguments.dynamodb.aws_region, name: store.table_name(table) };
        found.push(arguments.status(table, place).await?);
    }
    let equal = found.iter().all(|table| table.differences.is_empty());
    Ok(Report { differs: !equal, tables: found })
}

impl Arguments {
    async fn status(&self, table: &'static Table, place: LiveTable<'_>) -> Result<Status> {
        let (name, region) = (place.name.to_owned(), place.region.to_owned());
        let Some(description) = place.describe().await? else {
            let create = next::command(&["tables", "create", "--region", &region]);
            let local = match self.dynamodb.dynamodb_endpoint {
                Some(_) => "; DynamoDB Local keeps tables for each access key and Region unless it was started with -sharedDb",
                None => "",
            };
            let missing = format!("table {name} does not exist in {region}{local}. Next: {create}");
            return Ok(Status { table: table.name, name, region, live: None, differences: vec![missing] });
        };
        let (ttl, recovery) = (place.ttl().await?, place.recovery().await?);
        let mut differences = drift(table, &description);
        if let Some(live) = ttl.known().map(Option::as_deref).filter(|live| *live != table.ttl) {
            let state = |ttl: Option<&str>| ttl.map_or_else(|| "off".to_owned(), |attribute| format!("on, by {attribute}"));
            differences.push(format!("time to live is {}; expected {}", state(live), state(table.ttl)));
        }
        differences.extend(self.unexpected(&description, &recovery));
        Ok(Status { table: table.name, name, region, live: Some(Live::new(&description, &ttl, &recovery)), differences })
    }

    /// The differences from what the flags expect.
    fn unexpected(&self, description: &TableDescription, recovery: &Reply<Recovery>) -> Vec<String> {
        let mut found = Vec::new();
        if self.expect_pitr {
            match recovery {
                Reply::Known(recovery) if recovery.enabled => {}
                Reply::Known(_) => found.push("point-in-time recovery is off, expected on".to_owned()),
                Reply::Unsupported => {
                    found.push("point-in-time recovery is not supported by this endpoint, expected on".to_owned())
                }
            }
        }
        if self.expect_protection && description.deletion_protection_enabled() != Some(true) {
            found.push("deletion protection is off, expected on".to_owned());
        }
        let billing = billing_mode(description);
        if let Some(expected) = self.expect_billing.map(Billing::mode).filter(|expected| *expected != billing) {
            found.push(format!("billing mode is {billing}, expected {expected}"));
        }
        let replicas = replicas(description);
        for region in &self.expect_replica {
            match replicas.iter().find(|replica| replica.region == *region) {
                None => found.push(format!("no replica in {region}, expected one")),
                Some(replica) if replica.status != "ACTIVE" => {
                    found.push(format!("the replica in {region} is {}, expected ACTIVE", replica.status));
                }
                Some(_) => {}
            }
        }
        found
    }
}

impl Live {
    fn new(description: &TableDescription, ttl: &Reply<Option<String>>, recovery: &Reply<Recovery>) -> Self {
        let window = recovery.known().and_then(|recovery| recovery.window);
        Self {
            status: description.table_status().map_or("UNKNOWN", |status| status.as_str()).to_owned(),
            items: description.item_count().unwrap_or_default(),
            bytes: description.table_size_bytes().unwrap_or_default(),
            billing_mode: billing_mode(description).to_string(),
            deletion_protection: description.deletion_protection_enabled().unwrap_or_default(),
            point_in_time_recovery: recovery.known().map(|recovery| recovery.enabled),
            restorable_from: window.map(|(from, _)| timestamp(from)),
            restorable_to: window.map(|(_, to)| timestamp(to)),
            time_to_live: ttl.known().cloned().flatten(),
            replicas: replicas(description),
        }
    }
}

fn replicas(description: &TableDescription) -> Vec<Replica> {
    let replica = |replica: &aws_sdk_dynamodb::types::ReplicaDescription| Replica {
        region: replica.region_name().unwrap_or_default().to_owned(),
        status: replica.replica_status().map_or("UNKNOWN", |status| status.as_str()).to_owned(),
    };
    description.replicas().iter().map(replica).collect()
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, name, region, live, differences } = self;
        write!(formatter, "{table}: {name} in {region}")?;
        match live {
            None => writeln!(formatter)?,
            Some(live) => live.fmt(formatter)?,
        }
        differences.iter().try_for_each(|difference| writeln!(formatter, "  differs: {difference}"))
    }
}

impl fmt::Display for Live {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = |on: bool| if on { "on" } else { "off" };
        let [items, bytes] = [self.items, self.bytes].map(i64::unsigned_abs);
        writeln!(
            formatter,
            " is {}, {}, about {} and {}",
            self.status,
            self.billing_mode,
            plural(items, "item", "items"),
            plural(bytes, "byte", "bytes")
        )?;
        writeln!(formatter, "  deletion protection: {}", on(self.deletion_protection))?;
        write!(
            formatter,
            "  point-in-time recovery: {}",
            self.point_in_time_recovery.map_or("not supported by this endpoint", on)
        )?;
        if let (Some(from), Some(to)) = (&self.restorable_from, &self.restorable_to) {
            write!(formatter, ", from {from} to {to}")?;
        }
        writeln!(formatter, "\n  time to live: {}", self.time_to_live.as_deref().unwrap_or("none"))?;
        let replicas: Vec<_> = self.replicas.iter().map(|replica| format!("{} {}", replica.region, replica.status)).collect();
        writeln!(formatter, "  replicas: {}", if replicas.is_empty() { "none".to_owned() } else { replicas.join(", ") })
    }
}
