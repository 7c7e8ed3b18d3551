//! Reports: what users tell moderators.

use super::attributes::{ACTION_ID, CREATED, EXPIRES_AT, REQUEST_HASH, UPDATED};
use super::modlog::TARGET;
use super::{is_id, user};
use crate::store::schema::Kind::{Count, Text};
use crate::store::schema::{Attribute, CREATED_AT, Index, Table, UPDATED_AT, VERSION, WRITE_ID};

/// The hidden attribute that open reports have: the partition of `QueueIndex`.
pub const QUEUE: &str = "queue";
/// The value of [`QUEUE`] on every open report.
pub const OPEN: &str = "open";
/// When a report was resolved; absent while it is open.
pub const RESOLVED_AT: &str = "resolvedAt";

/// `reports`: by id, and the open ones in order of time through `QueueIndex`, which a report leaves when it is resolved.
///
/// A report is found by its reporter and its target, of which its id is made. Whoever needs all reports of a user reads the table:
/// an index for that would make each report dearer by half, for what an export and an erasure need once.
pub static TABLE: Table = Table {
    name: "reports",
    singular: "report",
    component: "Report",
    env: "DYNAMODB_REPORTS_TABLE",
    default_name: "forum-microservices-reports-dev",
    hash: "reportId",
    range: None,
    indexes: &[Index { name: "QueueIndex", hash: QUEUE, range: Some(CREATED_AT) }],
    unique: &[],
    constant: None,
    ttl: Some(EXPIRES_AT),
    attributes: &[
        Attribute::server("reportId", Text, "The report's id.").id(is_id),
        Attribute::text("target", "What is reported: its path below /api.").required().shaped(&TARGET).fixed(),
        Attribute::text("reason", "Why it is reported. It is trimmed.").required().trimmed().visible().max_chars(1000),
        Attribute::text("userId", "Who reports it. That user may have been deleted since.")
            .required()
            .fixed()
            .references(&user::TABLE),
        Attribute::moderation(RESOLVED_AT, "When moderators resolved the report: RFC 3339, UTC, milliseconds.").time(),
        Attribute::moderation(ACTION_ID, "The action that resolved it."),
        Attribute::server(CREATED_AT, Text, "When the report was made: RFC 3339, UTC, milliseconds.").formerly(CREATED),
        Attribute::server(UPDATED_AT, Text, "When the report last changed: RFC 3339, UTC, milliseconds.").formerly(UPDATED),
        Attribute::server(VERSION, Count, "How often the report was written; 1 after creation."),
        Attribute::hidden(QUEUE),
        Attribute::hidden(WRITE_ID),
        Attribute::hidden(REQUEST_HASH),
        Attribute::hidden_count(EXPIRES_AT),
    ],
    samples: include_str!("../../../../data/seed/reports.json"),
};
