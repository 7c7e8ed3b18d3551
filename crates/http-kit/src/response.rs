//! Responses that carry items.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use db_adapter::{Found, Item, Members, Page, Table};

use crate::etag::{Conditions, etag};
use crate::idempotency::{Created, IDEMPOTENT_REPLAYED};
use crate::paging::ListUrl;
use crate::problem::Problem;
use crate::projection::{Projection, Shown};
use crate::turn::Turn;

/// Headers of a response with those that the layers add, so that they need not be moved when there are more.
const HEADERS: usize = 12;

/// Stored bytes of a page that is made and sent in its turn.
const LARGE: usize = 64 * 1024;

/// 200 with the item and its ETag.
pub fn one(projection: &Projection, item: &Item) -> Response {
    of_members(projection, item, &item.members())
}

fn of_members(projection: &Projection, item: &Item, members: &Members<'_>) -> Response {
    let mut json = String::with_capacity(item.as_json().len());
    let shown = projection.write(&mut json, members);
    let mut response = json_response(StatusCode::OK, json);
    set(&mut response, header::ETAG, etag(members, shown == Shown::Concealed));
    depend_on_caller(&mut response, shown != Shown::ToAll);
    response
}

/// Of what moderators have removed, each caller sees what it may: no cache keeps that for others.
fn depend_on_caller(response: &mut Response, depends: bool) {
    if depends {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("authorization"));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private"));
    }
}

/// 200 with the item, or 304 when the client has it as it is.
///
/// # Errors
/// 412 when the item has none of the tags of `If-Match`.
pub fn read(projection: &Projection, item: &Item, conditions: &Conditions) -> Result<Response, Problem> {
    let members = item.members();
    let concealed = projection.shown(&members) == Shown::Concealed;
    let mut response = of_members(projection, item, &members);
    if conditions.is_known(item, concealed)? {
        // Its body tells the layers what the headers of the 200 are; they take it away.
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    Ok(response)
}

/// 201 with the item, its ETag and its path.
pub fn created(table: &'static Table, created: &Created) -> Response {
    let mut response = stored(table, created);
    let id = created.item.text(table.hash).unwrap_or_default();
    set(&mut response, header::LOCATION, HeaderValue::try_from(format!("/api/{}/{id}", table.name)).ok());
    response
}

/// 201 with the item and its ETag, of one that has no path of its own.
pub fn stored(table: &'static Table, created: &Created) -> Response {
    let mut response = one(&Projection::all(table), &created.item);
    *response.status_mut() = StatusCode::CREATED;
    if created.replayed {
        set(&mut response, IDEMPOTENT_REPLAYED, Some(HeaderValue::from_static("true")));
    }
    response
}

/// 200 with the items as a bare array, and a `Link` to the next page exactly when there is one.
pub async fn page(projection: &Projection, page: &Page, url: &ListUrl) -> Response {
    let mut response = items(projection, &page.items).await;
    set(&mut response, header::LINK, page.next.as_ref().and_then(|cursor| url.next(cursor, projection)));
    response
}

/// 200 with the items as a bare array that has no next page.
pub async fn items<'a>(projection: &Projection, items: impl IntoIterator<Item = &'a Item>) -> Response {
    let items: Vec<_> = items.into_iter().collect();
    let stored: usize = items.iter().map(|item| item.as_json().len() + 1).sum();
    let turn = if stored < LARGE { None } else { Turn::of_large().await };
    // What is shown of an item is no longer than what is stored, but for a version of 0.
    let mut json = String::with_capacity(if projection.is_all() { stored + 2 } else { 0 });
    let (writer, mut found, mut removed) = (projection.writer(), Found::default(), false);
    json.push('[');
    for item in items {
        if json.len() > 1 {
            json.push(',');
        }
        removed |= writer.write(&mut json, item, &mut found) != Shown::ToAll;
    }
    json.push(']');
    let mut response = json_response(StatusCode::OK, json);
    depend_on_caller(&mut response, removed);
    if let Some(turn) = turn {
        response.extensions_mut().insert(turn);
    }
    response
}

/// 204.
pub fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

fn json_response(status: StatusCode, json: String) -> Response {
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    *response.headers_mut() = HeaderMap::with_capacity(HEADERS);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn set(response: &mut Response, name: header::HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        response.headers_mut().insert(name, value);
    }
}
