//! The journal of a restore: a file beside the backup with what is done, so that an interrupted restore can be resumed.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};

use crate::data::location::Location;

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Line {
    /// The first line: which backup is restored into which store.
    Restore { manifest_sha256: String, into: Location, merge: bool },
    /// A part is stored.
    Part(u64),
    /// A table is stored.
    Table(String),
}

/// The file.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
    merge: bool,
    parts: HashSet<u64>,
    tables: HashSet<String>,
}

impl Journal {
    /// Creates the journal, before the first item is written.
    pub(crate) fn create(path: &Path, manifest_sha256: &str, into: &Location, merge: bool) -> Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).open(path);
        let file = file.with_context(|| format!("cannot create {}, which is needed to resume the restore", path.display()))?;
        let (parts, tables) = Default::default();
        let journal = Self { path: path.to_owned(), file: Mutex::new(file), merge, parts, tables };
        journal.add(&Line::Restore { manifest_sha256: manifest_sha256.to_owned(), into: into.clone(), merge })?;
        Ok(journal)
    }

    /// Opens the journal of an interrupted restore of the same backup into the same store.
    pub(crate) fn resume(path: &Path, manifest_sha256: &str, into: &Location) -> Result<Self> {
        let place = || path.display().to_string();
        let mut text = std::fs::read_to_string(path).with_context(place)?;
        // The last line may be incomplete.
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        let mut lines = text.lines().map(|line| serde_json::from_str(line).with_context(place));
        let first = lines.next().unwrap_or_else(|| Err(anyhow!("{} is empty; delete it and start again", place())))?;
        let Line::Restore { manifest_sha256: begun, into: target, merge } = first else {
            return Err(anyhow!("{} is damaged; delete it and start again with --merge", place()));
        };
        ensure!(begun == manifest_sha256, "{} belongs to another backup", place());
        let [begun_into, named] = target.beside(into);
        ensure!(target == *into, "{} belongs to a restore into {begun_into}, but the settings name {named}", place());
        let (mut parts, mut tables) = (HashSet::new(), HashSet::new());
        for line in lines {
            match line? {
                Line::Part(number) => drop(parts.insert(number)),
                Line::Table(name) => drop(tables.insert(name)),
                Line::Restore { .. } => {}
            }
        }
        let file = OpenOptions::new().append(true).open(path).and_then(|file| file.set_len(text.len() as u64).map(|()| file));
        Ok(Self { path: path.to_owned(), file: Mutex::new(file.with_context(place)?), merge, parts, tables })
    }

    pub(crate) fn is_merge(&self) -> bool {
        self.merge
    }

    pub(crate) fn has_part(&self, number: u64) -> bool {
        self.parts.contains(&number)
    }

    pub(crate) fn has_table(&self, name: &str) -> bool {
        self.tables.contains(name)
    }

    pub(crate) fn add_part(&self, number: u64) -> Result<()> {
        self.add(&Line::Part(number))
    }

    pub(crate) fn add_table(&self, name: &str) -> Result<()> {
        self.add(&Line::Table(name.to_owned()))
    }

    /// Removes the journal of a complete restore.
    pub(crate) fn remove(self) -> Result<()> {
        std::fs::remove_file(&self.path).with_context(|| format!("cannot remove {}", self.path.display()))
    }

    fn add(&self, line: &Line) -> Result<()> {
        let line = serde_json::to_string(line)? + "\n";
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes()).with_context(|| format!("cannot write {}", self.path.display()))
    }
}
