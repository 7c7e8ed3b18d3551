//! The files of one table, and how snapshot and journal are replaced by new ones so that a crash at any moment leaves a pair that
//! belongs together.
//!
//! A replacement writes both new files beside the present ones, sets `replacing` in the lock file, renames the snapshot, then the
//! journal, and clears `replacing`. Whoever takes the lock and finds it set finishes: a new journal that names the hash of the
//! snapshot takes its place, other new files are removed.

use std::sync::Arc;

use super::disk::{Dir, OpenFile};
use super::journal::{self, BatchReader, Fault, Header};
use super::lock::{JournalPosition, LockGuard, State};
use super::memory::Memory;
use super::snapshot::{self, SnapshotWriter};
use crate::store::error::{Error, Result};
use crate::store::grant::Clock;
use crate::store::schema::Table;
use crate::store::time::timestamp;

/// The files of one table.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) dir: Dir,
    pub(super) table: &'static Table,
    /// Tells which items are past their time.
    pub(super) clock: Arc<dyn Clock>,
}

/// A journal and its header.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) file: OpenFile,
    pub(super) header: Header,
}

/// A new pair that has not taken its place.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) snapshot: OpenFile,
    pub(super) journal: Journal,
    /// Bytes of the journal.
    pub(super) length: u64,
}

impl Files {
    pub(super) fn snapshot(&self) -> String {
        format!("{}.json", self.table.name)
    }

    pub(super) fn journal(&self) -> String {
        format!("{}.journal", self.table.name)
    }

    pub(super) fn lock(&self) -> String {
        format!("{}.lock", self.table.name)
    }

    /// The file in which processes queue for the lock.
    pub(super) fn queue(&self) -> String {
        format!("{}.queue.lock", self.table.name)
    }

    fn new_snapshot(&self) -> String {
        format!("{}.json.new", self.table.name)
    }

    fn new_journal(&self) -> String {
        format!("{}.journal.new", self.table.name)
    }

    /// How errors name a file.
    pub(super) fn place(&self, name: &str) -> String {
        self.dir.path.join(name).display().to_string()
    }

    pub(super) fn open_snapshot(&self) -> Result<Option<OpenFile>> {
        self.dir.open(&self.snapshot(), false)
    }

    pub(super) fn open_journal(&self) -> Result<Option<Journal>> {
        let Some(file) = self.dir.open(&self.journal(), false)? else { return Ok(None) };
        let header = Header::read(&file)?;
        Ok(Some(Journal { file, header }))
    }

    /// The journal and snapshot of a table that is open.
    pub(super) fn open_pair(&self) -> Result<(OpenFile, Journal)> {
        let missing = |name: String| Error::corrupt(self.place(&name), "is missing; put it back");
        let snapshot = self.open_snapshot()?.ok_or_else(|| missing(self.snapshot()))?;
        let journal = self.open_journal()?.ok_or_else(|| missing(self.journal()))?;
        Ok((snapshot, journal))
    }

