//! Users: who writes.

use super::attributes::{ACTION_ID, CREATED, REQUEST_HASH, UPDATED};
use super::is_id;
use crate::store::schema::Kind::{Count, Text};
use crate::store::schema::{Attribute, CREATED_AT, Index, Table, UPDATED_AT, Unique, VERSION, WRITE_ID};

/// `users`: by id, and by e-mail through `EmailIndex`. An e-mail belongs to one user.
pub static TABLE: Table = Table {
    name: "users",
    singular: "user",
    component: "User",
    env: "DYNAMODB_USERS_TABLE",
    default_name: "forum-microservices-users-dev",
    hash: "userId",
    range: None,
    indexes: &[Index { name: "EmailIndex", hash: "email", range: None }],
    unique: &[Unique { attribute: "email" }],
    constant: None,
    ttl: None,
    attributes: &[
        Attribute::server("userId", Text, "The user's id.").id(is_id).formerly(&["id", "uid", "author_id", "member_id"]),
        Attribute::text(
            "email",
            "The e-mail address, trimmed and lower-cased; no other user has it. Absent on some migrated users.",
        )
        .required_of_new()
        .email()
        .max_chars(254)
        .formerly(&["mail", "email_address"]),
        Attribute::text("name", "The name that is shown. It is trimmed.")
            .required()
            .trimmed()
            .visible()
            .max_chars(100)
            .formerly(&["display_name", "full_name"]),
        Attribute::text("username", "A handle.").visible().max_chars(50).formerly(&["login", "handle", "nickname", "user_name"]),
        Attribute::text("bio", "A few words about the user.").max_chars(2000).formerly(&["about", "biography"]),
        Attribute::moderation("suspendedUntil", "Until when the user may not write: RFC 3339, UTC, milliseconds.").time(),
        Attribute::moderation("suspendedReason", "Why the user may not write."),
        Attribute::server(CREATED_AT, Text, "When the user was created: RFC 3339, UTC, milliseconds.").formerly(CREATED),
        Attribute::server(UPDATED_AT, Text, "When the user last changed: RFC 3339, UTC, milliseconds.").formerly(UPDATED),
        Attribute::server(VERSION, Count, "How often the user was written; 1 after creation."),
        Attribute::hidden(ACTION_ID),
        Attribute::hidden(WRITE_ID),
        Attribute::hidden(REQUEST_HASH),
    ],
    samples: include_str!("../../../../data/seed/users.json"),
};
