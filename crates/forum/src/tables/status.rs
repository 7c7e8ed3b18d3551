//! `forum tables status`: the tables as they are, compared with what is declared.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::Result;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ProjectionType, TableDescription};
use clap::{Args, ValueEnum};
use db_adapter::Table;
use db_adapter::config::DynamoConfig;
use db_adapter::forum::{TABLES, timestamp};
use serde::Serialize;
use serde_json::json;

use super::settings::{Place, Recovery, Told};
use crate::Outcome;

/// Compare the tables with what is declared, and show their settings
///
/// Keys, indexes, projections and time to live that are not as declared count as differences, and so do tables that are missing and
/// settings that are not as expected: exit code 3. [API: DescribeTable, DescribeTimeToLive, DescribeContinuousBackups]
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    forum tables status --endpoint http://localhost:8000\n  \
    forum tables status --expect-pitr --expect-protection --expect-billing PAY_PER_REQUEST --expect-replica us-west-2")]
pub(crate) struct Arguments {
    /// Point-in-time recovery must be on
    #[arg(long)]
    expect_pitr: bool,

    /// Deletion protection must be on
    #[arg(long)]
    expect_protection: bool,

    /// The billing mode must be this one
    #[arg(long, value_name = "MODE")]
    expect_billing: Option<Billing>,

    /// There must be an active replica in this Region; repeatable
    #[arg(long, value_name = "REGION")]
    expect_replica: Vec<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,

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

/// What is shown of one table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    table: &'static str,
    name: String,
    region: String,
    #[serde(flatten)]
    live: Option<Live>,
    /// What is not as declared or expected.
    differences: Vec<String>,
}

/// What is shown of a table that exists.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Live {
    status: String,
    /// About: DynamoDB counts every six hours.
    items: i64,
    bytes: i64,
    billing_mode: String,
    deletion_protection: bool,
    /// `None` where the endpoint does not tell.
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

pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    let store = arguments.dynamodb.open().await?;
    let mut tables = Vec::new();
    for table in TABLES {
        let place = Place { client: store.client(), region: &arguments.dynamodb.aws_region, name: store.table_name(table) };
        tables.push(arguments.status(table, place).await?);
    }
    let equal = tables.iter().all(|table| table.differences.is_empty());
    if arguments.json {
        println!("{}", json!({"differs": !equal, "tables": tables}));
    } else {
        tables.iter().for_each(|table| print!("{table}"));
    }
    Ok(if equal { Outcome::Done } else { Outcome::Differences })
}

impl Arguments {
    async fn status(&self, table: &'static Table, place: Place<'_>) -> Result<Status> {
        let (name, region) = (place.name.to_owned(), place.region.to_owned());
        let Some(description) = place.describe().await? else {
            let missing = format!("there is no table {name} in {region}. Next: forum tables create --region {region}");
            return Ok(Status { table: table.name, name, region, live: None, differences: vec![missing] });
        };
        let (ttl, recovery) = (place.ttl().await?, place.recovery().await?);
        let mut differences = drift(table, &description);
        if let Some(Some(attribute)) = ttl.known() {
            differences.push(format!("items expire by {attribute}; none is declared"));
        }
        differences.extend(self.unexpected(&description, &recovery));
        Ok(Status { table: table.name, name, region, live: Some(Live::new(&description, &ttl, &recovery)), differences })
    }

