//! Which lists of a folder are those of which table, and who the users are.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use db_adapter::forum::{post, thread, user};
use db_adapter::{Attributes, Table};

use super::authors::{Authors, Known};
use super::files::{self, Collection};
use super::nested::Nested;
use super::record::{self, Mapped};
use super::{Directory, Part};

impl Directory {
    /// Chooses the lists of each table.
    pub(super) fn choose(&mut self, collections: &[Collection], tables: &[&'static Table]) -> Result<()> {
        let mut used: Vec<&Collection> = Vec::new();
        let of = |table: &'static Table| files::of_table(collections, table);
        let has = |wanted: &Table| tables.iter().any(|table| table.name == wanted.name);
        let map = Arc::clone(&self.rules);
        let is_mapped = |table: &Table| map.map.collection(table).is_some();
        let threads = of(&thread::TABLE);
        if has(&thread::TABLE)
            && has(&post::TABLE)
            && threads.is_empty()
            && !is_mapped(&thread::TABLE)
            && !is_mapped(&post::TABLE)
        {
            let first = of(&post::TABLE).into_iter().find(|collection| record::plain(&collection.name) == "posts");
            self.posts_are_threads = first.is_some_and(|first| !first.names().any(files::is_thread));
        }
        for table in tables.iter().copied() {
            let mut parts = Vec::new();
            if let Some(path) = self.rules.map.collection(table) {
                let (collection, inside) = files::at(collections, &path).with_context(|| {
                    format!(
                        "{} has no list {:?} for {}{}",
                        self.folder.display(),
                        path.join("."),
                        table.name,
                        files::lists_there_are(collections.iter())
                    )
                })?;
                used.push(collection);
                if table.name == post::TABLE.name {
                    self.nested = if inside.is_empty() { Nested::Nothing } else { Nested::Path(inside.to_vec()) };
                } else if !inside.is_empty() {
                    bail!("--map: {} cannot be inside {}; only posts can be inside threads", table.name, collection.name);
                }
                parts.push(Part { collection: collection.clone(), inside: !inside.is_empty() });
            } else {
                let candidates: Vec<_> = if self.posts_are_threads && table.name == thread::TABLE.name {
                    of(&post::TABLE).into_iter().filter(|collection| record::plain(&collection.name) == "posts").collect()
                } else if self.posts_are_threads && table.name == post::TABLE.name {
                    of(&post::TABLE).into_iter().filter(|collection| record::plain(&collection.name) != "posts").collect()
                } else {
                    of(table)
                };
                if let Some((first, others)) = candidates.split_first() {
                    let other =
                        |other: &&&Collection| record::plain(&other.name) != record::plain(&first.name) && !other.is_empty();
                    if let Some(other) = others.iter().find(other) {
                        bail!(
                            "{} and {} both look like {}; say in a --map which one is: [collections] {} = {:?}",
                            first.place(),
                            other.place(),
                            table.name,
                            table.name,
                            first.name
                        );
                    }
                    used.push(first);
                    parts.push(Part { collection: (*first).clone(), inside: false });
                }
            }
            self.sources.push((table, parts));
        }
        if has(&post::TABLE) && !is_mapped(&post::TABLE) {
            let threads = self.parts(&thread::TABLE).first().map(|part| part.collection.clone());
            let inside = threads.map(|collection| Part { collection, inside: true });
            let needed = self.parts(&post::TABLE).is_empty();
            let inside = match inside {
                Some(part) if needed && !self.posts_are_threads => self.has_posts_inside(&part)?.then_some(part),
                part => part,
            };
            if let Some((_, parts)) = self.sources.iter_mut().find(|(table, _)| table.name == post::TABLE.name) {
                parts.extend(inside);
            }
        }
        let is_used = |collection: &&Collection| used.iter().any(|used| used.place() == collection.place());
        self.unread = collections.iter().filter(|collection| !is_used(collection)).map(Collection::place).collect();
        Ok(())
    }

    fn has_posts_inside(&self, part: &Part) -> Result<bool> {
        let mut found = false;
        let mut mapper = self.mapper(&thread::TABLE);
        part.collection.each(&mut |_, text, id| {
            found = match mapper.next(text, id) {
                Ok(Mapped::Record(record)) => !record.children.is_empty(),
                Ok(Mapped::LeftOut { inside, .. }) => inside > 0,
                Err(_) => false,
            };
            Ok(!found)
        })?;
        Ok(found)
    }

    /// Finds out who the users are.
    pub(super) fn find_authors(&mut self, tables: &[&'static Table]) -> Result<()> {
        let Some(users) = tables.iter().find(|table| table.name == user::TABLE.name) else { return Ok(()) };
        let writers: Vec<_> =
            tables.iter().copied().filter(|table| table.name != user::TABLE.name && !self.parts(table).is_empty()).collect();
        if writers.is_empty() {
            return Ok(());
        }
        if let Some(part) = self.parts(users).first() {
            let names: Vec<_> = part.collection.names().collect();
            if names.contains(&db_adapter::schema::VERSION) && names.contains(&user::TABLE.hash) {
                return Ok(());
            }
            let mut known = Known::default();
            self.records(users, &mut |_, mapped| {
                if let Ok(Mapped::Record(record)) = mapped {
                    let names = ["username", "name"].into_iter().filter_map(|name| record.item.text(name));
                    known.add(record.key.hash.clone(), names);
                }
                Ok(true)
            })?;
            self.authors = Authors::Known(Arc::new(known));
            return Ok(());
        }
        self.authors = Authors::Made;
        let mut seen = HashSet::new();
        let mut made = Vec::new();
        let missing = self.rules.missing_user.clone();
        for table in writers {
            self.records(table, &mut |_, mapped| {
                if let Ok(Mapped::Record(record)) = mapped {
                    let author = record.author.or_else(|| {
                        let id = missing.as_deref().filter(|_| record.notes.missing_user)?;
                        let attributes =
                            [(user::TABLE.hash, id), ("name", id)].map(|(name, value)| (name.to_owned(), value.into()));
                        Some(Attributes::from(attributes))
                    });
                    if let Some(author) = author
                        && let Some(id) = author.get(user::TABLE.hash).and_then(db_adapter::Value::as_str)
                        && seen.insert(id.to_owned())
                    {
                        made.push(author);
                    }
                }
                Ok(true)
            })?;
        }
        self.made = Arc::new(made);
        Ok(())
    }
}
