//! Backups: the whole store in one file, written while the forum runs.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use db_adapter::config::StoreConfig;
use db_adapter::forum::{SCHEMA_VERSION, TABLES, now};
use db_adapter::{Cursor, Item, Table};
use serde_json::json;

use crate::Outcome;
use crate::archive::{FORMAT, Header, NOTE, Part, Reader, Section, Writer, beside};
use crate::checksum::Checksum;
use crate::interrupt::or_interrupted;
use crate::progress::Progress;
use crate::source::Scanner;

/// Write the whole store into one file that `forum restore` reads
///
/// JSON lines with typed values, a sha256 for every part, and a manifest with counts and checksums. The store is scanned while it is in
/// use: a scan is not a snapshot. [API: Scan]
#[derive(Debug, Args)]
#[command(after_help = "Example: USE_DYNAMODB=true forum backup --file forum-2026-01-31.jsonl.zst --max-read-units 500\n\
    Stopped? The same command with --resume goes on.")]
pub(crate) struct Arguments {
    /// The file to write; compressed when it ends in .zst
    #[arg(long, value_name = "FILE")]
    file: PathBuf,

    /// Go on with a backup that was stopped: what is complete in FILE.partial is checked and kept
    #[arg(long)]
    resume: bool,

    /// Segments in which each table is scanned at once [default: 16 on DynamoDB, 4 on JSON files]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    segments: Option<u32>,

    /// Read capacity units a second at most; without it, no cap
    #[arg(long, value_name = "UNITS", value_parser = clap::value_parser!(u32).range(1..))]
    max_read_units: Option<u32>,

    /// Print the result and the progress as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreConfig,
}

/// Runs `forum backup`.
pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    let file = &arguments.file;
    ensure!(!file.exists(), "{} exists; a backup never replaces a file, so choose another name", file.display());
    let scanner = Scanner::open_existing(&arguments.store, arguments.segments, arguments.max_read_units).await?;
    let done = or_interrupted(backup(&arguments, scanner.clone()), &arguments.next()).await;
    scanner.store.close().await?;
    done.map(|()| Outcome::Done)
}

async fn backup(arguments: &Arguments, mut scanner: Scanner) -> Result<()> {
    let file = &arguments.file;
    let partial = beside(file, ".partial");
    let mut begun = match (arguments.resume, partial.exists()) {
        (false, true) => {
            bail!("{} is a backup that was stopped; delete it, or go on with: {}", partial.display(), arguments.next())
        }
        (true, false) => bail!("there is nothing to resume: {} does not exist. Start without --resume", partial.display()),
        (false, false) => {
            for table in TABLES {
                scanner.is_empty(table).await?;
            }
            Begun::new(&partial, is_zstd(file), &scanner)?
        }
        (true, true) => match Begun::resume(&partial, &mut scanner)? {
            Resumed::Begun(begun) => *begun,
            Resumed::Complete => {
                put_in_place(&partial, file)?;
                return arguments.report(file, None);
            }
        },
    };
    // What refers to others first: its targets, made before it, are then in the backup too.
    for table in TABLES {
        let progress = Progress::start(format!("backup {}", table.name), None, arguments.json);
        let copied = begun.copy(table, &scanner, &progress).await;
        copied.with_context(|| format!("the backup is not finished; go on with: {}", arguments.next()))?;
        progress.finish();
    }
    for (table, state) in &begun.tables {
        if let Some(reason) = &state.broken {
            eprintln!("warning: table {table} holds items that a restore will refuse: {reason}. Next: forum verify --repair");
        }
    }
    let tables: BTreeMap<_, _> = begun.tables.iter().map(|(name, state)| ((*name).to_owned(), state.checksum)).collect();
    let bytes = begun.writer.finish(begun.header, now(), tables.clone())?;
    put_in_place(&partial, file)?;
    arguments.report(file, Some((bytes, tables)))
}

impl Arguments {
    /// The command that goes on with this one.
    fn next(&self) -> String {
        format!("forum backup --file {} --resume", self.file.display())
    }

    fn report(&self, file: &Path, written: Option<(u64, BTreeMap<String, Checksum>)>) -> Result<()> {
        let file = file.display();
        match (self.json, written) {
            (true, Some((bytes, tables))) => println!("{}", json!({"file": file.to_string(), "bytes": bytes, "tables": tables})),
            (true, None) => println!("{}", json!({"file": file.to_string()})),
            (false, None) => println!("{file} was complete already; it has its name now"),
            (false, Some((bytes, tables))) => {
                let counts: Vec<_> = tables.iter().map(|(name, checksum)| format!("{} {name}", checksum.items)).collect();
                println!("wrote {file}: {}; {bytes} bytes", counts.join(", "));
                println!("{NOTE}");
            }
        }
        Ok(())
    }
}

