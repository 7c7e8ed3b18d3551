//! [`Value`] ⇄ the SDK's `AttributeValue`. Numbers stay text, so that all their digits survive.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use super::DynamoStore;
use crate::store::error::{Error, Result};
use crate::store::item::{Attributes, Item, Number, Tag, Value};
use crate::store::schema::{Key, Table, VERSION, WRITE_ID, end_of, is_over};

/// An item as the SDK has it.
pub(super) type Raw = HashMap<String, AttributeValue>;

impl From<Value> for AttributeValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null(true),
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::N(number.into_text()),
            Value::String(text) => Self::S(text),
            Value::Binary(bytes) => Self::B(Blob::new(bytes)),
            Value::StringSet(set) => Self::Ss(set.into_iter().collect()),
            Value::NumberSet(set) => Self::Ns(set.into_iter().map(Number::into_text).collect()),
            Value::BinarySet(set) => Self::Bs(set.into_iter().map(Blob::new).collect()),
            Value::List(list) => Self::L(list.into_iter().map(Self::from).collect()),
            Value::Map(map) => Self::M(into_raw(map)),
        }
    }
}

/// The attributes as the SDK wants them.
pub(super) fn into_raw(attributes: Attributes) -> Raw {
    attributes.into_iter().map(|(name, value)| (name, value.into())).collect()
}

/// The key as the SDK wants it; only its first half where it has no other.
pub(super) fn raw_key(table: &Table, key: &Key) -> Raw {
    let hash = (table.hash.to_owned(), AttributeValue::S(key.hash.clone()));
    let range = table.range.zip(key.range.clone()).map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
    std::iter::once(hash).chain(range).collect()
}

/// A string attribute's text.
pub(super) fn text<'a>(raw: &'a Raw, name: &str) -> Option<&'a str> {
    raw.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// What a conditional write of the item compares.
pub(super) fn tag(raw: &Raw) -> Tag {
    let version = raw.get(VERSION).and_then(|value| value.as_n().ok()).and_then(|number| number.parse().ok()).unwrap_or(0);
    let write_id = text(raw, WRITE_ID).unwrap_or(Tag::NO_WRITE_ID).to_owned();
    Tag { version, write_id }
}

impl DynamoStore {
    /// Is the item past its time?
    pub(super) fn is_over(&self, table: &Table, raw: &Raw) -> bool {
        let end = || end_of(raw.get(table.ttl?)?.as_n().ok()?);
        is_over(end(), self.now())
    }

    /// The item's attributes.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a value that this version cannot read.
    pub(super) fn attributes(&self, table: &'static Table, raw: Raw) -> Result<Attributes> {
        let id = text(&raw, table.hash).unwrap_or_default().to_owned();
        let place = || format!("table {} item {id}", self.table_name(table));
        let parse = |(name, value)| match parse(value) {
            Ok(value) => Ok((name, value)),
            Err(reason) => Err(Error::corrupt(place(), format!("{name} {reason}"))),
        };
        raw.into_iter().map(parse).collect()
    }

    /// The item that a read with this attribute list returns; NULL counts as absent.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the item is broken, as another program may have stored it.
    pub(super) fn item(&self, table: &'static Table, raw: Raw, asked: Option<&[String]>) -> Result<Item> {
        let mut attributes = self.attributes(table, raw)?;
        match table.fault_without_nulls(&mut attributes, asked) {
            None => Ok(Item::new(&attributes)),
            Some(fault) => {
                let id = attributes.get(table.hash).and_then(Value::as_str).unwrap_or_default();
                self.broken.met(table, id, fault);
                Err(Error::corrupt(format!("table {} item {id}", self.table_name(table)), fault.to_string()))
            }
        }
    }

    /// The item as lists return it: none where it is broken or past its time.
    pub(super) fn listed(&self, table: &'static Table, raw: Raw, asked: Option<&[String]>) -> Result<Option<Item>> {
        if self.is_over(table, &raw) {
            return Ok(None);
        }
        match self.item(table, raw, asked) {
            Err(Error::Corrupt { .. }) => Ok(None),
            item => item.map(Some),
        }
    }
}

fn parse(value: AttributeValue) -> std::result::Result<Value, &'static str> {
    Ok(match value {
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::Bool(value) => Value::Bool(value),
        AttributeValue::N(number) => Value::Number(Number::parse(&number)?),
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::B(bytes) => Value::Binary(bytes.into_inner()),
        AttributeValue::Ss(set) => Value::StringSet(set.into_iter().collect()),
        AttributeValue::Ns(set) => {
            Value::NumberSet(set.iter().map(|number| Number::parse(number)).collect::<std::result::Result<_, _>>()?)
        }
        AttributeValue::Bs(set) => Value::BinarySet(set.into_iter().map(Blob::into_inner).collect()),
        AttributeValue::L(list) => Value::List(list.into_iter().map(parse).collect::<std::result::Result<_, _>>()?),
        AttributeValue::M(map) => {
            let parse = |(name, value)| parse(value).map(|value| (name, value));
            Value::Map(map.into_iter().map(parse).collect::<std::result::Result<_, _>>()?)
        }
        _ => return Err("has a type that this version does not know"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_comes_back() {
        let json = concat!(
            r#"{"b":{"$B":"AP8="},"bool":true,"bs":{"$BS":["AQ==",""]},"empty":"","l":[1,"a",{"x":[]}],"m":{"$$B":"x"},"#,
            r#""n":-12345678901234567890123456789012345678,"ns":{"$NS":[1.5,2e100]},"null":null,"s":"ä","ss":{"$SS":["a","b"]}}"#
        );
        let attributes = Item::parse(json).unwrap().attributes().unwrap();
        for (name, value) in &attributes {
            assert_eq!(&parse(value.clone().into()).unwrap(), value, "{name}");
        }
        assert_eq!(into_raw(attributes.clone()).len(), attributes.len());
    }

    #[test]
    fn digits_survive_and_spellings_become_one() {
        let digits = "0.12345678901234567890123456789012345678";
        assert_eq!(
            AttributeValue::from(parse(AttributeValue::N(digits.to_owned())).unwrap()),
            AttributeValue::N(digits.to_owned())
        );
        for spelling in ["1E+100", "1e100", "10E99"] {
            let value = parse(AttributeValue::N(spelling.to_owned())).unwrap();
            assert_eq!(value, Value::Number(Number::parse("1e100").unwrap()), "{spelling}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        assert!(parse(AttributeValue::N("NaN".to_owned())).is_err());
        assert!(parse(AttributeValue::L(vec![AttributeValue::N(String::new())])).is_err());
    }

    #[test]
    fn the_tag_of_an_item_without_one_is_zero() {
        assert_eq!(tag(&Raw::new()).to_string(), "0-0");
        let raw = into_raw(Attributes::from([(VERSION.to_owned(), Value::from(7)), (WRITE_ID.to_owned(), Value::from("w"))]));
        assert_eq!(tag(&raw).to_string(), "7-w");
    }
}
