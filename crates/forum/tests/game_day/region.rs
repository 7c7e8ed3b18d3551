//! A Region: its DynamoDB, and processes that write there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use db_adapter::dynamodb::{DynamoOptions, DynamoStore, tables};
use db_adapter::forum::TABLES;
use db_adapter::layer::FencedStore;
use db_adapter::layer::fence::Watch;
use db_adapter::{Attributes, Control, Error, Item, Lease, Result, Store, Table};
use tokio::sync::{Mutex, oneshot};

use crate::clock::GameClock;

/// How long a write may be on its way, by the clock of the game.
pub(crate) const OPERATION: Duration = Duration::from_secs(6);

/// An item or a claim as DynamoDB has it.
pub(crate) type Raw = BTreeMap<String, AttributeValue>;

pub(crate) struct Region {
    pub(crate) endpoint: String,
    /// Without a fence.
    pub(crate) store: Arc<DynamoStore>,
    pub(crate) processes: Vec<Process>,
}

pub(crate) struct Process {
    pub(crate) store: Arc<dyn Store>,
    /// `None`: there is no fence.
    pub(crate) watch: Option<Watch>,
    /// A stopped process reads no lease.
    pub(crate) stopped: bool,
    pub(crate) gate: Arc<Gate>,
}

/// Starts a DynamoDB, which serves as long as the test.
pub(crate) async fn dynamodb() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    endpoint
}

fn options(name: &str, endpoint: &str) -> DynamoOptions {
    DynamoOptions {
        endpoint: Some(endpoint.to_owned()),
        attempt_timeout: Duration::from_secs(60),
        operation_timeout: Duration::from_secs(120),
        ..DynamoOptions::new(name)
    }
}

impl Region {
    pub(crate) async fn start(name: &'static str, control: Option<&Arc<Switched>>, clock: &Arc<GameClock>) -> Self {
        let mut region = Self::at(name, dynamodb().await).await;
        tables::create(&region.store).await.unwrap();
        let options = options(name, &region.endpoint);
        for _ in 0..2 {
            let watch = control.map(|control| Watch::new(name, control.clone(), clock.clone(), OPERATION));
            let grant = watch.as_ref().map(Watch::grant);
            let inner = DynamoStore::open(&TABLES, DynamoOptions { grant: grant.clone(), ..options.clone() }).await.unwrap();
            let gate = Arc::new(Gate { store: inner, waiting: Mutex::default() });
            let store: Arc<dyn Store> = match grant {
                Some(grant) => Arc::new(FencedStore::new(Arc::new(AtGate(gate.clone())), grant, name)),
                None => Arc::new(AtGate(gate.clone())),
            };
            region.processes.push(Process { store, watch, stopped: false, gate });
        }
        region
    }

    /// Without processes, at a DynamoDB that is there.
    pub(crate) async fn at(name: &'static str, endpoint: String) -> Self {
        let store = Arc::new(DynamoStore::open(&TABLES, options(name, &endpoint)).await.unwrap());
        Self { endpoint, store, processes: Vec::new() }
    }

    /// Every process that runs reads the lease.
    pub(crate) async fn refresh(&self) {
        for process in self.processes.iter().filter(|process| !process.stopped) {
            if let Some(watch) = &process.watch {
                watch.refresh().await;
            }
        }
    }

    /// The whole table with its claims, by key.
    pub(crate) async fn raw(&self, table: &'static Table) -> BTreeMap<String, Raw> {
        let name = self.store.table_name(table);
        let output = self.store.client().scan().table_name(name).consistent_read(true).send().await.unwrap();
        assert_eq!(output.last_evaluated_key, None, "a table of a game fits into a page");
        let items = output.items.unwrap_or_default().into_iter().map(|item| item.into_iter().collect::<Raw>());
        items.map(|item| (key_text(table, &item), item)).collect()
    }

    /// Puts what replication brings; `None` is a deletion.
    pub(crate) async fn put_raw(&self, table: &'static Table, key: &Raw, item: Option<&Raw>) {
        let (client, name) = (self.store.client(), self.store.table_name(table));
        match item {
            Some(item) => {
                let item = item.clone().into_iter().collect();
                client.put_item().table_name(name).set_item(Some(item)).send().await.map(drop).unwrap();
            }
            None => {
                let key = key.clone().into_iter().collect();
                client.delete_item().table_name(name).set_key(Some(key)).send().await.map(drop).unwrap();
            }
        }
    }
}

fn key_text(table: &Table, item: &Raw) -> String {
    [Some(table.hash), table.range].into_iter().flatten().map(|name| format!("{:?}|", item[name])).collect()
}

/// The key's attributes.
pub(crate) fn key_of(table: &Table, item: &Raw) -> Raw {
    [Some(table.hash), table.range].into_iter().flatten().map(|name| (name.to_owned(), item[name].clone())).collect()
}

/// What is between the fence's check and the request: a write waits here if the game says so, as when the process is stopped there.
#[derive(Debug)]
pub(crate) struct Gate {
    store: DynamoStore,
    waiting: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Gate {
    /// The next write waits until what this returns is used.
    pub(crate) async fn shut(&self) -> oneshot::Sender<()> {
        let (open, wait) = oneshot::channel();
        *self.waiting.lock().await = Some(wait);
        open
    }

    /// Is no write on its way to it?
    pub(crate) async fn is_reached(&self) -> bool {
        self.waiting.lock().await.is_none()
    }
}

#[derive(Debug)]
struct AtGate(Arc<Gate>);

impl db_adapter::layer::StoreLayer for AtGate {
    fn inner(&self) -> &dyn Store {
        &self.0.store
    }

    async fn create(&self, table: &'static Table, attributes: Attributes) -> Result<Item> {
        let waiting = self.0.waiting.lock().await.take();
        if let Some(waiting) = waiting {
            let _ = waiting.await;
        }
        Store::create(&self.0.store, table, attributes).await
    }
}

/// The control store, which the game can take away.
#[derive(Debug)]
pub(crate) struct Switched {
    pub(crate) control: db_adapter::dynamodb::ControlTable,
    pub(crate) gone: std::sync::atomic::AtomicBool,
    /// How long a read takes.
    pub(crate) slow: std::sync::Mutex<Duration>,
    pub(crate) clock: Arc<GameClock>,
}

impl Switched {
    fn check(&self) -> Result<()> {
        let gone = self.gone.load(std::sync::atomic::Ordering::Relaxed);
        if gone { Err(Error::unavailable("the control store is gone")) } else { Ok(()) }
    }
}

#[async_trait]
impl Control for Switched {
    async fn read(&self) -> Result<Option<Lease>> {
        self.check()?;
        let lease = self.control.read().await;
        self.clock.pass(*self.slow.lock().unwrap());
        lease
    }

    async fn replace(&self, expected: Option<u64>, lease: &Lease) -> Result<bool> {
        self.check()?;
        self.control.replace(expected, lease).await
    }

    async fn renew(&self, lease: &Lease, now: &str) -> Result<()> {
        self.check()?;
        self.control.renew(lease, now).await
    }
}
