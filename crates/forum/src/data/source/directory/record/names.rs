//! What the attributes of a record are called: theirs become ours.

use db_adapter::schema::{Attribute, CREATED_AT, UPDATED_AT};
use db_adapter::{Attributes, Error, Result, Value};

use super::super::{authors, nested};
use super::{Mapper, Notes, holds_id, is_of_user};

/// A name without case, `_`, `-` and spaces.
pub(in super::super) fn plain(name: &str) -> String {
    if name.is_ascii() {
        let letters = name.bytes().filter(|letter| !matches!(letter, b'_' | b'-' | b' '));
        return letters.map(|letter| char::from(letter.to_ascii_lowercase())).collect();
    }
    name.chars().filter(|letter| !matches!(letter, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

impl Mapper {
    /// Moves what the map names to our names.
    pub(super) fn apply_map(&self, attributes: &mut Attributes, notes: &mut Notes) -> Result<()> {
        for (ours, theirs) in self.rules.map.attributes(self.table) {
            let Some(known) = self.table.attribute(ours) else { continue };
            let path: Vec<_> = theirs.split('.').collect();
            let value = match attributes.get(theirs) {
                Some(_) => attributes.remove(theirs),
                None => nested::take_path(attributes, &path),
            };
            let Some(value) = value.filter(|value| *value != Value::Null) else { continue };
            match attributes.insert(ours.to_owned(), value.clone()) {
                Some(other) if other != Value::Null && other != value => {
                    return Err(Error::invalid_item(theirs, format!("is mapped to {ours}, which is there too and differs")));
                }
                _ if ours != theirs => notes.renamed.push((theirs.to_owned(), known.name)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives known attributes our names.
    pub(super) fn rename(&self, attributes: &mut Attributes, notes: &mut Notes) -> Result<()> {
        let absent = |known: &Attribute, value: &Value| match value {
            Value::Null => true,
            Value::String(text) => text.trim().is_empty() && [CREATED_AT, UPDATED_AT].contains(&known.name),
            _ => false,
        };
        // An attribute that the map names is under our name, perhaps as null.
        attributes.retain(|name, value| self.table.attribute(name).is_none_or(|known| !absent(known, value)));
        let mut found = Vec::with_capacity(attributes.len());
        for (theirs, value) in std::mem::take(attributes) {
            match self.names.get(&plain(&theirs)) {
                Some((known, _)) if absent(known, &value) => {}
                Some((known, trust)) => {
                    // `_id` is the database's, `id` the program's.
                    let trust = trust + usize::from(theirs != known.name) + usize::from(theirs.starts_with('_')) * 100;
                    found.push((*known, trust, theirs, value));
                }
                None => drop(attributes.insert(theirs, value)),
            }
        }
        found.sort_by_key(|(_, trust, _, _)| *trust);
        let mut taken: Vec<(&str, String)> = Vec::with_capacity(found.len());
        for (known, _, theirs, value) in found {
            let first = taken.iter().find(|(ours, _)| *ours == known.name).map(|(_, theirs)| theirs);
            let (Some(first), Some(other)) = (first, attributes.get(known.name)) else {
                if theirs != known.name {
                    notes.renamed.push((theirs.clone(), known.name));
                }
                attributes.insert(known.name.to_owned(), value);
                taken.push((known.name, theirs));
                continue;
            };
            let same =
                if holds_id(self.table, known) { authors::id_of(other) == authors::id_of(&value) } else { *other == value };
            let is_name_beside_id = is_of_user(known) && plain(first).ends_with("id") && !plain(&theirs).ends_with("id");
            if theirs.starts_with('_') || is_name_beside_id {
                attributes.insert(theirs, value);
            } else if !same {
                let reason = format!("differs from {first}, and both mean {}; say in a --map which one is", known.name);
                return Err(Error::invalid_item(&theirs, reason));
            }
        }
        Ok(())
    }
}