    /// What is not as the flags say.
    fn unexpected(&self, description: &TableDescription, recovery: &Told<Recovery>) -> Vec<String> {
        let mut found = Vec::new();
        if self.expect_pitr {
            match recovery {
                Told::Known(recovery) if recovery.enabled => {}
                Told::Known(_) => found.push("point-in-time recovery is off, expected on".to_owned()),
                Told::Unknown => found.push("point-in-time recovery is expected on; this endpoint does not tell".to_owned()),
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
                None => found.push(format!("there is no replica in {region}, expected one")),
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
    fn new(description: &TableDescription, ttl: &Told<Option<String>>, recovery: &Told<Recovery>) -> Self {
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

/// A table that never was on demand has no summary.
pub(crate) fn billing_mode(description: &TableDescription) -> BillingMode {
    let mode = description.billing_mode_summary().and_then(|summary| summary.billing_mode());
    mode.cloned().unwrap_or(BillingMode::Provisioned)
}

fn replicas(description: &TableDescription) -> Vec<Replica> {
    let replica = |replica: &aws_sdk_dynamodb::types::ReplicaDescription| Replica {
        region: replica.region_name().unwrap_or_default().to_owned(),
        status: replica.replica_status().map_or("UNKNOWN", |status| status.as_str()).to_owned(),
    };
    description.replicas().iter().map(replica).collect()
}

/// What is not as declared: keys, indexes, projections.
pub(crate) fn drift(table: &Table, description: &TableDescription) -> Vec<String> {
    let mut found = Vec::new();
    let types = description.attribute_definitions();
    let mut keys = |what: &str, hash: &str, range: Option<&str>, schema: &[KeySchemaElement]| {
        let (declared, live) = (declared_keys(hash, range), live_keys(schema, types));
        if declared != live {
            found.push(format!("the key of {what} is {live}, declared is {declared}"));
        }
    };
    keys("the table", table.hash, table.range, description.key_schema());
    let live = description.global_secondary_indexes();
    for index in table.indexes {
        if let Some(live) = live.iter().find(|live| live.index_name() == Some(index.name)) {
            keys(index.name, index.hash, index.range, live.key_schema());
        }
    }
    for index in table.indexes {
        let Some(live) = live.iter().find(|live| live.index_name() == Some(index.name)) else {
            found.push(format!("index {} is missing", index.name));
            continue;
        };
        let projection = live.projection().and_then(|projection| projection.projection_type());
        if projection != Some(&ProjectionType::All) {
            let projection = projection.map_or("unknown", |projection| projection.as_str());
            found.push(format!("index {} projects {projection}, declared is ALL", index.name));
        }
        if let Some(status) = live.index_status().filter(|status| status.as_str() != "ACTIVE") {
            found.push(format!("index {} is {status}", index.name));
        }
    }
    let declared: BTreeSet<_> = table.indexes.iter().map(|index| index.name).collect();
    let local = description.local_secondary_indexes().iter().filter_map(|index| index.index_name());
    let undeclared = live.iter().filter_map(|index| index.index_name()).chain(local).filter(|name| !declared.contains(name));
    found.extend(undeclared.map(|name| format!("index {name} is not declared")));
    found
}

fn declared_keys(hash: &str, range: Option<&str>) -> String {
    let keys = [Some((hash, KeyType::Hash)), range.map(|range| (range, KeyType::Range))];
    keys.into_iter().flatten().map(|(name, half)| format!("{name} S {half}")).collect::<Vec<_>>().join(", ")
}

fn live_keys(schema: &[KeySchemaElement], types: &[AttributeDefinition]) -> String {
    let of = |key: &KeySchemaElement| {
        let definition = types.iter().find(|definition| definition.attribute_name() == key.attribute_name());
        let r#type = definition.map_or("?", |definition| definition.attribute_type().as_str());
        format!("{} {} {}", key.attribute_name(), r#type, key.key_type())
    };
    schema.iter().map(of).collect::<Vec<_>>().join(", ")
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
        writeln!(formatter, " is {}, {}, about {} items and {} bytes", self.status, self.billing_mode, self.items, self.bytes)?;
        writeln!(formatter, "  deletion protection: {}", on(self.deletion_protection))?;
        write!(formatter, "  point-in-time recovery: {}", self.point_in_time_recovery.map_or("this endpoint does not tell", on))?;
        if let (Some(from), Some(to)) = (&self.restorable_from, &self.restorable_to) {
            write!(formatter, ", from {from} to {to}")?;
        }
        writeln!(formatter, "\n  time to live: {}", self.time_to_live.as_deref().unwrap_or("none"))?;
        let replicas: Vec<_> = self.replicas.iter().map(|replica| format!("{} {}", replica.region, replica.status)).collect();
        writeln!(formatter, "  replicas: {}", if replicas.is_empty() { "none".to_owned() } else { replicas.join(", ") })
    }
}
