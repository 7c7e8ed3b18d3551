//! Creating posts.

use axum::extract::State;
use db_adapter::forum::post::TABLE;
use db_adapter::forum::{Post, thread, user};
use http_kit::answer::{self, Answer};
use http_kit::extract::{Body, Json, NoParameters, Query};
use http_kit::idempotency::{self, IdempotencyKey};
use http_kit::{Caller, SharedStore, references};

use crate::body::NewPost;

/// Create a post
///
/// In a thread and by a user that exist.
#[utoipa::path(
    post,
    path = "/api/posts",
    tag = "posts",
    params(IdempotencyKey),
    request_body = NewPost,
    responses(
        (status = 201, description = "The post was created.", body = Post, headers(
            ("Location" = String, description = "The post's path."),
            ("ETag" = String, description = "The post's version."),
            ("Idempotent-Replayed" = String, description = "`true` when an earlier request with the same key created it."),
        )),
        (status = 409, description = "The post was created and deleted at the same time, under the same key."),
    ),
)]
pub(crate) async fn create_post(
    _: Caller,
    State(store): State<SharedStore>,
    key: IdempotencyKey,
    Query(NoParameters {}): Query<NoParameters>,
    Json(body): Json<NewPost>,
) -> Answer {
    // A read followed by a write, not a transaction: a thread or user that is deleted in between leaves a reference that dangles.
    let (thread_id, user_id) = (body.thread_id().to_owned(), body.user_id().to_owned());
    let named = [(&thread::TABLE, thread_id.as_str()), (&user::TABLE, user_id.as_str())];
    let references = references::check(&*store, &named);
    let created = idempotency::create(&*store, &TABLE, key, &user_id, body.attributes(), references).await?;
    Ok(answer::created(&TABLE, &created))
}
