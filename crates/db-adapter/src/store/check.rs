//! Integrity: what `check` can find.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use metrics::counter;

use crate::store::item::{Attributes, Item};
use crate::store::schema::{Condition, Fault, Key, Table};

/// Number of broken items that are remembered as logged; later ones are logged each time.
const MAX_LOGGED: usize = 10_000;

/// Tells of broken items that reads meet: each is logged once, and all are counted by table in `store_broken_items_total`.
#[derive(Debug, Default)]
pub(crate) struct BrokenItems(Mutex<HashSet<(&'static str, String)>>);

impl BrokenItems {
    /// A read met this item.
    pub(crate) fn met(&self, table: &'static Table, key: &str, fault: Fault) {
        counter!("store_broken_items_total", "table" => table.name).increment(1);
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.len() >= MAX_LOGGED || logged.insert((table.name, key.to_owned())) {
            tracing::warn!(
                table = table.name,
                key,
                "{} {key:?} is broken: {fault}; lists leave it out. Next: forum verify --repair",
                table.singular
            );
        }
    }
}

impl Finding {
    /// What is wrong with a stored item, if anything is.
    pub(crate) fn of_item(table: &'static Table, key: Key, stored: &Attributes) -> Option<Self> {
        match table.examine(stored) {
            Condition::Sound => None,
            Condition::Mendable { reason, is_fault, mended } => {
                Some(Self::MendableItem { key, reason, is_fault, item: Item::new(stored), mended: Item::new(&mended) })
            }
            Condition::Broken { reason } => Some(Self::BrokenItem { key, reason, item: Item::new(stored) }),
        }
    }

    /// The key of the item that it is about; of a dangling claim, of the owner that it names.
    pub fn key(&self) -> &Key {
        match self {
            Self::MissingClaim { key, .. }
            | Self::DanglingClaim { owner: key, .. }
            | Self::StolenClaim { key, .. }
            | Self::MendableItem { key, .. }
            | Self::BrokenItem { key, .. } => key,
        }
    }

    /// Does it make the store wrong? An attribute that is NULL does not: it counts as absent.
    pub fn is_fault(&self) -> bool {
        !matches!(self, Self::MendableItem { is_fault: false, .. })
    }
}

/// Something in a table that breaks a rule.
///
/// A unique value on DynamoDB is held by a *claim*, an item beside its owner; see `dynamodb/claim.rs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// An item has a unique value but no claim holds it. Repair adds the claim.
    MissingClaim {
        /// The item.
        key: Key,
        /// The unique attribute.
        attribute: &'static str,
        /// Its normalised value.
        value: String,
    },
    /// A claim holds a value for an item that does not exist or does not have the value. Repair removes the claim.
    DanglingClaim {
        /// The item that the claim names.
        owner: Key,
        /// The unique attribute.
        attribute: &'static str,
        /// The normalised value.
        value: String,
    },
    /// Two items have the value; the claim is the other's. Only a person can say whose it is: repair refuses.
    StolenClaim {
        /// The item without the claim.
        key: Key,
        /// The unique attribute.
        attribute: &'static str,
        /// Its normalised value.
        value: String,
        /// The item that has the claim.
        owner: Key,
    },
    /// An item that is broken, in no list, or has an attribute that is NULL, and can be mended. Repair stores `mended` in its place.
    MendableItem {
        /// The item's key.
        key: Key,
        /// What is wrong, with the attributes' names.
        reason: String,
        /// Is it more than an attribute that is NULL, which counts as absent?
        is_fault: bool,
        /// The item as it is stored.
        item: Item,
        /// What a repair makes of it.
        mended: Item,
    },
    /// An item that is broken and cannot be mended. Repair removes it: save it first.
    BrokenItem {
        /// The item's key.
        key: Key,
        /// What is wrong, with the attribute's name.
        reason: String,
        /// The item as it is stored.
        item: Item,
    },
}
