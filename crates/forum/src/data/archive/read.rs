//! Reading a backup: every section is checked before it is returned.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use db_adapter::forum::SCHEMA_VERSION;
use db_adapter::{Item, Table};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::{FORMAT, Header, Manifest, PartHeader, count_part, hex, section_sha256};
use crate::Tables;
use crate::data::checksum::Checksum;
use crate::data::compare::fingerprint;
use crate::output::plural;
use crate::run::progress::Progress;

/// Maximum length in bytes of the line that describes a section.
const MAX_LINE: u64 = 1 << 20;
/// Maximum length in bytes of a part's content; a page of a store is far smaller.
const MAX_PART: u64 = 64 << 20;
/// Size in bytes of the read buffer.
const READ_AHEAD: usize = 1 << 18;
/// The first bytes of every zstd frame. Source: RFC 8878, section 3.1.1.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The first bytes of what other programs compress, what they are, and what undoes it.
const COMPRESSED: [(&[u8], &str, &str); 4] = [
    (&[0x1f, 0x8b], "gzip", "gunzip"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz", "unxz"),
    (b"BZh", "bzip2", "bunzip2"),
    (b"PK\x03\x04", "zip", "unzip"),
];

/// Reads a backup section by section.
#[derive(Debug)]
pub(crate) struct Reader {
    input: CountingReader,
    path: PathBuf,
    zstd: bool,
    header: Header,
    parts: u64,
    parts_hash: Sha256,
    /// The offset in the file at which the last complete section ends.
    offset: u64,
}

/// A section after the header.
#[derive(Debug)]
pub(crate) enum Section {
    /// Some items.
    Part(Part),
    /// The last section.
    Manifest(Manifest),
}

/// Some items of a table.
#[derive(Debug)]
pub(crate) struct Part {
    /// What it holds.
    pub(crate) header: PartHeader,
    place: String,
    content: String,
}

/// A complete and intact backup.
#[derive(Debug)]
pub(crate) struct Contents {
    /// Its manifest.
    pub(crate) manifest: Manifest,
    /// The sha256 of the manifest, which identifies the backup.
    pub(crate) sha256: String,
}

impl Reader {
    /// Opens a backup, complete or not, and reads its header.
    ///
    /// # Errors
    /// When it is not a backup, or has a format or schema version that this program cannot read.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let place = || path.display().to_string();
        let file = File::open(path).with_context(|| format!("cannot open {}", place()))?;
        let mut input = CountingReader { input: BufReader::with_capacity(READ_AHEAD, file), count: 0 };
        let beginning = input.fill_buf().with_context(place)?;
        if let Some((_, form, undo)) = COMPRESSED.iter().find(|(magic, ..)| beginning.starts_with(magic)) {
            bail!("{} is {form}: {undo} it first", place());
        }
        let zstd = beginning.starts_with(&ZSTD_MAGIC);
        let section = section(&mut input, zstd).with_context(|| format!("{}: the header", place()))?;
        let Some(RawSection { kind: Kind::Backup, about, .. }) = section else { bail!("{} is not a backup", place()) };
        check_versions(&about).with_context(place)?;
        let header = parse(&about).with_context(|| format!("{}: the header", place()))?;
        let offset = input.count;
        Ok(Self { input, path: path.to_owned(), zstd, header, parts: 0, parts_hash: Sha256::new(), offset })
    }

    /// The next section.
    ///
    /// # Errors
    /// Names file and part: damaged, truncated, or without a manifest.
    pub(crate) fn next(&mut self) -> Result<Section> {
        let place = format!("{}: part {}", self.path.display(), self.parts);
        let section = section(&mut self.input, self.zstd).with_context(|| place.clone())?;
        let section = match section {
            None => bail!("{} is truncated: it ends before part {} and has no manifest", self.path.display(), self.parts),
            Some(RawSection { kind: Kind::Part, about, content, sha256 }) => {
                let header: PartHeader = parse(&about).with_context(|| place.clone())?;
                ensure!(header.number == self.parts, "{place}: found part {} instead", header.number);
                self.parts += 1;
                count_part(&mut self.parts_hash, &sha256);
                let content = String::from_utf8(content).with_context(|| place.clone())?;
                Section::Part(Part { header, place, content })
            }
            Some(RawSection { kind: Kind::Manifest, about, .. }) => {
                let place = format!("{}: the manifest", self.path.display());
                let manifest: Manifest = parse(&about).with_context(|| place.clone())?;
                ensure!(manifest.backup == self.header, "{place} belongs to another backup");
                let parts_sha256 = hex(self.parts_hash.clone());
                ensure!(
                    (manifest.parts, &manifest.parts_sha256) == (self.parts, &parts_sha256),
                    "{place} does not match the {} parts of the file",
                    self.parts
                );
                ensure!(self.input.fill_buf().with_context(|| place.clone())?.is_empty(), "{place}: unexpected data after it");
                Section::Manifest(manifest)
            }
            Some(RawSection { kind: Kind::Backup, .. }) => bail!("{place}: a second header"),
        };
        self.offset = self.input.count;
        Ok(section)
    }

    /// The header.
    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Is it compressed?
    pub(crate) fn is_zstd(&self) -> bool {
        self.zstd
    }

    /// The offset at which the last complete section ends.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of parts that were read, and the hash of their sha256.
    pub(crate) fn parts(self) -> (u64, Sha256) {
        (self.parts, self.parts_hash)
    }
}

