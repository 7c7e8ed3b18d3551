//! One user.

use axum::extract::State;
use db_adapter::forum::User;
use db_adapter::forum::user::TABLE;
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
pub(crate) struct GetUser {
    /// Only these attributes.
    #[param(value_type = Option<String>, nullable = false)]
    fields: Option<Fields>,
}

/// Get a user
///
/// With its ETag, for conditions.
#[utoipa::path(
    get,
    path = "/api/users/{userId}",
    tag = "users",
    params(("userId" = inline(PathId), Path, description = "The user's id."), GetUser, Conditions, Freshness),
    responses(
        (status = 200, description = "The user.", body = User, headers(
            ("ETag" = String, description = "The user's version."),
        )),
        (status = 304, description = "The user has one of the ETags in `If-None-Match`.", headers(
            ("ETag" = String, description = "The user's version."),
        )),
        (status = 404, description = "There is no such user."),
        (status = 412, description = "The user has none of the ETags in `If-Match`."),
    ),
)]
pub(crate) async fn get_user(
    _: Caller,
    State(store): State<SharedStore>,
    PathId(id): PathId,
    conditions: Conditions,
    Freshness(strong): Freshness,
    Query(query): Query<GetUser>,
) -> Answer {
    let shown = Shown::of(&TABLE, query.fields)?;
    let item = store
        .find(&TABLE, &Key::hash(id), &shown.read(strong || conditions.need_strong_read()))
        .await?
        .ok_or_else(Problem::not_found)?;
    answer::read(&shown, &item, &conditions)
}
