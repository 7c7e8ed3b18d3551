//! Every error is a problem document (RFC 9457). Store errors are mapped to HTTP here, and nowhere else.

use std::borrow::Cow;
use std::error::Error as StdError;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use db_adapter::{Error, Rule};
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of a problem document.
pub const CONTENT_TYPE: &str = "application/problem+json";
/// The AWS Region that takes writes, in a response to a write that this one does not take; `none` while none does.
pub const WRITING_REGION: HeaderName = HeaderName::from_static("writing-region");

/// Why a request was not done as asked. The cause is for the log; a client never sees it.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    retry_after: Option<u64>,
    cause: Option<Box<str>>,
    /// What the `type` is called below `/problems/`, for those that need a name.
    name: Option<&'static str>,
    /// What `WWW-Authenticate` says of a 401, and `Writing-Region` of a 503.
    header: Option<Box<str>>,
}

/// One fault in one field of a body, or in one parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's path in the body, or the parameter's name.
    pub field: String,
    /// What is wrong with it, or what is allowed.
    pub message: String,
}

/// The document that a client gets.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    /// `/problems/NAME` for problems that a client may want to tell apart; else `about:blank`: the status says what kind it is.
    #[schema(value_type = String, format = "uri-reference")]
    r#type: Cow<'static, str>,
    /// The status in words.
    #[schema(value_type = String)]
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What went wrong, for people.
    #[schema(value_type = String)]
    detail: Cow<'static, str>,
    /// The id under which the request is logged; also in the header `X-Request-Id`.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// Which fields or parameters are at fault.
    #[schema(required = false)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

