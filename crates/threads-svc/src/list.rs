//! Lists of threads.

use axum::extract::State;
use axum::response::Response;
use db_adapter::Order;
use db_adapter::forum::thread::{FEED, TABLE};
use http_kit::extract::Query;
use http_kit::paging::{Id, Ids, Limit, ListUrl, Sort, Time, Timeline, exclusive};
use http_kit::projection::Fields;
use http_kit::resource::{Operation, by_ids};
use http_kit::{Caller, Problem, SharedStore};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::Threads;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListThreads {
    /// Maximum number of threads on the page.
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
    /// Only the threads of this user.
    #[param(inline, nullable = false)]
    #[serde(rename = "userId")]
    user_id: Option<Id>,
    /// Only these threads, in this order; absent ones are left out. Without any other parameter but `fields`.
    #[param(inline, nullable = false)]
    ids: Option<Ids>,
    /// Only these attributes.
    #[param(value_type = Option<String>, nullable = false)]
    fields: Option<Fields>,
}

/// The operation with its description.
pub(crate) fn operation() -> Operation {
    let about = "Newest first, unless `order` says otherwise.";
    Operation::list::<Threads, ListThreads, _>("list_threads", "List threads", about, list_threads)
}

async fn list_threads(
    caller: Caller,
    State(store): State<SharedStore>,
    url: ListUrl,
    Query(query): Query<ListThreads>,
) -> Result<Response, Problem> {
    let ListThreads { limit, cursor, order, from, to, user_id, ids, fields } = query;
    let timeline = Timeline { limit, cursor, order, from, to, fields };
    exclusive("ids", ids.is_some(), &[timeline.sent().as_slice(), &[("userId", user_id.is_some())]].concat())?;
    if let Some(ids) = ids {
        return by_ids::<Threads>(&*store, ids, timeline.fields, &caller).await;
    }
    if let Some(Id(id)) = user_id {
        return timeline.page(&*store, &TABLE, "UserIndex", id, Order::Descending, (&url, &caller)).await;
    }
    timeline.page(&*store, &TABLE, "CreatedAtIndex", FEED, Order::Descending, (&url, &caller)).await
}
