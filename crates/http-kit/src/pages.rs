//! Pages for people beside the API, as whoever mounts them sees them.

use std::fmt::Debug;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header;
use axum::response::Response;

use crate::problem::Problem;

/// Pages for people. They ask the API as any client does, so that they can do no more than one.
pub trait Pages: Debug + Send + Sync {
    /// Every route; none of them is below `/api`. `api` is the API of the same process with all its layers, for pages that ask no other.
    fn routes(&self, api: Router) -> Router;

    /// What a person sees of a problem that no page has met, such as a path that does not exist. The status is the problem's.
    fn problem(&self, problem: &Problem) -> Response;
}

/// Is the response to such a request for a person to read?
pub(crate) fn are_wanted(path: &str, headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    !path.starts_with("/api/") && accepted.flat_map(|value| value.split(',')).any(|kind| kind.trim().starts_with("text/html"))
}
