//! Where an item stands in a list: places, whose order is the order of the list.
//!
//! The text of a place is that of its parts with U+0000 between them. No part holds U+0000, which sorts before every other
//! character, so that places are ordered as the tuples of their parts are. A place has no text of its own: it points at its parts where
//! they stand in its item.

use std::cmp::Ordering;

use crate::store::item::{Item, plain, unquoted};

/// What separates the parts of a place.
pub(super) const SEPARATOR: char = '\0';

/// A place in the list of all items: the halves of the key.
pub(super) type KeyPlace = Place<2>;
/// A place in an index: the halves of the index, and those of the key.
pub(super) type IndexPlace = Place<4>;

/// A place of no more than `N` parts, and its item.
#[derive(Debug, Clone)]
pub(super) struct Place<const N: usize> {
    item: Item,
    /// None where the text of the place stands behind the item, in a chunk that is only for it.
    parts: [Part; N],
}

/// A part of a place, which stands in the item as it is.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    /// Bytes from its start to the end of the item; 0 where there is no such part.
    before_end: u16,
    length: u16,
}

impl Part {
    /// The part that this value of the item, as JSON, is. `None` where it cannot be pointed at.
    fn of(item: &Item, value: &str) -> Option<Self> {
        let (text, value) = (item.as_json(), plain(value)?);
        let before_end = (text.as_ptr().addr() + text.len()).checked_sub(value.as_ptr().addr())?;
        Some(Self { before_end: before_end.try_into().ok()?, length: value.len().try_into().ok()? })
    }
}

/// The attributes whose values are the parts of places; `None` behind them.
pub(super) type Names<const N: usize> = [Option<&'static str>; N];

impl<const N: usize> Place<N> {
    /// The place of an item by these attributes. `None` where one is missing or not a string. It is found sooner where the one that is
    /// likely is like it: of most items in a row the parts stand as far from the end.
    pub(super) fn new(item: &Item, names: &Names<N>, likely: Option<&Self>) -> Option<Self> {
        if let Some(like) = likely.and_then(|likely| likely.like(item, names)) {
            return Some(like);
        }
        let first = names.first().copied().flatten()?;
        let values = item.values(names.map(|name| name.unwrap_or(first)));
        let mut parts = [Part::default(); N];
        for ((part, value), _) in parts.iter_mut().zip(values).zip(names.iter().flatten()) {
            let Some(found) = Part::of(item, value?) else { return Self::with_text(item, names, values) };
            *part = found;
        }
        Some(Self { item: item.clone(), parts })
    }

    /// The place of another item, if its parts stand as far from its end, and are as long.
    fn like(&self, item: &Item, names: &Names<N>) -> Option<Self> {
        let text = item.as_json().as_bytes();
        let start = |part: &Part| text.len().checked_sub(part.before_end.into());
        let tail = text.get(self.parts.iter().filter_map(start).min()?..)?;
        // No map ends in it but the item, so that what it has of members are those of the item.
        if self.parts.first()?.before_end == 0 || memchr::memchr(b'}', tail)? + 1 < tail.len() {
            return None;
        }
        for (part, name) in self.parts.iter().zip(names.iter().flatten()) {
            let (before, value) = text.split_at_checked(start(part)?)?;
            let (value, behind) = value.split_at_checked(part.length.into())?;
            // In a string quotes have a backslash before them, so that this is a name.
            let before = before.strip_suffix(b"\":\"")?.strip_suffix(name.as_bytes())?;
            let is_member = before.ends_with(b",\"") || before == b"{\"";
            if !is_member || behind.first() != Some(&b'"') || memchr::memchr2(b'"', b'\\', value).is_some() {
                return None;
            }
        }
        Some(Self { item: item.clone(), parts: self.parts })
    }

    fn with_text(item: &Item, names: &Names<N>, values: [Option<&str>; N]) -> Option<Self> {
        let mut text = String::new();
        for (number, (value, _)) in values.into_iter().zip(names.iter().flatten()).enumerate() {
            text.extend((number > 0).then_some(SEPARATOR));
            text.push_str(&unquoted(value?)?);
        }
        Some(Self { item: item.with_text_behind(&text), parts: [Part::default(); N] })
    }

    pub(super) fn item(&self) -> &Item {
        &self.item
    }

    fn part(&self, number: usize) -> Option<&str> {
        let (chunk, end) = self.item.chunk();
        let Part { before_end, length } = *self.parts.get(number)?;
        if before_end > 0 {
            let start = end.checked_sub(before_end.into())?;
            return chunk.get(start..start + usize::from(length));
        }
        match self.parts.first() {
            Some(Part { before_end: 0, .. }) => chunk.get(end..)?.splitn(N, SEPARATOR).nth(number),
            _ => None,
        }
    }

    /// The text of the place.
    pub(super) fn text(&self) -> String {
        let mut text = String::with_capacity(64);
        for part in (0..N).map_while(|number| self.part(number)) {
            text.push_str(part);
            text.push(SEPARATOR);
        }
        text.pop();
        text
    }

    /// The first bytes of the text of the place, with zeros behind it: they are ordered as places are, but that other places may have
    /// the same.
    pub(super) fn prefix(&self) -> [u8; 64] {
        let mut prefix = [0; 64];
        let mut free = prefix.as_mut_slice();
        for part in (0..N).map_while(|number| self.part(number)) {
            let length = part.len().min(free.len());
            let (start, rest) = free.split_at_mut_checked(length).unwrap_or_default();
            start.copy_from_slice(part.as_bytes().get(..length).unwrap_or_default());
            free = rest.get_mut(SEPARATOR.len_utf8()..).unwrap_or_default();
        }
        prefix
    }

    /// Is this its first part?
    pub(super) fn is_of(&self, first: &str) -> bool {
        self.part(0) == Some(first)
    }

    /// How the place is to another one, or its text to that text.
    pub(super) fn compare<'a>(&self, other: &Parts<'a, N>) -> Ordering {
        compare(|number| self.part(number), |number| other.0.get(number).copied().flatten())
    }
}

