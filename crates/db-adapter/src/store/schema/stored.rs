//! What a stored item may be: one rule for what is written, read, checked and repaired, on every backend.
//!
//! Other programs write to the same tables and files. An item is *broken* when a known attribute has a wrong type, a required one is
//! missing, its id is not allowed, `createdAt` or `updatedAt` is not a time as this program writes it, or a normalised text (an
//! e-mail address) is not normalised. NULL counts as absent. `updatedAt` and `version` may be missing.

use std::borrow::Cow;

use super::attribute::normalised;
use super::{Attribute, CREATED_AT, Form, Kind, Presence, Table, UPDATED_AT, VERSION};
use crate::store::item::{Attributes, Members, Value};
use crate::store::time::{self, is_timestamp};

/// The `createdAt` of an item that has no time at all, once it is repaired: the oldest in every list.
const EPOCH: &str = "1970-01-01T00:00:00.000Z";

/// Why an item is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The attribute.
    pub(crate) attribute: &'static str,
    /// What is wrong with it, as the end of a sentence that starts with the attribute.
    pub(crate) reason: &'static str,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.attribute, self.reason)
    }
}

/// What the rule looks at of a value.
#[derive(Debug, Clone, Copy)]
enum Seen<'a> {
    Null,
    Text(&'a str),
    /// A text as JSON, with its quotes.
    Quoted(&'a str),
    Number(&'a str),
    Other,
}

impl<'a> Seen<'a> {
    fn of(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::String(text) => Self::Text(text),
            Value::Number(number) => Self::Number(number.as_str()),
            _ => Self::Other,
        }
    }

    fn of_json(json: &'a str) -> Self {
        match json.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b'"') => Self::Quoted(json),
            Some(b'-' | b'0'..=b'9') => Self::Number(json),
            _ => Self::Other,
        }
    }

    /// The text, if it is one. Allocates only for JSON with escapes.
    fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Quoted(json) => match json.get(1..json.len().saturating_sub(1)) {
                Some(plain) if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
                _ => serde_json::from_str(json).ok().map(Cow::Owned),
            },
            _ => None,
        }
    }
}

/// What `check` says of a stored item.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Nothing is wrong.
    Sound,
    /// A repair stores these attributes in place of the item's.
    Mendable {
        /// Everything that is wrong.
        reason: String,
        /// Is the item broken, or missing from a list? An attribute that is NULL is no fault.
        is_fault: bool,
        mended: Attributes,
    },
    /// Nothing but a person can mend it.
    Broken { reason: String },
}

impl Table {
    /// Why the item is broken, if it is. Of a read with an attribute list, what was asked for is looked at and no more.
    /// Allocates nothing for a sound item.
    pub(crate) fn fault(&self, attributes: &Attributes, asked: Option<&[String]>) -> Option<Fault> {
        self.first_fault(attributes.iter().map(|(name, value)| (name.as_str(), Seen::of(value))), asked)
    }

    /// As [`Table::fault`], without what [`Table::drop_nulls`] removes: lists come here with every item, so that a second walk over it is only
    /// done where it is needed.
    pub(crate) fn fault_without_nulls(&self, attributes: &mut Attributes, asked: Option<&[String]>) -> Option<Fault> {
        let mut has_null = false;
        let seen = attributes.iter().map(|(name, value)| {
            has_null |= *value == Value::Null;
            (name.as_str(), Seen::of(value))
        });
        let fault = self.first_fault(seen, asked);
        if has_null {
            self.drop_nulls(attributes);
        }
        fault
    }

    /// As [`Table::fault`], of an item as its JSON text.
    pub(crate) fn fault_in(&self, members: &Members<'_>, asked: Option<&[String]>) -> Option<Fault> {
        self.first_fault(members.iter().map(|(name, json)| (name, Seen::of_json(json))), asked)
    }

