//! The one item that a request is about.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use db_adapter::forum::ME;
use db_adapter::schema::Attribute;
use db_adapter::{Error, Item, Key, Read, Store, StoreExt, Tag, Update, Value};

use super::Resource;
use crate::auth::Caller;
use crate::auth::policy::{self, Action};
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

/// Where the item is, and what of it this caller cannot change.
#[derive(Debug)]
pub struct Located {
    /// The item's full key.
    pub key: Key,
    /// The attributes that cannot change; `None` where there are none, and nothing was read.
    pub(super) fixed: Option<Item>,
    /// What the write itself must compare, as [`Update::only_if`]: whose the item is, where that was not read.
    pub(super) only_if: BTreeMap<String, Option<Value>>,
}

impl<R: Resource> Target<R> {
    /// The item of that id.
    pub fn new(caller: Caller, id: String, store: SharedStore) -> Self {
        Self { caller, id, store, resource: PhantomData }
    }

    /// The item's id: the first half of its key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The store, for what belongs to the item.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The store, to be used once the request is done.
    pub fn into_store(self) -> SharedStore {
        self.store
    }

    /// The item, whose existence an eventual read may tell. A miss is confirmed by a strong read.
    ///
    /// # Errors
    /// 404 when there is none; those of the store.
    pub async fn find(&self, read: &Read) -> Result<Item, Problem> {
        self.store.find(R::TABLE, &Key::hash(&self.id), read).await?.ok_or_else(Problem::not_found)
    }

    /// Checks that the caller may do this to the item, and finds out where the item is. The item is read where its owner decides, where the
    /// table has a second half of its key, which clients do not name, and where it has attributes that the caller cannot change.
    ///
    /// # Errors
    /// 401 and 403; 404 when there is no such item; those of the store.
    pub async fn authorize(&self, action: Action) -> Result<Located, Problem> {
        self.check_caller(action).await?;
        let mut attributes: Vec<_> = self.fixed().map(|known| known.name).collect();
        if !policy::permits(&self.caller, R::ENTITY, action, false)
            && !R::TABLE.is_key(R::OWNER)
            && !attributes.contains(&R::OWNER)
        {
            attributes.push(R::OWNER);
        }
        if attributes.is_empty() && R::TABLE.range.is_none() {
            self.check_owner(action, Some(&self.id))?;
            return Ok(Located { key: Key::hash(&self.id), fixed: None, only_if: BTreeMap::new() });
        }
        let attributes = Some(attributes.into_iter().map(str::to_owned).collect());
        let item = self.find(&Read { attributes, ..Read::default() }).await?;
        self.check_owner(action, item.text(R::OWNER).as_deref())?;
        let key = match R::TABLE.range {
            None => Key::hash(&self.id),
            Some(range) => {
                let lacks = || Problem::internal(format!("{} {} lacks its {range}", R::TABLE.name, self.id));
                Key::pair(&self.id, item.text(range).ok_or_else(lacks)?)
            }
        };
        Ok(Located { key, fixed: Some(item), only_if: BTreeMap::new() })
    }

    /// As [`Target::authorize`], for an update that names no attribute which cannot change. Where whose the item is decides, and its whole
    /// key is known, it is not read: the update compares its owner.
    ///
    /// # Errors
    /// As [`Target::authorize`].
    pub(super) async fn authorize_update(&self, action: Action) -> Result<Located, Problem> {
        let is_whole_key = R::TABLE.range.is_none() && !R::TABLE.is_key(R::OWNER);
        let decides = is_whole_key && !policy::permits(&self.caller, R::ENTITY, action, false);
        match self.caller.account() {
            Some(account) if decides => {
                self.check_caller(action).await?;
                let only_if = BTreeMap::from([(R::OWNER.to_owned(), Some(account.id.as_str().into()))]);
                Ok(Located { key: Key::hash(&self.id), fixed: None, only_if })
            }
            _ => self.authorize(action).await,
        }
    }

    /// Updates the item where it was found to be.
    ///
    /// # Errors
    /// 403 when it turns out to be another one's; those of the store.
    pub(super) async fn update(&self, action: Action, located: Located, update: Update) -> Result<Item, Problem> {
        let Located { key, only_if, .. } = located;
        match self.store.update(R::TABLE, &key, &Update { only_if, ..update }).await {
            Err(Error::ConditionFailed { attribute }) if attribute == R::OWNER => {
                self.check_owner(action, None)?;
                Err(Problem::internal("the owner of an item was compared for a caller who may change any"))
            }
            updated => Ok(updated?),
        }
    }

    /// As [`Target::authorize`], for the whole item, which is returned as it is now.
    ///
    /// # Errors
    /// As [`Target::authorize`].
    pub(super) async fn find_authorized(&self, action: Action) -> Result<Item, Problem> {
        self.check_caller(action).await?;
        let item = self.find(&Read::STRONG).await?;
        self.check_owner(action, item.text(R::OWNER).as_deref())?;
        Ok(item)
    }

    /// Who may not do it to an item of its own learns nothing of the item.
    async fn check_caller(&self, action: Action) -> Result<(), Problem> {
        policy::check(&self.caller, R::ENTITY, action, true)?;
        match self.caller.account() {
            Some(account) => account.check_standing(self.store()).await,
            None => Ok(()),
        }
    }

    fn check_owner(&self, action: Action, owner: Option<&str>) -> Result<(), Problem> {
        let own = self.caller.account().is_some_and(|account| Some(account.id.as_str()) == owner);
        policy::check(&self.caller, R::ENTITY, action, own)
    }

    /// The attributes that the caller cannot change, whose values are needed to see whether a body repeats them.
    fn fixed(&self) -> impl Iterator<Item = &'static Attribute> {
        let not_by_caller = self.not_by_caller();
        let fixed = move |known: &&Attribute| known.fixed || not_by_caller.contains(&known.name);
        R::TABLE.attributes.iter().filter(fixed).filter(|known| !R::TABLE.is_key(known.name))
    }

    /// The attributes that this caller cannot change, where others can.
    pub(super) fn not_by_caller(&self) -> &'static [&'static str] {
        if policy::permits(&self.caller, R::ENTITY, Action::ChangeOwner, true) { &[] } else { R::NOT_BY_OWNER }
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
        let caller = Caller::from_request_parts(parts, store).await?;
        let id = if R::OWNER == R::TABLE.hash && names_caller(parts) {
            caller.person()?.id.clone()
        } else {
            let PathId(id) = PathId::from_request_parts(parts, store).await?;
            id
        };
        Ok(Self::new(caller, id, SharedStore::clone(store)))
    }
}

/// Does the path name the caller itself? No item can have this id.
fn names_caller(parts: &Parts) -> bool {
    parts.uri.path().split('/').nth(3) == Some(ME)
}
