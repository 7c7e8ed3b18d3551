//! The start: what a table's files say, with the marks of crashes removed.

use super::files::{Files, Journal, corrupt, edited};
use super::journal::{Batch, BatchReader, Fault, batch_follows};
use super::lock::{JournalPosition, LockFile, LockGuard, State};
use super::memory::{Change, Memory};
use super::record;
use super::snapshot;
use super::table::{Loaded, Poison};
use crate::store::error::{Error, Result};

/// Opens a table whose directory nobody else uses. With `compact` the journal goes into the
/// snapshot, even into one that a person changed.
pub(super) fn open_alone(files: &Files, lock: &LockFile, compact: bool, keep_broken: bool) -> Result<Loaded> {
    let guard = lock.lock_at_start()?;
    let known = guard.read()?;
    files.finish_replacement()?;
    let Some(Journal { file, header }) = files.open_journal()? else { return begin(files, &guard, known, keep_broken) };
    let snapshot = files.open_snapshot()?.ok_or_else(|| {
        let journal = files.journal();
        let reason =
            format!("is missing, although {journal} follows it; put it back, or remove {journal} and {} too", files.lock());
        Error::corrupt(files.place(&files.snapshot()), reason)
    })?;
    let ours = snapshot::load(files.table, &snapshot, &header.snapshot)?;
    let changed = ours.is_none();
    let mut memory = ours.map_or_else(|| snapshot::load_edited(files.table, &snapshot, keep_broken), Ok)?;

    let length = file.length()?;
    let known_length = known.filter(|state| state.committed.generation == header.generation).map(|state| state.committed.length);
    let mut reader = BatchReader::new(files.table, &file, header.length(), length, header.first);
    let mut end = header.length();
    loop {
        match reader.read() {
            Ok(None) => break,
            Ok(Some(_)) if changed && !compact => return Err(edited(files, "")),
            Ok(Some(batch)) => {
                end = batch.end;
                replay(files, &mut memory, batch)?;
            }
            // Only the last batch can be torn by a crash: it starts after all earlier ones are on disk. It was not acknowledged
            // unless the lock file says so.
            Err(Fault::Damaged { offset, .. })
                if known_length.is_none_or(|known| known <= offset) && !batch_follows(&file, offset)? =>
            {
                break;
            }
            Err(fault) => return Err(corrupt(&file, fault)),
        }
    }
    if let Some(known) = known_length.filter(|known| end < *known) {
        let reason = format!("the file ends, although {known} bytes were committed; restore a copy");
        return Err(Error::corrupt(super::journal::place(&file, end), reason));
    }
    if end < length {
        tracing::warn!(file = %file.path().display(), from = end, bytes = length - end, "cut off a write that a crash tore; it was never acknowledged");
        file.truncate(end)?;
    }
    let sequence = reader.next_number() - 1;
    let position = JournalPosition { generation: header.generation, length: end };
    let poisoned = known.is_some_and(|state| state.poisoned);
    let state = State { poisoned, ..State::at(position) };
    let rewrite = poisoned || changed;
    // Not at every start: it takes the notes of the table, for which reads need not wait.
    let ended = if rewrite || compact { memory.removal_of_ended(files.clock.seconds()) } else { Vec::new() };
    if rewrite || (compact && (end > header.length() || !ended.is_empty())) {
        memory.apply(ended, position);
        let (journal, position) = files.rewrite(&guard, &memory, state, sequence + 1)?;
        return loaded(files, memory, journal, position, sequence);
    }
    if known_length != Some(length) {
        // What a process wrote before it died may not be on disk yet. What the lock file tells of is.
        file.sync().inspect_err(|_| drop(guard.write(State { poisoned: true, ..state })))?;
    }
    guard.write(state)?;
    loaded(files, memory, Journal { file, header }, position, sequence)
}

