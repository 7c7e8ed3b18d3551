//! Posts: what is said.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schema::Access::{Client, Hidden, Server};
use crate::schema::Kind::{Count, Text};
use crate::schema::{Attribute, Index, REQUEST_HASH, Table, VERSION, WRITE_ID};

/// `posts`: by id, and in order of time by thread (`ThreadIndex`) and by author (`UserIndex`).
pub static TABLE: Table = Table {
    name: "posts",
    env: "DYNAMODB_POSTS_TABLE",
    default_name: "forum-microservices-posts-dev",
    hash: "postId",
    range: Some("threadId"),
    indexes: &[
        Index { name: "ThreadIndex", hash: "threadId", range: Some("createdAt") },
        Index { name: "UserIndex", hash: "userId", range: Some("createdAt") },
    ],
    unique: &[],
    constant: None,
    attributes: &[
        Attribute { name: "postId", kind: Text, access: Server },
        Attribute { name: "threadId", kind: Text, access: Client },
        Attribute { name: "userId", kind: Text, access: Client },
        Attribute { name: "title", kind: Text, access: Client },
        Attribute { name: "content", kind: Text, access: Client },
        Attribute { name: "createdAt", kind: Text, access: Server },
        Attribute { name: "updatedAt", kind: Text, access: Server },
        Attribute { name: VERSION, kind: Count, access: Server },
        Attribute { name: WRITE_ID, kind: Text, access: Hidden },
        Attribute { name: REQUEST_HASH, kind: Text, access: Hidden },
    ],
};

/// A post as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Post {
    /// The post's id.
    pub post_id: String,
    /// The thread it belongs to; never changes.
    pub thread_id: String,
    /// Who wrote it; never changes. That user may have been deleted since.
    pub user_id: String,
    /// A title.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What is said.
    pub content: String,
    /// When the post was created: RFC 3339, UTC, milliseconds.
    pub created_at: String,
    /// When the post last changed: RFC 3339, UTC, milliseconds.
    pub updated_at: String,
    /// How often the post was written; 1 after creation.
    pub version: u64,
}
