//! Opening the files of a directory.

use std::sync::Arc;

use super::directory::{Directory, Entry};
use super::disk::RealDisk;
use super::files::Files;
use super::lock::LockFile;
use super::options::JsonOptions;
use super::table::OpenTable;
use super::{blocking, recover};
use crate::store::error::{Error, Result};
use crate::store::schema::Table;

/// Times that a start may find the files of a process that died while it was alone.
const OPEN_ATTEMPTS: usize = 100;

/// Compacts these tables of a directory that no process uses, also where a person changed a snapshot. Returns the number of items of
/// each table.
///
/// # Errors
/// [`Error::Unavailable`] where a process uses the directory; [`Error::Corrupt`] as [`JsonStore::open`](super::JsonStore::open).
pub async fn compact(schema: &'static [&'static Table], options: JsonOptions) -> Result<Vec<(&'static Table, u64)>> {
    blocking(move || {
        let single = true;
        let directory = Directory::open(&options.dir, Arc::new(RealDisk), single, options.lock_timeout)?;
        directory.enter()?;
        let tables = schema.iter().map(|table| {
            let (files, lock) = table_files(&directory, table, &options)?;
            let loaded = recover::open_alone(&files, &lock, true, options.keep_broken)?;
            recover::tell_of_broken(&files, &loaded.memory);
            Ok((*table, loaded.memory.count()))
        });
        tables.collect()
    })
    .await
}

pub(super) fn table_files(directory: &Directory, table: &'static Table, options: &JsonOptions) -> Result<(Files, LockFile)> {
    let files = Files { dir: directory.dir.clone(), table, clock: Arc::clone(&options.clock) };
    let lock = files.dir.open(&files.lock(), true)?;
    let lock = lock.ok_or_else(|| Error::unavailable(format!("{} cannot be opened", files.place(&files.lock()))))?;
    let queue = if directory.is_single() { None } else { files.dir.open(&files.queue(), true)? };
    Ok((files, LockFile::new(lock, queue, options.lock_timeout)))
}

/// The tables of this schema, read as this process finds them: alone, or beside others.
pub(super) fn open_tables(directory: &Directory, schema: &[&'static Table], options: &JsonOptions) -> Result<Vec<OpenTable>> {
    for _ in 0..OPEN_ATTEMPTS {
        let entry = directory.enter()?;
        let open = |table| {
            let (files, lock) = table_files(directory, table, options)?;
            let loaded = match entry {
                Entry::Alone => recover::open_alone(&files, &lock, false, options.keep_broken).map(Some),
                Entry::Joined => recover::open_joined(&files, &lock),
            }?;
            let Some(loaded) = loaded else { return Ok(None) };
            let table = OpenTable::new(files, lock, directory.is_single(), loaded);
            table.catch_up()?;
            Ok(Some(table))
        };
        let tables = schema.iter().copied().map(open).collect::<Result<Option<Vec<_>>>>()?;
        match tables {
            Some(tables) if entry == Entry::Alone => {
                directory.share()?;
                return Ok(tables);
            }
            Some(tables) => return Ok(tables),
            // A process that was alone died before it had put everything in order: be that process.
            None => directory.leave()?,
        }
    }
    let place = directory.dir.path.display();
    Err(Error::unavailable(format!("the files in {place} are not in order; stop every process that uses them and start again")))
}
