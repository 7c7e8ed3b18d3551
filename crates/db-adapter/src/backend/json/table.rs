//! One open table: what this process has of it in memory, and how it follows what other processes write.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::disk::OpenFile;
use super::files::{Files, Journal, corrupt, edited};
use super::journal::{self, Batch, BatchReader, Fault, batch_follows};
use super::lock::{Held, LockFile, Reached, State};
use super::memory::{Change, Memory};
use super::snapshot;
use super::turns::Stuck;
use crate::store::error::{Error, Result};

/// Looks at the lock file that may meet a rotation before a reader waits for its end.
const ATTEMPTS: usize = 3;

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
/// Locks are taken in this order: the lock file, `follower`, `memory`. None but the lock file is held over a sync.
#[derive(Debug)]
pub(super) struct OpenTable {
    pub(super) files: Files,
    pub(super) lock: LockFile,
    memory: RwLock<Memory>,
    follower: Mutex<Follower>,
    /// Set where this process may not write any more.
    poison: OnceLock<Poison>,
    /// A compaction that runs gives up: the process is about to end, and the journal is as safe as the snapshot.
    pub(super) hurry: AtomicBool,
    /// No other process can have written.
    alone: bool,
}

/// Where this process is in the journal.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) journal: Arc<Journal>,
    pub(super) reached: Reached,
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
    pub(super) reached: Reached,
    pub(super) sequence: u64,
    pub(super) snapshot_bytes: u64,
}

impl OpenTable {
    pub(super) fn new(files: Files, lock: LockFile, alone: bool, loaded: Loaded) -> Self {
        let Loaded { mut memory, journal, reached, sequence, snapshot_bytes } = loaded;
        memory.reach(reached);
        let follower = Follower { journal: Arc::new(journal), reached, sequence, snapshot_bytes };
        let (memory, follower) = (RwLock::new(memory), Mutex::new(follower));
        Self { files, lock, memory, follower, poison: OnceLock::new(), hurry: AtomicBool::new(false), alone }
    }

