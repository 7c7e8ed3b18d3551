//! Who opened a thread: a user that exists when it is named.

use db_adapter::forum::{thread, user};
use db_adapter::{Key, Read, Store, StoreExt};
use http_kit::Problem;

/// Checks that there is such a user, if one is named.
///
/// # Errors
/// 422 when there is none; those of the store.
pub(crate) async fn check(store: &dyn Store, user_id: Option<&str>) -> Result<(), Problem> {
    match user_id {
        Some(id) if !exists(store, id).await? => Err(missing()),
        _ => Ok(()),
    }
}

/// As [`check`], for a thread that is there. One that keeps its author is left alone, even where that user is gone.
///
/// # Errors
/// As [`check`].
pub(crate) async fn check_change(store: &dyn Store, key: &Key, user_id: Option<&str>) -> Result<(), Problem> {
    let Some(id) = user_id else { return Ok(()) };
    if exists(store, id).await? {
        return Ok(());
    }
    // Strongly, as the last write may have named that author.
    let read = Read { strong: true, attributes: Some(vec!["userId".to_owned()]), ..Read::default() };
    match store.get(&thread::TABLE, key, &read).await? {
        Some(thread) if thread.text("userId").as_deref() != Some(id) => Err(missing()),
        _ => Ok(()),
    }
}

/// Not from a cache: another service deletes users.
async fn exists(store: &dyn Store, id: &str) -> Result<bool, Problem> {
    let keys_only = Read { attributes: Some(Vec::new()), bypass_cache: true, ..Read::default() };
    Ok(store.find(&user::TABLE, &Key::hash(id), &keys_only).await?.is_some())
}

fn missing() -> Problem {
    Problem::field("userId", "there is no such user")
}
