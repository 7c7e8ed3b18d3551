//! Changing, replacing and deleting users.

use axum::extract::State;
use db_adapter::forum::user::TABLE;
use db_adapter::forum::{User, now};
use db_adapter::{Key, StoreExt, Update};
use http_kit::answer::{self, Answer};
use http_kit::etag::Conditions;
use http_kit::extract::{Body, Json, MergePatch, NoParameters, PathId, Query};
use http_kit::fields::Shown;
use http_kit::{Caller, Problem, SharedStore};

use crate::body::{NewUser, UserPatch};

/// Change a user
///
/// A JSON merge patch: what is absent stays, null removes an optional attribute. `{}` changes nothing and keeps the version.
#[utoipa::path(
    patch,
    path = "/api/users/{userId}",
    tag = "users",
    params(("userId" = inline(PathId), Path, description = "The user's id."), Conditions),
    request_body(content((UserPatch = "application/json"), (UserPatch = "application/merge-patch+json"))),
    responses(
        (status = 200, description = "The user as it is now.", body = User, headers(
            ("ETag" = String, description = "The user's version."),
        )),
        (status = 404, description = "There is no such user."),
        (status = 409, description = "The e-mail address is taken."),
        (status = 412, description = "The user has none of the ETags in `If-Match`, or one of those in `If-None-Match`."),
    ),
)]
pub(crate) async fn patch_user(
    _: Caller,
    State(store): State<SharedStore>,
    PathId(id): PathId,
    conditions: Conditions,
    Query(NoParameters {}): Query<NoParameters>,
    MergePatch(body): MergePatch<UserPatch>,
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

/// Replace a user
///
/// Optional attributes that are absent are removed. Never creates.
#[utoipa::path(
    put,
    path = "/api/users/{userId}",
    tag = "users",
    params(("userId" = inline(PathId), Path, description = "The user's id."), Conditions),
    request_body = NewUser,
    responses(
        (status = 200, description = "The user as it is now.", body = User, headers(
            ("ETag" = String, description = "The user's version."),
        )),
        (status = 404, description = "There is no such user."),
        (status = 409, description = "The e-mail address is taken."),
        (status = 412, description = "The user has none of the ETags in `If-Match`, or one of those in `If-None-Match`."),
    ),
)]
pub(crate) async fn put_user(
    _: Caller,
    State(store): State<SharedStore>,
    PathId(id): PathId,
    conditions: Conditions,
    Query(NoParameters {}): Query<NoParameters>,
    Json(body): Json<NewUser>,
) -> Answer {
    write(&store, Key::hash(id), body.update(), &conditions).await
}

async fn write(store: &SharedStore, key: Key, mut update: Update, conditions: &Conditions) -> Answer {
    update.expected = conditions.expected(&**store, &TABLE, &key).await?;
    update.set.insert("updatedAt".to_owned(), now().into());
    let item = store.update(&TABLE, &key, &update).await?;
    Ok(answer::one(&Shown::all(&TABLE), &item))
}

/// Delete a user
///
/// Its threads and posts stay.
#[utoipa::path(
    delete,
    path = "/api/users/{userId}",
    tag = "users",
    params(("userId" = inline(PathId), Path, description = "The user's id."), Conditions),
    responses(
        (status = 204, description = "The user is gone."),
        (status = 404, description = "There is no such user."),
        (status = 412, description = "The user has none of the ETags in `If-Match`, or one of those in `If-None-Match`."),
    ),
)]
pub(crate) async fn delete_user(
    _: Caller,
    State(store): State<SharedStore>,
    PathId(id): PathId,
    conditions: Conditions,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer {
    let key = Key::hash(id);
    let expected = conditions.expected(&*store, &TABLE, &key).await?;
    store.delete(&TABLE, &key, expected.as_ref()).await?;
    Ok(answer::gone())
}
