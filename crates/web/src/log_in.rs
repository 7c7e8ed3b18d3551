//! Logging in and out.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Redirect, Response};
use axum::routing::{get, post};
use http_kit::loopback::is_loopback_origin;
use serde::Deserialize;

use crate::Shared;
use crate::api::encoded;
use crate::failure::Failure;
use crate::forms::Sent;
use crate::provider::Provider;
use crate::session::{Change, pending};

/// Where the issuer sends people back to.
pub(crate) const CALLBACK: &str = "/log-in/callback";

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/log-in", get(begin)).route(CALLBACK, get(finish)).route("/log-out", post(end))
}

#[derive(Debug, Deserialize)]
struct Then {
    /// The page to go on with.
    #[serde(default)]
    then: String,
}

/// Sends the browser to the issuer.
async fn begin(State(shared): State<Shared>, headers: HeaderMap, Query(Then { then }): Query<Then>) -> Result<Response, Failure> {
    let provider = provider(&shared)?;
    let then = if is_own_path(&then) { then } else { "/".to_owned() };
    // The issuer sends people back to the one name of this forum. On this machine a browser may know it by another one, to which the
    // cookie of the log-in would belong.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let asked = format!("http://{host}");
    if shared.site.url != asked && is_loopback_origin(asked.as_bytes()) && is_loopback_origin(shared.site.url.as_bytes()) {
        let url = format!("{}/log-in?then={}", shared.site.url, encoded(&then));
        return Ok(axum::response::IntoResponse::into_response(Redirect::to(&url)));
    }
    let (url, pending) = provider.begin(&shared.api, then).await?;
    Ok(Change::Begin(Arc::new(pending)).on(Redirect::to(&url)))
}

/// What the issuer sends (RFC 6749, section 4.1.2; RFC 9207).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sending {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// Takes what the issuer sends, and goes on with the page where the log-in began.
async fn finish(State(shared): State<Shared>, headers: HeaderMap, Query(sending): Query<Sending>) -> Result<Response, Failure> {
    let provider = provider(&shared)?;
    let refused = |reason: &str| Failure::new(StatusCode::FORBIDDEN, reason);
    let pending = pending(&shared.site, &headers);
    let pending = pending.filter(|pending| Some(&pending.state) == sending.state.as_ref());
    let pending = pending.ok_or_else(|| refused("this log-in did not begin here, or took too long: log in once more"))?;
    if sending.iss.is_some_and(|issuer| issuer != provider.issuer) {
        return Err(refused("this log-in is of another issuer"));
    }
    let code = sending.code.ok_or_else(|| {
        tracing::info!(error = sending.error, "the issuer logged nobody in");
        refused("nobody was logged in")
    })?;
    let tokens = provider.finish(&shared.api, code, pending.verifier).await?;
    let session = tokens.session(&shared, None, None).await?;
    let then = match session.user {
        Some(_) => pending.then,
        None => format!("/profile?then={}", encoded(&pending.then)),
    };
    Ok(Change::Keep(Box::new(session), tokens.renewal).on(Redirect::to(&then)))
}

async fn end(sent: Sent) -> Result<Response, Failure> {
    // Whoever is logged out already is done.
    drop(sent);
    Ok(Change::End.on(Redirect::to("/")))
}

fn provider(shared: &Shared) -> Result<&Provider, Failure> {
    shared
        .site
        .provider
        .as_ref()
        .ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, "nobody can log in here: no issuer is set up"))
}

/// Is it a path of this site, which no browser takes for another one's?
pub(crate) fn is_own_path(text: &str) -> bool {
    text.starts_with('/') && !text.starts_with("//") && !text.contains(['\\', '\t', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("/threads/1?from=x#post-1", true)]
    #[case("/", true)]
    #[case("", false)]
    #[case("//evil.example", false)]
    #[case("/\\evil.example", false)]
    #[case("/\t/evil.example", false)]
    #[case("https://evil.example", false)]
    #[case("javascript:alert(1)", false)]
    fn after_the_log_in_a_page_of_this_site_follows(#[case] then: &str, #[case] expected: bool) {
        assert_eq!(is_own_path(then), expected);
    }
}
