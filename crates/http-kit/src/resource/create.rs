//! Creating items.

use axum::extract::{Request, State};
use axum::response::Response;
use db_adapter::schema::Access;

use super::body::{self, Given, Purpose};
use super::{Resource, references};
use crate::auth::Caller;
use crate::auth::policy::{self, Action};
use crate::extract::{NoParameters, Query};
use crate::idempotency::{self, ANONYMOUS, IdempotencyKey};
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
    policy::check(&caller, R::ENTITY, Action::Create, true)?;
    let owned = R::TABLE.attribute(R::OWNER).is_some_and(|known| known.access == Access::Client);
    let owner = caller.account().filter(|_| owned);
    let given = owner.map_or(Given::Fixed(&[]), |account| Given::Owner(R::OWNER, &account.id));
    let attributes = body::read(request, R::TABLE, Purpose::Create, given).await?.into_attributes();
    if let Caller::Service(service) = &caller
        && !service.import
        && attributes.contains_key(R::OWNER)
    {
        return Err(Problem::field(R::OWNER, "needs the scope forum:import"));
    }
    if let Some(account) = caller.account().filter(|_| !owned) {
        account.check_standing(&*store).await?;
    }
    let named_scope = attributes.get(R::KEY_SCOPE).and_then(|value| value.as_str());
    let scope = owner.map(|account| account.id.as_str()).or(named_scope).unwrap_or(ANONYMOUS).to_owned();
    let named = references::named(R::TABLE, &attributes);
    // A read followed by a write, not a transaction: what is deleted in between leaves a reference to an item that does not exist.
    let references = references::check(&*store, &named, &caller);
    let created = idempotency::create(&*store, R::TABLE, key, &scope, attributes, references).await?;
    Ok(response::created(R::TABLE, &created))
}
