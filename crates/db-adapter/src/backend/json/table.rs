//! One open table: what this process has of it in memory, and how it follows what other processes write.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

use super::disk::OpenFile;
use super::files::{Files, Journal, corrupt, edited};
use super::journal::{self, Batch, BatchReader, Fault, batch_follows};
use super::lock::{JournalPosition, LockFile, LockGuard, State};
use super::memory::{Change, Memory};
use super::snapshot;
use super::turns::Stuck;
use crate::store::error::{Error, Result};

/// Looks at the lock file that may meet a replacement of the files before a reader waits for its end.
const ATTEMPTS: usize = 3;

/// Bytes of a journal that take less to apply at once than to hand over to another thread.
const LITTLE: u64 = 64 << 10;

/// Why nothing may be written to a table. Reads go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Poison {
    /// A sync failed: nobody knows what is on disk.
    Disk,
    /// The committer panicked: nobody knows what of its batch is in memory. The files are as a process that died leaves them, so
    /// other processes go on.
    Panic,
}

impl Poison {
    /// What a write is refused with.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Disk => {
                "the disk failed while writes were brought to it, so only reads are served; \
                 check the disk, stop every process that uses the directory and start again"
            }
            Self::Panic => "the writer of this table panicked, so only reads are served; restart the process",
        }
    }

    /// What readiness shows.
    fn summary(self) -> &'static str {
        match self {
            Self::Disk => "the disk failed: reads only",
            Self::Panic => "the writer panicked: reads only",
        }
    }
}

/// One open table.
///
/// Locks are taken in this order: the lock file, `reader`, `memory`. None but the lock file is held over a sync.
#[derive(Debug)]
pub(super) struct OpenTable {
    pub(super) files: Files,
    pub(super) lock: LockFile,
    memory: RwLock<Memory>,
    reader: Mutex<JournalReader>,
    /// Set where this process may not write any more.
    poison: OnceLock<Poison>,
    /// A compaction that runs gives up: the process is about to end, and the journal is as safe as the snapshot.
    pub(super) hurry: AtomicBool,
    /// No other process can have written.
    alone: bool,
}

/// Where this process is in the journal.
#[derive(Debug)]
pub(super) struct JournalReader {
    pub(super) journal: Arc<Journal>,
    pub(super) position: JournalPosition,
    /// The number of the last change in memory.
    pub(super) sequence: u64,
    /// Bytes of the snapshot.
    pub(super) snapshot_bytes: u64,
}

/// A table as it was read from its files.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) memory: Memory,
    pub(super) journal: Journal,
    pub(super) position: JournalPosition,
    pub(super) sequence: u64,
    pub(super) snapshot_bytes: u64,
}

impl OpenTable {
    pub(super) fn new(files: Files, lock: LockFile, alone: bool, loaded: Loaded) -> Self {
        let Loaded { mut memory, journal, position, sequence, snapshot_bytes } = loaded;
        memory.move_to(position);
        let reader = JournalReader { journal: Arc::new(journal), position, sequence, snapshot_bytes };
        let (memory, reader) = (RwLock::new(memory), Mutex::new(reader));
        Self { files, lock, memory, reader, poison: OnceLock::new(), hurry: AtomicBool::new(false), alone }
    }

    pub(super) fn memory(&self) -> RwLockReadGuard<'_, Memory> {
        self.memory.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// With everything that a write needs, so that nothing has to be made while readers wait.
    pub(super) fn memory_mut(&self) -> RwLockWriteGuard<'_, Memory> {
        self.memory().make_ready();
        self.memory.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reader(&self) -> MutexGuard<'_, JournalReader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time that ends of items are compared with.
    pub(super) fn now(&self) -> f64 {
        self.files.clock.seconds()
    }

