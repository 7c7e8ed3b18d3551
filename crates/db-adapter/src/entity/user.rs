//! Users: who writes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schema::Access::{Client, Hidden, Server};
use crate::schema::Kind::{Count, Text};
use crate::schema::{Attribute, Index, REQUEST_HASH, Table, Unique, VERSION, WRITE_ID};

/// `users`: by id, and by e-mail through `EmailIndex`. An e-mail belongs to one user.
pub static TABLE: Table = Table {
    name: "users",
    env: "DYNAMODB_USERS_TABLE",
    default_name: "forum-microservices-users-dev",
    hash: "userId",
    range: None,
    indexes: &[Index { name: "EmailIndex", hash: "email", range: None }],
    unique: &[Unique { attribute: "email" }],
    constant: None,
    attributes: &[
        Attribute { name: "userId", kind: Text, access: Server },
        Attribute { name: "email", kind: Text, access: Client },
        Attribute { name: "name", kind: Text, access: Client },
        Attribute { name: "username", kind: Text, access: Client },
        Attribute { name: "bio", kind: Text, access: Client },
        Attribute { name: "createdAt", kind: Text, access: Server },
        Attribute { name: "updatedAt", kind: Text, access: Server },
        Attribute { name: VERSION, kind: Count, access: Server },
        Attribute { name: WRITE_ID, kind: Text, access: Hidden },
        Attribute { name: REQUEST_HASH, kind: Text, access: Hidden },
    ],
};

/// A user as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The user's id.
    pub user_id: String,
    /// The e-mail address, trimmed and lower-cased; no other user has it. Absent on some migrated users.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The name that is shown.
    pub name: String,
    /// A handle.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// A few words about the user.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
    /// When the user was created: RFC 3339, UTC, milliseconds.
    pub created_at: String,
    /// When the user last changed: RFC 3339, UTC, milliseconds.
    pub updated_at: String,
    /// How often the user was written; 1 after creation.
    pub version: u64,
}
