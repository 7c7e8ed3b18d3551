//! ETags and the conditions that name them.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use db_adapter::schema::TOUCH_ID;
use db_adapter::{Item, Key, Members, Read, Store, StoreExt, Table, Tag};
use utoipa::IntoParams;

use crate::problem::Problem;

/// What proxies append to a tag when they compress.
const ENCODINGS: [&str; 3] = ["-gzip", "-br", "-zstd"];

/// What the tag of an item ends with where what its author said is concealed.
const CONCEALED: &str = "-removed";

/// An item's ETag: strong, `"<version>-<writeId>"`, and behind that `~<touchId>` where the item was touched; another one where what its
/// author said is concealed. `None` where an id that somebody stored does not fit into a header.
pub fn etag(item: &Members<'_>, concealed: bool) -> Option<HeaderValue> {
    let end = if concealed { CONCEALED } else { "" };
    let tag = in_quotes(item, "\"", end);
    let within = tag.get(1..tag.len() - 1).unwrap_or_default();
    let fits = within.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    fits.then(|| HeaderValue::try_from(tag).ok()).flatten()
}

/// The item's ETag without the quotes.
fn current(item: &Members<'_>) -> String {
    in_quotes(item, "", "")
}

/// The item's tag as it is displayed, and its touch, between such quotes and with that end. At once and without the formatter: every
/// response with an item waits for this.
fn in_quotes(item: &Members<'_>, quote: &str, end: &str) -> String {
    let (version, write_id) = item.tag_text();
    let touch = item.text(TOUCH_ID);
    let (mark, touch) = touch.as_deref().map_or(("", ""), |touch| (TOUCHED, touch));
    [quote, version, "-", &write_id, mark, touch, end, quote].concat()
}

/// The separator before the id of an item's last touch. A touch changes nothing that an editor could have changed, so that the tag of an
/// earlier one still matches in `If-Match`.
const TOUCHED: &str = "~";

/// The tags that one header names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    /// `*`
    Any,
    /// One of these, as they stand between the quotes.
    OneOf(Vec<String>),
}

impl Tags {
    /// Reads a header. Weak tags count as strong ones, as proxies weaken the tags of what they compress; empty elements of a list
    /// are ignored (RFC 9110, section 5.6.1).
    fn parse(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Problem> {
        let malformed = || Problem::parameter(name.as_str(), "must be * or a list of ETags in quotes");
        let mut tags = Vec::new();
        for line in headers.get_all(name) {
            let mut rest = line.to_str().map_err(|_| malformed())?.trim();
            if rest == "*" {
                return Ok(Some(Self::Any));
            }
            loop {
                rest = rest.trim_start_matches([',', ' ', '\t']);
                if rest.is_empty() {
                    break;
                }
                let opened = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"').ok_or_else(malformed)?;
                let (tag, after) = opened.split_once('"').ok_or_else(malformed)?;
                if !tag.bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Err(malformed());
                }
                tags.push(tag.to_owned());
                rest = after.trim_start();
                if !rest.is_empty() && !rest.starts_with(',') {
                    return Err(malformed());
                }
            }
        }
        match headers.contains_key(name) {
            true if tags.is_empty() => Err(malformed()),
            sent => Ok(sent.then_some(Self::OneOf(tags))),
        }
    }

    /// Is one of them the current one, or that of the same in a coding?
    fn name(&self, current: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|tag| tag == current || uncoded(tag) == current),
        }
    }

    /// Does one of them name what an editor could change, touched since or not?
    fn match_edit(&self, current: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => self.name(current) || tags.iter().any(|tag| untouched(uncoded(tag)) == untouched(current)),
        }
    }
}

fn untouched(tag: &str) -> &str {
    tag.rsplit_once(TOUCHED).map_or(tag, |(edit, _)| edit)
}

fn uncoded(tag: &str) -> &str {
    ENCODINGS.iter().find_map(|encoding| tag.strip_suffix(encoding)).unwrap_or(tag)
}

