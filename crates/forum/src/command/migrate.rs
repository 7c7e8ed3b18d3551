//! `forum migrate`: moves data from files to DynamoDB or to a JSON store, or from DynamoDB to a JSON store.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{ArgAction, ArgGroup, Args};
use db_adapter::Backend;
use db_adapter::config::{DynamoConfig, FenceConfig, StoreConfig};
use db_adapter::forum::{TABLES, in_reference_order};
use db_adapter::json::JsonOptions;
use serde::Serialize;

use crate::command::arguments::{FenceArguments, OutputArguments, ReadArguments, WriteArguments};
use crate::command::{next, table_names};
use crate::data::checksum::Checksum;
use crate::data::compare::{self, Comparison, Difference};
use crate::data::location::Location;
use crate::data::source::directory::ReadingArguments;
use crate::data::source::{Scanner, Source, existing};
use crate::data::survey::Survey;
use crate::data::write::{Writer, Written};
use crate::output::{self, Format, plural};
use crate::run::interrupt::{KEPT, or_interrupted};
use crate::run::progress::Progress;
use crate::run::rate::RateCap;
use crate::{Outcome, Tables};

/// Maximum number of differences that are listed per table.
const MAX_LISTED: usize = 20;

/// Move the data of a forum from JSON files to DynamoDB or to a JSON store, or back
///
/// The folder is a JSON store, or holds TABLE/db.json or TABLE.json for each table, or one db.json for all: arrays, objects with arrays,
/// JSON lines, exports of MongoDB and DynamoDB, gzip too. Other names of lists and attributes are understood, and --map adds more. Ids
/// become text, and missing ids and times are derived from the order of the file.
///
/// The whole source is checked before anything is written. Items that the target already has are not written again, and items that
/// differ there are kept, so an interrupted migration can be repeated and a second one changes nothing. At the end both sides are
/// compared: exit code 3 if they differ. [API: BatchWriteItem, BatchGetItem, Scan]
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("direction").required(true).multiple(true), after_help = after_help())]
pub(crate) struct Arguments {
    /// Migrate from the files in this folder, to DynamoDB unless --to is given too
    #[arg(long, value_name = "DIR", group = "direction")]
    from: Option<PathBuf>,

    /// Migrate to a JSON store in this folder, from DynamoDB unless --from is given too
    #[arg(long, value_name = "DIR", group = "direction")]
    to: Option<PathBuf>,

    /// Check the source and show what would be written; with --from, the target is not touched
    #[arg(long)]
    dry_run: bool,

    /// Refuse a source with references to items that do not exist
    #[arg(long, requires = "from")]
    strict: bool,

    /// Replace items that differ in the target
    #[arg(long)]
    overwrite: bool,

    /// Do not share the JSON store with other processes; needed on network file systems, where locks do not work
    #[arg(long, env = "DATA_DIR_SINGLE_WRITER", value_name = "DATA_DIR_SINGLE_WRITER", action = ArgAction::Set)]
    #[arg(default_value = "false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    data_dir_single_writer: bool,

    #[command(flatten)]
    fence: FenceArguments,

    #[command(flatten)]
    reading: ReadingArguments,

    #[command(flatten)]
    read: ReadArguments,

    #[command(flatten)]
    write: WriteArguments,

    #[command(flatten)]
    output: OutputArguments,

    #[command(flatten)]
    dynamodb: DynamoConfig,

    #[command(flatten)]
    lease: FenceConfig,
}

/// Runs `forum migrate`.
pub(crate) async fn run(arguments: Box<Arguments>) -> Result<Outcome> {
    arguments.reading.check(arguments.from.is_some(), "--from")?;
    let report = arguments.run(&TABLES).await?;
    output::print(arguments.output.format(), &report)?;
    Ok(Outcome::of_comparison(report.differs()))
}