fn loaded(files: &Files, memory: Memory, journal: Journal, position: JournalPosition, sequence: u64) -> Result<Loaded> {
    let snapshot_bytes = files.open_snapshot()?.map_or(Ok(0), |file| file.length())?;
    Ok(Loaded { memory, journal, position, sequence, snapshot_bytes })
}

/// The first files of a table: empty, or after a snapshot that a person put there.
fn begin(files: &Files, guard: &LockGuard<'_>, known: Option<State>, keep_broken: bool) -> Result<Loaded> {
    if known.is_some_and(|state| state.committed.generation > 0) {
        let reason = format!(
            "is missing, although {} tells that there was one; put it back, or remove that file too where what the journal held may \
             be lost",
            files.lock()
        );
        return Err(Error::corrupt(files.place(&files.journal()), reason));
    }
    let memory = match files.open_snapshot()? {
        Some(snapshot) => {
            let memory = snapshot::load_edited(files.table, &snapshot, keep_broken)?;
            tracing::warn!(
                snapshot = %snapshot.path().display(),
                journal = files.journal(),
                lock = files.lock(),
                "a snapshot without journal and lock file is taken as it is; if they were removed, the writes since it was made are lost"
            );
            memory
        }
        None => Memory::new(files.table),
    };
    let (journal, position) = files.rewrite(guard, &memory, State::at(JournalPosition { generation: 0, length: 0 }), 1)?;
    loaded(files, memory, journal, position, 0)
}

/// Tells of broken items that an earlier version stored. They are left out of lists; what a person wrote is refused instead.
pub(super) fn tell_of_broken(files: &Files, memory: &Memory) {
    if let Some((key, fault)) = memory.first_broken() {
        let (table, id) = (files.table, record::decode(key).hash);
        let file = files.place(&files.snapshot());
        tracing::warn!(file, id, "{} {id:?}, and maybe more, is broken: {fault}. Next: forum verify --repair", table.singular);
    }
}

/// Applies a batch to a snapshot that may have been edited, so that the two may contradict each other.
fn replay(files: &Files, memory: &mut Memory, batch: Batch) -> Result<()> {
    let position = memory.position();
    for (number, change) in (batch.first..).zip(batch.changes) {
        if let Change::Put(record) = &change
            && let Some((unique, owner)) = memory.taken(record)
        {
            let table = files.table;
            let (mine, other) = (record::decode(&record.key).hash, record::decode(owner).hash);
            let reason = format!(
                "{} of {} {mine:?} is also that of {other:?} in {}; correct it there",
                unique.attribute,
                table.hash,
                files.snapshot()
            );
            return Err(Error::corrupt(format!("{}, change {number}", files.place(&files.journal())), reason));
        }
        // One by one: a change may take the value that an earlier one of the batch freed.
        memory.apply([change], position);
    }
    Ok(())
}

/// Opens a table that other processes have open. `None` where its files are not as processes keep them: only one that is alone
/// may say what is true then.
pub(super) fn open_joined(files: &Files, lock: &LockFile) -> Result<Option<Loaded>> {
    let guard = lock.lock_at_start()?;
    let Some(mut state) = guard.read()? else { return Ok(None) };
    if state.replacing {
        // The disk failed while the files were replaced, and only a process that is alone may say which ones are true.
        if state.poisoned {
            return Err(Error::unavailable(Poison::Disk.reason()));
        }
        state = files.settle(&guard)?;
    }
    let (snapshot, journal) = files.open_pair()?;
    let header = &journal.header;
    if header.generation != state.committed.generation {
        return Ok(None);
    }
    // Both files are final or only grow, so that they can be read while others write.
    drop(guard);
    let snapshot_bytes = snapshot.length()?;
    let memory = snapshot::load(files.table, &snapshot, &header.snapshot)?;
    let memory = memory.ok_or_else(|| edited(files, " while processes use it"))?;
    let position = JournalPosition { generation: header.generation, length: header.length() };
    let sequence = header.first - 1;
    Ok(Some(Loaded { memory, journal, position, sequence, snapshot_bytes }))
}
