//! The mapper: converts a record of another program to the item that is stored. Attributes are found by every name that the table
//! declares, ids become text, missing ids and times are derived. A record with a version and our id is already a stored item and is left
//! unchanged.

mod names;
#[cfg(test)]
mod tests;
mod withheld;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use db_adapter::forum::{RESERVED_IDS, is_id, timestamp, user};
use db_adapter::schema::{Access, Attribute, CREATED_AT, Key, Presence, UPDATED_AT, VERSION};
use db_adapter::{Attributes, Error, Item, Result, Table, Value, check_size};

use super::authors::{self, Authors};
use super::nested::{self, Child, Nested};
use super::rules::Rules;
use super::{decode, guess, time};

pub(super) use self::names::plain;

/// The time of a file's first record if it has none: 2000-01-01T00:00:00Z, which is not mistaken for a real time and is the same
/// whenever the file is read.
const FIRST_TIME: DateTime<Utc> = DateTime::from_timestamp_nanos(946_684_800 * 1_000_000_000);
/// A converted record.
#[derive(Debug)]
pub(crate) struct Record {
    /// The item, checked as a store checks it.
    pub(crate) item: Item,
    /// Its key.
    pub(crate) key: Key,
    /// What was done to it.
    pub(crate) notes: Notes,
    /// The records inside that are items of their own.
    pub(super) children: Vec<Child>,
    /// Who wrote it, as a record of a user, where users are made of these.
    pub(super) author: Option<Attributes>,
}

/// What was done to a record.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Was the id derived?
    pub(crate) derived_id: bool,
    /// Was the time of creation derived?
    pub(crate) derived_time: bool,
    /// Was the author missing?
    pub(crate) missing_user: bool,
    /// Attributes that got another name: theirs and ours.
    pub(crate) renamed: Vec<(String, &'static str)>,
    /// Attributes that were dropped as secrets.
    pub(crate) secrets: Vec<String>,
    /// Lists of records inside that are kept and not read, with the number of records.
    pub(crate) lists: Vec<(String, u64)>,
}

impl Record {
    /// An item that is stored already.
    pub(crate) fn stored(item: Item, key: Key) -> Self {
        Self { item, key, notes: Notes::default(), children: Vec::new(), author: None }
    }
}

/// What becomes of a record.
#[derive(Debug)]
pub(crate) enum Mapped {
    /// An item.
    Record(Box<Record>),
    /// Nothing, and why. The records inside it are left out too.
    LeftOut {
        /// What says that it is not to be seen.
        reason: String,
        /// The number of records inside it.
        inside: u64,
    },
}

/// Converts the records of one table to items, in the order of the files. Derived values depend only on that order.
#[derive(Debug)]
pub(super) struct Mapper {
    table: &'static Table,
    rules: Arc<Rules>,
    nested: Nested,
    authors: Authors,
    /// The attribute of each name, and how much the name is trusted: 0 is our own.
    names: HashMap<String, (&'static Attribute, usize)>,
    /// The number of records so far.
    position: u64,
    /// The time for the next record without one.
    clock: DateTime<Utc>,
}

impl Mapper {
    /// A mapper for the table. A record without a time gets one that is a millisecond after that of the previous record, so that lists
    /// keep the order of the file.
    pub(super) fn new(table: &'static Table, rules: Arc<Rules>, nested: Nested, authors: Authors) -> Self {
        let mut names = HashMap::new();
        for known in table.attributes.iter().filter(|known| !rules.is_mapped(table, known.name)) {
            for (trust, name) in std::iter::once(&known.name).chain(known.formerly).enumerate() {
                names.entry(plain(name)).or_insert((known, trust));
            }
        }
        Self { table, rules, nested, authors, names, position: 0, clock: FIRST_TIME }
    }

    /// Lets the name mean an attribute that it does not mean otherwise.
    pub(super) fn call(&mut self, name: &str, ours: &str) {
        if let Some(known) = self.table.attribute(ours)
            && !self.rules.is_mapped(self.table, ours)
        {
            // Less trusted than every declared name.
            self.names.insert(plain(name), (known, 50));
        }
    }

    /// Does it map records of that table?
    pub(super) fn is_of(&self, table: &Table) -> bool {
        self.table.name == table.name
    }

