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
    ttl: None,
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
