//! `forum pitr-restore`: point-in-time recovery into new tables beside the live ones.

mod next;
mod table;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use clap::Args;
use db_adapter::Table;
use db_adapter::config::{DynamoConfig, FenceConfig};
use db_adapter::dynamodb::DynamoStore;
use db_adapter::forum::{TABLES, table, timestamp};
use serde::Serialize;

use self::table::TableRestore;
use crate::Outcome;
use crate::command::arguments::{OutputArguments, ReadArguments};
use crate::command::{self, table_names};
use crate::data::checksum::Checksum;
use crate::data::compare::{self, Difference, Kind};
use crate::data::dynamodb::drift::drift;
use crate::data::dynamodb::{LiveTable, utc};
use crate::data::source::{Scanner, Source};
use crate::output::{self, Format, plural};
use crate::run::interrupt::{KEPT, or_interrupted};
use crate::run::progress::Progress;

/// Maximum number of differences between the live table and the restored one that are searched for, and that are listed of each kind.
const MAX_DIFFERENCES: usize = 1000;
const MAX_LISTED: usize = 10;

/// Restore the tables as they were at a point in time, to new tables beside the live ones
///
/// All tables are restored to the same time: that of --at, or the latest that is possible for all of them. Settings that DynamoDB does
/// not restore are applied to the new tables: deletion protection, point-in-time recovery, time to live, tags, stream. Then the new
/// tables are verified and compared with the live ones, and the next steps are printed. The live tables are only read. Exit code 3 if
/// something is wrong with the restored data.
/// [API: RestoreTableToPointInTime, DescribeContinuousBackups, UpdateContinuousBackups, UpdateTimeToLive, UpdateTable, TagResource, Scan]
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    forum pitr-restore --at 2026-01-31T09:59:00Z\n  \
    forum pitr-restore --table users --at 2026-01-31T09:59:00Z --suffix before-the-accident\n\
    If it is interrupted, the same command with --resume, --at and --suffix continues it; that command is printed at the start.")]
pub(crate) struct Arguments {
    #[arg(long, value_name = "TABLE", value_parser = declared, help = format!("Restore only this table ({}); repeatable", table_names()))]
    table: Vec<&'static Table>,

    /// Time to restore to, such as 2026-01-31T09:59:00Z [default: the latest possible]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<DateTime<Utc>>,

    /// Suffix of the new tables' names [default: restored- and the time]
    #[arg(long, value_parser = suffix)]
    suffix: Option<String>,

    /// Resume an interrupted restore
    #[arg(long, requires = "suffix")]
    resume: bool,

    #[command(flatten)]
    read: ReadArguments,

    #[command(flatten)]
    output: OutputArguments,

    #[command(flatten)]
    dynamodb: DynamoConfig,
}

fn declared(name: &str) -> Result<&'static Table, String> {
    table(name).ok_or_else(|| format!("expected one of {}", table_names()))
}

fn moment(text: &str) -> Result<DateTime<Utc>, &'static str> {
    let parsed = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    parsed.map_err(|_| "expected a time such as 2026-01-31T09:59:00Z")
}

/// The length keeps every table's name within DynamoDB's limit.
fn suffix(text: &str) -> Result<String, &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let valid = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
    if valid { Ok(text.to_owned()) } else { Err("expected 1 to 64 of a-z, A-Z, 0-9, _, - and .") }
}

/// The result for all tables.
#[derive(Debug, Serialize)]
struct Report {
    /// The time that was restored to.
    at: String,
    tables: Vec<Restored>,
    /// The next steps.
    next: String,
}

impl std::fmt::Display for Report {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.tables.iter().try_for_each(|restored| restored.fmt(formatter))?;
        writeln!(formatter, "\n{}", self.next)
    }
}

/// The result for one table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Restored {
    table: &'static str,
    source: String,
    target: String,
    /// The time that DynamoDB reports.
    restored_to: Option<String>,
    settings: Vec<String>,
    #[serde(flatten)]
    items: Checksum,
    /// Problems of the restored table.
    wrong: Vec<String>,
    /// Changes in the live table since that time.
    changes: Changes,
}

/// Items that have changed since the time that was restored to.
#[derive(Debug, Default, Serialize)]
struct Changes {
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<String>,
    /// Were there more changes than are searched for?
    more: bool,
}

