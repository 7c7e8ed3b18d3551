//! What stands in front of a store and is one itself.

mod cache;

pub use cache::CachedStore;
