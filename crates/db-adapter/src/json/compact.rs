//! Compaction: the journal is folded into the snapshot while readers and writers go on.
//!
//! Costs one pass over the items. Writers wait for a step of it at a time (some hundreds of keys), and at the end while what they
//! wrote meanwhile is taken over and two files are renamed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

use super::disk::OpenFile;
use super::files::Prepared;
use super::lock::{Reached, State};
use super::table::OpenTable;
use crate::error::{Error, Result};

/// The file whose lock a process holds while it compacts any table of the directory.
const LOCK: &str = "compact.lock";
/// The nice value of a thread that compacts.
#[cfg(target_os = "linux")]
const PRIORITY: i32 = 10;
/// Keys that a step walks over while writers wait.
const STEP: usize = 256;
/// Bytes that are copied and brought to disk at once, for the sake of the commits that writers make meanwhile.
const COPY: u64 = 1 << 20;

/// Starts compactions of one table when its journal has grown enough.
#[derive(Debug)]
pub(super) struct Compactor {
    compact_at: u64,
    /// Where the last one was started: another only after the journal has grown by some more, or was replaced.
    started: Reached,
    running: Option<JoinHandle<()>>,
}

impl Compactor {
    pub(super) fn new(compact_at: u64) -> Self {
        Self { compact_at, started: Reached { generation: 0, length: 0 }, running: None }
    }

    /// Starts a compaction if it is time.
    pub(super) fn consider(&mut self, table: &Arc<OpenTable>) {
        let (reached, snapshot) = {
            let follower = table.follower();
            (follower.reached, follower.snapshot_bytes)
        };
        let again = Reached { length: self.started.length + self.compact_at / 4, ..self.started };
        let idle = self.running.as_ref().is_none_or(JoinHandle::is_finished);
        if idle && reached.length > self.compact_at.max(snapshot) && reached > again {
            self.started = reached;
            let name = format!("json-fold-{}", table.files.table.name);
            let table = Arc::clone(table);
            self.running = thread::Builder::new().name(name).spawn(move || compact_and_log(&table)).ok();
        }
    }

    /// Returns when no compaction runs.
    pub(super) fn finish(self) {
        if self.running.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a compaction panicked");
        }
    }
}

fn compact_and_log(table: &OpenTable) {
    give_way();
    let name = table.files.table.name;
    match compact(table) {
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

/// Folds what the journal holds, if anything, into the snapshot; see [`compact`].
pub(super) fn fold(table: &OpenTable) -> Result<()> {
    table.hurry.store(false, Ordering::Relaxed);
    table.catch_up()?;
    let empty = {
        let follower = table.follower();
        follower.reached.length == follower.journal.header.length()
    };
    if empty { Ok(()) } else { compact(table).map(drop) }
}

/// Folds the table's journal into its snapshot. False where another compaction is running in the directory.
pub(super) fn compact(table: &OpenTable) -> Result<bool> {
    let lock = table.files.dir.open(LOCK, true)?.ok_or_else(|| Error::unavailable("no lock for compaction"))?;
    if !lock.try_lock()? {
        return Ok(false);
    }
    let done = compact_locked(table);
    table.memory_mut().thaw();
    if done.is_err() {
        remove_new(table);
    }
    lock.unlock()?;
    done.map(|()| true)
}

fn compact_locked(table: &OpenTable) -> Result<()> {
    let (start, sequence, journal) = {
        let held = table.lock.lock()?;
        let mut follower = table.follower();
        table.prepare(&held, &mut follower)?;
        table.memory_mut().freeze();
        (follower.reached, follower.sequence, Arc::clone(&follower.journal))
    };
    let Catch { mut new, copied } = write_new(table, start, sequence, &journal.file)?;
    // Open for as long as the lock is held: the file system takes its time to free a large file.
    let _former = table.files.open_snapshot()?;
    let held = table.lock.lock()?;
    let mut follower = table.follower();
    let state = table.prepare(&held, &mut follower)?;
    if follower.reached.generation != start.generation {
        return Err(Error::unavailable("the journal was replaced meanwhile"));
    }
    copy(&journal.file, copied, state.committed.length, &mut new)?;
    let snapshot_bytes = new.snapshot.length()?;
    let (journal, reached) = table.files.install(&held, state, new)?;
    table.memory_mut().reach(reached);
    follower.journal = Arc::new(journal);
    follower.reached = reached;
    follower.snapshot_bytes = snapshot_bytes;
    held.write(State::at(reached))
}

/// New files, and how far of the present journal they hold.
struct Catch {
    new: Prepared,
    copied: u64,
}

/// Writes the frozen table, and what was committed meanwhile.
fn write_new(table: &OpenTable, start: Reached, sequence: u64, journal: &OpenFile) -> Result<Catch> {
    table.files.remove_new()?;
    let mut new = table.files.prepare(start.generation + 1, sequence + 1, |writer| {
        loop {
            if table.hurry.load(Ordering::Relaxed) {
                return Err(Error::unavailable("the store is being closed"));
            }
            let Some(items) = table.memory_mut().next_frozen(STEP)? else { return Ok(()) };
            items.iter().try_for_each(|item| writer.push(item))?;
            // Else a writer that was woken on this core waits until the scheduler's next tick.
            thread::yield_now();
        }
    })?;
    table.catch_up()?;
    let copied = table.follower().reached;
    if copied.generation != start.generation {
        return Err(Error::unavailable("the journal was replaced meanwhile"));
    }
    copy(journal, start.length, copied.length, &mut new)?;
    // What is on disk already need not be brought there while writers wait.
    new.journal.file.sync()?;
    Ok(Catch { new, copied: copied.length })
}

/// Appends whole batches of the present journal to the new one.
fn copy(journal: &OpenFile, mut from: u64, to: u64, new: &mut Prepared) -> Result<()> {
    let mut buffer = Vec::new();
    while from < to {
        buffer.resize(usize::try_from(COPY.min(to - from)).unwrap_or_default(), 0);
        let length = journal.read_full(&mut buffer, from)?;
        if length < buffer.len() {
            return Err(Error::corrupt(journal.path().display().to_string(), "is shorter than what was committed"));
        }
        new.journal.file.write_at(&buffer, new.length)?;
        new.journal.file.sync()?;
        from += length as u64;
        new.length += length as u64;
    }
    Ok(())
}

/// Gives the room back that a compaction took before it failed. Where it was replacing files already, whoever takes the lock next
/// finishes it.
fn remove_new(table: &OpenTable) {
    let removed = table.lock.lock().and_then(|held| match held.state()? {
        State { rotating: true, .. } => Ok(()),
        _ => table.files.remove_new(),
    });
    if let Err(error) = removed {
        tracing::warn!(%error, "files of a compaction that failed stay; the next one removes them");
    }
}
