//! Posts: what is said.

use super::attributes::{ACTION_ID, AUTHOR, CREATED, EXPIRES_AT, REMOVED_AT, REQUEST_HASH, TEXT, UPDATED};
use super::{is_id, thread, user};
use crate::store::schema::Kind::{Count, Text};
use crate::store::schema::{Attribute, CREATED_AT, Index, Table, UPDATED_AT, VERSION, WRITE_ID};

/// `posts`: by id, and in order of time by thread (`ThreadIndex`) and by author (`UserIndex`).
pub static TABLE: Table = Table {
    name: "posts",
    singular: "post",
    component: "Post",
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
    ttl: Some(EXPIRES_AT),
    attributes: &[
        Attribute::server("postId", Text, "The post's id.").id(is_id).formerly(&["id", "comment_id", "reply_id", "message_id"]),
        Attribute::text("threadId", "The thread it belongs to; never changes.")
            .required()
            .fixed()
            .references(&thread::TABLE)
            .formerly(&["thread", "topic_id", "topic", "discussion_id", "discussion"]),
        Attribute::text("userId", "Who wrote it; never changes. That user may have been deleted since.")
            .required()
            .fixed()
            .references(&user::TABLE)
            .formerly(AUTHOR),
        Attribute::text("title", "A title. It is trimmed.").trimmed().visible().max_chars(300).formerly(&["subject"]),
        Attribute::text(
            "content",
            "What is said: no more than 65,536 bytes of UTF-8, which is fewer characters where some are not ASCII.",
        )
        .required()
        .visible()
        .max_bytes(65_536)
        .formerly(TEXT),
        Attribute::moderation(REMOVED_AT, "When moderators removed the post: RFC 3339, UTC, milliseconds.").time(),
        Attribute::server(CREATED_AT, Text, "When the post was created: RFC 3339, UTC, milliseconds.").formerly(CREATED),
        Attribute::server(UPDATED_AT, Text, "When the post last changed: RFC 3339, UTC, milliseconds.").formerly(UPDATED),
        Attribute::server(VERSION, Count, "How often the post was written; 1 after creation."),
        Attribute::hidden(ACTION_ID),
        Attribute::hidden(WRITE_ID),
        Attribute::hidden(REQUEST_HASH),
        Attribute::hidden_count(EXPIRES_AT),
    ],
    samples: include_str!("../../../../data/seed/posts.json"),
};
