//! Partial updates: what to set, what to remove, on which condition.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::store::error::{Error, Result};
use crate::store::item::{Attributes, Tag, Value, check_size};
use crate::store::reserved::{CREATED_AT, TOUCH_ID, UPDATED_AT, VERSION, WRITE_ID};
use crate::store::schema::{Attribute, Key, Kind, Table};
use crate::store::time::is_timestamp;

/// A partial update of one item. `version` and `writeId` change by themselves. No attribute may be named twice, but in `only_if`.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// Attributes to set.
    pub set: Attributes,
    /// Attributes to remove; absent ones are no fault.
    pub remove: BTreeSet<String>,
    /// Numbers to add to counts. A count that is absent is 0, and none becomes less than 0.
    pub add: BTreeMap<String, i64>,
    /// Attributes to set together, if that is a step forward.
    pub advance: Option<Advance>,
    /// It is no edit: `version` and `writeId` stay, so that it disturbs no editor, and `touchId` changes instead.
    pub touch: bool,
    /// Only if these attributes have these values; `None`: only if the item lacks the attribute, where NULL counts as absent.
    pub only_if: BTreeMap<String, Option<Value>>,
    /// Only if the item has this tag.
    pub expected: Option<Tag>,
}

/// Attributes that go forward only, whatever the order in which updates come.
#[derive(Debug, Clone)]
pub struct Advance {
    /// Which of them are compared, all texts: the first that differs from the item's decides. They are set if theirs is the greater
    /// one, or the item has none.
    pub by: &'static [&'static str],
    /// The attributes to set, those of `by` too.
    pub set: Attributes,
}

impl Advance {
    /// Is it a step forward from this item?
    pub(crate) fn is_ahead_of(&self, stored: &Attributes) -> bool {
        let text = |attributes: &Attributes, name: &str| attributes.get(name).and_then(Value::as_str).map(str::to_owned);
        let pairs = self.by.iter().map(|name| (text(&self.set, name), text(stored, name)));
        pairs.map(|(new, old)| new.cmp(&old)).find(|order| order.is_ne()) == Some(Ordering::Greater)
    }
}

impl Update {
    /// Checks what both backends refuse.
    ///
    /// # Errors
    /// [`Error::InvalidItem`] when half of the key is missing or the update touches a key or an attribute that the adapter keeps,
    /// names an attribute twice, removes a required one, adds to what is no count, advances by what is no text, or sets one to what
    /// [`Table::check`] refuses; [`Error::TooLarge`] when every item would be too large with it.
    pub(crate) fn check(&self, table: &Table, key: &Key) -> Result<()> {
        table.check_full_key(key)?;
        let advanced = self.advance.iter().flat_map(|advance| advance.set.keys());
        let mut named = BTreeSet::new();
        for name in self.set.keys().chain(&self.remove).chain(self.add.keys()).chain(advanced) {
            if table.is_key(name) {
                return Err(Error::invalid_item(name, "is part of the key and cannot change"));
            }
            let constant = table.constant.as_ref().map(|constant| constant.attribute);
            if [VERSION, WRITE_ID, TOUCH_ID].contains(&name.as_str()) || constant == Some(name) {
                return Err(Error::invalid_item(name, "is kept by the store and cannot be set"));
            }
            if !named.insert(name) {
                return Err(Error::invalid_item(name, "is changed twice"));
            }
        }
        if let Some(name) = self.remove.iter().find(|name| table.attribute(name).is_some_and(Attribute::is_always_stored)) {
            return Err(Error::invalid_item(name, "cannot be removed: every item has it"));
        }
        if self.remove.contains("") || self.only_if.contains_key("") {
            return Err(Error::invalid_item("item", "has no attribute without a name"));
        }
        if let Some(name) = self.add.keys().find(|name| table.attribute(name).is_none_or(|known| known.kind != Kind::Count)) {
            return Err(Error::invalid_item(name, "is no count that can be added to"));
        }
        for (name, value) in &self.only_if {
            let checked = value.as_ref().map_or(Ok(()), Value::check);
            checked.map_err(|reason| Error::invalid_item(name, reason))?;
        }
        table.check_values(&self.set)?;
        let mut least = self.set.clone();
        if let Some(advance) = &self.advance {
            let is_text = |name: &&&str| advance.set.get(**name).and_then(Value::as_str).is_some();
            if let Some(name) = advance.by.iter().find(|name| !is_text(name)) {
                return Err(Error::invalid_item(name, "must be a text to be compared"));
            }
            table.check_values(&advance.set)?;
        }
        let key = [Some(table.hash).zip(Some(&key.hash)), table.range.zip(key.range.as_ref())];
        least.extend(key.into_iter().flatten().map(|(name, value)| (name.to_owned(), Value::from(value.as_str()))));
        least.insert(VERSION.to_owned(), Value::from(1));
        least.insert(WRITE_ID.to_owned(), Value::String(Uuid::nil().simple().to_string()));
        check_size(&least)
    }

