//! Extractors that read a request strictly and answer problems.

mod body;
mod freshness;
mod path;
mod query;
mod strict;

pub use body::{Body, Json, MergePatch};
pub use freshness::Freshness;
pub use path::PathId;
pub(crate) use query::parameters;
pub use query::{NoParameters, Query};
