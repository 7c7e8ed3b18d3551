//! What stands in front of a store and is one itself.

mod cache;
mod store_layer;

pub use cache::CachedStore;
pub use store_layer::StoreLayer;
