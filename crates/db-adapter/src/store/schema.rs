//! What a table is: its keys, its indexes, its unique attributes and the attributes it knows.

mod attribute;
mod expiry;
mod stored;

pub use super::reserved::{CREATED_AT, TOUCH_ID, UPDATED_AT, VERSION, WRITE_ID};
pub use attribute::{Access, Attribute, Form, Initial, Kind, Max, Presence, Shape};
pub(crate) use expiry::{end_of, is_over};
pub(crate) use stored::{Condition, Fault};

use crate::store::error::{Error, Result};
use crate::store::heartbeat::HEARTBEAT;
use crate::store::item::{Attributes, Value};
use crate::store::limits::{MAX_HASH_BYTES, MAX_RANGE_BYTES};

/// One table: its keys, its indexes, its unique attributes and the attributes it knows.
#[derive(Debug)]
pub struct Table {
    /// Short name: `users`. Names the JSON files, the route and the entry in `tables.json`.
    pub name: &'static str,
    /// What one item is called: `user`.
    pub singular: &'static str,
    /// What the OpenAPI documents call an item: `User`.
    pub component: &'static str,
    /// The environment variable that holds the DynamoDB table's name.
    pub env: &'static str,
    /// The DynamoDB table's name where the variable is not set.
    pub default_name: &'static str,
    /// The partition key attribute; a string.
    pub hash: &'static str,
    /// The sort key attribute; a string.
    pub range: Option<&'static str>,
    /// Secondary indexes, sorted by name; all project every attribute.
    pub indexes: &'static [Index],
    /// Attributes whose value only one item may have.
    pub unique: &'static [Unique],
    /// An attribute that every item carries with the same value, so that an index can list the whole table in order.
    pub constant: Option<Constant>,
    /// The attribute with the time at which an item ends: a number of seconds since 1970. From that second on the item is absent
    /// for every operation; the backends remove it later. Not in a table with unique attributes or one that others refer to.
    pub ttl: Option<&'static str>,
    /// The attributes this version knows, in the order in which they are shown. Others are kept but not shown.
    pub attributes: &'static [Attribute],
    /// Sample items, a JSON array: what an empty store is filled with, and what the OpenAPI documents show.
    pub samples: &'static str,
}

/// One secondary index.
#[derive(Debug, PartialEq, Eq)]
pub struct Index {
    /// The index's name on DynamoDB.
    pub name: &'static str,
    /// Its partition key attribute; a string.
    pub hash: &'static str,
    /// Its sort key attribute; a string.
    pub range: Option<&'static str>,
}

/// An attribute whose value, trimmed and lower-cased, only one item of the table may have.
#[derive(Debug, PartialEq, Eq)]
pub struct Unique {
    /// The attribute; a string.
    pub attribute: &'static str,
}

/// An attribute that the adapter adds to every item and no client sees.
#[derive(Debug, PartialEq, Eq)]
pub struct Constant {
    /// The attribute's name.
    pub attribute: &'static str,
    /// Its value, by which lists are asked for.
    pub value: &'static str,
    /// Over how many partitions of each index the items are spread, by their keys; at least 1. One has a limit of its own on DynamoDB.
    /// The first has `value` as its key, and the others that and their numbers: lists merge them all. The number may grow: items
    /// stay where they are until they are written again.
    pub partitions: u32,
}

impl Constant {
    /// The key of the partition of that number, which is what its items have as the attribute's value.
    pub(crate) fn partition(&self, number: u32) -> String {
        if number == 0 { self.value.to_owned() } else { format!("{}#{number}", self.value) }
    }

    /// The key of the partition of an item with this hash key.
    pub(crate) fn partition_of(&self, hash: &str) -> String {
        self.partition(if self.partitions > 1 { crc32fast::hash(hash.as_bytes()) % self.partitions } else { 0 })
    }

