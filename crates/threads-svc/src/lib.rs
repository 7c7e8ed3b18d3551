//! The threads service: what is talked about.

mod author;
mod body;
mod change;
mod create;
mod delete;
mod list;
mod read;

use db_adapter::forum::thread::TABLE;
use http_kit::{Service, SharedStore};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The service, ready to be mounted.
pub fn service() -> Service {
    Service { table: &TABLE, router: router() }
}

/// Every route.
fn router() -> OpenApiRouter<SharedStore> {
    OpenApiRouter::new()
        // /api/threads
        .routes(routes!(list::list_threads, create::create_thread))
        // /api/threads/{threadId}
        .routes(routes!(read::get_thread, change::patch_thread, change::put_thread, delete::delete_thread))
}
