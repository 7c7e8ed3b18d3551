//! What each client has used of a limit, for a bounded number of clients.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;

/// How many more clients can be told apart, in all stores that share it.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<AtomicUsize>);

impl Room {
    /// Room for so many clients.
    pub(super) fn new(keys: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(keys)))
    }

    fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    fn give_back(&self, keys: usize) {
        self.0.fetch_add(keys, Ordering::Relaxed);
    }
}

/// When each client will have its whole limit again. Clients for which there is no room share one entry.
#[derive(Debug)]
pub(super) struct Keys {
    entries: Mutex<Entries>,
    room: Room,
}

#[derive(Debug, Default)]
struct Entries {
    known: HashMap<u64, Nanos>,
    rest: Option<Nanos>,
}

impl Keys {
    pub(super) fn new(room: Room) -> Self {
        Self { entries: Mutex::default(), room }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for Keys {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut entries = self.entries();
        if let Some(known) = entries.known.get_mut(key) {
            let (outcome, next) = measure(Some(*known))?;
            *known = next;
            Ok(outcome)
        } else if self.room.take() {
            let (outcome, next) = measure(None).inspect_err(|_| self.room.give_back(1))?;
            entries.known.insert(*key, next);
            Ok(outcome)
        } else {
            let (outcome, next) = measure(entries.rest)?;
            entries.rest = Some(next);
            Ok(outcome)
        }
    }
}

impl ShrinkableKeyedStateStore<u64> for Keys {
    fn retain_recent(&self, drop_below: Nanos) {
        let mut entries = self.entries();
        let before = entries.known.len();
        entries.known.retain(|_, whole| *whole > drop_below);
        self.room.give_back(before - entries.known.len());
    }

    fn len(&self) -> usize {
        self.entries().known.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