fn after_help() -> String {
    format!(
        "Tables: {}\n\nExamples:\n  \
        forum migrate --from ./legacy --dry-run\n  \
        forum migrate --from ./legacy --region us-east-1\n  \
        forum migrate --from ./legacy --to data/store\n  \
        forum migrate --from ./export --map names.toml --to data/store\n  \
        forum migrate --from data/store --max-write-units 500\n  \
        forum migrate --to data/store",
        table_names()
    )
}

impl Arguments {
    async fn run(&self, tables: Tables) -> Result<Report> {
        let next = next::same();
        match (&self.from, &self.to) {
            (Some(folder), target) => or_interrupted(self.migrate_from(folder, target.as_deref(), tables), KEPT, &next).await,
            (None, Some(folder)) => {
                let store = match self.dry_run {
                    true => None,
                    false => Some(or_interrupted(self.json_store(folder), "nothing was written", &next).await?),
                };
                let done = or_interrupted(self.migrate_to(store.as_ref(), tables), KEPT, &next).await;
                if let Some(store) = store {
                    store.store.close().await?;
                }
                done
            }
            (None, None) => bail!("expected --from, --to or both"),
        }
    }

    /// Without a target it is DynamoDB.
    pub(super) async fn migrate_from(&self, folder: &Path, target: Option<&Path>, tables: Tables) -> Result<Report> {
        let folder = existing(folder.to_owned())?;
        if target.is_some_and(|target| {
            target.canonicalize().is_ok_and(|target| folder.canonicalize().is_ok_and(|from| from == target))
        }) {
            bail!("--from and --to are the same folder, {}; give another one to --to", folder.display());
        }
        let source = Source::folder(&folder, tables, &self.reading, &self.json(&folder), self.read.segments).await?;
        let survey = Survey::of(&source, tables, self.output.format()).await?;
        if survey.faults.count > 0 {
            let count = plural(survey.faults.count, "record", "records");
            bail!("{count} cannot be stored, so nothing was written:\n{}", survey.faults);
        }
        if self.output.format() == Format::Text {
            output::note(&survey);
        }
        if self.strict && survey.dangling.count > 0 {
            let count = plural(survey.dangling.count, "reference", "references");
            bail!("{count} to items that do not exist, so nothing was written:\n{}", survey.dangling);
        }
        if self.dry_run {
            return Ok(Report::Surveyed { dry_run: true, source: survey });
        }
        let Some(target) = target else {
            return self.migrate(&source, &self.dynamodb().await?, Some(survey), tables).await;
        };
        let target = self.json_store(target).await?;
        let done = self.migrate(&source, &target, Some(survey), tables).await;
        target.store.close().await?;
        done
    }

    /// Without a target this is a dry run.
    async fn migrate_to(&self, target: Option<&Scanner>, tables: Tables) -> Result<Report> {
        let source = self.dynamodb().await?;
        if let Some(target) = target {
            return self.migrate(&Source::Store(source), target, None, tables).await;
        }
        let mut counts = BTreeMap::new();
        for table in in_reference_order(tables) {
            let progress = Progress::start(format!("read {}", table.name), None, self.output.format());
            counts.insert(table.name, compare::checksum(&Source::Store(source.clone()), table, &progress).await?);
            progress.finish();
        }
        Ok(Report::Counted { dry_run: true, source: source.location, tables: counts })
    }

    pub(super) async fn migrate(
        &self,
        source: &Source,
        target: &Scanner,
        survey: Option<Survey>,
        tables: Tables,
    ) -> Result<Report> {
        let cap = RateCap::new(self.write.max_write_units);
        let writer = Writer { source, target, overwrite: self.overwrite, cap: &cap };
        let mut done = BTreeMap::new();
        // Targets of references come first.
        for table in in_reference_order(tables) {
            let total = survey.as_ref().map(|survey| survey.records(table));
            let progress = Progress::start(format!("migrate {}", table.name), total, self.output.format());
            let result = writer.table(table, &progress).await?;
            progress.finish();
            let progress = Progress::start(format!("compare {}", table.name), None, self.output.format());
            let Comparison { theirs, differences, complete, .. } =
                compare::compare(target, source, table, MAX_LISTED, &progress).await?;
            progress.finish();
            done.insert(table.name, Migrated { result, source: theirs, differences, complete });
        }
        Ok(Report::Migrated { source: survey, from: source.to_string(), target: target.location.clone(), tables: done })
    }

