//! What a body says about one attribute.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// What a body says about one text attribute. A field that is absent is kept (with `#[serde(default)]`), null removes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Change {
    /// Nothing.
    #[default]
    Keep,
    /// The attribute is to be absent.
    Remove,
    /// The attribute is to have this value.
    Set(String),
}

impl From<Option<String>> for Change {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Remove, Self::Set)
    }
}

impl<'de> Deserialize<'de> for Change {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer)
    }
}

/// Reads a text or null.
///
/// # Errors
/// Those of the deserializer; what is neither is told how to write it.
pub fn text<'de, D: Deserializer<'de>, T: From<Option<String>>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(TextVisitor).map(T::from)
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(text))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        quoted(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        quoted(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        quoted(number)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        quoted(value)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom("must be text, not a list"))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom("must be text, not an object"))
    }
}

fn quoted<T, E: Error>(value: impl fmt::Display) -> Result<T, E> {
    Err(E::custom(format_args!("write it as text: \"{value}\"")))
}

/// Reads a text without the white space around it.
///
/// # Errors
/// Those of the deserializer.
pub fn trimmed<'de, D: Deserializer<'de>, T: From<Option<String>>>(deserializer: D) -> Result<T, D::Error> {
    let text: Option<String> = text(deserializer)?;
    Ok(text.map(|text| text.trim().to_owned()).into())
}

/// Reads a text without the white space around it and in lower case, as unique attributes are compared.
///
/// # Errors
/// Those of the deserializer.
pub fn normalised<'de, D: Deserializer<'de>, T: From<Option<String>>>(deserializer: D) -> Result<T, D::Error> {
    let text: Option<String> = text(deserializer)?;
    Ok(text.map(|text| text.trim().to_lowercase()).into())
}
