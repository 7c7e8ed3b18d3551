//! `forum backup`: the whole store in one file, written while the forum runs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Error, Result, bail, ensure};
use clap::Args;
use db_adapter::config::StoreConfig;
use db_adapter::forum::{TABLES, in_reference_order};
use serde::Serialize;

use crate::command::arguments::{OutputArguments, ReadArguments};
use crate::command::next;
use crate::data::archive::{NOTE, with_suffix};
use crate::data::backup::{PartialBackup, Resumed, put_in_place};
use crate::data::checksum::Checksum;
use crate::data::source::Scanner;
use crate::output::{self, per_table};
use crate::run::interrupt::{KEPT, or_interrupted};
use crate::run::progress::Progress;
use crate::{Outcome, Tables};

/// Write the whole store into one file that `forum restore` reads
///
/// The file holds JSON lines with typed values, a sha256 of every part, and a manifest with counts and checksums. The store may be in
/// use: a backup is a scan, not a snapshot. [API: Scan]
#[derive(Debug, Args)]
#[command(after_help = "Example: USE_DYNAMODB=true forum backup --file forum-2026-01-31.jsonl.zst --max-read-units 500\n\
    If it is interrupted, the same command with --resume continues it.")]
pub(crate) struct Arguments {
    /// The file to write, compressed if its name ends in .zst; - is standard output
    #[arg(long, value_name = "FILE")]
    file: PathBuf,

    /// Resume an interrupted backup: complete parts of FILE.partial are checked and kept
    #[arg(long)]
    resume: bool,

    #[command(flatten)]
    read: ReadArguments,

    #[command(flatten)]
    output: OutputArguments,

    #[command(flatten)]
    store: StoreConfig,
}

/// Runs `forum backup`.
pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    let file = &arguments.file;
    ensure!(
        arguments.to_stdout() || !file.exists(),
        "{} exists; a backup never replaces a file: choose another name",
        file.display()
    );
    let scanner = Scanner::open_existing(&arguments.store, arguments.read.segments, arguments.read.max_read_units);
    let scanner = or_interrupted(scanner, "nothing was written", &next::same()).await?;
    let leaves = if arguments.to_stdout() { "the backup is incomplete" } else { KEPT };
    let done = or_interrupted(backup(&arguments, scanner.clone(), &TABLES), leaves, &arguments.next()).await;
    scanner.store.close().await?;
    match arguments.to_stdout() {
        true => output::print_aside(arguments.output.format(), &done?),
        false => output::print(arguments.output.format(), &done?)?,
    }
    Ok(Outcome::Done)
}

/// Copies the tables into a new file, or resumes an incomplete one.
pub(super) async fn backup(arguments: &Arguments, mut scanner: Scanner, tables: Tables) -> Result<Written> {
    let file = &arguments.file;
    let partial = with_suffix(file, ".partial");
    let announce = |rest: &Error| output::note(format_args!("resuming after the last complete part ({rest:#})"));
    let mut backup = match (arguments.resume, partial.exists()) {
        _ if arguments.to_stdout() => {
            ensure!(!arguments.resume, "a backup to standard output cannot be resumed; start again without --resume");
            for table in tables {
                scanner.is_empty(table).await?;
            }
            PartialBackup::to_stdout(&scanner)?
        }
        (false, true) => {
            bail!("{} is an incomplete backup; delete it, or resume it. Next: {}", partial.display(), arguments.next())
        }
        (true, false) => bail!("nothing to resume: {} does not exist; start without --resume", partial.display()),
        (false, false) => {
            for table in tables {
                scanner.is_empty(table).await?;
            }
            PartialBackup::new(
                &partial,
                file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zst")),
                &scanner,
            )?
        }
        (true, true) => match PartialBackup::resume(&partial, &mut scanner, tables, announce)? {
            Resumed::Partial(backup) => *backup,
            Resumed::Complete => {
                put_in_place(&partial, file)?;
                return Ok(Written { file: file.clone(), contents: None });
            }
        },
    };
    // Tables that refer to others come first: the targets, which were created before, are then in the backup too.
    for table in in_reference_order(tables).into_iter().rev() {
        let progress = Progress::start(format!("backup {}", table.name), None, arguments.output.format());
        let copied = backup.copy(table, &scanner, &progress).await;
        copied.map_err(|error| next::after(&error, "the backup is incomplete", &arguments.next()))?;
        progress.finish();
    }
    for (table, reason) in backup.broken() {
        output::note(format_args!(
            "warning: table {table} holds items that a restore will refuse: {reason}. Next: {}",
            next::command(&["verify", "--repair"])
        ));
    }
    let (bytes, tables) = backup.finish()?;
    if !arguments.to_stdout() {
        put_in_place(&partial, file)?;
    }
    Ok(Written { file: file.clone(), contents: Some(WrittenContents { bytes, tables }) })
}

impl Arguments {
    fn to_stdout(&self) -> bool {
        self.file.as_os_str() == "-"
    }

    /// The command that resumes this one, if it can be resumed, and else starts over.
    fn next(&self) -> String {
        if self.to_stdout() {
            return next::same();
        }
        next::command(&["backup", "--file", &self.file.to_string_lossy(), "--resume"])
    }
}

/// A backup that is complete.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    file: PathBuf,
    /// Its contents, unless an earlier run wrote them.
    #[serde(flatten)]
    contents: Option<WrittenContents>,
}

#[derive(Debug, Serialize)]
struct WrittenContents {
    bytes: u64,
    tables: BTreeMap<String, Checksum>,
}

impl fmt::Display for Written {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = if self.file.as_os_str() == "-" { "standard output".into() } else { self.file.to_string_lossy() };
        let Some(WrittenContents { bytes, tables }) = &self.contents else {
            return writeln!(formatter, "{file} was already complete; it has its final name now");
        };
        let counts = per_table(tables.iter().map(|(name, checksum)| (name.as_str(), checksum.items)));
        writeln!(formatter, "wrote {file}: {}; {bytes} bytes\n{NOTE}", counts)
    }
}
