//! The price of a load profile, line by line.

use capacity::prices::Prices;
use capacity::{DAYS, HOURS, operations};
use db_adapter::Table;
use db_adapter::forum::{self, TABLES};
use serde::Serialize;

use super::profile::Profile;

/// A month's price in both billing modes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Estimate {
    /// Reads and writes, billed by request.
    pub(crate) on_demand: Vec<Line>,
    /// Reads and writes, billed by the hour whether used or not.
    pub(crate) provisioned: Vec<Line>,
    /// Storage and transfer, the same in both modes.
    pub(crate) data: Vec<Line>,
}

/// One item of a bill.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    /// What is billed.
    pub(crate) what: &'static str,
    /// The quantity per month.
    pub(crate) quantity: f64,
    /// The unit of the quantity.
    pub(crate) unit: &'static str,
    /// US dollars per unit.
    pub(crate) price: f64,
    /// US dollars per month.
    pub(crate) dollars: f64,
}

impl Line {
    pub(crate) fn new(what: &'static str, quantity: f64, unit: &'static str, price: f64) -> Self {
        Self { what, quantity, unit, price, dollars: quantity * price }
    }
}

/// The sum of the lines in US dollars.
pub(crate) fn sum(lines: &[Line]) -> f64 {
    lines.iter().map(|line| line.dollars).sum()
}

impl Estimate {
    /// Prices a checked profile.
    pub(crate) fn new(profile: &Profile, prices: &Prices) -> Self {
        Self { on_demand: on_demand(profile, prices), provisioned: provisioned(profile, prices), data: data(profile, prices) }
    }
}

/// Units a month in one region.
struct Units {
    reads: f64,
    writes: f64,
    index_writes: f64,
}

fn units(profile: &Profile) -> Units {
    let (read_blocks, write_blocks) = ((profile.item_kb / 4.0).ceil(), profile.item_kb.ceil());
    let mut units = Units { reads: 0.0, writes: 0.0, index_writes: 0.0 };
    for (name, per_day) in &profile.operations_per_day {
        let Some(operation) = operations::named(name) else { continue };
        let count = per_day * DAYS;
        // A page of many small items is rounded up to 4 KB as a whole, not item by item.
        let read_size = if name.starts_with("list") { profile.item_kb } else { read_blocks };
        units.reads += count * operation.reads * read_size;
        units.writes += count * (operation.writes * write_blocks + operation.claims);
        units.index_writes += count * operation.index_writes * write_blocks;
    }
    units
}

fn on_demand(profile: &Profile, prices: &Prices) -> Vec<Line> {
    const MILLION: f64 = 1e6;
    let units = units(profile);
    let replicas = f64::from(profile.regions - 1);
    let write = if profile.regions > 1 { prices.replicated_write_million } else { prices.write_million };
    let mut lines = vec![
        Line::new("reads", units.reads / MILLION, "million units", prices.read_million),
        Line::new("writes of items", units.writes / MILLION, "million units", write),
        Line::new("writes of indexes", units.index_writes / MILLION, "million units", prices.write_million),
    ];
    if profile.regions > 1 {
        lines.push(Line::new("replica: writes of items", replicas * units.writes / MILLION, "million units", write));
        let index_writes = replicas * units.index_writes / MILLION;
        lines.push(Line::new("replica: writes of indexes", index_writes, "million units", prices.write_million));
    }
    lines
}

fn provisioned(profile: &Profile, prices: &Prices) -> Vec<Line> {
    let tables: f64 = TABLES.iter().map(|_| 1.0).sum();
    let indexes: f64 = TABLES.iter().map(|table| index_count(table)).sum();
    let hours = f64::from(profile.capacity) * f64::from(profile.regions) * HOURS;
    let write = if profile.regions > 1 { prices.replicated_write_unit_hour } else { prices.write_unit_hour };
    vec![
        Line::new("read capacity", hours * (tables + indexes), "unit hours", prices.read_unit_hour),
        Line::new("write capacity of tables", hours * tables, "unit hours", write),
        Line::new("write capacity of indexes", hours * indexes, "unit hours", prices.write_unit_hour),
    ]
}

