//! A record's text as attributes: plain JSON, MongoDB's extended JSON, or DynamoDB JSON.
//!
//! Sources: <https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/>,
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html>.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use chrono::DateTime;
use db_adapter::forum::timestamp;
use db_adapter::{Attributes, Error, Number, Value};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::{RawValue, to_raw_value};

/// The types of DynamoDB JSON.
const TYPES: [&str; 10] = ["S", "N", "BOOL", "NULL", "M", "L", "SS", "NS", "B", "BS"];

type Members<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// The attributes of a record.
///
/// # Errors
/// [`Error::InvalidItem`] names the attribute and what is wrong with its value.
pub(super) fn attributes(text: &str) -> Result<Attributes, Error> {
    let members = members(text).map_err(|reason| Error::invalid_item("item", reason))?;
    if let [(name, item)] = members.as_slice()
        && name == "Item"
        && let Ok(item) = self::members(item.get())
    {
        return collect(item, typed);
    }
    if is_typed(&members) { collect(members, typed) } else { collect(members, plain) }
}

/// Is every value a value of DynamoDB JSON?
fn is_typed(members: &Members<'_>) -> bool {
    let typed = |value: &RawValue| match self::members(value.get()).as_deref() {
        Ok([(name, _)]) => TYPES.contains(&name.as_ref()),
        _ => false,
    };
    !members.is_empty() && members.iter().all(|(_, value)| typed(value))
}

/// Is it the name of one of DynamoDB's types?
pub(super) fn is_type(name: &str) -> bool {
    TYPES.contains(&name)
}

/// The names of an object's members; none if it is no object.
pub(super) fn names(text: &str) -> Vec<String> {
    let names = |members: Members<'_>| members.into_iter().map(|(name, _)| name.into_owned()).collect();
    members(text).map(names).unwrap_or_default()
}

fn collect(members: Members<'_>, read: fn(&RawValue) -> Result<Value, String>) -> Result<Attributes, Error> {
    let mut attributes = Attributes::new();
    for (name, raw) in members {
        let value = read(raw).map_err(|reason| Error::invalid_item(&name, reason))?;
        if name.is_empty() {
            return Err(Error::invalid_item("item", "has a name that is empty"));
        }
        if attributes.contains_key(name.as_ref()) {
            return Err(Error::invalid_item("item", format!("has {name:?} twice")));
        }
        attributes.insert(name.into_owned(), value);
    }
    Ok(attributes)
}

fn map(members: Members<'_>, read: fn(&RawValue) -> Result<Value, String>) -> Result<Value, String> {
    let mut map = Attributes::new();
    for (name, raw) in members {
        if map.insert(name.clone().into_owned(), read(raw)?).is_some() {
            return Err(format!("has {name:?} twice"));
        }
    }
    Ok(Value::Map(map))
}

/// Plain JSON, and MongoDB's.
fn plain(raw: &RawValue) -> Result<Value, String> {
    match raw.get().as_bytes().first() {
        Some(b'[') => elements(raw)?.into_iter().map(plain).collect::<Result<_, _>>().map(Value::List),
        Some(b'{') => {
            let members = members(raw.get())?;
            match members.as_slice() {
                [(name, value)] if name.starts_with('$') => extended(name, value).unwrap_or_else(|| Value::parse(raw)),
                _ => map(members, plain),
            }
        }
        _ => Value::parse(raw),
    }
}

/// A value of MongoDB's extended JSON; `None` if the name is none of its names.
fn extended(name: &str, value: &RawValue) -> Option<Result<Value, String>> {
    let text = || serde_json::from_str::<String>(value.get()).map_err(|_| format!("holds {name}, which must be a string"));
    Some(match name {
        "$oid" | "$uuid" | "$symbol" => text().map(Value::String),
        "$numberInt" | "$numberLong" | "$numberDouble" | "$numberDecimal" => text().and_then(|text| number(&text)),
        "$date" => date(value),
        "$binary" => member(value, "base64").and_then(binary),
        "$timestamp" => member(value, "t").and_then(plain),
        "$undefined" => Ok(Value::Null),
        _ => return None,
    })
}

fn date(value: &RawValue) -> Result<Value, String> {
    let date = plain(value)?;
    let Value::Number(number) = &date else { return Ok(date) };
    let time = number.as_str().parse().ok().and_then(DateTime::from_timestamp_millis);
    time.map(|time| timestamp(time).into()).ok_or_else(|| format!("holds the $date {number}, which is out of range"))
}

fn member<'a>(value: &'a RawValue, wanted: &str) -> Result<&'a RawValue, String> {
    let found = members(value.get())?.into_iter().find(|(name, _)| name == wanted);
    found.map(|(_, value)| value).ok_or_else(|| format!("lacks {wanted:?} inside"))
}

fn number(text: &str) -> Result<Value, String> {
    Number::parse(text).map(Value::Number).map_err(|reason| format!("{reason}: {text:?}"))
}

fn binary(base64: &RawValue) -> Result<Value, String> {
    tagged("$B", base64)
}

/// What the store's own JSON writes as an object of one member.
fn tagged(tag: &str, value: &RawValue) -> Result<Value, String> {
    let text = to_raw_value(&std::collections::BTreeMap::from([(tag, value)])).map_err(|error| error.to_string())?;
    Value::parse(&text)
}

