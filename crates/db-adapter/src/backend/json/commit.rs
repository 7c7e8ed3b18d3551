//! The committer of a table: one thread per table and process that writes what is queued, many writes with one sync.

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::sync::oneshot;

use super::compaction::Compactor;
use super::directory::Directory;
use super::journal::render_batch;
use super::lock::{JournalPosition, LockGuard, State};
use super::memory::Change;
use super::recover;
use super::table::{OpenTable, Poison};
use super::write::{Staged, Write};
use crate::store::error::{Error, Result};
use crate::store::item::Item;

/// Maximum number of writes in a batch.
const MAX_WRITES: usize = 1024;
/// How often other threads may run before a batch is closed.
const MAX_YIELDS: usize = 4;
/// A batch is closed once its items have this many bytes.
const MAX_BYTES: usize = 8 << 20;

/// A write and who waits for its result.
#[derive(Debug)]
struct Queued {
    write: Write,
    sender: oneshot::Sender<Result<Option<Item>>>,
}

/// The way to a table's committer.
#[derive(Debug)]
pub(super) struct Committer {
    /// Gone once the table is closed.
    queue: Mutex<Option<Sender<Queued>>>,
    running: Mutex<Option<Running>>,
    count: Arc<Count>,
}

/// Writes that were not done.
#[derive(Debug, Default)]
struct Count {
    /// Queued or in progress.
    unfinished: AtomicUsize,
    /// Refused since the table is closed.
    refused: AtomicUsize,
}

/// A thread that commits.
#[derive(Debug)]
pub(super) struct Running {
    table: &'static str,
    thread: JoinHandle<()>,
    /// Hangs up when the thread ends.
    ended: Receiver<()>,
    count: Arc<Count>,
}

impl Running {
    /// Waits for the thread's end, but not for longer than that. Its table must have been closed.
    pub(super) fn ends_by(&self, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        !matches!(self.ended.recv_timeout(left), Err(RecvTimeoutError::Timeout))
    }

    /// What the thread, which has ended, left undone.
    ///
    /// # Errors
    /// [`Error::Unavailable`] tells how many writes were refused since the table was closed, if any.
    pub(super) fn join(self) -> Result<()> {
        self.thread.join().map_err(|_| Error::backend("a committer panicked"))?;
        match self.count.refused.load(Ordering::Relaxed) {
            0 => Ok(()),
            refused => Err(Error::unavailable(format!("{}: {refused} queued writes were refused", self.table))),
        }
    }

    /// What a thread that has not ended leaves undone so far.
    ///
    /// # Errors
    /// [`Error::Unavailable`] tells how many writes are neither done nor refused, if any.
    pub(super) fn leave(&self) -> Result<()> {
        match self.count.unfinished.load(Ordering::Relaxed) {
            0 => Ok(()),
            left => Err(Error::unavailable(format!("{}: {left} writes are neither done nor refused yet", self.table))),
        }
    }
}

impl Committer {
    /// Starts the thread. It keeps the process in the directory until it has done what is queued, even where the store is dropped.
    pub(super) fn start(table: Arc<OpenTable>, directory: Arc<Directory>, compact_at: u64) -> Result<Self> {
        let ((queue, queued), (running, ended)) = (channel(), channel());
        let (count, name) = (Arc::new(Count::default()), table.files.table.name);
        let counted = Arc::clone(&count);
        let thread = thread::Builder::new().name(format!("json-{name}")).spawn(move || {
            let _running: Sender<()> = running;
            run(&table, &queued, &counted, compact_at);
            drop(directory);
        });
        let thread = thread.map_err(|error| Error::unavailable(format!("cannot start a thread: {error}")))?;
        let running = Running { table: name, thread, ended, count: Arc::clone(&count) };
        Ok(Self { queue: Mutex::new(Some(queue)), running: Mutex::new(Some(running)), count })
    }

    /// Queues a write; it happens even where nobody waits for the result.
    pub(super) fn queue(&self, write: Write) -> Result<oneshot::Receiver<Result<Option<Item>>>> {
        let (sender, result) = oneshot::channel();
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        self.count.unfinished.fetch_add(1, Ordering::Relaxed);
        let sent = queue.as_ref().is_some_and(|queue| queue.send(Queued { write, sender }).is_ok());
        if sent { Ok(result) } else { Err(Error::unavailable("the store is closed")) }
    }

    /// Does it take writes? Not once it is closed, or its thread has panicked.
    pub(super) fn is_open(&self) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().is_some_and(|running| !running.thread.is_finished())
    }

    /// Takes no more writes; the thread ends when those that are queued are done.
    pub(super) fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// The thread, to wait for; once.
    pub(super) fn take_running(&self) -> Option<Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn run(table: &Arc<OpenTable>, queued: &Receiver<Queued>, count: &Count, compact_at: u64) {
    // Here, so that the start does not wait for it, and indexes first, as lists wait for these only.
    table.memory().make_ready();
    recover::tell_of_broken(&table.files, &table.memory());
    let mut compactor = Compactor::new(compact_at);
    let mut pending = VecDeque::new();
    loop {
        if pending.is_empty() {
            match queued.recv() {
                Ok(first) => pending.push_back(first),
                Err(_) => break,
            }
        }
        gather(queued, &mut pending);
        commit(table, &mut pending, count);
        compactor.consider(table);
    }
    compactor.finish();
}

