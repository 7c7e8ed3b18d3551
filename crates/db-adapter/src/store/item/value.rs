//! Attribute values: DynamoDB's types as JSON.
//!
//! What JSON lacks is a one-key object: `{"$B": base64}`, `{"$SS": [...]}`, `{"$NS": [...]}`, `{"$BS": [...]}`. A map whose only
//! key starts with `$` is written with one more `$`, so that every value has one spelling.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::value::RawValue;

use super::json::{self, members};
use super::number::Number;

/// An item's attributes by name.
pub type Attributes = BTreeMap<String, Value>;

/// Maximum depth of lists and maps within each other in an attribute: DynamoDB has 32 levels, and what the innermost one holds is one.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
const MAX_DEPTH: usize = 31;

/// One attribute's value, with DynamoDB's types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// NULL
    Null,
    /// BOOL
    Bool(bool),
    /// N
    Number(Number),
    /// S
    String(String),
    /// B
    Binary(Vec<u8>),
    /// SS
    StringSet(BTreeSet<String>),
    /// NS
    NumberSet(BTreeSet<Number>),
    /// BS
    BinarySet(BTreeSet<Vec<u8>>),
    /// L
    List(Vec<Value>),
    /// M
    Map(Attributes),
}

impl Value {
    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a whole number from 0 to 2^63 - 1.
    pub fn as_count(&self) -> Option<u64> {
        match self {
            Self::Number(number) => number.as_count(),
            _ => None,
        }
    }

    /// Checks that DynamoDB would take the value.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that starts with the attribute's name.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.check_nested(0)
    }

    fn check_nested(&self, depth: usize) -> Result<(), String> {
        match self {
            Self::List(_) | Self::Map(_) if depth == MAX_DEPTH => Err(too_deep()),
            Self::List(list) => list.iter().try_for_each(|value| value.check_nested(depth + 1)),
            Self::Map(map) if map.contains_key("") => Err("has a name that is empty".to_owned()),
            Self::Map(map) => map.values().try_for_each(|value| value.check_nested(depth + 1)),
            Self::StringSet(set) if set.is_empty() => Err(EMPTY_SET.to_owned()),
            Self::NumberSet(set) if set.is_empty() => Err(EMPTY_SET.to_owned()),
            Self::BinarySet(set) if set.is_empty() => Err(EMPTY_SET.to_owned()),
            _ => Ok(()),
        }
    }

    /// Reads a value.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that starts with the attribute's name.
    pub fn parse(raw: &RawValue) -> Result<Self, String> {
        Self::parse_nested(raw, 0)
    }

    fn parse_nested(raw: &RawValue, depth: usize) -> Result<Self, String> {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'"') => json::string(raw).map(Self::String),
            Some(b'{' | b'[') if depth == MAX_DEPTH => Err(too_deep()),
            Some(b'{') => Self::parse_object(raw, depth + 1),
            Some(b'[') => json::elements(raw)?
                .into_iter()
                .map(|element| Self::parse_nested(element, depth + 1))
                .collect::<Result<_, _>>()
                .map(Self::List),
            Some(b't') => Ok(Self::Bool(true)),
            Some(b'f') => Ok(Self::Bool(false)),
            Some(b'n') => Ok(Self::Null),
            _ => Ok(Self::Number(Number::parse(text)?)),
        }
    }

    fn parse_object(raw: &RawValue, depth: usize) -> Result<Self, String> {
        let mut members = members(raw.get())?;
        if let [(name, value)] = members.as_mut_slice() {
            match name.as_ref() {
                "$B" => return binary(value).map(Self::Binary),
                "$SS" => return set(value, json::string).map(Self::StringSet),
                "$NS" => return set(value, |raw| Ok(Number::parse(raw.get())?)).map(Self::NumberSet),
                "$BS" => return set(value, binary).map(Self::BinarySet),
                escaped if escaped.starts_with("$$") => *name = escaped[1..].to_owned().into(),
                unknown if unknown.starts_with('$') => {
                    return Err(format!("holds {unknown}, which is none of $B, $SS, $NS and $BS"));
                }
                _ => {}
            }
        }
        let parse =
            |(name, value): (std::borrow::Cow<'_, str>, &RawValue)| Ok((name.into_owned(), Self::parse_nested(value, depth)?));
        members.into_iter().map(parse).collect::<Result<_, String>>().map(Self::Map)
    }

    /// Appends the value's canonical JSON.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(number) => out.push_str(number.as_str()),
            Self::String(text) => json::write_string(out, text),
            Self::Binary(bytes) => write_typed(out, "$B", |out| write_binary(out, bytes)),
            Self::StringSet(set) => {
                write_typed(out, "$SS", |out| json::write_list(out, set, |out, text| json::write_string(out, text)))
            }
            Self::NumberSet(set) => {
                write_typed(out, "$NS", |out| json::write_list(out, set, |out, number| out.push_str(number.as_str())))
            }
            Self::BinarySet(set) => {
                write_typed(out, "$BS", |out| json::write_list(out, set, |out, bytes| write_binary(out, bytes)))
            }
            Self::List(list) => json::write_list(out, list, |out, value| value.write(out)),
            Self::Map(map) => match map.first_key_value() {
                Some((name, value)) if map.len() == 1 && name.starts_with('$') => {
                    write_typed(out, &format!("${name}"), |out| value.write(out))
                }
                _ => write_object(out, map),
            },
        }
    }

    /// Bytes that DynamoDB counts for the value.
    /// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) => 1,
            Self::Number(number) => number.size(),
            Self::String(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
            Self::StringSet(set) => set.iter().map(String::len).sum(),
            Self::NumberSet(set) => set.iter().map(Number::size).sum(),
            Self::BinarySet(set) => set.iter().map(Vec::len).sum(),
            Self::List(list) => 3 + list.iter().map(|value| 1 + value.size()).sum::<usize>(),
            Self::Map(map) => 3 + map.len() + size(map),
        }
    }
}

