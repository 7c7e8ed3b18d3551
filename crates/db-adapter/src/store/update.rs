//! Partial updates: what to set, what to remove, on which condition.

use std::borrow::Cow;
use std::collections::BTreeSet;

use uuid::Uuid;

use crate::store::error::{Error, Result};
use crate::store::item::{Attributes, Tag, Value, check_size};
use crate::store::reserved::{CREATED_AT, UPDATED_AT, VERSION, WRITE_ID};
use crate::store::schema::{Attribute, Key, Table};
use crate::store::time::is_timestamp;

/// A partial update of one item. `version` and `writeId` change by themselves.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// Attributes to set.
    pub set: Attributes,
    /// Attributes to remove; absent ones are no fault.
    pub remove: BTreeSet<String>,
    /// Only if the item has this tag.
    pub expected: Option<Tag>,
}

impl Update {
    /// Checks what both backends refuse.
    ///
    /// # Errors
    /// [`Error::InvalidItem`] when half of the key is missing or the update touches a key or an attribute that the adapter keeps,
    /// sets and removes the same attribute, removes a required one, or sets one to what [`Table::check`] refuses; [`Error::TooLarge`] when every item would
    /// be too large with it.
    pub(crate) fn check(&self, table: &Table, key: &Key) -> Result<()> {
        table.check_full_key(key)?;
        for name in self.set.keys().chain(&self.remove) {
            if table.is_key(name) {
                return Err(Error::invalid_item(name, "is part of the key and cannot change"));
            }
            let constant = table.constant.as_ref().map(|constant| constant.attribute);
            if name == VERSION || name == WRITE_ID || constant == Some(name) {
                return Err(Error::invalid_item(name, "is kept by the store and cannot be set"));
            }
        }
        if let Some(name) = self.remove.iter().find(|name| table.attribute(name).is_some_and(Attribute::is_always_stored)) {
            return Err(Error::invalid_item(name, "cannot be removed: every item has it"));
        }
        if self.remove.contains("") {
            return Err(Error::invalid_item("item", "has no attribute without a name"));
        }
        if let Some(name) = self.remove.iter().find(|name| self.set.contains_key(*name)) {
            return Err(Error::invalid_item(name, "is both set and removed"));
        }
        table.check_values(&self.set)?;
        let mut least = self.set.clone();
        let key = [Some(table.hash).zip(Some(&key.hash)), table.range.zip(key.range.as_ref())];
        least.extend(key.into_iter().flatten().map(|(name, value)| (name.to_owned(), Value::from(value.as_str()))));
        least.insert(VERSION.to_owned(), Value::from(1));
        least.insert(WRITE_ID.to_owned(), Value::String(Uuid::nil().simple().to_string()));
        check_size(&least)
    }

    /// The time that it sets as that of the update, if it sets one.
    pub(crate) fn time(&self) -> Option<&str> {
        self.set.get(UPDATED_AT).and_then(Value::as_str)
    }

    /// The update of this item. Its time is not before the item's own: clocks are set back, and differ between hosts.
    pub(crate) fn not_before(&self, stored: &Attributes) -> Cow<'_, Self> {
        let own = [CREATED_AT, UPDATED_AT].into_iter().filter_map(|name| stored.get(name)?.as_str());
        match (own.filter(|time| is_timestamp(time)).max(), self.time()) {
            (Some(own), Some(time)) if time < own => {
                let mut update = self.clone();
                update.set.insert(UPDATED_AT.to_owned(), Value::from(own));
                Cow::Owned(update)
            }
            _ => Cow::Borrowed(self),
        }
    }

    /// The item's attributes after the update.
    pub(crate) fn apply(&self, attributes: &mut Attributes) {
        attributes.retain(|name, _| !self.remove.contains(name));
        attributes.extend(self.set.clone());
    }
}
