//! Deleting threads, with their posts when asked.

use std::time::Duration;

use axum::response::Response;
use db_adapter::forum::{activity, post};
use db_adapter::{Error, Item, Key, Query as IndexQuery, Read, Store};
use futures::future::join_all;
use http_kit::auth::policy::Action;
use http_kit::etag::Conditions;
use http_kit::extract::Query;
use http_kit::paging::{Flag, index};
use http_kit::resource::{Operation, Target};
use http_kit::{Deadline, Problem, response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::Threads;

/// Posts that are deleted at once.
const AT_ONCE: usize = 8;
/// A cascade goes on while there is at least this much time; enough for a round of deletions and the response.
const RESERVE: Duration = Duration::from_millis(500);

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DeleteThread {
    /// Delete the thread's posts too; without it a thread that has posts is not deleted.
    #[param(inline, nullable = false, example = true)]
    cascade: Option<Flag>,
}

/// The operation with its description.
pub(crate) fn operation() -> Operation {
    let about = "With `cascade=true` its posts are deleted first and the thread last. That is not atomic: where time runs out, the \
                 response is 503, and the same request again goes on.";
    Operation::delete_by::<Threads, DeleteThread, _>(about, delete_thread).refuses(409, "The thread has posts.")
}

async fn delete_thread(
    thread: Target<Threads>,
    conditions: Conditions,
    deadline: Deadline,
    Query(DeleteThread { cascade }): Query<DeleteThread>,
) -> Result<Response, Problem> {
    let key = Key::hash(thread.id());
    let cascade = cascade.is_some_and(|Flag(cascade)| cascade);
    thread.authorize(if cascade { Action::DeleteWithPosts } else { Action::Delete }).await?;
    if cascade {
        // Read first, so that a wrong id or a stale condition deletes no post.
        let expected = conditions.expected_of(&thread.find(&Read::STRONG).await?)?;
        let mut gone = Vec::new();
        let deleted = async {
            delete_posts(thread.store(), thread.id(), deadline, &mut gone).await?;
            thread.delete(&key, expected.as_ref()).await
        };
        if let Err(problem) = deleted.await {
            activity::posts_gone(thread.store(), thread.id(), &gone).await;
            return Err(problem);
        }
        return Ok(response::no_content());
    }
    let expected = thread.expected(&key, &conditions).await?;
    if !thread.store().query(&post::TABLE, &posts_of(thread.id(), 1)?).await?.items.is_empty() {
        conditions.expected_of(&thread.find(&Read::STRONG).await?)?;
        return Err(Problem::conflict("the thread has posts: delete them first, or with it by cascade=true"));
    }
    thread.delete(&key, expected.as_ref()).await?;
    Ok(response::no_content())
}

/// Some posts of the thread, without their text. Not from a cache: another service writes them.
fn posts_of(thread_id: &str, limit: usize) -> Result<IndexQuery, Problem> {
    let by_thread = IndexQuery::new(index(&post::TABLE, "ThreadIndex")?, thread_id);
    Ok(IndexQuery { limit, attributes: Some(Vec::new()), bypass_cache: true, ..by_thread })
}

/// Deletes the thread's posts. Those that are gone, and counted, are added to `gone`, also where not all are.
async fn delete_posts(store: &dyn Store, thread_id: &str, deadline: Deadline, gone: &mut Vec<String>) -> Result<(), Problem> {
    let mut posts = posts_of(thread_id, 100)?;
    loop {
        let page = store.query(&post::TABLE, &posts).await?;
        for some in page.items.chunks(AT_ONCE) {
            if deadline.remaining() < RESERVE {
                return Err(Problem::unavailable("the thread has more posts than there was time for: repeat the request", 1));
            }
            let mut failed = Ok(());
            for deleted in join_all(some.iter().map(|post| delete_post(store, post, thread_id))).await {
                match deleted {
                    Ok(deleted) => gone.extend(deleted),
                    Err(error) => failed = Err(error),
                }
            }
            failed?;
        }
        match page.next {
            Some(next) => posts.cursor = Some(next),
            None => return Ok(()),
        }
    }
}

/// Returns the post's id where it was there and counted.
async fn delete_post(store: &dyn Store, post: &Item, thread_id: &str) -> Result<Option<String>, Error> {
    let id = post.text(post::TABLE.hash).unwrap_or_default();
    match store.delete(&post::TABLE, &Key::pair(&*id, thread_id), None).await {
        Err(Error::NotFound) => Ok(None),
        deleted => deleted.map(|()| Some(id).filter(|_| activity::counts(post))),
    }
}
