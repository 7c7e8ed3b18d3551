//! The small part of JSON that items need, over serde_json: values kept as text, duplicate names refused.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::members::Members;

/// An object's members in the order in which they stand.
///
/// # Errors
/// What is wrong with the text: not JSON, not an object, a name that is empty or stands twice.
pub(crate) fn members(text: &str) -> Result<Vec<(Cow<'_, str>, &RawValue)>, String> {
    let members = Members::read(text).map_err(|error| format!("is not valid: {error}"))?.into_vec();
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    if names.first() == Some(&"") {
        return Err("has a name that is empty".to_owned());
    }
    match names.iter().zip(names.iter().skip(1)).find(|(name, next)| name == next) {
        Some((name, _)) => Err(format!("has {name:?} twice")),
        None => Ok(members),
    }
}

pub(crate) fn elements(raw: &RawValue) -> Result<Vec<&RawValue>, String> {
    serde_json::from_str(raw.get()).map_err(|_| "holds something that must be a list".to_owned())
}

pub(crate) fn string(raw: &RawValue) -> Result<String, String> {
    serde_json::from_str(raw.get()).map_err(|_| "holds something that must be a string of valid Unicode".to_owned())
}

/// Appends the text as a JSON string.
pub(crate) fn write_string(out: &mut String, text: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
}

pub(crate) fn write_list<T>(out: &mut String, list: impl IntoIterator<Item = T>, write: impl Fn(&mut String, T)) {
    out.push('[');
    for (position, element) in list.into_iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        write(out, element);
    }
    out.push(']');
}
