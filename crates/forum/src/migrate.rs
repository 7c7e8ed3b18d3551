//! `forum migrate`: the data of a forum from JSON files to DynamoDB, and back.

mod survey;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{ArgAction, ArgGroup, Args};
use db_adapter::Backend;
use db_adapter::config::{DynamoConfig, StoreConfig};
use db_adapter::json::JsonOptions;
use serde_json::json;

use self::survey::Survey;
use self::write::{Writer, Written};
use crate::Outcome;
use crate::interrupt::or_interrupted;
use crate::progress::Progress;
use crate::rate::RateCap;
use crate::source::directory::Directory;
use crate::source::{Scanner, Source, existing};
use crate::verify::compare::{self, Comparison};
use crate::verify::inspect::ORDER;

/// Differences of each table that are named at most.
const NAMED: usize = 20;

/// Move the data of a forum from JSON files to DynamoDB, or back
///
/// A folder holds users/db.json, threads/db.json and posts/db.json, or users.json, threads.json and posts.json, or db.json, each with a
/// list or an object of lists; or it is a JSON store. Attribute names of the older form are translated (id, createdBy, thread, user,
/// text), ids become text, ids and times that are missing are derived from the order of the file. The whole source is checked before
/// anything is written. What the target has already is not written again, what it has in another form is kept, so a migration
/// that was stopped goes on when it is started again, and a second one changes nothing. At the end both sides are compared: exit code 3
/// when they differ. [API: BatchWriteItem, BatchGetItem, Scan]
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("direction").required(true), after_help = "Examples:\n  \
    forum migrate --from ./legacy --dry-run\n  \
    forum migrate --from ./legacy --region us-east-1\n  \
    forum migrate --from data/store --max-write-units 500\n  \
    forum migrate --to data/store")]
pub(crate) struct Arguments {
    /// From the files of this folder to DynamoDB
    #[arg(long, value_name = "DIR", group = "direction")]
    from: Option<PathBuf>,

    /// From DynamoDB to the JSON store of this folder
    #[arg(long, value_name = "DIR", group = "direction")]
    to: Option<PathBuf>,

    /// Check the source and show what would be written; with --from DynamoDB is not contacted
    #[arg(long)]
    dry_run: bool,

    /// Refuse a source in which references lead nowhere
    #[arg(long, conflicts_with = "to")]
    strict: bool,

    /// Replace what the target has in another form
    #[arg(long)]
    overwrite: bool,

    /// Segments in which each table is scanned at once [default: 16 on DynamoDB, 4 on JSON files]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    segments: Option<u32>,

    /// Read capacity units a second at most; without it, no cap
    #[arg(long, value_name = "UNITS", value_parser = clap::value_parser!(u32).range(1..))]
    max_read_units: Option<u32>,

    /// Write capacity units a second at most, of tables and indexes together; without it, no cap
    #[arg(long, value_name = "UNITS", value_parser = clap::value_parser!(u32).range(1..))]
    max_write_units: Option<u32>,

    /// Keep the JSON store to this process; needed on network file systems, where locks do not work
    #[arg(long, env = "DATA_DIR_SINGLE_WRITER", value_name = "DATA_DIR_SINGLE_WRITER", action = ArgAction::Set)]
    #[arg(default_value = "false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    data_dir_single_writer: bool,

    /// Print the result and the progress as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    dynamodb: DynamoConfig,
}

/// Runs `forum migrate`.
pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    match (&arguments.from, &arguments.to) {
        (Some(folder), None) => {
            let next = format!("forum migrate --from {}, which goes on where it stopped", folder.display());
            or_interrupted(arguments.migrate_from(folder), &next).await
        }
        (None, Some(folder)) => {
            let next = format!("forum migrate --to {}, which goes on where it stopped", folder.display());
            let store = if arguments.dry_run { None } else { Some(arguments.json_store(folder).await?) };
            let done = or_interrupted(arguments.migrate_to(store.as_ref()), &next).await;
            if let Some(store) = store {
                store.store.close().await?;
            }
            done
        }
        _ => bail!("one of --from and --to is needed"),
    }
}

