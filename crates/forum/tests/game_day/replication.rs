//! Replication as global tables do it: item by item, each with a lag of its own, and the last writer wins.

use std::collections::BTreeMap;
use std::time::Duration;

use db_adapter::Table;
use db_adapter::forum::TABLES;

use crate::region::{Raw, Region, key_of};

/// A change of one item on its way to the other Region.
#[derive(Debug)]
struct Change {
    from: usize,
    table: &'static Table,
    id: String,
    key: Raw,
    item: Option<Raw>,
    written: Duration,
    arrives: Duration,
}

/// What is on its way, and what each Region was last seen to hold.
#[derive(Debug, Default)]
pub(crate) struct Replication {
    seen: [BTreeMap<(&'static str, String), Raw>; 2],
    /// When each item was written that a Region holds or has deleted.
    written: [BTreeMap<(&'static str, String), Duration>; 2],
    on_the_way: Vec<Change>,
    /// Nothing arrives.
    cut: bool,
}

impl Replication {
    /// Notices what was written in that Region since the last time; each change arrives after a lag.
    pub(crate) async fn notice(&mut self, regions: &[Region; 2], from: usize, now: Duration, mut lag: impl FnMut() -> Duration) {
        for table in TABLES {
            let held = regions[from].raw(table).await;
            let known: Vec<String> =
                self.seen[from].keys().filter(|(name, _)| *name == table.name).map(|(_, id)| id.clone()).collect();
            let gone = known.into_iter().filter(|id| !held.contains_key(id)).map(|id| (id, None));
            let all: Vec<_> = gone.chain(held.iter().map(|(id, item)| (id.clone(), Some(item.clone())))).collect();
            for (id, item) in all {
                let slot = (table.name, id.clone());
                let before = self.seen[from].get(&slot);
                if before == item.as_ref() {
                    continue;
                }
                let key = key_of(table, item.as_ref().or(before).unwrap());
                match &item {
                    Some(item) => self.seen[from].insert(slot.clone(), item.clone()),
                    None => self.seen[from].remove(&slot),
                };
                self.written[from].insert(slot, now);
                self.on_the_way.push(Change { from, table, id, key, item, written: now, arrives: now + lag() });
            }
        }
    }

    /// Delivers what has arrived by then, unless the item was written later there.
    pub(crate) async fn deliver(&mut self, regions: &[Region; 2], now: Duration) {
        if self.cut {
            return;
        }
        let (mut arrived, waiting): (Vec<_>, Vec<_>) = self.on_the_way.drain(..).partition(|change| change.arrives <= now);
        self.on_the_way = waiting;
        arrived.sort_by_key(|change| change.written);
        for Change { from, table, id, key, item, written, .. } in arrived {
            let (to, slot) = (1 - from, (table.name, id));
            if self.written[to].get(&slot).is_some_and(|there| *there > written) {
                continue;
            }
            regions[to].put_raw(table, &key, item.as_ref()).await;
            self.written[to].insert(slot.clone(), written);
            match item {
                Some(item) => self.seen[to].insert(slot, item),
                None => self.seen[to].remove(&slot),
            };
        }
    }

    /// A Region is lost: what has not been delivered arrives when it is back.
    pub(crate) fn cut(&mut self) {
        self.cut = true;
    }

    /// The Region is back: all that is on its way arrives now.
    pub(crate) fn join(&mut self) {
        self.cut = false;
        self.on_the_way.iter_mut().for_each(|change| change.arrives = Duration::ZERO);
    }
}
