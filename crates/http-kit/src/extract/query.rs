//! Query parameters.

use std::borrow::Cow;
use std::collections::HashSet;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::strict;
use crate::problem::{FieldError, Problem};

/// Query parameters, read strictly: an unknown or repeated parameter or a value that is not valid is 400. Parameters that start
/// with `_` or `utm_`, which browsers' libraries and campaigns add, are ignored.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

/// The parameters of a route that takes none.
#[derive(Debug, Clone, Deserialize)]
pub struct NoParameters {}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    if percent_decode_str(query).decode_utf8().is_err() {
        return Err(Problem::unreadable("the query is not valid UTF-8"));
    }
    if let Some(name) = repeated(query) {
        return Err(Problem::parameter(&name, "stands more than once"));
    }
    let kept = query.split('&').filter(|pair| !form_urlencoded::parse(pair.as_bytes()).any(|(name, _)| is_ignored(&name)));
    let kept = kept.collect::<Vec<_>>().join("&");
    let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(kept.as_bytes()));
    let read = strict::read(deserializer, |_| false, "is not a parameter of this route");
    let mut faults = read.faults;
    match read.value {
        Ok(value) if faults.is_empty() => return Ok(value),
        Ok(_) => {}
        Err((field, error)) => faults.push(FieldError { field, message: error.to_string() }),
    }
    let problem = Problem::unreadable("the query is not valid");
    Err(faults.into_iter().fold(problem, |problem, fault| problem.with_error(&fault.field, fault.message)))
}

/// The parameters that are not ignored, decoded.
pub(crate) fn parameters(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| !is_ignored(name))
}

fn repeated(query: &str) -> Option<Cow<'_, str>> {
    let mut earlier = HashSet::new();
    parameters(query).map(|(name, _)| name).find(|name| !earlier.insert(name.clone()))
}

fn is_ignored(name: &str) -> bool {
    name.starts_with('_') || name.starts_with("utm_")
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

    /// A client can put more unknown names into one request than an answer should name, or than can be compared with each other.
    #[test]
    fn not_every_one_of_thousands_of_faults_is_named() {
        let query = (0..5_000).map(|at| format!("x{at}")).collect::<Vec<_>>().join("&");
        let named = fields(&query);
        assert_eq!((named.len(), named.first().map(String::as_str)), (100, Some("x0")));
        assert_eq!(fields(&format!("{query}&x4999=1")), ["x4999"]);
    }

    #[test]
    fn a_repeated_parameter_is_refused() {
        let problem = parse::<Parameters>("limit=5&_=1&_=2&limit=5").unwrap_err();
        assert_eq!(problem.errors()[0].field, "limit");
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
            form_urlencoded::Serializer::new(String::new()).extend_pairs(sent).finish()
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