impl<const N: usize> Ord for Place<N> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(|number| self.part(number), |number| other.part(number))
    }
}

impl<const N: usize> PartialOrd for Place<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const N: usize> PartialEq for Place<N> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<const N: usize> Eq for Place<N> {}

/// A text that places are compared with, taken apart once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a, const N: usize>([Option<&'a str>; N]);

impl<'a, const N: usize> Parts<'a, N> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut parts = [None; N];
        parts.iter_mut().zip(text.splitn(N, SEPARATOR)).for_each(|(part, found)| *part = Some(found));
        Self(parts)
    }
}

impl<'a> Parts<'a, 2> {
    /// The text of a key, of one half or both.
    pub(super) fn of_key(hash: &'a str, range: Option<&'a str>) -> Self {
        Self([Some(hash), range])
    }
}

/// Compares part by part. Only a last part may hold a separator, and there is none behind it.
fn compare<'a, 'b>(mine: impl Fn(usize) -> Option<&'a str>, other: impl Fn(usize) -> Option<&'b str>) -> Ordering {
    let mut number = 0;
    loop {
        let (mine, other) = (mine(number), other(number));
        match mine.cmp(&other) {
            Ordering::Equal if mine.is_some() => number += 1,
            order => return order,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::item::{Attributes, Value};

    const NAMES: [&str; 4] = ["k", "l", "m", "n"];

    /// An item with these parts as attributes, and some text of that length behind them.
    fn item(parts: &[String], behind: usize) -> Item {
        let named = NAMES.iter().zip(parts).map(|(name, part)| ((*name).to_owned(), Value::from(part.as_str())));
        let mut attributes: Attributes = named.collect();
        attributes.insert("z".to_owned(), Value::from("z".repeat(behind)));
        Item::new(&attributes)
    }

    fn names(count: usize) -> Names<4> {
        std::array::from_fn(|number| NAMES.get(number).copied().filter(|_| number < count))
    }

    fn place(parts: &[String], behind: usize) -> IndexPlace {
        IndexPlace::new(&item(parts, behind), &names(parts.len()), None).unwrap()
    }

    fn parts(of: &'static str) -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec(of, 1..=4)
    }

    /// With escapes, empty parts, prefixes of each other, more than one byte to a character, and too far from the end.
    fn any_place() -> impl Strategy<Value = (Vec<String>, usize)> {
        (parts("[\u{1}a\"\\\\ä\u{10ffff}]{0,3}"), prop_oneof![3 => Just(0), 1 => Just(70_000)])
    }

    proptest! {
        #[test]
        fn places_are_ordered_as_their_texts((mine, far) in any_place(), (other, further) in any_place()) {
            let (place, another) = (place(&mine, far), place(&other, further));
            let (text, other) = (mine.join("\0"), other.join("\0"));
            prop_assert_eq!(place.text(), text.clone());
            prop_assert_eq!(place.cmp(&another), text.cmp(&other));
            prop_assert_eq!(place.compare(&Parts::of(&other)), text.cmp(&other));
            prop_assert_eq!(place.compare(&Parts::of(&text)), Ordering::Equal);
            prop_assert_eq!(place.item(), &item(&mine, far));
            prop_assert_eq!(place.prefix().cmp(&another.prefix()).then(place.cmp(&another)), text.cmp(&other));
        }

        /// Bounds may hold separators, and so may keys of a file that somebody wrote with the right checksum.
        #[test]
        fn a_separator_in_a_part_does_no_harm(mine in parts("[\u{0}\u{1}a]{0,3}"), other in "[\u{0}\u{1}a]{0,9}") {
            let (place, text) = (place(&mine, 0), mine.join("\0"));
            prop_assert_eq!(place.compare(&Parts::of(&other)), text.cmp(&other));
        }
    }

    proptest! {
        /// Whatever items stand in a row: with names and values that look like others, in maps too.
        #[test]
        fn a_likely_place_changes_nothing(items in prop::collection::vec(any_members(), 2)) {
            let [likely, item] = [0, 1].map(|number| Item::parse(&items[number]).unwrap());
            let names = [Some("k"), Some("l"), None, None];
            let Some(likely) = IndexPlace::new(&likely, &names, None) else { return Ok(()) };
            let (found, expected) = (IndexPlace::new(&item, &names, Some(&likely)), IndexPlace::new(&item, &names, None));
            prop_assert_eq!(found.map(|place| place.text()), expected.map(|place| place.text()));
        }
    }

    fn any_members() -> impl Strategy<Value = String> {
        let value = prop_oneof![
            4 => "[ab]",
            1 => Just("\\\"".to_owned()),
            1 => Just(",\\\"k\\\":\\\"a".to_owned()),
        ];
        let value = value.prop_map(|text| format!("\"{text}\""));
        let value = prop_oneof![6 => value.clone(), 1 => Just("1".to_owned()), 2 => value.prop_map(|value| format!(r#"{{"j":1,"k":{value},"l":{value}}}"#))];
        let members = prop::collection::btree_map("[jklm]", value, 1..=4);
        members.prop_map(|members| {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            format!("{{{}}}", members.join(","))
        })
    }

    #[test]
    fn a_place_is_small_and_shares_its_item() {
        assert_eq!((size_of::<KeyPlace>(), size_of::<IndexPlace>()), (24, 32));
        let item = item(&["a".to_owned()], 0);
        let place = KeyPlace::new(&item, &[Some("k"), None], None).unwrap();
        let next = KeyPlace::new(&item, &[Some("k"), None], Some(&place)).unwrap();
        assert!([place, next].iter().all(|place| std::ptr::eq(place.item().as_json(), item.as_json())));
        assert!(KeyPlace::new(&item, &[Some("l"), None], None).is_none());
    }
}
