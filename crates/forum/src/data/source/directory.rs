//! A folder of JSON files with the records of a forum: stored items, records as in the guide, records of the older form, and those of
//! other programs. Files are streamed, so their size does not matter.
//!
//! `files` finds the lists in a folder, `choose` says which are those of which table, `reader` reads the records of a list, `records` passes
//! them on in their order, and the mapper in `record` makes items of them.
//! A new form of file is a reader, a new name a word where the table declares its attribute, or a line in `roles`.

mod authors;
mod choose;
mod decode;
mod files;
mod guess;
mod map;
mod nested;
#[cfg(test)]
mod properties;
mod reader;
mod record;
mod records;
mod roles;
mod rules;
mod time;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use db_adapter::forum::{post, thread, user};
use db_adapter::{Attributes, Table};

use self::authors::Authors;
use self::files::Collection;
use self::nested::Nested;
use self::record::Mapper;
use self::rules::Rules;

pub(crate) use self::record::{Mapped, Record};
pub(crate) use self::rules::ReadingArguments;

/// A folder, and where the records of each table are in it.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    folder: PathBuf,
    sources: Vec<(&'static Table, Vec<Part>)>,
    rules: Arc<Rules>,
    authors: Authors,
    /// Users that are made of authors.
    made: Arc<Vec<Attributes>>,
    /// Are posts threads, and comments their posts?
    posts_are_threads: bool,
    /// What is taken out of a thread as posts of it.
    nested: Nested,
    /// Lists that are not read.
    unread: Vec<String>,
}

/// Some records of a table.
#[derive(Debug, Clone)]
struct Part {
    collection: Collection,
    /// Are they inside the records of the collection?
    inside: bool,
}

