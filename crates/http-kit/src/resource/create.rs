//! Creating items.

use axum::extract::{Request, State};
use axum::response::Response;

use super::{Draft, Resource};
use crate::auth::Caller;
use crate::extract::{NoParameters, Query};
use crate::idempotency::{self, IdempotencyKey};
use crate::problem::Problem;
use crate::response;
use crate::service::SharedStore;

/// `POST` of a new item.
pub(super) async fn create<R: Resource>(
    caller: Caller,
    State(store): State<SharedStore>,
    key: IdempotencyKey,
    Query(NoParameters {}): Query<NoParameters>,
    request: Request,
) -> Result<Response, Problem> {
    let draft = Draft::read::<R>(&caller, &*store, request).await?;
    let references = draft.check_references::<R>(&*store, &caller);
    let created = idempotency::create(&*store, R::TABLE, key, &draft.scope, draft.attributes, references).await?;
    if !created.replayed {
        R::created(&*store, &created.item).await;
    }
    Ok(response::created(R::TABLE, &created))
}
