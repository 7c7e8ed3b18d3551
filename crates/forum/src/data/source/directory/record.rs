//! Converts a record of a JSON file to the item that is stored: older attribute names and numeric ids are converted, missing ids and
//! times are derived. A record with a version is already a stored item and is left unchanged.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use db_adapter::forum::{RESERVED_IDS, is_id, timestamp, user};
use db_adapter::schema::{Access, Attribute, CREATED_AT, Key, Presence, UPDATED_AT, VERSION};
use db_adapter::{Attributes, Error, Item, Result, Table, Value, check_size};

/// The time of a file's first record if it has none: 2000-01-01T00:00:00Z, which is not mistaken for a real time and is the same
/// whenever the file is read.
const FIRST_TIME: DateTime<Utc> = DateTime::from_timestamp_nanos(946_684_800 * 1_000_000_000);
/// Whole numbers from here on are milliseconds since 1970, smaller ones are seconds. In seconds it is the year 5138, in milliseconds
/// 1973.
const FIRST_MILLISECONDS: u64 = 100_000_000_000;

/// A converted record.
#[derive(Debug)]
pub(crate) struct Record {
    /// The item, checked as a store checks it.
    pub(crate) item: Item,
    /// Its key.
    pub(crate) key: Key,
    /// Was the id derived?
    pub(crate) derived_id: bool,
    /// Was the time of creation derived?
    pub(crate) derived_time: bool,
}

/// Converts the records of one file to items, in the order of the file. Derived values depend only on that order.
#[derive(Debug)]
pub(crate) struct Records {
    table: &'static Table,
    /// The number of records so far.
    position: u64,
    /// The time for the next record without one.
    clock: DateTime<Utc>,
}

impl Records {
    /// A converter for the table's file. A record without a time gets one that is a millisecond after that of the previous record, so
    /// that lists keep the order of the file.
    pub(crate) fn new(table: &'static Table) -> Self {
        Self { table, position: 0, clock: FIRST_TIME }
    }

    /// Converts the next record.
    ///
    /// # Errors
    /// [`Error::InvalidItem`] names the attribute and what is allowed; [`Error::TooLarge`].
    pub(crate) fn next(&mut self, text: &str) -> Result<Record> {
        self.position += 1;
        let parsed = Item::parse(text).and_then(|item| item.attributes());
        // A refused record counts too, so that the rest does not change when it is corrected.
        let fallback = self.clock;
        self.clock = after(fallback);
        let table = self.table;
        let mut attributes = parsed?;
        if attributes.contains_key(VERSION) {
            self.clock = time(&attributes, CREATED_AT).ok().flatten().map_or(self.clock, after);
            return checked(table, &attributes, false, false);
        }
        let is_known = |name: &str| table.attributes.iter().any(|known| known.name == name || known.formerly.contains(&name));
        attributes.retain(|name, value| *value != Value::Null || !is_known(name));
        for known in table.attributes.iter().filter(|known| holds_id(table, known)) {
            for name in std::iter::once(&known.name).chain(known.formerly) {
                id_text(&mut attributes, name)?;
            }
        }
        for known in table.attributes {
            for old in known.formerly {
                rename(&mut attributes, old, known.name)?;
            }
        }
        let derived_id = !attributes.contains_key(table.hash);
        if derived_id {
            attributes.insert(table.hash.to_owned(), format!("{}-{}", table.singular, self.position).into());
        }
        check_id(&attributes, table.hash)?;
        normalise(table, &mut attributes)?;
        for Attribute { name, .. } in table.attributes.iter().filter(|known| is_needed(known)) {
            if !attributes.contains_key(*name) {
                return Err(Error::invalid_item(name, "is missing"));
            }
        }
        let given = time(&attributes, CREATED_AT)?;
        let created = given.unwrap_or(fallback);
        self.clock = after(created);
        let updated = time(&attributes, UPDATED_AT)?.unwrap_or(created);
        attributes.insert(CREATED_AT.to_owned(), timestamp(created).into());
        attributes.insert(UPDATED_AT.to_owned(), timestamp(updated).into());
        attributes.insert(VERSION.to_owned(), Value::from(1));
        checked(table, &attributes, derived_id, given.is_none())
    }

