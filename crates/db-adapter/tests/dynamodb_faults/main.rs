//! What the DynamoDB backend does when something goes wrong on the way: every write happens once, and every fault has its error.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail so")]

#[path = "../dynoxide/mod.rs"]
mod dynoxide;
#[path = "../fault_proxy/mod.rs"]
mod fault_proxy;
mod fence;
mod foreign;
mod lossy;
mod matrix;
mod pages;
mod permissions;
mod stale;

use std::time::Duration;

use db_adapter::dynamodb::{DynamoOptions, DynamoStore, tables};
use db_adapter::forum::{TABLES, post, thread, user};
use db_adapter::{Attributes, Error, Item, Key, Read, Rule, Scan, Store, Table, Update, Value};
use fault_proxy::{Fault, FaultProxy};
use futures::StreamExt;
use serde_json::json;

/// A store with its tables, behind a proxy that has seen nothing yet.
async fn store() -> (DynamoStore, FaultProxy) {
    store_with(|_| {}).await
}

async fn store_with(change: impl Fn(&mut DynamoOptions)) -> (DynamoStore, FaultProxy) {
    let endpoint = crate::dynoxide::start().await;
    let proxy = FaultProxy::start(&endpoint).await;
    let at = |endpoint| DynamoOptions { endpoint: Some(endpoint), ..DynamoOptions::new("us-east-1") };
    tables::create(&DynamoStore::open(&TABLES, at(endpoint)).await.unwrap()).await.unwrap();
    let mut options = at(proxy.endpoint());
    change(&mut options);
    (DynamoStore::open(&TABLES, options).await.unwrap(), proxy)
}

fn attributes(json: serde_json::Value) -> Attributes {
    Item::parse(&json.to_string()).unwrap().attributes().unwrap()
}

fn ann() -> Attributes {
    attributes(json!({ "userId": "ann", "email": "ann@example.org", "name": "Ann", "createdAt": "2026-01-01T00:00:00.000Z" }))
}

fn set(name: &str, value: &str) -> Update {
    Update { set: Attributes::from([(name.to_owned(), Value::from(value))]), ..Update::default() }
}

async fn stored(store: &DynamoStore, table: &'static Table, key: &Key) -> Option<Item> {
    store.get(table, key, &Read::STRONG).await.unwrap()
}

async fn findings(store: &DynamoStore) -> Vec<db_adapter::Finding> {
    store.check(&user::TABLE).await.unwrap()
}

/// Both ways of not knowing: no response at all, and an internal error.
const UNCERTAIN: [Fault; 2] = [Fault::LoseResponse, Fault::SpoilResponse];

#[tokio::test]
async fn a_create_whose_response_was_lost_has_happened_once() {
    for fault in UNCERTAIN {
        let (store, proxy) = store().await;
        proxy.inject("PutItem", fault);
        let created = store
            .create(&thread::TABLE, attributes(json!({ "threadId": "t", "title": "T", "createdAt": "2026-01-01T00:00:00.000Z" })))
            .await
            .unwrap();
        assert_eq!(proxy.operations(), ["PutItem", "PutItem"]);
        assert_eq!(created.tag().version, 1);
        assert_eq!(stored(&store, &thread::TABLE, &Key::hash("t")).await, Some(created));
        let again = store
            .create(&thread::TABLE, attributes(json!({ "threadId": "t", "title": "T", "createdAt": "2026-01-01T00:00:00.000Z" })))
            .await;
        assert!(matches!(again, Err(Error::Conflict { rule: Rule::Key })), "{again:?}");
    }
}

