//! Reading items by id.

use axum::response::Response;
use db_adapter::{Key, Store};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Resource, Target};
use crate::auth::Caller;
use crate::etag::Conditions;
use crate::extract::{Query, StrongRead};
use crate::paging::Ids;
use crate::problem::Problem;
use crate::projection::{Fields, Projection};
use crate::response;

/// The parameters of a GET by id.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct GetParameters {
    /// Only these attributes.
    #[param(value_type = Option<String>, nullable = false)]
    fields: Option<Fields>,
}

/// `GET` of one item.
pub(super) async fn get<R: Resource>(
    target: Target<R>,
    conditions: Conditions,
    StrongRead(strong): StrongRead,
    Query(query): Query<GetParameters>,
) -> Result<Response, Problem> {
    let projection = Projection::of(R::TABLE, query.fields, &target.caller)?;
    let item = target.find(&projection.read(strong || conditions.need_strong_read())).await?;
    response::read(&projection, &item, &conditions)
}

/// 200 with the items of these ids as the caller may see them, in their order; absent ones are left out.
///
/// # Errors
/// Those of the store; 400 when `fields` names what the table lacks.
pub async fn by_ids<R: Resource>(
    store: &dyn Store,
    ids: Ids,
    fields: Option<Fields>,
    caller: &Caller,
) -> Result<Response, Problem> {
    let projection = Projection::of(R::TABLE, fields, caller)?;
    let keys: Vec<_> = ids.into_vec().into_iter().map(|id| (R::TABLE, Key::hash(id))).collect();
    let found = store.get_many(&keys, &projection.read(false)).await?;
    Ok(response::items(&projection, found.iter().flatten()).await)
}
