//! What each operation consumes on DynamoDB: the units behind every estimate.

use db_adapter::Table;
use db_adapter::forum::{post, thread, user};
use serde::Serialize;

/// The units of one operation on items of at most 1 KB in one region. Reads grow with every started 4 KB, writes with every
/// started KB; a claim does not grow. Each replica writes the same again.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operation {
    /// The name in a load profile.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) what: &'static str,
    /// Calls to DynamoDB.
    pub(crate) requests: u32,
    /// Read units.
    pub(crate) reads: f64,
    /// Write units on the item.
    pub(crate) writes: f64,
    /// Write units on the claims of unique values.
    pub(crate) claims: f64,
    /// Write units on indexes.
    pub(crate) index_writes: f64,
}

/// Every operation. A list page holds 100 items of at most 1 KB: 25 times 4 KB.
pub(crate) fn all() -> Vec<Operation> {
    let (users, threads, posts) = (indexes(&user::TABLE), indexes(&thread::TABLE), indexes(&post::TABLE));
    vec![
        read("get", "a user, thread or post by id; a user by e-mail", 0.5),
        read("get-strong", "the same with Cache-Control: no-cache", 1.0),
        read("ids", "each id of ?ids=", 0.5),
        read("list", "a page of 100 items from an index, or of threads or posts", 12.5),
        read("list-users", "a page of 100 users, whose claims are read too", 25.0),
        write("create-thread", "a thread with its author", 2, 0.5, (1.0, 0.0, threads)),
        write("create-post", "a post; its thread and author are looked up", 2, 1.0, (1.0, 0.0, posts)),
        write("create-user", "a user and the claim on the e-mail, in a transaction", 1, 0.0, (2.0, 2.0, users)),
        write("update-thread", "a thread", 1, 0.0, (1.0, 0.0, threads)),
        write("update-post", "a post; its key is looked up", 2, 0.5, (1.0, 0.0, posts)),
        write("update-user", "a user, the e-mail unchanged", 1, 0.0, (1.0, 0.0, users)),
        write("update-user-email", "a user's e-mail: a failed condition, then a transaction", 2, 0.0, (3.0, 4.0, 2.0 * users)),
        write("delete-thread", "a thread that has no posts", 2, 0.5, (1.0, 0.0, threads)),
        write("delete-post", "a post; its key is looked up", 2, 0.5, (1.0, 0.0, posts)),
        write("cascade-post", "each post that goes with its thread", 1, 0.5, (1.0, 0.0, posts)),
        write("delete-user", "a user and the claim, in a transaction", 2, 0.5, (2.0, 2.0, users)),
    ]
}

/// The operation of that name.
pub(crate) fn named(name: &str) -> Option<Operation> {
    all().into_iter().find(|operation| operation.name == name)
}

/// Every index holds a copy of every item, so each write of an item is one more on each.
fn indexes(table: &Table) -> f64 {
    table.indexes.iter().map(|_| 1.0).sum()
}

fn read(name: &'static str, what: &'static str, reads: f64) -> Operation {
    Operation { name, what, requests: 1, reads, writes: 0.0, claims: 0.0, index_writes: 0.0 }
}

fn write(
    name: &'static str,
    what: &'static str,
    requests: u32,
    reads: f64,
    (writes, claims, index_writes): (f64, f64, f64),
) -> Operation {
    Operation { name, what, requests, reads, writes, claims, index_writes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_writes_are_part_of_a_write() {
        let post = named("create-post").unwrap();
        assert_eq!((post.reads, post.writes, post.index_writes), (1.0, 1.0, 2.0));
        let user = named("create-user").unwrap();
        assert_eq!((user.writes + user.claims, user.index_writes), (4.0, 1.0));
        let email = named("update-user-email").unwrap();
        assert_eq!((email.writes + email.claims, email.index_writes), (7.0, 2.0));
    }

    #[test]
    fn names_are_distinct() {
        let names: std::collections::BTreeSet<_> = all().iter().map(|operation| operation.name).collect();
        assert_eq!(names.len(), all().len());
    }
}
