//! What can go wrong. Each backend maps its faults here once, and `http-kit` maps these to responses once.

use std::time::Duration;

use crate::store::limits::MAX_ITEM_BYTES;

/// The result of a store operation.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A create met an item with its key, or a write met another owner of a unique value. Nothing was written.
    #[error("conflict: {rule}")]
    Conflict {
        /// The rule that would have been broken.
        rule: Rule,
    },
    /// An update or delete found no item with the key. Nothing was written.
    #[error("no such item")]
    NotFound,
    /// An update found an attribute that is not as [`only_if`](crate::Update::only_if) says. Nothing was written.
    #[error("{attribute} is not as the update needs it")]
    ConditionFailed {
        /// The first such attribute.
        attribute: String,
    },
    /// A conditional write found the item changed. Nothing was written.
    #[error("the item has changed")]
    VersionMismatch,
    /// The cursor was altered, belongs to another list or lies outside its range. No call was made.
    #[error("the cursor is not valid: {reason}")]
    InvalidCursor {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The item or key cannot be stored. Nothing was written.
    #[error("{attribute} {reason}")]
    InvalidItem {
        /// The attribute that is at fault.
        attribute: String,
        /// What is wrong with it, as the end of a sentence.
        reason: String,
    },
    /// The item would be larger than [`MAX_ITEM_BYTES`]. Nothing was written.
    #[error("the item is larger than {MAX_ITEM_BYTES} bytes, attribute names plus values")]
    TooLarge,
    /// Stored data does not parse or breaks a rule.
    #[error("{place}: {reason}")]
    Corrupt {
        /// Where: the file and offset or record, or the table and key.
        place: String,
        /// What is wrong there, and what can be done.
        reason: String,
    },
    /// The backend refused for load, and retrying did not help. Nothing was written.
    #[error("throttled")]
    Throttled {
        /// When to try again.
        retry_after: Duration,
    },
    /// The operation took too long. A write may or may not have happened.
    #[error("the operation timed out; a write may or may not have happened")]
    Timeout,
    /// The backend cannot serve now. Nothing was written.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// Why, and what can be done. For operators, not for clients.
        reason: String,
    },
    /// Another Region writes, or none does now. Nothing was written.
    #[error("this Region does not write now; {} does", writer.as_deref().unwrap_or("none"))]
    NotWriting {
        /// The Region that writes, if one does. It may be this one, which is about to begin or has lost sight of the lease.
        writer: Option<String>,
    },
    /// A fault of ours or of the backend; a write may or may not have happened.
    #[error("backend fault: {0}")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A rule that keeps items apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// One item per key.
    Key,
    /// One owner per value of this attribute.
    Unique(&'static str),
}

impl std::fmt::Display for Rule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key => formatter.write_str("an item with this key exists"),
            Self::Unique(attribute) => write!(formatter, "another item has this {attribute}"),
        }
    }
}

impl Error {
    /// An [`Error::InvalidItem`].
    pub fn invalid_item(attribute: &str, reason: impl Into<String>) -> Self {
        Self::InvalidItem { attribute: attribute.to_owned(), reason: reason.into() }
    }

    /// An [`Error::Corrupt`].
    pub fn corrupt(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Corrupt { place: place.into(), reason: reason.into() }
    }

    /// An [`Error::Unavailable`].
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into() }
    }

    /// An [`Error::Backend`].
    pub fn backend(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Backend(source.into())
    }
}