    /// The number of records so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Converts the next record, which stands under `id` if it is given.
    ///
    /// # Errors
    /// [`Error::InvalidItem`] names the attribute and what is allowed; [`Error::TooLarge`].
    pub(super) fn next(&mut self, text: &str, id: Option<&str>) -> Result<Mapped> {
        self.map(decode::attributes(text), id, None)
    }

    /// Converts the next record, which is inside an item of that id.
    ///
    /// # Errors
    /// As [`Mapper::next`].
    pub(super) fn child(&mut self, child: Child, parent: &str) -> Result<Mapped> {
        self.map(Ok(child.attributes), child.id.as_deref(), Some(parent))
    }

    fn map(&mut self, parsed: Result<Attributes>, id: Option<&str>, parent: Option<&str>) -> Result<Mapped> {
        self.position += 1;
        // A refused record counts too, so that the rest does not change when it is corrected.
        let fallback = self.clock;
        self.clock = after(fallback);
        let table = self.table;
        let mut attributes = parsed?;
        if attributes.contains_key(VERSION) && attributes.contains_key(table.hash) {
            let created = attributes.get(CREATED_AT).and_then(time::read);
            self.clock = created.map_or(self.clock, after);
            return Ok(Mapped::Record(Box::new(checked(table, &attributes)?)));
        }
        let children = nested::take(&mut attributes, &self.nested);
        if !self.rules.include_deleted
            && let Some(reason) = withheld::deleted(&attributes)
        {
            return Ok(Mapped::LeftOut { reason, inside: nested::count(&children) });
        }
        let mut notes = Notes::default();
        if !self.rules.keep_secrets {
            attributes.retain(|name, _| {
                !withheld::is_secret(self.table, name) || {
                    notes.secrets.push(name.clone());
                    false
                }
            });
        }
        let converted = self.convert(&mut attributes, &mut notes, id, parent, fallback);
        let (checked, author) = converted.map_err(|error| in_their_words(error, &notes))?;
        Ok(Mapped::Record(Box::new(Record { notes, children, author, ..checked })))
    }

    /// Converts attributes to an item. Returns it with its author where users are made of these.
    fn convert(
        &mut self,
        attributes: &mut Attributes,
        notes: &mut Notes,
        id: Option<&str>,
        parent: Option<&str>,
        fallback: DateTime<Utc>,
    ) -> Result<(Record, Option<Attributes>)> {
        let table = self.table;
        self.apply_map(attributes, notes)?;
        self.rename(attributes, notes)?;
        if let Some(id) = id
            && !attributes.contains_key(table.hash)
        {
            attributes.insert(table.hash.to_owned(), id.into());
        }
        let author = self.ids(attributes, notes)?;
        if let Some(parent) = parent {
            let holds = |known: &&Attribute| known.references.is_some_and(|target| target.name != user::TABLE.name);
            for known in table.attributes.iter().filter(holds) {
                attributes.entry(known.name.to_owned()).or_insert_with(|| parent.into());
            }
        }
        notes.derived_id = !attributes.contains_key(table.hash);
        if notes.derived_id {
            attributes.insert(table.hash.to_owned(), format!("{}-{}", table.singular, self.position).into());
        }
        check_id(attributes, table.hash)?;
        normalise(table, attributes)?;
        self.needed(attributes, notes)?;
        if !self.rules.keep_unknown {
            guess::refuse(table, attributes)?;
        }
        let given = read_time(attributes, CREATED_AT)?;
        let created = given.unwrap_or(fallback);
        self.clock = after(created);
        let updated = read_time(attributes, UPDATED_AT)?.unwrap_or(created);
        attributes.insert(CREATED_AT.to_owned(), timestamp(created).into());
        attributes.insert(UPDATED_AT.to_owned(), timestamp(updated).into());
        attributes.entry(VERSION.to_owned()).or_insert_with(|| Value::from(1));
        notes.derived_time = given.is_none();
        notes.lists = nested::unread(table, attributes);
        Ok((checked(table, attributes)?, author))
    }