#[tokio::test]
async fn an_update_whose_response_was_lost_has_happened_once() {
    for (fault, conditional) in UNCERTAIN.into_iter().flat_map(|fault| [(fault.clone(), false), (fault, true)]) {
        let (store, proxy) = store().await;
        let created = store
            .create(&thread::TABLE, attributes(json!({ "threadId": "t", "title": "T", "createdAt": "2026-01-01T00:00:00.000Z" })))
            .await
            .unwrap();
        proxy.reset();
        proxy.inject("UpdateItem", fault);
        let update = Update { expected: conditional.then(|| created.tag()), ..set("title", "New") };
        let updated = store.update(&thread::TABLE, &Key::hash("t"), &update).await.unwrap();
        assert_eq!(proxy.operations(), ["UpdateItem", "UpdateItem"]);
        assert_eq!((updated.tag().version, updated.text("title").as_deref()), (2, Some("New")));
        assert_eq!(stored(&store, &thread::TABLE, &Key::hash("t")).await, Some(updated));
    }
}

#[tokio::test]
async fn a_delete_whose_response_was_lost_has_happened() {
    for fault in UNCERTAIN {
        let (store, proxy) = store().await;
        let created = store
            .create(&thread::TABLE, attributes(json!({ "threadId": "t", "title": "T", "createdAt": "2026-01-01T00:00:00.000Z" })))
            .await
            .unwrap();
        proxy.inject("DeleteItem", fault);
        store.delete(&thread::TABLE, &Key::hash("t"), Some(&created.tag())).await.unwrap();
        assert_eq!(stored(&store, &thread::TABLE, &Key::hash("t")).await, None);
    }
}

#[tokio::test]
async fn a_delete_that_was_refused_before_finds_nothing() {
    let (store, proxy) = store().await;
    proxy.inject("DeleteItem", Fault::refuse("ThrottlingException", "slow down"));
    let deleted = store.delete(&thread::TABLE, &Key::hash("t"), None).await;
    assert!(matches!(deleted, Err(Error::NotFound)), "{deleted:?}");
    assert_eq!(proxy.operations(), ["DeleteItem", "DeleteItem"]);
}

#[tokio::test]
async fn transactions_whose_response_was_lost_have_happened_once() {
    for fault in UNCERTAIN {
        let (store, proxy) = store().await;
        let key = Key::hash("ann");
        proxy.inject("TransactWriteItems", fault.clone());
        let created = store.create(&user::TABLE, ann()).await.unwrap();
        assert_eq!(stored(&store, &user::TABLE, &key).await, Some(created));
        assert_eq!(findings(&store).await, []);

        proxy.inject("TransactWriteItems", fault.clone());
        let updated = store.update(&user::TABLE, &key, &set("email", "a@example.org")).await.unwrap();
        assert_eq!(updated.tag().version, 2);
        assert_eq!(stored(&store, &user::TABLE, &key).await, Some(updated));
        assert_eq!(findings(&store).await, []);

        proxy.inject("TransactWriteItems", fault.clone());
        store.delete(&user::TABLE, &key, None).await.unwrap();
        assert_eq!(stored(&store, &user::TABLE, &key).await, None);
        assert_eq!(findings(&store).await, []);
        store.create(&user::TABLE, ann()).await.unwrap();
    }
}

fn cancelled(codes: &[&str]) -> Fault {
    let reasons: Vec<_> = codes.iter().map(|code| json!({ "Code": code, "Message": "injected" })).collect();
    Fault::Refuse("TransactionCanceledException", json!({ "Message": "cancelled", "CancellationReasons": reasons }))
}

#[tokio::test]
async fn a_cancelled_transaction_is_sent_again_as_a_new_one() {
    for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
        let (store, proxy) = store().await;
        proxy.inject("TransactWriteItems", cancelled(&["None", code]));
        proxy.inject("TransactWriteItems", cancelled(&[code, "ConditionalCheckFailed"]));
        store.create(&user::TABLE, ann()).await.unwrap();
        let tokens: Vec<_> = proxy.seen().iter().map(|seen| seen.body["ClientRequestToken"].to_string()).collect();
        assert_eq!(tokens.len(), 3, "{code}");
        assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2], "{tokens:?}");
    }
}

