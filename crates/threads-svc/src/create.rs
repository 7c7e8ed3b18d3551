//! Creating threads.

use axum::extract::State;
use db_adapter::forum::Thread;
use db_adapter::forum::thread::TABLE;
use http_kit::answer::{self, Answer};
use http_kit::extract::{Body, Json, NoParameters, Query};
use http_kit::idempotency::{self, ANONYMOUS, IdempotencyKey};
use http_kit::{Caller, SharedStore};

use crate::author;
use crate::body::NewThread;

/// Open a thread
///
/// By a user that exists, or by nobody.
#[utoipa::path(
    post,
    path = "/api/threads",
    tag = "threads",
    params(IdempotencyKey),
    request_body = NewThread,
    responses(
        (status = 201, description = "The thread was created.", body = Thread, headers(
            ("Location" = String, description = "The thread's path."),
            ("ETag" = String, description = "The thread's version."),
            ("Idempotent-Replayed" = String, description = "`true` when an earlier request with the same key created it."),
        )),
        (status = 409, description = "The thread was created and deleted at the same time."),
    ),
)]
pub(crate) async fn create_thread(
    _: Caller,
    State(store): State<SharedStore>,
    key: IdempotencyKey,
    Query(NoParameters {}): Query<NoParameters>,
    Json(body): Json<NewThread>,
) -> Answer {
    let user_id = body.user_id().map(str::to_owned);
    let scope = user_id.as_deref().unwrap_or(ANONYMOUS);
    let references = author::check(&*store, user_id.as_deref());
    let created = idempotency::create(&*store, &TABLE, key, scope, body.attributes(), references).await?;
    Ok(answer::created(&TABLE, &created))
}
