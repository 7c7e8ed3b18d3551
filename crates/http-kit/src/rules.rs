//! Rules on fields that garde does not have; used as `#[garde(custom(rules::present))]`.

use db_adapter::entity::is_id;

use crate::change::Change;

/// What ids look like, for people.
pub const ID: &str = "must be an id: 1 to 64 of A-Z a-z 0-9 _ -";

/// A field of a body.
pub trait Field {
    /// Is the field null, or absent where it must not be?
    fn is_missing(&self) -> bool;
    /// The field's text, if it has one.
    fn text(&self) -> Option<&str>;
}

impl Field for Option<String> {
    fn is_missing(&self) -> bool {
        self.is_none()
    }

    fn text(&self) -> Option<&str> {
        self.as_deref()
    }
}

impl Field for Change {
    fn is_missing(&self) -> bool {
        *self == Change::Remove
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Set(text) => Some(text),
            Self::Keep | Self::Remove => None,
        }
    }
}

/// The attribute cannot be absent: in a new item the field is required, in a patch it cannot be null.
///
/// # Errors
/// When it is missing.
pub fn present(field: &impl Field, _: &()) -> garde::Result {
    if field.is_missing() { Err(garde::Error::new("is required and cannot be null")) } else { Ok(()) }
}

/// Where there is a text, it is an id.
///
/// # Errors
/// When it is none.
pub fn id(field: &impl Field, _: &()) -> garde::Result {
    if field.text().is_none_or(is_id) { Ok(()) } else { Err(garde::Error::new(ID)) }
}
