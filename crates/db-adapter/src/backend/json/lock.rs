//! The lock file of a table: who may write now, and how far the journal is committed.
//!
//! The file is never renamed or removed. Its content is rewritten in place after every commit, and read by every process before it
//! responds. Nothing depends on its surviving a loss of power: a process that starts alone recomputes it from the journal.

use std::sync::Arc;
use std::time::Duration;

use super::disk::OpenFile;
use super::turns::{Patience, Stuck, Turns};
use crate::store::error::{Error, Result};

/// How far in which journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct JournalPosition {
    pub(super) generation: u64,
    /// Bytes of that journal.
    pub(super) length: u64,
}

/// What the lock file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// Up to here everything is on disk and acknowledged or about to be.
    pub(super) committed: JournalPosition,
    /// The files are being replaced by those of the next generation; `committed` still is of the present one.
    pub(super) replacing: bool,
    /// A sync failed, so that nobody knows what is on disk: nothing may be written until a process starts alone.
    pub(super) poisoned: bool,
}

const MAGIC: [u8; 4] = *b"FMS1";
const REPLACING: u32 = 1;
const POISONED: u32 = 2;
const BYTES: usize = 28;
/// Reads that may meet a rewrite in progress before the file counts as damaged.
const ATTEMPTS: usize = 1000;

impl State {
    /// Writable up to there.
    pub(super) fn at(committed: JournalPosition) -> Self {
        Self { committed, replacing: false, poisoned: false }
    }

    fn encode(&self) -> [u8; BYTES] {
        let flags = if self.replacing { REPLACING } else { 0 } | if self.poisoned { POISONED } else { 0 };
        let generation = self.committed.generation + u64::from(self.replacing);
        let mut bytes = [0; BYTES];
        let parts = [&MAGIC[..], &flags.to_le_bytes(), &generation.to_le_bytes(), &self.committed.length.to_le_bytes()].concat();
        if let Some((body, crc)) = bytes.split_last_chunk_mut::<4>() {
            body.copy_from_slice(&parts);
            *crc = crc32fast::hash(&parts).to_le_bytes();
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        let (magic, rest) = body.split_first_chunk::<4>()?;
        let (flags, rest) = rest.split_first_chunk::<4>()?;
        let (generation, length) = rest.split_first_chunk::<8>()?;
        let (flags, length) = (u32::from_le_bytes(*flags), u64::from_le_bytes(length.try_into().ok()?));
        if *magic != MAGIC || crc32fast::hash(body).to_le_bytes() != *crc {
            return None;
        }
        let replacing = flags & REPLACING != 0;
        let generation = u64::from_le_bytes(*generation).checked_sub(u64::from(replacing))?;
        Some(Self { committed: JournalPosition { generation, length }, replacing, poisoned: flags & POISONED != 0 })
    }
}

/// The lock file of a table.
#[derive(Debug)]
pub(super) struct LockFile {
    turns: Arc<Turns>,
    /// How long the lock may stand still before a write is refused.
    limit: Duration,
}

impl LockFile {
    pub(super) fn new(file: OpenFile, queue: Option<OpenFile>, limit: Duration) -> Self {
        Self { turns: Turns::new(file, queue), limit }
    }

    /// The state, or `None` where the file is damaged.
    pub(super) fn read(&self) -> Result<Option<State>> {
        let mut bytes = [0; BYTES];
        for _ in 0..ATTEMPTS {
            let length = self.turns.file.read_full(&mut bytes, 0)?;
            match State::decode(&bytes).filter(|_| length == BYTES) {
                Some(state) => return Ok(Some(state)),
                None if length == 0 => return Ok(None),
                None => std::thread::yield_now(),
            }
        }
        Ok(None)
    }

    /// The state of a table that is open.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the file is damaged.
    pub(super) fn state(&self) -> Result<State> {
        self.read()?.ok_or_else(|| {
            Error::unavailable(format!(
                "{} is damaged; stop every process that uses the directory, and the next start repairs it",
                self.turns.file.path().display()
            ))
        })
    }

    /// Was the file removed, and so in all likelihood the directory?
    pub(super) fn is_removed(&self) -> Result<bool> {
        self.turns.file.is_removed()
    }

    /// Waits until no other thread and process holds the lock.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where its holder does nothing; see [`Turns::take`].
    pub(super) fn lock(&self) -> Result<LockGuard<'_>> {
        self.turns.take(Patience::of_write(self.limit)).map(|()| LockGuard { lock: self })
    }

    /// As [`LockFile::lock`], but with the patience of a start, which says what it waits for.
    pub(super) fn lock_at_start(&self) -> Result<LockGuard<'_>> {
        self.turns.take(Patience::of_start(self.limit)).map(|()| LockGuard { lock: self })
    }

    /// Why the lock cannot be had, if it cannot.
    pub(super) fn stuck(&self) -> Option<Stuck> {
        self.turns.stuck(self.limit)
    }
}

/// The lock, held until dropped.
#[derive(Debug)]
pub(super) struct LockGuard<'a> {
    lock: &'a LockFile,
}

impl LockGuard<'_> {
    /// The state, or `None` where the file is damaged.
    pub(super) fn read(&self) -> Result<Option<State>> {
        self.lock.read()
    }

    /// The state of a table that is open; see [`LockFile::state`].
    pub(super) fn state(&self) -> Result<State> {
        self.lock.state()
    }

    /// Writes the state, for every process to read.
    pub(super) fn write(&self, state: State) -> Result<()> {
        self.lock.turns.file.write_at(&state.encode(), 0)
    }
}

impl Drop for LockGuard<'_> {
    fn drop(&mut self) {
        self.lock.turns.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_written() {
        for (replacing, poisoned) in [(false, false), (true, false), (false, true), (true, true)] {
            let state = State { committed: JournalPosition { generation: 7, length: 1 << 40 }, replacing, poisoned };
            assert_eq!(State::decode(&state.encode()), Some(state));
        }
    }

    #[test]
    fn any_flipped_bit_is_recognised() {
        let bytes = State::at(JournalPosition { generation: 3, length: 99 }).encode();
        for bit in 0..BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(State::decode(&flipped), None, "bit {bit}");
        }
    }
}
