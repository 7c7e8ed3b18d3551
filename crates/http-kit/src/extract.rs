//! Extractors that read a request strictly and answer problems.

mod body;
mod path;
mod query;
mod strict;

pub use body::{Body, FromBody, Json, MergePatch};
pub use path::PathId;
pub(crate) use query::parameters;
pub use query::{NoParameters, Query};
