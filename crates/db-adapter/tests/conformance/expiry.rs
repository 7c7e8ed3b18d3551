//! Items that end: absent from their second on, for every operation.

use db_adapter::forum::{EXPIRES_AT, post};
use db_adapter::{Attributes, Error, Key, Read, Scan, Store, Update, Value};

use crate::fixture::{Fixture, all_texts, at, by_thread, key, load, post, walk_query, walk_scan};
use crate::moved_clock::MovedClock;
use crate::{assert_fails, cases};

cases!(expiry:
    an_item_is_absent_from_its_second_on,
    a_key_is_free_once_its_item_ends,
    the_first_of_a_partition_is_one_that_is_there,
    pages_are_full_and_cursors_hold_when_items_end,
    an_update_sets_and_removes_the_end,
    what_is_loaded_past_its_time_is_absent,
    an_end_is_a_count,
);

/// A post that ends so many seconds after the start of the clock.
fn ending(id: &str, thread: &str, second: u32, after: i64) -> Attributes {
    let end = (EXPIRES_AT.to_owned(), Value::from((MovedClock::START + after).unsigned_abs()));
    post(id, thread, &at(second)).into_iter().chain([end]).collect()
}

fn ends(after: i64) -> Update {
    let end = Value::from((MovedClock::START + after).unsigned_abs());
    Update { set: [(EXPIRES_AT.to_owned(), end)].into(), ..Update::default() }
}

/// Whether every kind of read finds the post, which is alone in thread t1.
async fn is_there(store: &dyn Store, id: &str) -> bool {
    let full = Key::pair(id, "t1");
    let part = Read { attributes: Some(vec!["title".to_owned()]), ..Read::default() };
    let mut found = Vec::new();
    for read in [Read::default(), Read::STRONG, part] {
        found.push(store.get(&post::TABLE, &full, &read).await.unwrap().is_some());
        found.push(store.get(&post::TABLE, &key(id), &read).await.unwrap().is_some());
        found.push(store.get_many(&[(&post::TABLE, full.clone())], &read).await.unwrap()[0].is_some());
    }
    found.push(!store.query(&post::TABLE, &by_thread("t1")).await.unwrap().items.is_empty());
    for broken in [false, true] {
        let scan = Scan { broken, ..Scan::new(9) };
        found.push(!store.scan(&post::TABLE, &scan).await.unwrap().items.is_empty());
    }
    assert_eq!(store.check(&post::TABLE).await.unwrap(), []);
    assert!(found.iter().all(|one| *one == found[0]), "{found:?}");
    found[0]
}

async fn an_item_is_absent_from_its_second_on(f: Fixture) {
    let (key, other) = (Key::pair("p1", "t1"), f.other().await);
    f.store.create(&post::TABLE, ending("p1", "t1", 0, 10)).await.unwrap();
    for (seconds, there) in [(0, true), (9, true), (1, false), (1000, false)] {
        f.clock.advance(seconds);
        assert_eq!(is_there(&*f.store, "p1").await, there);
        assert_eq!(is_there(&*other, "p1").await, there);
    }
    assert_fails!(f.store.update(&post::TABLE, &key, &Update::default()).await, Error::NotFound);
    assert_fails!(f.store.delete(&post::TABLE, &key, None).await, Error::NotFound);
    assert!(!is_there(&*f.store, "p1").await);
}

async fn a_key_is_free_once_its_item_ends(f: Fixture) {
    f.store.create(&post::TABLE, ending("p1", "t1", 0, 10)).await.unwrap();
    f.clock.advance(9);
    assert_fails!(f.store.create(&post::TABLE, post("p1", "t1", &at(1))).await, Error::Conflict { .. });
    f.clock.advance(1);
    let created = f.store.create(&post::TABLE, post("p1", "t1", &at(2))).await.unwrap();
    assert_eq!(created.tag().version, 1);
    assert_fails!(f.store.create(&post::TABLE, post("p1", "t1", &at(3))).await, Error::Conflict { .. });
    f.clock.advance(1000);
    assert_eq!(f.store.get(&post::TABLE, &Key::pair("p1", "t1"), &Read::STRONG).await.unwrap(), Some(created));
    assert_eq!(walk_query(&*f.store, &post::TABLE, by_thread("t1")).await[0].items.len(), 1);
}

