//! What went wrong, as a page shows it.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_kit::Problem;
use serde::Deserialize;
use tower::BoxError;

/// Why a page cannot be shown, or an action was not done: mostly a problem document of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// What the problem's type is called below `/problems/`; empty for most.
    pub(crate) name: String,
    /// What went wrong, for people.
    pub(crate) detail: String,
    /// Which fields are at fault.
    pub(crate) errors: Vec<FieldError>,
    /// In how many seconds to try again.
    pub(crate) retry_after: Option<u64>,
    /// Under which id the API has logged it.
    pub(crate) request_id: Option<String>,
}

/// One fault of one field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct FieldError {
    pub(crate) field: String,
    pub(crate) message: String,
}

/// A problem document (RFC 9457).
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Document {
    r#type: String,
    detail: String,
    errors: Vec<FieldError>,
    request_id: Option<String>,
}

impl Failure {
    /// A failure that no problem document tells of.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, name: String::new(), detail: detail.into(), errors: Vec::new(), retry_after: None, request_id: None }
    }

    /// 404.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "page not found")
    }

    /// 503: the API cannot be reached. The cause is for the log.
    pub(crate) fn unreachable(cause: &BoxError) -> Self {
        tracing::warn!(cause = %cause, "the API cannot be reached");
        Self { retry_after: Some(5), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "the forum cannot be reached right now") }
    }

    /// 500: the API said something that cannot be read. The cause is for the log.
    pub(crate) fn unreadable(cause: &dyn std::error::Error) -> Self {
        tracing::error!(%cause, "the API's response cannot be read");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong on our side")
    }

    /// What a response that is no success says, whatever made it: a proxy in between may respond without a problem document.
    pub(crate) fn from_response(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let document: Document = serde_json::from_slice(body).unwrap_or_default();
        let retry_after = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let detail = match document.detail {
            detail if status == StatusCode::NOT_FOUND && matches!(detail.as_str(), "" | "not found") => Self::not_found().detail,
            detail if detail.is_empty() => reason(status).to_lowercase(),
            detail => detail,
        };
        Self {
            status,
            name: document.r#type.strip_prefix("/problems/").unwrap_or_default().to_owned(),
            detail,
            errors: document.errors,
            retry_after,
            request_id: document.request_id,
        }
    }

    /// What is wrong with that field.
    pub(crate) fn of_field(&self, name: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == name).map(|error| error.message.as_str())
    }

    /// Was the token refused?
    pub(crate) fn is_logged_out(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// What to call it.
    pub(crate) fn title(&self) -> &'static str {
        match self.status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::UNAUTHORIZED => "You are not logged in",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::TOO_MANY_REQUESTS => "Too many requests",
            StatusCode::SERVICE_UNAVAILABLE => "Not available right now",
            StatusCode::GATEWAY_TIMEOUT => "No response in time",
            status => reason(status),
        }
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<String> {
        match (self.retry_after, self.status) {
            (Some(1), _) => Some("Try again in a second.".to_owned()),
            (Some(seconds), _) if seconds < 120 => Some(format!("Try again in {seconds} seconds.")),
            (Some(seconds), _) => Some(format!("Try again in {} minutes.", seconds.div_ceil(60))),
            (None, StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT) => Some("Try again in a moment.".to_owned()),
            _ => None,
        }
    }
}

fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

impl From<&Problem> for Failure {
    fn from(problem: &Problem) -> Self {
        if problem.status() == StatusCode::NOT_FOUND {
            return Self::not_found();
        }
        let errors = problem.errors().iter();
        let errors = errors.map(|error| FieldError { field: error.field.clone(), message: error.message.clone() }).collect();
        Self { errors, retry_after: problem.retry_after(), ..Self::new(problem.status(), problem.detail()) }
    }
}

/// The page of it is made by [`crate::session::keep`], which knows who looks at it.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
