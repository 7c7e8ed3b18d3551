//! A service, as whoever mounts it sees it.

use std::sync::Arc;

use db_adapter::{Store, Table};

use crate::resource::Routes;

/// The state of every handler.
pub type SharedStore = Arc<dyn Store>;

/// A service's routes and the table that it stands on. Whoever mounts it adds health, readiness, the OpenAPI document with its page,
/// metrics and every layer.
pub struct Service {
    /// The service's name, and the first step of its own routes: `/api/{name}/health` and its OpenAPI document.
    pub name: &'static str,
    /// The service's own table. Its health is the service's readiness; its attributes are what clients see.
    pub table: &'static Table,
    /// Every route, under its full path.
    pub routes: Routes,
}

/// The version that health and the OpenAPI documents show: the release, and the revision it was built from where that is known.
pub fn version() -> String {
    match option_env!("FORUM_REVISION") {
        Some(revision) => format!("{}+{revision}", env!("CARGO_PKG_VERSION")),
        None => env!("CARGO_PKG_VERSION").to_owned(),
    }
}
