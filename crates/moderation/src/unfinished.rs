//! Actions that the log has and that are not done: their requests were cut off, and not repeated.

use std::collections::HashSet;

use db_adapter::forum::modlog::{self, FEED};
use db_adapter::forum::report::{self, OPEN};
use db_adapter::{Item, Key, Order, Query, Read, Result, Store};
use serde::Serialize;

use crate::action::{Aspect, Entry};
use crate::apply::{holds, is_resolved_by};

/// An action that is not done. The same request again, with the same `Idempotency-Key`, finishes it; so does a new action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unfinished {
    /// Its id in the log.
    pub action_id: String,
    /// What was to be done: `lock`.
    pub action: String,
    /// What it was to be done to: `threads/1`.
    pub target: String,
    /// When, as times are stored.
    pub at: String,
}

/// Every action of the log that is not done and that no later one supersedes, newest first.
///
/// # Errors
/// Those of the store.
pub async fn unfinished(store: &dyn Store) -> Result<Vec<Unfinished>> {
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    let open = all(store, &report::TABLE, "QueueIndex", OPEN).await?;
    for entry in all(store, &modlog::TABLE, "LogIndex", FEED).await?.iter().map(Entry::of) {
        let newest = seen.insert((entry.target.clone(), entry.aspect()));
        let undone = newest && entry.aspect() != Aspect::Reports && !is_done(store, &entry).await?;
        let unresolved = entry.resolves() && open.iter().any(|open| is_resolved_by(open, &entry));
        if undone || unresolved {
            found.push(Unfinished { action_id: entry.id, action: entry.action, target: entry.target, at: entry.at });
        }
    }
    Ok(found)
}

/// Is its target as the entry says, or gone?
async fn is_done(store: &dyn Store, entry: &Entry) -> Result<bool> {
    let Some((table, id)) = modlog::target(&entry.target) else { return Ok(true) };
    Ok(store.get(table, &Key::hash(id), &Read::STRONG).await?.is_none_or(|item| holds(entry, &item)))
}

/// All items of a partition, newest first.
async fn all(store: &dyn Store, table: &'static db_adapter::Table, index: &str, partition: &str) -> Result<Vec<Item>> {
    let Some(index) = table.index(index) else { return Ok(Vec::new()) };
    let mut query = Query { limit: 1000, order: Order::Descending, bypass_cache: true, ..Query::new(index, partition) };
    let mut items = Vec::new();
    loop {
        let page = store.query(table, &query).await?;
        items.extend(page.items);
        let Some(next) = page.next else { return Ok(items) };
        query.cursor = Some(next);
    }
}
