//! One post.

use axum::extract::State;
use db_adapter::forum::Post;
use db_adapter::forum::post::TABLE;
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
pub(crate) struct GetPost {
    /// Only these attributes.
    #[param(value_type = Option<String>, nullable = false)]
    fields: Option<Fields>,
}

/// Get a post
///
/// With its ETag, for conditions.
#[utoipa::path(
    get,
    path = "/api/posts/{postId}",
    tag = "posts",
    params(("postId" = inline(PathId), Path, description = "The post's id."), GetPost, Conditions, Freshness),
    responses(
        (status = 200, description = "The post.", body = Post, headers(
            ("ETag" = String, description = "The post's version."),
        )),
        (status = 304, description = "The post has one of the ETags in `If-None-Match`.", headers(
            ("ETag" = String, description = "The post's version."),
        )),
        (status = 404, description = "There is no such post."),
        (status = 412, description = "The post has none of the ETags in `If-Match`."),
    ),
)]
pub(crate) async fn get_post(
    _: Caller,
    State(store): State<SharedStore>,
    PathId(id): PathId,
    conditions: Conditions,
    Freshness(strong): Freshness,
    Query(query): Query<GetPost>,
) -> Answer {
    let shown = Shown::of(&TABLE, query.fields)?;
    let item = store
        .find(&TABLE, &Key::hash(id), &shown.read(strong || conditions.need_strong_read()))
        .await?
        .ok_or_else(Problem::not_found)?;
    answer::read(&shown, &item, &conditions)
}
