//! The data that is served: the same in every run, made by number.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::{DateTime, SecondsFormat};
use db_adapter::forum::{TABLES, post, thread, user};
use db_adapter::json::{JsonOptions, JsonStore};
use db_adapter::{Item, Store, Table};
use serde_json::{Map, Value};

use crate::place::Place;

/// The first item was created then, each next one a second later: seconds since 1970.
const EPOCH: i64 = 1_704_067_200;
/// What is said, cut to length.
const TEXT: &str = "The harbour master kept a ledger of every boat that came in, and of every boat that did not. On clear nights he \
    read from it to whoever would sit with him, and nobody could tell from his voice which list he was reading. When the ledger was \
    full he began another, numbered it, and went on. Somebody asked him once what the numbers were for. So that they stay in order.";

/// A forum of so many items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forum {
    pub(crate) users: usize,
    pub(crate) threads: usize,
    pub(crate) posts: usize,
    /// So many of the posts are in the first thread, the others in all threads in turn.
    pub(crate) crowd: usize,
}

/// Attributes of an item; its version, a number, is not among them.
pub(crate) type Texts = Vec<(&'static str, String)>;

/// A table, how many items it has, and how each is made.
type Items = (&'static Table, usize, fn(&Forum, usize) -> Texts);

impl Forum {
    pub(crate) fn of_users(users: usize) -> Self {
        Self { users, threads: 0, posts: 0, crowd: 0 }
    }

    pub(crate) fn of_posts(posts: usize) -> Self {
        Self { users: 100, threads: 100, posts, crowd: 0 }
    }

    pub(crate) fn user(&self, number: usize) -> Texts {
        let created = time(number);
        vec![
            ("userId", user_id(number)),
            ("email", format!("user{number}@example.org")),
            ("name", format!("User {number}")),
            ("bio", text(number, 60, 180)),
            ("createdAt", created.clone()),
            ("updatedAt", created),
            ("writeId", format!("{number:032x}")),
        ]
    }

    pub(crate) fn thread(&self, number: usize) -> Texts {
        let created = time(number);
        vec![
            ("threadId", thread_id(number)),
            ("title", text(number, 20, 60)),
            ("description", text(number, 60, 180)),
            ("userId", user_id(number % self.users.max(1))),
            ("createdAt", created.clone()),
            ("updatedAt", created),
            ("writeId", format!("{number:032x}")),
        ]
    }

    pub(crate) fn post(&self, number: usize) -> Texts {
        let created = time(number);
        let thread = if number < self.crowd { 0 } else { number % self.threads.max(1) };
        vec![
            ("postId", post_id(number)),
            ("threadId", thread_id(thread)),
            ("userId", user_id(number % self.users.max(1))),
            ("content", text(number, 100, 300)),
            ("createdAt", created.clone()),
            ("updatedAt", created),
            ("writeId", format!("{number:032x}")),
        ]
    }

    /// The tables with their items, in the order in which they refer to each other.
    fn tables(&self) -> [Items; 3] {
        [
            (&user::TABLE, self.users, Self::user),
            (&thread::TABLE, self.threads, Self::thread),
            (&post::TABLE, self.posts, Self::post),
        ]
    }

    fn name(&self) -> String {
        let Self { users, threads, posts, crowd } = self;
        format!("{users}-users-{threads}-threads-{posts}-posts-{crowd}-in-one")
    }

    /// A JSON store of it, kept from run to run; for reading only. Written as a snapshot, as a person would, which the store then
    /// takes over.
    pub(crate) async fn json_store(&self, place: &Place) -> Result<PathBuf> {
        let data = place.work.join("data");
        let dir = data.join(self.name());
        if dir.exists() {
            return Ok(dir);
        }
        eprintln!("  making {}", self.name());
        let new = data.join("new");
        if new.exists() {
            std::fs::remove_dir_all(&new)?;
        }
        std::fs::create_dir_all(&new)?;
        for (table, count, item) in self.tables() {
            let items = (0..count).map(|number| json(item(self, number)));
            write_array(&new.join(format!("{}.json", table.name)), items)?;
        }
        JsonStore::open(&TABLES, JsonOptions::new(&new)).await?.close().await?;
        std::fs::rename(&new, &dir)?;
        Ok(dir)
    }

    /// The file that json-server serves: each item has an `id`.
    pub(crate) fn json_server_file(&self, dir: &Path) -> Result<PathBuf> {
        let of_table = |(table, count, item): Items| {
            let named =
                |texts: Texts| texts.into_iter().map(|(name, value)| (if name == table.hash { "id" } else { name }, value));
            let items = (0..count).map(|number| json(named(item(self, number)).collect())).collect();
            (table.name.to_owned(), Value::Array(items))
        };
        let path = dir.join("db.json");
        let tables: Map<_, _> = self.tables().into_iter().map(of_table).collect();
        serde_json::to_writer(BufWriter::new(File::create(&path)?), &tables)?;
        Ok(path)
    }

    /// Loads it into a store.
    pub(crate) async fn load(&self, store: &dyn Store) -> Result<()> {
        for (table, count, item) in self.tables() {
            let items = (0..count).map(|number| Item::parse(&json(item(self, number)).to_string()));
            store
                .load(table, Box::pin(futures::stream::iter(items)))
                .await
                .with_context(|| format!("cannot load {}", table.name))?;
        }
        Ok(())
    }
}

pub(crate) fn user_id(number: usize) -> String {
    format!("u{number:07}")
}

pub(crate) fn thread_id(number: usize) -> String {
    format!("t{number:07}")
}

pub(crate) fn post_id(number: usize) -> String {
    format!("p{number:07}")
}

/// The number that a post's id is made of.
pub(crate) fn post_number(id: &str) -> Option<usize> {
    id.strip_prefix('p')?.parse().ok()
}

/// Some text of about that length, the same for the same number.
pub(crate) fn text(number: usize, shortest: usize, longest: usize) -> String {
    let length = shortest + number.wrapping_mul(7919) % (longest - shortest);
    TEXT.get(..length).unwrap_or(TEXT).trim_end().to_owned()
}

fn time(number: usize) -> String {
    let seconds = EPOCH.saturating_add(i64::try_from(number).unwrap_or_default());
    DateTime::from_timestamp(seconds, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn json(texts: Texts) -> Value {
    let mut item: Map<_, _> = texts.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
    item.insert("version".to_owned(), Value::from(1));
    Value::Object(item)
}

fn write_array(path: &Path, items: impl Iterator<Item = Value>) -> Result<()> {
    let mut file = BufWriter::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?);
    let mut separator = "[\n";
    for item in items {
        file.write_all(separator.as_bytes())?;
        serde_json::to_writer(&mut file, &item)?;
        separator = ",\n";
    }
    file.write_all(if separator == "[\n" { b"[\n]\n" } else { b"\n]\n" })?;
    Ok(file.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use db_adapter::{Key, Read};

    #[tokio::test]
    async fn a_forum_is_what_the_stores_take() {
        let dir = tempfile::tempdir().unwrap();
        let store = JsonStore::open(&TABLES, JsonOptions::new(dir.path())).await.unwrap();
        let forum = Forum { users: 3, threads: 2, posts: 5, crowd: 4 };
        forum.load(&store).await.unwrap();
        for table in db_adapter::forum::TABLES {
            assert_eq!(store.check(table).await.unwrap(), []);
        }
        let find =
            async |number, thread| store.get(&post::TABLE, &Key::pair(post_id(number), thread_id(thread)), &Read::STRONG).await;
        assert!(find(3, 0).await.unwrap().is_some() && find(4, 0).await.unwrap().is_some());
        assert!(find(3, 1).await.unwrap().is_none());
    }

    #[test]
    fn json_server_finds_items_by_id() {
        let dir = tempfile::tempdir().unwrap();
        let path = Forum::of_users(2).json_server_file(dir.path()).unwrap();
        let db: Value = serde_json::from_reader(File::open(path).unwrap()).unwrap();
        assert_eq!(db["users"][1]["id"], "u0000001");
        assert_eq!(db["posts"], Value::Array(vec![]));
    }
}
