//! docs/scale.md.

use std::fmt::Write;

use anyhow::{Context, Result};
use capacity::prices::Prices;

use super::bill::{self, Bill, ITEM_MICROS, LOADED, PAGE_MICROS};
use super::ceiling::{Ceiling, Limit, Setup, feeds_needed, first, places};
use super::flow::{CONTENT, Sizes};
use super::forum::{ACTIVE, DAYS_KEPT, Forum, PEAK, REQUESTS, SIZES, SKEW_OF_THREADS, SKEW_OF_USERS, THREADS};
use super::published::{HEAT_MINUTES, NEW_PARTITIONS, PARTITION_READS, PARTITION_WRITES, TABLE_UNITS};
use crate::scenario::mixed::{Kind, LIMIT, MIX};

/// `CACHE_TTL_SECONDS` on the map.
const CACHE_SECONDS: f64 = 60.0;
const CACHED: Setup = Setup { cache_seconds: CACHE_SECONDS, ..Setup::TODAY };

/// The whole document.
pub(super) fn render() -> Result<String> {
    let prices = Prices::load(None)?;
    let mut text = String::new();
    assumptions(&mut text, &prices)?;
    ceilings(&mut text)?;
    feeds(&mut text)?;
    sizes(&mut text)?;
    costs(&mut text, &prices)?;
    caches(&mut text, &prices)?;
    services(&mut text, &prices)?;
    Ok(text)
}

fn assumptions(text: &mut String, prices: &Prices) -> Result<()> {
    let Sizes { user, thread, post, .. } = Sizes::of_items();
    writeln!(
        text,
        "# Scale\n\n\
         Where the schema stops on DynamoDB, calculated. Written by `cargo run --release -p bench -- scale`, which simulates the tables, the \
         indexes and their partitions; a test runs it again and compares. Nothing here was measured on AWS.\n\n\
         **Published by AWS**, with the pages in `crates/bench/src/scale/published.rs`: a partition takes {} write and {} read units a second; a \
         new table or index has {NEW_PARTITIONS} partitions; a partition that stays hot is split after about {HEAT_MINUTES} minutes, between keys \
         or, within one key, between its items; a write waits for every index (back-pressure); a table or an index takes {} units a second \
         until AWS raises the quota. Bursts are left out: AWS promises none.\n\n\
         **Assumed**: {:.0} % of the users come on a day and make {REQUESTS:.0} requests each; the busiest hour has {PEAK:.0} times the average. \
         Requests are those of the [mixed load](benchmarks.md#mixed-load), {} of 100 new posts, and the list of the newest threads is that by \
         activity, which the page shows. {THREADS} threads a user. Threads are asked for by Zipf's law with exponent {SKEW_OF_THREADS}, users \
         with {SKEW_OF_USERS}. Items are those of the benchmark, on average {user:.0} bytes a user, {thread:.0} a thread and {post:.0} a post, whose \
         text has {CONTENT:.0} on average, exponentially distributed. What goes to the newest or first items of a key, or to one item, stays \
         in one partition; what goes all over the items of a key can be split. Prices are those of \
         [`forum cost`](costs.md) since {}, in one Region, on demand.\n",
        grouped(PARTITION_WRITES),
        grouped(PARTITION_READS),
        grouped(TABLE_UNITS),
        100.0 * ACTIVE,
        share_of_posts() * 100.0,
        prices.as_of,
    )?;
    Ok(())
}

fn ceilings(text: &mut String) -> Result<()> {
    writeln!(
        text,
        "## Which limit binds first\n\n\
         The load at which a table or an index first refuses something, once its partitions are split as far as they can be. A read that a \
         cache serves is in the column of the cache ({CACHE_SECONDS:.0} s).\n\n\
         | table or index | limit | posts/s | users | with the cache: limit | posts/s | users |\n|---|---|--:|--:|---|--:|--:|"
    )?;
    let mut rows: Vec<_> = places().iter().map(|place| (place.ceiling(Setup::TODAY), place.ceiling(CACHED))).collect();
    rows.sort_by(|(one, _), (other, _)| one.requests.total_cmp(&other.requests));
    for (without, with) in &rows {
        writeln!(text, "| {} | {} | {} |", without.place.name(), limit(without), limit(with))?;
    }
    writeln!(
        text,
        "\nReads and writes are those of one partition; a quota is one of the whole table or index. Every post takes two units of \
         `ActivityIndex`, which loses its thread's entry and gains a newer one, and all threads are one key of it: what is newest is in one \
         partition, and no split helps. `CreatedAtIndex` has the same one key, but a post changes an entry in its place, and places \
         are all over it: only new threads meet at its end.\n"
    )?;
    Ok(())
}

