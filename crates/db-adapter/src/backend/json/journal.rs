//! The journal of a table: what changed since its snapshot, as JSON lines.
//!
//! The first line names the snapshot. Then come batches, each a line that says what follows and one line per change with the whole
//! item, so that replaying twice is harmless. Every line is covered by a checksum.

use std::io::{BufRead, BufReader, Read};

use serde::Deserialize;

use super::disk::{OpenFile, Reader, failed};
use super::memory::Change;
use super::record::{self, Record};
use crate::store::error::{Error, Result};
use crate::store::item::{Attributes, Item, Value};
use crate::store::schema::{Key, Table};

const FORMAT: u64 = 1;
/// How a batch's first line starts; no other line starts so.
const BATCH: &str = "{\"batch\":";
/// Maximum bytes of the first line of a journal or batch.
const MAX_HEADER: u64 = 512;
const READ_AHEAD: usize = 32 << 10;

/// The first line of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// Grows by one whenever snapshot and journal are replaced.
    pub(super) generation: u64,
    /// The sha256 of the snapshot that the journal follows, in hexadecimal.
    pub(super) snapshot: String,
    /// The number of the first change after the snapshot.
    pub(super) first: u64,
}

#[derive(Deserialize)]
struct HeaderLine {
    journal: u64,
    generation: u64,
    snapshot: String,
    first: u64,
}

impl Header {
    /// The line, with its end.
    pub(super) fn render(&self) -> String {
        let Self { generation, snapshot, first } = self;
        let body = format!("{{\"journal\":{FORMAT},\"generation\":{generation},\"snapshot\":\"{snapshot}\",\"first\":{first}");
        format!("{body},\"crc\":\"{:08x}\"}}\n", crc32fast::hash(body.as_bytes()))
    }

    /// Bytes of the line.
    pub(super) fn length(&self) -> u64 {
        self.render().len() as u64
    }

    /// Reads a journal's header.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where there is none that this version can read.
    pub(super) fn read(file: &OpenFile) -> Result<Self> {
        let mut bytes = vec![0; MAX_HEADER as usize];
        let length = file.read_full(&mut bytes, 0)?;
        let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned();
        let line = text.split_inclusive('\n').next().unwrap_or_default();
        let parsed = serde_json::from_str::<HeaderLine>(line).ok();
        let corrupt = |reason: &str| Err(Error::corrupt(place(file, 0), reason));
        match parsed {
            Some(HeaderLine { journal, .. }) if journal > FORMAT => corrupt("was written by a newer version of this program"),
            Some(HeaderLine { generation, snapshot, first, .. }) => {
                let header = Self { generation, snapshot, first };
                if header.render() == line {
                    Ok(header)
                } else {
                    corrupt("the first line is damaged; restore a copy of the file")
                }
            }
            None => corrupt("the first line is not that of a journal; restore a copy of the file"),
        }
    }
}

/// One batch of changes.
#[derive(Debug)]
pub(super) struct Batch {
    /// The number of its first change.
    pub(super) first: u64,
    /// The changes in order.
    pub(super) changes: Vec<Change>,
    /// Where the next batch starts.
    pub(super) end: u64,
}

impl Batch {
    /// The number of its last change.
    pub(super) fn last(&self) -> u64 {
        self.first + self.changes.len() as u64 - 1
    }
}

#[derive(Deserialize)]
struct BatchLine {
    batch: u64,
    count: u64,
    bytes: u64,
}

/// The text of a batch.
pub(super) fn render_batch(table: &Table, first: u64, changes: &[Change]) -> String {
    let mut body = String::new();
    for change in changes {
        match change {
            Change::Put(record) => body.extend(["{\"put\":", record.item.as_json(), "}\n"]),
            Change::Del(key) => body.extend(["{\"del\":", key_item(table, &record::decode(key)).as_json(), "}\n"]),
        }
    }
    let mut text = batch_line(first, changes.len() as u64, &body);
    text.push_str(&body);
    text
}

fn batch_line(first: u64, count: u64, body: &str) -> String {
    let line = format!("{BATCH}{first},\"count\":{count},\"bytes\":{}", body.len());
    let mut crc = crc32fast::Hasher::new();
    crc.update(line.as_bytes());
    crc.update(body.as_bytes());
    format!("{line},\"crc\":\"{:08x}\"}}\n", crc.finalize())
}

fn key_item(table: &Table, key: &Key) -> Item {
    let mut attributes = Attributes::from([(table.hash.to_owned(), Value::from(key.hash.as_str()))]);
    attributes.extend(table.range.zip(key.range.clone()).map(|(name, value)| (name.to_owned(), Value::String(value))));
    Item::new(&attributes)
}