impl Problem {
    /// A problem of that status; `detail` is shown to the client.
    pub fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, detail: detail.into(), errors: Vec::new(), retry_after: None, cause: None, name: None, header: None }
    }

    /// 400: the request cannot be read.
    pub fn unreadable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 400: one parameter is at fault.
    pub fn parameter(name: &str, message: impl Into<String>) -> Self {
        Self::unreadable("a parameter is not valid").with_error(name, message)
    }

    /// 401: there is no token, or one that is not valid for that reason (RFC 6750, section 3).
    pub fn unauthenticated(invalid: Option<String>) -> Self {
        let (name, detail, challenge) = match invalid {
            None => ("token-missing", "a bearer token is required".to_owned(), "Bearer".to_owned()),
            Some(reason) => {
                let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{reason}\"");
                ("token-invalid", format!("the token is not valid: {reason}"), challenge)
            }
        };
        let problem = Self::new(StatusCode::UNAUTHORIZED, detail);
        Self { name: Some(name), header: Some(challenge.into()), ..problem }
    }

    /// 403, of that name.
    pub fn forbidden(name: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { name: Some(name), ..Self::new(StatusCode::FORBIDDEN, detail) }
    }

    /// 403: the caller must introduce itself first.
    pub fn profile_missing() -> Self {
        Self::forbidden("profile-missing", "you have no profile yet: make one with PUT /api/users/me")
    }

    /// 404.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not found")
    }

    /// 409: the request is fine, but not in the present state.
    pub fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 409: moderators have closed the thread for new posts.
    pub fn locked() -> Self {
        Self { name: Some("locked"), ..Self::conflict("the thread is locked: moderators have closed it for new posts") }
    }

    /// 412: the item is not the one that `If-Match` names.
    pub fn stale() -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "the item has changed: read it again")
    }

    /// 412: the item is one that `If-None-Match` names.
    pub fn known() -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "the item has one of the ETags in If-None-Match")
    }

    /// 421: the server does not serve the name that the request was sent to (RFC 9110, section 15.5.20).
    pub fn misdirected(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::MISDIRECTED_REQUEST, detail)
    }

    /// 422: the fields can be read but break rules.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "the body breaks a rule") }
    }

    /// 422: one field breaks a rule.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self::invalid(Vec::new()).with_error(field, message)
    }

    /// 429, with when to try again in seconds.
    pub fn rate_limited(detail: impl Into<Cow<'static, str>>, retry_after: u64) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, detail);
        Self { name: Some("rate-limited"), retry_after: Some(retry_after.max(1)), ..problem }
    }

    /// 500, for a fault of ours.
    pub fn internal(cause: impl Into<Box<str>>) -> Self {
        let problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong on our side");
        Self { cause: Some(cause.into()), ..problem }
    }

    /// 503, with when to try again in seconds.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after.max(1)), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// 503: another Region writes, or none does now; nothing was written. The header `Writing-Region` names it, or says `none`.
    pub fn not_writing(writer: Option<&str>) -> Self {
        let problem = Self::unavailable("this Region does not take writes now; see Writing-Region", 5);
        Self { name: Some("not-writing"), header: Some(writer.unwrap_or("none").into()), ..problem }
    }

    /// 504: it took too long, and nobody knows what became of a write. A read is told less.
    pub fn timeout() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "no response in time; a write may or may not have happened: repeat it with Idempotency-Key or If-Match",
        )
    }

    /// Names one more field or parameter that is at fault.
    #[must_use]
    pub fn with_error(mut self, field: &str, message: impl Into<String>) -> Self {
        self.errors.push(FieldError { field: field.to_owned(), message: message.into() });
        self
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What went wrong, for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// In how many seconds to try again, where that is known.
    pub fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// The fields and parameters that are at fault.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    pub(crate) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    fn caused_by(self, error: &dyn StdError) -> Self {
        let chain = std::iter::successors(Some(error), |error: &&dyn StdError| (*error).source());
        let causes: Vec<String> = chain.map(ToString::to_string).collect();
        Self { cause: Some(causes.join(": ").into()), ..self }
    }

    /// The document's JSON, for the request of that id and method where it is known. A read that timed out has written nothing.
    pub(crate) fn to_json(&self, request: Option<(&str, &Method)>) -> Vec<u8> {
        let timed_out_read = self.status == StatusCode::GATEWAY_TIMEOUT && request.is_some_and(|(_, method)| method.is_safe());
        let document = Document {
            r#type: self.name.map_or("about:blank".into(), |name| format!("/problems/{name}").into()),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: if timed_out_read { "no response in time".into() } else { self.detail.clone() },
            request_id: request.map(|(id, _)| id.to_owned()),
            errors: self.errors.clone(),
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Conflict { rule: Rule::Unique(attribute) } => {
                Self::conflict(format!("the {attribute} is taken")).with_error(attribute, "belongs to another item")
            }
            Error::Conflict { rule: Rule::Key } => Self::conflict("the item exists already"),
            Error::NotFound => Self::not_found(),
            Error::ConditionFailed { attribute } => Self::conflict(format!("the item's {attribute} does not allow this")),
            Error::VersionMismatch => Self::stale(),
            Error::InvalidCursor { reason } => Self::parameter("cursor", format!("is not valid: {reason}")),
            Error::InvalidItem { attribute, reason } => Self::field(&attribute, reason),
            Error::TooLarge => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            Error::Throttled { retry_after } => {
                let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
                Self::unavailable("the store is throttling requests; retry later", seconds).caused_by(&error)
            }
            Error::Timeout => Self::timeout().caused_by(&error),
            Error::Unavailable { .. } => Self::unavailable("the store cannot serve right now", 5).caused_by(&error),
            Error::NotWriting { ref writer } => Self::not_writing(writer.as_deref()).caused_by(&error),
            Error::Corrupt { .. } | Error::Backend(_) => Self::internal("").caused_by(&error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json(None)));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(value) = self.header.as_deref().and_then(|value| HeaderValue::try_from(value).ok()) {
            let name = if self.status == StatusCode::UNAUTHORIZED { header::WWW_AUTHENTICATE } else { WRITING_REGION };
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::time::Duration;

    #[rstest]
    #[case(Error::Conflict { rule: Rule::Key }, 409)]
    #[case(Error::Conflict { rule: Rule::Unique("email") }, 409)]
    #[case(Error::NotFound, 404)]
    #[case(Error::ConditionFailed { attribute: "lockedAt".to_owned() }, 409)]
    #[case(Error::VersionMismatch, 412)]
    #[case(Error::InvalidCursor { reason: "it was altered" }, 400)]
    #[case(Error::invalid_item("name", "must be a string"), 422)]
    #[case(Error::TooLarge, 422)]
    #[case(Error::Throttled { retry_after: Duration::from_millis(1) }, 503)]
    #[case(Error::Timeout, 504)]
    #[case(Error::unavailable("secret"), 503)]
    #[case(Error::NotWriting { writer: None }, 503)]
    #[case(Error::corrupt("secret", "secret"), 500)]
    #[case(Error::backend("secret"), 500)]
    fn store_errors_have_a_status_and_keep_their_cause(#[case] error: Error, #[case] status: u16) {
        let problem = Problem::from(error);
        assert_eq!(problem.status().as_u16(), status);
        assert_eq!(problem.cause().is_some(), status >= 500, "{problem:?}");
        let shown = String::from_utf8(problem.to_json(None)).unwrap();
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn a_write_in_the_wrong_region_is_told_the_right_one() {
        for (writer, header) in [(Some("us-west-2"), "us-west-2"), (None, "none")] {
            let problem = Problem::from(Error::NotWriting { writer: writer.map(str::to_owned) });
            assert!(String::from_utf8(problem.to_json(None)).unwrap().contains(r#""type":"/problems/not-writing""#));
            let response = problem.into_response();
            assert_eq!(response.headers()[WRITING_REGION], header);
            assert_eq!(response.headers()[header::RETRY_AFTER], "5");
        }
    }

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        for (wait, header) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2")] {
            let error = Error::Throttled { retry_after: Duration::from_millis(wait) };
            assert_eq!(Problem::from(error).into_response().headers()[header::RETRY_AFTER], header);
        }
    }
}
