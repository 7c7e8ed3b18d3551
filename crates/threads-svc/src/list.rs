//! Lists of threads.

use axum::extract::State;
use axum::response::Response;
use db_adapter::Order;
use db_adapter::forum::thread::{FEED, TABLE};
use http_kit::extract::Query;
use http_kit::paging::{Flag, Id, Ids, Limit, ListUrl, Sort, Time, Timeline, exclusive};
use http_kit::projection::Fields;
use http_kit::resource::{Operation, by_ids};
use http_kit::{Caller, Problem, SharedStore};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
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
    /// `created`, the default, or `activity`: by the last post, or the creation where there is none. While threads move, a walk by activity may
    /// show one twice or miss one.
    #[param(value_type = Option<String>, nullable = false, pattern = "^(created|activity)$")]
    sort: Option<SortBy>,
    /// `true`: only pinned threads, the last pinned first. Without `sort` and `userId`.
    #[param(inline, nullable = false)]
    pinned: Option<Flag>,
    /// Only threads whose time in that order is this or later.
    #[param(inline, nullable = false)]
    from: Option<Time>,
    /// Only threads whose time in that order is before this.
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

/// By which time threads are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SortBy {
    Created,
    Activity,
}

impl<'de> Deserialize<'de> for SortBy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "created" => Ok(Self::Created),
            "activity" => Ok(Self::Activity),
            _ => Err(D::Error::custom("must be created or activity")),
        }
    }
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
    let ListThreads { limit, cursor, order, sort, pinned, from, to, user_id, ids, fields } = query;
    let pinned = pinned.is_some_and(|Flag(pinned)| pinned);
    let timeline = Timeline { limit, cursor, order, from, to, fields };
    let of_user = ("userId", user_id.is_some());
    let others = [of_user, ("sort", sort.is_some()), ("pinned", pinned)];
    exclusive("ids", ids.is_some(), &[timeline.sent().as_slice(), &others].concat())?;
    exclusive("pinned", pinned, &[of_user, ("sort", sort.is_some())])?;
    exclusive("sort", sort == Some(SortBy::Activity), &[of_user])?;
    if let Some(ids) = ids {
        return by_ids::<Threads>(&*store, ids, timeline.fields, &caller).await;
    }
    if let Some(Id(id)) = user_id {
        return timeline.page(&*store, &TABLE, "UserIndex", id, Order::Descending, (&url, &caller)).await;
    }
    let index = match sort {
        _ if pinned => "PinnedIndex",
        Some(SortBy::Activity) => "ActivityIndex",
        Some(SortBy::Created) | None => "CreatedAtIndex",
    };
    timeline.page(&*store, &TABLE, index, FEED, Order::Descending, (&url, &caller)).await
}