impl Part {
    /// Is it a part of this table?
    pub(crate) fn is_of(&self, table: &Table) -> bool {
        self.header.table == table.name
    }

    /// Which of the tables it is of.
    ///
    /// # Errors
    /// When it is of none of them.
    pub(crate) fn table(&self, tables: Tables) -> Result<&'static Table> {
        let table = tables.iter().find(|table| self.is_of(table));
        table.copied().ok_or_else(|| anyhow!("{}: there is no table {}", self.place, self.header.table))
    }

    /// Its items.
    ///
    /// # Errors
    /// Names file, part and line.
    pub(crate) fn items(&self) -> Result<Vec<Item>> {
        let parse = |(at, line): (usize, &str)| {
            Item::parse(line).with_context(|| format!("{} ({}), item {}", self.place, self.header.table, at + 1))
        };
        let items: Vec<_> = self.content.lines().enumerate().map(parse).collect::<Result<_>>()?;
        ensure!(
            items.len() as u64 == self.header.items,
            "{} does not hold the number of items that its header gives",
            self.place
        );
        Ok(items)
    }

    /// Checks that a store would accept every item, and adds them to the checksum. `values` holds fingerprints of the unique values
    /// so far.
    fn check(&self, tables: Tables, checksum: &mut Checksum, values: &mut HashSet<u64>) -> Result<()> {
        let table = self.table(tables)?;
        for (at, item) in self.items()?.iter().enumerate() {
            let place = || format!("{} ({}), item {}", self.place, table.name, at + 1);
            let attributes = item.attributes().with_context(place)?;
            table.check(&attributes).with_context(|| format!("{}: not a valid item", place()))?;
            for unique in table.unique {
                let value = unique.value_of(&attributes);
                if let Some(value) = value.filter(|value| !values.insert(fingerprint(&(table.name, unique.attribute, value)))) {
                    bail!(
                        "{}: another item has its {} {value:?} too; change one of the two and back up again",
                        place(),
                        unique.attribute
                    );
                }
            }
            checksum.add(table, item);
        }
        Ok(())
    }
}

/// Reads the whole file and checks everything: versions, the sha256 of every part, every item, unique values, counts and checksums.
///
/// # Errors
/// Names file and part.
pub(crate) async fn check(path: &Path, tables: Tables, progress: &Progress) -> Result<Contents> {
    let (sender, mut sections) = mpsc::channel(2);
    let file = path.to_owned();
    tokio::task::spawn_blocking(move || {
        let sent = Reader::open(&file).and_then(|mut reader| {
            loop {
                let section = reader.next()?;
                let last = matches!(section, Section::Manifest(_));
                if sender.blocking_send(Ok(section)).is_err() || last {
                    return Ok(());
                }
            }
        });
        if let Err(error) = sent {
            let _ = sender.blocking_send(Err(error));
        }
    });
    let empty = |table: &&Table| (table.name.to_owned(), Checksum::default());
    let mut found: BTreeMap<String, Checksum> = tables.iter().map(empty).collect();
    let (mut values, none) = (HashSet::new(), Checksum::default());
    while let Some(section) = sections.recv().await.transpose()? {
        match section {
            Section::Part(part) => {
                part.check(tables, found.entry(part.header.table.clone()).or_default(), &mut values)?;
                progress.add(part.header.items, 0.0);
            }
            Section::Manifest(manifest) => {
                for (table, found) in &found {
                    // A backup of an older version knows fewer tables.
                    let said = manifest.tables.get(table).unwrap_or(&none);
                    ensure!(
                        said == found,
                        "{}: the manifest does not match table {table}, which has {}",
                        path.display(),
                        plural(found.items, "item", "items")
                    );
                }
                let sha256 = section_sha256(&serde_json::to_string(&manifest)?, b"");
                return Ok(Contents { manifest, sha256 });
            }
        }
    }
    bail!("{}: reading stopped unexpectedly", path.display())
}

