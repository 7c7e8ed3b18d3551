//! Deleting users. A suspension outlives its user, who else would be back without it at once.

use axum::response::Response;
use db_adapter::forum::{now, user};
use db_adapter::schema::UPDATED_AT;
use db_adapter::{Error, Item, Key, Read, Update};
use http_kit::auth::policy::Action;
use http_kit::etag::Conditions;
use http_kit::extract::{NoParameters, Query};
use http_kit::resource::{Operation, Target};
use http_kit::{Problem, response};

use crate::Users;

/// What a suspended user is called who was deleted, and a thread whose author was erased while others had posted in it.
pub(crate) const ERASED: &str = "[erased]";
/// How often a profile is deleted that another request changes each time.
const ATTEMPTS: usize = 10;

/// `DELETE /api/users/{userId}` with its description.
pub(crate) fn operation() -> Operation {
    let about = "Its threads and posts stay. A suspension stays on record, with the id and nothing else of the user.";
    Operation::delete_by::<Users, NoParameters, _>(about, delete_user)
}

async fn delete_user(
    user: Target<Users>,
    conditions: Conditions,
    Query(NoParameters {}): Query<NoParameters>,
) -> Result<Response, Problem> {
    user.authorize(Action::Delete).await?;
    if user.caller.account().is_some() {
        delete_profile(&user, &conditions).await?;
    } else {
        // Whoever may do everything may also end a suspension so.
        let key = Key::hash(user.id());
        let expected = user.expected(&key, &conditions).await?;
        user.delete(&key, expected.as_ref()).await?;
    }
    Ok(response::no_content())
}

/// Deletes the profile; where its owner is suspended, all of it but that. It is deleted as it was read, so that a suspension which comes
/// meanwhile stays.
///
/// # Errors
/// 404 when there is no such user, 412 when a condition does not hold; those of the store; 503 where it changes all the time.
pub(crate) async fn delete_profile(user: &Target<Users>, conditions: &Conditions) -> Result<(), Problem> {
    let key = Key::hash(user.id());
    for _ in 0..ATTEMPTS {
        let profile = user.find(&Read::STRONG).await?;
        conditions.expected_of(&profile)?;
        let read = Some(profile.tag());
        let deleted = match stub(&profile) {
            Some(update) => user.store().update(&user::TABLE, &key, &Update { expected: read, ..update }).await.map(drop),
            None => user.store().delete(&user::TABLE, &key, read.as_ref()).await,
        };
        match deleted {
            Err(Error::VersionMismatch) => {}
            deleted => return Ok(deleted?),
        }
    }
    Err(Problem::unavailable("the profile changes all the time: repeat the request", 1))
}

/// Where the user is suspended: what leaves of the profile only its id and the suspension.
fn stub(profile: &Item) -> Option<Update> {
    profile.text("suspendedUntil").filter(|until| *until > now())?;
    let known = user::TABLE.attributes.iter().filter(|known| known.is_of_client());
    let mut update = Update { remove: known.map(|known| known.name.to_owned()).collect(), ..Update::default() };
    // Every user has a name.
    update.remove.remove("name");
    update.set.insert("name".to_owned(), ERASED.into());
    update.set.insert(UPDATED_AT.to_owned(), now().into());
    Some(update)
}
