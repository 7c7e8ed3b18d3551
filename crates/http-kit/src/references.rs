//! Items that name other items.

use db_adapter::{Key, Read, Store, StoreExt, Table};

use crate::problem::{FieldError, Problem};

/// Checks that the items exist that an item names: pairs of table and id, at most 100. One request, and one more where some are
/// missed. What is deleted meanwhile is not noticed.
///
/// # Errors
/// 422 that names each attribute whose item does not exist; the attribute is called like the key of the table. Those of the store.
pub async fn check(store: &dyn Store, references: &[(&'static Table, &str)]) -> Result<(), Problem> {
    let keys: Vec<_> = references.iter().map(|(table, id)| (*table, Key::hash(*id))).collect();
    // The keys alone are enough to know.
    let read = Read { attributes: Some(Vec::new()), bypass_cache: true, ..Read::default() };
    let found = store.find_many(&keys, &read).await?;
    let missing = references.iter().zip(&found).filter(|(_, item)| item.is_none());
    let faults: Vec<_> = missing.map(|((table, id), _)| fault(table, id)).collect();
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}

fn fault(table: &Table, id: &str) -> FieldError {
    FieldError { field: table.hash.to_owned(), message: format!("{id} is not one of the {}", table.name) }
}