    fn first_fault<'a>(&self, attributes: impl Iterator<Item = (&'a str, Seen<'a>)>, asked: Option<&[String]>) -> Option<Fault> {
        let mut there = 0_u64;
        for (name, seen) in attributes {
            let Some(at) = self.attributes.iter().position(|known| known.name == name) else { continue };
            let Some(known) = self.attributes.get(at).filter(|_| !matches!(seen, Seen::Null)) else { continue };
            if let Some(reason) = known.wrong(seen) {
                return Some(Fault { attribute: known.name, reason });
            }
            there |= 1_u64.checked_shl(u32::try_from(at).unwrap_or(u32::MAX)).unwrap_or(0);
        }
        let is_missing = |(at, known): &(usize, &Attribute)| {
            there >> at & 1 == 0
                && known.is_always_stored()
                && asked.is_none_or(|asked| asked.iter().any(|name| name == known.name))
        };
        let (_, missing) = self.attributes.iter().enumerate().take(64).find(is_missing)?;
        Some(Fault { attribute: missing.name, reason: "is missing" })
    }

    /// Removes known attributes that are NULL: these count as absent.
    pub(crate) fn drop_nulls(&self, attributes: &mut Attributes) {
        if attributes.values().any(|value| *value == Value::Null) {
            attributes.retain(|name, value| *value != Value::Null || self.attribute(name).is_none());
        }
    }

    /// Would a check find nothing wrong with the stored item?
    pub fn is_sound(&self, stored: &Attributes) -> bool {
        self.examine(stored) == Condition::Sound
    }

    /// What is wrong with a stored item, and what a repair makes of it. A value is kept where it can be read: a number as a text, a
    /// time in another form. An optional attribute that cannot be read is removed. An item without a time gets its other time, or that
    /// of 1970.
    pub(crate) fn examine(&self, stored: &Attributes) -> Condition {
        let mut mended = stored.clone();
        let mut reasons = Vec::new();
        self.drop_nulls(&mut mended);
        for name in stored.keys().filter(|name| !mended.contains_key(*name)) {
            reasons.push(format!("{name} is NULL"));
        }
        let nulls = reasons.len();
        for known in self.attributes {
            let Some(value) = mended.get(known.name) else { continue };
            let Some(reason) = known.wrong(Seen::of(value)) else { continue };
            reasons.push(format!("{} {reason}", known.name));
            match known.read(value, self.unique.iter().any(|unique| unique.attribute == known.name)) {
                Some(read) => drop(mended.insert(known.name.to_owned(), read)),
                None if known.name == CREATED_AT || !known.is_always_stored() => drop(mended.remove(known.name)),
                None => {}
            }
        }
        if self.attribute(CREATED_AT).is_some_and(Attribute::is_always_stored) && !mended.contains_key(CREATED_AT) {
            let other = mended.get(UPDATED_AT).cloned().unwrap_or_else(|| Value::from(EPOCH));
            mended.insert(CREATED_AT.to_owned(), other);
            if !stored.get(CREATED_AT).is_some_and(|value| *value != Value::Null) {
                reasons.push(format!("{CREATED_AT} is missing"));
            }
        }
        if let Some(constant) = &self.constant
            && !mended.get(constant.attribute).and_then(Value::as_str).is_some_and(|partition| constant.has(partition))
        {
            reasons.push(format!("{} is not {:?}, so no list has the item", constant.attribute, constant.value));
            self.add_constant(&mut mended);
        }
        loop {
            match self.check(&mended) {
                Ok(_) if reasons.is_empty() => return Condition::Sound,
                Ok(_) => {
                    let is_fault = reasons.len() > nulls;
                    return Condition::Mendable { reason: reasons.join("; "), is_fault, mended };
                }
                Err(crate::Error::InvalidItem { attribute, .. })
                    if self.attribute(&attribute).is_some_and(|known| !known.is_always_stored() && !self.is_key(known.name))
                        && mended.remove(&attribute).is_some() =>
                {
                    reasons.push(format!("{attribute} cannot be stored"));
                }
                Err(error) => return Condition::Broken { reason: error.to_string() },
            }
        }
    }
}

impl Attribute {
    /// Does every stored item have it? An item without `updatedAt` has its `createdAt`, and one without `version` counts as 0.
    pub(crate) fn is_always_stored(&self) -> bool {
        self.presence == Presence::Required && self.name != UPDATED_AT && self.name != VERSION
    }

