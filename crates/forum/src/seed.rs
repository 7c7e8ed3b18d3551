//! Sample data: 3 users, 2 threads, 2 posts from `data/seed/`, part of the binary.

use std::fmt;

use anyhow::{Context, Result};
use clap::Args;
use db_adapter::config::StoreConfig;
use db_adapter::forum::{TABLES, in_reference_order};
use db_adapter::{Attributes, Error, Item, Rule, Scan, Store};

use crate::Outcome;

/// Write the sample data: 3 users, 2 threads, 2 posts; repeatable
#[derive(Debug, Args)]
#[command(after_help = "Example: USE_DYNAMODB=true forum seed --endpoint http://localhost:8000")]
pub(crate) struct Arguments {
    #[command(flatten)]
    store: StoreConfig,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    let store = arguments.store.open().await?;
    let seeded = seed(&*store).await?;
    store.close().await?;
    println!("created {seeded}; existing items were left unchanged");
    Ok(Outcome::Done)
}

/// How many items of each table were created; those that were there are not counted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seeded(Vec<(&'static str, usize)>);

impl fmt::Display for Seeded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = self.0.iter().map(|(table, count)| format!("{count} {table}")).collect();
        formatter.write_str(&counts.join(", "))
    }
}

/// Creates the sample items that are not there yet; never changes one that is.
pub(crate) async fn seed(store: &dyn Store) -> Result<Seeded> {
    let mut counts = Vec::new();
    for table in in_reference_order() {
        let mut created = 0;
        for attributes in items(table.samples).with_context(|| format!("data/seed/{}.json", table.name))? {
            match store.create(table, attributes).await {
                Ok(_) => created += 1,
                Err(Error::Conflict { rule: Rule::Key }) => {}
                Err(error) => return Err(error).with_context(|| format!("cannot write the sample {}", table.name)),
            }
        }
        counts.push((table.name, created));
    }
    Ok(Seeded(counts))
}

/// Is there no item in any table?
pub(crate) async fn is_empty(store: &dyn Store) -> Result<bool> {
    for table in TABLES {
        if !store.scan(table, &Scan::new(1)).await?.items.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn items(file: &str) -> Result<Vec<Attributes>> {
    let items: Vec<&serde_json::value::RawValue> = serde_json::from_str(file)?;
    items.into_iter().map(|item| Ok(Item::parse(item.get())?.attributes()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use db_adapter::json::{JsonOptions, JsonStore};

    #[tokio::test]
    async fn seeding_twice_creates_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = JsonStore::open(&TABLES, JsonOptions::new(dir.path())).await.unwrap();
        assert!(is_empty(&store).await.unwrap());
        assert_eq!(seed(&store).await.unwrap().to_string(), "3 users, 2 threads, 2 posts");
        assert_eq!(seed(&store).await.unwrap().to_string(), "0 users, 0 threads, 0 posts");
        assert!(!is_empty(&store).await.unwrap());
    }
}
