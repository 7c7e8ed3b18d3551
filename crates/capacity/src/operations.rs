//! The capacity units that each operation uses on DynamoDB.

use db_adapter::Table;
use db_adapter::forum::{TABLES, in_reference_order, modlog, post, report, thread};
use db_adapter::schema::{Access, Index, Presence, Unique};
use serde::Serialize;

/// The units of one operation on items of up to 1 KB in one region. Reads grow with every started 4 KB, writes with every
/// started KB; a claim does not grow. Each replica writes the same again.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// The name in a load profile.
    pub name: String,
    /// What it does.
    pub what: String,
    /// Calls to DynamoDB.
    pub requests: u32,
    /// Read units.
    pub reads: f64,
    /// Write units on the item.
    pub writes: f64,
    /// Write units on the claims of unique values.
    pub claims: f64,
    /// Write units on indexes.
    pub index_writes: f64,
}

/// Deleting an item of the first table deletes those items of the second that refer to it.
const CASCADES: [(&Table, &Table); 1] = [(&thread::TABLE, &post::TABLE)];
/// Creating or deleting an item of the first table touches the item of the second that it is in.
const TOUCHES: [(&Table, &Table); 1] = [(&post::TABLE, &thread::TABLE)];
/// Read units of a list page: 100 items of 1 KB are 25 times 4 KB, read eventually.
const PAGE: f64 = 12.5;

/// Every operation.
pub fn all() -> Vec<Operation> {
    let tables: Vec<_> = in_reference_order(&TABLES).into_iter().filter(|table| !is_of_moderators(table)).collect();
    let (with_claims, plain): (Vec<&Table>, Vec<_>) = tables.iter().partition(|table| !table.unique.is_empty());
    let plain: Vec<_> = plain.iter().map(|table| table.name).collect();
    let mut all = vec![
        read("get", "an item by its id or by a unique value", 0.5),
        read("get-strong", "the same with Cache-Control: no-cache", 1.0),
        read("ids", "each id of ?ids=", 0.5),
        read("list", format!("a page of 100 items from an index, or of {}", plain.join(" or ")), PAGE),
    ];
    for table in with_claims {
        let what = format!("a page of 100 {}, whose claims are read too", table.name);
        all.push(read(format!("list-{}", table.name), what, PAGE * (1.0 + count(table.unique))));
    }
    all.extend(tables.iter().map(|table| create(table)));
    all.extend(tables.iter().flat_map(|table| updates(table)));
    all.extend(tables.iter().flat_map(|table| deletes(table)));
    all.push(report());
    all.extend(tables.iter().map(|table| resolve(table)));
    all
}

/// Are its items written by operations of their own?
fn is_of_moderators(table: &Table) -> bool {
    [modlog::TABLE.name, report::TABLE.name].contains(&table.name)
}

/// A report is looked up first, so that nobody makes it twice, and so are who makes it and what it is about.
fn report() -> Operation {
    write(
        "report".to_owned(),
        "a report; whether it was made, userId and target looked up".to_owned(),
        4,
        2.0,
        whole_write(&report::TABLE),
    )
}

/// An action on an item that one user has reported: the log, then the item, then the report.
fn resolve(table: &'static Table) -> Operation {
    let one = table.singular;
    let what = format!("an action on a {one} that is reported: the log, the {one} and the report; all looked up");
    let indexes = count(modlog::TABLE.indexes) + count(table.indexes) + count(report::TABLE.indexes);
    write(format!("resolve-{one}"), what, 6, 2.0, (3.0, 0.0, indexes))
}

/// The operation of that name.
pub fn named(name: &str) -> Option<Operation> {
    all().into_iter().find(|operation| operation.name == name)
}

fn create(table: &'static Table) -> Operation {
    let one = table.singular;
    let references: Vec<_> = table.references().map(|(known, _)| known.name).collect();
    let what = match (references.as_slice(), table.unique.is_empty()) {
        ([], true) => format!("a {one}"),
        ([], false) => format!("a {one} and its claim on {}, in a transaction", unique_names(table)),
        (_, true) => format!("a {one}; {} looked up", references.join(" and ")),
        (_, false) => {
            format!("a {one} and its claim on {}, in a transaction; {} looked up", unique_names(table), references.join(" and "))
        }
    };
    let requests = if references.is_empty() { 1 } else { 2 };
    let created = write(format!("create-{one}"), what, requests, 0.5 * count(&references), whole_write(table));
    match touched(table) {
        // The index that is sorted by what a touch moves loses an entry and gains one.
        Some(of) => touch(created, of, count_usual(of) + 1.0),
        None => created,
    }
}

/// The operation with the touch of an item of that table, which takes so many units of its indexes.
fn touch(operation: Operation, of: &'static Table, index_writes: f64) -> Operation {
    Operation {
        what: format!("{}; its {} is told", operation.what, of.singular),
        requests: operation.requests + 1,
        writes: operation.writes + 1.0,
        index_writes: operation.index_writes + index_writes,
        ..operation
    }
}

