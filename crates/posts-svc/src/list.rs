//! Lists of posts.

use axum::extract::State;
use db_adapter::forum::Post;
use db_adapter::forum::post::TABLE;
use db_adapter::{Cursor, Order, Scan};
use http_kit::answer::{self, Answer};
use http_kit::extract::{PathId, Query};
use http_kit::fields::{Fields, Shown};
use http_kit::paging::{Id, Limit, ListUrl, Sort, Time, Timeline, exclusive, index};
use http_kit::{Caller, Problem, SharedStore};
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListPosts {
    /// Posts on a page at most.
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

/// List posts
///
/// Those of a thread, those of a user, or all in no particular order.
#[utoipa::path(
    get,
    path = "/api/posts",
    tag = "posts",
    params(ListPosts),
    responses(
        (status = 200, description = "The posts.", body = [Post], headers(
            ("Link" = String, description = "The next page (RFC 8288, `rel=\"next\"`), exactly when there is one."),
        )),
    ),
)]
pub(crate) async fn list_posts(
    _: Caller,
    State(store): State<SharedStore>,
    url: ListUrl,
    Query(query): Query<ListPosts>,
) -> Answer {
    let ListPosts { limit, cursor, thread_id, user_id, order, from, to, fields } = query;
    exclusive("threadId", thread_id.is_some(), &[("userId", user_id.is_some())])?;
    let timeline = Timeline { limit, cursor, order, from, to, fields };
    match (thread_id, user_id) {
        (Some(Id(id)), _) => in_thread(&store, id, timeline, &url).await,
        (None, Some(Id(id))) => by_user(&store, id, timeline, &url).await,
        (None, None) => all(&store, timeline, &url).await,
    }
}

/// List the posts of a thread
///
/// Oldest first, unless `order` says otherwise. A thread that does not exist has none.
#[utoipa::path(
    get,
    path = "/api/posts/in-thread/{threadId}",
    tag = "posts",
    params(("threadId" = inline(PathId), Path, description = "The thread's id."), Timeline),
    responses(
        (status = 200, description = "The posts.", body = [Post], headers(
            ("Link" = String, description = "The next page (RFC 8288, `rel=\"next\"`), exactly when there is one."),
        )),
        (status = 404, description = "This cannot be a thread's id."),
    ),
)]
pub(crate) async fn list_in_thread(
    _: Caller,
    State(store): State<SharedStore>,
    PathId(id): PathId,
    url: ListUrl,
    Query(timeline): Query<Timeline>,
) -> Answer {
    in_thread(&store, id, timeline, &url).await
}

/// List the posts of a user
///
/// Newest first, unless `order` says otherwise. A user that does not exist may still have posts.
#[utoipa::path(
    get,
    path = "/api/posts/by-user/{userId}",
    tag = "posts",
    params(("userId" = inline(PathId), Path, description = "The user's id."), Timeline),
    responses(
        (status = 200, description = "The posts.", body = [Post], headers(
            ("Link" = String, description = "The next page (RFC 8288, `rel=\"next\"`), exactly when there is one."),
        )),
        (status = 404, description = "This cannot be a user's id."),
    ),
)]
pub(crate) async fn list_by_user(
    _: Caller,
    State(store): State<SharedStore>,
    PathId(id): PathId,
    url: ListUrl,
    Query(timeline): Query<Timeline>,
) -> Answer {
    by_user(&store, id, timeline, &url).await
}

async fn in_thread(store: &SharedStore, id: String, timeline: Timeline, url: &ListUrl) -> Answer {
    let (shown, query) = timeline.query(&TABLE, index(&TABLE, "ThreadIndex")?, id, Order::Ascending)?;
    Ok(answer::list(&shown, &store.query(&TABLE, &query).await?, url))
}

async fn by_user(store: &SharedStore, id: String, timeline: Timeline, url: &ListUrl) -> Answer {
    let (shown, query) = timeline.query(&TABLE, index(&TABLE, "UserIndex")?, id, Order::Descending)?;
    Ok(answer::list(&shown, &store.query(&TABLE, &query).await?, url))
}

async fn all(store: &SharedStore, timeline: Timeline, url: &ListUrl) -> Answer {
    let misplaced = |(name, sent): &(&str, bool)| *sent && !["limit", "cursor"].contains(name);
    if let Some((name, _)) = timeline.sent().into_iter().find(misplaced) {
        return Err(Problem::parameter(name, "needs threadId or userId"));
    }
    let shown = Shown::of(&TABLE, timeline.fields)?;
    let cursor = timeline.cursor.map(Cursor::from_text);
    let scan = Scan { cursor, attributes: shown.attributes(), ..Scan::new(timeline.limit.unwrap_or_default().items()) };
    Ok(answer::list(&shown, &store.scan(&TABLE, &scan).await?, url))
}
