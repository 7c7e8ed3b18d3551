//! Lists: their parameters and the link to the next page.

mod time;

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::request::Parts;
use axum::response::Response;
use db_adapter::forum::is_id;
use db_adapter::schema::Index;
use db_adapter::{Cursor, Order, Query, Store, Table};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::auth::Caller;
use crate::extract::parameters;
use crate::problem::Problem;
use crate::projection::{Fields, Projection};
use crate::{response, rules};

/// What an id looks like, for machines.
pub const ID_PATTERN: &str = "^[A-Za-z0-9_-]{1,64}$";
/// Maximum number of ids in one request.
pub const MAX_IDS: usize = 100;

/// `limit`: the maximum number of items on a page; 1 to 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(usize);

impl Limit {
    /// The largest limit.
    pub const MAX: usize = 1000;
    /// The limit where none is asked for.
    pub const DEFAULT: usize = 100;

    /// A limit; clamped to what is allowed.
    pub fn new(items: usize) -> Self {
        Self(items.clamp(1, Self::MAX))
    }

    /// How many items.
    pub fn items(self) -> usize {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(Self::DEFAULT)
    }
}

/// `from` and `to`: a time, kept as items have it, so that comparing text compares times.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(String);

impl Time {
    /// The time that the text says as RFC 3339 has it, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        time::parse(text).map(Self)
    }

    /// The time as items have it.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// A parameter that is `true` or `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag(pub bool);

/// `order`: `asc` is oldest first, `desc` newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort(pub Order);

/// `ids`: up to 100 ids with commas between them, without repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids(Vec<String>);

impl Ids {
    /// The ids in the order in which they were asked for.
    pub fn into_vec(self) -> Vec<String> {
        self.0
    }
}

/// A parameter that is one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id(pub String);

/// The parameters of a list in order of time: one partition of an index that is sorted by `createdAt`.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Timeline {
    /// Maximum number of items on the page.
    #[param(inline, nullable = false)]
    pub limit: Option<Limit>,
    /// Where the page starts: from the link to it.
    #[param(nullable = false)]
    pub cursor: Option<String>,
    /// `asc`: oldest first; `desc`: newest first.
    #[param(inline, nullable = false)]
    pub order: Option<Sort>,
    /// Only what was created at this time or later.
    #[param(inline, nullable = false)]
    pub from: Option<Time>,
    /// Only what was created before this time.
    #[param(inline, nullable = false)]
    pub to: Option<Time>,
    /// Only these attributes.
    #[param(value_type = Option<String>, nullable = false)]
    pub fields: Option<Fields>,
}

