//! Items: one stored object each, kept as its JSON bytes and parsed only when needed.

mod expected;
mod json;
mod members;
mod number;
mod quotes;
mod tag;
mod value;

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::store::error::{Error, Result};
use crate::store::limits::MAX_ITEM_BYTES;

pub use expected::{Expected, Found};
pub use members::Members;
pub(crate) use members::{plain, unquoted};
pub use number::Number;
pub use tag::Tag;
pub use value::{Attributes, Value};

/// One stored object as canonical JSON: attributes sorted by name, no spaces, numbers in one spelling. So equal items have
/// equal bytes on every backend. A clone shares the bytes.
///
/// The bytes may be a part of a longer text, which lives for as long as any of the items in it.
#[derive(Clone)]
pub struct Item {
    chunk: Chunk,
    start: u32,
    length: u32,
}

/// Text that one item or many are parts of. With a pointer that is thin an item takes 16 bytes, and many items in one chunk take nothing else
/// beside their text.
pub(crate) type Chunk = Arc<Box<str>>;

impl Item {
    /// The item of these attributes.
    pub fn new(attributes: &Attributes) -> Self {
        let mut text = String::with_capacity(256);
        value::write_object(&mut text, attributes);
        Self::alone(text)
    }

    /// The item in a chunk of its own.
    fn alone(text: String) -> Self {
        let length = text.len();
        Self::part(&Arc::new(text.into_boxed_str()), 0, length)
    }

    /// Reads an item from any JSON object, whatever its order, spacing and spelling of numbers.
    ///
    /// # Errors
    /// [`Error::InvalidItem`] names the attribute and what is wrong: not a JSON object, a name twice, a number that DynamoDB
    /// cannot hold, an empty set, deep nesting.
    pub fn parse(text: &str) -> Result<Self> {
        parse_attributes(text).map(|attributes| Self::new(&attributes))
    }

    /// The item in text that this crate wrote itself and whose checksum holds.
    pub(crate) fn from_canonical(text: &str) -> Self {
        Self::alone(text.to_owned())
    }

    /// As [`Item::from_canonical`], of a part of a chunk. No chunk has 4 GiB.
    pub(crate) fn part(chunk: &Chunk, start: usize, length: usize) -> Self {
        let [start, length] = [start, length].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        Self { chunk: Arc::clone(chunk), start, length }
    }

    /// The same item in a chunk of its own, with this text behind it.
    pub(crate) fn with_text_behind(&self, text: &str) -> Self {
        let json = self.as_json();
        Self::part(&Arc::new([json, text].concat().into_boxed_str()), 0, json.len())
    }

    /// The item's JSON.
    pub fn as_json(&self) -> &str {
        self.chunk.get(self.start as usize..self.end()).unwrap_or_default()
    }

    /// The chunk's text, and where in it the item ends.
    pub(crate) fn chunk(&self) -> (&str, usize) {
        (&self.chunk, self.end())
    }

    fn end(&self) -> usize {
        self.start as usize + self.length as usize
    }

    /// Every attribute, parsed.
    ///
    /// # Errors
    /// [`Error::InvalidItem`]; does not happen to an item that was made by [`Item::new`] or [`Item::parse`].
    pub fn attributes(&self) -> Result<Attributes> {
        parse_attributes(self.as_json())
    }

