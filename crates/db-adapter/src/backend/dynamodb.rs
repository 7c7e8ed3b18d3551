//! The DynamoDB backend: one file per concern.
//!
//! - `client`: the SDK's configuration. `call`: one call with its span, metrics and attempts. `error`: faults, mapped once.
//!   `response`: what is read and shown of a response that may not be DynamoDB's. `causes`: what is behind an error of the SDK.
//! - `read`, `write`: the operations on single items and lists. `pages`: where a list ends. `expression`: names, values and
//!   conditions.
//! - `claim`: what keeps unique attributes unique. `unique`: the transactions in which items and claims change together.
//! - `retry`: retries that the SDK does not make.
//! - `bulk`: load. `check`: integrity. `health`. `tables`: create and delete the tables.
//! - `heartbeat`: what tells other Regions how late they are.
//! - `control`: the table with the lease that says which Region writes.

mod attribute_value;
mod bulk;
mod call;
mod causes;
mod check;
mod claim;
mod client;
mod control;
mod error;
mod expression;
mod health;
mod heartbeat;
mod metrics;
mod pages;
mod read;
mod response;
mod retry;
mod unique;
mod write;

pub mod tables;

pub use control::{ControlTable, Replicas};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use futures::FutureExt;
use futures::stream::BoxStream;

// A circle: the store is declared here, and each file below adds operations to it.
use call::Call;

use crate::store::Store;
use crate::store::check::{BrokenItems, Finding};
use crate::store::error::{Error, Result};
use crate::store::grant::{Clock, Grant, SystemClock};
use crate::store::health::Health;
use crate::store::item::{Attributes, Item, Tag};
use crate::store::merge;
use crate::store::page::{Page, Query, Read, Scan};
use crate::store::schema::{Key, Table};
use crate::store::update::Update;

/// Where the tables are and how long to wait for them.
#[derive(Debug, Clone)]
pub struct DynamoOptions {
    /// The AWS region.
    pub region: String,
    /// The URL of DynamoDB Local; the region's own endpoint where `None`. A plain `http:` one needs no credentials: without an
    /// access key in the environment a dummy is used.
    pub endpoint: Option<String>,
    /// The DynamoDB table of each declared table, by [`Table::name`]; one that is missing has its [`Table::default_name`].
    pub tables: BTreeMap<&'static str, String>,
    /// For a connection to be made.
    pub connect_timeout: Duration,
    /// For one attempt of a call.
    pub attempt_timeout: Duration,
    /// For a call with all its attempts, and for the retries that an operation makes by itself.
    pub operation_timeout: Duration,
    /// Checked before each attempt of a write is sent; `None`: writes are always allowed.
    pub grant: Option<Arc<Grant>>,
    /// Tells which items are past their time.
    pub clock: Arc<dyn Clock>,
}

impl DynamoOptions {
    /// The tables' default names, one second to connect, two for an attempt, six for an operation.
    pub fn new(region: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            endpoint: None,
            tables: BTreeMap::new(),
            connect_timeout: Duration::from_secs(1),
            attempt_timeout: Duration::from_secs(2),
            operation_timeout: Duration::from_secs(6),
            grant: None,
            clock: Arc::new(SystemClock),
        }
    }
}

/// The store on Amazon DynamoDB.
#[derive(Debug)]
pub struct DynamoStore {
    schema: &'static [&'static Table],
    client: Client,
    options: DynamoOptions,
    health: health::Cache,
    metrics: metrics::Metrics,
    closed: AtomicBool,
    broken: BrokenItems,
}

impl DynamoStore {
    /// The store of these tables: makes the client and obtains credentials. Does not ask whether the tables exist: see [`Store::health`]. A recorder for its
    /// metrics must be installed before.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there are no credentials.
    pub async fn open(schema: &'static [&'static Table], options: DynamoOptions) -> Result<Self> {
        let client = client::connect(&options).await?;
        Ok(Self {
            schema,
            client,
            options,
            health: health::Cache::new(schema),
            metrics: metrics::Metrics::default(),
            closed: AtomicBool::new(false),
            broken: BrokenItems::default(),
        })
    }

    /// The SDK's client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The DynamoDB table's name.
    pub fn table_name(&self, table: &'static Table) -> &str {
        self.options.tables.get(table.name).map_or(table.default_name, String::as_str)
    }

    fn call(&self, operation: &'static str, table: &'static Table) -> Call<'_> {
        Call::new(self, operation, table)
    }

    /// The time that ends of items are compared with.
    fn now(&self) -> f64 {
        self.options.clock.seconds()
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Relaxed) { Err(Error::unavailable("the store is closed")) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for DynamoStore {
    async fn get(&self, table: &'static Table, key: &Key, read: &Read) -> Result<Option<Item>> {
        self.get_item(table, key, read).await
    }

    async fn get_many(&self, keys: &[(&'static Table, Key)], read: &Read) -> Result<Vec<Option<Item>>> {
        self.get_items(keys, read).await
    }

    async fn query(&self, table: &'static Table, query: &Query) -> Result<Page> {
        match table.spread(query.index, &query.partition) {
            None => self.query_partition(table, query).await,
            Some(constant) => {
                let one = |query: Query| async move { self.query_partition(table, &query).await }.boxed();
                merge::page(table, query, constant, &one).await
            }
        }
    }

    async fn scan(&self, table: &'static Table, scan: &Scan) -> Result<Page> {
        self.scan_page(table, scan).await
    }

    async fn create(&self, table: &'static Table, attributes: Attributes) -> Result<Item> {
        self.create_item(table, attributes).await
    }

    async fn update(&self, table: &'static Table, key: &Key, update: &Update) -> Result<Item> {
        self.update_item(table, key, update).await
    }

    async fn delete(&self, table: &'static Table, key: &Key, expected: Option<&Tag>) -> Result<()> {
        self.delete_item(table, key, expected).await
    }

    async fn load(&self, table: &'static Table, items: BoxStream<'_, Result<Item>>) -> Result<u64> {
        self.load_items(table, items).await
    }

    async fn check(&self, table: &'static Table) -> Result<Vec<Finding>> {
        self.check_table(table).await
    }

    async fn repair(&self, table: &'static Table, finding: &Finding) -> Result<()> {
        self.repair_finding(table, finding).await
    }

    async fn health(&self, table: &'static Table) -> Health {
        self.table_health(table).await
    }

    async fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::Relaxed);
        Ok(())
    }
}