/// A value of DynamoDB JSON.
fn typed(raw: &RawValue) -> Result<Value, String> {
    let wrong = || format!("must be an object of one of {}, as in DynamoDB JSON", TYPES.join(", "));
    let value = members(raw.get()).map_err(|_| wrong())?;
    let [(kind, value)] = value.as_slice() else { return Err(wrong()) };
    let text = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).map_err(|_| format!("holds {kind} that is no string"));
    match kind.as_ref() {
        "S" => text(value).map(Value::String),
        "N" => text(value).and_then(|text| number(&text)),
        "BOOL" => {
            serde_json::from_str(value.get()).map(Value::Bool).map_err(|_| "holds BOOL that is not true or false".to_owned())
        }
        "NULL" => Ok(Value::Null),
        "M" => map(members(value.get())?, typed),
        "L" => elements(value)?.into_iter().map(typed).collect::<Result<_, _>>().map(Value::List),
        "SS" => tagged("$SS", value),
        "B" => tagged("$B", value),
        "BS" => tagged("$BS", value),
        "NS" => {
            let parsed = |raw| Number::parse(&text(raw)?).map_err(str::to_owned);
            elements(value)?.into_iter().map(parsed).collect::<Result<BTreeSet<_>, _>>().map(Value::NumberSet)
        }
        _ => Err(wrong()),
    }
}

fn elements(raw: &RawValue) -> Result<Vec<&RawValue>, String> {
    serde_json::from_str(raw.get()).map_err(|_| "holds something that must be a list".to_owned())
}

/// An object's members as they stand.
fn members(text: &str) -> Result<Members<'_>, String> {
    struct AsTheyStand<'a>(Members<'a>);
    impl<'de: 'a, 'a> Deserialize<'de> for AsTheyStand<'a> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(InOrder).map(Self)
        }
    }
    struct InOrder;
    impl<'de> Visitor<'de> for InOrder {
        type Value = Members<'de>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a JSON object")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut members = Vec::with_capacity(12);
            while let Some((Name(name), value)) = map.next_entry()? {
                members.push((name, value));
            }
            Ok(members)
        }
    }
    #[derive(serde::Deserialize)]
    struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
    let read: AsTheyStand<'_> = serde_json::from_str(text).map_err(|error| format!("is not valid: {error}"))?;
    Ok(read.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use db_adapter::Item;

    fn json(text: &str) -> String {
        Item::new(&attributes(text).unwrap()).as_json().to_owned()
    }

    #[test]
    fn mongodb_becomes_values() {
        for (text, expected) in [
            (r#"{"_id":{"$oid":"65a"},"n":{"$numberLong":"5"}}"#, r#"{"_id":"65a","n":5}"#),
            (r#"{"t":{"$date":{"$numberLong":"1732356000123"}}}"#, r#"{"t":"2024-11-23T10:00:00.123Z"}"#),
            (
                r#"{"t":{"$date":"2024-11-23T10:00:00Z"},"d":{"$date":5}}"#,
                r#"{"d":"1970-01-01T00:00:00.005Z","t":"2024-11-23T10:00:00Z"}"#,
            ),
            (r#"{"a":[{"$oid":"1"},{"b":{"$numberDecimal":"1.50"}}]}"#, r#"{"a":["1",{"b":1.5}]}"#),
            (r#"{"b":{"$binary":{"base64":"AP8=","subType":"00"}}}"#, r#"{"b":{"$B":"AP8="}}"#),
            (r#"{"n":{"$numberInt":"-3"},"u":{"$undefined":true}}"#, r#"{"n":-3,"u":null}"#),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
    }

    #[test]
    fn dynamodb_json_becomes_values() {
        let typed = r#"{"userId":{"S":"1"},"n":{"N":"1.50"},"t":{"BOOL":true},"z":{"NULL":true},"m":{"M":{"x":{"L":[{"S":"y"}]}}},
            "ss":{"SS":["b","a"]},"ns":{"NS":["2","1"]},"b":{"B":"AP8="},"bs":{"BS":["AA=="]}}"#;
        let expected = r#"{"b":{"$B":"AP8="},"bs":{"$BS":["AA=="]},"m":{"x":["y"]},"n":1.5,"ns":{"$NS":[1,2]},"ss":{"$SS":["a","b"]},"t":true,"userId":"1","z":null}"#;
        assert_eq!(json(typed), expected);
        assert_eq!(json(&format!(r#"{{"Item":{typed}}}"#)), expected);
    }

    #[test]
    fn the_stores_own_values_stay() {
        let own = r#"{"b":{"$B":"AP8="},"d":{"$$x":1},"n":1234567890123456789012345678901234567,"s":{"$SS":["a"]}}"#;
        assert_eq!(json(own), own);
        assert_eq!(json(r#"{"a":{"S":"x"},"b":1}"#), r#"{"a":{"S":"x"},"b":1}"#);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (text, named) in [
            ("7", "item is not valid"),
            (r#"{"a":1,"a":2}"#, "item has \"a\" twice"),
            (r#"{"a":{"b":1,"b":2}}"#, "a has \"b\" twice"),
            (r#"{"a":{"$regex":"x"}}"#, "a holds $regex"),
            (r#"{"a":{"$numberDouble":"NaN"}}"#, "a is not a number: \"NaN\""),
            (r#"{"Item":{"a":{"X":1}}}"#, "a must be an object of one of S, N, "),
            (r#"{"a":{"N":"x"}}"#, "a is not a number"),
        ] {
            let error = attributes(text).unwrap_err().to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
