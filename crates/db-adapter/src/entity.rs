//! The forum's entities: one file each, with the struct that clients see and its table. Here: ids and times.

pub mod post;
pub mod thread;
pub mod user;

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

pub use post::Post;
pub use thread::Thread;
pub use user::User;

/// Ids that the routes need for themselves.
pub const RESERVED_IDS: [&str; 4] = ["health", "docs", "in-thread", "by-user"];

/// A new id: a UUIDv7, larger than every earlier one of this process.
pub fn new_id() -> String {
    Uuid::now_v7().to_string()
}

/// The present time as it is stored: RFC 3339 in UTC, fixed width to the millisecond, so that text order is time order.
pub fn now() -> String {
    timestamp(Utc::now())
}

/// The time as it is stored; see [`now`].
pub fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Is it a time as it is stored? See [`now`].
pub(crate) fn is_timestamp(text: &str) -> bool {
    DateTime::parse_from_rfc3339(text).is_ok_and(|time| timestamp(time.to_utc()) == text)
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
    use crate::store::schema::Table;

    #[test]
    fn ids_grow() {
        let ids: Vec<_> = std::iter::repeat_with(new_id).take(1000).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| is_id(id)));
    }

    #[test]
    fn times_have_a_fixed_width() {
        let whole_second = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        assert_eq!(timestamp(whole_second), "2023-11-14T22:13:20.000Z");
        assert_eq!(now().len(), "2023-11-14T22:13:20.000Z".len());
        assert!(is_timestamp(&now()));
        for text in ["2023-11-14T22:13:20Z", "2023-11-14T22:13:20.000+00:00", "2023-11-14", "zzz", ""] {
            assert!(!is_timestamp(text), "{text}");
        }
    }

    #[test]
    fn odd_ids_are_refused() {
        for id in ["", "a b", "ä", "a/b", "health", "docs", "in-thread", "by-user", &"x".repeat(65)] {
            assert!(!is_id(id), "{id}");
        }
        assert!(is_id("1") && is_id("Health") && is_id(&"x".repeat(64)));
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