const EMPTY_SET: &str = "holds an empty set, which DynamoDB has not";

fn too_deep() -> String {
    format!("has more than {MAX_DEPTH} lists and maps within each other")
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Number(count.into())
    }
}

/// Bytes that DynamoDB counts for the attributes: names plus values.
pub(crate) fn size(attributes: &Attributes) -> usize {
    attributes.iter().map(|(name, value)| name.len() + value.size()).sum()
}

/// Appends the attributes as one JSON object, sorted by name.
pub(crate) fn write_object(out: &mut String, attributes: &Attributes) {
    out.push('{');
    for (position, (name, value)) in attributes.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        json::write_string(out, name);
        out.push(':');
        value.write(out);
    }
    out.push('}');
}

fn write_typed(out: &mut String, name: &str, write: impl FnOnce(&mut String)) {
    out.push('{');
    json::write_string(out, name);
    out.push(':');
    write(out);
    out.push('}');
}

fn write_binary(out: &mut String, bytes: &[u8]) {
    json::write_string(out, &BASE64.encode(bytes));
}

fn binary(raw: &RawValue) -> Result<Vec<u8>, String> {
    BASE64.decode(json::string(raw)?).map_err(|_| "holds binary that is not base64".to_owned())
}

fn set<T: Ord>(raw: &RawValue, parse: impl Fn(&RawValue) -> Result<T, String>) -> Result<BTreeSet<T>, String> {
    let elements = json::elements(raw)?;
    let count = elements.len();
    let set = elements.into_iter().map(parse).collect::<Result<BTreeSet<_>, _>>()?;
    match set.len() {
        0 => Err(EMPTY_SET.to_owned()),
        distinct if distinct < count => Err("holds a set with an element twice".to_owned()),
        _ => Ok(set),
    }
}