    /// Converts ids to text. Returns the author where users are made of them.
    fn ids(&self, attributes: &mut Attributes, notes: &Notes) -> Result<Option<Attributes>> {
        let mut author = None;
        for known in self.table.attributes.iter().filter(|known| holds_id(self.table, known)) {
            let Some(value) = attributes.remove(known.name) else { continue };
            let rest = authors::beside_id(&value);
            let mut is_made = false;
            let singular = known.references.map_or(self.table.singular, |target| target.singular);
            let id = if is_of_user(known) {
                let (id, record) = self.authors.resolve(known.name, value, attributes, self.rules.make_ids)?;
                is_made = record.is_some();
                author = record;
                id
            } else {
                let id = authors::id_of(&value).ok_or_else(|| {
                    Error::invalid_item(known.name, "must be a string or a whole number, or an object with an id: it is an id")
                })?;
                if self.rules.make_ids { authors::allowed(singular, id) } else { id }
            };
            attributes.insert(known.name.to_owned(), id.into());
            if let Some(rest) = rest.filter(|_| !is_made) {
                let theirs = notes.renamed.iter().find(|(_, ours)| *ours == known.name).map_or("author", |(theirs, _)| theirs);
                attributes.entry(theirs.to_owned()).or_insert(rest);
            }
        }
        Ok(author)
    }

    /// Checks that nothing is missing that cannot be derived.
    fn needed(&self, attributes: &mut Attributes, notes: &mut Notes) -> Result<()> {
        for known in self.table.attributes.iter().filter(|known| is_needed(known)) {
            if attributes.contains_key(known.name) {
                continue;
            }
            let is_user = is_of_user(known);
            match &self.rules.missing_user {
                Some(id) if is_user => {
                    attributes.insert(known.name.to_owned(), id.as_str().into());
                    notes.missing_user = true;
                }
                _ => {
                    let hint = guess::hint(self.table, known, attributes);
                    let option = if is_user { "; --missing-user ID gives such records to that user" } else { "" };
                    return Err(Error::invalid_item(known.name, format!("is missing{hint}{option}")));
                }
            }
        }
        Ok(())
    }
}

/// The error with the attribute's name in the file beside ours.
fn in_their_words(error: Error, notes: &Notes) -> Error {
    let Error::InvalidItem { attribute, reason } = error else { return error };
    let theirs = notes.renamed.iter().find(|(_, ours)| *ours == attribute).map(|(theirs, _)| theirs);
    match theirs {
        Some(theirs) => Error::invalid_item(&format!("{theirs} ({attribute})"), reason),
        None => Error::InvalidItem { attribute, reason },
    }
}

/// Does the attribute hold an id, of this table or another? In older data ids may be numbers.
fn holds_id(table: &Table, known: &Attribute) -> bool {
    known.name == table.hash || known.references.is_some()
}

fn is_of_user(known: &Attribute) -> bool {
    known.references.is_some_and(|target| target.name == user::TABLE.name)
}

/// Must a record have the attribute? What the server sets can be derived.
fn is_needed(known: &Attribute) -> bool {
    known.access == Access::Client && known.presence == Presence::Required
}

fn checked(table: &Table, attributes: &Attributes) -> Result<Record> {
    let key = table.check(attributes)?;
    check_size(attributes)?;
    Ok(Record::stored(Item::new(attributes), key))
}

fn after(time: DateTime<Utc>) -> DateTime<Utc> {
    time.checked_add_signed(TimeDelta::milliseconds(1)).unwrap_or(time)
}

fn check_id(attributes: &Attributes, name: &str) -> Result<()> {
    match attributes.get(name).and_then(Value::as_str) {
        Some(id) if is_id(id) => Ok(()),
        id => Err(Error::invalid_item(
            name,
            format!(
                "is {:?}; expected 1 to 64 of A-Z, a-z, 0-9, - and _, and none of {}; --make-ids makes new ones",
                id.unwrap_or_default(),
                RESERVED_IDS.join(", ")
            ),
        )),
    }
}

/// Normalises unique values and removes blank ones. A user without a name gets the username as name.
fn normalise(table: &Table, attributes: &mut Attributes) -> Result<()> {
    for unique in table.unique {
        let Some(value) = unique.value_of(attributes) else { continue };
        match value.is_empty() {
            true => attributes.remove(unique.attribute),
            false => attributes.insert(unique.attribute.to_owned(), Value::String(value)),
        };
    }
    if table.name == user::TABLE.name && !attributes.contains_key("name") {
        let Some(username) = attributes.get("username").cloned() else {
            return Err(Error::invalid_item("name", "is missing, and so is username"));
        };
        attributes.insert("name".to_owned(), username);
    }
    Ok(())
}

fn read_time(attributes: &Attributes, name: &str) -> Result<Option<DateTime<Utc>>> {
    let Some(value) = attributes.get(name) else { return Ok(None) };
    time::read(value).map(Some).ok_or_else(|| Error::invalid_item(name, time::ALLOWED))
}