fn feeds(text: &mut String) -> Result<()> {
    writeln!(
        text,
        "## More partitions of `feed`\n\n\
         Threads could be spread over several values of `feed`. A write goes to one of them; a list reads a page of each, and pays for \
         it.\n\n\
         | values | first limit | posts/s | users | with the cache: first limit | posts/s | users |\n|--:|---|--:|--:|---|--:|--:|"
    )?;
    for feeds in [1, 2, 3, 4, 8, 16] {
        let of = |setup: Setup| -> Result<String> {
            let found = first(Setup { feeds, ..setup }).context("there is no table")?;
            Ok(format!("{} {}", found.place.name(), limit(&found)))
        };
        writeln!(text, "| {feeds} | {} | {} |", of(Setup::TODAY)?, of(CACHED)?)?;
    }
    writeln!(
        text,
        "\nWithout a cache, more values only help until the first page is read as often as one partition allows: every list reads the page \
         of each value, so that no number of values spreads these reads.\n"
    )?;
    Ok(())
}

fn sizes(text: &mut String) -> Result<()> {
    writeln!(
        text,
        "## Forums of every size\n\n\
         In the busiest hour. The fullest partition is given as a share of its limit, with one value of `feed`; above 100 % requests are \
         refused. Partitions are those of all tables and indexes, for the load or for what is stored; a new forum under this load has split \
         the last one for its load after so many minutes. Values are how many `feed` needs; – where no number is enough.\n\n\
         | users | requests/s | posts/s | fullest partition | of | with the cache | of | partitions | minutes | values | with the cache |\n\
         |--:|--:|--:|--:|---|--:|---|--:|--:|--:|--:|"
    )?;
    for users in SIZES {
        let peak = Forum { users }.peak();
        let fullest = |setup: Setup| -> Result<(f64, String)> {
            let all = places().into_iter().map(|place| (place.settle(peak, setup).fullest, place.name()));
            all.max_by(|one, other| one.0.total_cmp(&other.0)).context("there is no table")
        };
        let ((without, of), (with, of_cached)) = (fullest(Setup::TODAY)?, fullest(CACHED)?);
        let partitions: u32 = places().iter().map(|place| place.partitions(peak, Setup::TODAY)).sum();
        let minutes = places().iter().map(|place| place.settle(peak, Setup::TODAY).minutes).max().unwrap_or_default();
        let needed = |seconds| feeds_needed(peak, seconds).map_or_else(|| "–".to_owned(), |feeds| feeds.to_string());
        writeln!(
            text,
            "| {} | {} | {} | {} | {of} | {} | {of_cached} | {} | {minutes} | {} | {} |",
            people(users),
            figure(peak),
            figure(peak * share_of_posts()),
            percent(without),
            percent(with),
            grouped(f64::from(partitions)),
            needed(0.0),
            needed(CACHE_SECONDS),
        )?;
    }
    writeln!(text)?;
    Ok(())
}

fn costs(text: &mut String, prices: &Prices) -> Result<()> {
    writeln!(
        text,
        "## What it costs\n\n\
         Dollars a month: reads and writes of the average day, tables and indexes with {DAYS_KEPT:.0} days of posts, and tasks that serve \
         everything, as many as the busiest hour takes. Load balancers, logs and backups are in [costs](costs.md).\n\n\
         | users | reads | with the cache | writes | storage | tasks | sum | with the cache | a user and year |\n\
         |--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    )?;
    for users in SIZES {
        let forum = Forum { users };
        let (without, with) = (Bill::new(forum, Setup::TODAY, prices), Bill::new(forum, CACHED, prices));
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {:.4} |",
            people(users),
            figure(without.reads),
            figure(with.reads),
            figure(without.writes),
            figure(without.storage),
            figure(without.tasks),
            figure(without.sum()),
            figure(with.sum()),
            12.0 * with.sum() / users,
        )?;
    }
    writeln!(text)?;
    Ok(())
}

