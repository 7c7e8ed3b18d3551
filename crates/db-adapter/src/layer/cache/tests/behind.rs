//! A store whose reads are counted, and whose results are held back or replaced by failures when told.

use crate::forum::TABLES;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::*;
use crate::backend::json::{JsonOptions, JsonStore};

/// Files behind the cache that count reads, hold results back and fail when told.
#[derive(Debug)]
pub(super) struct Behind {
    pub(super) store: JsonStore,
    reads: AtomicUsize,
    /// Results that are ready, also those held back.
    ready: AtomicUsize,
    held: AtomicBool,
    pub(super) let_go: Semaphore,
    failures: Mutex<Vec<Error>>,
    _dir: TempDir,
}

impl Behind {
    pub(super) async fn new() -> Arc<Self> {
        let dir = tempfile::tempdir().unwrap();
        Arc::new(Self {
            store: JsonStore::open(&TABLES, JsonOptions::new(dir.path())).await.unwrap(),
            reads: AtomicUsize::new(0),
            ready: AtomicUsize::new(0),
            held: AtomicBool::new(false),
            let_go: Semaphore::new(0),
            failures: Mutex::default(),
            _dir: dir,
        })
    }

    pub(super) fn reads(&self) -> usize {
        self.reads.swap(0, SeqCst)
    }

    async fn release<T>(&self, result: Result<T>) -> Result<T> {
        let failure = self.failures.lock().unwrap().pop();
        let held = self.held.load(SeqCst);
        self.ready.fetch_add(1, SeqCst);
        if held {
            self.let_go.acquire().await.unwrap().forget();
        }
        failure.map_or(result, Err)
    }

    /// Results are held back from now on.
    pub(super) fn hold(&self) {
        self.ready.store(0, SeqCst);
        self.held.store(true, SeqCst);
    }

    /// Later results pass; those that are held wait on.
    pub(super) async fn hold_no_more_than(&self, held: usize) {
        while self.ready.load(SeqCst) < held {
            tokio::task::yield_now().await;
        }
        self.held.store(false, SeqCst);
    }

    pub(super) fn fail(&self, error: Error) {
        self.failures.lock().unwrap().push(error);
    }
}

impl crate::layer::StoreLayer for Behind {
    fn inner(&self) -> &dyn Store {
        &self.store
    }

    async fn get(&self, table: &'static Table, key: &Key, read: &Read) -> Result<Option<Item>> {
        self.reads.fetch_add(1, SeqCst);
        self.release(self.store.get(table, key, read).await).await
    }

    async fn get_many(&self, keys: &[(&'static Table, Key)], read: &Read) -> Result<Vec<Option<Item>>> {
        self.reads.fetch_add(1, SeqCst);
        self.release(self.store.get_many(keys, read).await).await
    }

    async fn query(&self, table: &'static Table, query: &Query) -> Result<Page> {
        self.reads.fetch_add(1, SeqCst);
        self.release(self.store.query(table, query).await).await
    }

    async fn scan(&self, table: &'static Table, scan: &Scan) -> Result<Page> {
        self.reads.fetch_add(1, SeqCst);
        self.release(self.store.scan(table, scan).await).await
    }

    async fn create(&self, table: &'static Table, attributes: Attributes) -> Result<Item> {
        self.release(self.store.create(table, attributes).await).await
    }

    async fn update(&self, table: &'static Table, key: &Key, update: &Update) -> Result<Item> {
        self.release(self.store.update(table, key, update).await).await
    }

    async fn delete(&self, table: &'static Table, key: &Key, expected: Option<&Tag>) -> Result<()> {
        self.release(self.store.delete(table, key, expected).await).await
    }
}
