//! Integrity: what `check` can find.

use crate::store::item::Item;
use crate::store::schema::Key;

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
    /// An item that a known attribute of a wrong type makes unusable. Repair removes it: save it first.
    BrokenItem {
        /// The item's key.
        key: Key,
        /// What is wrong, with the attribute's name.
        reason: String,
        /// The item as it is stored.
        item: Item,
    },
}
