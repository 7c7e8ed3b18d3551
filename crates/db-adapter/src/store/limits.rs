//! What DynamoDB allows, and so every backend.

/// Maximum bytes of an item, attribute names plus values.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
pub const MAX_ITEM_BYTES: usize = 400 * 1024;

/// Maximum bytes of a partition key's value. Source: as [`MAX_ITEM_BYTES`].
pub(crate) const MAX_HASH_BYTES: usize = 2048;

/// Maximum bytes of a sort key's value. Source: as [`MAX_ITEM_BYTES`].
pub(crate) const MAX_RANGE_BYTES: usize = 1024;

/// Maximum number of distinct keys in one [`super::Store::get_many`].
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
pub const MAX_KEYS: usize = 100;
