//! Doing what the log says.
//!
//! The log is written first, so whatever happens then, it says what was to be done. Doing it is safe to repeat, and an action that is
//! done late, by a repeated request, does not undo what was done since.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use db_adapter::forum::report::{self, OPEN, QUEUE, RESOLVED_AT};
use db_adapter::forum::{ACTION_ID, EXPIRES_AT, LOCKED_AT, PINNED_AT, REMOVED_AT, activity, modlog, post, thread};
use db_adapter::schema::{CREATED_AT, UPDATED_AT};
use db_adapter::{Attributes, Error, Item, Key, Order, Query, Read, Store, Table, Update};
use http_kit::paging::index;
use http_kit::{Deadline, Problem};

use crate::action::{Aspect, Entry};

/// Reports are resolved while there is at least this much time; enough for one more and the response.
const RESERVE: Duration = Duration::from_millis(500);
/// Days for which a report is kept once it is resolved.
const RESOLVED_KEEP_DAYS: u32 = 180;
/// How often an item is written whose version another request changes each time.
const ATTEMPTS: usize = 10;

/// Does what the entry says to its target and to the reports of it. `found` is the target as it was read before the entry was
/// written; `None` for an entry that may have been done before. A target that is gone by now needs nothing done.
///
/// # Errors
/// 503 where there are more reports than there is time for, and where the item changes all the time: the same request again goes on.
pub(crate) async fn apply(
    store: &dyn Store,
    entry: &Entry,
    found: Option<Item>,
    (deadline, keep_days): (Deadline, u32),
) -> Result<(), Problem> {
    if entry.aspect() != Aspect::Reports {
        change_item(store, entry, found, keep_days).await?;
    }
    if entry.resolves() {
        resolve_reports(store, entry, deadline).await?;
    }
    Ok(())
}

