//! Names of attributes that every entity has, beside those of the store's contract.

/// The hidden attribute with the fingerprint of the request that created an item under an idempotency key.
pub const REQUEST_HASH: &str = "requestHash";