#[tokio::test]
async fn the_sdk_repeats_a_transaction_under_its_token() {
    let (store, proxy) = store().await;
    proxy.inject("TransactWriteItems", Fault::LoseResponse);
    store.create(&user::TABLE, ann()).await.unwrap();
    let seen = proxy.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].body["ClientRequestToken"], seen[1].body["ClientRequestToken"]);
}

#[tokio::test]
async fn a_transaction_that_conflicts_for_too_long_is_throttled() {
    let (store, proxy) = store_with(|options| options.operation_timeout = Duration::from_millis(300)).await;
    (0..1000).for_each(|_| proxy.inject("TransactWriteItems", cancelled(&["TransactionConflict", "None"])));
    let created = store.create(&user::TABLE, ann()).await;
    assert!(matches!(created, Err(Error::Throttled { .. })), "{created:?}");
    assert!(proxy.seen().len() > 1);
    assert_eq!(stored(&store, &user::TABLE, &Key::hash("ann")).await, None);
}

#[tokio::test]
async fn a_write_that_meets_a_transaction_is_sent_again() {
    let (store, proxy) = store().await;
    store.create(&user::TABLE, ann()).await.unwrap();
    proxy.reset();
    proxy.inject("UpdateItem", Fault::refuse("TransactionConflictException", "in a transaction"));
    assert_eq!(store.update(&user::TABLE, &Key::hash("ann"), &set("name", "A")).await.unwrap().tag().version, 2);
    assert_eq!(proxy.operations(), ["UpdateItem", "UpdateItem"]);
}

#[tokio::test]
async fn a_throttled_call_is_retried_and_then_throttled() {
    let (store, proxy) = store().await;
    proxy.inject("GetItem", Fault::refuse("ThrottlingException", "slow down"));
    assert_eq!(stored(&store, &thread::TABLE, &Key::hash("t")).await, None);
    assert_eq!(proxy.operations(), ["GetItem", "GetItem"]);
    (0..4).for_each(|_| proxy.inject("PutItem", Fault::refuse("ProvisionedThroughputExceededException", "slow down")));
    let created = store
        .create(&thread::TABLE, attributes(json!({ "threadId": "t", "title": "T", "createdAt": "2026-01-01T00:00:00.000Z" })))
        .await;
    assert!(matches!(created, Err(Error::Throttled { retry_after }) if retry_after >= Duration::from_secs(1)), "{created:?}");
}

#[tokio::test]
async fn a_write_that_was_throttled_after_a_lost_response_has_an_unknown_outcome() {
    let (store, proxy) = store().await;
    proxy.inject("PutItem", Fault::LoseResponse);
    (0..3).for_each(|_| proxy.inject("PutItem", Fault::refuse("ThrottlingException", "slow down")));
    let created = store
        .create(&thread::TABLE, attributes(json!({ "threadId": "t", "title": "T", "createdAt": "2026-01-01T00:00:00.000Z" })))
        .await;
    assert!(matches!(created, Err(Error::Timeout)), "{created:?}");
}

#[tokio::test]
async fn no_response_in_time_is_a_timeout() {
    let (store, proxy) = store_with(|options| {
        options.attempt_timeout = Duration::from_millis(100);
        options.operation_timeout = Duration::from_millis(250);
    })
    .await;
    (0..4).for_each(|_| proxy.inject("PutItem", Fault::Hold));
    let created = store
        .create(&thread::TABLE, attributes(json!({ "threadId": "t", "title": "T", "createdAt": "2026-01-01T00:00:00.000Z" })))
        .await;
    assert!(matches!(created, Err(Error::Timeout)), "{created:?}");
}