    /// Is this the key of one of the partitions?
    pub(crate) fn has(&self, partition: &str) -> bool {
        match partition.strip_prefix(self.value) {
            Some("") => true,
            Some(rest) => (1..self.partitions).any(|number| rest.strip_prefix('#') == Some(number.to_string().as_str())),
            None => false,
        }
    }
}

/// Which item: the table's key values.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The partition key's value.
    pub hash: String,
    /// The sort key's value. `None` in a table with a sort key means the smallest one there is; only `get` takes that.
    pub range: Option<String>,
}

impl Key {
    /// The key of a table without a sort key, or a partition whose first item is meant.
    pub fn hash(hash: impl Into<String>) -> Self {
        Self { hash: hash.into(), range: None }
    }

    /// A key of both halves.
    pub fn pair(hash: impl Into<String>, range: impl Into<String>) -> Self {
        Self { hash: hash.into(), range: Some(range.into()) }
    }
}

impl Table {
    /// The index of that name.
    pub fn index(&self, name: &str) -> Option<&'static Index> {
        self.indexes.iter().find(|index| index.name == name)
    }

    /// The option of programs that gives the table its name on DynamoDB: the words of [`Table::env`], without the dashes before it.
    pub fn flag(&self) -> String {
        self.env.to_ascii_lowercase().replace('_', "-")
    }

    /// What is known of the attribute, if anything is.
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// The attributes that hold ids of other items, each with the table of these.
    pub fn references(&self) -> impl Iterator<Item = (&'static Attribute, &'static Table)> {
        self.attributes.iter().filter_map(|known| Some((known, known.references?)))
    }

    /// Is the attribute one half of this table's key?
    pub fn is_key(&self, attribute: &str) -> bool {
        self.hash == attribute || self.range == Some(attribute)
    }

    /// The item's key.
    ///
    /// # Errors
    /// [`Error::InvalidItem`] when a half is missing, is not a string, is empty or too long, holds U+0000, or is a claim's key.
    pub fn key_of(&self, attributes: &Attributes) -> Result<Key> {
        let half = |name: &str| attributes.get(name).ok_or_else(|| Error::invalid_item(name, MISSING));
        let hash = key_text(self.hash, half(self.hash)?)?;
        let range = self.range.map(|range| key_text(range, half(range)?)).transpose()?;
        let key = Key { hash: hash.to_owned(), range: range.map(str::to_owned) };
        self.check_key(&key)?;
        Ok(key)
    }

    /// Checks what both backends refuse to store: broken table or index keys, unique values too long to be claimed, broken items (a
    /// known attribute of a wrong type or form, a required one that is missing), and what DynamoDB has not: empty names, empty sets,
    /// deep nesting.
    ///
    /// # Errors
    /// [`Error::InvalidItem`] names the attribute and what is allowed.
    pub fn check(&self, attributes: &Attributes) -> Result<Key> {
        let key = self.key_of(attributes)?;
        self.check_part(attributes, None)?;
        Ok(key)
    }

    /// As [`Table::check`], of the attributes that are there: the table's key may be missing.
    ///
    /// # Errors
    /// [`Error::InvalidItem`] names the attribute and what is allowed.
    pub fn check_values(&self, attributes: &Attributes) -> Result<()> {
        self.check_part(attributes, Some(&[]))
    }

    fn check_part(&self, attributes: &Attributes, asked: Option<&[String]>) -> Result<()> {
        for index in self.indexes {
            for (name, limit) in [(Some(index.hash), MAX_HASH_BYTES), (index.range, MAX_RANGE_BYTES)] {
                if let Some((name, value)) = name.and_then(|name| attributes.get_key_value(name)) {
                    check_key_text(name, key_text(name, value)?, limit)?;
                }
            }
        }
        for unique in self.unique {
            let limit = MAX_HASH_BYTES - unique.claim("").len();
            if unique.value_of(attributes).is_some_and(|value| value.len() > limit) {
                return Err(Error::invalid_item(unique.attribute, format!("must be at most {limit} bytes: it is unique")));
            }
        }
        if let Some(known) = self.attributes.iter().find(|known| attributes.get(known.name) == Some(&Value::Null)) {
            return Err(Error::invalid_item(known.name, "must not be null: leave it out"));
        }
        if let Some(Fault { attribute, reason }) = self.fault(attributes, asked) {
            return Err(Error::invalid_item(attribute, reason));
        }
        for (name, value) in attributes {
            value.check().map_err(|reason| Error::invalid_item(name, reason))?;
            if name.is_empty() {
                return Err(Error::invalid_item("item", "has a name that is empty"));
            }
        }
        Ok(())
    }

    /// Checks that the key can be one of this table's; its sort half may be left out.
    ///
    /// # Errors
    /// [`Error::InvalidItem`] as [`Table::key_of`].
    pub fn check_key(&self, key: &Key) -> Result<()> {
        self.check_hash(&key.hash)?;
        match (self.range, &key.range) {
            (Some(name), Some(range)) => check_key_text(name, range, MAX_RANGE_BYTES),
            (None, Some(_)) => Err(Error::invalid_item(self.hash, "is the whole key: the table has no sort key")),
            (_, None) => Ok(()),
        }
    }

    /// Checks that the key can address one item of this table: as [`Table::check_key`], and the sort half is there.
    ///
    /// # Errors
    /// [`Error::InvalidItem`] as [`Table::key_of`].
    pub fn check_full_key(&self, key: &Key) -> Result<()> {
        match (self.range, &key.range) {
            (Some(range), None) => Err(Error::invalid_item(range, MISSING)),
            _ => self.check_key(key),
        }
    }

    fn check_hash(&self, hash: &str) -> Result<()> {
        check_key_text(self.hash, hash, MAX_HASH_BYTES)?;
        if hash == HEARTBEAT {
            return Err(Error::invalid_item(self.hash, "must not be #heartbeat: that key tells how late other Regions are"));
        }
        match self.unique.iter().find(|unique| unique.is_claim(hash)) {
            Some(Unique { attribute }) => {
                Err(Error::invalid_item(self.hash, format!("must not start with {attribute}#: such keys hold unique values")))
            }
            None => Ok(()),
        }
    }

    /// Adds what the server sets on a new item, which has its `createdAt`.
    pub fn add_initial(&self, attributes: &mut Attributes) {
        for known in self.attributes {
            let value = match known.initially {
                Some(Initial::Zero) => Some(Value::from(0)),
                Some(Initial::Created) => attributes.get(CREATED_AT).cloned(),
                None => None,
            };
            attributes.extend(value.map(|value| (known.name.to_owned(), value)));
        }
    }

    /// Adds what the adapter itself stores on every item: the constant that an index is partitioned by.
    pub fn add_constant(&self, attributes: &mut Attributes) {
        if let Some(constant) = &self.constant {
            let hash = attributes.get(self.hash).and_then(Value::as_str).unwrap_or_default();
            let partition = constant.partition_of(hash);
            attributes.insert(constant.attribute.to_owned(), Value::String(partition));
        }
    }

    /// The constant, if lists of this partition of the index are merged from several.
    pub(crate) fn spread(&self, index: &Index, partition: &str) -> Option<&Constant> {
        let constant = self.constant.as_ref().filter(|constant| constant.partitions > 1)?;
        (constant.attribute == index.hash && constant.value == partition).then_some(constant)
    }
}