    /// What is wrong with the value, if anything is.
    fn wrong(&self, seen: Seen<'_>) -> Option<&'static str> {
        match (self.kind, seen) {
            (Kind::Count, Seen::Number(number)) if is_count(number) => return None,
            (Kind::Count, _) => return Some("must be a whole number from 0 to 2^63 - 1"),
            (Kind::Text, Seen::Text(_) | Seen::Quoted(_)) => {}
            (Kind::Text, _) => return Some("must be a string"),
        }
        if self.name == CREATED_AT || self.name == UPDATED_AT {
            let is_time = seen.text().is_some_and(|text| is_timestamp(&text));
            return (!is_time).then_some("must be a time such as 2026-01-31T23:59:59.000Z: UTC, with milliseconds");
        }
        if self.form == Form::Normalised {
            let is_normalised = seen.text().is_some_and(|text| is_normalised(&text));
            return (!is_normalised).then_some("must be trimmed and lower-cased");
        }
        let ids = self.ids?;
        let is_id = seen.text().is_some_and(|text| ids(&text));
        (!is_id).then_some("must be an id: 1 to 64 of A-Z, a-z, 0-9, _ and -, and no word that a route needs")
    }

    /// The value as it should have been stored, if it can be read.
    fn read(&self, value: &Value, is_unique: bool) -> Option<Value> {
        let read = match (self.kind, value) {
            (Kind::Count, Value::String(text)) => Value::from(text.trim().parse::<u64>().ok()?),
            (Kind::Count, _) => return None,
            _ if self.name == CREATED_AT || self.name == UPDATED_AT => Value::from(match value {
                Value::String(text) => time::read(text)?,
                Value::Number(number) => time::read(number.as_str())?,
                _ => return None,
            }),
            (Kind::Text, Value::String(text)) if self.form == Form::Normalised => Value::from(normalised(text)),
            (Kind::Text, Value::Number(number)) if !is_unique => Value::from(number.as_str()),
            (Kind::Text, Value::Bool(value)) if !is_unique => Value::from(value.to_string()),
            (Kind::Text, _) => return None,
        };
        self.wrong(Seen::of(&read)).is_none().then_some(read)
    }
}

fn is_normalised(text: &str) -> bool {
    let is_trimmed = text.trim().len() == text.len();
    is_trimmed && if text.is_ascii() { !text.bytes().any(|byte| byte.is_ascii_uppercase()) } else { text.to_lowercase() == text }
}

fn is_count(number: &str) -> bool {
    number.parse::<u64>().is_ok_and(|count| i64::try_from(count).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forum::{TABLES, post, thread, user};
    use crate::store::item::Item;

    fn attributes(json: &str) -> Attributes {
        Item::parse(json).unwrap().attributes().unwrap()
    }

    const USER: &str = r#"{"userId":"u","name":"N","createdAt":"2026-01-01T00:00:00.000Z","email":"a@x.org"}"#;
    const THREAD: &str = r#"{"threadId":"t","title":"T","createdAt":"2026-01-01T00:00:00.000Z","feed":"threads"}"#;
    const POST: &str = r#"{"postId":"p","threadId":"t","userId":"u","content":"C","createdAt":"2026-01-01T00:00:00.000Z"}"#;

    /// The item with an attribute set, or without it where the text is empty.
    fn with(item: &str, name: &str, json: &str) -> Attributes {
        let mut item = attributes(item);
        item.remove(name);
        if !json.is_empty() {
            item.extend(attributes(&format!("{{\"{name}\":{json}}}")));
        }
        item
    }

    /// Items that are broken, each with the attribute at fault and what a repair makes of it: nothing where it removes the item.
    fn broken() -> Vec<(&'static Table, &'static str, Attributes, Option<Value>, bool)> {
        let rows: [(&'static Table, &str, &'static str, &str, &str); 27] = [
            (&post::TABLE, POST, "content", "5", "\"5\""),
            (&post::TABLE, POST, "content", "true", "\"true\""),
            (&post::TABLE, POST, "content", "[1]", "removed"),
            (&post::TABLE, POST, "content", "", "removed"),
            (&post::TABLE, POST, "content", "null", "removed"),
            (&post::TABLE, POST, "userId", "", "removed"),
            (&post::TABLE, POST, "title", "7.5", "\"7.5\""),
            (&post::TABLE, POST, "title", "{}", ""),
            (&post::TABLE, POST, "version", "\"7\"", "7"),
            (&post::TABLE, POST, "version", "-1", ""),
            (&post::TABLE, POST, "version", "1.5", ""),
            (&post::TABLE, POST, "writeId", "5", "\"5\""),
            (&thread::TABLE, THREAD, "title", "", "removed"),
            (&thread::TABLE, THREAD, "createdAt", "\"2026-01-01T02:00:00+02:00\"", "\"2026-01-01T00:00:00.000Z\""),
            (&thread::TABLE, THREAD, "createdAt", "\"2026-01-01T00:00:00Z\"", "\"2026-01-01T00:00:00.000Z\""),
            (&thread::TABLE, THREAD, "createdAt", "1767225600", "\"2026-01-01T00:00:00.000Z\""),
            (&thread::TABLE, THREAD, "createdAt", "1767225600123", "\"2026-01-01T00:00:00.123Z\""),
            (&thread::TABLE, THREAD, "createdAt", "\"yesterday\"", "\"1970-01-01T00:00:00.000Z\""),
            (&thread::TABLE, THREAD, "createdAt", "", "\"1970-01-01T00:00:00.000Z\""),
            (&thread::TABLE, THREAD, "updatedAt", "\"yesterday\"", ""),
            (&user::TABLE, USER, "email", "\"ALICE@Example.com\"", "\"alice@example.com\""),
            (&user::TABLE, USER, "email", "\" a@x.org \"", "\"a@x.org\""),
            (&user::TABLE, USER, "email", "\"ÄNN@x.org\"", "\"änn@x.org\""),
            (&user::TABLE, USER, "email", "5", ""),
            (&user::TABLE, USER, "userId", "\"a b\"", "removed"),
            (&user::TABLE, USER, "userId", "\"me\"", "removed"),
            (&user::TABLE, USER, "name", "{\"$SS\":[\"a\"]}", "removed"),
        ];
        let value = |json: &str| attributes(&format!("{{\"x\":{json}}}")).remove("x");
        rows.into_iter()
            .map(|(table, item, name, json, becomes)| {
                let mended = if becomes.is_empty() || becomes == "removed" { None } else { value(becomes) };
                (table, name, with(item, name, json), mended, becomes == "removed")
            })
            .collect()
    }

    #[test]
    fn what_is_broken_is_named_alike_in_both_forms_and_refused() {
        for (table, name, item, ..) in broken() {
            let fault = table.fault(&item, None).unwrap();
            assert_eq!(fault.attribute, name, "{item:?}");
            assert_eq!(table.fault_in(&Item::new(&item).members(), None), Some(fault), "{item:?}");
            assert!(table.check(&item).is_err(), "{item:?}");
        }
    }

    #[test]
    fn what_can_be_read_is_mended() {
        for (table, name, item, becomes, removed) in broken() {
            match table.examine(&item) {
                Condition::Broken { reason } => assert!(removed && reason.starts_with(name), "{item:?}: {reason}"),
                Condition::Mendable { reason, is_fault, mended } => {
                    assert!(!removed && is_fault && reason.starts_with(name), "{item:?}: {reason}");
                    assert_eq!(mended.get(name), becomes.as_ref(), "{item:?}");
                    assert_eq!(table.examine(&mended), Condition::Sound);
                }
                Condition::Sound => panic!("{item:?}"),
            }
        }
    }

    #[test]
    fn a_missing_time_is_the_other_one() {
        let item = with(THREAD, "updatedAt", "\"2026-02-02T00:00:00.000Z\"");
        for createdless in ["\"soon\"", "7", ""] {
            let mut item = item.clone();
            item.remove(CREATED_AT);
            item.extend(with("{}", CREATED_AT, createdless));
            if createdless == "7" {
                item.insert(CREATED_AT.to_owned(), Value::Bool(true));
            }
            let Condition::Mendable { mended, .. } = thread::TABLE.examine(&item) else { panic!("{item:?}") };
            assert_eq!(mended.get(CREATED_AT), item.get(UPDATED_AT));
        }
    }

    #[test]
    fn the_constant_is_added_and_nulls_are_no_fault() {
        for feed in ["", "\"other\"", "5", "null"] {
            let item = with(THREAD, "feed", feed);
            let Condition::Mendable { is_fault: true, mended, .. } = thread::TABLE.examine(&item) else { panic!("{feed}") };
            assert_eq!(mended, attributes(THREAD));
        }
        for name in ["title", "updatedAt", "version"] {
            let item = with(POST, name, "null");
            let mut read = item.clone();
            assert_eq!((post::TABLE.fault_without_nulls(&mut read, None), read), (None, attributes(POST)));
            let Condition::Mendable { is_fault: false, mended, .. } = post::TABLE.examine(&item) else { panic!("{name}") };
            assert_eq!(mended, attributes(POST));
        }
    }

    #[test]
    fn sound_items_are_sound() {
        for (table, item) in [(&user::TABLE, USER), (&thread::TABLE, THREAD), (&post::TABLE, POST)] {
            assert_eq!(table.examine(&attributes(item)), Condition::Sound);
            for unknown in ["null", "[[1]]", "{\"$B\":\"AA==\"}"] {
                assert_eq!(table.examine(&with(item, "other", unknown)), Condition::Sound);
            }
        }
        for table in TABLES {
            let samples: Vec<serde_json::Value> = serde_json::from_str(table.samples).unwrap();
            for sample in samples {
                assert_eq!(table.fault(&attributes(&sample.to_string()), None), None);
            }
        }
    }

    #[test]
    fn of_a_part_only_what_was_asked_for_is_looked_at() {
        let part = attributes(r#"{"postId":"p","threadId":"t","title":"T"}"#);
        let asked = |name: &str| Some([name.to_owned()]);
        assert_eq!(post::TABLE.fault(&part, asked("title").as_ref().map(<[_; 1]>::as_slice)), None);
        let fault = post::TABLE.fault(&part, asked("content").as_ref().map(<[_; 1]>::as_slice)).unwrap();
        assert_eq!(fault.to_string(), "content is missing");
    }
}
