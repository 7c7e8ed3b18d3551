//! Names of attributes that the contract speaks of. They mean the same in every table.

/// The attribute that counts an item's changes; kept by the backends. An item without one counts as version 0.
pub const VERSION: &str = "version";
/// The hidden attribute that tells which write an item comes from; kept by the backends.
pub const WRITE_ID: &str = "writeId";

/// The hidden attribute that tells which [touch](super::Update::touch) an item had last; kept by the backends.
pub const TOUCH_ID: &str = "touchId";

/// The attribute with the time of an item's creation, as [`timestamp`](super::time::timestamp) writes it.
pub const CREATED_AT: &str = "createdAt";
/// The attribute with the time of an item's last update, in the same form. It never goes back: see [`super::Store::update`].
pub const UPDATED_AT: &str = "updatedAt";