impl Index {
    /// Checks that the text can be a value of the index's partition key.
    ///
    /// # Errors
    /// [`Error::InvalidItem`] as [`Table::key_of`].
    pub(crate) fn check_partition(&self, partition: &str) -> Result<()> {
        check_key_text(self.hash, partition, MAX_HASH_BYTES)
    }

    /// Can an item have this sort key?
    pub(crate) fn is_sort_key(&self, sort: &str) -> bool {
        self.range.is_some_and(|range| check_key_text(range, sort, MAX_RANGE_BYTES).is_ok())
    }

    /// Checks that the text can bound a range of the index's sort keys. It may be what no sort key can be: empty, for one.
    ///
    /// # Errors
    /// [`Error::InvalidItem`] when the index has no sort key or the text is longer than one may be.
    pub(crate) fn check_bound(&self, bound: &str) -> Result<()> {
        match self.range {
            None => Err(Error::invalid_item(self.name, "has no sort key, and so no range")),
            Some(range) if bound.len() > MAX_RANGE_BYTES => {
                Err(Error::invalid_item(range, format!("must have bounds of no more than {MAX_RANGE_BYTES} bytes")))
            }
            Some(_) => Ok(()),
        }
    }

    /// The index key of an item: both values, or `None` where the item lacks one and so is not in the index.
    pub fn key_of<'a>(&self, attributes: &'a Attributes) -> Option<(&'a str, Option<&'a str>)> {
        let text = |name| attributes.get(name).and_then(Value::as_str);
        let hash = text(self.hash)?;
        match self.range {
            Some(range) => Some((hash, Some(text(range)?))),
            None => Some((hash, None)),
        }
    }
}