    /// Refuses to change this item.
    ///
    /// # Errors
    /// [`Error::ConditionFailed`], then [`Error::VersionMismatch`].
    pub(crate) fn check_stored(&self, stored: &Attributes, tag: &Tag) -> Result<()> {
        let is_met = |(name, value): &(&String, &Option<Value>)| {
            stored.get(*name).filter(|stored| **stored != Value::Null) == value.as_ref()
        };
        if let Some((attribute, _)) = self.only_if.iter().find(|condition| !is_met(condition)) {
            return Err(Error::ConditionFailed { attribute: attribute.clone() });
        }
        match &self.expected {
            Some(expected) if expected != tag => Err(Error::VersionMismatch),
            _ => Ok(()),
        }
    }

    /// The attribute that tells whether an item comes from this update.
    pub(crate) fn stamp(&self) -> &'static str {
        if self.touch { TOUCH_ID } else { WRITE_ID }
    }

    /// May it change the attribute?
    pub(crate) fn changes(&self, name: &str) -> bool {
        let advances = || self.advance.as_ref().is_some_and(|advance| advance.set.contains_key(name));
        self.set.contains_key(name) || self.remove.contains(name) || self.add.contains_key(name) || advances()
    }

    /// The time that it sets as that of the update, if it sets one.
    pub(crate) fn time(&self) -> Option<&str> {
        self.set.get(UPDATED_AT).and_then(Value::as_str)
    }

    /// The update of this item, with everything that depends on it among what is set. Its time is not before the item's own: clocks are
    /// set back, and differ between hosts.
    pub(crate) fn decided(&self, stored: &Attributes) -> Cow<'_, Self> {
        let own = [CREATED_AT, UPDATED_AT].into_iter().filter_map(|name| stored.get(name)?.as_str());
        let own = own.filter(|time| is_timestamp(time)).max().filter(|own| self.time().is_some_and(|time| time < *own));
        if own.is_none() && self.add.is_empty() && self.advance.is_none() {
            return Cow::Borrowed(self);
        }
        let mut update = self.clone();
        update.set.extend(own.map(|own| (UPDATED_AT.to_owned(), Value::from(own))));
        for (name, number) in std::mem::take(&mut update.add) {
            let count = stored.get(&name).and_then(Value::as_count).unwrap_or(0).saturating_add_signed(number);
            update.set.insert(name, Value::from(count.min(i64::MAX.unsigned_abs())));
        }
        if let Some(advance) = update.advance.take().filter(|advance| advance.is_ahead_of(stored)) {
            update.set.extend(advance.set);
        }
        Cow::Owned(update)
    }

    /// The item's attributes after an update that is [decided](Update::decided).
    pub(crate) fn apply(&self, attributes: &mut Attributes) {
        attributes.retain(|name, _| !self.remove.contains(name));
        attributes.extend(self.set.clone());
    }
}
