//! The rules on a text that a client sends: those that its attribute declares.

use db_adapter::forum::is_id;
use db_adapter::schema::{Attribute, Max};
use garde::rules::email::{Email, InvalidEmail};
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, WhiteSpace};
use icu_properties::{CodePointMapData, CodePointSetData};

/// What ids look like, for people.
pub const ID: &str = "must be an id: 1 to 64 of A-Z a-z 0-9 _ -";

/// Which rules of the attribute the text breaks: a message each, which says what is allowed.
pub(crate) fn broken(attribute: &Attribute, text: &str) -> Vec<String> {
    let checks = [
        (attribute.references.is_some() && !is_id(text)).then(|| ID.to_owned()),
        (attribute.visible && is_blank(text)).then(|| "must not be blank".to_owned()),
        attribute.email.then(|| not_an_email(text)).flatten(),
        attribute.shape.filter(|shape| !(shape.fits)(text)).map(|shape| shape.allowed.to_owned()),
        attribute.max.and_then(|max| match max {
            Max::Chars(max) => too_long(text.chars().count(), max, "characters"),
            Max::Bytes(max) => too_long(text.len(), max, "bytes"),
        }),
    ];
    checks.into_iter().flatten().collect()
}

fn too_long(length: usize, max: usize, unit: &str) -> Option<String> {
    (length > max).then(|| format!("must have no more than {max} {unit}; it has {length}"))
}

/// An e-mail address is what an HTML form takes.
fn not_an_email(text: &str) -> Option<String> {
    let reason = match text.validate_email() {
        Ok(()) => return None,
        Err(InvalidEmail::UserLengthExceeded) => ": no more than 64 characters before the @",
        Err(InvalidEmail::DomainLengthExceeded) => ": no more than 255 characters after the @",
        Err(InvalidEmail::InvalidUser) => ": the part before the @ is not valid",
        Err(InvalidEmail::InvalidDomain) => ": the part after the @ is not valid",
        Err(_) => "",
    };
    Some(format!("must be an e-mail address as in ann@example.com{reason}"))
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
        let text = Attribute::text("name", "");
        assert_eq!(broken(&Attribute::text("name", "").visible(), " "), ["must not be blank"]);
        assert_eq!(broken(&Attribute::text("name", "").max_chars(3), "ääää"), ["must have no more than 3 characters; it has 4"]);
        assert_eq!(broken(&Attribute::text("name", "").max_bytes(3), "ää"), ["must have no more than 3 bytes; it has 4"]);
        assert!(broken(&Attribute::text("name", "").max_chars(4), "ääää").is_empty());
        assert!(broken(&Attribute::text("name", "").max_bytes(4), "ää").is_empty());
        assert!(broken(&text, "").is_empty());
        let email = Attribute::text("email", "").email();
        for address in ["", "ann", "@", "a@", "@b", "a b@c.d", "a@b c", &format!("{}@b.c", "a".repeat(65))] {
            let messages = broken(&email, address);
            assert!(matches!(&messages[..], [one] if one.starts_with("must be an e-mail address as in ann@example.com")));
        }
        assert!(broken(&email, "pat+news@example.com").is_empty());
    }
}
