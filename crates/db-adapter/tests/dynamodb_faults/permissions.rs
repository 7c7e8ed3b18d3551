//! The actions on DynamoDB that a store's operations need, as the proxy sees them, are granted to the operator's task by Terraform, and
//! stand in the operator's permissions in the documentation.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use db_adapter::dynamodb::ControlTable;
use db_adapter::forum::{TABLES, thread, user};
use db_adapter::layer::fence::{Watch, takeover};
use db_adapter::{Clock, Heartbeats, Item, Key, Query, Read, Scan, Store};
use futures::StreamExt;
use serde_json::json;

use crate::fault_proxy::FaultProxy;
use crate::{ann, attributes, set, store};

/// What DynamoDB asks permission for: of a transaction, the action of each of its items.
fn actions(operation: &str, body: &serde_json::Value) -> Vec<String> {
    if operation != "TransactWriteItems" {
        return vec![operation.to_owned()];
    }
    let items = body["TransactItems"].as_array().unwrap();
    items.iter().flat_map(|item| item.as_object().unwrap().keys()).map(|kind| format!("{kind}Item")).collect()
}

/// The names in quotes between two texts.
fn quoted_between(text: &str, start: &str, end: &str) -> BTreeSet<String> {
    let (_, rest) = text.split_once(start).unwrap();
    let (list, _) = rest.split_once(end).unwrap();
    list.split('"').skip(1).step_by(2).map(|name| name.trim_start_matches("dynamodb:").to_owned()).collect()
}

fn project_file(path: &str) -> String {
    std::fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[tokio::test]
async fn the_operators_task_may_do_what_the_store_does() {
    let (store, proxy) = store().await;
    let s = |text: &str| AttributeValue::S(text.to_owned());
    store.create(&user::TABLE, ann()).await.unwrap();
    let thread = json!({ "threadId": "t", "title": "T", "createdAt": "2026-01-01T00:00:00.000Z" });
    store.create(&thread::TABLE, attributes(thread.clone())).await.unwrap();
    store.update(&thread::TABLE, &Key::hash("t"), &set("title", "U")).await.unwrap();
    store.update(&user::TABLE, &Key::hash("ann"), &set("email", "a@example.org")).await.unwrap();
    store.get_many(&[(&user::TABLE, Key::hash("ann"))], &Read::STRONG).await.unwrap();
    store.query(&thread::TABLE, &Query::new(thread::TABLE.index("CreatedAtIndex").unwrap(), thread::FEED)).await.unwrap();
    store.scan(&user::TABLE, &Scan::new(1)).await.unwrap();
    let items = [Item::parse(&thread.to_string())];
    store.load(&thread::TABLE, futures::stream::iter(items).boxed()).await.unwrap();
    // A user without its claim, a claim without its user, an item to mend and one to remove.
    let put = |item: &[(&str, &str)]| {
        let item = item.iter().map(|(name, value)| ((*name).to_owned(), s(value))).collect();
        store.client().put_item().table_name(store.table_name(&user::TABLE)).set_item(Some(item)).send()
    };
    put(&[("userId", "b"), ("name", "B"), ("email", "B@x.org"), ("createdAt", "yesterday")]).await.unwrap();
    put(&[("userId", "email#c@x.org"), ("owner", "c")]).await.unwrap();
    put(&[("userId", "nameless"), ("createdAt", "2026-01-01T00:00:00.000Z")]).await.unwrap();
    for table in TABLES {
        for finding in store.check(table).await.unwrap() {
            store.repair(table, &finding).await.unwrap();
        }
        assert_eq!(store.check(table).await.unwrap(), []);
        assert!(store.health(table).await.reachable);
    }
    store.delete(&thread::TABLE, &Key::hash("t"), None).await.unwrap();

    let seen = proxy.seen();
    let needed: BTreeSet<_> = seen.iter().flat_map(|seen| actions(&seen.operation, &seen.body)).collect();
    assert!(needed.contains("ConditionCheckItem") && needed.len() >= 9, "{needed:?}");
    let granted = quoted_between(&project_file("terraform/main.tf"), "# the one-off operator task", "indexes");
    let documented = quoted_between(&project_file("docs/operations.md"), "\"Sid\": \"Data\",", "\"Resource\"");
    for (place, actions) in [("terraform/main.tf", granted), ("docs/operations.md", documented)] {
        let missing: Vec<_> = needed.difference(&actions).collect();
        assert!(missing.is_empty(), "{place} lacks {missing:?}");
    }
}

/// A clock that goes on by a heartbeat's time at every look.
#[derive(Debug, Default)]
struct Hurrying(AtomicU64);

impl Clock for Hurrying {
    fn elapsed(&self) -> Duration {
        Duration::from_secs(5 * self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn time_of_day(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

#[tokio::test]
async fn a_service_may_read_and_renew_the_lease_and_the_operators_task_may_change_it() {
    let proxy = FaultProxy::start(&crate::dynoxide::start().await).await;
    let control = Arc::new(ControlTable::open("fence", "us-east-1", Some(&proxy.endpoint())).await.unwrap());
    control.create(None).await.unwrap();
    let clock = Arc::new(Hurrying::default());
    assert!(takeover::init(&*control, &*clock, "us-east-1").await.unwrap());
    let calls = |proxy: &FaultProxy| -> BTreeSet<_> {
        proxy.seen().iter().flat_map(|seen| actions(&seen.operation, &seen.body)).collect()
    };
    let granted = |end| quoted_between(&project_file("terraform/main.tf"), "fence_actions = {", end);

    proxy.reset();
    let watch = Watch::new("us-east-1", control.clone(), clock.clone(), Duration::from_secs(6));
    for _ in 0..3 {
        watch.refresh().await;
    }
    let of_services = calls(&proxy);
    assert!(of_services.contains("UpdateItem"), "the heartbeat was not renewed: {of_services:?}");
    assert_eq!(of_services, granted("]"));

    let stopped = takeover::stop(&*control, &*clock, Duration::from_secs(6)).await.unwrap();
    takeover::begin(&*control, &*clock, &stopped, "us-west-2").await.unwrap();
    let (of_operators, granted) = (calls(&proxy), granted("\n"));
    assert!(of_operators.contains("PutItem") && of_operators.is_subset(&granted), "{of_operators:?} {granted:?}");
}

#[tokio::test]
async fn services_may_make_and_read_the_heartbeats_of_their_tables() {
    let (store, proxy) = store().await;
    for table in TABLES {
        store.beat(table, "2026-01-01T00:00:00.000Z").await.unwrap();
        assert_eq!(store.last_beat(table).await.unwrap().as_deref(), Some("2026-01-01T00:00:00.000Z"));
    }
    let needed: BTreeSet<_> = proxy.seen().iter().flat_map(|seen| actions(&seen.operation, &seen.body)).collect();
    assert_eq!(needed, ["GetItem", "PutItem"].map(str::to_owned).into());
    let terraform = project_file("terraform/main.tf");
    let (_, programs) = terraform.split_once("access_of_programs = {").unwrap();
    let served = [("users", &["users", "reports", "modlog"][..]), ("threads", &["threads"]), ("posts", &["posts"])];
    for (program, tables) in served {
        let (_, access) = programs.split_once(&format!("\n    {program} = {{")).unwrap();
        for table in tables {
            let line = access.lines().find(|line| line.split_whitespace().next() == Some(table)).unwrap();
            assert!(needed.is_subset(&quoted_between(line, "actions = [", "]")), "{program}: {line}");
        }
    }
    assert_eq!(served.map(|(_, tables)| tables.len()).iter().sum::<usize>(), TABLES.len());
}