/// Runs `forum pitr-restore`.
pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    let store = arguments.dynamodb.open().await?;
    let again = command::next::same();
    let selected = match arguments.table.is_empty() {
        true => TABLES.to_vec(),
        false => arguments.table.clone(),
    };
    let windows = or_interrupted(arguments.windows(&store, &selected), "nothing was restored", &again).await?;
    let at = choose(arguments.at, &windows)?;
    let suffix = arguments.suffix.clone().unwrap_or_else(|| format!("restored-{}", at.format("%Y%m%dT%H%M%SZ")));
    let targets = selected.iter().map(|table| (*table, format!("{}-{suffix}", store.table_name(table)))).collect::<Vec<_>>();
    let again = command::next::command(&["pitr-restore", "--at", &timestamp(at), "--suffix", &suffix, "--resume"]);
    or_interrupted(arguments.restore(&store, &targets, at, &again), KEPT, &again).await
}

impl Arguments {
    /// The recovery window of each table.
    async fn windows(
        &self,
        store: &DynamoStore,
        tables: &[&'static Table],
    ) -> Result<Vec<(String, DateTime<Utc>, DateTime<Utc>)>> {
        let mut windows = Vec::new();
        for table in tables {
            let place = self.place(store, store.table_name(table));
            let plan = TableRestore::plan(table, place, place).await?;
            windows.extend(plan.window().map(|(from, to)| (place.name.to_owned(), from, to)));
        }
        Ok(windows)
    }

    fn place<'a>(&'a self, store: &'a DynamoStore, name: &'a str) -> LiveTable<'a> {
        LiveTable { client: store.client(), region: &self.dynamodb.aws_region, name }
    }

    async fn restore(
        &self,
        store: &DynamoStore,
        targets: &[(&'static Table, String)],
        at: DateTime<Utc>,
        again: &str,
    ) -> Result<Outcome> {
        let mut restores = Vec::new();
        for (table, target) in targets {
            let (source, target) = (self.place(store, store.table_name(table)), self.place(store, target));
            let restore = TableRestore::plan(table, source, target).await?;
            let started = restore.is_started().await?;
            ensure!(
                !started || self.resume,
                "table {} in {} already exists; resume its restore. Next: {again}",
                target.name,
                target.region
            );
            restores.push((restore, started));
        }
        if self.output.format() == Format::Text {
            output::note(format_args!("restoring to {}. If it is interrupted: {again}", timestamp(at)));
        }
        for (restore, started) in &restores {
            if !started {
                restore.start(at).await?;
            }
        }
        let mut done = Vec::new();
        for (restore, _) in &restores {
            let description = restore.wait(self.output.format()).await?;
            let settings = restore.apply_settings(self.output.format()).await?;
            let restored_to = description.restore_summary().and_then(|restore| utc(restore.restore_date_time())).map(timestamp);
            let restored = self.verify(targets, restore).await;
            let mut restored =
                restored.map_err(|error| command::next::after(&error, "the tables are restored, but not verified", again))?;
            restored.wrong.extend(drift(restore.table, &description));
            done.push(Restored { settings, restored_to, ..restored });
        }
        let sound = done.iter().all(|restored| restored.wrong.is_empty());
        let billing = restores.iter().any(|(restore, _)| restore.is_provisioned());
        let replicated = restores.iter().any(|(restore, _)| !restore.description.replicas().is_empty());
        let next = next::steps(targets, &self.dynamodb.aws_region, billing, replicated);
        output::print(self.output.format(), &Report { at: timestamp(at), tables: done, next })?;
        Ok(Outcome::of_comparison(!sound))
    }

    /// Counts and checks the restored table, and compares it with the live one.
    async fn verify(&self, targets: &[(&'static Table, String)], restore: &TableRestore<'_>) -> Result<Restored> {
        let mut config = self.dynamodb.clone();
        for (table, target) in targets {
            config.tables.set(table, target.clone());
        }
        let restored =
            Scanner::open_dynamodb(&config, &FenceConfig::default(), self.read.segments, self.read.max_read_units).await?;
        let live =
            Scanner::open_dynamodb(&self.dynamodb, &FenceConfig::default(), self.read.segments, self.read.max_read_units).await?;
        let table = restore.table;
        let progress = Progress::start(format!("verify {}", table.name), None, self.output.format());
        let items = compare::checksum(&Source::Store(restored.clone()), table, &progress).await?;
        let found = restored.store.check(table).await.with_context(|| format!("cannot check table {}", restore.target.name))?;
        let compared = compare::compare(&restored, &Source::Store(live), table, MAX_DIFFERENCES, &progress).await?;
        progress.finish();
        let mut wrong = Vec::new();
        if !found.is_empty() {
            let verify = next::with_tables(&["verify", "--repair", "--use-dynamodb=true"], &self.dynamodb.aws_region, targets);
            wrong
                .push(format!("{} wrong. Next: {verify}", plural(found.len() as u64, "item or claim is", "items or claims are")));
        }
        let mut changes = Changes { more: !compared.complete, ..Changes::default() };
        compared.differences.iter().for_each(|difference| changes.add(difference));
        Ok(Restored {
            table: table.name,
            source: restore.source.name.to_owned(),
            target: restore.target.name.to_owned(),
            restored_to: None,
            settings: Vec::new(),
            items,
            wrong,
            changes,
        })
    }
}

/// The time to restore to, which must be in the recovery window of every table.
fn choose(at: Option<DateTime<Utc>>, windows: &[(String, DateTime<Utc>, DateTime<Utc>)]) -> Result<DateTime<Utc>> {
    let latest = windows.iter().map(|(_, _, to)| *to).min().context("no table was chosen")?;
    let at = at.unwrap_or(latest);
    for (name, from, to) in windows {
        ensure!(
            (*from..=*to).contains(&at),
            "{} cannot be restored to {}: expected a time from {} to {}",
            name,
            timestamp(at),
            timestamp(*from),
            timestamp(*to)
        );
    }
    Ok(at)
}

impl Changes {
    /// Adds a difference of the restored store from the live one.
    fn add(&mut self, difference: &Difference) {
        let key = difference.key.to_string();
        match difference.kind {
            Kind::Missing => self.added.push(key),
            Kind::Extra => self.removed.push(key),
            Kind::Different { .. } => self.changed.push(key),
        }
    }
}

impl std::fmt::Display for Restored {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { source, target, items, settings, wrong, changes, .. } = self;
        writeln!(formatter, "{target}: {}, checksum {}", plural(items.items, "item", "items"), items.sum)?;
        writeln!(formatter, "  settings applied: {}", settings.join(", "))?;
        wrong.iter().try_for_each(|wrong| writeln!(formatter, "  wrong: {wrong}"))?;
        let kinds = [(&changes.added, "added to"), (&changes.removed, "removed from"), (&changes.changed, "changed in")];
        for (keys, what) in kinds.into_iter().filter(|(keys, _)| !keys.is_empty()) {
            let more = if keys.len() > MAX_LISTED || changes.more { ", …" } else { "" };
            let named = keys.iter().take(MAX_LISTED).map(String::as_str).collect::<Vec<_>>().join("; ");
            writeln!(
                formatter,
                "  since that time {} {what} {source}: {named}{more}",
                plural(keys.len() as u64, "item was", "items were")
            )?;
        }
        if changes.more {
            writeln!(formatter, "  there were more than {MAX_DIFFERENCES} changes")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        moment(text).unwrap()
    }

    #[test]
    fn the_time_is_the_latest_that_every_table_offers() {
        let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-31T10:00:00Z");
        let windows = [
            ("users".to_owned(), at(early), at(late)),
            ("posts".to_owned(), at("2026-01-20T00:00:00Z"), at("2026-01-31T09:59:00Z")),
        ];
        assert_eq!(choose(None, &windows).unwrap(), at("2026-01-31T09:59:00Z"));
        assert_eq!(choose(Some(at("2026-01-20T00:00:00Z")), &windows).unwrap(), at("2026-01-20T00:00:00Z"));
        for outside in ["2026-01-19T23:59:59Z", "2026-01-31T09:59:01Z"] {
            let error = choose(Some(at(outside)), &windows).unwrap_err().to_string();
            assert!(error.contains("posts cannot be restored to") && error.contains("2026-01-31T09:59:00.000Z"), "{error}");
        }
    }
}
