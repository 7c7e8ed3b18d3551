//! What a body says about one attribute.

use garde::rules::email::Email;
use garde::rules::length::{bytes::Bytes, chars::Chars};
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
        Option::deserialize(deserializer).map(Self::from)
    }
}

/// Reads a text without the white space around it.
///
/// # Errors
/// Those of the deserializer.
pub fn trimmed<'de, D: Deserializer<'de>, T: From<Option<String>>>(deserializer: D) -> Result<T, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(|text| text.trim().to_owned()).into())
}

/// Reads a text without the white space around it and in lower case, as unique attributes are compared.
///
/// # Errors
/// Those of the deserializer.
pub fn normalised<'de, D: Deserializer<'de>, T: From<Option<String>>>(deserializer: D) -> Result<T, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(|text| text.trim().to_lowercase()).into())
}

impl Change {
    fn check<E>(&self, rule: impl FnOnce(&String) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::Set(text) => rule(text),
            Self::Keep | Self::Remove => Ok(()),
        }
    }
}

impl Chars for Change {
    fn validate_num_chars(&self, min: usize, max: usize) -> Result<(), garde::Error> {
        self.check(|text| text.validate_num_chars(min, max))
    }
}

impl Bytes for Change {
    fn validate_num_bytes(&self, min: usize, max: usize) -> Result<(), garde::Error> {
        self.check(|text| text.validate_num_bytes(min, max))
    }
}

impl Email for Change {
    fn validate_email(&self) -> Result<(), garde::rules::email::InvalidEmail> {
        self.check(Email::validate_email)
    }
}