    /// Every attribute with its value as JSON text: for reading several of them, as the text is gone through once.
    pub fn members(&self) -> Members<'_> {
        Members::of_canonical(self.as_json())
    }

    /// The values of these attributes as JSON text: for reading a few of them.
    pub(crate) fn values<const N: usize>(&self, names: [&str; N]) -> [Option<&str>; N] {
        members::values(self.as_json(), names)
    }

    /// A string attribute's text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.members().text(name).map(Cow::into_owned)
    }

    /// What a conditional write of this item compares.
    pub fn tag(&self) -> Tag {
        self.members().tag()
    }

    /// The item with only the attributes that `keep` holds for.
    pub fn project(&self, keep: impl Fn(&str) -> bool) -> Self {
        let mut text = String::with_capacity(self.length as usize);
        text.push('{');
        for (name, value) in self.members() {
            if keep(&name) {
                if text.len() > 1 {
                    text.push(',');
                }
                json::write_string(&mut text, &name);
                text.push(':');
                text.push_str(value);
            }
        }
        text.push('}');
        Self::alone(text)
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for Item {}

impl Hash for Item {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_json().hash(state);
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_json())
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.as_json()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// Checks that DynamoDB would take an item of these attributes.
///
/// # Errors
/// [`Error::TooLarge`] above [`MAX_ITEM_BYTES`].
pub fn check_size(attributes: &Attributes) -> Result<()> {
    match value::size(attributes) {
        size if size > MAX_ITEM_BYTES => Err(Error::TooLarge),
        _ => Ok(()),
    }
}

fn parse_attributes(text: &str) -> Result<Attributes> {
    let members = json::members(text).map_err(|reason| Error::invalid_item("item", reason))?;
    let parse = |(name, raw): (Cow<'_, str>, &RawValue)| match Value::parse(raw) {
        Ok(value) => Ok((name.into_owned(), value)),
        Err(reason) => Err(Error::invalid_item(&name, reason)),
    };
    members.into_iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn any_spelling_becomes_the_canonical_one() {
        let item = Item::parse(" {\"b\" : [1.0, null,true], \"a\":\"\\u00e4\\n\", \"c\":{\"y\":1e1,\"x\":{}}} ").unwrap();
        assert_eq!(item.as_json(), r#"{"a":"ä\n","b":[1,null,true],"c":{"x":{},"y":10}}"#);
        assert_eq!(Item::new(&item.attributes().unwrap()), item);
    }

    #[test]
    fn an_item_is_its_text_wherever_that_stands() {
        let chunk: Chunk = Arc::new("[\n{\"a\":\"ä\"},\n{\"a\":1}\n]".into());
        let (first, second) = (Item::part(&chunk, 2, 10), Item::part(&chunk, 14, 7));
        assert_eq!((first.as_json(), second.as_json()), (r#"{"a":"ä"}"#, r#"{"a":1}"#));
        let alone = Item::parse(r#"{"a":"ä"}"#).unwrap();
        assert_eq!(std::collections::HashSet::from([first.clone(), alone.clone(), second.clone()]).len(), 2);
        drop((chunk, second));
        assert_eq!((first.with_text_behind("b"), first), (alone.clone(), alone));
    }

    #[test]
    fn types_that_json_lacks_survive() {
        let attributes = Attributes::from([
            ("binary".to_owned(), Value::Binary(vec![0, 255])),
            ("strings".to_owned(), Value::StringSet(BTreeSet::from(["b".to_owned(), "a".to_owned()]))),
            (
                "numbers".to_owned(),
                Value::NumberSet(BTreeSet::from([Number::parse("1.50").unwrap(), Number::parse("2").unwrap()])),
            ),
            ("binaries".to_owned(), Value::BinarySet(BTreeSet::from([vec![1], vec![]]))),
            ("dollar".to_owned(), Value::Map(Attributes::from([("$B".to_owned(), Value::from("not binary"))]))),
            ("dollars".to_owned(), Value::Map(Attributes::from([("$$x".to_owned(), Value::Null)]))),
        ]);
        let item = Item::new(&attributes);
        assert_eq!(item.attributes().unwrap(), attributes);
        assert!(item.as_json().contains(r#""strings":{"$SS":["a","b"]}"#), "{item:?}");
    }

    #[test]
    fn what_cannot_be_stored_is_refused_by_name() {
        let deep = format!("{{\"deep\":{}1{}}}", "[".repeat(33), "]".repeat(33));
        for (text, attribute) in [
            ("[]", "item"),
            ("{", "item"),
            (r#"{"a":1,"a":2}"#, "item"),
            (r#"{"":1}"#, "item"),
            (r#"{"a":{"":1}}"#, "a"),
            (r#"{"a":1e126}"#, "a"),
            (r#"{"a":{"$SS":[]}}"#, "a"),
            (r#"{"a":{"$SS":["x","x"]}}"#, "a"),
            (r#"{"a":{"$NS":["x"]}}"#, "a"),
            (r#"{"a":{"$B":"%"}}"#, "a"),
            (r#"{"a":{"$X":1}}"#, "a"),
            (r#"{"a":"\ud800"}"#, "a"),
            (r#"{"a":{"b":1,"b":2}}"#, "a"),
            (&deep, "deep"),
        ] {
            match Item::parse(text) {
                Err(Error::InvalidItem { attribute: named, .. }) => assert_eq!(named, attribute, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn size_counts_names_and_values_as_dynamodb_does() {
        let attributes = Item::parse(r#"{"ab":"ä","n":-123,"l":[true],"m":{"x":null}}"#).unwrap().attributes().unwrap();
        assert_eq!(value::size(&attributes), (2 + 2) + (1 + 4) + (1 + 3 + 2) + (1 + 3 + 1 + 1 + 1));
    }

    #[test]
    fn a_projection_keeps_what_was_asked_for() {
        let item = Item::parse(r#"{"a":1,"b":{"x":"y"},"c":3}"#).unwrap();
        assert_eq!(item.project(|name| name != "a").as_json(), r#"{"b":{"x":"y"},"c":3}"#);
        assert_eq!(item.project(|_| false).as_json(), "{}");
    }

    #[test]
    fn an_item_without_version_and_write_id_is_tagged_zero() {
        assert_eq!(Item::parse("{}").unwrap().tag().to_string(), "0-0");
        assert_eq!(Item::parse(r#"{"version":7,"writeId":"w"}"#).unwrap().tag().to_string(), "7-w");
    }
}