    pub(super) fn memory(&self) -> RwLockReadGuard<'_, Memory> {
        self.memory.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn memory_mut(&self) -> RwLockWriteGuard<'_, Memory> {
        self.memory.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn follower(&self) -> MutexGuard<'_, Follower> {
        self.follower.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table, if it holds everything that any process has acknowledged.
    pub(super) fn current(&self) -> Result<Option<RwLockReadGuard<'_, Memory>>> {
        if self.alone {
            return Ok(Some(self.memory()));
        }
        let committed = self.lock.state()?.committed;
        Ok(Some(self.memory()).filter(|memory| memory.reached() >= committed))
    }

    /// Applies what other processes have acknowledged.
    pub(super) fn catch_up(&self) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let mut follower = self.follower();
            let state = self.lock.state()?;
            if self.follow(&mut follower, state)? {
                return Ok(());
            }
        }
        let held = self.lock.lock()?;
        self.follow_held(&held, &mut self.follower()).map(drop)
    }

    /// As [`OpenTable::catch_up`], with the lock held; finishes a rotation that was broken off.
    fn follow_held(&self, held: &Held<'_>, follower: &mut Follower) -> Result<State> {
        let mut state = held.state()?;
        if state.rotating && !state.poisoned {
            state = self.files.settle(held)?;
        }
        if self.follow(follower, state)? {
            Ok(state)
        } else {
            let place = self.files.place(&self.files.journal());
            Err(Error::corrupt(place, "is not the one that the lock file tells of; stop every process and start again"))
        }
    }

    /// Applies what is committed in this state; false when the files are being replaced just now.
    fn follow(&self, follower: &mut Follower, state: State) -> Result<bool> {
        let committed = state.committed;
        if follower.reached >= committed {
            return Ok(true);
        }
        if follower.reached.generation != committed.generation && !self.change_journal(follower, committed)? {
            return Ok(false);
        }
        let journal = Arc::clone(&follower.journal);
        let Reached { length, .. } = follower.reached;
        let mut reader = BatchReader::new(self.files.table, &journal.file, length, committed.length, follower.sequence + 1);
        while let Some(batch) = reader.read().map_err(|fault| corrupt(&journal.file, fault))? {
            self.take(follower, batch);
        }
        if follower.reached < committed {
            return Err(ends_early(&journal.file, follower.reached.length, committed));
        }
        Ok(true)
    }

    fn take(&self, follower: &mut Follower, batch: Batch) {
        follower.sequence = batch.last();
        follower.reached.length = batch.end;
        self.memory_mut().apply(batch.changes, follower.reached);
    }

    /// Goes on to the journal of another generation; false when the files are being replaced just now.
    fn change_journal(&self, follower: &mut Follower, committed: Reached) -> Result<bool> {
        // The old journal is final: it holds every change up to the moment when the new one took over.
        let old = Arc::clone(&follower.journal);
        let mut reader = BatchReader::new(self.files.table, &old.file, follower.reached.length, u64::MAX, follower.sequence + 1);
        while let Ok(Some(batch)) = reader.read() {
            self.take(follower, batch);
        }
        let (snapshot, journal) = self.files.open_pair()?;
        let header = &journal.header;
        let state = self.lock.state()?;
        if header.generation != committed.generation || state.committed.generation != committed.generation || state.rotating {
            return Ok(false);
        }
        follower.snapshot_bytes = snapshot.length()?;
        let mut reached = Reached { generation: header.generation, length: header.length() };
        if header.first > follower.sequence + 1 {
            let memory = snapshot::load(self.files.table, &snapshot, &header.snapshot)?;
            let mut memory = memory.ok_or_else(|| edited(&self.files, " while processes use it"))?;
            memory.reach(reached);
            follower.sequence = header.first - 1;
            // The former table is given back once readers go on: that takes a while.
            let former = std::mem::replace(&mut *self.memory_mut(), memory);
            drop(former);
        } else {
            let mut reader = BatchReader::new(self.files.table, &journal.file, reached.length, committed.length, header.first);
            while reached.length < committed.length && reader.next_number() <= follower.sequence {
                match reader.read().map_err(|fault| corrupt(&journal.file, fault))? {
                    Some(batch) => reached.length = batch.end,
                    None => break,
                }
            }
            self.memory_mut().reach(reached);
        }
        follower.journal = Arc::new(journal);
        follower.reached = reached;
        Ok(true)
    }

    /// Makes this process ready to write, with the lock held: everything acknowledged is in memory, and the journal ends there.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where nothing may be written; [`Error::Corrupt`] where the journal is not what was committed.
    pub(super) fn prepare(&self, held: &Held<'_>, follower: &mut Follower) -> Result<State> {
        self.check_poison()?;
        let state = self.follow_held(held, follower)?;
        if state.poisoned {
            return Err(Error::unavailable(Poison::Disk.reason()));
        }
        if self.lock.is_removed()? {
            return Err(Error::unavailable(format!("{} was removed; start again", self.files.place(&self.files.lock()))));
        }
        let journal = Arc::clone(&follower.journal);
        let length = journal.file.length()?;
        if length < state.committed.length {
            return Err(ends_early(&journal.file, length, state.committed));
        }
        if length == state.committed.length {
            return Ok(state);
        }
        // A process died between its append and its commit, and nobody was told of what it wrote.
        let mut reader = BatchReader::new(self.files.table, &journal.file, state.committed.length, length, follower.sequence + 1);
        let mut batches = Vec::new();
        let mut end = state.committed.length;
        loop {
            match reader.read() {
                Ok(None) => break,
                Ok(Some(batch)) => {
                    end = batch.end;
                    batches.push(batch);
                }
                Err(Fault::Damaged { offset, .. }) if !batch_follows(&journal.file, offset)? => break,
                Err(fault) => return Err(corrupt(&journal.file, fault)),
            }
        }
        tracing::warn!(
            table = self.files.table.name,
            cut = length - end,
            batches = batches.len(),
            "another process died while it wrote"
        );
        let kept = if end < length { journal.file.truncate(end).and_then(|()| journal.file.sync()) } else { journal.file.sync() };
        kept.inspect_err(|_| self.disk_failed(held, state))?;
        let state = State::at(Reached { length: end, ..state.committed });
        held.write(state)?;
        for batch in batches {
            self.take(follower, batch);
        }
        Ok(state)
    }

    /// Shows changes that are on disk to every thread and process at once.
    pub(super) fn publish(
        &self,
        held: &Held<'_>,
        follower: &mut Follower,
        committed: Reached,
        changes: Vec<Change>,
    ) -> Result<()> {
        let count = changes.len() as u64;
        let mut memory = self.memory_mut();
        // Under the write lock, so that a reader that learns of the commit from the lock file finds it in memory.
        held.write(State::at(committed))?;
        memory.apply(changes, committed);
        follower.reached = committed;
        follower.sequence += count;
        Ok(())
    }

    /// Stops all writing, in every process: nobody knows what is on disk.
    pub(super) fn disk_failed(&self, held: &Held<'_>, state: State) {
        self.poison.get_or_init(|| Poison::Disk);
        let told = held.write(State { poisoned: true, ..state });
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
                Stuck::Disk => "the disk does not answer: reads only",
            }),
            Ok(None) => Some("the lock file is damaged"),
            Err(_) => Some("the lock file cannot be read"),
        }
    }
}

/// The error of a journal that is shorter than what was committed: somebody else changed it.
fn ends_early(file: &OpenFile, at: u64, committed: Reached) -> Error {
    Error::corrupt(journal::place(file, at), format!("the file ends, although {} bytes were committed", committed.length))
}
