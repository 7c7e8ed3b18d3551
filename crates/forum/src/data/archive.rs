//! The backup file: JSON lines in sections. A section is one line that describes it, with the sha256 of the description and the
//! content, followed by the content: items, one per line, as the stores keep them.
//!
//! ```text
//! {"$backup":{"format":1,"schema":1,"started":…,"store":…,"segments":16,"note":…},"sha256":…}
//! {"$part":{"number":0,"table":"posts","segment":3,"items":2,"bytes":345,"next":…},"sha256":…}
//! {"content":…}
//! {"content":…}
//! …
//! {"$manifest":{"backup":{…},"finished":…,"tables":{"posts":{"items":2,"checksum":…},…},"parts":1,"partsSha256":…},"sha256":…}
//! ```
//!
//! A part is a page of one segment of one table. It holds the cursor of the segment's next page, so that an interrupted backup can be
//! resumed after its last complete part. In a file whose name ends in `.zst` every section is a zstd frame; `zstdcat` reads the file.

mod read;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Stdout, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use db_adapter::{Item, Table};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data::checksum::Checksum;
use crate::data::location::Location;

pub(crate) use read::{Contents, Part, Reader, Section, check, each_part};

/// The version of this file format.
pub(crate) const FORMAT: u32 = 1;
/// The note in the header of every backup.
pub(crate) const NOTE: &str = "A scan is not a snapshot: items that were written while the backup ran are in it as the scan \
                               found them. Claims are not included; a restore creates them.";
/// The compression level of zstd; 0 is its default.
const LEVEL: i32 = 0;

/// The first section: what is backed up, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// [`FORMAT`].
    pub(crate) format: u32,
    /// [`db_adapter::forum::SCHEMA_VERSION`] of the program that wrote it.
    pub(crate) schema: u32,
    /// When the backup began: RFC 3339, UTC.
    pub(crate) started: String,
    /// The store that was read.
    pub(crate) store: Location,
    /// The number of segments in which each table is scanned.
    pub(crate) segments: u32,
    /// [`NOTE`].
    pub(crate) note: String,
}

/// What a part holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartHeader {
    /// Its position among the parts, from 0.
    pub(crate) number: u64,
    /// The short name of the table.
    pub(crate) table: String,
    /// The segment of the table.
    pub(crate) segment: u32,
    /// The number of items.
    pub(crate) items: u64,
    /// The length of the content in bytes.
    pub(crate) bytes: u64,
    /// The cursor of the segment's next page; absent from its last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// The last section: proves that the file is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    /// The header, repeated.
    pub(crate) backup: Header,
    /// When the backup was complete: RFC 3339, UTC.
    pub(crate) finished: String,
    /// Count and checksum of every table by short name.
    pub(crate) tables: BTreeMap<String, Checksum>,
    /// The number of parts.
    pub(crate) parts: u64,
    /// The sha256 of the sha256 of all parts, one per line.
    pub(crate) parts_sha256: String,
}

/// Writes sections to a file.
#[derive(Debug)]
pub(crate) struct Writer {
    output: Output,
    /// The output as errors name it.
    place: String,
    zstd: bool,
    /// Bytes so far.
    bytes: u64,
    parts: u64,
    parts_hash: Sha256,
}

#[derive(Debug)]
enum Output {
    File(File),
    Stdout(Stdout),
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

impl Writer {
    /// Starts a new file.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub(crate) fn create(path: &Path, zstd: bool, header: &Header) -> Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let file = file.with_context(|| format!("cannot create {}", path.display()))?;
        Self::begin(Output::File(file), path.display().to_string(), zstd, header)
    }

    /// Starts on standard output.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn stdout(header: &Header) -> Result<Self> {
        Self::begin(Output::Stdout(io::stdout()), "to standard output".to_owned(), false, header)
    }

    fn begin(output: Output, place: String, zstd: bool, header: &Header) -> Result<Self> {
        let mut writer = Self { output, place, zstd, bytes: 0, parts: 0, parts_hash: Sha256::new() };
        writer.section("$backup", header, "")?;
        Ok(writer)
    }

    /// Continues after the last section that the reader has read; what follows in the file is removed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn resume(reader: Reader) -> Result<Self> {
        let path = reader.path().to_owned();
        let open = || {
            let file = OpenOptions::new().append(true).open(&path)?;
            file.set_len(reader.offset())?;
            Ok::<_, std::io::Error>(file)
        };
        let file = open().with_context(|| format!("cannot append to {}", path.display()))?;
        let (zstd, bytes) = (reader.is_zstd(), reader.offset());
        let (parts, parts_hash) = reader.parts();
        Ok(Self { output: Output::File(file), place: path.display().to_string(), zstd, bytes, parts, parts_hash })
    }

    /// Appends a part.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn part(&mut self, table: &Table, segment: u32, items: &[Item], next: Option<String>) -> Result<()> {
        let mut content = String::with_capacity(items.iter().map(|item| item.as_json().len() + 1).sum());
        for item in items {
            content.push_str(item.as_json());
            content.push('\n');
        }
        let header = PartHeader {
            number: self.parts,
            table: table.name.to_owned(),
            segment,
            items: items.len() as u64,
            bytes: content.len() as u64,
            next,
        };
        let sha256 = self.section("$part", &header, &content)?;
        self.parts += 1;
        count_part(&mut self.parts_hash, &sha256);
        Ok(())
    }

    /// Appends the manifest and syncs the file, if it is one. Returns its size in bytes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn finish(mut self, header: Header, finished: String, tables: BTreeMap<String, Checksum>) -> Result<u64> {
        let parts_sha256 = hex(std::mem::take(&mut self.parts_hash));
        let manifest = Manifest { backup: header, finished, tables, parts: self.parts, parts_sha256 };
        self.section("$manifest", &manifest, "")?;
        let complete = match &mut self.output {
            Output::File(file) => file.sync_all(),
            Output::Stdout(stdout) => stdout.flush(),
        };
        complete.with_context(|| format!("cannot write {}", self.place))?;
        Ok(self.bytes)
    }

    fn section(&mut self, kind: &str, about: &impl Serialize, content: &str) -> Result<String> {
        let about = serde_json::to_string(about)?;
        let sha256 = section_sha256(&about, content.as_bytes());
        let section = format!("{{\"{kind}\":{about},\"sha256\":\"{sha256}\"}}\n{content}");
        let cannot = || format!("cannot write {}", self.place);
        let bytes = match self.zstd {
            false => section.into_bytes(),
            true => zstd::bulk::compress(section.as_bytes(), LEVEL).with_context(cannot)?,
        };
        self.output.write_all(&bytes).with_context(cannot)?;
        self.bytes += bytes.len() as u64;
        Ok(sha256)
    }
}

/// The path with a suffix added to the file's name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn section_sha256(about: &str, content: &[u8]) -> String {
    hex(Sha256::new().chain_update(about).chain_update("\n").chain_update(content))
}

fn count_part(hash: &mut Sha256, sha256: &str) {
    hash.update(sha256);
    hash.update("\n");
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
