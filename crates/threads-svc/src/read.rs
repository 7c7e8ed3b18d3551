//! One thread.

use axum::extract::State;
use db_adapter::forum::Thread;
use db_adapter::forum::thread::TABLE;
use db_adapter::{Key, StoreExt};
use http_kit::answer::{self, Answer};
use http_kit::etag::Conditions;
use http_kit::extract::{Freshness, PathId, Query};
use http_kit::fields::{Fields, Shown};
use http_kit::{Caller, Problem, SharedStore};
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct GetThread {
    /// Only these attributes.
    #[param(value_type = Option<String>, nullable = false)]
    fields: Option<Fields>,
}

/// Get a thread
///
/// With its ETag, for conditions. Its posts are a list of their own.
#[utoipa::path(
    get,
    path = "/api/threads/{threadId}",
    tag = "threads",
    params(("threadId" = inline(PathId), Path, description = "The thread's id."), GetThread, Conditions, Freshness),
    responses(
        (status = 200, description = "The thread.", body = Thread, headers(
            ("ETag" = String, description = "The thread's version."),
        )),
        (status = 304, description = "The thread has one of the ETags in `If-None-Match`.", headers(
            ("ETag" = String, description = "The thread's version."),
        )),
        (status = 404, description = "There is no such thread."),
        (status = 412, description = "The thread has none of the ETags in `If-Match`."),
    ),
)]
pub(crate) async fn get_thread(
    _: Caller,
    State(store): State<SharedStore>,
    PathId(id): PathId,
    conditions: Conditions,
    Freshness(strong): Freshness,
    Query(query): Query<GetThread>,
) -> Answer {
    let shown = Shown::of(&TABLE, query.fields)?;
    let item = store
        .find(&TABLE, &Key::hash(id), &shown.read(strong || conditions.need_strong_read()))
        .await?
        .ok_or_else(Problem::not_found)?;
    answer::read(&shown, &item, &conditions)
}
