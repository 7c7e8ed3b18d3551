//! Lists of a table that is spread over several partitions of its indexes.

use std::collections::BTreeSet;

use db_adapter::schema::{Attribute, Constant, Index, Kind};
use db_adapter::{Attributes, Cursor, Error, Key, Order, Query, Table, Update};
use serde_json::json;

use crate::fixture::{Fixture, all_texts, at, attributes, texts, walk_query};
use crate::{assert_fails, cases};

cases!(partitions:
    items_are_spread_and_listed_as_one,
    ties_come_exactly_once_at_every_limit,
    a_range_is_walked_in_pages,
    a_sort_key_of_the_greatest_length_is_passed,
    what_is_written_during_a_walk_is_in_its_place,
    a_page_ends_at_one_mebibyte,
    an_update_and_a_delete_are_seen,
    a_cursor_of_one_partition_leads_on,
    a_forged_partition_is_refused,
    without_a_sort_key_every_item_comes_once,
    every_partition_is_sound,
);

/// Boards: listed as a whole, by when they were made and by nothing.
pub static BOARDS: Table = Table {
    name: "boards",
    singular: "board",
    component: "Board",
    env: "DYNAMODB_BOARDS_TABLE",
    default_name: "toy-boards",
    hash: "boardId",
    range: None,
    indexes: &[
        Index { name: "AllIndex", hash: "all", range: None },
        Index { name: "MadeIndex", hash: "all", range: Some("made") },
    ],
    unique: &[],
    constant: Some(Constant { attribute: "all", value: "boards", partitions: 4 }),
    ttl: None,
    attributes: &[
        Attribute::server("boardId", Kind::Text, "The board's id."),
        Attribute::text("made", "When it was made."),
        Attribute::text("words", "What is on it."),
        Attribute::hidden("all"),
    ],
    samples: "[]",
};

fn board(id: &str, made: &str) -> Attributes {
    attributes(json!({ "boardId": id, "made": made }))
}

fn by_time(order: Order, limit: usize) -> Query {
    Query { order, limit, ..Query::new(BOARDS.index("MadeIndex").unwrap(), "boards") }
}

async fn create(f: &Fixture, id: &str, made: &str) {
    f.store.create(&BOARDS, board(id, made)).await.unwrap();
}

/// Every id, in pages of that many.
async fn walked(f: &Fixture, query: Query) -> Vec<String> {
    let limit = query.limit;
    let pages = walk_query(&*f.store, &BOARDS, query).await;
    assert!(pages.iter().rev().skip(1).all(|page| page.items.len() == limit), "only the last page is not full");
    all_texts(&pages, "boardId")
}

async fn items_are_spread_and_listed_as_one(f: Fixture) {
    let mut partitions = BTreeSet::new();
    for number in 0..30 {
        let created = f.store.create(&BOARDS, board(&format!("b{number:02}"), &at(number))).await.unwrap();
        partitions.insert(created.text("all").unwrap());
    }
    assert_eq!(partitions.into_iter().collect::<Vec<_>>(), ["boards", "boards#1", "boards#2", "boards#3"]);
    let mut expected: Vec<_> = (0..30).map(|number| format!("b{number:02}")).collect();
    for order in [Order::Ascending, Order::Descending] {
        for limit in [1, 2, 3, 7, 29, 30, 31] {
            assert_eq!(walked(&f, by_time(order, limit)).await, expected, "{order:?}, {limit} a page");
        }
        expected.reverse();
    }
}

async fn ties_come_exactly_once_at_every_limit(f: Fixture) {
    for number in 0..12 {
        create(&f, &format!("b{number:02}"), &at(if number < 9 { 1 } else { 2 })).await;
    }
    for limit in 1..=13 {
        for order in [Order::Ascending, Order::Descending] {
            let mut all = walked(&f, by_time(order, limit)).await;
            let late = if order == Order::Ascending { all.split_off(9) } else { all.drain(..3).collect() };
            assert_eq!((all.len(), late.len()), (9, 3));
            assert!(all.iter().all(|id| id.as_str() < "b09") && late.iter().all(|id| id.as_str() >= "b09"), "{all:?} {late:?}");
        }
    }
}

async fn a_range_is_walked_in_pages(f: Fixture) {
    for number in 0..16 {
        create(&f, &format!("b{number:02}"), &at(number)).await;
    }
    for order in [Order::Ascending, Order::Descending] {
        for limit in 1..6 {
            let mut all = walked(&f, Query { from: Some(at(3)), to: Some(at(9)), ..by_time(order, limit) }).await;
            all.sort();
            assert_eq!(all, ["b03", "b04", "b05", "b06", "b07", "b08"], "{limit} a page");
        }
    }
    let empty = Query { from: Some(at(9)), to: Some(at(3)), ..by_time(Order::Ascending, 9) };
    assert!(walked(&f, empty).await.is_empty());
}

