//! Threads: what is talked about.

use super::activity::{LAST_ACTIVITY_AT, LAST_POST_AT, LAST_POST_ID, LAST_POST_USER_ID, POST_COUNT};
use super::attributes::{ACTION_ID, AUTHOR, CREATED, LOCKED_AT, PINNED_AT, REMOVED_AT, REQUEST_HASH, TEXT, UPDATED};
use super::{is_id, user};
use crate::store::schema::Kind::{Count, Text};
use crate::store::schema::{Attribute, CREATED_AT, Constant, Index, Initial, TOUCH_ID, Table, UPDATED_AT, VERSION, WRITE_ID};

/// The value of `feed` on every thread: the one partition of the indexes that list them all.
pub const FEED: &str = "threads";

/// `threads`: by id, newest first through `CreatedAtIndex`, by their last post through `ActivityIndex`, and by author through `UserIndex`,
/// which holds only threads that have one, as `PinnedIndex` holds only pinned ones.
///
/// The first two have one partition, as a time alone as a partition key could never list newest first. Their limits on DynamoDB
/// are those of a partition: 1,000 write units (creations and edits; a post takes two of `ActivityIndex`) and 3,000 read units a second for
/// the whole forum. With more [partitions](Constant::partitions) they are so many times that, and a page of a list takes a query of each.
pub static TABLE: Table = Table {
    name: "threads",
    singular: "thread",
    component: "ForumThread", // In generated Java, `Thread` would hide the one that every class sees.
    env: "DYNAMODB_THREADS_TABLE",
    default_name: "forum-microservices-threads-dev",
    hash: "threadId",
    range: None,
    indexes: &[
        Index { name: "ActivityIndex", hash: "feed", range: Some(LAST_ACTIVITY_AT) },
        Index { name: "CreatedAtIndex", hash: "feed", range: Some("createdAt") },
        Index { name: "PinnedIndex", hash: "feed", range: Some(PINNED_AT) },
        Index { name: "UserIndex", hash: "userId", range: Some("createdAt") },
    ],
    unique: &[],
    constant: Some(Constant { attribute: "feed", value: FEED, partitions: 1 }),
    ttl: None,
    attributes: &[
        Attribute::server("threadId", Text, "The thread's id.").id(is_id).formerly(&["id", "topic_id", "discussion_id"]),
        Attribute::text("title", "What the thread is about. It is trimmed.")
            .required()
            .trimmed()
            .visible()
            .max_chars(300)
            .formerly(&["subject"]),
        Attribute::text("description", "More about it.").max_chars(20_000).formerly(TEXT),
        Attribute::text("userId", "Who opened the thread: a user that existed then. It may have been deleted since.")
            .references(&user::TABLE)
            .formerly(AUTHOR),
        Attribute::server(POST_COUNT, Count, "How many posts it has.").optional().initially(Initial::Zero),
        Attribute::server(LAST_POST_AT, Text, "When its last post was created: RFC 3339, UTC, milliseconds.").optional().time(),
        Attribute::server(LAST_POST_ID, Text, "The id of its last post.").optional(),
        Attribute::server(LAST_POST_USER_ID, Text, "Who wrote its last post.").optional(),
        Attribute::server(
            LAST_ACTIVITY_AT,
            Text,
            "When its last post was created, or the thread where it has none: RFC 3339, UTC, milliseconds.",
        )
        .optional()
        .time()
        .initially(Initial::Created),
        Attribute::moderation(LOCKED_AT, "When moderators closed the thread for new posts: RFC 3339, UTC, milliseconds.").time(),
        Attribute::moderation(PINNED_AT, "When moderators pinned the thread: RFC 3339, UTC, milliseconds.").time(),
        Attribute::moderation(REMOVED_AT, "When moderators removed the thread: RFC 3339, UTC, milliseconds.").time(),
        Attribute::server(CREATED_AT, Text, "When the thread was created: RFC 3339, UTC, milliseconds.").formerly(CREATED),
        Attribute::server(UPDATED_AT, Text, "When the thread last changed: RFC 3339, UTC, milliseconds.").formerly(UPDATED),
        Attribute::server(VERSION, Count, "How often the thread was written; 1 after creation."),
        Attribute::hidden("feed"),
        Attribute::hidden(ACTION_ID),
        Attribute::hidden(WRITE_ID),
        Attribute::hidden(TOUCH_ID),
        Attribute::hidden(REQUEST_HASH),
    ],
    samples: include_str!("../../../../data/seed/threads.json"),
};