impl Directory {
    /// The folder with a list for at least one of the tables, read as the options say. Reads all files once, to find the authors.
    ///
    /// # Errors
    /// Names the folder and the files that are looked for, and the lists that there are; when the map is wrong or two lists could be
    /// those of one table.
    pub(crate) fn open(folder: &Path, tables: &[&'static Table], arguments: &ReadingArguments) -> Result<Self> {
        if !folder.is_dir() {
            bail!("{} is not a folder", folder.display());
        }
        let rules = Rules::of(arguments, tables)?;
        let collections = files::collections(folder, tables, &rules.map)?;
        let mut directory = Self {
            folder: folder.to_owned(),
            sources: Vec::new(),
            rules: Arc::new(rules),
            authors: Authors::Kept,
            made: Arc::default(),
            posts_are_threads: false,
            nested: Nested::Posts,
            unread: Vec::new(),
        };
        directory.choose(&collections, tables)?;
        if directory.sources.iter().all(|(_, parts)| parts.is_empty()) {
            let wanted = tables.iter().filter(|table| roles::is_of_every_forum(table));
            let wanted: Vec<_> = wanted.map(|table| files::looked_for(table)).collect();
            bail!("{} holds no data: looked for {}{}", folder.display(), wanted.join("; "), directory.there_are());
        }
        directory.find_authors(tables)?;
        Ok(directory)
    }

    /// Is it the folder of a JSON store? Its journals hold items too.
    pub(crate) fn is_store(folder: &Path, tables: &[&'static Table]) -> bool {
        let files = |table: &&Table| ["journal", "lock"].map(|kind| folder.join(format!("{}.{kind}", table.name)));
        tables.iter().flat_map(files).any(|file| file.exists())
    }

    /// Where the table's records are, for people.
    ///
    /// # Errors
    /// Names the folder, the table and the files that were looked for, and the lists that there are.
    pub(crate) fn place(&self, table: &'static Table) -> Result<String> {
        let parts = self.parts(table);
        if table.name == user::TABLE.name && matches!(self.authors, Authors::Made) {
            return Ok(format!("the authors, as {} has no users", self.folder.display()));
        }
        if parts.is_empty() && !roles::is_of_every_forum(table) {
            return Ok(format!("nothing, as {} has no {}", self.folder.display(), table.name));
        }
        if parts.is_empty() && !(self.posts_are_threads && table.name == post::TABLE.name) {
            bail!("{} has no {}: looked for {}{}", self.folder.display(), table.name, files::looked_for(table), self.there_are());
        }
        let mut places: Vec<_> = parts.iter().filter(|part| !part.inside).map(|part| part.collection.place()).collect();
        if places.is_empty() {
            places = parts.iter().map(|part| format!("the records of {}", part.collection.place())).collect();
        }
        Ok(places.join(", "))
    }

    /// Lists in the folder that are not read.
    pub(crate) fn unread(&self) -> &[String] {
        &self.unread
    }

    fn there_are(&self) -> String {
        files::there_are(self.unread.iter().cloned())
    }

    fn parts(&self, table: &Table) -> &[Part] {
        self.sources.iter().find(|(known, _)| known.name == table.name).map_or(&[], |(_, parts)| parts)
    }

    fn mapper(&self, table: &'static Table) -> Mapper {
        let nested =
            if [thread::TABLE.name, post::TABLE.name].contains(&table.name) { self.nested.clone() } else { Nested::Nothing };
        // A path leads into threads, not into posts.
        let nested = if matches!(nested, Nested::Path(_)) && table.name == post::TABLE.name { Nested::Nothing } else { nested };
        let mut mapper = Mapper::new(table, Arc::clone(&self.rules), nested, self.authors.clone());
        if self.posts_are_threads && [thread::TABLE.name, post::TABLE.name].contains(&table.name) {
            mapper.call("postId", thread::TABLE.hash);
            mapper.call("post", thread::TABLE.hash);
        }
        mapper
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "JSON files in {}", self.folder.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use db_adapter::forum::TABLES;
    use db_adapter::forum::{post, user};

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn open(folder: &tempfile::TempDir) -> Result<Directory> {
        Directory::open(folder.path(), &TABLES, &ReadingArguments::default())
    }

    fn keys(directory: &Directory, table: &'static Table) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        let mut take = |_: records::Place<'_>, mapped: Result<Mapped>| {
            if let Mapped::Record(record) = mapped? {
                keys.push(record.key.hash);
            }
            Ok(true)
        };
        directory.records(table, &mut take).map(|()| keys)
    }

    /// The users of a folder whose file of users has this text.
    fn users(text: &str) -> Result<Vec<String>> {
        let folder = folder(&[("users.json", text)]);
        keys(&open(&folder)?, &user::TABLE)
    }

    #[test]
    fn lists_stand_alone_or_under_the_tables_name() {
        for text in [
            r#"[{"id":1,"name":"a"},{"id":2,"name":"b"}]"#,
            r#"{"users":[{"id":1,"name":"a"},{"id":2,"name":"b"}]}"#,
            r#"{"posts":[{"a":1}],"users":[{"id":1,"name":"a"},{"id":2,"name":"b"}],"other":null}"#,
        ] {
            assert_eq!(users(text).unwrap(), ["1", "2"], "{text}");
        }
    }

    #[test]
    fn files_are_found_where_they_may_be() {
        let folder = folder(&[
            ("users/db.json", r#"{"users":[{"id":"nested","name":"a"}]}"#),
            ("users.json", r#"[{"id":"flat","name":"a"}]"#),
            ("db.json", r#"{"threads":[],"posts":[{"thread":1,"user":1,"text":"x"}]}"#),
        ]);
        let directory = open(&folder).unwrap();
        assert_eq!(keys(&directory, &user::TABLE).unwrap(), ["nested"]);
        assert_eq!(keys(&directory, &post::TABLE).unwrap(), ["post-1"]);
    }

    #[test]
    fn a_missing_file_is_named_with_those_looked_for() {
        let partial = folder(&[("users.json", "[]"), ("threads.json", "[]")]);
        let error = open(&partial).unwrap().place(&post::TABLE).unwrap_err().to_string();
        assert!(error.contains("has no posts: looked for posts/db.json, posts.json or db.json"), "{error}");
        let error = open(&folder(&[])).unwrap_err().to_string();
        assert!(error.contains("holds no data: looked for posts/db.json, posts.json or db.json; threads/db.json"), "{error}");
        let error = Directory::open(Path::new("absent"), &TABLES, &ReadingArguments::default()).unwrap_err().to_string();
        assert_eq!(error, "absent is not a folder");
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_place() {
        for (text, named) in [
            ("[\n{\"id\":1,\"name\":\"a\"},\n{\"id\":", "EOF while parsing a value at line 3 column 6"),
            ("[] []", "trailing characters at line 1 column 4"),
            ("{\"users\":[],\"users\":[]}", "\"users\" appears twice"),
            ("7", "expected a list of records, or an object with such lists"),
            ("[{\"id\":1,\"name\":\"a\"},{\"id\":2}]", "record 2: name is missing"),
        ] {
            let error = users(text).unwrap_err().to_string();
            assert!(error.contains("users.json: ") && error.contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn reading_goes_on_after_a_record_that_is_refused_and_stops_when_asked() {
        let folder = folder(&[("users.json", r#"[{"id":1},{"id":2,"name":"b"},{"id":3,"name":"c"}"#)]);
        let mut seen = Vec::new();
        let mut take = |_: records::Place<'_>, mapped: Result<Mapped>| {
            seen.push(match mapped {
                Ok(Mapped::Record(record)) => record.key.hash,
                _ => "refused".to_owned(),
            });
            Ok(seen.len() < 2)
        };
        open(&folder).unwrap().records(&user::TABLE, &mut take).unwrap();
        assert_eq!(seen, ["refused", "2"]);
    }
}
