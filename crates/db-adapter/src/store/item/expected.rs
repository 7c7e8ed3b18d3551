//! Finding attributes whose names are known, in many items one after the other.

use super::Item;
use super::members::{first_member, first_value};

/// Names of attributes, prepared for finding their values in one pass over an item's text and without allocation.
#[derive(Debug)]
pub struct Expected {
    /// As they are written in an item, with the colon, in the order in which they are there; each with its place among the names.
    names: Vec<(String, usize)>,
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

    /// Puts the JSON of each value, or `None` where the item lacks it, at the place that its name has among the names.
    pub fn find<'a>(&self, item: &'a Item, values: &mut Vec<Option<&'a str>>) {
        values.clear();
        values.resize(self.names.len(), None);
        let (mut names, mut rest) = (self.names.as_slice(), item.as_json().strip_prefix('{').unwrap_or_default());
        while !names.is_empty() {
            let known =
                names.iter().enumerate().find_map(|(at, (name, place))| Some((at, place, rest.strip_prefix(name.as_str())?)));
            rest = if let Some((at, place, rest)) = known {
                names = names.get(at + 1..).unwrap_or_default();
                let Some((value, behind)) = first_value(rest) else { return };
                if let Some(found) = values.get_mut(*place) {
                    *found = Some(value);
                }
                behind
            } else {
                let Some((_, _, behind)) = first_member(rest) else { return };
                behind
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::item::Attributes;
    use crate::store::item::Value;

    proptest! {
        #[test]
        fn it_finds_what_the_members_have(
            of_item in prop::collection::btree_map("[abä\"\\\\,:}]{1,3}", "[a\"\\\\,:}]{0,3}", 0..8),
            names in prop::collection::btree_set("[abä\"\\\\,:}]{1,3}", 0..8),
            reversed: bool,
        ) {
            let item = Item::new(&of_item.into_iter().map(|(name, text)| (name, Value::from(text))).collect::<Attributes>());
            let mut names: Vec<_> = names.iter().map(String::as_str).chain(["b"]).collect();
            names.sort_unstable();
            names.dedup();
            if reversed {
                names.reverse();
            }
            let mut values = vec![Some("of the item before")];
            Expected::new(names.iter().copied()).find(&item, &mut values);
            let members = item.members();
            prop_assert_eq!(values, names.iter().map(|name| members.get(name)).collect::<Vec<_>>());
        }
    }
}
