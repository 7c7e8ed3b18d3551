//! JSON bodies, read by the declaration of a table.

use std::borrow::Cow;
use std::fmt;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use db_adapter::schema::{Access, Attribute, CREATED_AT, Presence, UPDATED_AT};
use db_adapter::{Attributes, Item, Table, Update};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;

use super::text::{Change, Text};
use crate::paging::Time;
use crate::problem::{FieldError, Problem};
use crate::rules;

/// Unknown fields that are named: each is compared with those before it, and a body has room for tens of thousands.
const MAX_UNKNOWN: usize = 100;

/// What a body is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A new item, whole.
    Create,
    /// An item in place of another one, whole. What cannot change may be left out.
    Replace,
    /// A JSON merge patch (RFC 7396): what is absent stays, null removes.
    Patch,
}

impl Purpose {
    /// The media types of such a body.
    pub(super) const fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Create | Self::Replace => &["application/json"],
            Self::Patch => &["application/json", "application/merge-patch+json"],
        }
    }
}

/// What is given beside the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given<'a> {
    /// These attributes of the item cannot change, as little as those that are declared so.
    Fixed(&'a [&'static str]),
    /// The new item is of this user: the attribute, and the id.
    Owner(&'static str, &'a str),
    /// The new item comes from elsewhere: the body may say its id and its times, too.
    Import,
}

impl Given<'_> {
    /// Does the body set the attribute?
    fn leaves(self, table: &Table, known: &Attribute) -> bool {
        let imported = self == Self::Import && [table.hash, CREATED_AT, UPDATED_AT].contains(&known.name);
        imported || known.is_of_client()
    }
}

/// What a body says about each attribute that clients set, in the order of the table.
#[derive(Debug)]
pub(super) struct Changes(Vec<Said>);

/// What a body says about one attribute.
#[derive(Debug)]
struct Said {
    known: &'static Attribute,
    change: Change,
    /// Can the attribute not change?
    fixed: bool,
}

impl Changes {
    /// Does the body change nothing of what can change?
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|said| said.fixed || said.change == Change::Keep)
    }

    /// Does the body name what cannot change?
    pub(super) fn say_fixed(&self) -> bool {
        self.0.iter().any(|said| said.fixed && said.change != Change::Keep)
    }

    /// Checks that the body repeats of the item what cannot change, or leaves it out.
    ///
    /// # Errors
    /// 422 that names what differs.
    pub(super) fn check_fixed(&self, item: &Item) -> Result<(), Problem> {
        let differs = self.0.iter().filter(|said| said.fixed).filter(|said| match &said.change {
            Change::Set(text) => item.text(said.known.name).as_deref() != Some(text),
            Change::Remove => said.known.presence == Presence::Optional && item.text(said.known.name).is_some(),
            Change::Keep => false,
        });
        let faults: Vec<_> = differs.map(|said| fault(said.known.name, "cannot change")).collect();
        if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
    }

    /// The attributes of a new item.
    pub(super) fn into_attributes(self) -> Attributes {
        let set = self.0.into_iter().filter_map(|said| match said.change {
            Change::Set(text) => Some((said.known.name.to_owned(), text.into())),
            Change::Keep | Change::Remove => None,
        });
        set.collect()
    }

    /// What is set and what is removed of an item that is there. See [`Changes::check_fixed`] for what cannot change.
    pub(super) fn into_update(self) -> Update {
        let mut update = Update::default();
        for Said { known, change, .. } in self.0.into_iter().filter(|said| !said.fixed) {
            match change {
                Change::Keep => {}
                Change::Remove => {
                    update.remove.insert(known.name.to_owned());
                }
                Change::Set(text) => {
                    update.set.insert(known.name.to_owned(), text.into());
                }
            }
        }
        update
    }
}

/// Reads a body strictly: what cannot be read is 400 (syntax, types, unknown fields), what breaks a rule is 422, with every fault that
/// was found in one response. Attributes that the server sets are ignored, so that GET, edit, PUT works, but for [`Given::Import`]; hidden ones are unknown.
///
/// # Errors
/// 400, 415, 422.
pub(super) async fn read(
    request: Request,
    table: &'static Table,
    purpose: Purpose,
    given: Given<'_>,
) -> Result<Changes, Problem> {
    check_media_type(request.headers(), purpose.media_types())?;
    // It was received before the handler was called: see `receive`.
    let bytes = Bytes::from_request(request, &()).await.map_err(|_| Problem::internal("the body was not received"))?;
    parse(&bytes, table, purpose, given)
}

fn check_media_type(headers: &HeaderMap, allowed: &[&str]) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = text(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    let encoding = text(header::CONTENT_ENCODING);
    if !allowed.iter().any(|allowed| media_type.eq_ignore_ascii_case(allowed)) {
        let detail = format!("the body must be sent as {}", allowed.join(" or "));
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    if headers.contains_key(header::CONTENT_ENCODING) && !encoding.eq_ignore_ascii_case("identity") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be sent without Content-Encoding"));
    }
    Ok(())
}

fn parse(bytes: &[u8], table: &'static Table, purpose: Purpose, given: Given<'_>) -> Result<Changes, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::unreadable("the body is not valid UTF-8"))?;
    // Some editors and tools begin a file with it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.trim_start().chars().next() {
        None => return Err(Problem::unreadable("the body is empty")),
        Some('{') => {}
        Some(_) => return Err(Problem::unreadable("the body must be a JSON object")),
    }
    let mut reader = Reader::new(table, given);
    let mut json = serde_json::Deserializer::from_str(text);
    let read = reader.deserialize_into(&mut json).and_then(|()| json.end());
    let Reader { changes, mut faults, mistyped, field, .. } = reader;
    if let Err(error) = read {
        return Err(explain(field, &error, faults));
    }
    if mistyped {
        return Err(unreadable_body(None, faults));
    }
    let (changes, mut broken) = checked(changes, purpose, given);
    broken.sort_by(|one, other| one.field.cmp(&other.field));
    let unreadable = !faults.is_empty();
    faults.append(&mut broken);
    match faults {
        faults if faults.is_empty() => Ok(changes),
        faults if unreadable => Err(unreadable_body(None, faults)),
        faults => Err(Problem::invalid(faults)),
    }
}

