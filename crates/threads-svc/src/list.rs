//! Lists of threads.

use axum::extract::State;
use db_adapter::forum::Thread;
use db_adapter::forum::thread::{FEED, TABLE};
use db_adapter::{Key, Order};
use http_kit::answer::{self, Answer};
use http_kit::extract::Query;
use http_kit::fields::{Fields, Shown};
use http_kit::paging::{Ids, Limit, ListUrl, Sort, Time, Timeline, exclusive, index};
use http_kit::{Caller, SharedStore};
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListThreads {
    /// Threads on a page at most.
    #[param(inline, nullable = false)]
    limit: Option<Limit>,
    /// Where the page starts: from the link to it.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// `desc`, newest first, is the default.
    #[param(inline, nullable = false)]
    order: Option<Sort>,
    /// Only threads that were created at this time or later.
    #[param(inline, nullable = false)]
    from: Option<Time>,
    /// Only threads that were created before this time.
    #[param(inline, nullable = false)]
    to: Option<Time>,
    /// Only these threads, in this order; absent ones are left out. Without any other parameter but `fields`.
    #[param(inline, nullable = false)]
    ids: Option<Ids>,
    /// Only these attributes.
    #[param(value_type = Option<String>, nullable = false)]
    fields: Option<Fields>,
}

/// List threads
///
/// Newest first, unless `order` says otherwise.
#[utoipa::path(
    get,
    path = "/api/threads",
    tag = "threads",
    params(ListThreads),
    responses(
        (status = 200, description = "The threads.", body = [Thread], headers(
            ("Link" = String, description = "The next page (RFC 8288, `rel=\"next\"`), exactly when there is one."),
        )),
    ),
)]
pub(crate) async fn list_threads(
    _: Caller,
    State(store): State<SharedStore>,
    url: ListUrl,
    Query(query): Query<ListThreads>,
) -> Answer {
    let ListThreads { limit, cursor, order, from, to, ids, fields } = query;
    let timeline = Timeline { limit, cursor, order, from, to, fields };
    exclusive("ids", ids.is_some(), &timeline.sent())?;
    if let Some(ids) = ids {
        let shown = Shown::of(&TABLE, timeline.fields)?;
        let keys: Vec<_> = ids.into_vec().into_iter().map(|id| (&TABLE, Key::hash(id))).collect();
        let found = store.get_many(&keys, &shown.read(false)).await?;
        return Ok(answer::items(&shown, found.iter().flatten()));
    }
    let (shown, query) = timeline.query(&TABLE, index(&TABLE, "CreatedAtIndex")?, FEED, Order::Descending)?;
    Ok(answer::list(&shown, &store.query(&TABLE, &query).await?, &url))
}
