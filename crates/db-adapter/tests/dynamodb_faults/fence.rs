//! The fence right before each request, and the table with the lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use db_adapter::dynamodb::ControlTable;
use db_adapter::{Clock, Control, Grant, Lease};

use super::*;

/// Lets the grant end after it was looked at so many times.
#[derive(Debug)]
struct EndsAfter(AtomicU32);

impl Clock for EndsAfter {
    fn elapsed(&self) -> Duration {
        let ended = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err();
        if ended { Duration::from_secs(2) } else { Duration::ZERO }
    }

    fn time_of_day(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A store whose grant ends after so many looks at it.
async fn fenced(looks: u32) -> (DynamoStore, FaultProxy) {
    let grant = Arc::new(Grant::new(Arc::new(EndsAfter(AtomicU32::new(looks)))));
    grant.open_until(Duration::from_secs(1), "us-west-2");
    store_with(move |options| options.grant = Some(grant.clone())).await
}

fn a_thread() -> Attributes {
    attributes(json!({ "threadId": "t", "title": "T", "createdAt": "2026-01-01T00:00:00.000Z" }))
}

fn is_refused<T: std::fmt::Debug>(done: db_adapter::Result<T>) {
    assert!(matches!(&done, Err(Error::NotWriting { writer: Some(writer) }) if writer == "us-west-2"), "{done:?}");
}

#[tokio::test]
async fn without_a_grant_no_write_is_sent() {
    let (store, proxy) = fenced(0).await;
    let key = Key::hash("t");
    is_refused(store.create(&thread::TABLE, a_thread()).await);
    is_refused(store.create(&user::TABLE, ann()).await);
    is_refused(store.update(&thread::TABLE, &key, &set("title", "U")).await);
    is_refused(store.delete(&thread::TABLE, &key, None).await);
    is_refused(store.load(&thread::TABLE, futures::stream::iter([Ok(Item::new(&a_thread()))]).boxed()).await);
    assert_eq!(proxy.operations(), [] as [&str; 0]);
    assert_eq!(stored(&store, &thread::TABLE, &key).await, None);
}

#[tokio::test]
async fn a_grant_costs_no_request() {
    let (store, proxy) = fenced(u32::MAX).await;
    store.create(&thread::TABLE, a_thread()).await.unwrap();
    store.create(&user::TABLE, ann()).await.unwrap();
    assert_eq!(proxy.operations(), ["PutItem", "TransactWriteItems"]);
}

/// The first attempt may have been executed; the second one is not sent.
#[tokio::test]
async fn a_grant_that_ends_between_two_attempts_leaves_the_outcome_unknown() {
    let (store, proxy) = fenced(1).await;
    proxy.inject("PutItem", Fault::LoseResponse);
    let created = store.create(&thread::TABLE, a_thread()).await;
    assert!(matches!(created, Err(Error::Timeout)), "{created:?}");
    assert_eq!(proxy.operations(), ["PutItem"]);
}

async fn control() -> (ControlTable, FaultProxy) {
    let proxy = FaultProxy::start(&crate::dynoxide::start().await).await;
    let control = ControlTable::open("fence", "us-east-2", Some(&proxy.endpoint())).await.unwrap();
    assert!(control.create(None).await.unwrap());
    assert!(!control.create(None).await.unwrap());
    proxy.reset();
    (control, proxy)
}

fn lease(region: Option<&str>, epoch: u64) -> Lease {
    let text = |what: &str| format!("{what} of {epoch}");
    Lease {
        region: region.map(str::to_owned),
        epoch,
        change: text("change"),
        since: text("since"),
        not_before: text("not before"),
        renewed: text("renewed"),
    }
}

#[tokio::test]
async fn a_lease_is_changed_only_as_it_was_read() {
    let (control, _) = control().await;
    assert_eq!(control.read().await.unwrap(), None);
    let [first, second, third] = [lease(Some("us-east-1"), 1), lease(None, 2), lease(Some("us-west-2"), 3)];
    assert!(control.replace(None, &first).await.unwrap());
    assert!(!control.replace(None, &second).await.unwrap());
    assert!(control.replace(Some(1), &second).await.unwrap());
    assert!(!control.replace(Some(1), &third).await.unwrap());
    assert_eq!(control.read().await.unwrap(), Some(second.clone()));
    // A renewal of what is no longer so changes nothing.
    control.renew(&first, "now").await.unwrap();
    assert_eq!(control.read().await.unwrap(), Some(second.clone()));
    control.renew(&second, "now").await.unwrap();
    assert_eq!(control.read().await.unwrap(), Some(Lease { renewed: "now".to_owned(), ..second }));
}

#[tokio::test]
async fn a_change_whose_response_was_lost_has_happened() {
    let (control, proxy) = control().await;
    for fault in UNCERTAIN {
        let epoch = control.read().await.unwrap().map(|lease| lease.epoch);
        proxy.inject("PutItem", fault);
        assert!(control.replace(epoch, &lease(None, epoch.unwrap_or(0) + 1)).await.unwrap());
    }
}
