//! Changing, replacing and deleting items.

use axum::extract::Request;
use axum::response::Response;
use db_adapter::forum::now;
use db_adapter::schema::UPDATED_AT;

use super::body::{self, Changes, Given, Purpose};
use super::target::Located;
use super::{Resource, Target, references};
use crate::auth::policy::Action;
use crate::etag::Conditions;
use crate::extract::{NoParameters, Query};
use crate::problem::Problem;
use crate::projection::Projection;
use crate::response;

/// `PATCH` of one item. One that changes nothing keeps the version.
pub(super) async fn patch<R: Resource>(
    target: Target<R>,
    conditions: Conditions,
    Query(NoParameters {}): Query<NoParameters>,
    request: Request,
) -> Result<Response, Problem> {
    let changes = body::read(request, R::TABLE, Purpose::Patch, Given::Fixed(target.not_by_caller())).await?;
    if changes.is_empty() {
        let item = target.find_authorized(Action::Change).await?;
        changes.check_fixed(&item)?;
        conditions.expected_of(&item)?;
        return Ok(response::one(&Projection::all(R::TABLE), &item));
    }
    write(&target, changes, &conditions).await
}

/// `PUT` of one item. It never creates one.
pub(super) async fn replace<R: Resource>(
    target: Target<R>,
    conditions: Conditions,
    Query(NoParameters {}): Query<NoParameters>,
    request: Request,
) -> Result<Response, Problem> {
    let changes = body::read(request, R::TABLE, Purpose::Replace, Given::Fixed(target.not_by_caller())).await?;
    write(&target, changes, &conditions).await
}

async fn write<R: Resource>(target: &Target<R>, changes: Changes, conditions: &Conditions) -> Result<Response, Problem> {
    let located = match changes.say_fixed() {
        true => target.authorize(Action::Change).await?,
        false => target.authorize_update(Action::Change).await?,
    };
    if let Some(item) = &located.fixed {
        changes.check_fixed(item)?;
    }
    let mut update = changes.into_update();
    references::check_change(target.store(), R::TABLE, &located.key, &update.set).await?;
    update.expected = target.expected(&located.key, conditions).await?;
    update.set.insert(UPDATED_AT.to_owned(), now().into());
    let item = target.update(Action::Change, located, update).await?;
    Ok(response::one(&Projection::all(R::TABLE), &item))
}

/// `DELETE` of one item.
pub(super) async fn delete<R: Resource>(
    target: Target<R>,
    conditions: Conditions,
    Query(NoParameters {}): Query<NoParameters>,
) -> Result<Response, Problem> {
    let Located { key, fixed, .. } = target.authorize(Action::Delete).await?;
    let expected = target.expected(&key, &conditions).await?;
    target.delete(&key, expected.as_ref()).await?;
    if let Some(item) = fixed {
        R::deleted(target.store(), &item).await;
    }
    Ok(response::no_content())
}
