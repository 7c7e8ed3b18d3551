//! What other programs call the lists of our tables.

use db_adapter::Table;
use db_adapter::forum::{post, thread, user};

use super::record::plain;

/// Names of posts, the most trusted first.
const POSTS: [&str; 4] = ["posts", "comments", "replies", "messages"];
/// Names of threads.
const THREADS: [&str; 3] = ["threads", "topics", "discussions"];
/// Names of users.
const USERS: [&str; 4] = ["users", "members", "accounts", "authors"];

/// The names of the table's list, the most trusted first.
pub(super) fn names(table: &'static Table) -> Vec<&'static str> {
    match table.name {
        name if name == post::TABLE.name => POSTS.to_vec(),
        name if name == thread::TABLE.name => THREADS.to_vec(),
        name if name == user::TABLE.name => USERS.to_vec(),
        name => vec![name],
    }
}

/// Does a forum have such a list? Others, as what moderators do and are told, may be only in a store of ours.
pub(super) fn is_of_every_forum(table: &'static Table) -> bool {
    [post::TABLE.name, thread::TABLE.name, user::TABLE.name].contains(&table.name)
}

/// Is it a name of the table's list?
pub(super) fn is_of(table: &'static Table, name: &str) -> bool {
    names(table).contains(&plain(name).as_str())
}

/// Is it a name of a list of posts?
pub(super) fn are_posts(name: &str) -> bool {
    POSTS.contains(&plain(name).as_str())
}