/// `If-Match` and `If-None-Match`, of one item. Both are evaluated in the order of RFC 9110, section 13.2.2; an item that does not
/// exist is 404 whatever they say, as it would be without them.
#[derive(Debug, Clone, Default, IntoParams)]
#[into_params(parameter_in = Header)]
pub struct Conditions {
    /// ETags that the item may have: with another one the response is 412, and nothing is written.
    #[param(rename = "If-Match", value_type = Option<String>, nullable = false, required = false, pattern = r#"^(\*|(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*)$"#)]
    if_match: Option<Tags>,
    /// ETags that the item may not have, as the client knows these: where it has one, the response to a GET is 304, and that to a
    /// write is 412, and nothing is written.
    #[param(rename = "If-None-Match", value_type = Option<String>, nullable = false, required = false, pattern = r#"^(\*|(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*)$"#)]
    if_none_match: Option<Tags>,
}

/// What conditions say of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Go on.
    Hold,
    /// The item has none of the tags of `If-Match`.
    NotMatched,
    /// The item has one of the tags of `If-None-Match`.
    Known,
}

impl Verdict {
    fn of_get(self) -> Result<bool, Problem> {
        match self {
            Self::Hold => Ok(false),
            Self::Known => Ok(true),
            Self::NotMatched => Err(Problem::stale()),
        }
    }
}

impl Conditions {
    fn evaluate(&self, item: &Item) -> Verdict {
        if self.if_match.is_none() && self.if_none_match.is_none() {
            return Verdict::Hold;
        }
        self.evaluate_tag(&current(&item.members()))
    }

    fn evaluate_tag(&self, current: &str) -> Verdict {
        match (&self.if_match, &self.if_none_match) {
            (Some(tags), _) if !tags.match_edit(current) => Verdict::NotMatched,
            (_, Some(tags)) if tags.name(current) => Verdict::Known,
            _ => Verdict::Hold,
        }
    }

    /// Must the item be read strongly to be judged? What `If-Match` names may be newer than what an eventual read sees.
    pub fn need_strong_read(&self) -> bool {
        self.if_match.is_some()
    }

    /// How to read the item that [`Conditions::expected_of`] is to be asked about.
    pub fn read(&self) -> Read {
        Read { strong: self.if_match.is_some() || self.if_none_match.is_some(), ..Read::default() }
    }

    /// For a GET: does the client have the item as it is, with what its author said or without?
    ///
    /// # Errors
    /// 412 when the item has none of the tags of `If-Match`.
    pub(crate) fn is_known(&self, item: &Item, concealed: bool) -> Result<bool, Problem> {
        if concealed { self.name(&[&current(&item.members()), CONCEALED].concat()) } else { self.evaluate(item).of_get() }
    }

    /// For a GET of something else: does the client have what has that tag?
    ///
    /// # Errors
    /// 412 when it is none of the tags of `If-Match`.
    pub(crate) fn name(&self, tag: &str) -> Result<bool, Problem> {
        self.evaluate_tag(tag).of_get()
    }

    /// What the write of an item compares that was just read strongly.
    ///
    /// # Errors
    /// 412 when a condition does not hold.
    pub fn expected_of(&self, item: &Item) -> Result<Option<Tag>, Problem> {
        match self.evaluate(item) {
            Verdict::Hold if self.depend_on_tag() => Ok(Some(item.tag())),
            Verdict::Hold => Ok(None),
            Verdict::Known => Err(Problem::known()),
            Verdict::NotMatched => Err(Problem::stale()),
        }
    }

    /// What the write of that item compares. One tag of `If-Match` costs no read: the store compares it. For anything else the item
    /// is looked up first.
    ///
    /// # Errors
    /// 404 when there is no such item, 412 when a condition does not hold; those of the store.
    pub async fn expected(&self, store: &dyn Store, table: &'static Table, key: &Key) -> Result<Option<Tag>, Problem> {
        match (&self.if_match, &self.if_none_match) {
            (None | Some(Tags::Any), None) => return Ok(None),
            (Some(Tags::OneOf(tags)), None) => {
                if let [tag] = tags.as_slice()
                    && let Some(tag) = parse_tag(untouched(uncoded(tag)))
                {
                    return Ok(Some(tag));
                }
            }
            _ => {}
        }
        let item = store.find(table, key, &Read::STRONG).await?.ok_or_else(Problem::not_found)?;
        self.expected_of(&item)
    }

