//! Sample data, which is declared with the tables and so is part of the binary.

use std::fmt;

use anyhow::{Context, Result};
use db_adapter::forum::in_reference_order;
use db_adapter::{Attributes, Error, Item, Rule, Scan, Store, Table};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::Tables;
use crate::output::per_table;

/// The number of items of each table, in the order in which they are created.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counts(Vec<(&'static str, u64)>);

/// An object with the number of each table.
impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&per_table(self.0.iter().copied()))
    }
}

/// Creates the sample items that do not exist yet, and returns their number. Existing items are left unchanged.
///
/// # Errors
/// When the store fails; items that were created before are kept.
pub(crate) async fn seed(store: &dyn Store, tables: Tables) -> Result<Counts> {
    let mut counts = Vec::new();
    for table in in_reference_order(tables) {
        let mut created = 0;
        for attributes in samples(table)? {
            match store.create(table, attributes).await {
                Ok(_) => created += 1,
                Err(Error::Conflict { rule: Rule::Key }) => {}
                Err(error) => return Err(error).with_context(|| format!("cannot write the sample {}", table.name)),
            }
        }
        counts.push((table.name, created));
    }
    Ok(Counts(counts))
}

/// Are all tables empty?
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn is_empty(store: &dyn Store, tables: Tables) -> Result<bool> {
    for table in tables {
        if !store.scan(table, &Scan::new(1)).await?.items.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn samples(table: &Table) -> Result<Vec<Attributes>> {
    let items = serde_json::from_str::<Vec<&RawValue>>(table.samples);
    let items = items.with_context(|| format!("the samples of {}", table.name))?;
    items.into_iter().map(|item| Ok(Item::parse(item.get())?.attributes()?)).collect()
}

/// The number of sample items that are declared.
pub(crate) fn declared(tables: Tables) -> Counts {
    let count = |table: &'static Table| (table.name, samples(table).map_or(0, |samples| samples.len() as u64));
    Counts(in_reference_order(tables).into_iter().map(count).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use db_adapter::forum::TABLES;
    use db_adapter::json::{JsonOptions, JsonStore};

    #[tokio::test]
    async fn seeding_twice_creates_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = JsonStore::open(&TABLES, JsonOptions::new(dir.path())).await.unwrap();
        assert!(is_empty(&store, &TABLES).await.unwrap());
        let [first, second] =
            [seed(&store, &TABLES).await.unwrap().to_string(), seed(&store, &TABLES).await.unwrap().to_string()];
        assert!(first.starts_with("3 users, 1 action, 2 threads, 2 posts"), "{first}");
        let counts: Vec<_> = first.split([',', ' ']).filter_map(|word| word.parse::<usize>().ok()).collect();
        assert_eq!(
            counts,
            in_reference_order(&TABLES).into_iter().map(|table| samples(table).unwrap().len()).collect::<Vec<_>>()
        );
        assert!(second.split(", ").all(|count| count.starts_with("0 ")), "{second}");
        assert!(!is_empty(&store, &TABLES).await.unwrap());
    }
}