/// The table whose items those of this one touch.
fn touched(table: &Table) -> Option<&'static Table> {
    TOUCHES.iter().find(|(post, _)| post.name == table.name).map(|(_, thread)| *thread)
}

/// The indexes that most items are in: not one by what the server sets on few items.
pub fn usual_indexes(table: &'static Table) -> impl Iterator<Item = &'static Index> {
    let is_rare = move |name: &str| {
        table.attribute(name).is_some_and(|known| {
            known.access == Access::Server && known.presence == Presence::Optional && known.initially.is_none()
        })
    };
    table.indexes.iter().filter(move |index| !index.range.is_some_and(is_rare))
}

fn updates(table: &'static Table) -> Vec<Operation> {
    let one = table.singular;
    let what = match table.unique.is_empty() {
        true => format!("a {one}{}", lookup(table)),
        false => format!("a {one}, {} unchanged{}", unique_names(table), lookup(table)),
    };
    let indexes = count_usual(table);
    let (requests, reads) = if table.range.is_some() { (2, 0.5) } else { (1, 0.0) };
    let mut updates = vec![write(format!("update-{one}"), what, requests, reads, (1.0, 0.0, indexes))];
    for Unique { attribute } in table.unique {
        let what = format!("a {one} with a new {attribute}: a failed condition, then a transaction{}", lookup(table));
        updates.push(write(format!("update-{one}-{attribute}"), what, requests + 1, reads, (3.0, 4.0, 2.0 * indexes)));
    }
    updates
}

fn deletes(table: &'static Table) -> Vec<Operation> {
    let one = table.singular;
    let of = |tables: &(&Table, &Table)| (tables.0.name == table.name, tables.1.name == table.name);
    let follower = CASCADES.iter().find(|tables| of(tables).0).map(|(_, follower)| follower);
    let what = match (follower, table.unique.is_empty()) {
        (Some(follower), _) => format!("a {one} that has no {}", follower.name),
        (None, true) => format!("a {one}{}", lookup(table)),
        (None, false) => format!("a {one} and its claim on {}, in a transaction{}", unique_names(table), lookup(table)),
    };
    let is_read_before = follower.is_some() || table.range.is_some() || !table.unique.is_empty();
    let (requests, reads) = if is_read_before { (2, 0.5) } else { (1, 0.0) };
    let deleted = write(format!("delete-{one}"), what, requests, reads, whole_write(table));
    let mut deletes = vec![match touched(table) {
        Some(of) => touch(deleted, of, count_usual(of)),
        None => deleted,
    }];
    if let Some((owner, _)) = CASCADES.iter().find(|tables| of(tables).1) {
        let what = format!("each {one} that is deleted with its {}", owner.singular);
        deletes.push(write(format!("cascade-{one}"), what, 1, 0.5, whole_write(table)));
    }
    deletes
}

/// Write units of an item with its claims, in a transaction where it has claims, and of its copies in the indexes.
fn whole_write(table: &'static Table) -> (f64, f64, f64) {
    let claims = count(table.unique);
    let item = if claims > 0.0 { 2.0 } else { 1.0 };
    (item, 2.0 * claims, count_usual(table))
}

/// An id alone does not address an item of a table with a sort key.
fn lookup(table: &Table) -> &'static str {
    if table.range.is_some() { "; its key is looked up" } else { "" }
}

fn unique_names(table: &Table) -> String {
    table.unique.iter().map(|unique| unique.attribute).collect::<Vec<_>>().join(" and ")
}

fn count_usual(table: &'static Table) -> f64 {
    usual_indexes(table).count() as f64
}

fn count<T>(things: &[T]) -> f64 {
    things.len() as f64
}

fn read(name: impl Into<String>, what: impl Into<String>, reads: f64) -> Operation {
    let (name, what) = (name.into(), what.into());
    Operation { name, what, requests: 1, reads, writes: 0.0, claims: 0.0, index_writes: 0.0 }
}

fn write(name: String, what: String, requests: u32, reads: f64, (writes, claims, index_writes): (f64, f64, f64)) -> Operation {
    Operation { name, what, requests, reads, writes, claims, index_writes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_writes_are_part_of_a_write() {
        let post = named("create-post").unwrap();
        // The post and its two indexes; its thread, and of the thread's three indexes one that loses an entry and gains one.
        assert_eq!((post.requests, post.reads, post.writes, post.index_writes), (3, 1.0, 2.0, 6.0));
        let thread = named("create-thread").unwrap();
        assert_eq!((thread.writes, thread.index_writes), (1.0, 3.0));
        let user = named("create-user").unwrap();
        assert_eq!((user.writes + user.claims, user.index_writes), (4.0, 1.0));
        let email = named("update-user-email").unwrap();
        assert_eq!((email.writes + email.claims, email.index_writes), (7.0, 2.0));
    }

    #[test]
    fn names_are_distinct() {
        let names: std::collections::BTreeSet<_> = all().into_iter().map(|operation| operation.name).collect();
        assert_eq!(names.len(), all().len());
    }
}
