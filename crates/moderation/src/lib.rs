//! Moderation: what users report, what moderators do about it, and the log of that.

mod action;
mod apply;
mod list;
mod report;
mod unfinished;

use db_adapter::Table;
use db_adapter::forum::{modlog, report as reports};
use http_kit::Service;
use http_kit::auth::policy::Entity;
use http_kit::resource::{Resource, Routes};

pub use unfinished::{Unfinished, unfinished};

/// The services, ready to be mounted: the reports, and the actions with their log. Posts are kept for so many days once they are
/// removed.
pub fn services(removed_keep_days: u32) -> [Service; 2] {
    [
        Service { name: reports::TABLE.name, table: &reports::TABLE, routes: report_routes() },
        Service { name: "moderation", table: &modlog::TABLE, routes: action_routes(removed_keep_days) },
    ]
}

#[derive(Debug)]
struct Reports;

impl Resource for Reports {
    const TABLE: &'static Table = &reports::TABLE;
    const ENTITY: Entity = Entity::Report;
    const NOT_BY_OWNER: &'static [&'static str] = &[];
    const KEY_SCOPE: &'static str = "userId";
}

#[derive(Debug)]
struct Actions;

impl Resource for Actions {
    const TABLE: &'static Table = &modlog::TABLE;
    const ENTITY: Entity = Entity::Moderation;
    const NOT_BY_OWNER: &'static [&'static str] = &[];
    const KEY_SCOPE: &'static str = "userId";
}

/// Every route about reports.
fn report_routes() -> Routes {
    Routes::new().at("/api/reports", [report::operation()]).at("/api/moderation/reports", [list::queue_operation()])
}

/// Every route about actions.
fn action_routes(removed_keep_days: u32) -> Routes {
    Routes::new()
        .at("/api/moderation/actions", [action::operation(removed_keep_days)])
        .at("/api/moderation/log", [list::log_operation()])
}
