//! Erasing a profile, and on request what its owner wrote.

use std::time::Duration;

use axum::response::Response;
use db_adapter::forum::{REQUEST_HASH, activity, now, post, report, thread};
use db_adapter::schema::UPDATED_AT;
use db_adapter::{Error, Key, Query as IndexQuery, Read, Scan, Store, Update};
use http_kit::etag::Conditions;
use http_kit::extract::Query;
use http_kit::paging::index;
use http_kit::resource::{Operation, Target};
use http_kit::{Deadline, Problem, response};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use utoipa::IntoParams;

use crate::Users;
use crate::delete::{ERASED, delete_profile};

/// Erasing goes on while there is at least this much time; enough for one more page and the response.
const RESERVE: Duration = Duration::from_millis(500);
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EraseMe {
    /// `erase` deletes your posts, threads and reports, too; a thread in which others have posted loses its title, its description and your id. `keep` is
    /// the default: what you wrote stays, under the id of a user who no longer exists.
    #[param(value_type = Option<String>, nullable = false, pattern = "^(keep|erase)$")]
    posts: Option<Posts>,
}

/// What becomes of what the user wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Posts {
    Keep,
    Erase,
}

impl<'de> Deserialize<'de> for Posts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "keep" => Ok(Self::Keep),
            "erase" => Ok(Self::Erase),
            _ => Err(D::Error::custom("must be keep or erase")),
        }
    }
}

/// `DELETE /api/users/me` with its description.
pub(crate) fn operation() -> Operation {
    let about = "That is not atomic: where time runs out, the response is 503, and the same request again goes on. A suspension stays on \
                 record, with your id and nothing else of you.";
    Operation::delete_by::<Users, EraseMe, _>(about, erase_me).titled("delete_me", "Erase your profile")
}

async fn erase_me(
    me: Target<Users>,
    conditions: Conditions,
    deadline: Deadline,
    Query(EraseMe { posts }): Query<EraseMe>,
) -> Result<Response, Problem> {
    // A stale condition erases nothing.
    conditions.expected_of(&me.find(&Read::STRONG).await?)?;
    if posts == Some(Posts::Erase) {
        erase_posts(me.store(), me.id(), deadline).await?;
        erase_threads(me.store(), me.id(), deadline).await?;
        erase_reports(me.store(), me.id(), deadline).await?;
    }
    delete_profile(&me, &conditions).await?;
    Ok(response::no_content())
}

async fn erase_posts(store: &dyn Store, user_id: &str, deadline: Deadline) -> Result<(), Problem> {
    let mut page = of_user(&post::TABLE, user_id)?;
    loop {
        let posts = store.query(&post::TABLE, &page).await?;
        for post in &posts.items {
            check_time(deadline)?;
            let key = post::TABLE.key_of(&post.attributes()?)?;
            match store.delete(&post::TABLE, &key, None).await {
                Ok(()) if activity::counts(post) => {
                    activity::posts_gone(store, &key.range.unwrap_or_default(), &[key.hash]).await;
                }
                deleted => gone(deleted)?,
            }
        }
        let Some(next) = posts.next else { return Ok(()) };
        page.cursor = Some(next);
    }
}

async fn erase_threads(store: &dyn Store, user_id: &str, deadline: Deadline) -> Result<(), Problem> {
    let mut page = of_user(&thread::TABLE, user_id)?;
    loop {
        let threads = store.query(&thread::TABLE, &page).await?;
        for thread in &threads.items {
            check_time(deadline)?;
            let id = thread.text(thread::TABLE.hash).unwrap_or_default();
            let in_thread =
                IndexQuery { limit: 1, bypass_cache: true, ..IndexQuery::new(index(&post::TABLE, "ThreadIndex")?, &*id) };
            let key = Key::hash(&*id);
            if store.query(&post::TABLE, &in_thread).await?.items.is_empty() {
                gone(store.delete(&thread::TABLE, &key, None).await)?;
            } else {
                let mut update = Update::default();
                update.set.insert("title".to_owned(), ERASED.into());
                update.set.insert(UPDATED_AT.to_owned(), now().into());
                // The fingerprint of what was said, too.
                update.remove.extend(["description", "userId", REQUEST_HASH].map(str::to_owned));
                gone(store.update(&thread::TABLE, &key, &update).await.map(drop))?;
            }
        }
        let Some(next) = threads.next else { return Ok(()) };
        page.cursor = Some(next);
    }
}

/// No index has reports by user: all are read.
async fn erase_reports(store: &dyn Store, user_id: &str, deadline: Deadline) -> Result<(), Problem> {
    let mut scan = Scan { attributes: Some(vec!["userId".to_owned()]), ..Scan::new(1000) };
    loop {
        check_time(deadline)?;
        let reports = store.scan(&report::TABLE, &scan).await?;
        for report in reports.items.iter().filter(|report| report.text("userId").as_deref() == Some(user_id)) {
            check_time(deadline)?;
            let key = Key::hash(report.text(report::TABLE.hash).unwrap_or_default());
            gone(store.delete(&report::TABLE, &key, None).await)?;
        }
        let Some(next) = reports.next else { return Ok(()) };
        scan.cursor = Some(next);
    }
}

/// A page of what the user wrote, with its keys. Not from a cache: another service writes these tables.
pub(super) fn of_user(table: &'static db_adapter::Table, user_id: &str) -> Result<IndexQuery, Problem> {
    Ok(IndexQuery { limit: 100, bypass_cache: true, ..IndexQuery::new(index(table, "UserIndex")?, user_id) })
}

fn check_time(deadline: Deadline) -> Result<(), Problem> {
    if deadline.remaining() < RESERVE {
        return Err(Problem::unavailable("there is more to erase than there was time for: repeat the request", 1));
    }
    Ok(())
}

/// What is gone already need not be erased.
fn gone(erased: Result<(), Error>) -> Result<(), Error> {
    match erased {
        Err(Error::NotFound) => Ok(()),
        other => other,
    }
}
