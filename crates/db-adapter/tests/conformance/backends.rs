//! The backends that the suite runs on.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use db_adapter::dynamodb::{DynamoOptions, DynamoStore, tables};
use db_adapter::forum::TABLES;
use db_adapter::json::{JsonOptions, JsonStore};
use db_adapter::layer::{CachedStore, StoreLayer};
use db_adapter::{Store, Table};
use futures::FutureExt;
use libtest_mimic::Trial;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use crate::dynoxide;
use crate::fixture::{Case, Fixture};
use crate::moved_clock::MovedClock;
use crate::partitions::BOARDS;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// The in-process DynamoDB: one server for the whole run, tables of its own for each case.
static DYNOXIDE: OnceCell<String> = OnceCell::const_new();

pub fn all() -> [Backend; 5] {
    [Backend::Json, Backend::JsonCached, Backend::Dynoxide, Backend::DynoxideCached, Backend::DynamodbLocal]
}

/// The forum's tables, and one that is spread.
static SCHEMA: [&Table; TABLES.len() + 1] = {
    let [modlog, posts, reports, threads, users] = TABLES;
    [&BOARDS, modlog, posts, reports, threads, users]
};

/// Nothing that a cache remembers may end by itself within a case.
const ONE_HOUR: Duration = Duration::from_secs(3600);

/// A layer that changes nothing, so that the suite also covers what [`StoreLayer`] forwards by itself.
#[derive(Debug)]
struct Transparent(CachedStore);

impl StoreLayer for Transparent {
    fn inner(&self) -> &dyn Store {
        &self.0
    }
}

/// What stands in front of a backend's store.
type InFront = fn(Arc<dyn Store>, Arc<MovedClock>) -> Arc<dyn Store>;

#[derive(Clone, Copy)]
pub enum Backend {
    Json,
    JsonCached,
    Dynoxide,
    DynoxideCached,
    DynamodbLocal,
}

impl Backend {
    /// One test per case.
    pub fn trials(self, cases: &[Case]) -> Vec<Trial> {
        let absent = matches!(self, Self::DynamodbLocal) && local_endpoint().is_none() && !is_local_required();
        let trial = |case: &Case| {
            let run = case.run;
            Trial::test(format!("{}::{}", self.name(), case.name), move || {
                RUNTIME.block_on(async move {
                    match self {
                        Self::Json | Self::JsonCached => on_json(run, self.in_front()).await,
                        Self::Dynoxide | Self::DynoxideCached => {
                            on_dynamodb(DYNOXIDE.get_or_init(dynoxide::start).await.clone(), run, self.in_front()).await;
                        }
                        Self::DynamodbLocal => {
                            let endpoint =
                                local_endpoint().ok_or("REQUIRE_DYNAMODB is set: set DYNAMODB_ENDPOINT to a DynamoDB Local")?;
                            on_dynamodb(endpoint, run, self.in_front()).await;
                        }
                    }
                    Ok(())
                })
            })
            .with_ignored_flag(absent)
        };
        cases.iter().map(trial).collect()
    }

    fn in_front(self) -> InFront {
        match self {
            Self::JsonCached | Self::DynoxideCached => {
                |store, clock| Arc::new(Transparent(CachedStore::new(store, ONE_HOUR, 64 << 20).with_clock(clock)))
            }
            Self::Json | Self::Dynoxide | Self::DynamodbLocal => |store, _| store,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::JsonCached => "json_cached",
            Self::Dynoxide => "dynoxide",
            Self::DynoxideCached => "dynoxide_cached",
            Self::DynamodbLocal => "dynamodb_local",
        }
    }
}

fn local_endpoint() -> Option<String> {
    std::env::var("DYNAMODB_ENDPOINT").ok().filter(|endpoint| !endpoint.is_empty())
}

fn is_local_required() -> bool {
    std::env::var("REQUIRE_DYNAMODB").is_ok_and(|value| value == "1")
}

/// A JSON store in a folder of its own, for cases that compare with one.
pub async fn json_store(dir: &std::path::Path) -> Arc<dyn Store> {
    Arc::new(JsonStore::open(&SCHEMA, JsonOptions::new(dir)).await.unwrap())
}

async fn on_json(run: crate::fixture::Run, in_front: InFront) {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let path = dir.path().to_owned();
    let clock = Arc::new(MovedClock::new());
    let reopen = {
        let clock = Arc::clone(&clock);
        move || {
            let (options, clock) = (JsonOptions { clock: clock.clone(), ..JsonOptions::new(&path) }, clock.clone());
            async move { in_front(Arc::new(JsonStore::open(&SCHEMA, options).await.unwrap()), clock) }.boxed()
        }
    };
    let fixture = Fixture::new(clock, Box::new(reopen));
    run(fixture.await).await;
}

async fn on_dynamodb(endpoint: String, run: crate::fixture::Run, in_front: InFront) {
    let suffix = uuid::Uuid::new_v4();
    let names: BTreeMap<_, _> = SCHEMA.map(|table| (table.name, format!("conformance-{}-{suffix}", table.name))).into();
    let clock = Arc::new(MovedClock::new());
    let options = DynamoOptions {
        clock: clock.clone(),
        endpoint: Some(endpoint),
        tables: names,
        // A busy machine must not turn a conflict into a timeout.
        attempt_timeout: Duration::from_secs(60),
        operation_timeout: Duration::from_secs(120),
        ..DynamoOptions::new("us-east-1")
    };
    let admin = DynamoStore::open(&SCHEMA, options.clone()).await.unwrap();
    tables::create(&admin).await.unwrap();
    let reopen = {
        let clock = Arc::clone(&clock);
        move || {
            let (options, clock) = (options.clone(), clock.clone());
            async move { in_front(Arc::new(DynamoStore::open(&SCHEMA, options).await.unwrap()), clock) }.boxed()
        }
    };
    let fixture = Fixture::new(clock, Box::new(reopen));
    let outcome = std::panic::AssertUnwindSafe(run(fixture.await)).catch_unwind().await;
    tables::delete(&admin).await.unwrap();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}
