//! ETags and the conditions that name them.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use db_adapter::{Item, Key, Read, Store, StoreExt, Table, Tag};
use utoipa::IntoParams;

use crate::problem::Problem;

/// What proxies append to a tag when they compress.
const ENCODINGS: [&str; 3] = ["-gzip", "-br", "-zstd"];

/// An item's ETag: strong, `"<version>-<writeId>"`. `None` where the `writeId` that somebody stored does not fit into a header.
pub fn etag(tag: &Tag) -> Option<HeaderValue> {
    let fits = tag.write_id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    // As the tag is displayed, without the formatter: every answer with an item waits for this.
    fits.then(|| HeaderValue::try_from(["\"", &tag.version.to_string(), "-", &tag.write_id, "\""].concat()).ok()).flatten()
}

/// A condition on the item's ETag.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    /// `*`
    Any,
    /// One of these, as they stand between the quotes.
    OneOf(Vec<String>),
}

impl Condition {
    /// Reads a header; a proxy's `W/` and `-gzip` are taken off.
    fn parse(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Problem> {
        let malformed = || Problem::parameter(name.as_str(), "must be * or a list of ETags in quotes");
        let mut tags = Vec::new();
        for line in headers.get_all(name) {
            let mut rest = line.to_str().map_err(|_| malformed())?.trim();
            if rest == "*" {
                return Ok(Some(Self::Any));
            }
            while !rest.is_empty() {
                let opened = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"').ok_or_else(malformed)?;
                let (tag, after) = opened.split_once('"').ok_or_else(malformed)?;
                if !tag.bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Err(malformed());
                }
                tags.push(ENCODINGS.iter().find_map(|encoding| tag.strip_suffix(encoding)).unwrap_or(tag).to_owned());
                let after = after.trim_start();
                rest = match after.strip_prefix(',') {
                    Some(next) => next.trim_start(),
                    None if after.is_empty() => after,
                    None => return Err(malformed()),
                };
            }
        }
        match headers.contains_key(name) {
            true if tags.is_empty() => Err(malformed()),
            sent => Ok(sent.then_some(Self::OneOf(tags))),
        }
    }

    fn holds_for(&self, item: &Item) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.contains(&item.tag().to_string()),
        }
    }
}

/// `If-None-Match` on a GET.
#[derive(Debug, Clone, IntoParams)]
#[into_params(names("If-None-Match"), parameter_in = Header)]
pub struct IfNoneMatch(
    /// ETags that the client has: the answer is 304 when the item has one of them.
    #[param(value_type = Option<String>, nullable = false, required = false, pattern = r#"^(\*|(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*)$"#)]
    Option<Condition>,
);

impl IfNoneMatch {
    /// Does the client have the item as it is?
    pub fn is_fresh(&self, item: &Item) -> bool {
        self.0.as_ref().is_some_and(|condition| condition.holds_for(item))
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Condition::parse(&parts.headers, &header::IF_NONE_MATCH).map(Self)
    }
}

/// `If-Match` on a write.
#[derive(Debug, Clone, IntoParams)]
#[into_params(names("If-Match"), parameter_in = Header)]
pub struct IfMatch(
    /// ETags that the item may have: with another one the answer is 412 and nothing is written.
    #[param(value_type = Option<String>, nullable = false, required = false, pattern = r#"^(\*|(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*)$"#)]
    Option<Condition>,
);

impl IfMatch {
    /// What the write of that item compares. One tag costs no read: the store compares it. A list is looked up first.
    ///
    /// # Errors
    /// 404 when there is no such item, 412 when it has none of the tags; those of the store.
    pub async fn expected(&self, store: &dyn Store, table: &'static Table, key: &Key) -> Result<Option<Tag>, Problem> {
        match &self.0 {
            None | Some(Condition::Any) => Ok(None),
            Some(Condition::OneOf(tags)) => {
                if let [tag] = tags.as_slice()
                    && let Some(tag) = parse_tag(tag)
                {
                    return Ok(Some(tag));
                }
                let item = store.find(table, key, &Read::STRONG).await?.ok_or_else(Problem::not_found)?;
                self.expected_of(&item)
            }
        }
    }

    /// How to read the item that [`IfMatch::expected_of`] is to be asked about: an ETag may be newer than what an eventual read sees.
    pub fn read(&self) -> Read {
        Read { strong: self.0.is_some(), ..Read::default() }
    }

    /// What the write of an item compares that was just read.
    ///
    /// # Errors
    /// 412 when it has none of the tags.
    pub fn expected_of(&self, item: &Item) -> Result<Option<Tag>, Problem> {
        match &self.0 {
            None | Some(Condition::Any) => Ok(None),
            Some(condition) if condition.holds_for(item) => Ok(Some(item.tag())),
            Some(_) => Err(Problem::stale()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Condition::parse(&parts.headers, &header::IF_MATCH).map(Self)
    }
}

/// A tag that some item may have, written as we write it.
fn parse_tag(text: &str) -> Option<Tag> {
    let (version, write_id) = text.split_once('-')?;
    let tag = Tag { version: version.parse().ok()?, write_id: write_id.to_owned() };
    (tag.to_string() == text && !write_id.is_empty()).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn parse(lines: &[&str]) -> Result<Option<Condition>, Problem> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, line.parse().unwrap());
        }
        Condition::parse(&headers, &header::IF_MATCH)
    }

    #[test]
    fn conditions_are_read_as_clients_and_proxies_write_them() {
        let one_of = |tags: &[&str]| Some(Condition::OneOf(tags.iter().map(ToString::to_string).collect()));
        assert_eq!(parse(&[]).unwrap(), None);
        assert_eq!(parse(&["*"]).unwrap(), Some(Condition::Any));
        assert_eq!(parse(&[r#""1-a""#]).unwrap(), one_of(&["1-a"]));
        assert_eq!(parse(&[r#"W/"1-a-gzip""#]).unwrap(), one_of(&["1-a"]));
        assert_eq!(parse(&[r#""1-a" , W/"2-b","x,y""#, r#""3-c","#]).unwrap(), one_of(&["1-a", "2-b", "x,y", "3-c"]));
    }

    #[rstest]
    #[case("1-a")]
    #[case("\"1-a")]
    #[case("\"1-a\"x")]
    #[case("w/\"1-a\"")]
    #[case("\"1-a\",*")]
    #[case("\"1 a\"")]
    #[case("")]
    #[case(" ")]
    fn malformed_conditions_are_refused(#[case] line: &str) {
        assert_eq!(parse(&[line]).unwrap_err().status(), 400);
    }

    #[test]
    fn an_etag_says_version_and_write() {
        let tag = |json| etag(&Item::parse(json).unwrap().tag());
        assert_eq!(tag(r#"{"version":3,"writeId":"w"}"#).unwrap(), "\"3-w\"");
        assert_eq!(tag("{}").unwrap(), "\"0-0\"");
        assert_eq!(tag(r#"{"version":3,"writeId":"\"ä"}"#), None);
    }

    #[test]
    fn a_tag_in_another_spelling_is_no_tag() {
        assert!(parse_tag("7-w-x").is_some());
        for text in ["7", "07-w", "+7-w", "x-w", "-w", "7-", ""] {
            assert_eq!(parse_tag(text), None, "{text}");
        }
    }
}
