//! A folder of JSON files with the records of a forum: stored items, records as in the guide, records of the older form, and those of
//! other programs. Files are streamed, so their size does not matter.
//!
//! Three steps: `files` finds the lists in a folder, `reader` reads the records of a list, and the mapper in `record` makes items of them.
//! A new form of file is a reader, a new name a word where the table declares its attribute, or a line in `roles`.

mod authors;
mod decode;
mod files;
mod guess;
mod map;
mod nested;
#[cfg(test)]
mod properties;
mod reader;
mod record;
mod roles;
mod rules;
mod time;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use db_adapter::forum::{post, thread, user};
use db_adapter::{Attributes, Item, Table};

use self::authors::{Authors, Known};
use self::files::Collection;
use self::nested::{Child, Nested};
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

/// Where a record stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    file: &'a Path,
    record: u64,
    inside: Option<u64>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: record {}", self.file.display(), self.record)?;
        self.inside.map_or(Ok(()), |inside| write!(formatter, ", {inside} inside it"))
    }
}

type Visit<'a> = &'a mut dyn FnMut(Place<'_>, Result<Mapped>) -> Result<bool>;

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
            let wanted: Vec<_> = tables.iter().map(|table| files::looked_for(table)).collect();
            bail!("{} holds no data: looked for {}{}", folder.display(), wanted.join("; "), directory.there_are());
        }
        directory.find_authors(tables)?;
        Ok(directory)
    }

    /// Chooses the lists of each table.
    fn choose(&mut self, collections: &[Collection], tables: &[&'static Table]) -> Result<()> {
        let mut used: Vec<&Collection> = Vec::new();
        let of = |table: &'static Table| files::of_table(collections, table);
        let has = |wanted: &Table| tables.iter().any(|table| table.name == wanted.name);
        let map = Arc::clone(&self.rules);
        let is_mapped = |table: &Table| map.map.collection(table).is_some();
        let threads = of(&thread::TABLE);
        if has(&thread::TABLE)
            && has(&post::TABLE)
            && threads.is_empty()
            && !is_mapped(&thread::TABLE)
            && !is_mapped(&post::TABLE)
        {
            let first = of(&post::TABLE).into_iter().find(|collection| record::plain(&collection.name) == "posts");
            self.posts_are_threads = first.is_some_and(|first| !first.names().any(files::is_thread));
        }
        for table in tables.iter().copied() {
            let mut parts = Vec::new();
            if let Some(path) = self.rules.map.collection(table) {
                let (collection, inside) = files::at(collections, &path).with_context(|| {
                    format!(
                        "{} has no list {:?} for {}{}",
                        self.folder.display(),
                        path.join("."),
                        table.name,
                        files::lists_there_are(collections.iter())
                    )
                })?;
                used.push(collection);
                if table.name == post::TABLE.name {
                    self.nested = if inside.is_empty() { Nested::Nothing } else { Nested::Path(inside.to_vec()) };
                } else if !inside.is_empty() {
                    bail!("--map: {} cannot be inside {}; only posts can be inside threads", table.name, collection.name);
                }
                parts.push(Part { collection: collection.clone(), inside: !inside.is_empty() });
            } else {
                let candidates: Vec<_> = if self.posts_are_threads && table.name == thread::TABLE.name {
                    of(&post::TABLE).into_iter().filter(|collection| record::plain(&collection.name) == "posts").collect()
                } else if self.posts_are_threads && table.name == post::TABLE.name {
                    of(&post::TABLE).into_iter().filter(|collection| record::plain(&collection.name) != "posts").collect()
                } else {
                    of(table)
                };
                if let Some((first, others)) = candidates.split_first() {
                    let other =
                        |other: &&&Collection| record::plain(&other.name) != record::plain(&first.name) && !other.is_empty();
                    if let Some(other) = others.iter().find(other) {
                        bail!(
                            "{} and {} both look like {}; say in a --map which one is: [collections] {} = {:?}",
                            first.place(),
                            other.place(),
                            table.name,
                            table.name,
                            first.name
                        );
                    }
                    used.push(first);
                    parts.push(Part { collection: (*first).clone(), inside: false });
                }
            }
            self.sources.push((table, parts));
        }
        if has(&post::TABLE) && !is_mapped(&post::TABLE) {
            let threads = self.parts(&thread::TABLE).first().map(|part| part.collection.clone());
            let inside = threads.map(|collection| Part { collection, inside: true });
            let needed = self.parts(&post::TABLE).is_empty();
            let inside = match inside {
                Some(part) if needed && !self.posts_are_threads => self.has_posts_inside(&part)?.then_some(part),
                part => part,
            };
            if let Some((_, parts)) = self.sources.iter_mut().find(|(table, _)| table.name == post::TABLE.name) {
                parts.extend(inside);
            }
        }
        let is_used = |collection: &&Collection| used.iter().any(|used| used.place() == collection.place());
        self.unread = collections.iter().filter(|collection| !is_used(collection)).map(Collection::place).collect();
        Ok(())
    }

    fn has_posts_inside(&self, part: &Part) -> Result<bool> {
        let mut found = false;
        let mut mapper = self.mapper(&thread::TABLE);
        part.collection.each(&mut |_, text, id| {
            found = match mapper.next(text, id) {
                Ok(Mapped::Record(record)) => !record.children.is_empty(),
                Ok(Mapped::LeftOut { inside, .. }) => inside > 0,
                Err(_) => false,
            };
            Ok(!found)
        })?;
        Ok(found)
    }

    /// Finds out who the users are.
    fn find_authors(&mut self, tables: &[&'static Table]) -> Result<()> {
        let Some(users) = tables.iter().find(|table| table.name == user::TABLE.name) else { return Ok(()) };
        let writers: Vec<_> =
            tables.iter().copied().filter(|table| table.name != user::TABLE.name && !self.parts(table).is_empty()).collect();
        if writers.is_empty() {
            return Ok(());
        }
        if let Some(part) = self.parts(users).first() {
            let names: Vec<_> = part.collection.names().collect();
            if names.contains(&db_adapter::schema::VERSION) && names.contains(&user::TABLE.hash) {
                return Ok(());
            }
            let mut known = Known::default();
            self.records(users, &mut |_, mapped| {
                if let Ok(Mapped::Record(record)) = mapped {
                    let names = ["username", "name"].into_iter().filter_map(|name| record.item.text(name));
                    known.add(record.key.hash.clone(), names);
                }
                Ok(true)
            })?;
            self.authors = Authors::Known(Arc::new(known));
            return Ok(());
        }
        self.authors = Authors::Made;
        let mut seen = std::collections::HashSet::new();
        let mut made = Vec::new();
        let missing = self.rules.missing_user.clone();
        for table in writers {
            self.records(table, &mut |_, mapped| {
                if let Ok(Mapped::Record(record)) = mapped {
                    let author = record.author.or_else(|| {
                        let id = missing.as_deref().filter(|_| record.notes.missing_user)?;
                        let attributes =
                            [(user::TABLE.hash, id), ("name", id)].map(|(name, value)| (name.to_owned(), value.into()));
                        Some(Attributes::from(attributes))
                    });
                    if let Some(author) = author
                        && let Some(id) = author.get(user::TABLE.hash).and_then(db_adapter::Value::as_str)
                        && seen.insert(id.to_owned())
                    {
                        made.push(author);
                    }
                }
                Ok(true)
            })?;
        }
        self.made = Arc::new(made);
        Ok(())
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
        self.records(table, &mut |_, mapped| {
            if let Mapped::Record(record) = mapped? {
                items.push(record.item);
            }
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

    /// Passes every record of the table to `visit`, in the order of the files, until it returns false. A record that cannot be stored is
    /// passed as an error that names its place, and reading continues. A table without a list has no records.
    ///
    /// # Errors
    /// Those of `visit`; when a file cannot be read, with line and column.
    pub(crate) fn records(&self, table: &'static Table, visit: Visit<'_>) -> Result<()> {
        let mut mapper = self.mapper(table);
        if table.name == user::TABLE.name && matches!(self.authors, Authors::Made) {
            for author in self.made.iter() {
                let mapped = mapper.child(Child { id: None, attributes: author.clone() }, "");
                if !send(Place { file: Path::new("authors"), record: mapper.position(), inside: None }, mapped, visit)? {
                    break;
                }
            }
            return Ok(());
        }
        let mut wanted = true;
        for part in self.parts(table) {
            let mut outer = if part.inside { Some(self.mapper(&thread::TABLE)) } else { None };
            let mut record = 0;
            part.collection.each(&mut |file, text, id| {
                record += 1;
                let place = Place { file, record, inside: None };
                wanted = match &mut outer {
                    None => {
                        let mapped = mapper.next(text, id);
                        with_children(&mut mapper, place, mapped, &mut 0, visit)?
                    }
                    Some(outer) => inside(&mut mapper, place, outer.next(text, id), visit)?,
                };
                Ok(wanted)
            })?;
            if !wanted {
                break;
            }
        }
        Ok(())
    }
}

/// Passes the records inside a thread.
fn inside(mapper: &mut Mapper, place: Place<'_>, thread: db_adapter::Result<Mapped>, visit: Visit<'_>) -> Result<bool> {
    let mut wanted = true;
    match thread {
        Ok(Mapped::Record(thread)) => {
            let mut inside = 0;
            for child in thread.children {
                inside += 1;
                let mapped = mapper.child(child, &thread.key.hash);
                wanted = wanted && with_children(mapper, place, mapped, &mut inside, visit)?;
            }
        }
        Ok(Mapped::LeftOut { inside, .. }) => wanted = left_out(place, inside, visit)?,
        // The thread itself is refused with its reason.
        Err(_) => {}
    }
    Ok(wanted)
}

/// Passes on that the records inside one that is left out are left out too.
fn left_out(place: Place<'_>, inside: u64, visit: Visit<'_>) -> Result<bool> {
    (0..inside).try_fold(true, |wanted, _| {
        let reason = "inside one that is left out".to_owned();
        Ok(wanted && visit(place, Ok(Mapped::LeftOut { reason, inside: 0 }))?)
    })
}

/// Passes a record and those inside it. `inside` counts the records inside the one of the file.
fn with_children(
    mapper: &mut Mapper,
    place: Place<'_>,
    mut mapped: db_adapter::Result<Mapped>,
    inside: &mut u64,
    visit: Visit<'_>,
) -> Result<bool> {
    let place = Place { inside: (*inside > 0).then_some(*inside), ..place };
    // The records inside a thread are of another table, which reads them itself.
    let is_own = mapper.is_of(&post::TABLE);
    let (mut children, mut thread, mut skipped) = (Vec::new(), String::new(), 0);
    match &mut mapped {
        Ok(Mapped::Record(record)) if is_own => {
            children = std::mem::take(&mut record.children);
            thread = record.key.range.clone().unwrap_or_default();
        }
        Ok(Mapped::LeftOut { inside, .. }) if is_own => skipped = *inside,
        _ => {}
    }
    let mut wanted = send(place, mapped, visit)? && left_out(place, skipped, visit)?;
    for child in children {
        *inside += 1;
        let mapped = mapper.child(child, &thread);
        wanted = wanted && with_children(mapper, place, mapped, inside, visit)?;
    }
    Ok(wanted)
}

fn send(place: Place<'_>, mapped: db_adapter::Result<Mapped>, visit: Visit<'_>) -> Result<bool> {
    visit(place, mapped.map_err(|reason| anyhow!("{place}: {reason}")))
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
        let mut take = |_: Place<'_>, mapped: Result<Mapped>| {
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
        let mut take = |_: Place<'_>, mapped: Result<Mapped>| {
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
