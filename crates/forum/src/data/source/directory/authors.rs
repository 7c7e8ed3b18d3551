//! Who wrote a record: an id, an object with one, or a name.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;

use db_adapter::forum::{is_id, user};
use db_adapter::{Attributes, Error, Result, Value};
use sha2::{Digest, Sha256};

use super::record::plain;

/// Names of an id in an object.
const IDS: [&str; 3] = ["id", "userid", "uid"];
/// Names of a name in an object.
const NAMES: [&str; 4] = ["username", "name", "displayname", "login"];

/// What becomes of authors.
#[derive(Debug, Clone, Default)]
pub(super) enum Authors {
    /// Their ids stay.
    #[default]
    Kept,
    /// There are no users, so they are made of the authors.
    Made,
    /// There are users, by id and by name.
    Known(Arc<Known>),
}

/// The users that there are.
#[derive(Debug, Default)]
pub(super) struct Known {
    ids: HashSet<String>,
    /// The id by name; `None` where several users have it.
    names: HashMap<String, Option<String>>,
}

impl Known {
    /// Adds a user.
    pub(super) fn add(&mut self, id: String, names: impl Iterator<Item = String>) {
        let mut names: Vec<_> = names.filter(|name| *name != id).collect();
        names.dedup();
        for name in names {
            let other = self.names.entry(name).or_insert_with(|| Some(id.clone()));
            other.take_if(|other| *other != id);
        }
        self.ids.insert(id);
    }

    fn id(&self, author: &str) -> Option<&str> {
        if self.ids.contains(author) { None } else { self.names.get(author)?.as_deref() }
    }
}

impl Authors {
    /// The id of the author in `value`, and the author as a record of a user, where users are made.
    ///
    /// # Errors
    /// [`Error::InvalidItem`] when the value is no author.
    pub(super) fn resolve(
        &self,
        attribute: &str,
        value: Value,
        others: &Attributes,
        make_ids: bool,
    ) -> Result<(String, Option<Attributes>)> {
        let found = id_of(&value).or_else(|| member(&value, &NAMES).and_then(|name| name.as_str().map(str::to_owned)));
        let text = found.ok_or_else(|| {
            Error::invalid_item(attribute, "must be a string or a whole number, or an object with an id or a name: it is a user")
        })?;
        match self {
            Self::Kept if make_ids => Ok((allowed(user::TABLE.singular, text), None)),
            Self::Kept => Ok((text, None)),
            Self::Known(known) => {
                let id = known.id(&text).map(str::to_owned).unwrap_or(text);
                Ok((if make_ids { allowed(user::TABLE.singular, id) } else { id }, None))
            }
            Self::Made => {
                let id = allowed(user::TABLE.singular, text.clone());
                Ok((id.clone(), Some(made(id, text, value, others))))
            }
        }
    }
}

/// The record of a user that is known as an author only.
fn made(id: String, text: String, value: Value, others: &Attributes) -> Attributes {
    let mut record = match value {
        Value::Map(map) => map,
        _ => Attributes::new(),
    };
    record.retain(|name, value| !IDS.contains(&plain(name).as_str()) && *value != Value::Null);
    record.insert(user::TABLE.hash.to_owned(), id.into());
    if member(&Value::Map(record.clone()), &NAMES).is_none() {
        let beside = ["author", "username", "user", "poster", "createdBy", "authorName"];
        let name = beside.iter().find_map(|name| others.get(*name).and_then(Value::as_str)).map(str::to_owned);
        record.insert("name".to_owned(), name.unwrap_or(text).into());
    }
    record
}

/// The id in a value: text, a whole number, or an object with one.
pub(super) fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => number.as_count().map(|_| number.to_string()),
        Value::Map(_) => member(value, &IDS).filter(|id| !matches!(id, Value::Map(_))).and_then(id_of),
        _ => None,
    }
}

/// What an object holds beside its id: it is kept.
pub(super) fn beside_id(value: &Value) -> Option<Value> {
    let Value::Map(map) = value else { return None };
    let others = map.iter().filter(|(name, _)| !IDS.contains(&plain(name).as_str()));
    let rest: Attributes = others.map(|(name, value)| (name.clone(), value.clone())).collect();
    (!rest.is_empty()).then_some(Value::Map(rest))
}

fn member<'a>(value: &'a Value, names: &[&str]) -> Option<&'a Value> {
    let Value::Map(map) = value else { return None };
    let of = |wanted: &&str| map.iter().find(|(name, value)| plain(name) == **wanted && **value != Value::Null);
    names.iter().find_map(of).map(|(_, value)| value)
}

/// The id, or one made of it where it is not allowed: the same whenever it is read.
pub(super) fn allowed(singular: &str, id: String) -> String {
    if is_id(&id) {
        return id;
    }
    let digest = Sha256::digest(id.as_bytes());
    digest.iter().take(8).fold(format!("{singular}-"), |mut made, byte| {
        let _ = write!(made, "{byte:02x}");
        made
    })
}
