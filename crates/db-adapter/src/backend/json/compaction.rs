//! Compaction: snapshot and journal are written into a new pair while readers and writers go on.
//!
//! Items that are past their time are removed first. Costs one pass over the items. Writers wait for a step of it at a time (some hundreds of keys). What they write meanwhile is taken
//! over in rounds: each round has less to copy, and syncs less often, so that on a slow disk too it takes less time
//! than the one before. Writers wait at the end only, for the little that came during the last round, its one sync, and the
//! renaming of two files with a sync of the directory each.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::commit;
use super::disk::OpenFile;
use super::files::Prepared;
use super::lock::{JournalPosition, State};
use super::table::OpenTable;
use crate::store::error::{Error, Result};

/// The file whose lock a process holds while it compacts any table of the directory.
const LOCK: &str = "compact.lock";
/// The nice value of a thread that compacts.
#[cfg(target_os = "linux")]
const PRIORITY: i32 = 10;
/// Keys that a step walks over while writers wait.
const STEP: usize = 256;
/// Bytes that are brought to disk at once, for the sake of the commits that writers make meanwhile; a round that had less to copy
/// is the last one.
const COPY: u64 = 1 << 20;
/// Bytes that are copied at once.
const BUFFER: u64 = 1 << 20;
/// The maximum number of syncs in each round; there are no more rounds than that.
const ROUNDS: [u64; 6] = [16, 8, 4, 2, 1, 1];

/// How a compaction goes about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// It gives up then: what is not compacted stays in the journal, as safe as in the snapshot.
    pub(super) until: Option<Instant>,
    /// See [`COPY`].
    pub(super) copy: u64,
}

impl Pace {
    /// As long as it takes.
    pub(super) const PATIENT: Self = Self { until: None, copy: COPY };

    fn go_on(&self, table: &OpenTable) -> Result<()> {
        if table.hurry.load(Ordering::Relaxed) {
            return Err(Error::unavailable("the store is being closed"));
        }
        match self.until {
            Some(until) if Instant::now() >= until => Err(Error::unavailable("it takes too long")),
            _ => Ok(()),
        }
    }
}

/// Starts compactions of one table when its journal has grown enough.
#[derive(Debug)]
pub(super) struct Compactor {
    compact_at: u64,
    /// Where the last one was started: another only after the journal has grown by some more, or was replaced.
    started: JournalPosition,
    running: Option<JoinHandle<()>>,
}

impl Compactor {
    pub(super) fn new(compact_at: u64) -> Self {
        Self { compact_at, started: JournalPosition { generation: 0, length: 0 }, running: None }
    }

    /// Starts a compaction if it is time.
    pub(super) fn consider(&mut self, table: &Arc<OpenTable>) {
        let (position, snapshot) = {
            let reader = table.reader();
            (reader.position, reader.snapshot_bytes)
        };
        let again = JournalPosition { length: self.started.length + self.compact_at / 4, ..self.started };
        let idle = self.running.as_ref().is_none_or(JoinHandle::is_finished);
        if idle && position.length > self.compact_at.max(snapshot) && position > again {
            self.started = position;
            let name = format!("json-compact-{}", table.files.table.name);
            let table = Arc::clone(table);
            self.running = thread::Builder::new().name(name).spawn(move || run_and_log(&table)).ok();
        }
    }

    /// Returns when no compaction runs.
    pub(super) fn finish(self) {
        if self.running.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a compaction panicked");
        }
    }
}

fn run_and_log(table: &OpenTable) {
    give_way();
    let name = table.files.table.name;
    match run(table, &Pace::PATIENT) {
        Ok(true) => tracing::info!(table = name, "compacted"),
        Ok(false) => {}
        Err(error) => tracing::warn!(table = name, %error, "not compacted; it is tried again when the journal has grown"),
    }
}

/// Lets requests go first where there are few cores. Only on Linux has a thread a priority of its own.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, PRIORITY) {
        tracing::debug!(%error, "a compaction keeps its priority");
    }
}

/// Compacts the table if its journal holds anything, as [`run`], and gives up at that time.
pub(super) fn run_before(table: &OpenTable, until: Instant) -> Result<()> {
    table.hurry.store(false, Ordering::Relaxed);
    table.catch_up()?;
    let empty = {
        let reader = table.reader();
        reader.position.length == reader.journal.header.length()
    };
    if empty { Ok(()) } else { run(table, &Pace { until: Some(until), ..Pace::PATIENT }).map(drop) }
}

/// Compacts the table. False where another compaction is running in the directory.
pub(super) fn run(table: &OpenTable, pace: &Pace) -> Result<bool> {
    let lock = table.files.dir.open(LOCK, true)?.ok_or_else(|| Error::unavailable("no lock for compaction"))?;
    if !lock.try_lock()? {
        return Ok(false);
    }
    let done = run_locked(table, pace);
    table.memory_mut().thaw();
    if done.is_err() {
        remove_new(table);
    }
    lock.unlock()?;
    done.map(|()| true)
}

