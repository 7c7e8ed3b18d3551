//! JSON bodies.

use std::borrow::Cow;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use db_adapter::schema::Access;
use db_adapter::{Attributes, Table, Update};
use garde::Validate;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::strict;
use crate::change::Change;
use crate::problem::{FieldError, Problem};

/// What a client may set of an item: the body of a request.
pub trait Body: DeserializeOwned + Validate<Context = ()> {
    /// The table of the item. Attributes that the server sets may stand in the body and are ignored, so that GET, edit, PUT
    /// works; hidden attributes are unknown fields.
    fn table() -> &'static Table;

    /// What the body says about each attribute that it may set.
    fn changes(self) -> Vec<(&'static str, Change)>;

    /// The attributes that are set.
    fn attributes(self) -> Attributes {
        self.update().set
    }

    /// What is set and what is removed.
    fn update(self) -> Update {
        let mut update = Update::default();
        for (name, change) in self.changes() {
            match change {
                Change::Keep => {}
                Change::Remove => {
                    update.remove.insert(name.to_owned());
                }
                Change::Set(text) => {
                    update.set.insert(name.to_owned(), text.into());
                }
            }
        }
        update
    }
}

/// A body of `application/json`, read strictly: what cannot be read is 400 (syntax, types, unknown fields), what breaks a rule
/// is 422, with every fault that was found in one answer.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

/// A JSON merge patch (RFC 7396), read as [`Json`]: `application/merge-patch+json` or `application/json`.
#[derive(Debug, Clone)]
pub struct MergePatch<T>(pub T);

const JSON: &[&str] = &["application/json"];
const MERGE_PATCH: &[&str] = &["application/merge-patch+json", "application/json"];

impl<T: Body, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        read::<T, S>(request, state, JSON).await.map(Self)
    }
}

impl<T: Body, S: Send + Sync> FromRequest<S> for MergePatch<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        read::<T, S>(request, state, MERGE_PATCH).await.map(Self)
    }
}

async fn read<T: Body, S: Send + Sync>(request: Request, state: &S, media_types: &[&str]) -> Result<T, Problem> {
    check_media_type(request.headers(), media_types)?;
    // It was received before the handler was called: see `receive`.
    let bytes = Bytes::from_request(request, state).await.map_err(|_| Problem::internal("the body was not received"))?;
    parse(&bytes)
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

fn parse<T: Body>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::unreadable("the body is not valid UTF-8"))?;
    // Some editors and tools begin a file with it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // serde would read an array as a struct's fields in order, and name our type to whoever sends a number.
    match text.trim_start().chars().next() {
        None => return Err(Problem::unreadable("the body is empty")),
        Some('{') => {}
        Some(_) => return Err(Problem::unreadable("the body must be a JSON object")),
    }
    let server_owned = |name: &str| T::table().attribute(name).is_some_and(|known| known.access == Access::Server);
    let mut json = serde_json::Deserializer::from_str(text);
    let mut read = strict::read::<T, _>(&mut json, server_owned, "is not a field of this body");
    if read.value.is_ok()
        && let Err(error) = json.end()
    {
        read.value = Err((String::new(), error));
    }
    match read.value {
        Ok(value) => {
            let unreadable = !read.faults.is_empty();
            if let Err(report) = value.validate() {
                let broken =
                    report.iter().map(|(path, error)| FieldError { field: camel_case(path), message: error.to_string() });
                read.faults.extend(broken);
            }
            match read.faults {
                faults if faults.is_empty() => Ok(value),
                faults if unreadable => Err(unreadable_body(None, faults)),
                faults => Err(Problem::invalid(faults)),
            }
        }
        Err((path, error)) => Err(explain(path, &error, read.faults)),
    }
}

fn unreadable_body(detail: Option<String>, faults: Vec<FieldError>) -> Problem {
    let problem = Problem::unreadable(detail.map_or(Cow::Borrowed("the body cannot be read"), Cow::Owned));
    faults.into_iter().fold(problem, |problem, fault| problem.with_error(&fault.field, fault.message))
}

/// What serde found, in our words: it names the field, or else the place.
fn explain(path: String, error: &serde_json::Error, mut faults: Vec<FieldError>) -> Problem {
    let said = error.to_string();
    let (field, message) = match (error.classify(), said.split_once(" at line ")) {
        (Category::Data, said_at) => {
            let message = said_at.map_or(said.as_str(), |(message, _)| message);
            match message.strip_prefix("duplicate field `").and_then(|rest| rest.strip_suffix('`')) {
                Some(field) => (field.to_owned(), "was given more than once".to_owned()),
                None => (path, message.to_owned()),
            }
        }
        _ => (path, format!("is not valid JSON: line {}, column {}", error.line(), error.column())),
    };
    if field.is_empty() {
        return unreadable_body(Some(format!("the body {message}")), faults);
    }
    faults.push(FieldError { field, message });
    unreadable_body(None, faults)
}

