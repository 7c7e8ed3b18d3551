//! The posts service: what is said.

mod list;

use db_adapter::forum::activity;
use db_adapter::forum::post::TABLE;
use db_adapter::{Item, Store, Table};
use http_kit::Service;
use http_kit::auth::policy::Entity;
use http_kit::resource::{Operation, Resource, Routes};

/// The service, ready to be mounted.
pub fn service() -> Service {
    Service { name: TABLE.name, table: &TABLE, routes: routes() }
}

#[derive(Debug)]
struct Posts;

impl Resource for Posts {
    const TABLE: &'static Table = &TABLE;
    const ENTITY: Entity = Entity::Post;
    const NOT_BY_OWNER: &'static [&'static str] = &[];
    const KEY_SCOPE: &'static str = "userId";

    async fn created(store: &dyn Store, post: &Item) {
        activity::post_added(store, post).await;
    }

    async fn deleted(store: &dyn Store, post: &Item) {
        if activity::counts(post) {
            let text = |name| post.text(name).unwrap_or_default();
            activity::posts_gone(store, &text("threadId"), &[text(TABLE.hash)]).await;
        }
    }
}

/// Every route.
fn routes() -> Routes {
    Routes::new()
        .at("/api/posts", [list::all_operation(), Operation::create::<Posts>("In a thread and by a user that exist.")])
        .at("/api/posts/in-thread/{threadId}", [list::in_thread_operation()])
        .at("/api/posts/by-user/{userId}", [list::by_user_operation()])
        .at(
            "/api/posts/{postId}",
            [
                Operation::get::<Posts>(),
                Operation::patch::<Posts>(),
                Operation::replace::<Posts>(),
                Operation::delete::<Posts>("Its thread and its author stay."),
            ],
        )
}