    /// Writes a snapshot and brings it to disk, and begins the journal that follows it.
    pub(super) fn prepare(
        &self,
        generation: u64,
        first: u64,
        write: impl FnOnce(&mut SnapshotWriter<'_>) -> Result<()>,
    ) -> Result<Prepared> {
        let snapshot = self.dir.create(&self.new_snapshot(), &self.snapshot())?;
        let mut writer = SnapshotWriter::new(&snapshot);
        write(&mut writer)?;
        let header = Header { generation, snapshot: writer.finish()?, first };
        let file = self.dir.create(&self.new_journal(), &self.journal())?;
        let line = header.render();
        file.write_at(line.as_bytes(), 0)?;
        Ok(Prepared { snapshot, journal: Journal { file, header }, length: line.len() as u64 })
    }

    /// Keeps a copy of a snapshot that a person edited since the journal began, as it is about to be replaced: what it says is in no other
    /// place, and is not served.
    pub(super) fn keep_edited(&self, present: &Header) -> Result<()> {
        let Some(snapshot) = self.open_snapshot()? else { return Ok(()) };
        if snapshot::sha256(&snapshot)? == present.snapshot {
            return Ok(());
        }
        let kept = format!("{}.edited-{}", self.snapshot(), timestamp(self.clock.time_of_day()).replace(':', ""));
        self.dir.copy(&self.snapshot(), &kept)?;
        tracing::warn!(
            file = self.place(&self.snapshot()),
            kept,
            "the snapshot was edited while processes use it; what it says is not served, and is kept in another file"
        );
        Ok(())
    }

    /// Puts a new pair, which is on disk, in the place of the present one. `state` is that of the present one.
    ///
    /// # Errors
    /// From the moment when the snapshot may have its place and the journal not yet, `replacing` stays set; where nobody knows what is
    /// on disk, so does the poison.
    pub(super) fn install(&self, guard: &LockGuard<'_>, state: State, new: Prepared) -> Result<(Journal, JournalPosition)> {
        let Prepared { mut snapshot, mut journal, length } = new;
        guard.write(State { replacing: true, ..state })?;
        snapshot.rename(&self.snapshot())?;
        let poison = |error| {
            guard.write(State { replacing: true, poisoned: true, ..state })?;
            Err(error)
        };
        self.dir.sync().or_else(poison)?;
        journal.file.rename(&self.journal())?;
        self.dir.sync().or_else(poison)?;
        let position = JournalPosition { generation: journal.header.generation, length };
        Ok((journal, position))
    }

    /// Replaces the present pair by one that holds these items, when nobody else uses the directory. A poison stays until then.
    pub(super) fn rewrite(
        &self,
        guard: &LockGuard<'_>,
        memory: &Memory,
        present: State,
        first: u64,
    ) -> Result<(Journal, JournalPosition)> {
        let new = self.prepare(present.committed.generation + 1, first, |writer| {
            memory.scan(None).try_for_each(|place| writer.push(place.item()))
        })?;
        new.journal.file.sync()?;
        self.dir.sync()?;
        let (journal, position) = self.install(guard, present, new)?;
        guard.write(State::at(position))?;
        Ok((journal, position))
    }

    /// Finishes a replacement that was broken off, and removes what others left behind. Needs the lock, and either `replacing` set in the
    /// lock file or nobody else in the directory.
    pub(super) fn finish_replacement(&self) -> Result<()> {
        if let Some(mut file) = self.dir.open(&self.new_journal(), false)?
            && let Ok(header) = Header::read(&file)
            && let Some(snapshot) = self.open_snapshot()?
            && self.open_journal()?.is_none_or(|journal| journal.header.snapshot != header.snapshot)
            && snapshot::sha256(&snapshot)? == header.snapshot
        {
            tracing::warn!(table = self.table.name, "finishing a compaction that was broken off");
            file.sync()?;
            file.rename(&self.journal())?;
            self.dir.sync()?;
        }
        self.remove_new()
    }

    /// Removes new files that never took their place.
    pub(super) fn remove_new(&self) -> Result<()> {
        self.dir.remove(&self.new_snapshot())?;
        self.dir.remove(&self.new_journal())
    }

    /// As [`Files::finish_replacement`] while others run; then the lock file is set right.
    pub(super) fn settle(&self, guard: &LockGuard<'_>) -> Result<State> {
        self.finish_replacement()?;
        let (_, Journal { file, header }) = self.open_pair()?;
        let mut reader = BatchReader::new(self.table, &file, header.length(), file.length()?, header.first);
        let mut length = header.length();
        while let Some(batch) = reader.read().map_err(|fault| corrupt(&file, fault))? {
            length = batch.end;
        }
        let state = State::at(JournalPosition { generation: header.generation, length });
        guard.write(state)?;
        Ok(state)
    }
}

/// The error of a batch that must be whole and is not.
pub(super) fn corrupt(file: &OpenFile, fault: Fault) -> Error {
    match fault {
        Fault::Unreadable(error) => error,
        Fault::Damaged { offset, reason } => Error::corrupt(journal::place(file, offset), format!("{reason}; restore a copy")),
    }
}

/// The error of a snapshot that is not the one its journal names.
pub(super) fn edited(files: &Files, when: &str) -> Error {
    let reason = format!(
        "was changed{when}, and {} holds writes that follow the former one; put the former one back, or stop every process and run \
         `forum fold`, which applies them to the changed one",
        files.journal()
    );
    Error::corrupt(files.place(&files.snapshot()), reason)
}