/// Passes the parts to the function in their order, until it returns false.
///
/// # Errors
/// The function's, and as [`Reader::next`].
pub(crate) fn each_part(path: &Path, mut visit: impl FnMut(Part) -> Result<bool>) -> Result<()> {
    let mut reader = Reader::open(path)?;
    while let Section::Part(part) = reader.next()? {
        if !visit(part)? {
            break;
        }
    }
    Ok(())
}

#[derive(Debug)]
struct RawSection {
    kind: Kind,
    about: String,
    content: Vec<u8>,
    sha256: String,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Backup,
    Part,
    Manifest,
}

fn section(input: &mut CountingReader, zstd: bool) -> Result<Option<RawSection>> {
    if input.fill_buf()?.is_empty() {
        return Ok(None);
    }
    if !zstd {
        return raw_section(input).map(Some);
    }
    let mut frame = BufReader::new(zstd::Decoder::with_buffer(input)?.single_frame());
    let section = raw_section(&mut frame)?;
    // `forum backup` makes a frame of each section.
    ensure!(frame.read(&mut [0])? == 0, "is compressed by another program: unzstd it first");
    Ok(Some(section))
}

fn raw_section(input: &mut impl BufRead) -> Result<RawSection> {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow, rename = "$backup")]
        backup: Option<&'a RawValue>,
        #[serde(borrow, rename = "$part")]
        part: Option<&'a RawValue>,
        #[serde(borrow, rename = "$manifest")]
        manifest: Option<&'a RawValue>,
        sha256: &'a str,
    }
    #[derive(Deserialize)]
    struct Length {
        bytes: u64,
    }
    let mut line = Vec::new();
    input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
    ensure!(line.ends_with(b"\n"), "is truncated");
    let line: Line = serde_json::from_slice(&line).map_err(|_| anyhow!("is damaged: expected the start of a section"))?;
    let (kind, about, length) = match (line.backup, line.part, line.manifest) {
        (Some(about), None, None) => (Kind::Backup, about, 0),
        (None, Some(about), None) => (Kind::Part, about, parse::<Length>(about.get())?.bytes),
        (None, None, Some(about)) => (Kind::Manifest, about, 0),
        _ => bail!("is damaged: expected the start of a section"),
    };
    ensure!(length <= MAX_PART, "is damaged: its header gives a length of {length} bytes");
    let mut content = Vec::new();
    input.take(length).read_to_end(&mut content)?;
    ensure!(content.len() as u64 == length, "is truncated");
    ensure!(section_sha256(about.get(), &content) == line.sha256, "is damaged: its sha256 does not match");
    Ok(RawSection { kind, about: about.get().to_owned(), content, sha256: line.sha256.to_owned() })
}

fn check_versions(about: &str) -> Result<()> {
    #[derive(Deserialize)]
    struct Versions {
        format: u32,
        schema: u32,
    }
    let Versions { format, schema } = parse(about)?;
    ensure!(format == FORMAT, "the file has format version {format}; this program reads version {FORMAT}");
    ensure!(
        schema == SCHEMA_VERSION,
        "the data has schema version {schema}; this program reads version {SCHEMA_VERSION}. Use the program that wrote it"
    );
    Ok(())
}

fn parse<T: DeserializeOwned>(about: &str) -> Result<T> {
    serde_json::from_str(about).map_err(|error| anyhow!("is damaged: {error}"))
}

/// A file that counts the bytes that were read from it.
#[derive(Debug)]
struct CountingReader {
    input: BufReader<File>,
    count: u64,
}

impl Read for CountingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.count += read as u64;
        Ok(read)
    }
}

impl BufRead for CountingReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.count += amount as u64;
        self.input.consume(amount);
    }
}
