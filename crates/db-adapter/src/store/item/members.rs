//! An item's members, with their values kept as text.
//!
//! Canonical text was written by this crate, so nothing of it needs to be checked again: it is enough to find where its values end.

use std::borrow::Cow;

use memchr::memchr2;

use super::tag::Tag;
use crate::store::reserved::{VERSION, WRITE_ID};

/// An item's attributes, sorted by name, each with its value as JSON text.
#[derive(Debug)]
pub struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Members<'a> {
    /// The members of an object in canonical text.
    pub(super) fn of_canonical(text: &'a str) -> Self {
        let mut members = Vec::with_capacity(12);
        let mut rest = text.strip_prefix('{').unwrap_or_default();
        while let Some((name, value, behind)) = first_member(rest) {
            let Some(name) = unquoted(name) else { break };
            members.push((name, value));
            rest = behind;
        }
        Self(members)
    }

    /// One attribute's value as JSON text.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        // The few names of an item differ in length more often than not, so to go through them takes less than a binary search.
        self.0.iter().find(|(member, _)| member == name).map(|(_, value)| *value)
    }

    /// A string attribute's text.
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        unquoted(self.get(name)?)
    }

    /// What a conditional write of the item compares.
    pub fn tag(&self) -> Tag {
        let (version, write_id) = self.tag_text();
        Tag { version: version.parse().unwrap_or(0), write_id: write_id.into_owned() }
    }

    /// The two halves of [`Members::tag`] as they are displayed: the version and the write.
    pub fn tag_text(&self) -> (&'a str, Cow<'a, str>) {
        let version = self.get(VERSION).filter(|number| number.parse::<u64>().is_ok()).unwrap_or("0");
        (version, self.text(WRITE_ID).unwrap_or(Cow::Borrowed(Tag::NO_WRITE_ID)))
    }

    /// The attributes in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), *value))
    }
}

impl<'a> IntoIterator for Members<'a> {
    type Item = (Cow<'a, str>, &'a str);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The values of attributes of an object in canonical text, gone through no further than to the last of them. The names need no
/// escapes.
pub(super) fn values<'a, const N: usize>(text: &'a str, names: [&str; N]) -> [Option<&'a str>; N] {
    let mut values = [None; N];
    let mut missing = N;
    let mut rest = text.strip_prefix('{').unwrap_or_default();
    // In text that is not canonical a name may stand twice.
    while missing > 0
        && let Some((name, value, behind)) = first_member(rest)
    {
        let name = name.get(1..name.len().saturating_sub(1)).unwrap_or_default();
        for (_, place) in names.iter().zip(&mut values).filter(|(asked, _)| **asked == name) {
            *place = Some(value);
            missing = missing.saturating_sub(1);
        }
        rest = behind;
    }
    values
}

/// The name, as JSON, and value that an object's text goes on with, and what is behind them and the comma or brace that follows.
fn first_member(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_at_checked(value_length(text.as_bytes())?)?;
    let (value, rest) = first_value(rest.strip_prefix(':')?)?;
    Some((name, value, rest))
}

/// The value that an object's text goes on with, and what is behind it and the comma or brace that follows.
fn first_value(text: &str) -> Option<(&str, &str)> {
    let (value, rest) = text.split_at_checked(value_length(text.as_bytes())?)?;
    Some((value, rest.get(1..)?))
}

/// The bytes of the value that the text starts with.
pub(super) fn value_length(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b'"' => string_length(text),
        b'{' | b'[' => nested_length(text),
        _ => memchr2(b',', b'}', text),
    }
}

/// The bytes of the list or map that the text starts with.
fn nested_length(text: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        match text.get(at)? {
            b'"' => at += string_length(text.get(at..)?)? - 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The bytes of the string that the text starts with, with its quotes.
fn string_length(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        match text.get(at)? {
            b'"' => return Some(at + 1),
            // What follows a backslash is never the end.
            _ => at += 2,
        }
    }
}

/// The text of a JSON string.
pub(crate) fn unquoted(json: &str) -> Option<Cow<'_, str>> {
    match plain(json) {
        Some(plain) => Some(Cow::Borrowed(plain)),
        None => serde_json::from_str(json).ok().map(Cow::Owned),
    }
}

/// The text of a JSON string where that has no escapes and so is a part of it.
pub(crate) fn plain(json: &str) -> Option<&str> {
    let text = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    text.filter(|text| memchr::memchr(b'\\', text.as_bytes()).is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::*;
    use crate::store::item::{Item, json};

    fn any_json() -> impl Strategy<Value = Json> {
        let text = || "[a,:{}\\[\\]\"\\\\\u{1}ä]{0,6}";
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i32>().prop_map(Json::from),
            text().prop_map(Json::from)
        ];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            let named = prop::collection::btree_map(text().prop_map(|name| format!("a{name}")), inner.clone(), 0..4);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Json::from),
                named.prop_map(|named| Json::from(serde_json::Map::from_iter(named))),
            ]
        })
    }

    proptest! {
        #[test]
        fn canonical_text_has_the_members_that_a_parser_finds(
            named in prop::collection::btree_map("[a,:{}\\[\\]\"\\\\\u{1}ä]{1,6}", any_json(), 0..6),
        ) {
            let item = Item::parse(&Json::from(serde_json::Map::from_iter(named)).to_string()).unwrap();
            let parsed = json::members(item.as_json()).unwrap();
            let expected: Vec<_> = parsed.into_iter().map(|(name, value)| (name, value.get())).collect();
            for (name, value) in &expected {
                prop_assert_eq!(item.members().get(name), Some(*value));
            }
            prop_assert_eq!(item.members().get("none of them"), None);
            let plain: Vec<_> = expected.iter().filter(|(name, _)| !name.contains(['"', '\\', '\u{1}'])).collect();
            if let [(first, value), .., (last, other)] = plain[..] {
                prop_assert_eq!(item.values([last, "none of them", first, last]), [Some(*other), None, Some(*value), Some(*other)]);
            }
            prop_assert_eq!(item.members().into_iter().collect::<Vec<_>>(), expected);
        }

        /// A file that somebody wrote with the right checksum may hold it.
        #[test]
        fn text_that_is_not_canonical_does_no_harm(text in "\\{\"[a,:{}\\[\\]\"\\\\ ä0]{0,24}") {
            let _ = (Members::of_canonical(&text), values(&text, ["a"]));
        }
    }
}
