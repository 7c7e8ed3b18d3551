//! Restoring a backup: everything is checked before anything is written, and compared when it is written.

mod journal;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use db_adapter::config::StoreConfig;
use db_adapter::forum::TABLES;
use db_adapter::{Item, Table};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use serde_json::json;
use tokio::sync::mpsc;

use self::journal::Journal;
use crate::Outcome;
use crate::archive::{self, Contents, Part, beside};
use crate::checksum::Checksum;
use crate::interrupt::or_interrupted;
use crate::progress::Progress;
use crate::rate::{RateCap, write_units};
use crate::source::{Scanner, Source};
use crate::verify::compare::{self, Difference};

/// Parts that are loaded at once.
const LOADS: usize = 4;
/// Differences that are named at most.
const NAMED: usize = 100;
/// Times that a table is counted again when it seems to differ: on DynamoDB a scan may miss the last second's writes.
const RECOUNTS: u32 = 3;

/// Load a backup file into the store, and verify it
///
/// Every part is checked before anything is written. Claims on unique values are made anew. [API: BatchWriteItem]
#[derive(Debug, Args)]
#[command(after_help = "Example: USE_DYNAMODB=true forum restore --file forum-2026-01-31.jsonl.zst --max-write-units 500\n\
    Stopped? The same command with --resume goes on.")]
pub(crate) struct Arguments {
    /// The file that `forum backup` wrote
    #[arg(long, value_name = "FILE")]
    file: PathBuf,

    /// Load into tables that are not empty: items of the same key are replaced, others stay
    #[arg(long)]
    merge: bool,

    /// Go on with a restore that was stopped; FILE.restoring tells what is done
    #[arg(long)]
    resume: bool,

    /// Segments in which each table is scanned at once to verify it [default: 16 on DynamoDB, 4 on JSON files]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    segments: Option<u32>,

    /// Write capacity units a second at most, of tables and indexes together; without it, no cap
    #[arg(long, value_name = "UNITS", value_parser = clap::value_parser!(u32).range(1..))]
    max_write_units: Option<u32>,

    /// Read capacity units a second at most while verifying; without it, no cap
    #[arg(long, value_name = "UNITS", value_parser = clap::value_parser!(u32).range(1..))]
    max_read_units: Option<u32>,

    /// Print the result and the progress as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreConfig,
}

impl Arguments {
    /// The command that goes on with this one.
    fn next(&self) -> String {
        format!("forum restore --file {} --resume", self.file.display())
    }
}

/// Runs `forum restore`.
pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    let progress = Progress::start("check the backup", None, arguments.json);
    let contents = archive::check(&arguments.file, &progress);
    let contents = or_interrupted(contents, "the same command, as nothing was written").await?;
    progress.finish();
    let scanner = Scanner::open(&arguments.store, arguments.segments, arguments.max_read_units).await?;
    let done = or_interrupted(restore(&arguments, &contents, &scanner), &arguments.next()).await;
    scanner.store.close().await?;
    done
}

async fn restore(arguments: &Arguments, contents: &Contents, scanner: &Scanner) -> Result<Outcome> {
    let path = beside(&arguments.file, ".restoring");
    let journal = match (arguments.resume, path.exists()) {
        (true, true) => Journal::resume(&path, &contents.sha256, &scanner.location)?,
        (true, false) => bail!("there is nothing to resume: {} does not exist. Start without --resume", path.display()),
        (false, true) => {
            bail!("{} tells of a restore that was stopped; delete it, or go on with: {}", path.display(), arguments.next())
        }
        (false, false) => {
            if !arguments.merge {
                check_empty(scanner).await?;
            }
            Journal::create(&path, &contents.sha256, &scanner.location, arguments.merge)?
        }
    };
    let merged = journal.is_merge();
    let load = Load {
        file: arguments.file.clone(),
        scanner: scanner.clone(),
        journal,
        cap: Arc::new(RateCap::new(arguments.max_write_units)),
    };
    // What is referred to first.
    for table in TABLES.into_iter().rev() {
        let total = contents.manifest.tables.get(table.name).map(|checksum| checksum.items);
        let progress = Progress::start(format!("restore {}", table.name), total, arguments.json);
        let loaded = load.table(table, &progress).await;
        loaded.with_context(|| format!("the restore is not finished; go on with: {}", arguments.next()))?;
        progress.finish();
    }
    let mut differences = Vec::new();
    for table in TABLES.into_iter().rev() {
        let expected = contents.manifest.tables.get(table.name).copied().unwrap_or_default();
        let progress = Progress::start(format!("verify {}", table.name), Some(expected.items), arguments.json);
        let found = match merged {
            true => compare::absent_or_different(scanner, &arguments.file, table, NAMED, &progress).await?,
            false => verify(scanner, arguments, table, &expected, &progress).await?,
        };
        differences.extend(found);
        progress.finish();
    }
    report(arguments, contents, scanner, &differences);
    if !differences.is_empty() {
        return Ok(Outcome::Differences);
    }
    load.journal.remove()?;
    Ok(Outcome::Done)
}