fn run_locked(table: &OpenTable, pace: &Pace) -> Result<()> {
    let (start, sequence, journal) = {
        let guard = table.lock.lock()?;
        let state = table.prepare(&guard, &mut table.reader())?;
        // A write as others are, so that every process and every later start has the same items, whatever its clock shows.
        let ended = table.memory().removal_of_ended(table.now());
        commit::append(table, &guard, state, ended).map_err(|failure| failure.error())?;
        let reader = table.reader();
        table.memory_mut().freeze();
        (reader.position, reader.sequence, Arc::clone(&reader.journal))
    };
    let mut new = write_snapshot(table, start, sequence, pace)?;
    let copied = copy_in_rounds(table, start, &journal.file, &mut new, pace)?;
    table.files.dir.sync()?;
    pace.go_on(table)?;
    table.files.keep_edited(&journal.header)?;
    // Open for as long as the lock is held: the file system takes its time to free a large file.
    let _former = table.files.open_snapshot()?;
    let guard = table.lock.lock()?;
    let mut reader = table.reader();
    let state = table.prepare(&guard, &mut reader)?;
    check_generation(reader.position, start)?;
    if copied < state.committed.length {
        copy(&journal.file, copied, state.committed.length, &mut new)?;
        new.journal.file.sync()?;
    }
    let snapshot_bytes = new.snapshot.length()?;
    let (journal, position) = table.files.install(&guard, state, new)?;
    table.memory_mut().move_to(position);
    reader.journal = Arc::new(journal);
    reader.position = position;
    reader.snapshot_bytes = snapshot_bytes;
    guard.write(State::at(position))
}

fn check_generation(now: JournalPosition, start: JournalPosition) -> Result<()> {
    if now.generation == start.generation { Ok(()) } else { Err(Error::unavailable("the journal was replaced meanwhile")) }
}

/// Writes the frozen table, and begins the journal that follows it.
fn write_snapshot(table: &OpenTable, start: JournalPosition, sequence: u64, pace: &Pace) -> Result<Prepared> {
    table.files.remove_new()?;
    table.files.prepare(start.generation + 1, sequence + 1, |writer| {
        loop {
            // A statement of its own: the table must not stay locked while its items are written.
            let Some(items) = table.memory_mut().next_frozen(STEP)? else { return Ok(()) };
            for item in &items {
                pace.go_on(table)?;
                writer.push(item)?;
            }
            // Else a writer that was woken on this core waits until the scheduler's next tick.
            thread::yield_now();
        }
    })
}

/// Takes over what was committed meanwhile, while writers go on, and brings it to disk. Returns how far.
fn copy_in_rounds(table: &OpenTable, start: JournalPosition, journal: &OpenFile, new: &mut Prepared, pace: &Pace) -> Result<u64> {
    let mut copied = start.length;
    for syncs in ROUNDS {
        table.catch_up()?;
        let committed = table.reader().position;
        check_generation(committed, start)?;
        let length = committed.length - copied;
        let at_once = pace.copy.max(length.div_ceil(syncs));
        while copied < committed.length {
            pace.go_on(table)?;
            let end = committed.length.min(copied + at_once);
            copy(journal, copied, end, new)?;
            new.journal.file.sync()?;
            copied = end;
        }
        if length <= pace.copy {
            break;
        }
    }
    if copied == start.length {
        // Its first line.
        new.journal.file.sync()?;
    }
    Ok(copied)
}

/// Appends some of the present journal to the new one; all in all whole batches.
fn copy(journal: &OpenFile, mut from: u64, to: u64, new: &mut Prepared) -> Result<()> {
    let mut buffer = Vec::new();
    while from < to {
        buffer.resize(usize::try_from(BUFFER.min(to - from)).unwrap_or_default(), 0);
        let length = journal.read_full(&mut buffer, from)?;
        if length < buffer.len() {
            return Err(Error::corrupt(journal.path().display().to_string(), "is shorter than what was committed"));
        }
        new.journal.file.write_at(&buffer, new.length)?;
        from += length as u64;
        new.length += length as u64;
    }
    Ok(())
}

/// Gives the room back that a compaction took before it failed. Where it was replacing files already, whoever takes the lock next
/// finishes it.
fn remove_new(table: &OpenTable) {
    let removed = table.lock.lock().and_then(|guard| match guard.state()? {
        State { replacing: true, .. } => Ok(()),
        _ => table.files.remove_new(),
    });
    if let Err(error) = removed {
        tracing::warn!(%error, "files of a compaction that failed stay; the next one removes them");
    }
}
