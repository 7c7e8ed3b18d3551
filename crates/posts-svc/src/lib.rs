//! The posts service: what is said.

mod body;
mod change;
mod create;
mod list;
mod read;

use db_adapter::forum::post::TABLE;
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
        // /api/posts
        .routes(routes!(list::list_posts, create::create_post))
        // /api/posts/in-thread/{threadId}
        .routes(routes!(list::list_in_thread))
        // /api/posts/by-user/{userId}
        .routes(routes!(list::list_by_user))
        // /api/posts/{postId}
        .routes(routes!(read::get_post, change::patch_post, change::put_post, change::delete_post))
}
