//! A backup that is being written: which segments are in the file so far, and how it is resumed.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use anyhow::{Context, Error, Result, ensure};
use db_adapter::forum::{SCHEMA_VERSION, now};
use db_adapter::{Cursor, Item, Table};

use crate::Tables;
use crate::data::archive::{FORMAT, Header, NOTE, Part, Reader, Section, Writer};
use crate::data::checksum::Checksum;
use crate::data::source::Scanner;
use crate::run::progress::Progress;

/// An incomplete backup, in a file of its own.
#[derive(Debug)]
pub(crate) struct PartialBackup {
    writer: Writer,
    header: Header,
    tables: BTreeMap<&'static str, TableState>,
}

/// How far an interrupted backup is.
#[derive(Debug)]
pub(crate) enum Resumed {
    /// There is more to write.
    Partial(Box<PartialBackup>),
    /// Everything is written; only the rename is missing.
    Complete,
}

/// The progress of one table.
#[derive(Debug, Default)]
struct TableState {
    checksum: Checksum,
    /// Segments that were started: the cursor of the next page, or `None` if they are complete.
    segments: BTreeMap<u32, Option<String>>,
    /// The reason why a store would refuse an item; that of the first such item.
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

    /// The segment and the cursor of its next page, unless it is complete.
    fn start(&self, segment: u32) -> Option<(u32, Option<Cursor>)> {
        match self.segments.get(&segment) {
            None => Some((segment, None)),
            Some(next) => next.clone().map(|cursor| (segment, Some(Cursor::from_text(cursor)))),
        }
    }
}

impl PartialBackup {
    /// Starts a new file.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub(crate) fn new(partial: &Path, zstd: bool, scanner: &Scanner) -> Result<Self> {
        let header = Self::header(scanner);
        let writer = Writer::create(partial, zstd, &header)?;
        Ok(Self { writer, header, tables: BTreeMap::new() })
    }

    /// Starts a backup that goes to standard output, uncompressed. It cannot be resumed.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(crate) fn to_stdout(scanner: &Scanner) -> Result<Self> {
        let header = Self::header(scanner);
        let writer = Writer::stdout(&header)?;
        Ok(Self { writer, header, tables: BTreeMap::new() })
    }

    fn header(scanner: &Scanner) -> Header {
        Header {
            format: FORMAT,
            schema: SCHEMA_VERSION,
            started: now(),
            store: scanner.location.clone(),
            segments: scanner.segments,
            note: NOTE.to_owned(),
        }
    }

    /// Appends the rest of a table.
    ///
    /// # Errors
    /// When the store cannot be read or the file cannot be written.
    pub(crate) async fn copy(&mut self, table: &'static Table, scanner: &Scanner, progress: &Progress) -> Result<()> {
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

    /// The tables with items that a restore will refuse, each with the reason for the first such item.
    pub(crate) fn broken(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.tables.iter().filter_map(|(table, state)| Some((*table, state.broken.as_deref()?)))
    }

    /// Completes the file. Returns its size in bytes, and count and checksum of each table.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn finish(self) -> Result<(u64, BTreeMap<String, Checksum>)> {
        let tables: BTreeMap<_, _> = self.tables.iter().map(|(name, state)| ((*name).to_owned(), state.checksum)).collect();
        let bytes = self.writer.finish(self.header, now(), tables.clone())?;
        Ok((bytes, tables))
    }

    /// Opens an incomplete backup to continue it. The complete parts at the beginning of the file are kept and the rest is removed;
    /// `report_rest` is called with what is wrong with the rest. The scanner is set to the number of segments in the file.
    ///
    /// # Errors
    /// When the file is not a backup of this store.
    pub(crate) fn resume(
        partial: &Path,
        scanner: &mut Scanner,
        all: Tables,
        report_rest: impl FnOnce(&Error),
    ) -> Result<Resumed> {
        let advice = || format!("{} cannot be resumed; delete it and start again", partial.display());
        let mut reader = Reader::open(partial).with_context(advice)?;
        let header = reader.header().clone();
        let [begun, named] = header.store.beside(&scanner.location);
        ensure!(header.store == scanner.location, "{} is a backup of {begun}, but the settings name {named}", partial.display());
        scanner.segments = header.segments;
        let mut tables = BTreeMap::<_, TableState>::new();
        let mut keep = |part: &Part| {
            let table = part.table(all)?;
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
                    report_rest(&rest);
                    break;
                }
            }
        }
        Ok(Resumed::Partial(Box::new(Self { writer: Writer::resume(reader)?, header, tables })))
    }
}

/// Gives the complete file its name, so that it survives a crash.
///
/// # Errors
/// When a file of that name exists, or renaming fails.
pub(crate) fn put_in_place(partial: &Path, file: &Path) -> Result<()> {
    ensure!(
        !file.exists(),
        "{} was created by another program in the meantime; the backup is {}",
        file.display(),
        partial.display()
    );
    std::fs::rename(partial, file).with_context(|| format!("cannot rename {} to {}", partial.display(), file.display()))?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Other systems cannot sync a folder.
    if cfg!(unix) {
        let sync = File::open(folder).and_then(|folder| folder.sync_all());
        sync.with_context(|| format!("cannot sync {}", folder.display()))?;
    }
    Ok(())
}