/// Reads the members of an object.
struct Reader {
    table: &'static Table,
    /// The attributes that clients set, each with what was said about it.
    changes: Vec<(&'static Attribute, Option<Change>)>,
    faults: Vec<FieldError>,
    /// Has a field a value that cannot be read, or two?
    mistyped: bool,
    /// The field whose value is being read, if it is one that clients set.
    field: &'static str,
}

impl Reader {
    fn new(table: &'static Table, given: Given<'_>) -> Self {
        let settable = table.attributes.iter().filter(|known| given.leaves(table, known));
        Self { table, changes: settable.map(|known| (known, None)).collect(), faults: Vec::new(), mistyped: false, field: "" }
    }

    fn deserialize_into<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }

    fn add_unknown(&mut self, name: &str) {
        if self.faults.len() < MAX_UNKNOWN && self.faults.iter().all(|fault| fault.field != name) {
            self.faults.push(fault(name, "is not a field of this body"));
        }
    }
}

impl<'de> Visitor<'de> for &mut Reader {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = members.next_key()? {
            let Some((known, change)) = self.changes.iter_mut().find(|(known, _)| known.name == name) else {
                members.next_value::<IgnoredAny>()?;
                if self.table.attribute(&name).is_none_or(|known| known.access == Access::Hidden) {
                    self.add_unknown(&name);
                }
                continue;
            };
            self.field = known.name;
            let Text(said) = members.next_value()?;
            self.field = "";
            let said = if change.is_some() { Err("was given more than once".to_owned()) } else { said };
            match said {
                Ok(said) => *change = Some(said),
                Err(message) => {
                    self.mistyped = true;
                    self.faults.push(fault(known.name, message));
                }
            }
        }
        Ok(())
    }
}

/// A field's name, which is copied only where it holds an escape.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The changes as they are stored, and which rules of their attributes they break.
fn checked(said: Vec<(&'static Attribute, Option<Change>)>, purpose: Purpose, given: Given<'_>) -> (Changes, Vec<FieldError>) {
    let (mut changes, mut faults) = (Vec::with_capacity(said.len()), Vec::new());
    for (known, change) in said {
        let fixed = match given {
            Given::Fixed(names) => purpose != Purpose::Create && (known.fixed || names.contains(&known.name)),
            Given::Owner(..) | Given::Import => false,
        };
        let imported = !known.is_of_client();
        let owner = match given {
            Given::Owner(name, id) if name == known.name => Some(id),
            _ => None,
        };
        let change = match change {
            Some(Change::Set(text)) if imported && known.ids.is_none() => {
                Change::Set(Time::parse(&text).map_or(text, Time::into_text))
            }
            Some(Change::Set(text)) => Change::Set(known.form.apply(text)),
            Some(change) => change,
            // An attribute that cannot change may be left out where the item is there.
            None if purpose == Purpose::Patch || fixed || imported => Change::Keep,
            None => owner.map_or(Change::Remove, |id| Change::Set(id.to_owned())),
        };
        let broken = match (&change, owner) {
            (Change::Set(id), Some(owner)) if id == owner => Vec::new(),
            (_, Some(_)) => vec!["must be your own id, or absent".to_owned()],
            (Change::Set(text), None) if imported => not_importable(known, text).into_iter().collect(),
            (Change::Remove, None) if known.presence != Presence::Optional => vec!["is required and cannot be null".to_owned()],
            // What cannot change is compared with the item.
            (Change::Set(text), None) if !fixed => rules::broken(known, text),
            _ => Vec::new(),
        };
        faults.extend(broken.into_iter().map(|message| fault(known.name, message)));
        changes.push(Said { known, change, fixed });
    }
    (Changes(changes), faults)
}

/// Why an item cannot come with that id or time, if so.
fn not_importable(known: &Attribute, text: &str) -> Option<String> {
    match known.ids {
        Some(is_id) => (!is_id(text)).then(|| rules::ID.to_owned()),
        None => Time::parse(text).is_none().then(|| "must be a time as in 2027-05-01T12:00:00Z (RFC 3339)".to_owned()),
    }
}

fn fault(field: &str, message: impl Into<String>) -> FieldError {
    FieldError { field: field.to_owned(), message: message.into() }
}

fn unreadable_body(detail: Option<String>, faults: Vec<FieldError>) -> Problem {
    let problem = Problem::unreadable(detail.map_or(Cow::Borrowed("the body cannot be read"), Cow::Owned));
    faults.into_iter().fold(problem, |problem, fault| problem.with_error(&fault.field, fault.message))
}

/// What serde found, in plain words: it names the field, or else the place.
fn explain(field: &str, error: &serde_json::Error, mut faults: Vec<FieldError>) -> Problem {
    let message = match error.classify() {
        Category::Data => error.to_string(),
        _ => format!("is not valid JSON: line {}, column {}", error.line(), error.column()),
    };
    if field.is_empty() {
        return unreadable_body(Some(format!("the body {message}")), faults);
    }
    faults.push(fault(field, message));
    unreadable_body(None, faults)
}

#[cfg(test)]
mod tests;
