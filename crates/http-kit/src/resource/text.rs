//! What a body says about one text attribute.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What a body says about one attribute.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Change {
    /// Nothing.
    #[default]
    Keep,
    /// The attribute is to be absent.
    Remove,
    /// The attribute is to have this value.
    Set(String),
}

/// A text or null; or, where it is neither, how to write it. Whatever it is, the reading of the body goes on behind it.
#[derive(Debug)]
pub(super) struct Text(pub(super) Result<Change, String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Ok(Change::Set(text.to_owned()))))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Text, E> {
        Ok(Text(Ok(Change::Set(text))))
    }

    fn visit_unit<E: Error>(self) -> Result<Text, E> {
        Ok(Text(Ok(Change::Remove)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Text, E> {
        Ok(quoted(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Text, E> {
        Ok(quoted(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Text, E> {
        Ok(quoted(number))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Text, E> {
        Ok(quoted(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Text, A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(Err("must be text, not a list".to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Text, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(Err("must be text, not an object".to_owned())))
    }
}

fn quoted(value: impl fmt::Display) -> Text {
    Text(Err(format!("write it as text: \"{value}\"")))
}