impl Timeline {
    /// Which parameters were sent that say what is on a page, by name: every one but `fields`.
    pub fn sent(&self) -> [(&'static str, bool); 5] {
        [
            ("limit", self.limit.is_some()),
            ("cursor", self.cursor.is_some()),
            ("order", self.order.is_some()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
        ]
    }

    /// 200 with the page of that partition of the table's index as the caller may see it, in that order of time where none was asked for.
    ///
    /// # Errors
    /// 400 when `from` is not before `to`, or `fields` names what the table lacks; those of the store.
    pub async fn page(
        self,
        store: &dyn Store,
        table: &'static Table,
        index_name: &str,
        partition: impl Into<String>,
        order: Order,
        (url, caller): (&ListUrl, &Caller),
    ) -> Result<Response, Problem> {
        let (projection, query) = self.query(table, index(table, index_name)?, partition, order, caller)?;
        Ok(response::page(&projection, &store.query(table, &query).await?, url).await)
    }

    fn query(
        self,
        table: &'static Table,
        index: &'static Index,
        partition: impl Into<String>,
        order: Order,
        caller: &Caller,
    ) -> Result<(Projection, Query), Problem> {
        check_range(self.from.as_ref(), self.to.as_ref())?;
        let projection = Projection::of(table, self.fields, caller)?;
        let query = Query {
            order: self.order.map_or(order, |Sort(order)| order),
            from: self.from.map(Time::into_text),
            to: self.to.map(Time::into_text),
            limit: self.limit.unwrap_or_default().items(),
            cursor: self.cursor.map(Cursor::from_text),
            attributes: projection.attributes(),
            ..Query::new(index, partition)
        };
        Ok((projection, query))
    }
}

/// Refuses a parameter beside others that it excludes.
///
/// # Errors
/// 400 that names them; `others` says of each whether it was sent.
pub fn exclusive(name: &str, sent: bool, others: &[(&str, bool)]) -> Result<(), Problem> {
    let beside: Vec<&str> = others.iter().filter(|(_, sent)| *sent).map(|(other, _)| *other).collect();
    if sent && !beside.is_empty() {
        return Err(Problem::parameter(name, format!("cannot be combined with {}", beside.join(", "))));
    }
    Ok(())
}

/// The table's index of that name.
///
/// # Errors
/// 500 when it was never declared.
pub fn index(table: &'static Table, name: &str) -> Result<&'static Index, Problem> {
    table.index(name).ok_or_else(|| Problem::internal(format!("{} has no index {name}", table.name)))
}

/// Refuses an empty range.
///
/// # Errors
/// 400 when `from` is not before `to`.
fn check_range(from: Option<&Time>, to: Option<&Time>) -> Result<(), Problem> {
    match (from, to) {
        (Some(from), Some(to)) if from >= to => Err(Problem::parameter("from", "must be before to")),
        _ => Ok(()),
    }
}

/// The address of the list that was asked for: what the link to its next page is made of.
#[derive(Debug, Clone)]
pub struct ListUrl {
    path: String,
    /// All but those that the link has of its own.
    parameters: Vec<(String, String)>,
}

impl ListUrl {
    /// The value of `Link` for the page at that cursor, showing the same: path and query only, as only the client knows the host it
    /// asked.
    pub fn next(&self, cursor: &Cursor, projection: &Projection) -> Option<HeaderValue> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.parameters);
        if let Some(fields) = projection.asked() {
            query.append_pair("fields", &fields.join(","));
        }
        query.append_pair("cursor", &cursor.to_string());
        // A space is written as we read it, and a comma as people write it.
        let query = query.finish().replace('+', "%20").replace("%2C", ",");
        HeaderValue::try_from(format!("<{}?{query}>; rel=\"next\"", self.path)).ok()
    }
}

impl<S: Sync> FromRequestParts<S> for ListUrl {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let parameters = parameters(parts.uri.query().unwrap_or_default());
        let parameters =
            parameters.filter(|(name, _)| name != "cursor" && name != "fields").map(|(name, value)| (name.into(), value.into()));
        Ok(Self { path: parts.uri.path().to_owned(), parameters: parameters.collect() })
    }
}

fn parse_limit(text: &str) -> Option<Limit> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|items| digits && (1..=Limit::MAX).contains(items)).map(Limit)
}

fn parse_sort(text: &str) -> Option<Sort> {
    match text {
        "asc" => Some(Sort(Order::Ascending)),
        "desc" => Some(Sort(Order::Descending)),
        _ => None,
    }
}

fn parse_ids(text: &str) -> Option<Ids> {
    let mut ids: Vec<String> = Vec::new();
    for id in listed(text) {
        if !is_id(id) || ids.len() > MAX_IDS {
            return None;
        }
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    (1..=MAX_IDS).contains(&ids.len()).then_some(Ids(ids))
}

/// The elements of a list with commas, without blanks and without empty ones. A blank that a form has written is a plus.
pub(crate) fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(|element| element.trim_matches([' ', '+'])).filter(|element| !element.is_empty())
}

macro_rules! parameter {
    ($type:ty, $parse:expr, $allowed:expr, $schema:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                $parse(&text).ok_or_else(|| D::Error::custom($allowed))
            }
        }

        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                $schema.into()
            }
        }

        impl ToSchema for $type {}
    };
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))
}

parameter!(
    Limit,
    parse_limit,
    "must be a whole number from 1 to 1000",
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Integer))
        .minimum(Some(1))
        .maximum(Some(Limit::MAX))
        .default(Some(Limit::DEFAULT.into()))
);
parameter!(
    Flag,
    |text: &str| text.parse().ok().map(Flag),
    "must be true or false",
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::Boolean)).default(Some(false.into()))
);
parameter!(Sort, parse_sort, "must be asc or desc", string().enum_values(Some(["asc", "desc"])));
parameter!(
    Time,
    Time::parse,
    "must be a time as in 2024-05-01T12:00:00Z (RFC 3339)",
    string().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
);
parameter!(Id, |text: &str| is_id(text).then(|| Id(text.to_owned())), rules::ID, string().pattern(Some(ID_PATTERN)));
parameter!(
    Ids,
    parse_ids,
    "must be 1 to 100 ids with commas between them",
    ArrayBuilder::new().items(string().pattern(Some(ID_PATTERN))).min_items(Some(1)).max_items(Some(MAX_IDS))
);