/// The field's name in JSON.
fn camel_case(path: &garde::Path) -> String {
    let mut words = path.to_string().split('_').map(str::to_owned).collect::<Vec<_>>();
    for word in words.iter_mut().skip(1) {
        if let Some(first) = word.get_mut(..1) {
            first.make_ascii_uppercase();
        }
    }
    words.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules;
    use db_adapter::forum::user;
    use proptest::prelude::*;
    use rstest::rstest;
    use serde::Deserialize;
    use serde_json::{Map, Value, json};

    #[derive(Debug, Deserialize, Validate)]
    #[serde(rename_all = "camelCase")]
    struct Example {
        #[garde(custom(rules::present), custom(rules::visible), custom(rules::max_chars(5)))]
        #[serde(default, deserialize_with = "crate::change::trimmed")]
        name: Option<String>,
        #[garde(custom(rules::max_chars(3)))]
        #[serde(default)]
        long_name: Change,
    }

    impl Body for Example {
        fn table() -> &'static Table {
            &user::TABLE
        }

        fn changes(self) -> Vec<(&'static str, Change)> {
            vec![("name", self.name.into()), ("bio", self.long_name)]
        }
    }

    fn faults(body: &str) -> (u16, Vec<String>) {
        let problem = parse::<Example>(body.as_bytes()).unwrap_err();
        (problem.status().as_u16(), problem.errors().iter().map(|error| error.field.clone()).collect())
    }

    #[test]
    fn a_body_becomes_an_update() {
        let read = |body: &str| parse::<Example>(body.as_bytes()).unwrap().update();
        let update = read(r#" {"name":" Ann ","longName":null,"version":[7],"createdAt":{}} "#);
        assert_eq!(update.set.into_iter().collect::<Vec<_>>(), [("name".to_owned(), "Ann".into())]);
        assert!(update.remove.contains("bio"));
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
        let problem = parse::<Example>(body.as_bytes()).unwrap_err();
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
    #[case(r#"{"longName":1.5}"#, "", r#"write it as text: "1.5""#)]
    #[case(r#"{"longName":true}"#, "", r#"write it as text: "true""#)]
    #[case(r#"{"name":[1]}"#, "", "must be text, not a list")]
    #[case(r#"{"longName":{"a":1}}"#, "", "must be text, not an object")]
    #[case(r#"{"name":"a","name":"b"}"#, "", "was given more than once")]
    #[case(r#"{"name":"\u200b"}"#, "", "must not be blank")]
    #[case(r#"{"name":"Annika"}"#, "", "must have no more than 5 characters; it has 6")]
    fn faults_are_told_in_our_words(#[case] body: &str, #[case] detail: &str, #[case] message: &str) {
        let problem = parse::<Example>(body.as_bytes()).unwrap_err();
        let messages: Vec<_> = problem.errors().iter().map(|error| error.message.as_str()).collect();
        assert_eq!(messages, if message.is_empty() { vec![] } else { vec![message] });
        let shown: Value = serde_json::from_slice(&problem.to_json(None)).unwrap();
        assert!(detail.is_empty() || shown["detail"] == detail, "{shown}");
    }

    #[test]
    fn a_byte_order_mark_is_ignored() {
        assert_eq!(parse::<Example>("\u{feff} {\"name\":\"Ann\"}".as_bytes()).unwrap().name.as_deref(), Some("Ann"));
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
        assert_eq!(parse::<Example>(b"{\"name\":\"\xff\"}").unwrap_err().status(), 400);
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

    #[derive(Debug, Default, Deserialize, Validate)]
    #[serde(default)]
    struct Profile {
        #[garde(skip)]
        name: Change,
        #[garde(skip)]
        bio: Change,
    }

    impl Body for Profile {
        fn table() -> &'static Table {
            &user::TABLE
        }

        fn changes(self) -> Vec<(&'static str, Change)> {
            vec![("name", self.name), ("bio", self.bio)]
        }
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
            let read = parse::<Profile>(patch.to_string().as_bytes());
            prop_assert_eq!(read.as_ref().map_err(Problem::status).err(), (!readable).then_some(StatusCode::BAD_REQUEST));
            let Ok(profile) = read else { return Ok(()) };
            let update = profile.update();
            let mut after: Map<_, _> = target.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
            after.retain(|name, _| !update.remove.contains(name));
            after.extend(update.set.iter().map(|(name, value)| (name.clone(), json!(value.as_str()))));
            let mut of_clients = patch.as_object().cloned().unwrap_or_default();
            of_clients.retain(|name, _| name == "name" || name == "bio");
            prop_assert_eq!(Value::from(after), merged(json!(target), &of_clients.into()));
        }
    }
}
