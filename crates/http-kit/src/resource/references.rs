//! Items that name other items.

use db_adapter::forum::{LOCKED_AT, thread, user};
use db_adapter::schema::Attribute;
use db_adapter::{Attributes, Item, Key, Read, Store, StoreExt, Table};

use crate::auth::Caller;
use crate::auth::policy::{self, Action, Entity};
use crate::auth::standing::{SUSPENDED_REASON, SUSPENDED_UNTIL, check_profile};
use crate::problem::{FieldError, Problem};

/// An attribute that names an item, the table of that item, and its id.
type Reference = (&'static Attribute, &'static Table, String);

/// The items that these attributes name.
pub(super) fn named(table: &'static Table, attributes: &Attributes) -> Vec<Reference> {
    let id = |known: &Attribute| attributes.get(known.name).and_then(|value| value.as_str()).map(str::to_owned);
    table.references().filter_map(|(known, target)| Some((known, target, id(known)?))).collect()
}

/// Checks that the items exist that a new item names, and that the caller may add to them. One request, and one more where some are
/// missed. What is deleted meanwhile is not noticed.
///
/// # Errors
/// 422 that names each attribute whose item does not exist; 403 for a person without a profile and for one who is suspended; those of the
/// store. 409 `locked` for a new post in a locked thread.
pub(super) async fn check(store: &dyn Store, named: &[Reference], caller: &Caller) -> Result<(), Problem> {
    let found = read(store, named).await?;
    let (mut missing, mut locked) = (Vec::new(), false);
    for (reference, item) in named.iter().zip(&found) {
        let (_, target, id) = reference;
        let of_caller = target.name == user::TABLE.name && caller.account().is_some_and(|account| account.id == *id);
        match item {
            None if of_caller => return Err(Problem::profile_missing()),
            None => missing.push(reference),
            Some(profile) if of_caller => check_profile(profile)?,
            Some(thread) if target.name == thread::TABLE.name && thread.text(LOCKED_AT).is_some() => locked = true,
            Some(_) => {}
        }
    }
    refuse(missing)?;
    if locked && !policy::permits(caller, Entity::Post, Action::CreateInLocked, true) {
        return Err(Problem::locked());
    }
    Ok(())
}

/// As [`check`], for an item that is there. One that keeps a reference is left alone, even where its target is gone.
///
/// # Errors
/// As [`check`].
pub(super) async fn check_change(store: &dyn Store, table: &'static Table, key: &Key, set: &Attributes) -> Result<(), Problem> {
    let named = named(table, set);
    let mut missing = missing(store, &named).await?;
    if missing.is_empty() {
        return Ok(());
    }
    // Strongly, as the last write may have set that reference.
    let attributes = missing.iter().map(|(known, ..)| known.name.to_owned()).collect();
    let read = Read { strong: true, attributes: Some(attributes), ..Read::default() };
    // An item that does not exist is for the write to notice.
    let Some(item) = store.get(table, key, &read).await? else { return Ok(()) };
    missing.retain(|(known, _, id)| item.text(known.name).as_deref() != Some(id));
    refuse(missing)
}

/// Those whose items do not exist.
async fn missing<'a>(store: &dyn Store, named: &'a [Reference]) -> Result<Vec<&'a Reference>, Problem> {
    let found = read(store, named).await?;
    Ok(named.iter().zip(found).filter(|(_, item)| item.is_none()).map(|(reference, _)| reference).collect())
}

/// The items that are named, as far as it must be known of them.
async fn read(store: &dyn Store, named: &[Reference]) -> Result<Vec<Option<Item>>, Problem> {
    let attributes = [SUSPENDED_UNTIL, SUSPENDED_REASON, LOCKED_AT].map(str::to_owned).into();
    // Not from a cache: another service writes these tables.
    let read = Read { attributes: Some(attributes), bypass_cache: true, ..Read::default() };
    match named {
        [] => Ok(Vec::new()),
        [(_, target, id)] => Ok(vec![store.find(target, &Key::hash(id), &read).await?]),
        several => {
            let keys: Vec<_> = several.iter().map(|(_, target, id)| (*target, Key::hash(id))).collect();
            Ok(store.find_many(&keys, &read).await?)
        }
    }
}

fn refuse(missing: Vec<&Reference>) -> Result<(), Problem> {
    if missing.is_empty() {
        return Ok(());
    }
    let fault = |(known, target, _): &Reference| FieldError {
        field: known.name.to_owned(),
        message: format!("there is no such {}", target.singular),
    };
    Err(Problem::invalid(missing.into_iter().map(fault).collect()))
}