    /// The number of records so far.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }
}

/// Does the attribute hold an id, of this table or another? In older data ids may be numbers.
fn holds_id(table: &Table, known: &Attribute) -> bool {
    known.name == table.hash || known.references.is_some()
}

/// Must a record have the attribute? What the server sets can be derived.
fn is_needed(known: &Attribute) -> bool {
    known.access == Access::Client && known.presence == Presence::Required
}

fn checked(table: &Table, attributes: &Attributes, derived_id: bool, derived_time: bool) -> Result<Record> {
    let key = table.check(attributes)?;
    check_size(attributes)?;
    Ok(Record { item: Item::new(attributes), key, derived_id, derived_time })
}

fn after(time: DateTime<Utc>) -> DateTime<Utc> {
    time.checked_add_signed(TimeDelta::milliseconds(1)).unwrap_or(time)
}

/// Converts the id in the attribute to text, if there is one.
fn id_text(attributes: &mut Attributes, name: &str) -> Result<()> {
    match attributes.get_mut(name) {
        None | Some(Value::String(_)) => Ok(()),
        Some(value) => match value {
            Value::Number(number) if number.as_count().is_some() => {
                *value = Value::String(number.to_string());
                Ok(())
            }
            _ => Err(Error::invalid_item(name, "must be a string or a whole number: it is an id")),
        },
    }
}

fn rename(attributes: &mut Attributes, old: &str, new: &str) -> Result<()> {
    let Some(value) = attributes.remove(old) else { return Ok(()) };
    match attributes.get(new) {
        None => {
            attributes.insert(new.to_owned(), value);
            Ok(())
        }
        Some(other) if *other == value => Ok(()),
        Some(_) => Err(Error::invalid_item(old, format!("differs from {new}, the newer name of this attribute"))),
    }
}

fn check_id(attributes: &Attributes, name: &str) -> Result<()> {
    match attributes.get(name).and_then(Value::as_str) {
        Some(id) if is_id(id) => Ok(()),
        id => Err(Error::invalid_item(
            name,
            format!(
                "is {:?}; expected 1 to 64 of A-Z, a-z, 0-9, - and _, and none of {}",
                id.unwrap_or_default(),
                RESERVED_IDS.join(", ")
            ),
        )),
    }
}

/// Normalises unique values and removes blank ones. A user without a name gets the username as name.
fn normalise(table: &Table, attributes: &mut Attributes) -> Result<()> {
    for unique in table.unique {
        let Some(value) = unique.value_of(attributes) else { continue };
        match value.is_empty() {
            true => attributes.remove(unique.attribute),
            false => attributes.insert(unique.attribute.to_owned(), Value::String(value)),
        };
    }
    if table.name == user::TABLE.name && !attributes.contains_key("name") {
        let Some(username) = attributes.get("username").cloned() else {
            return Err(Error::invalid_item("name", "is missing, and so is username"));
        };
        attributes.insert("name".to_owned(), username);
    }
    Ok(())
}

/// The time in the attribute, if there is one: RFC 3339 with any offset, the same without offset (UTC) or without time of day, or a
/// whole number of seconds or milliseconds since 1970.
fn time(attributes: &Attributes, name: &str) -> Result<Option<DateTime<Utc>>> {
    let read = |value: &Value| match value {
        Value::Number(number) => number.as_count().and_then(since_1970),
        Value::String(text) => written(text.trim()),
        _ => None,
    };
    let Some(value) = attributes.get(name) else { return Ok(None) };
    let time = read(value).filter(|time| (0..=9999).contains(&chrono::Datelike::year(time)));
    let allowed =
        "is not a time; expected one like 2024-11-23T10:00:00Z or 2024-11-23, or a number of seconds or milliseconds since 1970";
    time.map(Some).ok_or_else(|| Error::invalid_item(name, allowed))
}

fn since_1970(count: u64) -> Option<DateTime<Utc>> {
    let signed = i64::try_from(count).ok()?;
    if count < FIRST_MILLISECONDS { DateTime::from_timestamp(signed, 0) } else { DateTime::from_timestamp_millis(signed) }
}