impl Unique {
    /// The value that must be unique: trimmed and lower-cased.
    pub fn normalise(&self, value: &str) -> String {
        attribute::normalised(value)
    }

    /// The partition key of the claim that holds a normalised value where the backend keeps claims beside the items.
    pub(crate) fn claim(&self, value: &str) -> String {
        format!("{}#{value}", self.attribute)
    }

    /// Is this the partition key of a claim on this attribute?
    pub(crate) fn is_claim(&self, hash: &str) -> bool {
        hash.strip_prefix(self.attribute).is_some_and(|rest| rest.starts_with('#'))
    }

    /// The item's normalised value, if it has the attribute.
    pub fn value_of(&self, attributes: &Attributes) -> Option<String> {
        attributes.get(self.attribute).and_then(Value::as_str).map(|value| self.normalise(value))
    }
}

const MISSING: &str = "is missing: it is part of the key";

fn key_text<'a>(name: &str, value: &'a Value) -> Result<&'a str> {
    value.as_str().ok_or_else(|| Error::invalid_item(name, "must be a string: it is part of a key"))
}

fn check_key_text(name: &str, text: &str, limit: usize) -> Result<()> {
    match text {
        "" => Err(Error::invalid_item(name, "must not be empty: it is part of a key")),
        long if long.len() > limit => {
            Err(Error::invalid_item(name, format!("must be at most {limit} bytes: it is part of a key")))
        }
        odd if odd.contains('\0') => Err(Error::invalid_item(name, "must not contain U+0000: it is part of a key")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::toy::NOTES;

    #[test]
    fn a_key_may_lack_its_sort_half_where_an_item_may_not() {
        let half = Key::hash("p1");
        assert!(NOTES.check_key(&half).is_ok());
        assert!(matches!(NOTES.check_full_key(&half), Err(Error::InvalidItem { attribute, .. }) if attribute == "bookId"));
    }

    #[test]
    fn a_key_of_a_wrong_shape_is_refused() {
        let claim =
            Attributes::from([("noteId".to_owned(), Value::from("slug#a-note")), ("bookId".to_owned(), Value::from("b"))]);
        assert!(matches!(NOTES.key_of(&claim), Err(Error::InvalidItem { .. })));
        for (hash, range) in [("", Some("t")), ("p", Some("")), ("p\0", Some("t")), (&"p".repeat(2049), Some("t")), ("p", None)] {
            let mut attributes = Attributes::from([("noteId".to_owned(), Value::String(hash.to_owned()))]);
            if let Some(range) = range {
                attributes.insert("bookId".to_owned(), Value::String(range.to_owned()));
            }
            assert!(matches!(NOTES.key_of(&attributes), Err(Error::InvalidItem { .. })), "{hash:?} {range:?}");
        }
    }
}
