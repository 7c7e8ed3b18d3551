//! Writers that race: no lost update, one winner.

use std::sync::Arc;

use db_adapter::forum::{thread, user};
use db_adapter::{Error, Read, Rule, Store, Update, Value};
use futures::future::join_all;

use crate::fixture::{Fixture, at, key, thread, user};
use crate::{assert_fails, cases};

cases!(concurrency:
    optimistic_increments_are_exact,
    unconditional_updates_all_count,
    one_of_many_creates_of_a_key_wins,
    one_of_many_deletes_wins,
);

/// Adds 1 to the thread's `count`, on condition that nobody else did since it was read, until that succeeds.
async fn increment(store: Arc<dyn Store>) {
    loop {
        let item = store.get(&thread::TABLE, &key("t1"), &Read::STRONG).await.unwrap().unwrap();
        let count = item.attributes().unwrap().get("count").and_then(Value::as_count).unwrap_or(0);
        let set = [("count".to_owned(), Value::from(count + 1))].into();
        match store.update(&thread::TABLE, &key("t1"), &Update { set, expected: Some(item.tag()), ..Update::default() }).await {
            Ok(_) => return,
            refused => assert_fails!(refused, Error::VersionMismatch),
        }
    }
}

async fn optimistic_increments_are_exact(f: Fixture) {
    f.store.create(&thread::TABLE, thread("t1", &at(1))).await.unwrap();
    let other = f.other().await;
    let workers = (0..5).map(|worker| {
        let store = if worker % 2 == 0 { f.store.clone() } else { other.clone() };
        tokio::spawn(async move {
            for _ in 0..20 {
                increment(store.clone()).await;
            }
        })
    });
    join_all(workers).await.into_iter().for_each(|worker| worker.unwrap());
    let item = f.store.get(&thread::TABLE, &key("t1"), &Read::STRONG).await.unwrap().unwrap();
    assert_eq!(item.attributes().unwrap().get("count").and_then(Value::as_count), Some(100));
    assert_eq!(item.tag().version, 101);
}

async fn unconditional_updates_all_count(f: Fixture) {
    f.store.create(&thread::TABLE, thread("t1", &at(1))).await.unwrap();
    let update = |number: u64| Update { set: [(format!("by{number}"), Value::from(number))].into(), ..Update::default() };
    let updates: Vec<Update> = (0..30).map(update).collect();
    let outcomes =
        join_all(updates.iter().map(|update| async { f.store.update(&thread::TABLE, &key("t1"), update).await })).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let item = f.store.get(&thread::TABLE, &key("t1"), &Read::STRONG).await.unwrap().unwrap();
    assert_eq!(item.tag().version, 31);
    assert_eq!(item.members().iter().filter(|(name, _)| name.starts_with("by")).count(), 30);
}

async fn one_of_many_creates_of_a_key_wins(f: Fixture) {
    let creates = (0..50).map(|number| {
        let store = f.store.clone();
        async move { store.create(&user::TABLE, user("u1", &format!("u{number}@example.com"))).await }
    });
    let (won, refused): (Vec<_>, Vec<_>) = join_all(creates).await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), refused.len()), (1, 49));
    for outcome in refused {
        assert_fails!(outcome, Error::Conflict { rule: Rule::Key });
    }
    assert!(f.store.check(&user::TABLE).await.unwrap().is_empty());
}

async fn one_of_many_deletes_wins(f: Fixture) {
    f.store.create(&user::TABLE, user("u1", "ann@example.com")).await.unwrap();
    let deletes = (0..20).map(|_| async { f.store.delete(&user::TABLE, &key("u1"), None).await });
    let (won, refused): (Vec<_>, Vec<_>) = join_all(deletes).await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), refused.len()), (1, 19));
    for outcome in refused {
        assert_fails!(outcome, Error::NotFound);
    }
}