impl Arguments {
    async fn migrate_from(&self, folder: &Path) -> Result<Outcome> {
        let folder = existing(folder.to_owned())?;
        let source = match Directory::is_store(&folder) {
            true => Source::Store(self.json_store(&folder).await?),
            false => Source::Directory(Directory::open(&folder)?),
        };
        let survey = Survey::of(&source, self.json).await?;
        if survey.faults.count > 0 {
            bail!("{} records cannot be stored, so nothing was written:\n{}", survey.faults.count, survey.faults);
        }
        if !self.json {
            eprint!("{survey}");
        }
        if self.strict && survey.dangling.count > 0 {
            bail!("{} references lead nowhere, so nothing was written:\n{}", survey.dangling.count, survey.dangling);
        }
        if self.dry_run {
            self.show(&survey);
            return Ok(Outcome::Done);
        }
        let target = self.dynamodb().await?;
        self.migrate(&source, &target, Some(&survey)).await
    }

    /// Without a target it is a dry run.
    async fn migrate_to(&self, target: Option<&Scanner>) -> Result<Outcome> {
        let source = self.dynamodb().await?;
        let Some(target) = target else {
            let mut counts = BTreeMap::new();
            for table in ORDER {
                let progress = Progress::start(format!("read {}", table.name), None, self.json);
                counts.insert(table.name, compare::checksum(&Source::Store(source.clone()), table, &progress).await?);
                progress.finish();
            }
            if self.json {
                println!("{}", json!({"dryRun": true, "source": source.location, "tables": counts}));
            } else {
                counts.iter().for_each(|(table, checksum)| println!("{table}: {} in {}", checksum.items, source.location));
                println!("dry run: nothing was written");
            }
            return Ok(Outcome::Done);
        };
        self.migrate(&Source::Store(source), target, None).await
    }

    async fn migrate(&self, source: &Source, target: &Scanner, survey: Option<&Survey>) -> Result<Outcome> {
        let cap = RateCap::new(self.max_write_units);
        let writer = Writer { source, target, overwrite: self.overwrite, cap: &cap };
        let mut tables = BTreeMap::new();
        // What is referred to first.
        for table in ORDER {
            let total = survey.map(|survey| survey.records(table));
            let progress = Progress::start(format!("migrate {}", table.name), total, self.json);
            let written = writer.table(table, &progress).await?;
            progress.finish();
            let progress = Progress::start(format!("compare {}", table.name), None, self.json);
            let compared = compare::compare(target, source, table, NAMED, &progress).await?;
            progress.finish();
            tables.insert(table.name, (written, compared));
        }
        self.report(source, target, survey, &tables);
        let equal = tables.values().all(|(_, compared)| compared.differences.is_empty());
        Ok(if equal { Outcome::Done } else { Outcome::Differences })
    }

    fn show(&self, survey: &Survey) {
        if self.json {
            println!("{}", json!({"dryRun": true, "source": survey}));
            return;
        }
        println!("dry run: nothing was written. The first item of each table would be");
        survey.samples().for_each(|(table, item)| println!("  {table}: {item}"));
    }

    fn report(
        &self,
        source: &Source,
        target: &Scanner,
        survey: Option<&Survey>,
        tables: &BTreeMap<&'static str, (Written, Comparison)>,
    ) {
        if self.json {
            let table = |(written, compared): &(Written, Comparison)| json!({"result": written, "source": compared.theirs, "differences": compared.differences});
            let tables: BTreeMap<_, _> = tables.iter().map(|(name, done)| (name, table(done))).collect();
            println!("{}", json!({"source": survey, "target": target.location, "tables": tables}));
            return;
        }
        for (table, (Written { written, unchanged, kept }, compared)) in tables {
            println!("{table}: {written} written, {unchanged} there already");
            if kept.count > 0 {
                print!("{} are there in another form and were kept; --overwrite replaces them:\n{kept}", kept.count);
            }
            compared.differences.iter().for_each(|difference| println!("differs: {difference}"));
            if !compared.complete {
                println!("differs: more than {NAMED} items of {table}");
            }
            if compared.differences.is_empty() {
                println!("{table}: {} items, checksum {}, equal on both sides", compared.theirs.items, compared.theirs.sum);
            }
        }
        println!("source: {source}\ntarget: {}", target.location);
    }

    async fn dynamodb(&self) -> Result<Scanner> {
        Scanner::open_dynamodb(&self.dynamodb, self.segments, self.max_read_units).await
    }

    async fn json_store(&self, folder: &Path) -> Result<Scanner> {
        let config = StoreConfig {
            backend: Backend::Json,
            data_dir: folder.to_owned(),
            data_dir_single_writer: self.data_dir_single_writer,
            lock_timeout_seconds: JsonOptions::new(folder).lock_timeout,
            dynamodb: self.dynamodb.clone(),
        };
        Scanner::open(&config, self.segments, None).await
    }
}
