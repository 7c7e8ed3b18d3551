//! Query parameters.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::strict;
use crate::problem::{FieldError, Problem};

/// Query parameters, read strictly: an unknown parameter, one that is given twice and is no list, or a value that is not valid is 400.
/// Parameters that start with `_` or `utm_`, which browsers' libraries and campaigns add, are ignored, but for those of json-server,
/// which say what is on a page.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

/// The parameters of a route that takes none.
#[derive(Debug, Clone, Deserialize)]
pub struct NoParameters {}

impl IntoParams for NoParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Vec::new()
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// Parameters that are lists: given more than once, their values are joined, as a list with commas is.
const LISTS: [&str; 2] = ["ids", "fields"];

/// json-server's parameters. To ignore them would make every page the first one.
const JSON_SERVER: [&str; 9] = ["_page", "_limit", "_per_page", "_start", "_end", "_sort", "_order", "_embed", "_expand"];

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    if percent_decode_str(query).decode_utf8().is_err() {
        return Err(Problem::unreadable("the query is not valid UTF-8"));
    }
    let mut given: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    let (mut first, mut repeated) = (HashMap::new(), Vec::new());
    for (name, value) in parameters(query) {
        match first.entry(name.clone()) {
            Entry::Vacant(new) => {
                new.insert(given.len());
                given.push((name, value));
            }
            Entry::Occupied(earlier) if LISTS.contains(&name.as_ref()) => {
                if let Some((_, values)) = given.get_mut(*earlier.get()) {
                    values.to_mut().extend([",", &value]);
                }
            }
            Entry::Occupied(_) => repeated.push(name),
        }
    }
    if let Some((name, _)) = given.iter().find(|(name, _)| JSON_SERVER.contains(&name.as_ref())) {
        return Err(Problem::parameter(name, "is not supported: set the size of a page with limit, and follow the Link header"));
    }
    let joined = form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
    let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(joined.as_bytes()));
    let read = strict::read(deserializer, |_| false, "is not a parameter of this route");
    let mut faults = read.faults;
    if let Some(name) = repeated.into_iter().find(|name| faults.iter().all(|fault| fault.field != *name)) {
        faults.push(FieldError { field: name.into_owned(), message: "was given more than once".to_owned() });
    }
    match read.value {
        Ok(value) if faults.is_empty() => return Ok(value),
        Ok(_) => {}
        Err((field, error)) => faults.push(FieldError { field, message: error.to_string() }),
    }
    let problem = Problem::unreadable("the query is not valid");
    Err(faults.into_iter().fold(problem, |problem, fault| problem.with_error(&fault.field, fault.message)))
}

/// The parameters that are not ignored, decoded. A plus is a plus: it is one in times and e-mail addresses, which people write as
/// they are, and no value of ours has a space.
pub(crate) fn parameters(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let decode = |text| percent_decode_str(text).decode_utf8_lossy();
    pairs.map(move |(name, value)| (decode(name), decode(value))).filter(|(name, _)| !is_ignored(name))
}

