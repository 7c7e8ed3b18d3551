//! A span for each call.

use std::sync::Arc;

use futures::stream::BoxStream;
use tracing::{Instrument, Span, debug_span, field};

use crate::layer::StoreLayer;
use crate::store::{Attributes, Finding, Item, Key, Page, Query, Read, Result, Scan, Store, Table, Tag, Update};

/// A store whose calls are spans named `store`, for whoever follows requests by their spans. Only where somebody does: elsewhere the
/// store goes without it.
#[derive(Debug)]
pub struct TracedStore {
    inner: Arc<dyn Store>,
}

impl TracedStore {
    /// In front of that store.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner }
    }
}

fn span(operation: &'static str, table: &str) -> Span {
    debug_span!("store", otel.name = operation, table, error = field::Empty)
}

/// The call in its span, with what went wrong: a condition that does not hold is no failure of the store.
async fn within<T>(span: Span, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let result = call.instrument(span.clone()).await;
    if let Err(error) = &result {
        span.record("error", field::display(error));
    }
    result
}

impl StoreLayer for TracedStore {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }

    async fn get(&self, table: &'static Table, key: &Key, read: &Read) -> Result<Option<Item>> {
        within(span("store.get", table.name), self.inner.get(table, key, read)).await
    }

    async fn get_many(&self, keys: &[(&'static Table, Key)], read: &Read) -> Result<Vec<Option<Item>>> {
        let table = keys.first().map_or("", |(table, _)| table.name);
        within(span("store.get_many", table), self.inner.get_many(keys, read)).await
    }

    async fn query(&self, table: &'static Table, query: &Query) -> Result<Page> {
        within(span("store.query", table.name), self.inner.query(table, query)).await
    }

    async fn scan(&self, table: &'static Table, scan: &Scan) -> Result<Page> {
        within(span("store.scan", table.name), self.inner.scan(table, scan)).await
    }

    async fn create(&self, table: &'static Table, attributes: Attributes) -> Result<Item> {
        within(span("store.create", table.name), self.inner.create(table, attributes)).await
    }

    async fn update(&self, table: &'static Table, key: &Key, update: &Update) -> Result<Item> {
        within(span("store.update", table.name), self.inner.update(table, key, update)).await
    }

    async fn delete(&self, table: &'static Table, key: &Key, expected: Option<&Tag>) -> Result<()> {
        within(span("store.delete", table.name), self.inner.delete(table, key, expected)).await
    }

    async fn load(&self, table: &'static Table, items: BoxStream<'_, Result<Item>>) -> Result<u64> {
        within(span("store.load", table.name), self.inner.load(table, items)).await
    }

    async fn check(&self, table: &'static Table) -> Result<Vec<Finding>> {
        within(span("store.check", table.name), self.inner.check(table)).await
    }

    async fn repair(&self, table: &'static Table, finding: &Finding) -> Result<()> {
        within(span("store.repair", table.name), self.inner.repair(table, finding)).await
    }
}