/// A backup on its way.
struct Begun {
    writer: Writer,
    header: Header,
    tables: BTreeMap<&'static str, TableState>,
}

enum Resumed {
    Begun(Box<Begun>),
    /// Only its last name is missing.
    Complete,
}

/// How far a table is.
#[derive(Debug, Default)]
struct TableState {
    checksum: Checksum,
    /// Segments that were begun: where they go on, or `None` when they are complete.
    segments: BTreeMap<u32, Option<String>>,
    /// Why the first item that no store would take is broken.
    broken: Option<String>,
}

impl TableState {
    fn add(&mut self, table: &Table, items: &[Item]) -> Result<()> {
        for item in items {
            self.checksum.add(table, item);
            let attributes = item.attributes()?;
            if let Err(error) = table.check(&attributes)
                && self.broken.is_none()
            {
                self.broken = Some(format!("{}: {error}", item.text(table.hash).unwrap_or_default()));
            }
        }
        Ok(())
    }

    /// The segment and where it goes on, unless it is complete.
    fn start(&self, segment: u32) -> Option<(u32, Option<Cursor>)> {
        match self.segments.get(&segment) {
            None => Some((segment, None)),
            Some(next) => next.clone().map(|cursor| (segment, Some(Cursor::from_text(cursor)))),
        }
    }
}

impl Begun {
    fn new(partial: &Path, zstd: bool, scanner: &Scanner) -> Result<Self> {
        let header = Header {
            format: FORMAT,
            schema: SCHEMA_VERSION,
            started: now(),
            store: scanner.location.clone(),
            segments: scanner.segments,
            note: NOTE.to_owned(),
        };
        let writer = Writer::create(partial, zstd, &header)?;
        Ok(Self { writer, header, tables: BTreeMap::new() })
    }

    /// Appends what is left of a table.
    async fn copy(&mut self, table: &'static Table, scanner: &Scanner, progress: &Progress) -> Result<()> {
        let state = self.tables.entry(table.name).or_default();
        progress.add(state.checksum.items, 0.0);
        let left: Vec<_> = (0..scanner.segments).filter_map(|segment| state.start(segment)).collect();
        let mut batches = scanner.batches_from(table, left, None);
        while let Some(batch) = batches.next().await? {
            let next = batch.next.map(|cursor| cursor.to_string());
            self.writer.part(table, batch.segment, &batch.items, next)?;
            state.add(table, &batch.items)?;
            progress.add(batch.items.len() as u64, batch.units);
        }
        Ok(())
    }

    /// Keeps the whole parts at the beginning of the file, and drops the rest.
    fn resume(partial: &Path, scanner: &mut Scanner) -> Result<Resumed> {
        let advice = || format!("{} cannot be resumed; delete it and start again", partial.display());
        let mut reader = Reader::open(partial).with_context(advice)?;
        let header = reader.header().clone();
        ensure!(
            header.store == scanner.location,
            "{} is a backup of {}, but the settings name {}",
            partial.display(),
            header.store,
            scanner.location
        );
        scanner.segments = header.segments;
        let mut tables = BTreeMap::<_, TableState>::new();
        let mut keep = |part: &Part| {
            let table = part.table()?;
            let state = tables.entry(table.name).or_default();
            state.add(table, &part.items()?)?;
            state.segments.insert(part.header.segment, part.header.next.clone());
            Ok::<_, anyhow::Error>(())
        };
        loop {
            match reader.next() {
                Ok(Section::Part(part)) => keep(&part).with_context(advice)?,
                Ok(Section::Manifest(_)) => return Ok(Resumed::Complete),
                Err(rest) => {
                    eprintln!("going on where the backup stopped ({rest:#})");
                    break;
                }
            }
        }
        Ok(Resumed::Begun(Box::new(Self { writer: Writer::resume(reader)?, header, tables })))
    }
}

fn is_zstd(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "zst")
}

/// Gives the finished file its name, so that it lasts.
fn put_in_place(partial: &Path, file: &Path) -> Result<()> {
    ensure!(!file.exists(), "{} was made by someone else meanwhile; the backup is {}", file.display(), partial.display());
    std::fs::rename(partial, file).with_context(|| format!("cannot rename {} to {}", partial.display(), file.display()))?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Other systems have no such thing as syncing a folder.
    if cfg!(unix) {
        let sync = File::open(folder).and_then(|folder| folder.sync_all());
        sync.with_context(|| format!("cannot sync {}", folder.display()))?;
    }
    Ok(())
}
