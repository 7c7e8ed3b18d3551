//! The forum's entities: one file each, with the struct that clients see and its table. Here: all tables, ids and times.
//!
//! The one declaration of what is stored: `forum tables`, Terraform, the settings, the backups and the OpenAPI documents follow
//! [`TABLES`]. A new entity is one file in `forum/` plus its line here.

mod attributes;
pub mod post;
pub mod thread;
pub mod user;

use chrono::Utc;
use uuid::Uuid;

use crate::store::schema::Table;

pub use crate::store::time::timestamp;
pub use attributes::REQUEST_HASH;
pub use post::Post;
pub use thread::Thread;
pub use user::User;

/// Every table, sorted by name.
pub const TABLES: [&Table; 3] = [&post::TABLE, &thread::TABLE, &user::TABLE];

/// Grows when stored data of the version before must be changed to be understood. Backups carry it.
pub const SCHEMA_VERSION: u32 = 1;

/// Ids that the routes need for themselves.
pub const RESERVED_IDS: [&str; 4] = ["health", "docs", "in-thread", "by-user"];

/// The table of that short name.
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.into_iter().find(|table| table.name == name)
}

/// Every table, each after those that its items refer to: the order in which items can be loaded so that no reference is broken.
pub fn in_reference_order() -> Vec<&'static Table> {
    fn visit(table: &'static Table, ordered: &mut Vec<&'static Table>) {
        if ordered.iter().any(|known| known.name == table.name) {
            return;
        }
        for (_, target) in table.references().filter(|(_, target)| target.name != table.name) {
            visit(target, ordered);
        }
        ordered.push(table);
    }
    let mut ordered = Vec::with_capacity(TABLES.len());
    for table in TABLES {
        visit(table, &mut ordered);
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
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        && !RESERVED_IDS.contains(&text)
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
        for id in ["", "a b", "ä", "a/b", "health", "docs", "in-thread", "by-user", &"x".repeat(65)] {
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
        let ordered = in_reference_order();
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
    fn every_key_and_unique_attribute_is_known_text() {
        for table in TABLES {
            let keys =
                table.indexes.iter().flat_map(|index| [Some(index.hash), index.range]).chain([Some(table.hash), table.range]);
            for name in keys.flatten().chain(table.unique.iter().map(|unique| unique.attribute)) {
                assert_eq!(table.attribute(name).map(|known| known.kind), Some(Kind::Text), "{}.{name}", table.name);
            }
        }
    }

    /// The struct that clients see and the attributes of the table are the same list.
    #[test]
    fn structs_show_what_their_tables_declare() {
        fn shown(table: &Table) -> Vec<&str> {
            table.attributes.iter().filter(|known| known.is_visible()).map(|known| known.name).collect()
        }
        fn fields(entity: &impl serde::Serialize) -> Vec<String> {
            let text = serde_json::to_string(entity).unwrap();
            let names = text.trim_matches(['{', '}']).split(',').filter_map(|field| field.split_once(':'));
            names.map(|(name, _)| name.trim_matches('"').to_owned()).collect()
        }
        let text = || "x".to_owned();
        let (created_at, updated_at, version) = (text(), text(), 1);
        assert_eq!(
            fields(&User {
                user_id: text(),
                email: Some(text()),
                name: text(),
                username: Some(text()),
                bio: Some(text()),
                created_at: created_at.clone(),
                updated_at: updated_at.clone(),
                version
            }),
            shown(&user::TABLE)
        );
        assert_eq!(
            fields(&Thread {
                thread_id: text(),
                title: text(),
                description: Some(text()),
                user_id: Some(text()),
                created_at: created_at.clone(),
                updated_at: updated_at.clone(),
                version
            }),
            shown(&thread::TABLE)
        );
        assert_eq!(
            fields(&Post {
                post_id: text(),
                thread_id: text(),
                user_id: text(),
                title: Some(text()),
                content: text(),
                created_at,
                updated_at,
                version
            }),
            shown(&post::TABLE)
        );
    }
}