fn data(profile: &Profile, prices: &Prices) -> Vec<Line> {
    let gigabytes = |weigh: fn(&Table) -> f64| -> f64 {
        profile.storage_mb.iter().filter_map(|(name, mb)| Some(mb * weigh(forum::table(name)?))).sum::<f64>() / 1000.0
    };
    let (tables, indexes) = (gigabytes(|_| 1.0), gigabytes(index_count));
    let (regions, replicas) = (f64::from(profile.regions), f64::from(profile.regions - 1));
    let backups = tables * f64::from(profile.backup_days);
    let mut lines = vec![
        Line::new("storage of tables", tables * regions, "GB-months", prices.storage_gb_month),
        Line::new("storage of indexes", indexes * regions, "GB-months", prices.storage_gb_month),
    ];
    if profile.pitr {
        lines.push(Line::new("point-in-time recovery", tables * regions, "GB-months", prices.pitr_gb_month));
    }
    if profile.backup_days > 0 {
        lines.push(Line::new("daily backups", backups, "GB-months", prices.backup_gb_month));
    }
    if profile.backup_days > 0 && profile.regions > 1 {
        lines.push(Line::new("copies of backups", backups, "GB-months", prices.backup_gb_month));
        lines.push(Line::new("transfer of backups", tables * DAYS, "GB", prices.transfer_gb));
    }
    if profile.regions > 1 {
        let written = units(profile).writes * replicas / 1e6;
        lines.push(Line::new("transfer of replication", written, "GB", prices.transfer_gb));
    }
    lines
}

fn index_count(table: &Table) -> f64 {
    table.indexes.iter().map(|_| 1.0).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(profile: &Profile) -> Estimate {
        Estimate::new(profile, &Prices::load(None).unwrap())
    }

    fn dollars(lines: &[Line], what: &str) -> f64 {
        lines.iter().filter(|line| line.what.contains(what)).map(|line| line.dollars).sum()
    }

    #[track_caller]
    fn close(actual: f64, expected: f64) {
        assert!((actual - expected).abs() < 1e-9, "{actual} is not {expected}");
    }

    /// Worked by hand: 10,000 reads of half a unit and 1,000 posts of 1 read, 2 + 6 writes a day; 100 MB with 2 indexes on 90 MB,
    /// 4 on 5 MB and 1 on 5 MB.
    #[test]
    fn the_example_of_the_guide() {
        let estimate = lines(&Profile::default());
        close(dollars(&estimate.on_demand, "reads"), (300_000.0 * 0.5 + 30_000.0) * 0.125e-6);
        close(dollars(&estimate.on_demand, "writes of items"), 2.0 * 60_000.0 * 0.625e-6);
        close(dollars(&estimate.on_demand, "writes of indexes"), 2.0 * 180_000.0 * 0.625e-6);
        close(dollars(&estimate.data, "storage"), 2.0 * (0.1 + 0.205) * 0.25);
        close(dollars(&estimate.data, "recovery"), 2.0 * 0.1 * 0.2);
        close(dollars(&estimate.data, "daily backups"), 30.0 * 0.1 * 0.1);
        let keys: f64 = TABLES.iter().map(|table| 1.0 + index_count(table)).sum();
        close(sum(&estimate.provisioned), 2.0 * 5.0 * keys * 730.0 * (0.00013 + 0.00065));
    }

    #[test]
    fn one_region_pays_for_nothing_between_regions() {
        let estimate = lines(&Profile { regions: 1, ..Profile::default() });
        assert!(estimate.on_demand.iter().chain(&estimate.data).all(|line| !line.what.contains("replic")), "{estimate:?}");
        close(dollars(&estimate.data, "transfer") + dollars(&estimate.data, "copies"), 0.0);
    }

    #[test]
    fn larger_items_take_more_units() {
        let profile = Profile { item_kb: 4.5, regions: 1, ..Profile::default() };
        close(dollars(&lines(&profile).on_demand, "reads"), (300_000.0 * 0.5 + 30_000.0) * 2.0 * 0.125e-6);
        close(dollars(&lines(&profile).on_demand, "writes"), 30_000.0 * 8.0 * 5.0 * 0.625e-6);
    }

    #[test]
    fn a_switch_that_is_off_costs_nothing() {
        let bare = Profile { pitr: false, backup_days: 0, ..Profile::default() };
        assert!(lines(&bare).data.iter().all(|line| !line.what.contains("backup") && !line.what.contains("recovery")));
    }
}
