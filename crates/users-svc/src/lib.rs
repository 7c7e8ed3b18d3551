//! The users service: who writes.

mod delete;
mod list;
mod me;

use db_adapter::Table;
use db_adapter::forum::user::TABLE;
use http_kit::Service;
use http_kit::auth::policy::Entity;
use http_kit::resource::{Operation, Resource, Routes};

/// The service with those of moderation, which run beside it: what a task of users serves. Removed posts are kept for so many days.
pub fn services(removed_keep_days: u32) -> Vec<Service> {
    [service()].into_iter().chain(moderation::services(removed_keep_days)).collect()
}

/// The service, ready to be mounted.
pub fn service() -> Service {
    Service { name: TABLE.name, table: &TABLE, routes: routes() }
}

#[derive(Debug)]
struct Users;

impl Resource for Users {
    const TABLE: &'static Table = &TABLE;
    const ENTITY: Entity = Entity::User;
    const NOT_BY_OWNER: &'static [&'static str] = &["email"];
    const KEY_SCOPE: &'static str = "email";
}

/// Every route.
fn routes() -> Routes {
    Routes::new()
        .at("/api/users", [list::operation(), Operation::create::<Users>("With an e-mail address that no other user has.")])
        .at("/api/users/me", [me::get(), me::put(), me::patch(), me::erase()])
        .at("/api/users/me/export", [me::export()])
        .at(
            "/api/users/{userId}",
            [Operation::get::<Users>(), Operation::patch::<Users>(), Operation::replace::<Users>(), delete::operation()],
        )
}
