//! `forum restore`: a backup is checked, loaded, and compared with the store.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::Args;
use db_adapter::Table;
use db_adapter::config::StoreConfig;
use db_adapter::forum::{TABLES, in_reference_order};
use serde::Serialize;

use crate::command::arguments::{FenceArguments, OutputArguments, ReadArguments, WriteArguments};
use crate::command::next;
use crate::data::archive::{self, Contents, with_suffix};
use crate::data::checksum::Checksum;
use crate::data::compare::{self, Difference};
use crate::data::location::Location;
use crate::data::restore::Load;
use crate::data::restore::journal::Journal;
use crate::data::source::{Scanner, Source};
use crate::output::{self, per_table};
use crate::run::interrupt::{KEPT, or_interrupted};
use crate::run::progress::Progress;
use crate::run::rate::RateCap;
use crate::{Outcome, Tables};

/// Maximum number of differences that are listed per table.
const MAX_LISTED: usize = 100;
/// What a restore leaves that is interrupted before it begins.
const NOTHING: &str = "nothing was written";
/// Number of times that a table is counted if it seems to differ: on DynamoDB a scan may miss the writes of the last second.
const RECOUNTS: u32 = 3;

/// Load a backup file into the store, and verify it
///
/// The whole file is checked before anything is written. Claims on unique values are created again. [API: BatchWriteItem]
#[derive(Debug, Args)]
#[command(after_help = "Example: USE_DYNAMODB=true forum restore --file forum-2026-01-31.jsonl.zst --max-write-units 500\n\
    If it is interrupted, the same command with --resume continues it.")]
pub(crate) struct Arguments {
    /// The file that `forum backup` wrote
    #[arg(long, value_name = "FILE")]
    file: PathBuf,

    /// Load into tables that are not empty: items with the same key are replaced, others are kept
    #[arg(long)]
    merge: bool,

    /// Resume an interrupted restore; FILE.restoring holds its progress
    #[arg(long)]
    resume: bool,

    #[command(flatten)]
    fence: FenceArguments,

    #[command(flatten)]
    read: ReadArguments,

    #[command(flatten)]
    write: WriteArguments,

    #[command(flatten)]
    output: OutputArguments,

    #[command(flatten)]
    store: StoreConfig,
}

impl Arguments {
    /// The command that resumes this one.
    fn resume_command(&self) -> String {
        next::command(&["restore", "--file", &self.file.to_string_lossy(), "--resume"])
    }
}

/// Runs `forum restore`.
pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    let tables = &TABLES;
    let progress = Progress::start("check the backup", None, arguments.output.format());
    let contents = archive::check(&arguments.file, tables, &progress);
    let contents = or_interrupted(contents, NOTHING, &next::same()).await?;
    progress.finish();
    let store = arguments.fence.settings(&arguments.store);
    let scanner = Scanner::open(&store, arguments.read.segments, arguments.read.max_read_units);
    let scanner = or_interrupted(scanner, NOTHING, &next::same()).await?;
    let done = or_interrupted(restore(&arguments, &contents, &scanner, tables), KEPT, &arguments.resume_command()).await;
    scanner.store.close().await?;
    let restored = done?;
    output::print(arguments.output.format(), &restored)?;
    Ok(Outcome::of_comparison(!restored.differences.is_empty()))
}

/// Loads a checked backup, and compares the store with it.
pub(super) async fn restore(arguments: &Arguments, contents: &Contents, scanner: &Scanner, tables: Tables) -> Result<Restored> {
    let path = with_suffix(&arguments.file, ".restoring");
    let journal = match (arguments.resume, path.exists()) {
        (true, true) => Journal::resume(&path, &contents.sha256, &scanner.location)?,
        (true, false) => bail!("nothing to resume: {} does not exist; start without --resume", path.display()),
        (false, true) => {
            bail!(
                "{} belongs to an interrupted restore; delete it, or resume it. Next: {}",
                path.display(),
                arguments.resume_command()
            )
        }
        (false, false) => {
            if !arguments.merge {
                check_empty(scanner, tables).await?;
            }
            Journal::create(&path, &contents.sha256, &scanner.location, arguments.merge)?
        }
    };
    let merged = journal.is_merge();
    let load = Load {
        file: arguments.file.clone(),
        scanner: scanner.clone(),
        journal,
        cap: RateCap::new(arguments.write.max_write_units),
    };
    let tables = in_reference_order(tables);
    for table in tables.iter().copied() {
        let total = contents.manifest.tables.get(table.name).map(|checksum| checksum.items);
        let progress = Progress::start(format!("restore {}", table.name), total, arguments.output.format());
        let loaded = load.table(table, &progress).await;
        loaded.map_err(|error| next::after(&error, "the restore is incomplete", &arguments.resume_command()))?;
        progress.finish();
    }
    let mut differences = Vec::new();
    for table in tables {
        let expected = contents.manifest.tables.get(table.name).copied().unwrap_or_default();
        let progress = Progress::start(format!("verify {}", table.name), Some(expected.items), arguments.output.format());
        let found = match merged {
            true => compare::absent_or_different(scanner, &arguments.file, table, MAX_LISTED, &progress).await?,
            false => verify(scanner, arguments, table, &expected, &progress).await?,
        };
        differences.extend(found);
        progress.finish();
    }
    if differences.is_empty() {
        load.journal.remove()?;
    }
    Ok(Restored {
        file: arguments.file.clone(),
        store: scanner.location.clone(),
        tables: contents.manifest.tables.clone(),
        differences,
        started: contents.manifest.backup.started.clone(),
    })
}

async fn check_empty(scanner: &Scanner, tables: Tables) -> Result<()> {
    for table in tables {
        ensure!(
            scanner.is_empty(table).await?,
            "table {} of {} is not empty; restore into empty tables, or use --merge to replace items with the same key and keep others",
            table.name,
            scanner.location
        );
    }
    Ok(())
}

/// Compares the table with the manifest; if they differ, finds the items.
async fn verify(
    scanner: &Scanner,
    arguments: &Arguments,
    table: &'static Table,
    expected: &Checksum,
    progress: &Progress,
) -> Result<Vec<Difference>> {
    for _ in 0..RECOUNTS {
        let found = compare::checksum(&Source::Store(scanner.clone()), table, progress).await?;
        if found == *expected {
            return Ok(Vec::new());
        }
        let compared = compare::compare(scanner, &Source::Backup(arguments.file.clone()), table, MAX_LISTED, progress).await?;
        if !compared.differences.is_empty() {
            return Ok(compared.differences);
        }
    }
    bail!(
        "table {} of {} keeps changing while it is verified. Next: {}",
        table.name,
        scanner.location,
        next::command(&["verify", "--against-backup", &arguments.file.to_string_lossy()])
    )
}

/// The result of a restore.
#[derive(Debug, Serialize)]
pub(super) struct Restored {
    file: PathBuf,
    store: Location,
    tables: BTreeMap<String, Checksum>,
    /// Items of the backup that are missing or different in the store, or only in the store.
    differences: Vec<Difference>,
    /// When the backup was started.
    #[serde(skip)]
    started: String,
}

impl fmt::Display for Restored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = per_table(self.tables.iter().map(|(name, checksum)| (name.as_str(), checksum.items)));
        writeln!(formatter, "restored {} into {}", counts, self.store)?;
        if self.differences.is_empty() {
            writeln!(formatter, "verified: counts and checksums match the backup of {}", self.started)?;
        }
        self.differences.iter().try_for_each(|difference| writeln!(formatter, "differs: {difference}"))
    }
}
