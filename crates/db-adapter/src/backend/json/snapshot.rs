//! The snapshot of a table: a plain JSON array, one item per line, sorted by key. A person may edit it while nothing runs.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::disk::{OpenFile, Reader, failed};
use super::memory::{Builder, Memory};
use super::record::{self, Record};
use super::write::{kept, loaded};
use crate::store::error::{Error, Result};
use crate::store::item::Item;
use crate::store::schema::Table;

/// Bytes that are hashed and written at once.
const WRITE_AHEAD: usize = 64 << 10;
/// Bytes that are brought to disk at once: the commits of writers that go on meanwhile wait for no more than that.
const SYNC_AHEAD: u64 = 1 << 20;
const READ_AHEAD: usize = 32 << 10;

/// Writes a snapshot item by item.
#[derive(Debug)]
pub(super) struct SnapshotWriter<'a> {
    file: &'a OpenFile,
    offset: u64,
    /// Up to here everything is on disk.
    synced: u64,
    pending: String,
    hash: Sha256,
    empty: bool,
}

impl<'a> SnapshotWriter<'a> {
    pub(super) fn new(file: &'a OpenFile) -> Self {
        Self { file, offset: 0, synced: 0, pending: "[".to_owned(), hash: Sha256::new(), empty: true }
    }

    pub(super) fn push(&mut self, item: &Item) -> Result<()> {
        self.pending.push_str(if self.empty { "\n" } else { ",\n" });
        self.pending.push_str(item.as_json());
        self.empty = false;
        if self.pending.len() >= WRITE_AHEAD { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.file.write_at(self.pending.as_bytes(), self.offset)?;
        self.hash.update(self.pending.as_bytes());
        self.offset += self.pending.len() as u64;
        self.pending.clear();
        if self.offset - self.synced >= SYNC_AHEAD { self.sync() } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<()> {
        self.file.sync()?;
        self.synced = self.offset;
        Ok(())
    }

    /// Brings everything to disk and returns the file's sha256 in hexadecimal.
    pub(super) fn finish(mut self) -> Result<String> {
        self.pending.push_str("\n]\n");
        self.flush()?;
        self.sync()?;
        Ok(hex(self.hash))
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn whole(file: &OpenFile) -> Result<Reader<'_>> {
    Ok(Reader { file, offset: 0, end: file.length()? })
}

/// The file's sha256 in hexadecimal.
pub(super) fn sha256(file: &OpenFile) -> Result<String> {
    let mut input = BufReader::with_capacity(READ_AHEAD, whole(file)?);
    let mut hash = Sha256::new();
    loop {
        let bytes = input.fill_buf().map_err(|error| failed("read", file.path(), &error))?;
        if bytes.is_empty() {
            return Ok(hex(hash));
        }
        hash.update(bytes);
        let length = bytes.len();
        input.consume(length);
    }
}

/// Loads the snapshot that has this sha256: one that a store wrote and nobody changed, so that its items need no check. `None` where
/// the file is another one.
pub(super) fn load(table: &'static Table, file: &OpenFile, sha256: &str) -> Result<Option<Memory>> {
    let mut input = BufReader::with_capacity(READ_AHEAD, whole(file)?);
    let mut hash = Sha256::new();
    let mut builder = Builder::new(table);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = input.read_until(b'\n', &mut line).map_err(|error| failed("read", file.path(), &error))?;
        hash.update(&line);
        let text = match std::str::from_utf8(&line) {
            Ok(text) => text.trim_end_matches('\n'),
            Err(_) => return Ok(None),
        };
        match text {
            _ if length == 0 => return Ok((hex(hash) == sha256).then(|| builder.finish())),
            "[" | "]" | "" => {}
            text => match Record::new(table, Item::from_canonical(text.strip_suffix(',').unwrap_or(text))) {
                Ok(record) => {
                    if builder.is_empty() {
                        builder.make_room_for(usize::try_from(file.length()?).unwrap_or_default() / length);
                    }
                    builder.push(record);
                }
                Err(_) => return Ok(None),
            },
        }
    }
}

/// Loads a snapshot that a person may have written: any spelling of JSON, every rule checked.
///
/// With `keep_broken` items are taken that break a rule, but have a key of their own.
///
/// # Errors
/// [`Error::Corrupt`] names the record and the attribute that break a rule.
pub(super) fn load_edited(table: &'static Table, file: &OpenFile, keep_broken: bool) -> Result<Memory> {
    let name = file.path().display();
    let mut text = String::new();
    let read = whole(file)?.read_to_string(&mut text);
    read.map_err(|error| Error::corrupt(name.to_string(), format!("cannot be read as UTF-8 text: {error}")))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let records: Vec<&RawValue> = serde_json::from_str(text)
        .map_err(|error| Error::corrupt(name.to_string(), format!("is not a JSON array of objects: {error}; correct it")))?;
    let mut memory = Memory::new(table);
    let mut numbers = HashMap::new();
    for (number, raw) in (1..).zip(records) {
        let refused = |reason: String| Error::corrupt(format!("{name}, record {number}"), format!("{reason}; correct it"));
        let read = |item| loaded(table, &item).or_else(|error| if keep_broken { kept(table, &item) } else { Err(error) });
        let record = Item::parse(raw.get()).and_then(read).map_err(|error| refused(error.to_string()))?;
        let other = |key: &str| numbers.get(key).copied().unwrap_or_default();
        if memory.item(&record.key).is_some() {
            let key = record::decode(&record.key);
            return Err(refused(format!("{} {:?} is also the key of record {}", table.hash, key.hash, other(&record.key))));
        }
        if let Some((unique, owner)) = memory.taken(&record) {
            return Err(refused(format!("{} is also that of record {}", unique.attribute, other(owner))));
        }
        numbers.insert(record.key.clone(), number);
        memory.put(record);
    }
    Ok(memory)
}
