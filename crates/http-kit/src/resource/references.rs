//! Items that name other items.

use db_adapter::schema::Attribute;
use db_adapter::{Attributes, Key, Read, Store, StoreExt, Table};

use crate::problem::{FieldError, Problem};

/// An attribute that names an item, the table of that item, and its id.
type Reference = (&'static Attribute, &'static Table, String);

/// The items that these attributes name.
pub(super) fn named(table: &'static Table, attributes: &Attributes) -> Vec<Reference> {
    let id = |known: &Attribute| attributes.get(known.name).and_then(|value| value.as_str()).map(str::to_owned);
    table.references().filter_map(|(known, target)| Some((known, target, id(known)?))).collect()
}

/// Checks that the items exist that a new item names. One request, and one more where some are missed. What is deleted meanwhile is not
/// noticed.
///
/// # Errors
/// 422 that names each attribute whose item does not exist; those of the store.
pub(super) async fn check(store: &dyn Store, named: &[Reference]) -> Result<(), Problem> {
    refuse(missing(store, named).await?)
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
    // The keys are enough to know. Not from a cache: another service writes these tables.
    let read = Read { attributes: Some(Vec::new()), fresh: true, ..Read::default() };
    let found = match named {
        [] => return Ok(Vec::new()),
        [(_, target, id)] => vec![store.find(target, &Key::hash(id), &read).await?],
        several => {
            let keys: Vec<_> = several.iter().map(|(_, target, id)| (*target, Key::hash(id))).collect();
            store.find_many(&keys, &read).await?
        }
    };
    Ok(named.iter().zip(found).filter(|(_, item)| item.is_none()).map(|(reference, _)| reference).collect())
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
