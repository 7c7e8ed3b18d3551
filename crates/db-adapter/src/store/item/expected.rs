//! Finding attributes whose names are known, in many items one after the other.

use super::Item;
use super::members::value_length;
use super::quotes::Quotes;

/// Names of attributes, prepared for finding them in one pass over an item's text and without allocation.
#[derive(Debug)]
pub struct Expected {
    /// As they are written in an item, with the colon, in the order in which they are there; each with its place among the names.
    names: Vec<(String, usize)>,
}

/// The attributes that were found in an item.
#[derive(Debug, Default)]
pub struct Found<'a>(Vec<Option<&'a str>>);

impl<'a> Found<'a> {
    /// The attribute of the name at that place among the names, as the item has it: name, colon and value.
    pub fn member(&self, place: usize) -> Option<&'a str> {
        self.0.get(place).copied().flatten()
    }
}

impl Expected {
    /// These names, each once.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names: Vec<_> = names.into_iter().zip(0..).collect();
        names.sort_unstable();
        let written = |(name, place): (&str, usize)| {
            let mut written = String::with_capacity(name.len() + 3);
            super::json::write_string(&mut written, name);
            written.push(':');
            (written, place)
        };
        Self { names: names.into_iter().map(written).collect() }
    }

    /// Finds those that the item has, in place of what was found before.
    pub fn find<'a>(&self, item: &'a Item, found: &mut Found<'a>) {
        let text = item.as_json();
        let bytes = text.as_bytes();
        found.0.clear();
        found.0.resize(self.names.len(), None);
        let (mut names, mut quotes) = (self.names.as_slice(), Quotes::of(text));
        let mut next = quotes.next();
        while let Some(start) = next
            && !names.is_empty()
            && let Some(name_end) = quotes.next()
        {
            let value = name_end + 2;
            let end;
            (end, next) = match bytes.get(value) {
                Some(b'"') => match quotes.nth(1) {
                    Some(last) => (last + 1, quotes.next()),
                    None => return,
                },
                Some(b'{' | b'[') => {
                    let Some(length) = bytes.get(value..).and_then(value_length) else { return };
                    let end = value + length;
                    (end, quotes.find(|quote| *quote >= end))
                }
                // What follows is a comma, or the brace at the end.
                _ => {
                    let next = quotes.next();
                    (next.unwrap_or(text.len()).saturating_sub(1), next)
                }
            };
            let name = bytes.get(start..value);
            let known = names.iter().enumerate().find(|(_, (known, _))| Some(known.as_bytes()) == name);
            if let Some((at, (_, place))) = known {
                names = names.get(at + 1..).unwrap_or_default();
                if let Some(member) = found.0.get_mut(*place) {
                    *member = text.get(start..end);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::item::{Attributes, Value};

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            3 => "[a\"\\\\,:}]{0,3}".prop_map(Value::from),
            1 => any::<bool>().prop_map(Value::Bool),
            1 => Just(Value::Null),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
                prop::collection::btree_map("[ab\"\\\\,:}]{1,2}", inner, 0..3).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_finds_what_the_members_have(
            of_item in prop::collection::btree_map("[abä\"\\\\,:}]{1,3}", any_value(), 0..8),
            names in prop::collection::btree_set("[abä\"\\\\,:}]{1,3}", 0..8),
            reversed: bool,
        ) {
            let item = Item::new(&of_item.into_iter().collect::<Attributes>());
            let mut names: Vec<_> = names.iter().map(String::as_str).chain(["b"]).collect();
            names.sort_unstable();
            names.dedup();
            if reversed {
                names.reverse();
            }
            let before = Item::parse(r#"{"a":"of the item before"}"#).unwrap();
            let (expected, mut found) = (Expected::new(names.iter().copied()), Found::default());
            expected.find(&before, &mut found);
            expected.find(&item, &mut found);
            let members = item.members();
            for (place, name) in names.iter().enumerate() {
                let member = members.get(name).map(|value| format!("{}:{value}", serde_json::to_string(name).unwrap()));
                prop_assert_eq!(found.member(place), member.as_deref());
            }
        }
    }
}