#[tokio::test]
async fn what_a_batch_left_unprocessed_is_sent_again() {
    let (store, proxy) = store().await;
    let users = (0..40).map(|n| {
        Item::parse(&format!(
            r#"{{"userId":"u{n}","email":"{n}@example.org","name":"N","createdAt":"2026-01-01T00:00:00.000Z"}}"#
        ))
    });
    (0..3).for_each(|_| proxy.inject("BatchWriteItem", Fault::Half));
    // More than the SDK itself repeats.
    (0..5).for_each(|_| proxy.inject("BatchWriteItem", Fault::refuse("ThrottlingException", "slow down")));
    (0..5).for_each(|_| proxy.inject("BatchWriteItem", Fault::SpoilResponse));
    assert_eq!(store.load(&user::TABLE, futures::stream::iter(users).boxed()).await.unwrap(), 40);
    assert_eq!(findings(&store).await, []);

    let keys: Vec<_> = (0..40).map(|n| (&user::TABLE, Key::hash(format!("u{n}")))).collect();
    (0..3).for_each(|_| proxy.inject("BatchGetItem", Fault::Half));
    let found = store.get_many(&keys, &Read::default()).await.unwrap();
    for ((_, key), item) in keys.iter().zip(found) {
        assert_eq!(item.unwrap().text("userId").as_ref(), Some(&key.hash));
    }
}

#[tokio::test]
async fn faults_of_the_set_up_are_one_clear_line() {
    let (store, proxy) = store().await;
    tables::delete(&store).await.unwrap();
    let Err(Error::Unavailable { reason }) = store.get(&user::TABLE, &Key::hash("ann"), &Read::default()).await else {
        panic!("a missing table is no such item")
    };
    for part in ["forum-microservices-users-dev", "us-east-1", "forum tables create", "DYNAMODB_USERS_TABLE"] {
        assert!(reason.contains(part), "{reason}");
    }

    proxy.inject("PutItem", Fault::refuse("AccessDeniedException", "not authorized"));
    let denied = store
        .create(&thread::TABLE, attributes(json!({ "threadId": "t", "title": "T", "createdAt": "2026-01-01T00:00:00.000Z" })))
        .await;
    let Err(Error::Unavailable { reason }) = denied else { panic!("{denied:?}") };
    for part in ["dynamodb:PutItem", "forum-microservices-threads-dev", "us-east-1", "not authorized"] {
        assert!(reason.contains(part), "{reason}");
    }

    proxy.inject("Scan", Fault::refuse("UnrecognizedClientException", "the token is invalid"));
    let unknown = store.scan(&thread::TABLE, &Scan::new(1)).await;
    assert!(matches!(&unknown, Err(Error::Unavailable { reason }) if reason.contains("credentials")), "{unknown:?}");
}

#[tokio::test]
async fn an_endpoint_that_refuses_connections_is_named() {
    let endpoint = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let store = DynamoStore::open(&TABLES, DynamoOptions { endpoint: Some(endpoint.clone()), ..DynamoOptions::new("us-east-1") });
    let store = store.await.unwrap();
    let created = store
        .create(&thread::TABLE, attributes(json!({ "threadId": "t", "title": "T", "createdAt": "2026-01-01T00:00:00.000Z" })))
        .await;
    let Err(Error::Unavailable { reason }) = created else { panic!("{created:?}") };
    assert!(reason.contains(&endpoint) && reason.contains("refused"), "{reason}");
    let health = store.health(&thread::TABLE).await;
    assert!(!health.reachable && health.reason.is_some(), "{health:?}");
}

#[tokio::test]
async fn health_asks_once_for_everybody() {
    let (store, proxy) = store().await;
    let (one, two) = tokio::join!(store.health(&user::TABLE), store.health(&user::TABLE));
    assert!(one.reachable && two.reachable && store.health(&user::TABLE).await.reachable);
    assert_eq!(proxy.operations(), ["GetItem"]);
    assert!(store.health(&post::TABLE).await.reachable);
    assert_eq!(proxy.operations(), ["GetItem", "GetItem"]);
}

#[tokio::test]
async fn a_closed_store_writes_nothing() {
    let (store, proxy) = store().await;
    store.close().await.unwrap();
    let created = store.create(&user::TABLE, ann()).await;
    assert!(matches!(created, Err(Error::Unavailable { .. })), "{created:?}");
    assert_eq!(proxy.operations(), [""; 0]);
}
