//! Threads: what is talked about.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schema::Access::{Client, Hidden, Server};
use crate::schema::Kind::{Count, Text};
use crate::schema::{Attribute, Constant, Index, REQUEST_HASH, Table, VERSION, WRITE_ID};

/// The value of `feed` on every thread: the one partition of `CreatedAtIndex`.
pub const FEED: &str = "threads";

/// `threads`: by id, and newest first through `CreatedAtIndex`.
///
/// The index has one partition, as `createdAt` alone as a partition key could never list newest first. Its limits on DynamoDB
/// are those of a partition: 1,000 write units (creations and edits) and 3,000 read units a second for the whole forum.
pub static TABLE: Table = Table {
    name: "threads",
    env: "DYNAMODB_THREADS_TABLE",
    default_name: "forum-microservices-threads-dev",
    hash: "threadId",
    range: None,
    indexes: &[Index { name: "CreatedAtIndex", hash: "feed", range: Some("createdAt") }],
    unique: &[],
    constant: Some(Constant { attribute: "feed", value: FEED }),
    attributes: &[
        Attribute { name: "threadId", kind: Text, access: Server },
        Attribute { name: "title", kind: Text, access: Client },
        Attribute { name: "description", kind: Text, access: Client },
        Attribute { name: "userId", kind: Text, access: Client },
        Attribute { name: "createdAt", kind: Text, access: Server },
        Attribute { name: "updatedAt", kind: Text, access: Server },
        Attribute { name: VERSION, kind: Count, access: Server },
        Attribute { name: "feed", kind: Text, access: Hidden },
        Attribute { name: WRITE_ID, kind: Text, access: Hidden },
        Attribute { name: REQUEST_HASH, kind: Text, access: Hidden },
    ],
};

/// A thread as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ForumThread)] // In generated Java, `Thread` hides the one that every class sees.
#[serde(rename_all = "camelCase")]
pub struct Thread {
    /// The thread's id.
    pub thread_id: String,
    /// What the thread is about.
    pub title: String,
    /// More about it.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who opened the thread. That user may have been deleted since.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// When the thread was created: RFC 3339, UTC, milliseconds.
    pub created_at: String,
    /// When the thread last changed: RFC 3339, UTC, milliseconds.
    pub updated_at: String,
    /// How often the thread was written; 1 after creation.
    pub version: u64,
}
