//! The committer of a table: one thread per table and process that writes what is queued, many writes with one sync.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use super::compact::Compactor;
use super::directory::Directory;
use super::journal::render_batch;
use super::lock::Reached;
use super::table::{OpenTable, POISONED};
use super::write::{Staged, Write};
use crate::error::{Error, Result};
use crate::item::Item;

/// Writes in a batch at most.
const MAX_WRITES: usize = 1024;
/// A batch is closed once its items have this many bytes.
const MAX_BYTES: usize = 8 << 20;

/// A write and who waits for its answer.
#[derive(Debug)]
struct Queued {
    write: Write,
    answer: oneshot::Sender<Result<Option<Item>>>,
}

/// The way to a table's committer.
#[derive(Debug)]
pub(super) struct Committer {
    /// Gone once the table is closed.
    queue: Mutex<Option<Sender<Queued>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Committer {
    /// Starts the thread. It keeps the process in the directory until it has done what is queued, even where the store is dropped.
    pub(super) fn start(table: Arc<OpenTable>, directory: Arc<Directory>, compact_at: u64) -> Result<Self> {
        let (queue, queued) = channel();
        let thread = thread::Builder::new().name(format!("json-{}", table.files.table.name)).spawn(move || {
            run(&table, &queued, compact_at);
            drop(directory);
        });
        let thread = thread.map_err(|error| Error::unavailable(format!("cannot start a thread: {error}")))?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)) })
    }

    /// Queues a write; it happens even where nobody waits for the answer.
    pub(super) fn queue(&self, write: Write) -> Result<oneshot::Receiver<Result<Option<Item>>>> {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = queue.as_ref().is_some_and(|queue| queue.send(Queued { write, answer }).is_ok());
        if sent { Ok(answered) } else { Err(Error::unavailable("the store is closed")) }
    }

    /// Does it take writes? Not once it is closed, or its thread has panicked.
    pub(super) fn is_open(&self) -> bool {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Takes no more writes; the thread ends when those that are queued are done.
    pub(super) fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// The thread, to wait for; once.
    pub(super) fn take_thread(&self) -> Option<JoinHandle<()>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn run(table: &Arc<OpenTable>, queued: &Receiver<Queued>, compact_at: u64) {
    let mut compactor = Compactor::new(compact_at);
    let mut pending = VecDeque::new();
    loop {
        if pending.is_empty() {
            match queued.recv() {
                Ok(first) => pending.push_back(first),
                Err(_) => break,
            }
        }
        while pending.len() < MAX_WRITES {
            match queued.try_recv() {
                Ok(next) => pending.push_back(next),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        commit(table, &mut pending);
        compactor.consider(table);
    }
    compactor.finish();
}

/// Why a batch is not acknowledged.
enum Failure {
    /// Nothing of it was written.
    NotWritten(Error),
    /// Nobody knows whether it was written.
    Unknown(Error),
}

impl Failure {
    /// The error of each write of the batch.
    fn error(&self) -> Error {
        match self {
            Self::NotWritten(Error::Corrupt { place, reason }) => Error::corrupt(place, reason),
            Self::NotWritten(Error::Unavailable { reason }) => Error::unavailable(reason),
            Self::NotWritten(error) => Error::unavailable(error.to_string()),
            Self::Unknown(error) => Error::backend(error.to_string()),
        }
    }
}

/// Decides what is pending, or the first part of it, and answers.
fn commit(table: &OpenTable, pending: &mut VecDeque<Queued>) {
    let mut decided = Vec::with_capacity(pending.len());
    let failure = write_batch(table, pending, &mut decided).err();
    if failure.is_some() && decided.is_empty() {
        // Nothing could be decided, and what waits would fare no better.
        decided.extend(pending.drain(..).map(|queued| (queued.answer, Ok(None))));
    }
    for (answer, result) in decided {
        // Where the client is gone nobody takes the answer; the write stands all the same.
        let _ = answer.send(failure.as_ref().map_or(result, |failure| Err(failure.error())));
    }
}

type Decided = Vec<(oneshot::Sender<Result<Option<Item>>>, Result<Option<Item>>)>;

fn write_batch(table: &OpenTable, pending: &mut VecDeque<Queued>, decided: &mut Decided) -> std::result::Result<(), Failure> {
    // What others wrote may take long to read, so most of it is read before they have to wait.
    let held = table.catch_up().and_then(|()| table.lock.lock()).map_err(Failure::NotWritten)?;
    let (state, journal, first) = {
        let mut follower = table.follower();
        let state = table.prepare(&held, &mut follower).map_err(Failure::NotWritten)?;
        (state, Arc::clone(&follower.journal), follower.sequence + 1)
    };
    let changes = {
        let memory = table.memory();
        let mut staged = Staged::over(&memory);
        while staged.bytes() < MAX_BYTES
            && let Some(Queued { write, answer }) = pending.pop_front()
        {
            decided.push((answer, staged.write(write)));
        }
        staged.into_changes()
    };
    if changes.is_empty() {
        return Ok(());
    }
    let start = state.committed.length;
    let batch = render_batch(table.files.table, first, &changes);
    if let Err(error) = journal.file.write_at(batch.as_bytes(), start) {
        return Err(match journal.file.truncate(start) {
            Ok(()) => Failure::NotWritten(error),
            Err(_) => {
                table.poison(&held, state);
                Failure::Unknown(error)
            }
        });
    }
    if let Err(error) = journal.file.sync() {
        table.poison(&held, state);
        return Err(Failure::Unknown(Error::unavailable(format!("{error}; {POISONED}"))));
    }
    let committed = Reached { length: start + batch.len() as u64, ..state.committed };
    let published = table.publish(&held, &mut table.follower(), committed, changes);
    published.map_err(|error| {
        table.poison(&held, state);
        Failure::Unknown(error)
    })
}
