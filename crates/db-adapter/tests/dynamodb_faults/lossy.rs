//! A network that loses almost every third response: each create happens once, and none is told of a conflict with itself.

use std::time::Duration;

use db_adapter::dynamodb::{DynamoOptions, DynamoStore};
use db_adapter::forum::{TABLES, activity, post, thread, user};
use db_adapter::{Attributes, Error, Rule, Scan, Store, Table};
use futures::future::join_all;
use serde_json::json;

use crate::fault_proxy::Fault;
use crate::{attributes, store};

const CREATES: usize = 1000;
/// Stores that create at once, as so many processes do.
const STORES: usize = 16;
const SHARE: f64 = 0.3;

/// Creates the item and returns how often nobody knew whether it was created. Then, as a client does with its Idempotency-Key, it is
/// created again, and may meet itself.
async fn create(store: &dyn Store, table: &'static Table, attributes: Attributes) -> usize {
    let mut unknown = 0;
    loop {
        match store.create(table, attributes.clone()).await {
            Ok(_) => return unknown,
            Err(Error::Conflict { rule: Rule::Key }) if unknown > 0 => return unknown,
            Err(Error::Timeout) => unknown += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn all_created(table: &'static Table, operation: &'static str, item: impl Fn(usize) -> Attributes) {
    let (store, proxy) = store().await;
    proxy.inject_often(operation, Fault::LoseResponse, SHARE);
    let create_some = async |first: usize| {
        // The SDK allows the clients of one process and Region together so many retries.
        let region = format!("{}-{first}", table.name);
        let options = DynamoOptions {
            endpoint: Some(proxy.endpoint()),
            // On a busy machine the end of the time is no lost response.
            attempt_timeout: Duration::from_secs(30),
            operation_timeout: Duration::from_secs(120),
            ..DynamoOptions::new(region)
        };
        let (store, mut unknown) = (DynamoStore::open(&TABLES, options).await.unwrap(), 0);
        for number in (first..CREATES).step_by(STORES) {
            unknown += create(&store, table, item(number)).await;
        }
        unknown
    };
    let unknown: usize = join_all((0..STORES).map(create_some)).await.into_iter().sum();
    let lost = proxy.seen().iter().filter(|seen| seen.is_faulty).count();
    proxy.reset();
    let (mut stored, mut scan) = (Vec::new(), Scan::new(1000));
    loop {
        let page = store.scan(table, &scan).await.unwrap();
        stored.extend(page.items.iter().map(|item| (item.text(table.hash).unwrap(), item.tag().version)));
        scan.cursor = page.next;
        if scan.cursor.is_none() {
            break;
        }
    }
    stored.sort_unstable();
    let expected: Vec<_> = (0..CREATES).map(|number| (format!("{number:04}"), 1)).collect();
    assert_eq!(stored, expected);
    assert_eq!(store.check(table).await.unwrap(), []);
    assert!(lost > CREATES / 4, "only {lost} responses were lost");
    // Four responses of one create in a row are seldom lost.
    assert!(unknown < CREATES / 20, "{unknown} creates had an unknown outcome");
    println!("{}: {lost} responses lost, {unknown} creates repeated by the client, {} items", table.name, stored.len());
}

#[tokio::test]
async fn a_thousand_threads_are_a_thousand_threads() {
    let item =
        |number| attributes(json!({ "threadId": format!("{number:04}"), "title": "T", "createdAt": "2026-01-01T00:00:00.000Z" }));
    all_created(&thread::TABLE, "PutItem", item).await;
}

#[tokio::test]
async fn a_thousand_users_are_a_thousand_users() {
    let item = |number| {
        let email = format!("{number}@example.org");
        attributes(
            json!({ "userId": format!("{number:04}"), "email": email, "name": "N", "createdAt": "2026-01-01T00:00:00.000Z" }),
        )
    };
    all_created(&user::TABLE, "TransactWriteItems", item).await;
}

/// Whose response was lost is recognised by its id, so that each touch counts once.
#[tokio::test]
async fn two_hundred_touches_one_after_the_other_count_two_hundred() {
    const TOUCHES: u64 = 200;
    let (store, proxy) = store().await;
    let thread = json!({ "threadId": "t", "title": "T", "createdAt": "2026-01-01T00:00:00.000Z" });
    store.create(&thread::TABLE, attributes(thread)).await.unwrap();
    proxy.inject_often("UpdateItem", Fault::LoseResponse, SHARE);
    for number in 0..TOUCHES {
        let time = format!("2026-01-01T00:{:02}:{:02}.000Z", number / 60, number % 60);
        let post =
            json!({ "postId": format!("p{number:03}"), "threadId": "t", "userId": "u", "content": "c", "createdAt": time });
        let post = store.create(&post::TABLE, attributes(post)).await.unwrap();
        activity::post_added(&store, &post).await;
    }
    let lost = proxy.seen().iter().filter(|seen| seen.is_faulty).count();
    assert!(lost > 20, "only {lost} responses were lost");
    proxy.reset();
    assert_eq!(activity::check(&store, "t").await.unwrap(), None);
}