    async fn dynamodb(&self) -> Result<Scanner> {
        let fence = self.fence.lease(&self.lease);
        Scanner::open_dynamodb(&self.dynamodb, &fence, self.read.segments, self.read.max_read_units).await
    }

    async fn json_store(&self, folder: &Path) -> Result<Scanner> {
        Scanner::open(&self.json(folder), self.read.segments, None).await
    }

    /// The settings of a JSON store in the folder.
    fn json(&self, folder: &Path) -> StoreConfig {
        StoreConfig {
            backend: Backend::Json,
            data_dir: folder.to_owned(),
            data_dir_single_writer: self.data_dir_single_writer,
            lock_timeout_seconds: JsonOptions::new(folder).lock_timeout,
            dynamodb: self.dynamodb.clone(),
            fence: FenceConfig::default(),
        }
    }
}

/// The result of a migration.
#[derive(Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(super) enum Report {
    /// A dry run from files.
    Surveyed { dry_run: bool, source: Survey },
    /// A dry run from DynamoDB.
    Counted { dry_run: bool, source: Location, tables: BTreeMap<&'static str, Checksum> },
    /// A migration.
    Migrated {
        source: Option<Survey>,
        #[serde(skip)]
        from: String,
        target: Location,
        tables: BTreeMap<&'static str, Migrated>,
    },
}

/// The result for one table, and how both sides compare afterwards.
#[derive(Debug, Serialize)]
pub(super) struct Migrated {
    result: Written,
    source: Checksum,
    differences: Vec<Difference>,
    /// Are all differences listed?
    #[serde(skip)]
    complete: bool,
}

impl Report {
    fn differs(&self) -> bool {
        match self {
            Self::Surveyed { .. } | Self::Counted { .. } => false,
            Self::Migrated { tables, .. } => tables.values().any(|table| !table.differences.is_empty()),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Surveyed { source, .. } => {
                writeln!(formatter, "dry run: nothing was written. The first item of each table would be:")?;
                source.samples().try_for_each(|(table, item)| writeln!(formatter, "  {table}: {item}"))
            }
            Self::Counted { source, tables, .. } => {
                for (table, checksum) in tables {
                    writeln!(formatter, "{table}: {} in {source}", checksum.items)?;
                }
                writeln!(formatter, "dry run: nothing was written")
            }
            Self::Migrated { from, target, tables, .. } => {
                tables.iter().try_for_each(|(name, table)| table.lines(name, formatter))?;
                writeln!(formatter, "source: {from}\ntarget: {target}")
            }
        }
    }
}

impl Migrated {
    fn lines(&self, table: &str, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Written { written, unchanged, kept } = &self.result;
        writeln!(out, "{table}: {written} written, {unchanged} unchanged")?;
        if kept.count > 0 {
            let count = plural(kept.count, "item differs", "items differ");
            writeln!(out, "{count} in the target; what is there was kept, and --overwrite replaces it:")?;
            write!(out, "{kept}")?;
        }
        self.differences.iter().try_for_each(|difference| writeln!(out, "differs: {difference}"))?;
        if !self.complete {
            writeln!(out, "differs: more than {MAX_LISTED} items of {table}")?;
        }
        if self.differences.is_empty() {
            writeln!(
                out,
                "{table}: {}, checksum {}, equal on both sides",
                plural(self.source.items, "item", "items"),
                self.source.sum
            )?;
        }
        Ok(())
    }
}