async fn the_first_of_a_partition_is_one_that_is_there(f: Fixture) {
    for thread in ["t1", "t2", "t3"] {
        f.store.create(&post::TABLE, ending("p1", thread, 0, 10)).await.unwrap();
    }
    f.store.create(&post::TABLE, post("p1", "t4", &at(0))).await.unwrap();
    f.store.create(&post::TABLE, post("p2", "t0", &at(0))).await.unwrap();
    f.clock.advance(10);
    for read in [Read::STRONG, Read { attributes: Some(Vec::new()), ..Read::default() }] {
        let first = f.store.get(&post::TABLE, &key("p1"), &read).await.unwrap().unwrap();
        assert_eq!(first.text("threadId").as_deref(), Some("t4"));
    }
}

async fn pages_are_full_and_cursors_hold_when_items_end(f: Fixture) {
    for number in 0..20_u32 {
        // Every second one ends at first, then one at which a cursor points.
        let after = if number % 2 == 0 {
            10
        } else if number == 5 {
            20
        } else {
            1000
        };
        f.store.create(&post::TABLE, ending(&format!("p{number:02}"), "t1", number, after)).await.unwrap();
    }
    f.clock.advance(10);
    let mut query = by_thread("t1");
    query.limit = 3;
    let first = f.store.query(&post::TABLE, &query).await.unwrap();
    assert_eq!(all_texts(std::slice::from_ref(&first), "postId"), ["p01", "p03", "p05"]);
    f.clock.advance(10);
    query.cursor = first.next;
    let rest = walk_query(&*f.store, &post::TABLE, query.clone()).await;
    assert_eq!(all_texts(&rest, "postId"), ["p07", "p09", "p11", "p13", "p15", "p17", "p19"]);
    assert_eq!(rest.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [3, 3, 1]);
    let scanned = walk_scan(&*f.store, &post::TABLE, Scan::new(4)).await;
    assert_eq!(scanned.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [4, 4, 1]);
}

async fn an_update_sets_and_removes_the_end(f: Fixture) {
    let key = Key::pair("p1", "t1");
    f.store.create(&post::TABLE, post("p1", "t1", &at(0))).await.unwrap();
    f.store.update(&post::TABLE, &key, &ends(10)).await.unwrap();
    f.clock.advance(9);
    assert!(is_there(&*f.store, "p1").await);
    let forever = Update { remove: [EXPIRES_AT.to_owned()].into(), ..Update::default() };
    f.store.update(&post::TABLE, &key, &forever).await.unwrap();
    f.clock.advance(1000);
    assert!(is_there(&*f.store, "p1").await);
    // The end may be in the past: the write returns what it stored, and nobody finds it.
    let ended = f.store.update(&post::TABLE, &key, &ends(0)).await.unwrap();
    assert_eq!(ended.tag().version, 4);
    assert!(!is_there(&*f.store, "p1").await);
    assert_fails!(f.store.update(&post::TABLE, &key, &forever).await, Error::NotFound);
}

async fn what_is_loaded_past_its_time_is_absent(f: Fixture) {
    let items = vec![ending("p1", "t1", 0, 0), ending("p2", "t1", 1, 1)];
    assert_eq!(load(&*f.store, &post::TABLE, items).await.unwrap(), 2);
    let left = walk_query(&*f.store, &post::TABLE, by_thread("t1")).await;
    assert_eq!(all_texts(&left, "postId"), ["p2"]);
}

async fn an_end_is_a_count(f: Fixture) {
    for end in [Value::from("1800000000"), Value::Null, Value::Bool(true)] {
        let item = post("p1", "t1", &at(0)).into_iter().chain([(EXPIRES_AT.to_owned(), end)]).collect();
        assert_fails!(f.store.create(&post::TABLE, item).await, Error::InvalidItem { .. });
    }
}
