//! Creating users.

use axum::extract::State;
use db_adapter::forum::User;
use db_adapter::forum::user::TABLE;
use http_kit::answer::{self, Answer};
use http_kit::extract::{Body, Json, NoParameters, Query};
use http_kit::idempotency::{self, IdempotencyKey};
use http_kit::{Caller, SharedStore};

use crate::body::NewUser;

/// Create a user
///
/// With an e-mail address that no other user has.
#[utoipa::path(
    post,
    path = "/api/users",
    tag = "users",
    params(IdempotencyKey),
    request_body = NewUser,
    responses(
        (status = 201, description = "The user was created.", body = User, headers(
            ("Location" = String, description = "The user's path."),
            ("ETag" = String, description = "The user's version."),
            ("Idempotent-Replayed" = String, description = "`true` when an earlier request with the same key created it."),
        )),
        (status = 409, description = "The e-mail address is taken."),
    ),
)]
pub(crate) async fn create_user(
    _: Caller,
    State(store): State<SharedStore>,
    key: IdempotencyKey,
    Query(NoParameters {}): Query<NoParameters>,
    Json(body): Json<NewUser>,
) -> Answer {
    let scope = body.email().to_owned();
    let created = idempotency::create(&*store, &TABLE, key, &scope, body.attributes(), async { Ok(()) }).await?;
    Ok(answer::created(&TABLE, &created))
}
