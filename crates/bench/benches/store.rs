//! What the hot pieces of the storage crate cost, through its public interface.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on must stop")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use db_adapter::forum::{TABLES, post};
use db_adapter::json::{JsonOptions, JsonStore};
use db_adapter::{Attributes, Grant, Item, Key, Query, Read, Store, SystemClock, Value};
use futures::StreamExt;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Posts of the thread that is listed.
const CROWD: usize = 10_000;
/// Writes that may share a sync.
const GROUP: usize = 64;

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

fn attributes(number: usize) -> Attributes {
    let text = |name: &str, value: String| (name.to_owned(), Value::String(value));
    Attributes::from([
        text("postId", format!("p{number:07}")),
        text("threadId", "t0000000".to_owned()),
        text("userId", format!("u{:07}", number % 100)),
        text("content", "On clear nights he read from it to whoever would sit with him. ".repeat(3)),
        text("createdAt", format!("2024-01-{:02}T{:02}:{:02}:00.000Z", 1 + number / 1440 % 28, number / 60 % 24, number % 60)),
        text("updatedAt", "2024-01-01T00:00:00.000Z".to_owned()),
    ])
}

fn open(runtime: &Runtime, dir: &TempDir) -> JsonStore {
    // No compaction, so that what is measured is the journal.
    let options = JsonOptions { compact_at: u64::MAX, ..JsonOptions::new(dir.path()) };
    runtime.block_on(JsonStore::open(&TABLES, options)).expect("a store")
}

fn load(runtime: &Runtime, store: &JsonStore, posts: usize) {
    let items = (0..posts).map(|number| Ok(Item::new(&attributes(number))));
    runtime.block_on(store.load(&post::TABLE, futures::stream::iter(items).boxed())).expect("a load");
}

fn items(criterion: &mut Criterion) {
    let item = Item::new(&attributes(1));
    let mut group = criterion.benchmark_group("item");
    group.throughput(Throughput::Bytes(item.as_json().len() as u64));
    group.bench_function("parse", |bencher| bencher.iter(|| Item::parse(black_box(item.as_json()))));
    group.bench_function("attributes", |bencher| bencher.iter(|| black_box(&item).attributes()));
    group.bench_function("members", |bencher| bencher.iter(|| black_box(&item).members().iter().len()));
    let attributes = attributes(1);
    group.bench_function("new", |bencher| bencher.iter(|| Item::new(black_box(&attributes))));
    group.finish();
}

fn reads(criterion: &mut Criterion) {
    let (dir, runtime) = (TempDir::new().expect("a directory"), runtime());
    let store = open(&runtime, &dir);
    load(&runtime, &store, CROWD);
    let index = post::TABLE.index("ThreadIndex").expect("an index");
    let first = Query::new(index, "t0000000");
    let page = runtime.block_on(store.query(&post::TABLE, &first)).expect("a page");
    let cursor = page.next.expect("another page");

    let mut group = criterion.benchmark_group("read");
    let key = Key::pair("p0000042", "t0000000");
    group.bench_function("get", |bencher| {
        bencher.to_async(&runtime).iter(|| store.get(&post::TABLE, black_box(&key), &Read::STRONG));
    });
    // Of one item both make a cursor, and the second reads one.
    for limit in [1, 100] {
        group.throughput(Throughput::Elements(limit as u64));
        for (name, cursor) in [("page", None), ("page behind a cursor", Some(cursor.clone()))] {
            let query = Query { limit, cursor, ..first.clone() };
            group.bench_with_input(BenchmarkId::new(name, limit), &query, |bencher, query| {
                bencher.to_async(&runtime).iter(|| store.query(&post::TABLE, query));
            });
        }
    }
    group.finish();
}

/// What the fence adds to every write, and to every attempt of one.
fn fence(criterion: &mut Criterion) {
    let grant = Grant::new(Arc::new(SystemClock));
    grant.open_until(Duration::MAX, "us-east-1");
    criterion.bench_function("fence/check", |bencher| bencher.iter(|| black_box(&grant).check()));
}

/// A batch of the journal: decided, encoded, appended, brought to disk. One write costs a sync; what a batch adds is the rest.
fn writes(criterion: &mut Criterion) {
    let (dir, runtime) = (TempDir::new().expect("a directory"), runtime());
    let store = open(&runtime, &dir);
    let number = AtomicUsize::new(0);
    let create = || store.create(&post::TABLE, attributes(number.fetch_add(1, Ordering::Relaxed)));
    let mut group = criterion.benchmark_group("write");
    for writes in [1, GROUP] {
        group.throughput(Throughput::Elements(writes as u64));
        group.bench_with_input(BenchmarkId::new("batch", writes), &writes, |bencher, writes| {
            bencher.to_async(&runtime).iter(|| futures::future::join_all((0..*writes).map(|_| create())));
        });
    }
    group.finish();
}

/// A start: the journal is read, checked and applied.
fn replay(criterion: &mut Criterion) {
    let (dir, runtime) = (TempDir::new().expect("a directory"), runtime());
    load(&runtime, &open(&runtime, &dir), CROWD);
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(20).throughput(Throughput::Elements(CROWD as u64));
    group.bench_function("journal", |bencher| {
        bencher.iter_batched(|| (), |()| open(&runtime, &dir), BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, items, reads, fence, writes, replay);
criterion_main!(benches);