    /// Does it depend on the item's tag, or only on whether there is one?
    fn depend_on_tag(&self) -> bool {
        [&self.if_match, &self.if_none_match].iter().any(|tags| matches!(tags, Some(Tags::OneOf(_))))
    }
}

impl<S: Sync> FromRequestParts<S> for Conditions {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self {
            if_match: Tags::parse(&parts.headers, &header::IF_MATCH)?,
            if_none_match: Tags::parse(&parts.headers, &header::IF_NONE_MATCH)?,
        })
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

    fn parse(lines: &[&str]) -> Result<Option<Tags>, Problem> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, line.parse().unwrap());
        }
        Tags::parse(&headers, &header::IF_MATCH)
    }

    #[test]
    fn conditions_are_read_as_clients_and_proxies_write_them() {
        let one_of = |tags: &[&str]| Some(Tags::OneOf(tags.iter().map(ToString::to_string).collect()));
        assert_eq!(parse(&[]).unwrap(), None);
        assert_eq!(parse(&["*"]).unwrap(), Some(Tags::Any));
        assert_eq!(parse(&[r#""1-a""#]).unwrap(), one_of(&["1-a"]));
        assert_eq!(parse(&[r#"W/"1-a-gzip""#]).unwrap(), one_of(&["1-a-gzip"]));
        assert_eq!(parse(&[r#", "1-a", ,, "2-b" ,"#, ""]).unwrap(), one_of(&["1-a", "2-b"]));
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
    #[case(", ,")]
    fn malformed_conditions_are_refused(#[case] line: &str) {
        assert_eq!(parse(&[line]).unwrap_err().status(), 400);
    }

    #[test]
    fn conditions_are_evaluated_in_the_order_of_rfc_9110() {
        let item = Item::parse(r#"{"version":3,"writeId":"w-gzip"}"#).unwrap();
        let (mine, other) = (Some("\"3-w-gzip\""), Some("\"2-v\""));
        for (if_match, if_none_match, verdict) in [
            (None, None, Verdict::Hold),
            (Some("*"), None, Verdict::Hold),
            (mine, None, Verdict::Hold),
            (Some("\"3-w-gzip-zstd\""), other, Verdict::Hold),
            (other, None, Verdict::NotMatched),
            (other, mine, Verdict::NotMatched),
            (None, Some("*"), Verdict::Known),
            (mine, mine, Verdict::Known),
            (Some("*"), Some("\"x\", W/\"3-w-gzip\""), Verdict::Known),
            (None, other, Verdict::Hold),
        ] {
            let tags = |line: Option<&str>| line.and_then(|line| parse(&[line]).unwrap());
            let conditions = Conditions { if_match: tags(if_match), if_none_match: tags(if_none_match) };
            assert_eq!(conditions.evaluate(&item), verdict, "{if_match:?} {if_none_match:?}");
        }
    }

    /// Who edits a thread is not disturbed by posts; who caches it learns of them.
    #[test]
    fn a_touch_changes_the_etag_and_still_matches() {
        let item = Item::parse(r#"{"touchId":"new","version":3,"writeId":"w"}"#).unwrap();
        for (tag, matches, known) in [
            ("3-w~new", true, true),
            ("3-w~old", true, false),
            ("3-w", true, false),
            ("3-w~old-br", true, false),
            ("2-w~new", false, false),
        ] {
            let tags = parse(&[&format!("\"{tag}\"")]).unwrap();
            let if_match = Conditions { if_match: tags.clone(), if_none_match: None };
            assert_eq!(if_match.evaluate(&item) == Verdict::Hold, matches, "{tag}");
            let if_none_match = Conditions { if_match: None, if_none_match: tags };
            assert_eq!(if_none_match.evaluate(&item) == Verdict::Known, known, "{tag}");
        }
    }

    #[test]
    fn an_etag_says_version_and_write() {
        let tag = |json| etag(&Item::parse(json).unwrap().members(), false);
        assert_eq!(tag(r#"{"version":3,"writeId":"w"}"#).unwrap(), "\"3-w\"");
        assert_eq!(tag(r#"{"touchId":"t","version":3,"writeId":"w"}"#).unwrap(), "\"3-w~t\"");
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
