//! The one item that a request is about.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use db_adapter::{Item, Key, Read, Store, StoreExt, Tag};

use super::Resource;
use crate::caller::Caller;
use crate::etag::Conditions;
use crate::extract::PathId;
use crate::problem::Problem;
use crate::service::SharedStore;

/// The item that the path names, and who asks for it. A handler of one item takes this in place of an id and reaches the item through
/// it only: this is where the right to do so is checked.
#[derive(Debug)]
pub struct Target<R> {
    /// Who asks.
    pub caller: Caller,
    id: String,
    store: SharedStore,
    resource: PhantomData<R>,
}

/// Where the item is, and what of it cannot change.
#[derive(Debug)]
pub(super) struct Located {
    /// The item's full key.
    pub(super) key: Key,
    /// Its fixed attributes; `None` where the table has none, and nothing was read.
    pub(super) fixed: Option<Item>,
}

impl<R: Resource> Target<R> {
    /// The item's id: the first half of its key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The store, for what belongs to the item.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The item, whose existence an eventual read may tell. A miss is confirmed by a strong read.
    ///
    /// # Errors
    /// 404 when there is none; those of the store.
    pub async fn find(&self, read: &Read) -> Result<Item, Problem> {
        self.store.find(R::TABLE, &Key::hash(&self.id), read).await?.ok_or_else(Problem::not_found)
    }

    /// The item's full key. Clients name its first half only, so where there is a second one, or an attribute that cannot change, the item
    /// is read. An eventual read will do: nothing of this changes.
    pub(super) async fn locate(&self) -> Result<Located, Problem> {
        let fixed = R::TABLE.attributes.iter().filter(|known| known.fixed && !R::TABLE.is_key(known.name));
        let fixed: Vec<_> = fixed.map(|known| known.name.to_owned()).collect();
        let Some(range) = R::TABLE.range else {
            if fixed.is_empty() {
                return Ok(Located { key: Key::hash(&self.id), fixed: None });
            }
            let item = self.find(&Read { attributes: Some(fixed), ..Read::default() }).await?;
            return Ok(Located { key: Key::hash(&self.id), fixed: Some(item) });
        };
        let item = self.find(&Read { attributes: Some(fixed), ..Read::default() }).await?;
        let sort =
            item.text(range).ok_or_else(|| Problem::internal(format!("{} {} lacks its {range}", R::TABLE.name, self.id)))?;
        Ok(Located { key: Key::pair(&self.id, sort), fixed: Some(item) })
    }

    /// What a write of the item compares: see [`Conditions::expected`].
    ///
    /// # Errors
    /// 404 when there is no such item, 412 when a condition does not hold; those of the store.
    pub async fn expected(&self, key: &Key, conditions: &Conditions) -> Result<Option<Tag>, Problem> {
        conditions.expected(&*self.store, R::TABLE, key).await
    }

    /// Deletes the item, if it has the expected tag.
    ///
    /// # Errors
    /// 404 when there is no such item, 412 when it has another tag; those of the store.
    pub async fn delete(&self, key: &Key, expected: Option<&Tag>) -> Result<(), Problem> {
        Ok(self.store.delete(R::TABLE, key, expected).await?)
    }
}

impl<R: Resource> FromRequestParts<SharedStore> for Target<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, store: &SharedStore) -> Result<Self, Problem> {
        let Ok(caller) = Caller::from_request_parts(parts, store).await;
        let PathId(id) = PathId::from_request_parts(parts, store).await?;
        Ok(Self { caller, id, store: SharedStore::clone(store), resource: PhantomData })
    }
}
