//! Changing and replacing threads.

use axum::extract::State;
use db_adapter::forum::thread::TABLE;
use db_adapter::forum::{Thread, now};
use db_adapter::{Key, StoreExt, Update, Value};
use http_kit::answer::{self, Answer};
use http_kit::etag::Conditions;
use http_kit::extract::{Body, Json, MergePatch, NoParameters, PathId, Query};
use http_kit::fields::Shown;
use http_kit::{Caller, Problem, SharedStore};

use crate::author;
use crate::body::{NewThread, ThreadPatch};

/// Change a thread
///
/// A JSON merge patch: what is absent stays, null removes an optional attribute. `{}` changes nothing and keeps the version.
#[utoipa::path(
    patch,
    path = "/api/threads/{threadId}",
    tag = "threads",
    params(("threadId" = inline(PathId), Path, description = "The thread's id."), Conditions),
    request_body(content((ThreadPatch = "application/json"), (ThreadPatch = "application/merge-patch+json"))),
    responses(
        (status = 200, description = "The thread as it is now.", body = Thread, headers(
            ("ETag" = String, description = "The thread's version."),
        )),
        (status = 404, description = "There is no such thread."),
        (status = 412, description = "The thread has none of the ETags in `If-Match`, or one of those in `If-None-Match`."),
    ),
)]
pub(crate) async fn patch_thread(
    _: Caller,
    State(store): State<SharedStore>,
    PathId(id): PathId,
    conditions: Conditions,
    Query(NoParameters {}): Query<NoParameters>,
    MergePatch(body): MergePatch<ThreadPatch>,
) -> Answer {
    let key = Key::hash(id);
    let update = body.update();
    if update.set.is_empty() && update.remove.is_empty() {
        let item = store.find(&TABLE, &key, &conditions.read()).await?.ok_or_else(Problem::not_found)?;
        conditions.expected_of(&item)?;
        return Ok(answer::one(&Shown::all(&TABLE), &item));
    }
    write(&store, key, update, &conditions).await
}

/// Replace a thread
///
/// Optional attributes that are absent are removed. Never creates.
#[utoipa::path(
    put,
    path = "/api/threads/{threadId}",
    tag = "threads",
    params(("threadId" = inline(PathId), Path, description = "The thread's id."), Conditions),
    request_body = NewThread,
    responses(
        (status = 200, description = "The thread as it is now.", body = Thread, headers(
            ("ETag" = String, description = "The thread's version."),
        )),
        (status = 404, description = "There is no such thread."),
        (status = 412, description = "The thread has none of the ETags in `If-Match`, or one of those in `If-None-Match`."),
    ),
)]
pub(crate) async fn put_thread(
    _: Caller,
    State(store): State<SharedStore>,
    PathId(id): PathId,
    conditions: Conditions,
    Query(NoParameters {}): Query<NoParameters>,
    Json(body): Json<NewThread>,
) -> Answer {
    write(&store, Key::hash(id), body.update(), &conditions).await
}

async fn write(store: &SharedStore, key: Key, mut update: Update, conditions: &Conditions) -> Answer {
    author::check_change(&**store, &key, update.set.get("userId").and_then(Value::as_str)).await?;
    update.expected = conditions.expected(&**store, &TABLE, &key).await?;
    update.set.insert("updatedAt".to_owned(), now().into());
    let item = store.update(&TABLE, &key, &update).await?;
    Ok(answer::one(&Shown::all(&TABLE), &item))
}