    /// The table, if it holds everything that any process has acknowledged.
    pub(super) fn current(&self) -> Result<Option<RwLockReadGuard<'_, Memory>>> {
        if self.alone {
            return Ok(Some(self.memory()));
        }
        let committed = self.lock.state()?.committed;
        Ok(Some(self.memory()).filter(|memory| memory.position() >= committed))
    }

    /// Applies what other processes have acknowledged if it is little and no other thread is about it; else returns false, and also
    /// right after the start, when a change would have to wait for the indexes. On a busy machine a thread that is handed this work
    /// waits for its turn longer than the work takes.
    pub(super) fn catch_up_with_little(&self) -> Result<bool> {
        let mut reader = match self.reader.try_lock() {
            Ok(reader) => reader,
            Err(TryLockError::Poisoned(reader)) => reader.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(false),
        };
        let state = self.lock.state()?;
        let (here, committed) = (reader.position, state.committed);
        let is_little = here.generation == committed.generation && committed.length.saturating_sub(here.length) <= LITTLE;
        Ok(is_little && self.memory().is_ready() && self.follow(&mut reader, state)?)
    }

    /// Applies what other processes have acknowledged.
    pub(super) fn catch_up(&self) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let mut reader = self.reader();
            let state = self.lock.state()?;
            if self.follow(&mut reader, state)? {
                return Ok(());
            }
        }
        let guard = self.lock.lock()?;
        self.follow_locked(&guard, &mut self.reader()).map(drop)
    }

    /// As [`OpenTable::catch_up`], with the lock held; finishes a replacement that was broken off.
    fn follow_locked(&self, guard: &LockGuard<'_>, reader: &mut JournalReader) -> Result<State> {
        let mut state = guard.state()?;
        if state.replacing && !state.poisoned {
            state = self.files.settle(guard)?;
        }
        if self.follow(reader, state)? {
            Ok(state)
        } else {
            let place = self.files.place(&self.files.journal());
            Err(Error::corrupt(place, "is not the one that the lock file tells of; stop every process and start again"))
        }
    }

    /// Applies what is committed in this state; false when the files are being replaced just now.
    fn follow(&self, reader: &mut JournalReader, state: State) -> Result<bool> {
        let committed = state.committed;
        if reader.position >= committed {
            return Ok(true);
        }
        if reader.position.generation != committed.generation && !self.change_journal(reader, committed)? {
            return Ok(false);
        }
        let journal = Arc::clone(&reader.journal);
        let JournalPosition { length, .. } = reader.position;
        let mut batches = BatchReader::new(self.files.table, &journal.file, length, committed.length, reader.sequence + 1);
        while let Some(batch) = batches.read().map_err(|fault| corrupt(&journal.file, fault))? {
            self.take(reader, batch);
        }
        if reader.position < committed {
            return Err(ends_early(&journal.file, reader.position.length, committed));
        }
        Ok(true)
    }

    fn take(&self, reader: &mut JournalReader, batch: Batch) {
        reader.sequence = batch.last();
        reader.position.length = batch.end;
        self.memory_mut().apply(batch.changes, reader.position);
    }

    /// Goes on to the journal of another generation; false when the files are being replaced just now.
    fn change_journal(&self, reader: &mut JournalReader, committed: JournalPosition) -> Result<bool> {
        // The old journal is final: it holds every change up to the moment when the new one took over.
        let old = Arc::clone(&reader.journal);
        let mut batches = BatchReader::new(self.files.table, &old.file, reader.position.length, u64::MAX, reader.sequence + 1);
        while let Ok(Some(batch)) = batches.read() {
            self.take(reader, batch);
        }
        let (snapshot, journal) = self.files.open_pair()?;
        let header = &journal.header;
        let state = self.lock.state()?;
        if header.generation != committed.generation || state.committed.generation != committed.generation || state.replacing {
            return Ok(false);
        }
        reader.snapshot_bytes = snapshot.length()?;
        let mut position = JournalPosition { generation: header.generation, length: header.length() };
        if header.first > reader.sequence + 1 {
            let memory = snapshot::load(self.files.table, &snapshot, &header.snapshot)?;
            let mut memory = memory.ok_or_else(|| edited(&self.files, " while processes use it"))?;
            memory.move_to(position);
            memory.make_ready();
            reader.sequence = header.first - 1;
            // The former table is given back once readers go on: that takes a while.
            let former = std::mem::replace(&mut *self.memory_mut(), memory);
            drop(former);
        } else {
            let mut batches = BatchReader::new(self.files.table, &journal.file, position.length, committed.length, header.first);
            while position.length < committed.length && batches.next_number() <= reader.sequence {
                match batches.read().map_err(|fault| corrupt(&journal.file, fault))? {
                    Some(batch) => position.length = batch.end,
                    None => break,
                }
            }
            self.memory_mut().move_to(position);
        }
        reader.journal = Arc::new(journal);
        reader.position = position;
        Ok(true)
    }

    /// Makes this process ready to write, with the lock guard: everything acknowledged is in memory, and the journal ends there.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where nothing may be written; [`Error::Corrupt`] where the journal is not what was committed.
    pub(super) fn prepare(&self, guard: &LockGuard<'_>, reader: &mut JournalReader) -> Result<State> {
        self.check_poison()?;
        let state = self.follow_locked(guard, reader)?;
        if state.poisoned {
            return Err(Error::unavailable(Poison::Disk.reason()));
        }
        if self.lock.is_removed()? {
            return Err(Error::unavailable(format!("{} was removed; start again", self.files.place(&self.files.lock()))));
        }
        let journal = Arc::clone(&reader.journal);
        let length = journal.file.length()?;
        if length < state.committed.length {
            return Err(ends_early(&journal.file, length, state.committed));
        }
        if length == state.committed.length {
            return Ok(state);
        }
        // A process died between its append and its commit, and nobody was told of what it wrote.
        let mut batches = BatchReader::new(self.files.table, &journal.file, state.committed.length, length, reader.sequence + 1);
        let mut kept_batches = Vec::new();
        let mut end = state.committed.length;
        loop {
            match batches.read() {
                Ok(None) => break,
                Ok(Some(batch)) => {
                    end = batch.end;
                    kept_batches.push(batch);
                }
                Err(Fault::Damaged { offset, .. }) if !batch_follows(&journal.file, offset)? => break,
                Err(fault) => return Err(corrupt(&journal.file, fault)),
            }
        }
        tracing::warn!(
            table = self.files.table.name,
            cut = length - end,
            batches = kept_batches.len(),
            "another process died while it wrote"
        );
        let kept = if end < length { journal.file.truncate(end).and_then(|()| journal.file.sync()) } else { journal.file.sync() };
        kept.inspect_err(|_| self.disk_failed(guard, state))?;
        let state = State::at(JournalPosition { length: end, ..state.committed });
        guard.write(state)?;
        for batch in kept_batches {
            self.take(reader, batch);
        }
        Ok(state)
    }

    /// Shows changes that are on disk to every thread and process at once.
    pub(super) fn publish(
        &self,
        guard: &LockGuard<'_>,
        reader: &mut JournalReader,
        committed: JournalPosition,
        changes: Vec<Change>,
    ) -> Result<()> {
        let count = changes.len() as u64;
        let mut memory = self.memory_mut();
        // Under the write lock, so that a reader that learns of the commit from the lock file finds it in memory.
        guard.write(State::at(committed))?;
        memory.apply(changes, committed);
        reader.position = committed;
        reader.sequence += count;
        Ok(())
    }

    /// Stops all writing, in every process: nobody knows what is on disk.
    pub(super) fn disk_failed(&self, guard: &LockGuard<'_>, state: State) {
        self.poison.get_or_init(|| Poison::Disk);
        let told = guard.write(State { poisoned: true, ..state });
        tracing::error!(table = self.files.table.name, told = told.is_ok(), "{}", Poison::Disk.reason());
    }

    /// Stops all writing of this process: nobody knows what is in its memory.
    pub(super) fn writer_panicked(&self) {
        self.poison.get_or_init(|| Poison::Panic);
        tracing::error!(table = self.files.table.name, "{}", Poison::Panic.reason());
    }

    /// # Errors
    /// [`Error::Unavailable`] where this process may not write any more.
    pub(super) fn check_poison(&self) -> Result<()> {
        self.poison.get().map_or(Ok(()), |poison| Err(Error::unavailable(poison.reason())))
    }

    /// Why the table cannot be written, in coarse words.
    pub(super) fn trouble(&self) -> Option<&'static str> {
        if let Some(poison) = self.poison.get() {
            return Some(poison.summary());
        }
        match self.lock.read() {
            Ok(Some(state)) if state.poisoned => Some(Poison::Disk.summary()),
            Ok(Some(_)) if self.lock.is_removed().unwrap_or(false) => Some("the files were removed"),
            Ok(Some(_)) => self.lock.stuck().map(|stuck| match stuck {
                Stuck::Process => "another process keeps the lock: reads only",
                Stuck::Disk => "the disk does not respond: reads only",
            }),
            Ok(None) => Some("the lock file is damaged"),
            Err(_) => Some("the lock file cannot be read"),
        }
    }
}

/// The error of a journal that is shorter than what was committed: somebody else changed it.
fn ends_early(file: &OpenFile, at: u64, committed: JournalPosition) -> Error {
    Error::corrupt(journal::place(file, at), format!("the file ends, although {} bytes were committed", committed.length))
}
