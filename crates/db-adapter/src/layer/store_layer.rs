//! What every layer does by itself: it passes operations on.

use std::fmt::Debug;

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::store::{Attributes, Finding, Health, Item, Key, Page, Query, Read, Result, Scan, Store, Table, Tag, Update};

/// A [`Store`] in front of another one. It overrides the operations that it changes; the store behind does the others.
///
/// A layer must keep the promises of [`Store`]. A call through it costs one boxed future, as a call of any store does. Both traits
/// have methods of the same names: where layers are called, import [`Store`] only.
pub trait StoreLayer: Debug + Send + Sync {
    /// The store behind.
    fn inner(&self) -> &dyn Store;

    /// See [`Store::get`].
    fn get(&self, table: &'static Table, key: &Key, read: &Read) -> impl Future<Output = Result<Option<Item>>> + Send {
        async move { self.inner().get(table, key, read).await }
    }

    /// See [`Store::get_many`].
    fn get_many(&self, keys: &[(&'static Table, Key)], read: &Read) -> impl Future<Output = Result<Vec<Option<Item>>>> + Send {
        async move { self.inner().get_many(keys, read).await }
    }

    /// See [`Store::query`].
    fn query(&self, table: &'static Table, query: &Query) -> impl Future<Output = Result<Page>> + Send {
        async move { self.inner().query(table, query).await }
    }

    /// See [`Store::scan`].
    fn scan(&self, table: &'static Table, scan: &Scan) -> impl Future<Output = Result<Page>> + Send {
        async move { self.inner().scan(table, scan).await }
    }

    /// See [`Store::create`].
    fn create(&self, table: &'static Table, attributes: Attributes) -> impl Future<Output = Result<Item>> + Send {
        async move { self.inner().create(table, attributes).await }
    }

    /// See [`Store::update`].
    fn update(&self, table: &'static Table, key: &Key, update: &Update) -> impl Future<Output = Result<Item>> + Send {
        async move { self.inner().update(table, key, update).await }
    }

    /// See [`Store::delete`].
    fn delete(&self, table: &'static Table, key: &Key, expected: Option<&Tag>) -> impl Future<Output = Result<()>> + Send {
        async move { self.inner().delete(table, key, expected).await }
    }

    /// See [`Store::load`].
    fn load(&self, table: &'static Table, items: BoxStream<'_, Result<Item>>) -> impl Future<Output = Result<u64>> + Send {
        async move { self.inner().load(table, items).await }
    }

    /// See [`Store::check`].
    fn check(&self, table: &'static Table) -> impl Future<Output = Result<Vec<Finding>>> + Send {
        async move { self.inner().check(table).await }
    }

    /// See [`Store::repair`].
    fn repair(&self, table: &'static Table, finding: &Finding) -> impl Future<Output = Result<()>> + Send {
        async move { self.inner().repair(table, finding).await }
    }

    /// See [`Store::health`].
    fn health(&self, table: &'static Table) -> impl Future<Output = Health> + Send {
        async move { self.inner().health(table).await }
    }

    /// See [`Store::close`].
    fn close(&self) -> impl Future<Output = Result<()>> + Send {
        async move { self.inner().close().await }
    }
}

#[async_trait]
impl<L: StoreLayer> Store for L {
    async fn get(&self, table: &'static Table, key: &Key, read: &Read) -> Result<Option<Item>> {
        StoreLayer::get(self, table, key, read).await
    }

    async fn get_many(&self, keys: &[(&'static Table, Key)], read: &Read) -> Result<Vec<Option<Item>>> {
        StoreLayer::get_many(self, keys, read).await
    }

    async fn query(&self, table: &'static Table, query: &Query) -> Result<Page> {
        StoreLayer::query(self, table, query).await
    }

    async fn scan(&self, table: &'static Table, scan: &Scan) -> Result<Page> {
        StoreLayer::scan(self, table, scan).await
    }

    async fn create(&self, table: &'static Table, attributes: Attributes) -> Result<Item> {
        StoreLayer::create(self, table, attributes).await
    }

    async fn update(&self, table: &'static Table, key: &Key, update: &Update) -> Result<Item> {
        StoreLayer::update(self, table, key, update).await
    }

    async fn delete(&self, table: &'static Table, key: &Key, expected: Option<&Tag>) -> Result<()> {
        StoreLayer::delete(self, table, key, expected).await
    }

    async fn load(&self, table: &'static Table, items: BoxStream<'_, Result<Item>>) -> Result<u64> {
        StoreLayer::load(self, table, items).await
    }

    async fn check(&self, table: &'static Table) -> Result<Vec<Finding>> {
        StoreLayer::check(self, table).await
    }

    async fn repair(&self, table: &'static Table, finding: &Finding) -> Result<()> {
        StoreLayer::repair(self, table, finding).await
    }

    async fn health(&self, table: &'static Table) -> Health {
        StoreLayer::health(self, table).await
    }

    async fn close(&self) -> Result<()> {
        StoreLayer::close(self).await
    }
}
