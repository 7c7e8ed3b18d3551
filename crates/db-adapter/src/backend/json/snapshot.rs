//! The snapshot of a table: a plain JSON array, one item per line, sorted by key. A person may edit it while nothing runs.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::disk::{OpenFile, Reader, failed};
use super::memory::Memory;
use super::place::KeyPlace;
use super::record;
use super::sorted::Sorted;
use super::write::{kept, loaded};
use crate::store::error::{Error, Result};
use crate::store::item::{Chunk, Item};
use crate::store::schema::Table;

/// Bytes that are hashed and written at once.
const WRITE_AHEAD: usize = 64 << 10;
/// Bytes that are brought to disk at once: the commits of writers that go on meanwhile wait for no more than that.
const SYNC_AHEAD: u64 = 1 << 20;
const READ_AHEAD: usize = 32 << 10;
/// Bytes of a snapshot that are read at once, and that items then share.
const CHUNK: usize = 1 << 20;

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
    // A chunk or two ahead of what is hashed: they are in the processor's cache still.
    let (sender, chunks) = sync_channel::<Chunk>(1);
    let hash = || chunks.into_iter().fold(Sha256::new(), |hash, chunk| hash.chain_update(chunk.as_bytes()));
    thread::scope(|scope| {
        let hash = thread::Builder::new().name("json-hash".to_owned()).spawn_scoped(scope, hash);
        let hash = hash.map_err(|error| Error::unavailable(format!("cannot start a thread: {error}")))?;
        let items = read_items(table, file, &sender);
        drop(sender);
        let hash = hash.join().map_err(|_| Error::backend("a snapshot cannot be hashed"))?;
        Ok(items?.filter(|_| hex(hash) == sha256).map(|items| Memory::of(table, items)))
    })
}

/// The items of a snapshot, whose chunks are sent too; `None` where a store did not write it.
fn read_items(table: &'static Table, file: &OpenFile, sender: &SyncSender<Chunk>) -> Result<Option<Sorted<KeyPlace>>> {
    let mut items = Sorted::default();
    let mut chunks = Chunks { file, offset: 0, rest: Vec::new(), size: CHUNK };
    while let Some(bytes) = chunks.read()? {
        let Ok(text) = String::from_utf8(bytes) else { return Ok(None) };
        let chunk = Arc::new(text.into_boxed_str());
        let sent = sender.send(Arc::clone(&chunk)).is_ok();
        if !sent || !take_lines(table, &chunk, &mut items) {
            return Ok(None);
        }
    }
    Ok(Some(items))
}

/// Takes the items of whole lines of a snapshot; false where a line holds none.
fn take_lines(table: &'static Table, chunk: &Chunk, items: &mut Sorted<KeyPlace>) -> bool {
    let names = record::key_names(table);
    let ends = memchr::memchr_iter(b'\n', chunk.as_bytes()).chain([chunk.len()]);
    let mut start = 0;
    for end in ends {
        let text = chunk.get(start..end).unwrap_or_default();
        if !matches!(text, "[" | "]" | "") {
            let item = Item::part(chunk, start, text.strip_suffix(',').unwrap_or(text).len());
            let Some(place) = KeyPlace::new(&item, &names, items.last()) else { return false };
            // At the end, as a store writes them in order.
            items.insert(place);
        }
        start = end + 1;
    }
    true
}

/// Reads a file in pieces of whole lines.
struct Chunks<'a> {
    file: &'a OpenFile,
    offset: u64,
    /// What was read of the line that the next piece starts with.
    rest: Vec<u8>,
    /// Bytes that are read at once.
    size: usize,
}

impl Chunks<'_> {
    /// The next piece; `None` at the end.
    fn read(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            let known = self.rest.len();
            // Memory that the system has just cleared is not cleared again.
            let mut bytes = vec![0; known + self.size];
            let (start, free) = bytes.split_at_mut_checked(known).unwrap_or_default();
            start.copy_from_slice(&self.rest);
            let read = self.file.read_full(free, self.offset)?;
            let last = memchr::memrchr(b'\n', free.get(..read).unwrap_or_default());
            self.offset += read as u64;
            bytes.truncate(known + read);
            match last {
                Some(last) => {
                    self.rest = bytes.split_off(known + last + 1);
                    return Ok(Some(bytes));
                }
                None if read < self.size => {
                    self.rest.clear();
                    return Ok(Some(bytes).filter(|bytes| !bytes.is_empty()));
                }
                None => self.rest = bytes,
            }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::backend::json::disk::{Dir, RealDisk};
    use crate::forum::post;

    fn post(id: &str, content: &str) -> String {
        format!(r#"{{"content":"{content}","createdAt":"c","postId":"{id}","threadId":"t","userId":"u"}}"#)
    }

    proptest! {
        #[test]
        fn pieces_are_whole_lines_and_together_the_file(
            lines in prop::collection::vec("[aä\u{10ffff}]{0,9}", 0..9),
            has_end in any::<bool>(),
            size in 1_usize..20,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let text = lines.join("\n") + if has_end { "\n" } else { "" };
            std::fs::write(dir.path().join("file"), &text).unwrap();
            let dir = Dir { disk: Arc::new(RealDisk), path: dir.path().to_owned() };
            let file = dir.open("file", false).unwrap().unwrap();
            let mut chunks = Chunks { file: &file, offset: 0, rest: Vec::new(), size };
            let mut found = String::new();
            while let Some(piece) = chunks.read().unwrap() {
                prop_assert!(found.is_empty() || found.ends_with('\n'));
                found.push_str(&String::from_utf8(piece).unwrap());
            }
            prop_assert_eq!(found, text);
        }
    }

    #[test]
    fn the_items_of_a_chunk_share_it_and_are_sorted() {
        let (a, b, odd) = (post("a", "A"), post("b", "ä"), post("\\u0001", "escaped"));
        let chunk: Chunk = Arc::new(format!("[\n{b},\n{odd},\n{a}\n]\n").into_boxed_str());
        let mut items = Sorted::default();
        assert!(take_lines(&post::TABLE, &chunk, &mut items));
        let found: Vec<_> = items.iter().map(|place| place.item().as_json()).collect();
        assert_eq!(found, [&odd, &a, &b]);
        let shares = |text: &&str| chunk.as_bytes().as_ptr_range().contains(&text.as_ptr());
        assert_eq!(found.iter().map(shares).collect::<Vec<_>>(), [false, true, true]);
        assert_eq!(Arc::strong_count(&chunk), 3);
        assert!(!take_lines(&post::TABLE, &Arc::new("{}".into()), &mut items));
    }
}
