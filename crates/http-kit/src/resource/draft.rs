//! A new item, as a client sends it.

use axum::extract::Request;
use db_adapter::schema::{Access, CREATED_AT, UPDATED_AT};
use db_adapter::{Attributes, Store};

use super::body::{self, Given, Purpose};
use super::{Resource, references};
use crate::auth::Caller;
use crate::auth::policy::{self, Action};
use crate::idempotency::ANONYMOUS;
use crate::problem::Problem;

/// What a client sends to create an item: read, checked by the declaration of its table, and of the caller where items are of users.
#[derive(Debug)]
pub struct Draft {
    /// The attributes that clients set.
    pub attributes: Attributes,
    /// What keeps the `Idempotency-Key`s of different people and programs apart.
    pub scope: String,
}

impl Draft {
    /// Reads the body of a request, whose caller must be allowed to create such an item.
    ///
    /// # Errors
    /// 401 and 403; 400, 415 and 422 for the body; those of the store.
    pub async fn read<R: Resource>(caller: &Caller, store: &dyn Store, request: Request) -> Result<Self, Problem> {
        policy::check(caller, R::ENTITY, Action::Create, true)?;
        let owned = R::TABLE.attribute(R::OWNER).is_some_and(|known| known.access == Access::Client);
        let owner = caller.account().filter(|_| owned);
        let imports = matches!(caller, Caller::Service(service) if service.import);
        let given = match owner {
            Some(account) => Given::Owner(R::OWNER, &account.id),
            None if imports && R::ENTITY.is_imported() => Given::Import,
            None => Given::Fixed(&[]),
        };
        let attributes = body::read(request, R::TABLE, Purpose::Create, given).await?.into_attributes();
        check_order(&attributes)?;
        if matches!(caller, Caller::Service(_)) && !imports && attributes.contains_key(R::OWNER) {
            return Err(Problem::field(R::OWNER, "needs the scope forum:import"));
        }
        if let Some(account) = caller.account().filter(|_| !owned) {
            account.check_standing(store).await?;
        }
        let named_scope = attributes.get(R::KEY_SCOPE).and_then(|value| value.as_str());
        let scope = owner.map(|account| account.id.as_str()).or(named_scope).unwrap_or(ANONYMOUS);
        let scope = match caller {
            Caller::Service(service) => format!("{}\n{scope}", service.client),
            _ => scope.to_owned(),
        };
        Ok(Self { attributes, scope })
    }

    /// The text of an attribute; empty where there is none.
    pub fn text(&self, attribute: &str) -> &str {
        self.attributes.get(attribute).and_then(|value| value.as_str()).unwrap_or_default()
    }

    /// Checks that the items exist that the new one names, and that the caller may add to them. What is deleted meanwhile is not
    /// noticed: this is a read, and no transaction with the write that follows.
    ///
    /// The check begins when the future is awaited, and holds nothing of the draft.
    ///
    /// # Errors
    /// 422 that names each attribute whose item does not exist; 403 for a person without a profile and for one who is suspended; 409
    /// `locked`; those of the store.
    pub fn check_references<'a, R: Resource>(
        &self,
        store: &'a dyn Store,
        caller: &'a Caller,
    ) -> impl Future<Output = Result<(), Problem>> + Send + use<'a, R> {
        let named = references::named(R::TABLE, &self.attributes);
        async move { references::check(store, &named, caller).await }
    }
}

/// An item that comes with its times changed after it was created, if at all.
fn check_order(attributes: &Attributes) -> Result<(), Problem> {
    let time = |name| attributes.get(name).and_then(|time| time.as_str());
    match (time(CREATED_AT), time(UPDATED_AT)) {
        (Some(created), Some(updated)) if updated < created => Err(Problem::field(UPDATED_AT, "must not be before createdAt")),
        (None, Some(_)) => Err(Problem::field(UPDATED_AT, "needs createdAt")),
        _ => Ok(()),
    }
}
