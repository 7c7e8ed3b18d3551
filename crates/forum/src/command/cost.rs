//! `forum cost`: what a load costs on DynamoDB, before it does.

use std::path::PathBuf;
use std::str::FromStr;

use capacity::operations;
use capacity::prices::Prices;
use serde_json::json;

use crate::Outcome;
use crate::command::arguments::OutputArguments;
use crate::cost::estimate::{Estimate, sum};
use crate::cost::profile::Profile;
use crate::cost::report;
use crate::cost::stack::Stack;
use crate::output::{self, Format};

/// Estimate the monthly cost of a load on DynamoDB
///
/// Without flags, that of the guide's example.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  forum cost
  forum cost --stack lambda --regions 1
  forum cost --operation list=20000 --operation create-post=5000 --storage posts=2000
  forum cost --profile load.json --regions 1 --json

A profile file holds any of: operationsPerDay, storageMb, itemKb, regions, pitr, backupDays, capacity.")]
pub(crate) struct Arguments {
    /// A load profile as JSON; the flags below override it
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Number of times per day that an operation runs; repeatable. --operations lists the names
    #[arg(long, value_name = "NAME=COUNT")]
    operation: Vec<Assignment>,
    /// Megabytes in a table, without its indexes; repeatable
    #[arg(long, value_name = "TABLE=MB")]
    storage: Vec<Assignment>,
    /// Size of an item in kilobytes
    #[arg(long, value_name = "KB")]
    item_kb: Option<f64>,
    /// Number of AWS Regions that hold every table
    #[arg(long)]
    regions: Option<u32>,
    /// Days for which daily backups are kept; 0 for no backups
    #[arg(long, value_name = "DAYS")]
    backup_days: Option<u32>,
    /// Leave out point-in-time recovery
    #[arg(long)]
    no_pitr: bool,
    /// Provisioned read and write capacity of every table and index
    #[arg(long, value_name = "UNITS")]
    capacity: Option<u32>,
    /// A price file to use instead of the built-in one
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Print the whole bill of what Terraform makes with that `compute`, instead of what DynamoDB costs in both billing modes
    #[arg(long, value_enum, conflicts_with_all = ["operations", "capacity"])]
    stack: Option<Stack>,
    /// Print the capacity units and the price of every operation instead
    #[arg(long)]
    operations: bool,
    /// Print the figures of the guide's example beside ours instead, with the reasons
    #[arg(long, conflicts_with_all = [
        "profile", "operation", "storage", "item_kb", "regions", "backup_days", "no_pitr", "capacity", "operations", "json", "stack",
    ])]
    guide: bool,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, Clone)]
struct Assignment {
    name: String,
    value: f64,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = || format!("{text:?} is not NAME=NUMBER");
        let (name, value) = text.split_once('=').ok_or_else(expected)?;
        Ok(Self { name: name.to_owned(), value: value.parse().map_err(|_| expected())? })
    }
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<Outcome> {
    let prices = Prices::load(arguments.prices.as_deref())?;
    let profile = profile(&arguments)?;
    let estimate = Estimate::new(&profile, &prices);
    if let Some(stack) = arguments.stack {
        let bill = stack.bill(&profile, &prices);
        let text = match arguments.output.format() {
            Format::Json => {
                let tables = sum(&estimate.on_demand) + sum(&estimate.data);
                let lines = json!({"stack": bill, "onDemand": estimate.on_demand, "data": estimate.data});
                let total = sum(&bill) + tables;
                json!({"pricesAsOf": prices.as_of, "profile": profile, "compute": stack, "bill": lines, "dollars": total})
                    .to_string()
                    + "\n"
            }
            Format::Text => report::bill(&profile, &prices, &bill, &estimate),
        };
        output::print_text(text)?;
        return Ok(Outcome::Done);
    }
    let operations = operations::all();
    let text = match (arguments.operations, arguments.guide, arguments.output.format()) {
        (true, _, Format::Json) => json!(operations).to_string() + "\n",
        (true, _, Format::Text) => report::operations(&profile, &prices, &operations),
        (_, true, _) => report::guide(&prices, &estimate),
        (_, _, Format::Json) => {
            let total = |lines| sum(lines) + sum(&estimate.data);
            let totals = json!({"onDemand": total(&estimate.on_demand), "provisioned": total(&estimate.provisioned)});
            json!({"pricesAsOf": prices.as_of, "profile": profile, "estimate": estimate, "dollars": totals}).to_string() + "\n"
        }
        _ => report::estimate(&profile, &prices, &estimate),
    };
    output::print_text(text)?;
    Ok(Outcome::Done)
}

fn profile(arguments: &Arguments) -> anyhow::Result<Profile> {
    let mut profile = arguments.profile.as_deref().map(Profile::load).transpose()?.unwrap_or_default();
    let pairs = |named: &[Assignment]| named.iter().map(|named| (named.name.clone(), named.value)).collect::<Vec<_>>();
    profile.operations_per_day.extend(pairs(&arguments.operation));
    profile.storage_mb.extend(pairs(&arguments.storage));
    profile.item_kb = arguments.item_kb.unwrap_or(profile.item_kb);
    profile.regions = arguments.regions.unwrap_or(profile.regions);
    profile.backup_days = arguments.backup_days.unwrap_or(profile.backup_days);
    profile.capacity = arguments.capacity.unwrap_or(profile.capacity);
    profile.pitr &= !arguments.no_pitr;
    profile.check()?;
    Ok(profile)
}