/// Why no batch could be read.
#[derive(Debug)]
pub(super) enum Fault {
    /// What stands there is no whole batch.
    Damaged { offset: u64, reason: String },
    /// The file could not be read.
    Unreadable(Error),
}

/// Reads batches one after the other.
pub(super) struct BatchReader<'a> {
    table: &'static Table,
    input: BufReader<Reader<'a>>,
    offset: u64,
    next: u64,
}

impl<'a> BatchReader<'a> {
    /// Reads from one offset to another; the change of number `next` comes first.
    pub(super) fn new(table: &'static Table, file: &'a OpenFile, offset: u64, end: u64, next: u64) -> Self {
        // A reader that follows another process reads some hundred bytes at a time.
        let ahead = usize::try_from(end.saturating_sub(offset)).map_or(READ_AHEAD, |length| length.min(READ_AHEAD));
        Self { table, input: BufReader::with_capacity(ahead, Reader { file, offset, end }), offset, next }
    }

    /// The number of the change that must come next.
    pub(super) fn next_number(&self) -> u64 {
        self.next
    }

    /// The next batch, or `None` at the end.
    pub(super) fn read(&mut self) -> std::result::Result<Option<Batch>, Fault> {
        let unreadable = |file: &OpenFile, error| Fault::Unreadable(failed("read", file.path(), &error));
        let file = self.input.get_ref().file;
        let mut line = Vec::new();
        let mut limited = (&mut self.input).take(MAX_HEADER);
        if limited.read_until(b'\n', &mut line).map_err(|error| unreadable(file, error))? == 0 {
            return Ok(None);
        }
        let header = serde_json::from_slice::<BatchLine>(&line).ok();
        let header = header.ok_or_else(|| self.damaged("no batch starts here"))?;
        let mut body = Vec::new();
        let mut limited = (&mut self.input).take(header.bytes);
        limited.read_to_end(&mut body).map_err(|error| unreadable(file, error))?;
        let whole = body.len() as u64 == header.bytes;
        let body = String::from_utf8(body).ok().filter(|_| whole).ok_or_else(|| self.damaged("the batch is not whole"))?;
        if batch_line(header.batch, header.count, &body).as_bytes() != line {
            return Err(self.damaged("the batch's checksum does not match"));
        }
        if header.batch != self.next {
            return Err(self.damaged(&format!("the batch has number {} where {} must follow", header.batch, self.next)));
        }
        let changes: Option<Vec<_>> = body.lines().map(|line| self.change(line)).collect();
        let changes = changes.filter(|changes| !changes.is_empty() && changes.len() as u64 == header.count);
        let changes = changes.ok_or_else(|| self.damaged("the batch holds a change that this version cannot read"))?;
        self.offset += (line.len() + body.len()) as u64;
        self.next += header.count;
        Ok(Some(Batch { first: header.batch, changes, end: self.offset }))
    }

    fn change(&self, line: &str) -> Option<Change> {
        let line = line.strip_suffix('}')?;
        if let Some(item) = line.strip_prefix("{\"put\":") {
            Record::new(self.table, Item::from_canonical(item)).ok().map(Change::Put)
        } else {
            let key = line.strip_prefix("{\"del\":")?;
            Record::new(self.table, Item::from_canonical(key)).ok().map(|record| Change::Del(record.key))
        }
    }

    fn damaged(&self, reason: &str) -> Fault {
        Fault::Damaged { offset: self.offset, reason: reason.to_owned() }
    }
}

/// Does another batch start behind this offset?
pub(super) fn batch_follows(file: &OpenFile, offset: u64) -> Result<bool> {
    let reader = Reader { file, offset, end: u64::MAX };
    let mut input = BufReader::with_capacity(READ_AHEAD, reader);
    let mut line = Vec::new();
    let mut first = true;
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).map_err(|error| failed("read", file.path(), &error))? == 0 {
            return Ok(false);
        }
        // Only a whole line: an item that was torn may hold such text.
        let whole = line.ends_with(b"\n");
        let begins = |at: usize| whole && line.get(at..).is_some_and(|rest| serde_json::from_slice::<BatchLine>(rest).is_ok());
        let mut starts = line.windows(BATCH.len()).enumerate().filter(|(_, window)| *window == BATCH.as_bytes());
        // The line's end before it may be what is damaged, so that the batch starts within a line.
        if starts.any(|(at, _)| if at == 0 { !first } else { begins(at) }) {
            return Ok(true);
        }
        first = false;
    }
}

/// How errors name a place in a journal.
pub(super) fn place(file: &OpenFile, offset: u64) -> String {
    format!("{}, byte {offset}", file.path().display())
}
