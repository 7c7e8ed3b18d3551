//! Estimates as text, as `forum cost` prints them and docs/costs.md shows them.

use capacity::operations::Operation;
use capacity::prices::Prices;
use capacity::{DAYS, HOURS};
use db_adapter::forum::TABLES;

use super::estimate::{Estimate, Line, sum};
use super::profile::Profile;

/// The estimate, line by line.
pub(crate) fn estimate(profile: &Profile, prices: &Prices, estimate: &Estimate) -> String {
    let mut out = heading(prices);
    out += &load(profile);
    out += &section("Reads and writes, on demand", &estimate.on_demand);
    let provisioned = format!("Or provisioned: {0} + {0} units for every table and every index", profile.capacity);
    out += &section(&provisioned, &estimate.provisioned);
    out += &section("Data", &estimate.data);
    for (mode, lines) in [("on demand", &estimate.on_demand), ("provisioned", &estimate.provisioned)] {
        out += &format!("{:<61}{:>12}\n", format!("Total, {mode}"), money(sum(lines) + sum(&estimate.data)));
    }
    out
}

/// The whole bill, line by line.
pub(crate) fn bill(profile: &Profile, prices: &Prices, bill: &[Line], estimate: &Estimate) -> String {
    let mut out = heading(prices).replacen(" on DynamoDB", "", 1);
    out += &load(profile);
    out += &section("What runs the forum and watches it", bill);
    out += &section("Tables: reads and writes, on demand", &estimate.on_demand);
    out += &section("Tables: data", &estimate.data);
    let total = sum(bill) + sum(&estimate.on_demand) + sum(&estimate.data);
    out + &format!("{:<61}{:>12}\n", "Total", money(total))
}

fn load(profile: &Profile) -> String {
    let load: Vec<_> = profile.operations_per_day.iter().map(|(name, count)| format!("{} {name}", thousands(*count))).collect();
    let storage: Vec<_> = profile.storage_mb.iter().map(|(table, mb)| format!("{table} {mb} MB")).collect();
    format!(
        "Load per day: {}; items of {} KB\nStored: {}; in {}\n\n",
        load.join(", "),
        profile.item_kb,
        storage.join(", "),
        regions(profile)
    )
}

/// The table of operations with the price of a million of each, on demand.
pub(crate) fn operations(profile: &Profile, prices: &Prices, operations: &[Operation]) -> String {
    let mut out = heading(prices);
    out += &format!(
        "Units of one operation on items of up to 1 KB, and dollars for a million of them on demand in {}\n\n",
        regions(profile)
    );
    out += &format!("{:<19}{:>8}{:>8}{:>9}{:>10}  what\n", "operation", "reads", "writes", "indexes", "$/million");
    for operation in operations {
        let one_day = [(operation.name.clone(), 1e6 / DAYS)].into();
        let alone = Profile { operations_per_day: one_day, item_kb: 1.0, ..profile.clone() };
        let dollars = money(sum(&Estimate::new(&alone, prices).on_demand));
        let writes = operation.writes + operation.claims;
        let Operation { name, reads, index_writes, what, .. } = operation;
        out += &format!("{name:<19}{reads:>8}{writes:>8}{index_writes:>9}{dollars:>10}  {what}\n");
    }
    out
}

/// The guide's figures for its example beside ours, with the reason for each difference.
pub(crate) fn guide(prices: &Prices, estimate: &Estimate) -> String {
    let lines: Vec<&Line> = estimate.on_demand.iter().chain(&estimate.data).collect();
    let of = |names: &[&str]| -> f64 { lines.iter().filter(|line| names.contains(&line.what)).map(|line| line.dollars).sum() };
    let rows = [
        ("Reads", "0.0750", of(&["reads"]), "half the price since 2024-11, and an eventual read is half a unit"),
        ("Writes", "0.0375", of(&["writes of items", "writes of indexes"]), "half the price, but each index is written too"),
        (
            "Storage",
            "0.0250",
            of(&["storage of tables", "storage of indexes"]),
            "indexes hold a copy of every item, and the second region holds all of it again",
        ),
        (
            "Replication",
            "0.0375",
            of(&["replica: writes of items", "replica: writes of indexes", "transfer of replication"]),
            "the second region writes items and indexes again, and the transfer is billed",
        ),
        ("Point-in-time recovery", "-", of(&["point-in-time recovery"]), "not in the guide's sum; billed in each region"),
        (
            "Backups",
            "0.0100",
            of(&["daily backups", "copies of backups", "transfer of backups"]),
            "each daily backup is a full one: 30 times the tables, and again for the copies",
        ),
    ];
    let total = sum(&estimate.on_demand) + sum(&estimate.data);
    let mut out = heading(prices);
    out += "The guide's example: 10,000 reads and 1,000 writes a day, 100 MB\n\n";
    out += &format!("{:<24}{:>9}{:>9}  why\n", "on demand", "guide", "here");
    for (name, theirs, ours, why) in rows {
        out += &format!("{name:<24}{theirs:>9}{:>9}  {why}\n", money(ours));
    }
    out += &format!("{:<24}{:>9}{:>9}\n\n", "Total", "0.19", money(total));
    let one = f64::from(Profile::default().capacity) * HOURS * (prices.read_unit_hour + prices.write_unit_hour);
    out += &format!("{:<24}{:>9}{:>9}  why\n", "provisioned", "guide", "here");
    out += &format!("{:<24}{:>9}{:>9}  ", "5 + 5 units, one table", "3.29", money(one));
    out += "the list price; reserved capacity is sold from 100 units on, so 5 cannot be reserved\n";
    out += &format!("{:<24}{:>9}{:>9}  ", "5 + 5 units, everything", "-", money(sum(&estimate.provisioned)));
    let (tables, indexes) = (TABLES.len(), TABLES.iter().map(|table| table.indexes.len()).sum::<usize>());
    let regions = Profile::default().regions;
    out += &format!("{tables} tables and {indexes} indexes have capacity of their own, in each of {regions} regions\n");
    out
}

fn heading(prices: &Prices) -> String {
    format!(
        "A month on DynamoDB in US dollars: {DAYS} days, {HOURS} hours\nList prices since {} of {}\n",
        prices.as_of,
        prices.regions.join(", ")
    )
}

fn regions(profile: &Profile) -> String {
    match profile.regions {
        1 => "1 region".to_owned(),
        count => format!("{count} regions"),
    }
}

fn section(title: &str, lines: &[Line]) -> String {
    let mut out = format!("{title}\n");
    for Line { what, quantity, unit, price, dollars } in lines {
        let quantity = if *quantity < 1000.0 { format!("{quantity:.3}") } else { thousands(*quantity) };
        out += &format!("  {what:<28}{quantity:>10} {unit:<14}{price:>6.5}{:>12}\n", money(*dollars));
    }
    out += &format!("{:<61}{:>12}\n\n", "", money(sum(lines)));
    out
}

/// Four decimal places for small amounts.
fn money(dollars: f64) -> String {
    if dollars < 1.0 { format!("{dollars:.4}") } else { format!("{dollars:.2}") }
}

fn thousands(number: f64) -> String {
    let plain = format!("{number:.0}");
    let mut out = String::new();
    for (position, digit) in plain.chars().enumerate() {
        if position > 0 && (plain.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
