//! Names of attributes that every entity has, beside those of the store's contract.

/// The hidden attribute with the fingerprint of the request that created an item under an idempotency key.
pub const REQUEST_HASH: &str = "requestHash";

/// The hidden attribute with the time at which an item ends, in tables that declare it as their [`ttl`](crate::Table::ttl).
pub const EXPIRES_AT: &str = "expiresAt";
/// When moderators locked a thread; absent where it is open.
pub const LOCKED_AT: &str = "lockedAt";
/// When moderators pinned a thread; absent where it is not.
pub const PINNED_AT: &str = "pinnedAt";
/// When moderators removed a thread or a post; absent where they did not. What it says is for its author and for moderators then.
pub const REMOVED_AT: &str = "removedAt";
/// The hidden attribute with the id of the last action of moderators on an item.
pub const ACTION_ID: &str = "actionId";

/// What other programs call the user who wrote an item. An id goes before a name.
pub(super) const AUTHOR: &[&str] =
    &["author_id", "creator_id", "owner_id", "author", "username", "user", "created_by", "poster", "creator"];

/// What other programs call the text of an item.
pub(super) const TEXT: &[&str] = &["text", "body", "content", "message"];

/// What other programs call the time at which an item was created.
pub(super) const CREATED: &[&str] = &["created", "created_on", "timestamp", "date", "time", "posted_at", "published_at"];

/// What other programs call the time at which an item last changed.
pub(super) const UPDATED: &[&str] = &["updated", "updated_on", "modified", "modified_at", "edited_at", "last_modified"];
