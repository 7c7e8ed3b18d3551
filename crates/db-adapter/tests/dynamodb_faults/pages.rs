//! Pages that do not end. DynamoDB has none; what stands in for it may.

use db_adapter::forum::thread;
use db_adapter::{Error, Query, Scan, Store};
use serde_json::{Value, json};

use crate::fault_proxy::{Fault, FaultProxy};
use crate::store;

fn page(items: &Value, last: &str) -> Fault {
    Fault::Response(json!({ "Items": items, "Count": 1, "ScannedCount": 1, "LastEvaluatedKey": { "threadId": { "S": last } } }))
}

fn calls(proxy: &FaultProxy) -> usize {
    proxy.operations().len()
}

/// What a loop over pages tells in the end, and how many calls it took.
async fn ends(responses: impl Fn(&FaultProxy)) -> Vec<(String, usize)> {
    let mut ends = Vec::new();
    for number in 0..3 {
        let (store, proxy) = store().await;
        responses(&proxy);
        let error = match number {
            0 => {
                let query = Query { limit: 1000, ..Query::new(thread::TABLE.index("CreatedAtIndex").unwrap(), thread::FEED) };
                store.query(&thread::TABLE, &query).await.map(drop)
            }
            1 => store.scan(&thread::TABLE, &Scan::new(1000)).await.map(drop),
            _ => store.check(&thread::TABLE).await.map(drop),
        };
        match error {
            Err(Error::Unavailable { reason }) => ends.push((reason, calls(&proxy))),
            other => panic!("{number}: {other:?}"),
        }
    }
    ends
}

#[tokio::test]
async fn a_page_that_leads_to_itself_ends_the_loop() {
    for items in [json!([]), json!([{ "threadId": { "S": "a" }, "title": { "S": "T" } }])] {
        let responses = |proxy: &FaultProxy| {
            for operation in ["Query", "Scan"] {
                proxy.inject_about(operation, "", page(&items, "a"), usize::MAX);
            }
        };
        for (reason, calls) in ends(responses).await {
            assert!(reason.contains("again"), "{reason}");
            assert_eq!(calls, 2);
        }
    }
}

#[tokio::test]
async fn pages_that_lead_in_a_circle_end_the_loop() {
    let responses = |proxy: &FaultProxy| {
        for operation in ["Query", "Scan"] {
            // The first call has no key to start from.
            proxy.inject_about(operation, "ExclusiveStartKey\":{\"threadId\":{\"S\":\"a", page(&json!([]), "b"), usize::MAX);
            proxy.inject_about(operation, "ExclusiveStartKey\":{\"threadId\":{\"S\":\"b", page(&json!([]), "c"), usize::MAX);
            proxy.inject_about(operation, "", page(&json!([]), "a"), usize::MAX);
        }
    };
    for (reason, calls) in ends(responses).await {
        assert!(reason.contains("again"), "{reason}");
        assert!(calls < 12, "{calls}");
    }
}

#[tokio::test]
async fn a_hundred_empty_pages_end_the_loop() {
    let responses = |proxy: &FaultProxy| {
        for number in 0..1000 {
            for operation in ["Query", "Scan"] {
                proxy.inject_about(operation, "", page(&json!([]), &number.to_string()), 1);
            }
        }
    };
    for (reason, calls) in ends(responses).await {
        assert!(reason.contains("100 pages"), "{reason}");
        assert_eq!(calls, 100);
    }
}

#[tokio::test]
async fn empty_pages_before_items_are_no_fault() {
    let (store, proxy) = store().await;
    for number in 0..99 {
        proxy.inject_about("Scan", "", page(&json!([]), &number.to_string()), 1);
    }
    assert_eq!(store.scan(&thread::TABLE, &Scan::new(10)).await.unwrap().items.len(), 0);
    assert_eq!(calls(&proxy), 100);
}
