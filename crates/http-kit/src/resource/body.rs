//! JSON bodies, read by the declaration of a table.

use std::borrow::Cow;
use std::fmt;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use db_adapter::schema::{Access, Attribute, Form, Presence};
use db_adapter::{Attributes, Item, Table, Update};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;

use super::text::{Change, Text};
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
#[derive(Debug, Clone, Copy)]
pub(super) enum Given<'a> {
    /// These attributes of the item cannot change, as little as those that are declared so.
    Fixed(&'a [&'static str]),
    /// The new item is of this user: the attribute, and the id.
    Owner(&'static str, &'a str),
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
/// was found in one response. Attributes that the server sets are ignored, so that GET, edit, PUT works; hidden ones are unknown.
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
    let mut reader = Reader::new(table);
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
    fn new(table: &'static Table) -> Self {
        let settable = table.attributes.iter().filter(|known| known.access == Access::Client);
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
            Given::Owner(..) => false,
        };
        let owner = match given {
            Given::Owner(name, id) if name == known.name => Some(id),
            _ => None,
        };
        let change = match change {
            Some(Change::Set(text)) => Change::Set(in_form(known.form, text)),
            Some(change) => change,
            // An attribute that cannot change may be left out where the item is there.
            None if purpose == Purpose::Patch || fixed => Change::Keep,
            None => owner.map_or(Change::Remove, |id| Change::Set(id.to_owned())),
        };
        let broken = match (&change, owner) {
            (Change::Set(id), Some(owner)) if id == owner => Vec::new(),
            (_, Some(_)) => vec!["must be your own id, or absent".to_owned()],
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

fn in_form(form: Form, text: String) -> String {
    match form {
        Form::AsSent => text,
        Form::Trimmed => text.trim().to_owned(),
        Form::Normalised => text.trim().to_lowercase(),
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
mod tests {
    use super::*;
    use db_adapter::schema::Kind;
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Map, Value, json};

    static EXAMPLE: Table = Table {
        attributes: &[
            Attribute::server("userId", Kind::Text, ""),
            Attribute::text("name", "").required().trimmed().visible().max_chars(5),
            Attribute::text("longName", "").max_chars(3),
            Attribute::server("createdAt", Kind::Text, ""),
            Attribute::server("version", Kind::Count, ""),
            Attribute::hidden("writeId"),
        ],
        ..PROFILE
    };

    const PROFILE: Table = Table {
        name: "examples",
        singular: "example",
        component: "Example",
        env: "",
        default_name: "",
        hash: "userId",
        range: None,
        indexes: &[],
        unique: &[],
        constant: None,
        attributes: &[
            Attribute::text("name", ""),
            Attribute::text("bio", ""),
            Attribute::server("createdAt", Kind::Text, ""),
            Attribute::server("version", Kind::Count, ""),
            Attribute::hidden("writeId"),
        ],
        samples: "[]",
    };
    static PROFILES: Table = PROFILE;
    const NOTHING: Given<'static> = Given::Fixed(&[]);

    fn example(body: &str) -> Result<Changes, Problem> {
        parse(body.as_bytes(), &EXAMPLE, Purpose::Create, NOTHING)
    }

    fn faults(body: &str) -> (u16, Vec<String>) {
        let problem = example(body).unwrap_err();
        (problem.status().as_u16(), problem.errors().iter().map(|error| error.field.clone()).collect())
    }

    #[test]
    fn a_body_becomes_an_update() {
        let read = |body: &str| parse(body.as_bytes(), &EXAMPLE, Purpose::Patch, NOTHING).unwrap().into_update();
        let update = read(r#" {"name":" Ann ","longName":null,"version":[7],"createdAt":{}} "#);
        assert_eq!(update.set.into_iter().collect::<Vec<_>>(), [("name".to_owned(), "Ann".into())]);
        assert!(update.remove.contains("longName"));
        assert!(read(r#"{"name":"Ann"}"#).remove.is_empty());
    }

    #[rstest]
    #[case("{", 400, &[])]
    #[case(r#"{"name":"Ann"} x"#, 400, &[])]
    #[case(r#"{"name":7,"longName":"x"}"#, 400, &["name"])]
    #[case(r#"{"name":"Ann","name":"Ann"}"#, 400, &["name"])]
    #[case(r#"{"a":1,"name":"","b":{"c":1},"writeId":"x"}"#, 400, &["a", "b", "writeId", "name"])]
    #[case(r#"{"name":"\ud800"}"#, 400, &["name"])]
    #[case(r#"{"longName":"xxxx"}"#, 422, &["longName", "name"])]
    #[case(r#"{"longName":["x"],"name":7}"#, 400, &["longName", "name"])]
    #[case(r#"{"name":"  "}"#, 422, &["name"])]
    #[case(r#"{"name":null}"#, 422, &["name"])]
    fn faults_have_a_status_and_name_their_fields(#[case] body: &str, #[case] status: u16, #[case] fields: &[&str]) {
        assert_eq!(faults(body), (status, fields.iter().map(ToString::to_string).collect()));
    }

    #[rstest]
    #[case(" null")]
    #[case("7")]
    #[case("\"Ann\"")]
    #[case(r#"["Ann"]"#)]
    fn what_is_no_object_is_told_in_json_s_words(#[case] body: &str) {
        let problem = example(body).unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.errors()), (400, [].as_slice()));
        let shown = String::from_utf8(problem.to_json(None)).unwrap();
        assert!(shown.contains("must be a JSON object"), "{shown}");
    }

    #[rstest]
    #[case("", "the body is empty", "")]
    #[case(" \n", "the body is empty", "")]
    #[case("\u{feff}", "the body is empty", "")]
    #[case("{\"name\":", "", "is not valid JSON: line 1, column 8")]
    #[case("{\n\"x\" 1}", "the body is not valid JSON: line 2, column 5", "")]
    #[case(r#"{"name":"Ann"}}"#, "the body is not valid JSON: line 1, column 15", "")]
    #[case(r#"{"name":1}"#, "", r#"write it as text: "1""#)]
    #[case(r#"{"name":-7}"#, "", r#"write it as text: "-7""#)]
    #[case(r#"{"name":"a","longName":1.5}"#, "", r#"write it as text: "1.5""#)]
    #[case(r#"{"name":"a","longName":true}"#, "", r#"write it as text: "true""#)]
    #[case(r#"{"name":[1]}"#, "", "must be text, not a list")]
    #[case(r#"{"name":"a","longName":{"a":1}}"#, "", "must be text, not an object")]
    #[case(r#"{"name":"a","name":"b"}"#, "", "was given more than once")]
    #[case(r#"{"name":"\u200b"}"#, "", "must not be blank")]
    #[case(r#"{"name":"Annika"}"#, "", "must have no more than 5 characters; it has 6")]
    fn faults_are_told_in_our_words(#[case] body: &str, #[case] detail: &str, #[case] message: &str) {
        let problem = example(body).unwrap_err();
        let messages: Vec<_> = problem.errors().iter().map(|error| error.message.as_str()).collect();
        assert_eq!(messages, if message.is_empty() { vec![] } else { vec![message] });
        let shown: Value = serde_json::from_slice(&problem.to_json(None)).unwrap();
        assert!(detail.is_empty() || shown["detail"] == detail, "{shown}");
    }

    #[test]
    fn a_byte_order_mark_is_ignored() {
        assert!(example("\u{feff} {\"name\":\"Ann\"}").is_ok());
    }

    #[test]
    fn not_every_one_of_thousands_of_faults_is_named() {
        let unknown: Vec<_> = (0..5_000).map(|at| format!(r#""x{at}":0"#)).collect();
        let (status, named) = faults(&format!(r#"{{"name":"Ann",{}}}"#, unknown.join(",")));
        assert_eq!((status, named.len(), named[0].as_str()), (400, 100, "x0"));
    }

    #[test]
    fn deep_nesting_and_invalid_utf_8_are_refused() {
        for nest in ["[", "{\"a\":"] {
            assert_eq!(faults(&format!("{{\"name\":{}", nest.repeat(100_000))).0, 400);
            assert_eq!(faults(&format!("{{\"x\":{}", nest.repeat(100_000))).0, 400);
        }
        assert_eq!(parse(b"{\"name\":\"\xff\"}", &EXAMPLE, Purpose::Create, NOTHING).unwrap_err().status(), 400);
    }

    #[rstest]
    #[case("application/json", None, true)]
    #[case("Application/JSON; charset=utf-8", None, true)]
    #[case("application/json", Some("identity"), true)]
    #[case("application/json", Some("gzip"), false)]
    #[case("application/merge-patch+json", None, false)]
    #[case("text/plain", None, false)]
    #[case("", None, false)]
    fn other_media_types_are_refused(#[case] media_type: &str, #[case] encoding: Option<&str>, #[case] allowed: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, encoding.parse().unwrap());
        }
        assert_eq!(check_media_type(&headers, &["application/json"]).is_ok(), allowed);
    }

    /// `MergePatch` of RFC 7396, section 2.
    fn merged(target: Value, patch: &Value) -> Value {
        let Value::Object(patch) = patch else { return patch.clone() };
        let mut target = if let Value::Object(target) = target { target } else { Map::new() };
        for (name, value) in patch {
            let old = target.remove(name);
            if !value.is_null() {
                target.insert(name.clone(), merged(old.unwrap_or_default(), value));
            }
        }
        target.into()
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            4 => Just(Value::Null),
            8 => any::<String>().prop_map(Value::from),
            1 => any::<i64>().prop_map(Value::from),
            1 => any::<bool>().prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                20 => inner.clone(),
                1 => prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                1 => members(inner).prop_map(Value::from),
            ]
        })
    }

    fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
        let name = prop_oneof![
            10 => prop::sample::select(vec!["name", "bio", "version", "createdAt"]).prop_map(str::to_owned),
            1 => prop::sample::select(vec!["writeId", "Name", ""]).prop_map(str::to_owned),
            1 => any::<String>(),
        ];
        prop::collection::vec((name, value), 0..4).prop_map(|members| members.into_iter().collect())
    }

    proptest! {
        #[test]
        fn a_patch_does_what_rfc_7396_says_or_is_refused(
            target in prop::collection::btree_map(prop::sample::select(vec!["name", "bio"]), any::<String>(), 0..3),
            patch in prop_oneof![9 => members(any_json()).prop_map(Value::from), 1 => any_json()],
        ) {
            let readable = patch.as_object().is_some_and(|patch| {
                patch.iter().all(|(name, value)| match name.as_str() {
                    "name" | "bio" => value.is_string() || value.is_null(),
                    name => name == "version" || name == "createdAt",
                })
            });
            let read = parse(patch.to_string().as_bytes(), &PROFILES, Purpose::Patch, NOTHING);
            prop_assert_eq!(read.as_ref().map_err(Problem::status).err(), (!readable).then_some(StatusCode::BAD_REQUEST));
            let Ok(profile) = read else { return Ok(()) };
            let update = profile.into_update();
            let mut after: Map<_, _> = target.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
            after.retain(|name, _| !update.remove.contains(name));
            after.extend(update.set.iter().map(|(name, value)| (name.clone(), json!(value.as_str()))));
            let mut of_clients = patch.as_object().cloned().unwrap_or_default();
            of_clients.retain(|name, _| name == "name" || name == "bio");
            prop_assert_eq!(Value::from(after), merged(json!(target), &of_clients.into()));
        }
    }
}