async fn check_empty(scanner: &Scanner) -> Result<()> {
    for table in TABLES {
        ensure!(
            scanner.is_empty(table).await?,
            "table {} of {} is not empty; restore into empty tables, or with --merge to replace items of the same key and keep others",
            table.name,
            scanner.location
        );
    }
    Ok(())
}

struct Load {
    file: PathBuf,
    scanner: Scanner,
    journal: Journal,
    cap: Arc<RateCap>,
}

impl Load {
    /// Loads what is left of a table: where values are unique in one piece, as one load sees all their owners, else part by part.
    async fn table(&self, table: &'static Table, progress: &Progress) -> Result<()> {
        if self.journal.has_table(table.name) {
            return Ok(());
        }
        if table.unique.is_empty() {
            let parts = parts(self.file.clone(), table);
            parts.try_for_each_concurrent(LOADS, |part| self.part(table, part, progress)).await?;
        } else {
            let items = parts(self.file.clone(), table).map(|part| part.and_then(|part| part.items()));
            let items = items.map_err(|error| db_adapter::Error::backend(error.into_boxed_dyn_error()));
            let items = items.map_ok(|items| stream::iter(items.into_iter().map(Ok))).try_flatten();
            self.load(table, items.boxed(), progress).await?;
        }
        self.journal.add_table(table.name)
    }

    async fn part(&self, table: &'static Table, part: Part, progress: &Progress) -> Result<()> {
        let number = part.header.number;
        if self.journal.has_part(number) {
            progress.add(part.header.items, 0.0);
            return Ok(());
        }
        self.load(table, stream::iter(part.items()?.into_iter().map(Ok)).boxed(), progress).await?;
        self.journal.add_part(number)
    }

    async fn load(
        &self,
        table: &'static Table,
        items: BoxStream<'_, db_adapter::Result<Item>>,
        progress: &Progress,
    ) -> Result<()> {
        let metered = self.scanner.location.is_metered();
        let paced = items.then(|item| async move {
            let item = item?;
            let units = if metered { write_units(table, &item) } else { 0.0 };
            self.cap.spend(units).await;
            progress.add(1, units);
            Ok(item)
        });
        let loaded = self.scanner.store.load(table, paced.boxed()).await;
        loaded.with_context(|| format!("cannot restore table {} into {}", table.name, self.scanner.location)).map(drop)
    }
}

/// The table's parts in the file.
fn parts(file: PathBuf, table: &'static Table) -> impl futures::Stream<Item = Result<Part>> + Send {
    let (sender, receiver) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        let read = archive::each_part(&file, |part| Ok(!part.is_of(table) || sender.blocking_send(Ok(part)).is_ok()));
        if let Err(error) = read {
            let _ = sender.blocking_send(Err(error));
        }
    });
    stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|part| (part, receiver)) })
}

/// Counts the table, and where it is not what the manifest says, finds the items.
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
        let compared = compare::compare(scanner, &Source::Backup(arguments.file.clone()), table, NAMED, progress).await?;
        if !compared.differences.is_empty() {
            return Ok(compared.differences);
        }
    }
    bail!(
        "table {} of {} keeps changing while it is verified. Next: forum verify --against-backup {}",
        table.name,
        scanner.location,
        arguments.file.display()
    )
}

fn report(arguments: &Arguments, contents: &Contents, scanner: &Scanner, differences: &[Difference]) {
    let tables = &contents.manifest.tables;
    if arguments.json {
        println!("{}", json!({"file": arguments.file, "store": scanner.location, "tables": tables, "differences": differences}));
        return;
    }
    let counts: Vec<_> = tables.iter().map(|(name, checksum)| format!("{} {name}", checksum.items)).collect();
    println!("restored {} into {}", counts.join(", "), scanner.location);
    if differences.is_empty() {
        println!("verified: counts and checksums are those of the backup of {}", contents.manifest.backup.started);
    }
    for difference in differences {
        println!("differs: {difference}");
    }
}
