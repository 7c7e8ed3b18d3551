//! The users service: who writes.

mod body;
mod change;
mod create;
mod list;
mod read;

use db_adapter::forum::user::TABLE;
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
        // /api/users
        .routes(routes!(list::list_users, create::create_user))
        // /api/users/{userId}
        .routes(routes!(read::get_user, change::patch_user, change::put_user, change::delete_user))
}
