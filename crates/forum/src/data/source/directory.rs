//! A folder of JSON files with the records of a forum: stored items, records as in the guide, or records of the older form. Files are
//! streamed, so their size does not matter.

mod record;

use std::cell::RefCell;
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use db_adapter::{Item, Table};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use self::record::Records;

pub(crate) use self::record::Record;

/// Size in bytes of the read buffer.
const BUFFER: usize = 256 * 1024;

/// The folder and the file of each table in it.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    folder: PathBuf,
    files: Vec<(&'static Table, PathBuf)>,
}

fn looked_for(table: &Table) -> String {
    let [first, second, third] = candidates(table).map(|file| file.display().to_string());
    format!("{first}, {second} or {third}")
}

/// The possible files of a table in a folder, in the order in which they are looked for.
fn candidates(table: &Table) -> [PathBuf; 3] {
    [PathBuf::from(table.name).join("db.json"), PathBuf::from(format!("{}.json", table.name)), PathBuf::from("db.json")]
}

impl Directory {
    /// The folder with a file for at least one of the tables.
    ///
    /// # Errors
    /// Names the folder and the files that are looked for.
    pub(crate) fn open(folder: &Path, tables: &[&'static Table]) -> Result<Self> {
        if !folder.is_dir() {
            bail!("{} is not a folder", folder.display());
        }
        let mut files = Vec::new();
        for table in tables {
            let found = candidates(table).map(|file| folder.join(file)).into_iter().find(|file| file.is_file());
            files.extend(found.map(|file| (*table, file)));
        }
        if files.is_empty() {
            let wanted: Vec<_> = tables.iter().map(|table| looked_for(table)).collect();
            bail!("{} holds no data: looked for {}", folder.display(), wanted.join("; "));
        }
        Ok(Self { folder: folder.to_owned(), files })
    }

    /// Is it the folder of a JSON store? Its journals hold items too.
    pub(crate) fn is_store(folder: &Path, tables: &[&'static Table]) -> bool {
        let files = |table: &&Table| ["journal", "lock"].map(|kind| folder.join(format!("{}.{kind}", table.name)));
        tables.iter().flat_map(files).any(|file| file.exists())
    }

    /// The table's file.
    ///
    /// # Errors
    /// Names the folder, the table and the files that were looked for.
    pub(crate) fn file(&self, table: &Table) -> Result<&Path> {
        let found = self.files.iter().find(|(known, _)| known.name == table.name);
        let missing = || format!("{} has no {}: looked for {}", self.folder.display(), table.name, looked_for(table));
        found.map(|(_, file)| file.as_path()).with_context(missing)
    }

    /// Passes every item of the table to `visit`, up to `count` at a time, until it returns false.
    ///
    /// # Errors
    /// As [`Directory::records`]; also the first record that cannot be stored.
    pub(crate) fn each(
        &self,
        table: &'static Table,
        count: usize,
        visit: &mut dyn FnMut(Vec<Item>) -> Result<bool>,
    ) -> Result<()> {
        let mut items = Vec::with_capacity(count);
        let mut wanted = true;
        self.records(table, |record| {
            items.push(record?.item);
            if items.len() == count {
                wanted = visit(std::mem::take(&mut items))?;
            }
            Ok(wanted)
        })?;
        if wanted && !items.is_empty() {
            visit(items)?;
        }
        Ok(())
    }

    /// Passes every record of the table to `visit`, in the order of the file, until it returns false. A record that cannot be stored is
    /// passed as an error, and reading continues. A table without a file has no records.
    ///
    /// # Errors
    /// Those of `visit`; when the file cannot be read, with line and column.
    pub(crate) fn records(&self, table: &'static Table, mut visit: impl FnMut(Result<Record>) -> Result<bool>) -> Result<()> {
        let Ok(path) = self.file(table) else { return Ok(()) };
        let mut records = Records::new(table);
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let mut reader = serde_json::Deserializer::from_reader(BufReader::with_capacity(BUFFER, file));
        let stopped = RefCell::new(None);
        let mut take = |text: &str| {
            let record = records.next(text);
            let record = record.map_err(|reason| anyhow!("{}: record {}: {reason}", path.display(), records.position()));
            let wanted = visit(record);
            let go_on = matches!(wanted, Ok(true));
            if !go_on {
                *stopped.borrow_mut() = Some(wanted.map(drop));
            }
            go_on
        };
        let read = Contents { name: table.name, take: &mut take }.deserialize(&mut reader).and_then(|()| reader.end());
        match (stopped.take(), read) {
            (Some(stopped), _) => stopped,
            (None, read) => read.map_err(|error| anyhow!("{}: {error}", path.display())),
        }
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "JSON files in {}", self.folder.display())
    }
}

/// The content of a file: a list of records, or an object with such a list under the table's name.
struct Contents<'a> {
    name: &'static str,
    take: &'a mut dyn FnMut(&str) -> bool,
}

