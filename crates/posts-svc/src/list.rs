//! Lists of posts.

use axum::extract::State;
use axum::response::Response;
use db_adapter::forum::post::TABLE;
use db_adapter::{Cursor, Order, Scan, Store};
use http_kit::extract::{PathId, Query};
use http_kit::paging::{Id, Limit, ListUrl, Sort, Time, Timeline, exclusive};
use http_kit::projection::{Fields, Projection};
use http_kit::resource::Operation;
use http_kit::{Caller, Problem, SharedStore, response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::Posts;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
struct ListPosts {
    /// Maximum number of posts on the page.
    #[param(inline, nullable = false)]
    limit: Option<Limit>,
    /// Where the page starts: from the link to it.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// Only the posts of this thread, oldest first; without `userId`.
    #[param(inline, nullable = false)]
    thread_id: Option<Id>,
    /// Only the posts of this user, newest first; without `threadId`.
    #[param(inline, nullable = false)]
    user_id: Option<Id>,
    /// `asc`: oldest first; `desc`: newest first. With `threadId` or `userId`.
    #[param(inline, nullable = false)]
    order: Option<Sort>,
    /// Only what was created at this time or later. With `threadId` or `userId`.
    #[param(inline, nullable = false)]
    from: Option<Time>,
    /// Only what was created before this time. With `threadId` or `userId`.
    #[param(inline, nullable = false)]
    to: Option<Time>,
    /// Only these attributes.
    #[param(value_type = Option<String>, nullable = false)]
    fields: Option<Fields>,
}

/// `GET /api/posts` with its description.
pub(crate) fn all_operation() -> Operation {
    let about = "Those of a thread, those of a user, or all in no particular order.";
    Operation::list::<Posts, ListPosts, _>("list_posts", "List posts", about, list_posts)
}

/// `GET /api/posts/in-thread/{threadId}` with its description.
pub(crate) fn in_thread_operation() -> Operation {
    let about = "Oldest first, unless `order` says otherwise. A thread that does not exist has none.";
    Operation::list::<Posts, Timeline, _>("list_in_thread", "List the posts of a thread", about, list_in_thread)
        .refuses(404, "This cannot be a thread's id.")
}

/// `GET /api/posts/by-user/{userId}` with its description.
pub(crate) fn by_user_operation() -> Operation {
    let about = "Newest first, unless `order` says otherwise. A user that does not exist may still have posts.";
    Operation::list::<Posts, Timeline, _>("list_by_user", "List the posts of a user", about, list_by_user)
        .refuses(404, "This cannot be a user's id.")
}

async fn list_posts(
    caller: Caller,
    State(store): State<SharedStore>,
    url: ListUrl,
    Query(query): Query<ListPosts>,
) -> Result<Response, Problem> {
    let ListPosts { limit, cursor, thread_id, user_id, order, from, to, fields } = query;
    exclusive("threadId", thread_id.is_some(), &[("userId", user_id.is_some())])?;
    let timeline = Timeline { limit, cursor, order, from, to, fields };
    match (thread_id, user_id) {
        (Some(Id(id)), _) => in_thread(&*store, id, timeline, (&url, &caller)).await,
        (None, Some(Id(id))) => by_user(&*store, id, timeline, (&url, &caller)).await,
        (None, None) => all(&*store, timeline, (&url, &caller)).await,
    }
}

async fn list_in_thread(
    caller: Caller,
    State(store): State<SharedStore>,
    PathId(id): PathId,
    url: ListUrl,
    Query(timeline): Query<Timeline>,
) -> Result<Response, Problem> {
    in_thread(&*store, id, timeline, (&url, &caller)).await
}

async fn list_by_user(
    caller: Caller,
    State(store): State<SharedStore>,
    PathId(id): PathId,
    url: ListUrl,
    Query(timeline): Query<Timeline>,
) -> Result<Response, Problem> {
    by_user(&*store, id, timeline, (&url, &caller)).await
}

/// The address that was asked for, and who asked.
type Asked<'a> = (&'a ListUrl, &'a Caller);

async fn in_thread(store: &dyn Store, id: String, timeline: Timeline, asked: Asked<'_>) -> Result<Response, Problem> {
    timeline.page(store, &TABLE, "ThreadIndex", id, Order::Ascending, asked).await
}

async fn by_user(store: &dyn Store, id: String, timeline: Timeline, asked: Asked<'_>) -> Result<Response, Problem> {
    timeline.page(store, &TABLE, "UserIndex", id, Order::Descending, asked).await
}

async fn all(store: &dyn Store, timeline: Timeline, (url, caller): Asked<'_>) -> Result<Response, Problem> {
    let misplaced = |(name, sent): &(&str, bool)| *sent && !["limit", "cursor"].contains(name);
    if let Some((name, _)) = timeline.sent().into_iter().find(misplaced) {
        return Err(Problem::parameter(name, "needs threadId or userId"));
    }
    let projection = Projection::of(&TABLE, timeline.fields, caller)?;
    let cursor = timeline.cursor.map(Cursor::from_text);
    let limit = timeline.limit.unwrap_or_default().items();
    let scan = Scan { cursor, attributes: projection.attributes(), ..Scan::new(limit) };
    Ok(response::page(&projection, &store.scan(&TABLE, &scan).await?, url).await)
}