fn is_ignored(name: &str) -> bool {
    name.starts_with("utm_") || name.starts_with('_') && !JSON_SERVER.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paging::{Id, Ids, Limit, Sort, Time};
    use db_adapter::Order;
    use proptest::prelude::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Parameters {
        limit: Option<Limit>,
        cascade: Option<bool>,
    }

    fn fields(query: &str) -> Vec<String> {
        let problem = parse::<Parameters>(query).unwrap_err();
        assert_eq!(problem.status(), 400);
        problem.errors().iter().map(|error| error.field.clone()).collect()
    }

    #[test]
    fn what_browsers_and_campaigns_add_is_ignored() {
        let read = parse::<Parameters>("_=17&limit=5&utm_source=x&%5Ft=1").unwrap();
        assert_eq!(read, Parameters { limit: Some(Limit::new(5)), cascade: None });
        assert_eq!(parse::<Parameters>("").unwrap(), Parameters { limit: None, cascade: None });
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(fields("limt=5&x=1"), ["limt", "x"]);
        assert_eq!(fields("limit=0"), ["limit"]);
        assert_eq!(fields("cascade=yes"), ["cascade"]);
        assert_eq!(fields("x&limit=a"), ["x", "limit"]);
        assert_eq!(parse::<Parameters>("limit=%ff").unwrap_err().status(), 400);
    }

    /// A client can put more unknown names into one request than a response should name, or than can be compared with each other.
    #[test]
    fn not_every_one_of_thousands_of_faults_is_named() {
        let query = (0..5_000).map(|at| format!("x{at}")).collect::<Vec<_>>().join("&");
        let named = fields(&query);
        assert_eq!((named.len(), named.first().map(String::as_str)), (100, Some("x0")));
        assert_eq!(fields(&format!("{query}&limit=1&limit=1")).len(), 101);
    }

    #[test]
    fn a_repeated_parameter_is_refused_unless_it_is_a_list() {
        let problem = parse::<Parameters>("limit=5&_=1&_=2&limit=5").unwrap_err();
        assert_eq!(
            (problem.errors()[0].field.as_str(), problem.errors()[0].message.as_str()),
            ("limit", "was given more than once")
        );
        let ids = |query| parse::<Everything>(query).unwrap().ids.unwrap().into_vec();
        for query in ["ids=1,2,3", "ids=1&ids=2&ids=3", "ids=1,2&_=0&ids=3", "ids=1,%202,+3,", "ids=,1,,2&ids=&ids=3&ids=1"] {
            assert_eq!(ids(query), ["1", "2", "3"], "{query}");
        }
        assert_eq!(fields("ids[]=1&ids[]=2&limit=1&limit=2"), ["ids[]", "limit"]);
    }

    #[test]
    fn parameters_of_json_server_are_told_what_to_use() {
        for name in JSON_SERVER {
            let problem = parse::<Parameters>(&format!("limit=5&{name}=2")).unwrap_err();
            assert_eq!(problem.errors()[0].field, name);
            assert!(["limit", "Link"].iter().all(|word| problem.errors()[0].message.contains(word)));
        }
        assert!(parse::<Parameters>("_=1&_t=2&_limits=3&__limit=4&_PAGE=5").is_ok());
    }

    #[test]
    fn a_plus_is_a_plus() {
        let read = parse::<Everything>("from=2024-05-01T12:00:00+02:00&cursor=a+b%20c%2Bd").unwrap();
        assert_eq!(read.from.map(Time::into_text).as_deref(), Some("2024-05-01T10:00:00.000Z"));
        assert_eq!(read.cursor.as_deref(), Some("a+b c+d"));
    }

    #[derive(Debug, Default, Clone, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase")]
    struct Everything {
        limit: Option<Limit>,
        order: Option<Sort>,
        from: Option<Time>,
        ids: Option<Ids>,
        thread_id: Option<Id>,
        cursor: Option<String>,
        cascade: Option<bool>,
    }

    impl Everything {
        fn query(self) -> String {
            let order = self.order.map(|Sort(order)| if order == Order::Ascending { "asc" } else { "desc" }.to_owned());
            let pairs = [
                ("limit", self.limit.map(|limit| limit.items().to_string())),
                ("order", order),
                ("from", self.from.map(Time::into_text)),
                ("ids", self.ids.map(|ids| ids.into_vec().join(","))),
                ("threadId", self.thread_id.map(|Id(id)| id)),
                ("cursor", self.cursor),
                ("cascade", self.cascade.map(|cascade| cascade.to_string())),
            ];
            let sent = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
            form_urlencoded::Serializer::new(String::new()).extend_pairs(sent).finish().replace('+', "%20")
        }
    }

    fn any_query() -> impl Strategy<Value = String> {
        let name = prop_oneof![
            20 => prop::sample::select(vec!["limit", "order", "from", "ids", "threadId", "cursor", "cascade"]).prop_map(str::to_owned),
            1 => prop::sample::select(vec!["Limit", "", "_", "utm_x", "threadId.x", "?", "."]).prop_map(str::to_owned),
            1 => any::<String>(),
        ];
        let value = prop_oneof![
            2 => "[0-9]{1,4}",
            1 => prop::sample::select(vec!["asc", "desc", "true", "false", "health"]).prop_map(str::to_owned),
            3 => "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,10})?(Z|[+ -][01][0-9]:[0-5][0-9])",
            2 => "[a-zA-Z0-9_-]{1,9}(,[a-z0-9]{1,3}){0,3}",
            1 => any::<String>(),
        ];
        let encoded = prop::collection::vec((name, value), 0..4)
            .prop_map(|pairs| form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish());
        prop_oneof![8 => encoded, 1 => "[ -~]{0,40}", 1 => "(%[0-9a-f]{2}|[a-z=&+]){0,20}", 1 => any::<String>()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_query_is_read_to_the_end_or_its_faults_are_named(query in any_query()) {
            match parse::<Everything>(&query) {
                Ok(read) => prop_assert_eq!(parse::<Everything>(&read.clone().query()).unwrap(), read),
                Err(problem) => {
                    prop_assert_eq!(problem.status(), 400);
                    let is_text = percent_decode_str(&query).decode_utf8().is_ok();
                    prop_assert_eq!(problem.errors().is_empty(), !is_text);
                    for error in problem.errors() {
                        prop_assert!(parameters(&query).any(|(name, _)| name == error.field), "{:?}", error);
                    }
                }
            }
        }
    }
}
