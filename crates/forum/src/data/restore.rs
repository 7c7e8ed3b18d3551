//! Loading a backup into a store.

pub(crate) mod journal;