async fn a_sort_key_of_the_greatest_length_is_passed(f: Fixture) {
    for number in 0..8 {
        create(&f, &format!("b{number}"), &"z".repeat(if number < 6 { 1024 } else { 1023 })).await;
    }
    for order in [Order::Ascending, Order::Descending] {
        let mut all = walked(&f, by_time(order, 1)).await;
        all.sort();
        assert_eq!(all.len(), 8);
    }
}

async fn what_is_written_during_a_walk_is_in_its_place(f: Fixture) {
    for number in (0..20).step_by(2) {
        create(&f, &format!("b{number:02}"), &at(number)).await;
    }
    let first = f.store.query(&BOARDS, &by_time(Order::Ascending, 5)).await.unwrap();
    assert_eq!(texts(&first.items, "boardId"), ["b00", "b02", "b04", "b06", "b08"]);
    for number in (1..20).step_by(2) {
        create(&f, &format!("b{number:02}"), &at(number)).await;
    }
    let rest = walked(&f, Query { cursor: first.next, ..by_time(Order::Ascending, 50) }).await;
    assert_eq!(rest, (9..20).map(|number| format!("b{number:02}")).collect::<Vec<_>>());
}

async fn a_page_ends_at_one_mebibyte(f: Fixture) {
    for number in 0..7 {
        let mut board = board(&format!("b{number}"), &at(number));
        board.insert("words".to_owned(), "x".repeat(300 * 1024).into());
        f.store.create(&BOARDS, board).await.unwrap();
    }
    let pages = walk_query(&*f.store, &BOARDS, by_time(Order::Descending, 100)).await;
    assert_eq!(pages.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [3, 3, 1]);
}

async fn an_update_and_a_delete_are_seen(f: Fixture) {
    for number in 0..6 {
        create(&f, &format!("b{number}"), &at(number)).await;
    }
    assert_eq!(walked(&f, by_time(Order::Descending, 9)).await.len(), 6);
    let later = Update { set: attributes(json!({ "made": at(9) })), ..Update::default() };
    f.store.update(&BOARDS, &Key::hash("b0"), &later).await.unwrap();
    assert_eq!(walked(&f, by_time(Order::Descending, 9)).await, ["b0", "b5", "b4", "b3", "b2", "b1"]);
    f.store.delete(&BOARDS, &Key::hash("b4"), None).await.unwrap();
    assert_eq!(walked(&f, by_time(Order::Descending, 9)).await, ["b0", "b5", "b3", "b2", "b1"]);
    create(&f, "b7", &at(7)).await;
    assert_eq!(walked(&f, by_time(Order::Descending, 9)).await, ["b0", "b7", "b5", "b3", "b2", "b1"]);
}

/// The cursor of a client from before the table was spread.
async fn a_cursor_of_one_partition_leads_on(f: Fixture) {
    for number in 0..9 {
        create(&f, &format!("b{number}"), &at(number)).await;
    }
    let body = json!([
        { "Query": { "table": "boards", "index": "MadeIndex", "partition": "boards", "descending": false, "from": null, "to": null } },
        { "sort": at(3), "hash": "b3", "range": null },
    ]);
    let old = Some(crate::cursor::encoded(&body));
    let mut rest = walked(&f, Query { cursor: old, ..by_time(Order::Ascending, 50) }).await;
    // Of the time of its item it saw the first partition's only, so that of another may come once more.
    rest.retain(|id| id != "b3");
    assert_eq!(rest, ["b4", "b5", "b6", "b7", "b8"]);
}

async fn a_forged_partition_is_refused(f: Fixture) {
    create(&f, "b1", &at(1)).await;
    let body = json!([
        { "Query": { "table": "boards", "index": "MadeIndex", "partition": "boards", "descending": false, "from": null, "to": null } },
        { "sort": at(1), "hash": "b1", "range": null, "partition": 4 },
    ]);
    let forged: Cursor = crate::cursor::encoded(&body);
    let query = Query { cursor: Some(forged), ..by_time(Order::Ascending, 9) };
    assert_fails!(f.store.query(&BOARDS, &query).await, Error::InvalidCursor { .. });
}

async fn without_a_sort_key_every_item_comes_once(f: Fixture) {
    for number in 0..9 {
        create(&f, &format!("b{number}"), &at(number)).await;
    }
    for limit in [1, 2, 4, 9, 10] {
        let query = Query { limit, ..Query::new(BOARDS.index("AllIndex").unwrap(), "boards") };
        let mut all = walked(&f, query).await;
        all.sort();
        assert_eq!(all, (0..9).map(|number| format!("b{number}")).collect::<Vec<_>>());
    }
}

async fn every_partition_is_sound(f: Fixture) {
    for number in 0..8 {
        create(&f, &format!("b{number}"), &at(number)).await;
    }
    assert_eq!(f.store.check(&BOARDS).await.unwrap(), []);
}
