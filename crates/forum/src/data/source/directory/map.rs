//! `--map FILE`: what another program's lists and attributes are called, where `forum migrate` does not know it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use db_adapter::Table;
use serde::Deserialize;

/// The file: `[collections]` with `table = "list"`, and for each table `ours = "theirs"`. A dot leads inside.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Map {
    #[serde(default)]
    collections: BTreeMap<String, String>,
    #[serde(flatten)]
    tables: BTreeMap<String, BTreeMap<String, String>>,
}

impl Map {
    /// Reads the file.
    ///
    /// # Errors
    /// Names the file and the line, or the name that is not known with those that are.
    pub(super) fn read(file: &Path, tables: &[&'static Table]) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let map: Self = toml::from_str(&text).with_context(|| format!("{} is no map", file.display()))?;
        let known = tables.iter().map(|table| table.name).collect::<Vec<_>>().join(", ");
        for name in map.collections.keys().chain(map.tables.keys()) {
            if !tables.iter().any(|table| table.name == name) {
                bail!("{}: there is no table {name}; expected one of collections, {known}", file.display());
            }
        }
        for table in tables {
            for (ours, theirs) in map.attributes(table) {
                if table.attribute(ours).is_none_or(|known| !known.is_visible()) {
                    let names: Vec<_> =
                        table.attributes.iter().filter(|known| known.is_visible()).map(|known| known.name).collect();
                    bail!("{}: {} have no attribute {ours}; expected one of {}", file.display(), table.name, names.join(", "));
                }
                check(file, &format!("{}.{ours}", table.name), theirs)?;
            }
        }
        map.collections.iter().try_for_each(|(name, theirs)| check(file, &format!("collections.{name}"), theirs))?;
        Ok(map)
    }

    /// Where the table's list is: names that lead from the file to it.
    pub(super) fn collection(&self, table: &Table) -> Option<Vec<String>> {
        self.collections.get(table.name).map(|path| split(path))
    }

    /// Every name on the way to a list.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.collections.values().flat_map(|path| path.split('.'))
    }

    /// Our name of each mapped attribute of the table, and theirs.
    pub(super) fn attributes(&self, table: &Table) -> impl Iterator<Item = (&str, &str)> {
        self.tables.get(table.name).into_iter().flatten().map(|(ours, theirs)| (ours.as_str(), theirs.as_str()))
    }
}

fn check(file: &Path, name: &str, path: &str) -> Result<()> {
    if path.split('.').any(str::is_empty) {
        bail!("{}: {name} is {path:?}; expected names with dots between them, as in \"author.id\"", file.display());
    }
    Ok(())
}

/// The names of a path.
pub(super) fn split(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use db_adapter::forum::{TABLES, post};

    fn read(text: &str) -> Result<Map> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("map.toml");
        std::fs::write(&file, text).unwrap();
        Map::read(&file, &TABLES)
    }

    #[test]
    fn a_map_has_lists_and_attributes() {
        let map = read("[collections]\nposts = \"topics.answers\"\n[posts]\nuserId = \"author.id\"\n").unwrap();
        assert_eq!(map.collection(&post::TABLE).unwrap(), ["topics", "answers"]);
        assert_eq!(map.attributes(&post::TABLE).collect::<Vec<_>>(), [("userId", "author.id")]);
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_allowed() {
        let tables = TABLES.map(|table| table.name).join(", ");
        let no_table = format!("there is no table post; expected one of collections, {tables}");
        for (text, named) in [
            ("x", "is no map"),
            ("[post]\na = \"b\"", no_table.as_str()),
            ("[collections]\nboards = \"b\"", "there is no table boards"),
            ("[posts]\nbody = \"text\"", "posts have no attribute body; expected one of postId, threadId"),
            ("[posts]\nwriteId = \"text\"", "posts have no attribute writeId"),
            ("[posts]\ncontent = \"a..b\"", "posts.content is \"a..b\"; expected names with dots"),
            ("[posts]\ncontent = 5", "is no map"),
        ] {
            let error = format!("{:#}", read(text).unwrap_err());
            assert!(error.contains("map.toml") && error.contains(named), "{text}: {error}");
        }
    }
}