async fn change_item(store: &dyn Store, entry: &Entry, mut found: Option<Item>, keep_days: u32) -> Result<(), Problem> {
    let Some((table, id)) = modlog::target(&entry.target) else { return Ok(()) };
    for attempt in 0..ATTEMPTS {
        let item = match found.take() {
            Some(item) => item,
            None => {
                let Some(item) = store.get(table, &Key::hash(id), &Read::STRONG).await? else { return Ok(()) };
                // Only what was read before the log was written is known to be older than the entry.
                if (attempt == 0 && holds(entry, &item)) || is_superseded(store, entry, &item).await? {
                    return Ok(());
                }
                item
            }
        };
        let update = Update { expected: Some(item.tag()), ..change(table, entry, keep_days) };
        match store.update(table, &table.key_of(&item.attributes()?)?, &update).await {
            Ok(changed) => {
                if table.name == post::TABLE.name {
                    tell_thread(store, &item, &changed).await;
                }
                return Ok(());
            }
            Err(Error::NotFound) => return Ok(()),
            Err(Error::VersionMismatch) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::unavailable("the item changes all the time: repeat the request", 1))
}

/// Tells the thread of a post that the post no longer counts, or counts again.
async fn tell_thread(store: &dyn Store, before: &Item, after: &Item) {
    match (activity::counts(before), activity::counts(after)) {
        (true, false) => {
            let (thread, id) = (after.text(thread::TABLE.hash), after.text(post::TABLE.hash));
            activity::posts_gone(store, &thread.unwrap_or_default(), &[id.unwrap_or_default()]).await;
        }
        (false, true) => activity::post_added(store, after).await,
        _ => {}
    }
}

/// What an entry sets on its target, by attribute; nothing of what its opposite removes.
fn state(entry: &Entry) -> Vec<(&'static str, &str)> {
    match entry.aspect() {
        Aspect::Suspension => {
            vec![("suspendedUntil", entry.until.as_deref().unwrap_or_default()), ("suspendedReason", &entry.reason)]
        }
        Aspect::Lock => vec![(LOCKED_AT, &entry.at)],
        Aspect::Pin => vec![(PINNED_AT, &entry.at)],
        Aspect::Removal => vec![(REMOVED_AT, &entry.at)],
        Aspect::Reports => Vec::new(),
    }
}

/// Is the item as the entry says?
pub(crate) fn holds(entry: &Entry, item: &Item) -> bool {
    state(entry).into_iter().all(|(name, value)| match entry.begins() {
        true => item.text(name).as_deref() == Some(value),
        false => item.text(name).is_none(),
    })
}

/// The change that makes an item of that table as the entry says. What is removed ends some days later, where items end.
fn change(table: &Table, entry: &Entry, keep_days: u32) -> Update {
    let mut update = Update { set: Attributes::from([(ACTION_ID.to_owned(), entry.id.as_str().into())]), ..Update::default() };
    for (name, value) in state(entry) {
        if entry.begins() {
            update.set.insert(name.to_owned(), value.into());
        } else {
            update.remove.insert(name.to_owned());
        }
    }
    if let Some(ttl) = table.ttl.filter(|_| entry.aspect() == Aspect::Removal) {
        match end(entry, keep_days).filter(|_| entry.begins()) {
            Some(end) => drop(update.set.insert(ttl.to_owned(), end.into())),
            None => drop(update.remove.insert(ttl.to_owned())),
        }
    }
    update
}

/// So many days after the entry, in seconds since 1970.
fn end(entry: &Entry, days: u32) -> Option<u64> {
    let at = DateTime::parse_from_rfc3339(&entry.at).ok()?;
    u64::try_from((at + TimeDelta::days(days.into())).timestamp()).ok()
}

/// Is there a later action on the same aspect of the target? An index may miss the last second's; of these the item names the last.
async fn is_superseded(store: &dyn Store, entry: &Entry, item: &Item) -> Result<bool, Problem> {
    let supersedes = |other: &Item| {
        let other = Entry::of(other);
        other.aspect() == entry.aspect() && (&other.at, &other.id) > (&entry.at, &entry.id)
    };
    if let Some(last) = item.text(ACTION_ID).filter(|last| *last != entry.id)
        && let Some(last) = store.get(&modlog::TABLE, &Key::hash(last), &Read::STRONG).await?
        && supersedes(&last)
    {
        return Ok(true);
    }
    let since = Query::new(index(&modlog::TABLE, "TargetIndex")?, &entry.target);
    let mut since = Query { from: Some(entry.at.clone()), order: Order::Descending, bypass_cache: true, ..since };
    loop {
        let page = store.query(&modlog::TABLE, &since).await?;
        if page.items.iter().any(supersedes) {
            return Ok(true);
        }
        let Some(next) = page.next else { return Ok(false) };
        since.cursor = Some(next);
    }
}

/// Resolves the open reports of the target that were made before the entry.
async fn resolve_reports(store: &dyn Store, entry: &Entry, deadline: Deadline) -> Result<(), Problem> {
    let mut queue = Query { bypass_cache: true, ..Query::new(index(&report::TABLE, "QueueIndex")?, OPEN) };
    loop {
        let page = store.query(&report::TABLE, &queue).await?;
        for open in page.items.iter().filter(|open| is_resolved_by(open, entry)) {
            if deadline.remaining() < RESERVE {
                return Err(Problem::unavailable("there are more reports than there was time for: repeat the request", 1));
            }
            let set = [(RESOLVED_AT, &entry.at), (UPDATED_AT, &entry.at), (ACTION_ID, &entry.id)];
            let mut set: Attributes = set.map(|(name, value)| (name.to_owned(), value.as_str().into())).into();
            set.extend(end(entry, RESOLVED_KEEP_DAYS).map(|end| (EXPIRES_AT.to_owned(), end.into())));
            let update = Update { set, remove: [QUEUE.to_owned()].into(), expected: Some(open.tag()), ..Update::default() };
            let key = Key::hash(open.text(report::TABLE.hash).unwrap_or_default());
            match store.update(&report::TABLE, &key, &update).await {
                // Another action has resolved it, or its reporter has erased it.
                Ok(_) | Err(Error::NotFound | Error::VersionMismatch) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let later = |open: &Item| open.text(CREATED_AT).is_some_and(|at| at > entry.at);
        match page.next {
            Some(next) if !page.items.last().is_some_and(later) => queue.cursor = Some(next),
            _ => return Ok(()),
        }
    }
}

/// Does the entry resolve that open report?
pub(crate) fn is_resolved_by(open: &Item, entry: &Entry) -> bool {
    open.text("target").as_deref() == Some(&entry.target) && open.text(CREATED_AT).is_some_and(|at| at <= entry.at)
}