impl<'de> DeserializeSeed<'de> for Contents<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Contents<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a list of records, or an object with such a list as {:?}", self.name)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, records: A) -> Result<(), A::Error> {
        List(self.take).visit_seq(records)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut lists: M) -> Result<(), M::Error> {
        let mut seen = false;
        while let Some(name) = lists.next_key::<String>()? {
            match (name == self.name, seen) {
                (true, false) => lists.next_value_seed(List(self.take))?,
                (true, true) => return Err(M::Error::custom(format!("{:?} appears twice", self.name))),
                (false, _) => drop(lists.next_value::<IgnoredAny>()?),
            }
            seen |= name == self.name;
        }
        if seen { Ok(()) } else { Err(M::Error::custom(format!("there is no list {:?}", self.name))) }
    }
}

struct List<'a>(&'a mut dyn FnMut(&str) -> bool);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<(), A::Error> {
        while let Some(record) = records.next_element::<Box<RawValue>>()? {
            if !(self.0)(record.get()) {
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
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
        Directory::open(folder.path(), &TABLES)
    }

    fn keys(directory: &Directory, table: &'static Table) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        let take = |record: Result<Record>| {
            keys.push(record?.key.hash);
            Ok(true)
        };
        directory.records(table, take).map(|()| keys)
    }

    /// The users of a folder whose file of users has this text.
    fn users(text: &str) -> Result<Vec<String>> {
        let folder = folder(&[("users.json", text), ("db.json", "[]")]);
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
        let error = open(&partial).unwrap().file(&post::TABLE).unwrap_err().to_string();
        assert!(error.contains("has no posts: looked for posts/db.json, posts.json or db.json"), "{error}");
        let error = open(&folder(&[])).unwrap_err().to_string();
        assert!(error.contains("holds no data: looked for posts/db.json, posts.json or db.json; threads/db.json"), "{error}");
        let error = Directory::open(Path::new("absent"), &TABLES).unwrap_err().to_string();
        assert_eq!(error, "absent is not a folder");
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_place() {
        for (text, named) in [
            ("[\n{\"id\":1,\"name\":\"a\"},\n{\"id\":", "EOF while parsing a value at line 3 column 6"),
            ("[] []", "trailing characters at line 1 column 4"),
            ("{\"posts\":[]}", "there is no list \"users\""),
            ("{\"users\":{}}", "expected a list of records"),
            ("{\"users\":[],\"users\":[]}", "\"users\" appears twice"),
            ("7", "expected a list of records, or an object with such a list as \"users\""),
            ("[{\"id\":1,\"name\":\"a\"},{\"id\":2}]", "record 2: name is missing"),
        ] {
            let error = users(text).unwrap_err().to_string();
            assert!(error.contains("users.json: ") && error.contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn reading_goes_on_after_a_record_that_is_refused_and_stops_when_asked() {
        let folder = folder(&[("db.json", r#"{"users":[{"id":1},{"id":2,"name":"b"},{"id":3,"name":"c"}],"#)]);
        let mut seen = Vec::new();
        let take = |record: Result<Record>| {
            seen.push(record.map_or("refused".to_owned(), |record| record.key.hash));
            Ok(seen.len() < 2)
        };
        open(&folder).unwrap().records(&user::TABLE, take).unwrap();
        assert_eq!(seen, ["refused", "2"]);
    }
}
