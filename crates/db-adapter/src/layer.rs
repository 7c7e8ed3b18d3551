//! What stands in front of a store and is one itself.

mod cache;
pub mod fence;
mod store_layer;
mod traced;

pub use cache::CachedStore;
pub use fence::FencedStore;
pub use store_layer::StoreLayer;
pub use traced::TracedStore;
