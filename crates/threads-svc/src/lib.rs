//! The threads service: what is talked about.

mod delete;
mod list;

use db_adapter::Table;
use db_adapter::forum::thread::TABLE;
use http_kit::Service;
use http_kit::auth::policy::Entity;
use http_kit::resource::{Operation, Resource, Routes};

/// The service, ready to be mounted.
pub fn service() -> Service {
    Service { name: TABLE.name, table: &TABLE, routes: routes() }
}

#[derive(Debug)]
struct Threads;

impl Resource for Threads {
    const TABLE: &'static Table = &TABLE;
    const ENTITY: Entity = Entity::Thread;
    const NOT_BY_OWNER: &'static [&'static str] = &["userId"];
    const KEY_SCOPE: &'static str = "userId";
}

/// Every route.
fn routes() -> Routes {
    Routes::new()
        .at("/api/threads", [list::operation(), Operation::create::<Threads>("By a user that exists, or by nobody.")])
        .at(
            "/api/threads/{threadId}",
            [Operation::get::<Threads>(), Operation::patch::<Threads>(), Operation::replace::<Threads>(), delete::operation()],
        )
}
