//! Creating items.

use axum::extract::{Request, State};
use axum::response::Response;

use super::body::{self, Purpose};
use super::{Resource, references};
use crate::caller::Caller;
use crate::extract::{NoParameters, Query};
use crate::idempotency::{self, ANONYMOUS, IdempotencyKey};
use crate::problem::Problem;
use crate::response;
use crate::service::SharedStore;

/// `POST` of a new item.
pub(super) async fn create<R: Resource>(
    _: Caller,
    State(store): State<SharedStore>,
    key: IdempotencyKey,
    Query(NoParameters {}): Query<NoParameters>,
    request: Request,
) -> Result<Response, Problem> {
    let attributes = body::read(request, R::TABLE, Purpose::Create).await?.into_attributes();
    let scope = attributes.get(R::KEY_SCOPE).and_then(|value| value.as_str()).unwrap_or(ANONYMOUS).to_owned();
    let named = references::named(R::TABLE, &attributes);
    // A read followed by a write, not a transaction: what is deleted in between leaves a reference to an item that does not exist.
    let references = references::check(&*store, &named);
    let created = idempotency::create(&*store, R::TABLE, key, &scope, attributes, references).await?;
    Ok(response::created(R::TABLE, &created))
}
