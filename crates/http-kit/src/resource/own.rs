//! The item that stands for the caller itself.

use axum::extract::Request;
use axum::response::Response;
use db_adapter::schema::{CREATED_AT, UPDATED_AT};
use db_adapter::{Attributes, Error, Item, Key, Read, Rule};

use super::body::{self, Given, Purpose};
use super::{Resource, Target};
use crate::auth::standing::check_profile;
use crate::etag::Conditions;
use crate::idempotency::Created;
use crate::problem::Problem;
use crate::projection::Projection;
use crate::response;

/// `PUT` of the caller's own item, which is created where there is none: 201, else 200. `known` are the attributes that the caller's
/// token says and its body cannot: there, they are absent or the same.
///
/// # Errors
/// 403 for who is suspended, 409 where a unique value of `known` belongs to somebody else, 412, 422; those of the store.
pub async fn put_own<R: Resource>(
    target: &Target<R>,
    known: Attributes,
    conditions: &Conditions,
    request: Request,
) -> Result<Response, Problem> {
    let names: Vec<_> =
        R::TABLE.attributes.iter().map(|attribute| attribute.name).filter(|name| known.contains_key(*name)).collect();
    let changes = body::read(request, R::TABLE, Purpose::Replace, Given::Fixed(&names)).await?;
    changes.check_fixed(&Item::new(&known))?;
    let mut update = changes.into_update();
    update.set.extend(known);
    update.set.insert(UPDATED_AT.to_owned(), db_adapter::forum::now().into());
    let key = Key::hash(target.id());
    if target.store().get(R::TABLE, &key, &Read::STRONG).await?.is_none() {
        if conditions.need_strong_read() {
            return Err(Problem::not_found());
        }
        target.caller.person()?.count_new_profile()?;
        let mut attributes = update.set.clone();
        attributes.insert(R::TABLE.hash.to_owned(), target.id().into());
        attributes.extend(update.set.get(UPDATED_AT).map(|time| (CREATED_AT.to_owned(), time.clone())));
        match target.store().create(R::TABLE, attributes).await {
            // Another request of the same person was first: this one replaces what that one made.
            Err(Error::Conflict { rule: Rule::Key }) => {}
            Err(error) => return Err(error.into()),
            Ok(item) => return Ok(response::created(R::TABLE, &Created { item, replayed: false })),
        }
    }
    let item = target.find(&Read::STRONG).await?;
    check_profile(&item)?;
    update.expected = conditions.expected_of(&item)?;
    let item = target.store().update(R::TABLE, &key, &update).await?;
    Ok(response::one(&Projection::all(R::TABLE), &item))
}
