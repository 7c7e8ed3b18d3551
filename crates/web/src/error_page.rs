//! The page of a failure.

use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use maud::{Markup, html};

use crate::failure::Failure;
use crate::layout::Page;
use crate::session::{Visitor, secure};
use crate::{Shared, Site};

/// What a visitor sees who asked for that.
pub(crate) fn of(shared: &Shared, visitor: &Visitor, asked: &Uri, failure: &Failure) -> Response {
    let here = asked.path_and_query().map_or("/", |path| path.as_str());
    let visitor = if failure.is_logged_out() {
        Visitor { session: None, was_logged_out: visitor.session.is_some() || visitor.was_logged_out }
    } else {
        visitor.clone()
    };
    finished(page(failure).shown(shared, &visitor, here), failure)
}

/// What is seen where nobody has looked at who asks.
pub(crate) fn without_visit(site: &Site, failure: &Failure) -> Response {
    let mut response = finished(page(failure).framed(site, &html! {}, None), failure);
    secure(response.headers_mut());
    response
}

fn page(failure: &Failure) -> Page {
    Page { status: Some(failure.status), ..Page::new(failure.title(), body(failure)) }
}

fn finished(mut response: Response, failure: &Failure) -> Response {
    if let Some(seconds) = failure.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn body(failure: &Failure) -> Markup {
    html! {
        h1 { (failure.title()) }
        @if failure.status != StatusCode::UNAUTHORIZED { p { (sentence(&failure.detail)) } }
        @if let Some(advice) = failure.advice() { p { (advice) } }
        @for error in &failure.errors { p { code { (error.field) } ": " (error.message) } }
        p { a href="/" { "To the threads" } }
        @if let Some(id) = failure.request_id.as_ref().filter(|_| failure.status.is_server_error()) {
            p.meta { "Request " code { (id) } }
        }
    }
}

/// A problem's detail as a sentence: they begin in lower case and have no full stop.
pub(crate) fn sentence(detail: &str) -> String {
    let mut letters = detail.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    let text: String = first.chain(letters).collect();
    if text.ends_with(['.', '!', '?', '…']) { text } else { format!("{text}.") }
}
