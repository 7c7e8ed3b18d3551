//! The forum's entities: one file each, with its table. Here: all tables, ids and times.
//!
//! The one declaration of what is stored: `forum tables`, Terraform, the settings, the backups and the OpenAPI documents follow
//! [`TABLES`]. A new entity is one file in `forum/` plus its line here.

pub mod activity;
mod attributes;
pub mod modlog;
pub mod post;
pub mod report;
pub mod thread;
pub mod user;

use chrono::Utc;
use uuid::Uuid;

use crate::store::schema::Table;

pub use crate::store::time::timestamp;
pub use attributes::{ACTION_ID, EXPIRES_AT, LOCKED_AT, PINNED_AT, REMOVED_AT, REQUEST_HASH};

/// Every table, sorted by name.
pub const TABLES: [&Table; 5] = [&modlog::TABLE, &post::TABLE, &report::TABLE, &thread::TABLE, &user::TABLE];

/// Grows when stored data of the version before must be changed to be understood. Backups carry it.
pub const SCHEMA_VERSION: u32 = 1;

/// What stands in a path for the id of whoever asks.
pub const ME: &str = "me";

/// Ids that the routes need for themselves.
pub const RESERVED_IDS: [&str; 5] = ["health", "docs", "in-thread", "by-user", ME];

/// The table of that short name.
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.into_iter().find(|table| table.name == name)
}

/// The tables, each after those of them that its items refer to: the order in which items can be loaded so that no reference is
/// broken.
pub fn in_reference_order(tables: &[&'static Table]) -> Vec<&'static Table> {
    fn visit(table: &'static Table, tables: &[&'static Table], ordered: &mut Vec<&'static Table>) {
        let holds = |tables: &[&Table]| tables.iter().any(|known| known.name == table.name);
        if !holds(tables) || holds(ordered) {
            return;
        }
        for (_, target) in table.references().filter(|(_, target)| target.name != table.name) {
            visit(target, tables, ordered);
        }
        ordered.push(table);
    }
    let mut ordered = Vec::with_capacity(tables.len());
    for table in tables {
        visit(table, tables, &mut ordered);
    }
    ordered
}

/// A new id: a UUIDv7, larger than every earlier one of this process.
pub fn new_id() -> String {
    Uuid::now_v7().to_string()
}

/// The present time, as [`timestamp`] writes it.
pub fn now() -> String {
    timestamp(Utc::now())
}

/// May an item have this id? `[A-Za-z0-9_-]{1,64}`, and not one of [`RESERVED_IDS`].
pub fn is_id(text: &str) -> bool {
    // Without a way out, so that several bytes are looked at at once: lists check every id.
    let allows = |allowed, byte: u8| allowed & (byte.is_ascii_alphanumeric() | (byte == b'_') | (byte == b'-'));
    (1..=64).contains(&text.len()) && text.bytes().fold(true, allows) && !RESERVED_IDS.contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema::Kind;

    #[test]
    fn ids_grow() {
        let ids: Vec<_> = std::iter::repeat_with(new_id).take(1000).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| is_id(id)));
    }

    #[test]
    fn odd_ids_are_refused() {
        for id in ["", "a b", "ä", "a/b", "health", "docs", "in-thread", "by-user", "me", &"x".repeat(65)] {
            assert!(!is_id(id), "{id}");
        }
        assert!(is_id("1") && is_id("Health") && is_id(&"x".repeat(64)));
    }

    #[test]
    fn tables_and_indexes_are_sorted_by_name() {
        assert!(TABLES.is_sorted_by_key(|table| table.name));
        for table in TABLES {
            assert!(table.indexes.is_sorted_by_key(|index| index.name), "{}", table.name);
        }
    }

    #[test]
    fn the_order_of_references_holds_every_table_once_and_targets_first() {
        let ordered = in_reference_order(&TABLES);
        let mut names: Vec<_> = ordered.iter().map(|table| table.name).collect();
        for (at, table) in ordered.iter().enumerate() {
            for (known, target) in table.references() {
                assert!(names.iter().take(at + 1).any(|name| *name == target.name), "{}.{}", table.name, known.name);
            }
        }
        names.sort_unstable();
        assert_eq!(names, TABLES.map(|table| table.name));
    }

    #[test]
    fn the_order_of_references_holds_only_the_tables_it_was_given() {
        let names = |tables: &[&'static Table]| in_reference_order(tables).iter().map(|table| table.name).collect::<Vec<_>>();
        assert_eq!(names(&[&post::TABLE, &user::TABLE]), ["users", "posts"]);
        assert_eq!(names(&[]), [] as [&str; 0]);
    }

    /// A claim or a reference would outlive the item.
    #[test]
    fn a_table_that_ends_its_items_declares_a_hidden_count_and_nothing_depends_on_its_items() {
        for table in TABLES {
            let Some(ttl) = table.ttl else { continue };
            let known = table.attribute(ttl).unwrap();
            assert_eq!((known.kind, known.is_visible()), (Kind::Count, false), "{}", table.name);
            assert!(table.unique.is_empty(), "{}", table.name);
            let refers = |other: &Table| other.references().any(|(_, target)| target.name == table.name);
            assert!(!TABLES.into_iter().any(refers), "{}", table.name);
        }
    }

    #[test]
    fn every_key_and_unique_attribute_is_known_text() {
        for table in TABLES {
            let keys =
                table.indexes.iter().flat_map(|index| [Some(index.hash), index.range]).chain([Some(table.hash), table.range]);
            for name in keys.flatten().chain(table.unique.iter().map(|unique| unique.attribute)) {
                assert_eq!(table.attribute(name).map(|known| known.kind), Some(Kind::Text), "{}.{name}", table.name);
            }
        }
    }
}
