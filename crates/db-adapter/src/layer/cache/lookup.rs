//! What can be looked up in the cache.

use super::generation::Scope;
use crate::store::Store;
use crate::store::error::Result;
use crate::store::page::{Order, Page, Query, Read, Scan};
use crate::store::schema::{Key, Table};

/// A read that the cache may serve.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lookup<'a> {
    /// One item, whole.
    Item(&'static Table, &'a Key),
    /// The first page of a query.
    Query(&'static Table, &'a Query),
    /// The first page of a scan without a segment.
    Scan(&'static Table, &'a Scan),
}

/// What tells lookups apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct EntryKey {
    table: &'static str,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum What {
    Item(Key),
    Query {
        index: &'static str,
        partition: String,
        order: Order,
        from: Option<String>,
        to: Option<String>,
        limit: usize,
        attributes: Option<Vec<String>>,
    },
    Scan {
        limit: usize,
        attributes: Option<Vec<String>>,
    },
}

impl<'a> Lookup<'a> {
    pub(super) fn table(self) -> &'static Table {
        match self {
            Self::Item(table, _) | Self::Query(table, _) | Self::Scan(table, _) => table,
        }
    }

    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Item(..) => "item",
            Self::Query(..) => "query",
            Self::Scan(..) => "scan",
        }
    }

    pub(super) fn entry_key(self) -> EntryKey {
        let what = match self {
            Self::Item(_, key) => What::Item(key.clone()),
            Self::Query(_, query) => What::Query {
                index: query.index.name,
                partition: query.partition.clone(),
                order: query.order,
                from: query.from.clone(),
                to: query.to.clone(),
                limit: query.limit,
                attributes: query.attributes.clone(),
            },
            Self::Scan(_, scan) => What::Scan { limit: scan.limit, attributes: scan.attributes.clone() },
        };
        EntryKey { table: self.table().name, what }
    }

    /// What the result depends on: the narrow scope and the wide one around it.
    pub(super) fn scopes(self) -> [Scope<'a>; 2] {
        let table = self.table().name;
        match self {
            Self::Item(_, key) => [Scope::Item { table, hash: &key.hash }, Scope::Items { table }],
            Self::Query(_, query) => {
                let index = query.index.name;
                [Scope::Partition { table, index, partition: &query.partition }, Scope::Index { table, index }]
            }
            Self::Scan(..) => [Scope::Scan { table }, Scope::Items { table }],
        }
    }

    /// Asks the store.
    pub(super) async fn read(self, store: &dyn Store) -> Result<Page> {
        match self {
            Self::Item(table, key) => {
                let found = store.get(table, key, &Read::default()).await?;
                Ok(Page { items: found.into_iter().collect(), next: None })
            }
            Self::Query(table, query) => store.query(table, query).await,
            Self::Scan(table, scan) => store.scan(table, scan).await,
        }
    }
}

impl EntryKey {
    /// Bytes of its texts.
    pub(super) fn bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let names = |names: &Option<Vec<String>>| names.iter().flatten().map(|name| name.len() + size_of::<String>()).sum();
        match &self.what {
            What::Item(Key { hash, range }) => hash.len() + text(range),
            What::Query { partition, from, to, attributes, .. } => {
                let attributes: usize = names(attributes);
                partition.len() + text(from) + text(to) + attributes
            }
            What::Scan { attributes, .. } => names(attributes),
        }
    }
}
