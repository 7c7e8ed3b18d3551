//! What an attribute under an unknown name may be. It is never converted by a guess: the record is refused, with the name that it should
//! have.

use db_adapter::forum::{post, thread, user};
use db_adapter::schema::{Attribute, CREATED_AT};
use db_adapter::{Attributes, Error, Result, Table, Value};

use super::{authors, time};

/// Words of a name by which it is no attribute of ours, whatever else it says.
const OTHERS: [&str; 15] = [
    "last", "updated", "modified", "edited", "deleted", "expires", "until", "count", "total", "number", "num", "avatar", "url",
    "image", "editor",
];

/// Words that stand in a name for the attribute.
fn words_for(table: &Table, known: &Attribute) -> &'static [&'static str] {
    if known.references.is_some_and(|target| target.name == user::TABLE.name) {
        return &["author", "user", "creator", "owner", "poster", "writer", "by", "member", "account", "opener", "uid", "op"];
    }
    match (table.name, known.name) {
        (_, CREATED_AT) => {
            &["created", "date", "time", "timestamp", "posted", "published", "added", "opened", "joined", "registered"]
        }
        (_, "content") => &["text", "body", "content", "contents", "message", "html", "markdown", "raw"],
        (_, "description") => {
            &["text", "body", "content", "contents", "message", "html", "markdown", "raw", "description", "desc"]
        }
        (_, "title") if table.name == thread::TABLE.name => &["title", "subject", "headline", "heading", "name"],
        (_, "title") => &["title", "subject", "headline", "heading"],
        (_, "threadId") if table.name == post::TABLE.name => &["thread", "topic", "discussion", "parent"],
        (_, "email") => &["mail", "email"],
        (_, "username") => &["username", "handle", "login", "nick", "nickname", "screenname"],
        (_, "bio") => &["bio", "about", "biography", "description", "signature"],
        _ => &[],
    }
}

/// The words of a name: `postedAt`, `posted_at` and `Posted-At` are `posted` and `at`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in name.chars() {
        let starts = !letter.is_alphanumeric() || (letter.is_uppercase() && !before.is_uppercase());
        if starts && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words
}

/// Could the value be one of the attribute?
fn fits(known: &Attribute, value: &Value) -> bool {
    match known.name {
        CREATED_AT => time::read(value).is_some(),
        _ if known.references.is_some() => authors::id_of(value).is_some() || matches!(value, Value::Map(_)),
        "email" => value.as_str().is_some_and(|text| text.contains('@')),
        _ => value.as_str().is_some_and(|text| !text.trim().is_empty()),
    }
}

fn looks_like(table: &Table, known: &Attribute, name: &str, value: &Value) -> bool {
    let words = words(name);
    if table.attribute(name).is_some() || !fits(known, value) || words.iter().any(|word| OTHERS.contains(&word.as_str())) {
        return false;
    }
    let is_said = || words.iter().any(|word| words_for(table, known).contains(&word.as_str()));
    let is_misspelled = || {
        let letters = name.chars().count().min(known.name.chars().count());
        letters >= 5 && strsim::osa_distance(&name.to_lowercase(), &known.name.to_lowercase()) <= if letters < 8 { 1 } else { 2 }
    };
    // What is written as a time with a time of day is nothing else.
    let is_time = || known.name == CREATED_AT && value.as_str().is_some_and(|text| text.contains(':'));
    let is_mail = || known.name == "email" && value.as_str().is_some_and(|text| !text.contains(char::is_whitespace));
    is_said() || is_misspelled() || is_time() || is_mail()
}

fn unknown<'a>(table: &Table, known: &Attribute, attributes: &'a Attributes) -> Option<&'a String> {
    attributes.iter().find(|(name, value)| looks_like(table, known, name, value)).map(|(name, _)| name)
}

/// The end of a message that the attribute is missing: what may be it.
pub(super) fn hint(table: &Table, known: &Attribute, attributes: &Attributes) -> String {
    match unknown(table, known, attributes) {
        Some(name) => format!("; if {name} is it, say so in a --map: [{}] {} = {name:?}", table.name, known.name),
        None => String::new(),
    }
}

/// Refuses a record with an attribute under an unknown name that looks like one that the record lacks.
///
/// # Errors
/// [`Error::InvalidItem`] names both.
pub(super) fn refuse(table: &Table, attributes: &Attributes) -> Result<()> {
    for known in table.attributes.iter().filter(|known| !attributes.contains_key(known.name)) {
        if let Some(name) = unknown(table, known, attributes) {
            let reason = format!(
                "looks like {ours}, which the record lacks; name it {ours}, or say so in a --map: [{}] {ours} = {name:?}; \
                 --keep-unknown keeps it as it is",
                table.name,
                ours = known.name
            );
            return Err(Error::invalid_item(name, reason));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_words() {
        for name in ["postedAt", "posted_at", "Posted-At", "_posted at", "POSTED_AT"] {
            assert_eq!(words(name).iter().filter(|word| !word.is_empty()).collect::<Vec<_>>(), ["posted", "at"], "{name}");
        }
    }
}