#[cfg(test)]
mod tests {
    use super::*;
    use db_adapter::forum::post;
    use rstest::rstest;

    #[rstest]
    #[case("1", Some(1))]
    #[case("1000", Some(1000))]
    #[case("0", None)]
    #[case("1001", None)]
    #[case("+5", None)]
    #[case("", None)]
    #[case("99999999999999999999", None)]
    fn a_limit_is_a_number_from_1_to_1000(#[case] text: &str, #[case] items: Option<usize>) {
        assert_eq!(parse_limit(text).map(Limit::items), items);
    }

    #[test]
    fn ids_stand_once_and_in_order() {
        assert_eq!(parse_ids("b,a,b").map(Ids::into_vec), Some(vec!["b".to_owned(), "a".to_owned()]));
        let many = |count: usize| (0..count).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
        assert!(parse_ids(&many(100)).is_some());
        assert_eq!(parse_ids(" a, ,b,+c,").map(Ids::into_vec).map(|ids| ids.concat()).as_deref(), Some("abc"));
        for text in ["", ",", " , ", "a b", "a+b", "ä", "health", &many(101)] {
            assert_eq!(parse_ids(text), None, "{text}");
        }
    }

    #[test]
    fn a_link_keeps_the_query_and_replaces_the_cursor() {
        let url = ListUrl { path: "/api/x".to_owned(), parameters: vec![("from".to_owned(), "a+b>\"".to_owned())] };
        let next = |projection: Projection| url.next(&Cursor::from_text("c-_"), &projection).unwrap();
        assert_eq!(next(Projection::all(&post::TABLE)), "</api/x?from=a%2Bb%3E%22&cursor=c-_>; rel=\"next\"");
        let asked = serde_urlencoded::from_str::<Timeline>("fields=title,,postId,title").unwrap().fields;
        let link = next(Projection::of(&post::TABLE, asked, &Caller::Anonymous).unwrap());
        assert_eq!(link, "</api/x?from=a%2Bb%3E%22&fields=postId,title&cursor=c-_>; rel=\"next\"");
    }

    fn timeline(query: &str) -> Timeline {
        serde_urlencoded::from_str(query).unwrap()
    }

    fn asked(query: &str) -> Result<Query, Problem> {
        let index = index(&post::TABLE, "ThreadIndex").unwrap();
        timeline(query).query(&post::TABLE, index, "t", Order::Descending, &Caller::Anonymous).map(|(_, query)| query)
    }

    #[test]
    fn a_timeline_becomes_a_query() {
        let query = asked("limit=7&cursor=c&order=asc&from=2024-01-01T00:00:00Z&to=2024-01-02T00:00:00%2B01:00&fields=title");
        let query = query.unwrap();
        assert_eq!((query.partition.as_str(), query.order, query.limit), ("t", Order::Ascending, 7));
        assert_eq!(query.from.as_deref(), Some("2024-01-01T00:00:00.000Z"));
        assert_eq!(query.to.as_deref(), Some("2024-01-01T23:00:00.000Z"));
        assert_eq!(query.cursor, Some(Cursor::from_text("c")));
        assert_eq!(query.attributes, Some(["title", "removedAt", "userId"].map(str::to_owned).into()));
        let query = asked("").unwrap();
        assert_eq!((query.order, query.limit, query.from, query.attributes), (Order::Descending, 100, None, None));
    }

    #[test]
    fn a_timeline_without_time_and_unknown_fields_are_refused() {
        let at = "2024-01-01T00:00:00Z";
        for (query, field) in [(format!("from={at}&to={at}"), "from"), ("fields=x".to_owned(), "fields")] {
            let problem = asked(&query).unwrap_err();
            assert_eq!((problem.status().as_u16(), problem.errors()[0].field.as_str()), (400, field));
        }
    }

    #[test]
    fn a_timeline_says_what_was_sent() {
        let sent = |query| timeline(query).sent().into_iter().filter(|(_, sent)| *sent).map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(sent("fields=title"), [""; 0]);
        assert_eq!(sent("to=2024-01-01T00:00:00Z&from=2024-01-01T00:00:00Z&order=asc&cursor=&limit=1").len(), 5);
    }

    #[test]
    fn parameters_that_exclude_each_other_are_named() {
        let problem = exclusive("ids", true, &[("limit", true), ("cursor", false), ("order", true)]).unwrap_err();
        assert_eq!(problem.errors()[0].message, "cannot be combined with limit, order");
        assert!(exclusive("ids", false, &[("limit", true)]).is_ok());
    }
}