/// Takes what is queued, and lets threads that are ready to run on this core queue more before: this one was woken by the first write of
/// many, and a batch costs the same with one write or with hundreds. Where no thread is ready it goes on at once.
fn gather(queued: &Receiver<Queued>, pending: &mut VecDeque<Queued>) {
    for _ in 0..MAX_YIELDS {
        let before = pending.len();
        thread::yield_now();
        pending.extend(queued.try_iter().take(MAX_WRITES - before));
        if pending.len() == before || pending.len() == MAX_WRITES {
            break;
        }
    }
}

/// Why a batch is not acknowledged.
pub(super) enum Failure {
    /// Nothing of it was written.
    NotWritten(Error),
    /// Nobody knows whether it was written.
    Unknown(Error),
}

impl Failure {
    /// The error of each write of the batch.
    pub(super) fn error(&self) -> Error {
        match self {
            Self::NotWritten(Error::Corrupt { place, reason }) => Error::corrupt(place, reason),
            Self::NotWritten(Error::Unavailable { reason }) => Error::unavailable(reason),
            Self::NotWritten(error) => Error::unavailable(error.to_string()),
            Self::Unknown(error) => Error::backend(error.to_string()),
        }
    }
}

/// Decides what is pending, or the first part of it, and sends the results.
fn commit(table: &OpenTable, pending: &mut VecDeque<Queued>, count: &Count) {
    let before = pending.len();
    let mut decided = Vec::with_capacity(before);
    // What a panic may leave behind is not used again: the poison sees to that.
    let written = panic::catch_unwind(AssertUnwindSafe(|| write_batch(table, pending, &mut decided)));
    let failure = written.unwrap_or_else(|_| {
        table.writer_panicked();
        Err(Failure::Unknown(Error::unavailable(Poison::Panic.reason())))
    });
    let failure = failure.err();
    if matches!(failure, Some(Failure::NotWritten(_))) && decided.is_empty() {
        // Nothing could be decided, and what waits would fare no better.
        decided.extend(pending.drain(..).map(|queued| (queued.sender, Ok(None))));
    }
    // Not the number of those decided: one may have been lost in a panic.
    let done = before - pending.len();
    count.unfinished.fetch_sub(done, Ordering::Relaxed);
    if failure.is_some() && table.hurry.load(Ordering::Relaxed) {
        count.refused.fetch_add(done, Ordering::Relaxed);
    }
    for (sender, result) in decided {
        // Where the client is gone nobody takes the result; the write stands all the same.
        let _ = sender.send(failure.as_ref().map_or(result, |failure| Err(failure.error())));
    }
}

type Decided = Vec<(oneshot::Sender<Result<Option<Item>>>, Result<Option<Item>>)>;

fn write_batch(table: &OpenTable, pending: &mut VecDeque<Queued>, decided: &mut Decided) -> std::result::Result<(), Failure> {
    table.check_poison().map_err(Failure::NotWritten)?;
    // What others wrote may take long to read, so most of it is read before they have to wait.
    let guard = table.catch_up().and_then(|()| table.lock.lock()).map_err(Failure::NotWritten)?;
    let state = table.prepare(&guard, &mut table.reader()).map_err(Failure::NotWritten)?;
    let changes = {
        let memory = table.memory();
        let mut staged = Staged::over(&memory, table.now());
        while staged.bytes() < MAX_BYTES
            && let Some(Queued { write, sender }) = pending.pop_front()
        {
            decided.push((sender, staged.write(write)));
        }
        staged.into_changes()
    };
    append(table, &guard, state, changes)
}

/// Brings these changes to disk and shows them to everyone, with the lock held, after [`OpenTable::prepare`].
pub(super) fn append(
    table: &OpenTable,
    guard: &LockGuard<'_>,
    state: State,
    changes: Vec<Change>,
) -> std::result::Result<(), Failure> {
    if changes.is_empty() {
        return Ok(());
    }
    let start = state.committed.length;
    let (journal, first) = {
        let reader = table.reader();
        (Arc::clone(&reader.journal), reader.sequence + 1)
    };
    let batch = render_batch(table.files.table, first, &changes);
    if let Err(error) = journal.file.write_at(batch.as_bytes(), start) {
        return Err(match journal.file.truncate(start) {
            Ok(()) => Failure::NotWritten(error),
            Err(_) => {
                table.disk_failed(guard, state);
                Failure::Unknown(error)
            }
        });
    }
    if let Err(error) = journal.file.sync() {
        table.disk_failed(guard, state);
        return Err(Failure::Unknown(Error::unavailable(format!("{error}; {}", Poison::Disk.reason()))));
    }
    let committed = JournalPosition { length: start + batch.len() as u64, ..state.committed };
    let published = table.publish(guard, &mut table.reader(), committed, changes);
    published.map_err(|error| {
        table.disk_failed(guard, state);
        Failure::Unknown(error)
    })
}
