//! Changing, replacing and deleting posts.

use axum::extract::State;
use db_adapter::forum::post::TABLE;
use db_adapter::forum::{Post, now};
use db_adapter::{Item, Key, Read, StoreExt, Update};
use http_kit::answer::{self, Answer};
use http_kit::etag::Conditions;
use http_kit::extract::{Body, Json, MergePatch, NoParameters, PathId, Query};
use http_kit::fields::Shown;
use http_kit::{Caller, Problem, SharedStore};

use crate::body::{PostPatch, PostReplacement, Repeats};

/// Change a post
///
/// A JSON merge patch: what is absent stays, null removes an optional attribute. `{}` changes nothing and keeps the version.
#[utoipa::path(
    patch,
    path = "/api/posts/{postId}",
    tag = "posts",
    params(("postId" = inline(PathId), Path, description = "The post's id."), Conditions),
    request_body(content((PostPatch = "application/json"), (PostPatch = "application/merge-patch+json"))),
    responses(
        (status = 200, description = "The post as it is now.", body = Post, headers(
            ("ETag" = String, description = "The post's version."),
        )),
        (status = 404, description = "There is no such post."),
        (status = 412, description = "The post has none of the ETags in `If-Match`, or one of those in `If-None-Match`."),
    ),
)]
pub(crate) async fn patch_post(
    _: Caller,
    State(store): State<SharedStore>,
    PathId(id): PathId,
    conditions: Conditions,
    Query(NoParameters {}): Query<NoParameters>,
    MergePatch(body): MergePatch<PostPatch>,
) -> Answer {
    if body.is_empty() {
        let (_, post) = find(&store, id, &Read::STRONG).await?;
        body.check_fixed(&post)?;
        conditions.expected_of(&post)?;
        return Ok(answer::one(&Shown::all(&TABLE), &post));
    }
    write(&store, id, body, &conditions).await
}

/// Replace a post
///
/// A title that is absent is removed. `threadId` and `userId` may be left out. Never creates.
#[utoipa::path(
    put,
    path = "/api/posts/{postId}",
    tag = "posts",
    params(("postId" = inline(PathId), Path, description = "The post's id."), Conditions),
    request_body = PostReplacement,
    responses(
        (status = 200, description = "The post as it is now.", body = Post, headers(
            ("ETag" = String, description = "The post's version."),
        )),
        (status = 404, description = "There is no such post."),
        (status = 412, description = "The post has none of the ETags in `If-Match`, or one of those in `If-None-Match`."),
    ),
)]
pub(crate) async fn put_post(
    _: Caller,
    State(store): State<SharedStore>,
    PathId(id): PathId,
    conditions: Conditions,
    Query(NoParameters {}): Query<NoParameters>,
    Json(body): Json<PostReplacement>,
) -> Answer {
    write(&store, id, body, &conditions).await
}

/// Delete a post
///
/// Its thread and its author stay.
#[utoipa::path(
    delete,
    path = "/api/posts/{postId}",
    tag = "posts",
    params(("postId" = inline(PathId), Path, description = "The post's id."), Conditions),
    responses(
        (status = 204, description = "The post is gone."),
        (status = 404, description = "There is no such post."),
        (status = 412, description = "The post has none of the ETags in `If-Match`, or one of those in `If-None-Match`."),
    ),
)]
pub(crate) async fn delete_post(
    _: Caller,
    State(store): State<SharedStore>,
    PathId(id): PathId,
    conditions: Conditions,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer {
    let (key, _) = find(&store, id, &fixed()).await?;
    let expected = conditions.expected(&*store, &TABLE, &key).await?;
    store.delete(&TABLE, &key, expected.as_ref()).await?;
    Ok(answer::gone())
}

async fn write(store: &SharedStore, id: String, body: impl Body + Repeats, conditions: &Conditions) -> Answer {
    let (key, post) = find(store, id, &fixed()).await?;
    body.check_fixed(&post)?;
    let mut update: Update = body.update();
    update.expected = conditions.expected(&**store, &TABLE, &key).await?;
    update.set.insert("updatedAt".to_owned(), now().into());
    let item = store.update(&TABLE, &key, &update).await?;
    Ok(answer::one(&Shown::all(&TABLE), &item))
}

/// Reads what never changes, so that a read of last second's post does as well.
fn fixed() -> Read {
    Read { attributes: Some(vec!["userId".to_owned()]), ..Read::default() }
}

/// The post of that id with its full key, as clients name only half of it.
async fn find(store: &SharedStore, id: String, read: &Read) -> Result<(Key, Item), Problem> {
    let post = store.find(&TABLE, &Key::hash(&id), read).await?.ok_or_else(Problem::not_found)?;
    let thread_id = post.text("threadId").ok_or_else(|| Problem::internal(format!("post {id} lacks its threadId")))?;
    Ok((Key::pair(id, thread_id), post))
}