fn caches(text: &mut String, prices: &Prices) -> Result<()> {
    writeln!(
        text,
        "## When a cache pays\n\n\
         `CACHE_TTL_SECONDS={CACHE_SECONDS:.0}` in each task: the share of the read units that it saves, what that is worth, and the memory that \
         its entries take in each task in the busiest hour, at the price of a task's memory. Where that is more than \
         `CACHE_MAX_BYTES` allows, less is saved.\n\n\
         | users | tasks | saved | dollars a month | MB a task | dollars a month |\n|--:|--:|--:|--:|--:|--:|"
    )?;
    let mut pays = None;
    for users in SIZES {
        let forum = Forum { users };
        let tasks = bill::tasks_together(forum.peak());
        let (saved, dollars, megabytes) = bill::cached(forum, CACHE_SECONDS, prices);
        let memory = megabytes / 1000.0 * tasks * bill::gigabyte_month(prices);
        if dollars > memory && pays.is_none() {
            pays = Some(users);
        }
        writeln!(
            text,
            "| {} | {tasks} | {} | {} | {} | {} |",
            people(users),
            percent(saved),
            figure(dollars),
            figure(megabytes),
            figure(memory)
        )?;
    }
    let stops = first(Setup { feeds: 4, ..Setup::TODAY }).context("there is no table")?;
    writeln!(
        text,
        "\n{} It is needed, whatever it saves, where the first page alone reaches a partition's read units: from {} posts a second on, \
         with {} users.\n",
        match pays {
            Some(users) =>
                format!("It pays from {} users on, the first row in which it saves more than its memory costs.", people(users)),
            None => "Its memory costs more than it saves at every size.".to_owned(),
        },
        figure(stops.requests * share_of_posts()),
        people(Forum::of_peak(stops.requests).users),
    )?;
    Ok(())
}

fn services(text: &mut String, prices: &Prices) -> Result<()> {
    writeln!(
        text,
        "## When three services want to be scaled apart\n\n\
         A request takes {ITEM_MICROS:.0} µs of processor in DynamoDB mode, a page of {LIMIT} items {PAGE_MICROS:.0}; a task is a quarter of a \
         processor, loaded to {:.0} %, and no service has fewer than two. Apart, every service rounds up its own tasks, but fewer tasks have \
         a cache of the same things, which leaves fewer reads.\n\n\
         | users | tasks together | apart: users, threads, posts | more for tasks | less for reads, with the cache | apart is |\n\
         |--:|--:|---|--:|--:|---|",
        100.0 * LOADED
    )?;
    for users in SIZES {
        let forum = Forum { users };
        let (tasks, reads) = bill::apart(forum, CACHE_SECONDS, prices);
        let verdict = if tasks + reads < 0.0 { "cheaper" } else { "dearer" };
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {verdict} |",
            people(users),
            bill::tasks_together(forum.peak()),
            bill::tasks_apart(forum.peak()).map(|tasks| tasks.to_string()).join(", "),
            figure(tasks),
            figure(-reads),
        )?;
    }
    writeln!(
        text,
        "\nWithout a cache three services are never cheaper than one: the same work is rounded up three times. What else speaks for three, \
         that each fails and is deployed alone, has no price here."
    )?;
    Ok(())
}

/// The cells of a ceiling: limit, posts a second, users.
fn limit(ceiling: &Ceiling) -> String {
    let limit = match ceiling.limit {
        Limit::Reads => "reads",
        Limit::Writes => "writes",
        Limit::Quota => "quota",
    };
    let Ceiling { requests, .. } = *ceiling;
    format!("{limit} | {} | {}", figure(requests * share_of_posts()), people(Forum::of_peak(requests).users))
}

fn share_of_posts() -> f64 {
    MIX.iter().filter(|(kind, _)| *kind == Kind::NewPost).map(|(_, share)| f64::from(*share)).sum::<f64>() / 100.0
}

fn percent(share: f64) -> String {
    format!("{} %", figure(100.0 * share))
}

/// A number of people, rounded as people say it.
fn people(users: f64) -> String {
    match users {
        1e9.. => format!("{} bn", figure(users / 1e9)),
        1e6.. => format!("{} M", figure(users / 1e6)),
        1e3.. => format!("{} k", figure(users / 1e3)),
        _ => figure(users),
    }
}

/// A figure of three digits, or the whole number where that has more.
fn figure(value: f64) -> String {
    let decimals = if value == 0.0 { 0 } else { (2 - value.abs().log10().floor() as i32).clamp(0, 2) };
    match decimals {
        0 => grouped(value),
        decimals => {
            let text = format!("{value:.*}", decimals.unsigned_abs() as usize);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

/// A whole number with commas between thousands.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let first = digits.len() % 3;
    let mut parts: Vec<_> = digits.as_bytes().get(first..).unwrap_or_default().chunks(3).collect();
    if first > 0 {
        parts.insert(0, digits.as_bytes().get(..first).unwrap_or_default());
    }
    let text = parts.into_iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(",");
    if value <= -0.5 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_shows_what_the_program_writes() {
        let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scale.md")).unwrap();
        assert!(document == render().unwrap(), "run cargo run --release -p bench -- scale");
    }

    #[test]
    fn figures_have_three_digits() {
        for (value, text) in
            [(0.0, "0"), (0.1234, "0.12"), (7.0, "7"), (12.34, "12.3"), (1234.5, "1,234"), (-1000.0, "-1,000"), (999.0, "999")]
        {
            assert_eq!(figure(value), text, "{value}");
        }
        assert_eq!([people(10_000.0), people(34_560_000.0)], ["10 k", "34.6 M"]);
    }
}
