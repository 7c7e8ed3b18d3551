//! The queue of open reports, and the log of actions.

use axum::extract::State;
use axum::response::Response;
use db_adapter::Order;
use db_adapter::forum::modlog::{self, FEED};
use db_adapter::forum::report::{self, OPEN};
use http_kit::auth::policy::{self, Action, Entity};
use http_kit::extract::Query;
use http_kit::paging::{Limit, ListUrl, Sort, Time, Timeline};
use http_kit::projection::Fields;
use http_kit::resource::Operation;
use http_kit::{Caller, Problem, SharedStore};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{Actions, Reports};

/// The parameters of the log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListActions {
    /// Maximum number of actions on the page.
    #[param(inline, nullable = false)]
    limit: Option<Limit>,
    /// Where the page starts: from the link to it.
    #[param(nullable = false)]
    cursor: Option<String>,
    /// `desc`, newest first, is the default.
    #[param(inline, nullable = false)]
    order: Option<Sort>,
    /// Only what was done at this time or later.
    #[param(inline, nullable = false)]
    from: Option<Time>,
    /// Only what was done before this time.
    #[param(inline, nullable = false)]
    to: Option<Time>,
    /// Only what was done to this one: `posts/ID`, `threads/ID` or `users/ID`.
    #[param(nullable = false, pattern = "^(posts|threads|users)/[A-Za-z0-9_-]{1,64}$")]
    target: Option<String>,
    /// Only these attributes.
    #[param(value_type = Option<String>, nullable = false)]
    fields: Option<Fields>,
}

/// `GET /api/moderation/reports` with its description.
pub(crate) fn queue_operation() -> Operation {
    let about = "What users have reported and nobody has resolved, oldest first unless `order` says otherwise. For moderators.";
    Operation::list::<Reports, Timeline, _>("list_reports", "List open reports", about, list_reports)
}

/// `GET /api/moderation/log` with its description.
pub(crate) fn log_operation() -> Operation {
    let about = "What moderators have done, newest first unless `order` says otherwise. For moderators.";
    Operation::list::<Actions, ListActions, _>("list_actions", "List the log of moderation", about, list_actions)
}

async fn list_reports(
    caller: Caller,
    State(store): State<SharedStore>,
    url: ListUrl,
    Query(timeline): Query<Timeline>,
) -> Result<Response, Problem> {
    policy::check(&caller, Entity::Report, Action::Read, false)?;
    timeline.page(&*store, &report::TABLE, "QueueIndex", OPEN, Order::Ascending, (&url, &caller)).await
}

async fn list_actions(
    caller: Caller,
    State(store): State<SharedStore>,
    url: ListUrl,
    Query(query): Query<ListActions>,
) -> Result<Response, Problem> {
    policy::check(&caller, Entity::Moderation, Action::Read, false)?;
    let ListActions { limit, cursor, order, from, to, target, fields } = query;
    let timeline = Timeline { limit, cursor, order, from, to, fields };
    let (index, partition) = match target {
        Some(target) if modlog::target(&target).is_none() => return Err(Problem::parameter("target", modlog::TARGET.allowed)),
        Some(target) => ("TargetIndex", target),
        None => ("LogIndex", FEED.to_owned()),
    };
    timeline.page(&*store, &modlog::TABLE, index, partition, Order::Descending, (&url, &caller)).await
}
