//! Deleting threads, with their posts when asked.

use std::time::Duration;

use axum::extract::State;
use db_adapter::forum::post;
use db_adapter::forum::thread::TABLE;
use db_adapter::{Error, Key, Query as IndexQuery, Read, Store};
use futures::future::try_join_all;
use http_kit::answer::{self, Answer};
use http_kit::etag::Conditions;
use http_kit::extract::{PathId, Query};
use http_kit::paging::{Flag, index};
use http_kit::{Caller, Deadline, Problem, SharedStore};
use serde::Deserialize;
use utoipa::IntoParams;

/// Posts that are deleted at once.
const AT_ONCE: usize = 8;
/// A cascade goes on while there is at least this much time; enough for a round of deletions and the answer.
const RESERVE: Duration = Duration::from_millis(500);

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteThread {
    /// Delete the thread's posts too; without it a thread that has posts is not deleted.
    #[param(inline, nullable = false, example = true)]
    cascade: Option<Flag>,
}

/// Delete a thread
///
/// With `cascade=true` its posts go first and the thread last. That is not atomic: where time runs out, the answer is 503, and the
/// same request again goes on.
#[utoipa::path(
    delete,
    path = "/api/threads/{threadId}",
    tag = "threads",
    params(("threadId" = inline(PathId), Path, description = "The thread's id."), DeleteThread, Conditions),
    responses(
        (status = 204, description = "The thread is gone, and with `cascade=true` its posts are."),
        (status = 404, description = "There is no such thread."),
        (status = 409, description = "The thread has posts."),
        (status = 412, description = "The thread has none of the ETags in `If-Match`, or one of those in `If-None-Match`."),
    ),
)]
pub(crate) async fn delete_thread(
    _: Caller,
    State(store): State<SharedStore>,
    PathId(id): PathId,
    conditions: Conditions,
    deadline: Deadline,
    Query(DeleteThread { cascade }): Query<DeleteThread>,
) -> Answer {
    let key = Key::hash(&id);
    let expected = if cascade.is_some_and(|Flag(cascade)| cascade) {
        // Read first, so that a wrong id or a stale condition deletes no post.
        let expected = conditions.expected_of(&find(&*store, &key).await?)?;
        delete_posts(&*store, &id, deadline).await?;
        expected
    } else {
        let expected = conditions.expected(&*store, &TABLE, &key).await?;
        if !store.query(&post::TABLE, &posts_of(&id, 1)?).await?.items.is_empty() {
            conditions.expected_of(&find(&*store, &key).await?)?;
            return Err(Problem::conflict("the thread has posts: delete them first, or with it by cascade=true"));
        }
        expected
    };
    store.delete(&TABLE, &key, expected.as_ref()).await?;
    Ok(answer::gone())
}

async fn find(store: &dyn Store, key: &Key) -> Result<db_adapter::Item, Problem> {
    store.get(&TABLE, key, &Read::STRONG).await?.ok_or_else(Problem::not_found)
}

/// Some posts of the thread, without their text. Not from a cache: another service writes them.
fn posts_of(thread_id: &str, limit: usize) -> Result<IndexQuery, Problem> {
    let by_thread = IndexQuery::new(index(&post::TABLE, "ThreadIndex")?, thread_id);
    Ok(IndexQuery { limit, attributes: Some(Vec::new()), bypass_cache: true, ..by_thread })
}

async fn delete_posts(store: &dyn Store, thread_id: &str, deadline: Deadline) -> Result<(), Problem> {
    let mut posts = posts_of(thread_id, 100)?;
    loop {
        let page = store.query(&post::TABLE, &posts).await?;
        let ids: Vec<String> = page.items.iter().filter_map(|item| item.text(post::TABLE.hash)).collect();
        for some in ids.chunks(AT_ONCE) {
            if deadline.remaining() < RESERVE {
                return Err(Problem::unavailable("the thread has more posts than there was time for: repeat the request", 1));
            }
            try_join_all(some.iter().map(|id| delete_post(store, id, thread_id))).await?;
        }
        match page.next {
            Some(next) => posts.cursor = Some(next),
            None => return Ok(()),
        }
    }
}

async fn delete_post(store: &dyn Store, id: &str, thread_id: &str) -> Result<(), Error> {
    match store.delete(&post::TABLE, &Key::pair(id, thread_id), None).await {
        Err(Error::NotFound) => Ok(()),
        other => other,
    }
}
