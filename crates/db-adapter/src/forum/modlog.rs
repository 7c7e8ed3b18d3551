//! The log of moderation: who did what to what, and why. It only grows.

use super::attributes::{ACTION_ID, CREATED, REQUEST_HASH, UPDATED};
use super::{is_id, post, thread, user};
use crate::store::schema::Kind::{Count, Text};
use crate::store::schema::{Attribute, CREATED_AT, Constant, Index, Shape, Table, UPDATED_AT, VERSION, WRITE_ID};

/// The value of `feed` on every entry: the one partition of `LogIndex`.
pub const FEED: &str = "modlog";

/// What can be reported and moderated, as its path below `/api`.
pub static TARGET: Shape = Shape {
    pattern: "^(posts|threads|users)/[A-Za-z0-9_-]{1,64}$",
    allowed: "must be posts/ID, threads/ID or users/ID",
    fits: |text| target(text).is_some(),
};

/// What moderators do.
static ACTION: Shape = Shape {
    pattern: "^(suspend|unsuspend|lock|unlock|pin|unpin|remove|restore|dismiss)$",
    allowed: "must be one of suspend, unsuspend, lock, unlock, pin, unpin, remove, restore, dismiss",
    fits: |text| ACTIONS.contains(&text),
};

/// The names of all actions.
const ACTIONS: [&str; 9] = ["suspend", "unsuspend", "lock", "unlock", "pin", "unpin", "remove", "restore", "dismiss"];

/// The table and the id of what a target's text names; `None` where it names nothing that there can be.
pub fn target(text: &str) -> Option<(&'static Table, &str)> {
    let (name, id) = text.split_once('/')?;
    let table = [&post::TABLE, &thread::TABLE, &user::TABLE].into_iter().find(|table| table.name == name)?;
    is_id(id).then_some((table, id))
}

/// `modlog`: by id, newest first through `LogIndex`, and of one target through `TargetIndex`. An entry never changes.
pub static TABLE: Table = Table {
    name: "modlog",
    singular: "action",
    component: "Action",
    env: "DYNAMODB_MODLOG_TABLE",
    default_name: "forum-microservices-modlog-dev",
    hash: ACTION_ID,
    range: None,
    indexes: &[
        Index { name: "LogIndex", hash: "feed", range: Some(CREATED_AT) },
        Index { name: "TargetIndex", hash: "target", range: Some(CREATED_AT) },
    ],
    unique: &[],
    constant: Some(Constant { attribute: "feed", value: FEED, partitions: 1 }),
    ttl: None,
    attributes: &[
        Attribute::server(ACTION_ID, Text, "The action's id.").id(is_id),
        Attribute::text("target", "What it was done to: its path below /api.").required().shaped(&TARGET).fixed(),
        Attribute::text("action", "What was done.").required().shaped(&ACTION).fixed(),
        Attribute::text("reason", "Why it was done. It is trimmed.").required().trimmed().visible().max_chars(1000).fixed(),
        Attribute::text("until", "Until when a user is suspended: RFC 3339, in the future. With `suspend`, and only then.")
            .time()
            .fixed(),
        Attribute::text("userId", "Who did it. That user may have been deleted since.").fixed().references(&user::TABLE),
        Attribute::server(CREATED_AT, Text, "When it was done: RFC 3339, UTC, milliseconds.").formerly(CREATED),
        Attribute::server(UPDATED_AT, Text, "The same time: an entry never changes.").formerly(UPDATED),
        Attribute::server(VERSION, Count, "Always 1: an entry never changes."),
        Attribute::hidden("feed"),
        Attribute::hidden(WRITE_ID),
        Attribute::hidden(REQUEST_HASH),
    ],
    samples: include_str!("../../../../data/seed/modlog.json"),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_the_path_of_an_item() {
        assert!(target("posts/p-1").is_some_and(|(table, id)| (table.name, id) == ("posts", "p-1")));
        for text in ["", "posts", "posts/", "posts/me", "posts/a/b", "/posts/1", "reports/1", "Posts/1", "posts/ä"] {
            assert!(target(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_pattern_of_actions_lists_them() {
        assert_eq!(ACTION.pattern, format!("^({})$", ACTIONS.join("|")));
        assert!(ACTION.allowed.ends_with(&ACTIONS.join(", ")));
    }
}
