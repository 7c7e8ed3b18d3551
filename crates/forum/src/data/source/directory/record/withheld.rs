//! What other programs keep to themselves: records that are marked as deleted or hidden, and secrets.

use db_adapter::{Attributes, Table, Value};

use super::plain;

/// Names, without case, `_` and `-`, by which a record says that it is not to be seen.
const DELETED: [&str; 7] = ["deleted", "isdeleted", "deletedat", "hidden", "ishidden", "removed", "isremoved"];
/// Names of what must not leave the program that it was made for.
const SECRETS: [&str; 16] = [
    "password",
    "passwd",
    "passwordhash",
    "hashedpassword",
    "passworddigest",
    "encryptedpassword",
    "salt",
    "hash",
    "token",
    "accesstoken",
    "refreshtoken",
    "resettoken",
    "passwordresettoken",
    "secret",
    "apikey",
    "privatekey",
];

/// What says that the record is not to be seen.
pub(super) fn deleted(attributes: &Attributes) -> Option<String> {
    attributes.iter().find_map(|(name, value)| {
        let plain = plain(name);
        if DELETED.contains(&plain.as_str()) && is_set(value) {
            return Some(name.clone());
        }
        let text = value.as_str().filter(|_| plain == "status" || plain == "state")?;
        ["removed", "deleted", "hidden"].contains(&text.to_lowercase().as_str()).then(|| format!("{name}: {text}"))
    })
}

/// Is it the name of a secret, and none that the table knows?
pub(super) fn is_secret(table: &Table, name: &str) -> bool {
    table.attribute(name).is_none() && SECRETS.contains(&plain(name).as_str())
}

fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !["", "false", "0", "no"].contains(&text.to_lowercase().as_str()),
        Value::Number(number) => number.as_str() != "0",
        _ => true,
    }
}
