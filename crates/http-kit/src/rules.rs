//! Rules on fields, each with a message that says what is allowed; used as `#[garde(custom(rules::present))]`.

use db_adapter::forum::is_id;
use garde::rules::email::{Email, InvalidEmail};
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, WhiteSpace};
use icu_properties::{CodePointMapData, CodePointSetData};

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

/// Where there is a text, something of it can be seen.
///
/// # Errors
/// When it is [blank](is_blank).
pub fn visible(field: &impl Field, _: &()) -> garde::Result {
    if field.text().is_some_and(is_blank) { Err(garde::Error::new("must not be blank")) } else { Ok(()) }
}

/// Where there is a text, it has no more than `max` Unicode characters.
pub fn max_chars<F: Field>(max: usize) -> impl Fn(&F, &()) -> garde::Result {
    move |field, ()| no_more(field.text().map_or(0, |text| text.chars().count()), max, "characters")
}

/// Where there is a text, it has no more than `max` bytes of UTF-8.
pub fn max_bytes<F: Field>(max: usize) -> impl Fn(&F, &()) -> garde::Result {
    move |field, ()| no_more(field.text().map_or(0, str::len), max, "bytes")
}

fn no_more(length: usize, max: usize, unit: &str) -> garde::Result {
    if length <= max { Ok(()) } else { Err(garde::Error::new(format!("must have no more than {max} {unit}; it has {length}"))) }
}

/// Where there is a text, it is an e-mail address, as an HTML form takes it.
///
/// # Errors
/// When it is none.
pub fn email(field: &impl Field, _: &()) -> garde::Result {
    let reason = match field.text().map_or(Ok(()), |text| text.validate_email()) {
        Ok(()) => return Ok(()),
        Err(InvalidEmail::UserLengthExceeded) => ": no more than 64 characters before the @",
        Err(InvalidEmail::DomainLengthExceeded) => ": no more than 255 characters after the @",
        Err(InvalidEmail::InvalidUser) => ": the part before the @ is not valid",
        Err(InvalidEmail::InvalidDomain) => ": the part after the @ is not valid",
        Err(_) => "",
    };
    Err(garde::Error::new(format!("must be an e-mail address as in ann@example.com{reason}")))
}

/// Characters that show nothing, though their properties say otherwise.
const SHOW_NOTHING: [char; 3] = [
    '\u{2800}',  // BRAILLE PATTERN BLANK
    '\u{16FE4}', // KHITAN SMALL SCRIPT FILLER
    '\u{1D159}', // MUSICAL SYMBOL NULL NOTEHEAD
];

/// Is nothing of the text visible? So is one of nothing but white space, controls, format characters (joiners, marks of direction)
/// and what Unicode calls default-ignorable (fillers, variation selectors, tags), by the properties of Unicode 18.0; beside a
/// visible character, each of these may do its work.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(shows_nothing)
}

fn shows_nothing(character: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(character);
    matches!(category, GeneralCategory::Control | GeneralCategory::Format)
        || CodePointSetData::new::<WhiteSpace>().contains(character)
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
        || SHOW_NOTHING.contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::nothing("")]
    #[case::white_space("  \n\t\u{a0}\u{3000}\u{2028}\u{85}")]
    #[case::controls("\u{0}\u{7f}\u{9f}")]
    #[case::zero_width("\u{200b}\u{200c}\u{200d}\u{feff}\u{2060}")]
    #[case::direction("\u{200e}\u{200f}\u{202e}\u{2066}\u{61c}")]
    #[case::fillers("\u{115f}\u{1160}\u{3164}\u{ffa0}\u{2800}\u{16fe4}\u{1d159}")]
    #[case::soft_hyphen("\u{ad}\u{34f}\u{180e}")]
    #[case::variation_selectors("\u{fe0f}\u{e0100}")]
    #[case::tags("\u{e0001}\u{e0061}\u{e007f}")]
    fn what_shows_nothing_is_blank(#[case] text: &str) {
        assert!(is_blank(text), "{text:?}");
        assert!(!is_blank(&format!("{text}x{text}")));
    }

    #[rstest]
    #[case("a")]
    #[case("👩\u{200d}👩\u{200d}👧")]
    #[case("❤\u{fe0f}")]
    #[case("e\u{301}")]
    #[case("\u{301}")]
    #[case("\u{200f}שלום")]
    #[case("مرحبا")]
    #[case("ᄀ\u{1160}")]
    #[case(".")]
    fn what_shows_something_is_not(#[case] text: &str) {
        assert!(!is_blank(text), "{text:?}");
    }

    #[test]
    fn messages_say_what_is_allowed() {
        let text = |text: &str| Some(text.to_owned());
        let message = |result: garde::Result| result.unwrap_err().to_string();
        assert_eq!(message(visible(&text(" "), &())), "must not be blank");
        assert_eq!(message(max_chars(3)(&text("ääää"), &())), "must have no more than 3 characters; it has 4");
        assert_eq!(message(max_bytes(3)(&text("ää"), &())), "must have no more than 3 bytes; it has 4");
        assert!(max_chars(4)(&text("ääää"), &()).is_ok() && max_bytes(4)(&text("ää"), &()).is_ok());
        for address in ["", "ann", "@", "a@", "@b", "a b@c.d", "a@b c", &format!("{}@b.c", "a".repeat(65))] {
            assert!(message(email(&text(address), &())).starts_with("must be an e-mail address as in ann@example.com"));
        }
        assert!(email(&text("pat+news@example.com"), &()).is_ok() && email(&None::<String>, &()).is_ok());
    }
}