fn written(text: &str) -> Option<DateTime<Utc>> {
    let with_offset = DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
    let without = || {
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"].iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
    };
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    with_offset.or_else(|| without().or_else(day).map(|time| time.and_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use db_adapter::forum::{post, thread};
    use proptest::prelude::*;

    fn convert(table: &'static Table, records: &[&str]) -> Vec<Result<Record>> {
        let mut converter = Records::new(table);
        records.iter().map(|record| converter.next(record)).collect()
    }

    fn json(table: &'static Table, record: &str) -> String {
        convert(table, &[record]).remove(0).unwrap().item.as_json().to_owned()
    }

    fn refusal(table: &'static Table, record: &str) -> String {
        convert(table, &[record]).remove(0).unwrap_err().to_string()
    }

    /// A record that has only what is needed of its table, every attribute under its oldest name, becomes an item.
    #[test]
    fn every_table_is_understood_by_its_older_names() {
        for table in db_adapter::forum::TABLES {
            let needed = table.attributes.iter().filter(|known| is_needed(known) || known.name == table.hash);
            let member = |known: &Attribute| {
                let name = known.formerly.last().unwrap_or(&known.name);
                (*name, if holds_id(table, known) { serde_json::json!(7) } else { serde_json::json!("x") })
            };
            let record: std::collections::BTreeMap<_, _> = needed.map(member).collect();
            let item = json(table, &serde_json::json!(record).to_string());
            assert!(item.contains(&format!("\"{}\":\"7\"", table.hash)), "{}: {item}", table.name);
        }
    }

    #[test]
    fn the_older_form_is_translated() {
        assert_eq!(
            json(&user::TABLE, r#"{"id":1,"username":"marceline","name":"Marceline","bio":"queen"}"#),
            r#"{"bio":"queen","createdAt":"2000-01-01T00:00:00.000Z","name":"Marceline","updatedAt":"2000-01-01T00:00:00.000Z","userId":"1","username":"marceline","version":1}"#
        );
        assert_eq!(
            json(&thread::TABLE, r#"{"id":2,"title":"Did you see?","createdBy":1}"#),
            r#"{"createdAt":"2000-01-01T00:00:00.000Z","threadId":"2","title":"Did you see?","updatedAt":"2000-01-01T00:00:00.000Z","userId":"1","version":1}"#
        );
        assert_eq!(
            json(&post::TABLE, r#"{"thread":2,"user":1,"text":"Yes"}"#),
            r#"{"content":"Yes","createdAt":"2000-01-01T00:00:00.000Z","postId":"post-1","threadId":"2","updatedAt":"2000-01-01T00:00:00.000Z","userId":"1","version":1}"#
        );
    }

    #[test]
    fn the_form_of_the_guide_keeps_its_ids_and_times() {
        assert_eq!(
            json(
                &user::TABLE,
                r#"{"userId":"1","email":" Alice@Example.COM ","name":"Alice","createdAt":"2024-11-23T12:00:00+02:00"}"#
            ),
            r#"{"createdAt":"2024-11-23T10:00:00.000Z","email":"alice@example.com","name":"Alice","updatedAt":"2024-11-23T10:00:00.000Z","userId":"1","version":1}"#
        );
    }

    #[test]
    fn derived_times_keep_the_order_of_the_file() {
        let records = [r#"{"id":1,"title":"a"}"#, r#"{"id":2,"title":"b","createdAt":"2024-01-01"}"#, r#"{"id":3,"title":"c"}"#];
        let times: Vec<_> =
            convert(&thread::TABLE, &records).into_iter().map(|record| record.unwrap().item.text("createdAt").unwrap()).collect();
        assert_eq!(times, ["2000-01-01T00:00:00.000Z", "2024-01-01T00:00:00.000Z", "2024-01-01T00:00:00.001Z"]);
    }

    #[test]
    fn a_refused_record_keeps_its_place() {
        let mut records = convert(&post::TABLE, &["{}", r#"{"thread":1,"user":1,"text":"x"}"#]);
        let second = records.remove(1).unwrap();
        assert_eq!(second.key.hash, "post-2");
        assert_eq!(second.item.text("createdAt").unwrap(), "2000-01-01T00:00:00.001Z");
    }

    #[test]
    fn many_spellings_of_a_time_are_understood() {
        for (spelling, expected) in [
            (r#""2024-11-23T10:00:00Z""#, "2024-11-23T10:00:00.000Z"),
            (r#""2024-11-23T10:00:00.123456""#, "2024-11-23T10:00:00.123Z"),
            (r#""2024-11-23 10:00:00""#, "2024-11-23T10:00:00.000Z"),
            (r#""2024-11-23""#, "2024-11-23T00:00:00.000Z"),
            ("1732356000", "2024-11-23T10:00:00.000Z"),
            ("1732356000123", "2024-11-23T10:00:00.123Z"),
        ] {
            let record = format!(r#"{{"id":1,"title":"a","createdAt":{spelling}}}"#);
            assert!(json(&thread::TABLE, &record).contains(&format!(r#""createdAt":"{expected}""#)), "{spelling}");
        }
    }

    #[test]
    fn what_is_blank_or_null_counts_as_absent() {
        let user = json(&user::TABLE, r#"{"id":1,"email":"  ","bio":null,"username":"u","likes":null}"#);
        assert!(!user.contains("email") && !user.contains("bio"), "{user}");
        assert!(user.contains(r#""name":"u""#) && user.contains(r#""likes":null"#), "{user}");
    }

    #[test]
    fn the_attribute_at_fault_is_named() {
        for (table, record, named) in [
            (&user::TABLE, r#"{"id":1}"#, "name is missing"),
            (&user::TABLE, r#"{"id":"a b","name":"x"}"#, "userId is \"a b\""),
            (&user::TABLE, r#"{"id":"health","name":"x"}"#, "userId is \"health\""),
            (&user::TABLE, r#"{"id":1.5,"name":"x"}"#, "id must be a string or a whole number"),
            (&user::TABLE, r#"{"id":1,"userId":2,"name":"x"}"#, "id differs from userId"),
            (&user::TABLE, r#"{"id":1,"name":["x"]}"#, "name must be a string"),
            (&user::TABLE, r#"{"id":1,"name":"x","name":"y"}"#, "item has \"name\" twice"),
            (&user::TABLE, "7", "item is not valid"),
            (&thread::TABLE, r#"{"id":1}"#, "title is missing"),
            (&thread::TABLE, r#"{"id":1,"title":"x","createdAt":"yesterday"}"#, "createdAt is not a time"),
            (&thread::TABLE, r#"{"id":1,"title":"x","updatedAt":{}}"#, "updatedAt is not a time"),
            (&post::TABLE, r#"{"user":1,"text":"x"}"#, "threadId is missing"),
            (&post::TABLE, r#"{"thread":1,"text":"x"}"#, "userId is missing"),
            (&post::TABLE, r#"{"thread":1,"user":1}"#, "content is missing"),
            (&post::TABLE, r#"{"thread":"","user":1,"text":"x"}"#, "threadId must not be empty"),
        ] {
            let refusal = refusal(table, record);
            assert!(refusal.contains(named), "{record}: {refusal}");
        }
        let large = format!(r#"{{"thread":1,"user":1,"text":"{}"}}"#, "x".repeat(410_000));
        assert!(refusal(&post::TABLE, &large).contains("larger than"));
    }

    #[test]
    fn a_record_with_a_version_is_an_item_already() {
        let stored = r#"{"email":"A@b.c","userId":"1","version":7,"writeId":"w"}"#;
        assert_eq!(json(&user::TABLE, stored), stored);
        assert!(refusal(&user::TABLE, r#"{"id":1,"version":7}"#).contains("userId is missing"));
    }

    proptest! {
        /// So a second migration, or one of a migrated file, changes nothing.
        #[test]
        fn an_item_stays_as_it_is(id in 0_u32.., text in ".{1,20}", day in 1_u32..28) {
            let text = serde_json::Value::from(text);
            let record = format!(r#"{{"thread":{id},"user":1,"text":{text},"createdAt":"2024-02-{day:02}","more":{{"$SS":["a"]}}}}"#);
            let once = json(&post::TABLE, &record);
            prop_assert_eq!(json(&post::TABLE, &once), once);
        }
    }
}
