//! Extractors that read a request strictly and reject with problems.

mod path;
mod query;
mod strict;
mod strong_read;

pub use path::PathId;
pub(crate) use query::parameters;
pub use query::{NoParameters, Query};
pub use strong_read::StrongRead;
