//! Which lists a folder holds: in a folder or file of a table's name, or in one file for several tables.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use db_adapter::Table;
use db_adapter::forum::post;

use super::map::Map;
use super::reader::{self, Form, List};
use super::record::plain;
use super::roles;

/// Names of files that hold no records.
const NO_RECORDS: [&str; 4] = ["package", "package-lock", "tsconfig", "composer"];

/// Takes a record with its file and the id under which it stands, and returns whether more are wanted.
type Take<'a> = &'a mut dyn FnMut(&Path, &str, Option<&str>) -> Result<bool>;

/// A list of records, perhaps in several files.
#[derive(Debug, Clone)]
pub(super) struct Collection {
    /// What it is called.
    pub(super) name: String,
    /// The names that lead to it.
    path: Vec<String>,
    /// 0 in a folder of its name, 1 in a file of its name, 2 in a file of several lists.
    level: u8,
    parts: Vec<(PathBuf, List)>,
}

impl Collection {
    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        let Some((file, list)) = self.parts.first() else { return self.name.clone() };
        let more = if self.parts.len() > 1 { format!(" and {} more files", self.parts.len() - 1) } else { String::new() };
        let inside = if self.level == 2 && !list.path.is_empty() { format!(" ({})", list.path.join(".")) } else { String::new() };
        format!("{}{inside}{more}", file.display())
    }

    /// Has it no records?
    pub(super) fn is_empty(&self) -> bool {
        self.parts.iter().all(|(_, list)| list.is_empty)
    }

    /// The attributes of the first record.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().take(1).flat_map(|(_, list)| &list.names).map(String::as_str)
    }

    /// Passes every record with its file, and the id under which it stands, until `take` returns false.
    ///
    /// # Errors
    /// Those of `take`; when a file cannot be read, with line and column.
    pub(super) fn each(&self, take: Take<'_>) -> Result<()> {
        for (file, list) in &self.parts {
            let mut ended = Ok(true);
            reader::each(file, list, &mut |text, id| {
                ended = take(file, text, id);
                matches!(ended, Ok(true))
            })?;
            if !ended? {
                break;
            }
        }
        Ok(())
    }
}

/// Every list in the folder.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn collections(folder: &Path, tables: &[&'static Table], map: &Map) -> Result<Vec<Collection>> {
    let is_wanted = |name: &str| map.names().any(|known| known == name) || tables.iter().any(|table| roles::is_of(table, name));
    let mut collections = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            let name = file_name(&path);
            if is_wanted(&name) {
                collections.extend(of_folder(&path, name, &is_wanted)?);
            }
            continue;
        }
        let Some(stem) = stem(&path) else { continue };
        for list in reader::lists(&path, &is_wanted)? {
            // `forum.users.json` is what MongoDB Compass calls the list `users` of a database.
            let own = if is_wanted(&stem) { &stem } else { stem.rsplit('.').next().unwrap_or(&stem) };
            let (name, level) = match list.name() {
                None => (own.to_owned(), 1),
                Some(name) => {
                    let together = tables.iter().any(|table| roles::is_of(table, name) && roles::is_of(table, own));
                    (name.to_owned(), if together { 1 } else { 2 })
                }
            };
            let path_to = if list.path.is_empty() { vec![name.clone()] } else { list.path.clone() };
            // A file of one record is no list, unless it is called like one.
            if list.form != Form::Lines || is_wanted(&name) {
                collections.push(Collection { name, path: path_to, level, parts: vec![(path.clone(), list)] });
            }
        }
    }
    Ok(collections)
}

fn of_folder(folder: &Path, name: String, is_wanted: &dyn Fn(&str) -> bool) -> Result<Option<Collection>> {
    let one = folder.join("db.json");
    let files = if one.is_file() { vec![one] } else { below(folder)? };
    let mut parts = Vec::new();
    for file in files {
        let lists = reader::lists(&file, is_wanted)?;
        let own = |list: &List| list.name().is_none_or(|inside| plain(inside) == plain(&name));
        parts.extend(lists.into_iter().find(own).map(|list| (file, list)));
    }
    let path = vec![name.clone()];
    Ok((!parts.is_empty()).then_some(Collection { name, path, level: 0, parts }))
}

/// The files with records in a folder and those in it, as an export of DynamoDB to S3 has them.
fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            files.extend(below(&path)?);
        } else if stem(&path).is_some_and(|stem| !stem.starts_with("manifest-")) {
            files.push(path);
        }
    }
    Ok(files)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read {}", folder.display());
    let entries = std::fs::read_dir(folder).with_context(cannot)?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>().with_context(cannot)?;
    paths.sort_unstable();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The name without its ending, if the file can hold records.
fn stem(path: &Path) -> Option<String> {
    let name = file_name(path);
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    let stem = [".json", ".jsonl", ".ndjson"].iter().find_map(|ending| plain.strip_suffix(ending))?;
    (!stem.is_empty() && !stem.starts_with('.') && !NO_RECORDS.contains(&stem)).then(|| stem.to_owned())
}

/// The lists that can be those of the table, the best first.
pub(super) fn of_table<'a>(collections: &'a [Collection], table: &'static Table) -> Vec<&'a Collection> {
    let names = roles::names(table);
    let rank = |collection: &Collection| names.iter().position(|name| *name == plain(&collection.name));
    let mut found: Vec<_> = collections.iter().filter_map(|collection| Some((rank(collection)?, collection))).collect();
    found.sort_by_key(|(rank, collection)| (*rank, collection.level));
    found.into_iter().map(|(_, collection)| collection).collect()
}

/// The list to which the path leads, and what of the path leads further, into its records.
pub(super) fn at<'a, 'p>(collections: &'a [Collection], path: &'p [String]) -> Option<(&'a Collection, &'p [String])> {
    (1..=path.len()).rev().find_map(|length| {
        let (outer, inside) = path.split_at_checked(length)?;
        let found = collections.iter().find(|collection| collection.path == outer || [collection.name.clone()] == outer)?;
        Some((found, inside))
    })
}

/// Is it a name by which a post refers to its thread?
pub(super) fn is_thread(name: &str) -> bool {
    let known = post::TABLE.attribute("threadId");
    known.is_some_and(|known| std::iter::once(&known.name).chain(known.formerly).any(|other| plain(other) == plain(name)))
}

/// The files in which the table's list is looked for.
pub(super) fn looked_for(table: &Table) -> String {
    format!("{name}/db.json, {name}.json or db.json", name = table.name)
}

/// The end of a message that a list is missing.
pub(super) fn lists_there_are<'a>(collections: impl Iterator<Item = &'a Collection>) -> String {
    there_are(collections.map(Collection::place))
}

/// As [`lists_there_are`], of places.
pub(super) fn there_are(places: impl Iterator<Item = String>) -> String {
    let places: Vec<_> = places.collect();
    if places.is_empty() { String::new() } else { format!("; lists there are: {}", places.join(", ")) }
}
