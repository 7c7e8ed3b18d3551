//! Which results are older than a write: every write makes what it touches one generation older, and a result is worth as much as
//! the generation that it was read in.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Scopes share slots by hash. Where two meet, a write of one also makes the other's results old, which costs a read.
/// In tests they hardly ever do: one that holds a read back and expects no other to wait for it would wait for ever.
const SLOTS: usize = if cfg!(test) { 1 << 18 } else { 4096 };

/// What a write touches and a read depends on.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) enum Scope<'a> {
    /// The items of one partition key.
    Item { table: &'static str, hash: &'a str },
    /// All items of the table.
    Items { table: &'static str },
    /// One partition of an index.
    Partition { table: &'static str, index: &'static str, partition: &'a str },
    /// All partitions of an index.
    Index { table: &'static str, index: &'static str },
    /// The table as a list.
    Scan { table: &'static str },
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    generation: u64,
    written: Option<Instant>,
}

/// The state of some scopes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// The sum of their generations: none ever shrinks, so that it is the same only where all are.
    pub(super) generation: u64,
    /// The last write to any of them.
    pub(super) written: Option<Instant>,
}

/// The generations of all scopes of a store.
#[derive(Debug)]
pub(super) struct Generations {
    slots: Vec<Mutex<Slot>>,
    hasher: RandomState,
}

impl Generations {
    pub(super) fn new() -> Self {
        Self { slots: std::iter::repeat_with(Mutex::default).take(SLOTS).collect(), hasher: RandomState::new() }
    }

    pub(super) fn seen(&self, scopes: &[Scope<'_>]) -> Seen {
        let slots = scopes.iter().map(|scope| self.slot(scope, |slot| *slot));
        slots.fold(Seen { generation: 0, written: None }, |seen, slot| Seen {
            generation: seen.generation + slot.generation,
            written: seen.written.max(slot.written),
        })
    }

    pub(super) fn of(&self, scope: &Scope<'_>) -> u64 {
        self.slot(scope, |slot| slot.generation)
    }

    /// The scope was written. Returns its generation before.
    pub(super) fn write(&self, scope: &Scope<'_>) -> u64 {
        self.slot(scope, |slot| {
            let before = slot.generation;
            *slot = Slot { generation: before + 1, written: Some(Instant::now()) };
            before
        })
    }

    /// Begins a generation, unless another one began since.
    pub(super) fn advance(&self, scope: &Scope<'_>, since: u64) -> bool {
        self.slot(scope, |slot| {
            let still = slot.generation == since;
            slot.generation += u64::from(still);
            still
        })
    }

    fn slot<T>(&self, scope: &Scope<'_>, look: impl FnOnce(&mut Slot) -> T) -> T {
        let number = self.hasher.hash_one(scope) as usize % SLOTS;
        #[expect(clippy::indexing_slicing, reason = "there are as many")]
        let slot = &self.slots[number];
        look(&mut slot.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
