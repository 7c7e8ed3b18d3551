//! `query`: order, ranges, where pages are cut.

use db_adapter::forum::{post, thread, user};
use db_adapter::{Key, MAX_PAGE_BYTES, Order, Query, Scan, Update, Value};

use crate::cases;
use crate::fixture::{
    Fixture, all_texts, assert_invalid, at, attributes, by_email, by_thread, index, key, newest_threads, post, texts, thread,
    user, walk_query, walk_scan,
};

cases!(query:
    both_orders,
    ranges_include_from_and_exclude_to,
    an_empty_range_is_an_empty_page,
    a_range_without_a_sort_key_is_refused,
    bounds_are_as_long_as_a_sort_key_at_most,
    an_unknown_partition_is_an_empty_page,
    a_broken_partition_is_refused,
    a_page_ends_at_its_limit,
    any_limit_will_do,
    a_page_ends_at_one_mebibyte,
    an_item_larger_than_what_is_left_starts_the_next_page,
    a_page_counts_what_it_answers,
    ties_come_exactly_once_at_every_limit,
    a_range_is_walked_in_pages,
    partitions_are_kept_apart,
    an_item_without_the_key_attribute_is_not_in_the_index,
    an_update_moves_the_item,
    a_delete_removes_the_item,
    an_attribute_list_is_heeded,
    one_hash_under_two_ranges_is_two_items,
    finds_by_email,
);

async fn posts(f: &Fixture, seconds: impl IntoIterator<Item = u32>) {
    for second in seconds {
        f.store.create(&post::TABLE, post(&format!("p{second:02}"), "t1", &at(second))).await.unwrap();
    }
}

async fn ids(f: &Fixture, query: Query) -> Vec<String> {
    let page = f.store.query(&post::TABLE, &query).await.unwrap();
    assert_eq!(page.next, None);
    texts(&page.items, "postId")
}

async fn both_orders(f: Fixture) {
    posts(&f, [2, 0, 1]).await;
    assert_eq!(ids(&f, by_thread("t1")).await, ["p00", "p01", "p02"]);
    assert_eq!(ids(&f, Query { order: Order::Descending, ..by_thread("t1") }).await, ["p02", "p01", "p00"]);
    let by_user = Query::new(index(&post::TABLE, "UserIndex"), "u1");
    assert_eq!(ids(&f, by_user).await, ["p00", "p01", "p02"]);
}

async fn ranges_include_from_and_exclude_to(f: Fixture) {
    posts(&f, 0..5).await;
    let range = |from: Option<u32>, to: Option<u32>| Query { from: from.map(at), to: to.map(at), ..by_thread("t1") };
    assert_eq!(ids(&f, range(Some(1), Some(3))).await, ["p01", "p02"]);
    assert_eq!(ids(&f, range(Some(3), None)).await, ["p03", "p04"]);
    assert_eq!(ids(&f, range(None, Some(2))).await, ["p00", "p01"]);
    assert_eq!(ids(&f, Query { order: Order::Descending, ..range(Some(1), Some(3)) }).await, ["p02", "p01"]);
    assert_eq!(ids(&f, Query { order: Order::Descending, ..range(None, Some(2)) }).await, ["p01", "p00"]);
    let between = Query { from: Some(format!("{}0", at(1))), to: Some(format!("{}0", at(3))), ..by_thread("t1") };
    assert_eq!(ids(&f, between).await, ["p02", "p03"]);
}

async fn an_empty_range_is_an_empty_page(f: Fixture) {
    posts(&f, 0..3).await;
    for (from, to) in [(1, 1), (2, 1)] {
        assert!(ids(&f, Query { from: Some(at(from)), to: Some(at(to)), ..by_thread("t1") }).await.is_empty());
    }
    assert!(ids(&f, Query { from: Some(at(9)), ..by_thread("t1") }).await.is_empty());
}

async fn a_range_without_a_sort_key_is_refused(f: Fixture) {
    for (from, to) in [(Some(at(1)), None), (None, Some(at(1))), (Some(at(2)), Some(at(1)))] {
        let query = Query { from, to, ..by_email("ann@example.com") };
        assert_invalid(f.store.query(&user::TABLE, &query).await, "EmailIndex");
    }
}

async fn bounds_are_as_long_as_a_sort_key_at_most(f: Fixture) {
    posts(&f, 0..3).await;
    let bound = |letter: &str, bytes: usize| Some(letter.repeat(bytes));
    assert_eq!(ids(&f, Query { from: bound("1", 1024), to: bound("z", 1024), ..by_thread("t1") }).await.len(), 3);
    for (from, to) in [(bound("1", 1025), None), (None, bound("z", 1025)), (bound("1", 1025), bound("z", 1025))] {
        assert_invalid(f.store.query(&post::TABLE, &Query { from, to, ..by_thread("t1") }).await, "createdAt");
    }
}

async fn an_unknown_partition_is_an_empty_page(f: Fixture) {
    assert!(ids(&f, by_thread("nowhere")).await.is_empty());
}

async fn a_broken_partition_is_refused(f: Fixture) {
    assert_invalid(f.store.query(&post::TABLE, &by_thread("")).await, "threadId");
    assert_invalid(f.store.query(&post::TABLE, &by_thread("t\0")).await, "threadId");
}

async fn a_page_ends_at_its_limit(f: Fixture) {
    posts(&f, 0..6).await;
    for (limit, sizes) in [(1, vec![1; 6]), (2, vec![2; 3]), (4, vec![4, 2]), (5, vec![5, 1]), (6, vec![6]), (7, vec![6])] {
        for order in [Order::Ascending, Order::Descending] {
            let pages = walk_query(&*f.store, &post::TABLE, Query { limit, order, ..by_thread("t1") }).await;
            assert_eq!(pages.iter().map(|page| page.items.len()).collect::<Vec<_>>(), sizes, "limit {limit}");
            let mut all = all_texts(&pages, "postId");
            assert!(if order == Order::Ascending { all.is_sorted() } else { all.is_sorted_by(|a, b| a > b) });
            all.sort();
            assert_eq!(all.len(), 6);
        }
    }
}

async fn any_limit_will_do(f: Fixture) {
    posts(&f, 0..2).await;
    for limit in [usize::MAX, usize::MAX - 1] {
        assert_eq!(ids(&f, Query { limit, ..by_thread("t1") }).await, ["p00", "p01"]);
        assert_eq!(all_texts(&walk_scan(&*f.store, &post::TABLE, Scan::new(limit)).await, "postId").len(), 2);
    }
}

async fn big_posts(f: &Fixture, kilobytes: &[usize]) {
    for (number, size) in kilobytes.iter().enumerate() {
        let second = u32::try_from(number).unwrap();
        let mut attributes = post(&format!("p{number:02}"), "t1", &at(second));
        attributes.insert("content".to_owned(), Value::from("x".repeat(size * 1024)));
        f.store.create(&post::TABLE, attributes).await.unwrap();
    }
}

async fn a_page_ends_at_one_mebibyte(f: Fixture) {
    big_posts(&f, &[300, 300, 300, 300, 300, 300, 300]).await;
    for order in [Order::Ascending, Order::Descending] {
        let pages = walk_query(&*f.store, &post::TABLE, Query { order, ..by_thread("t1") }).await;
        assert_eq!(pages.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [3, 3, 1]);
        assert_eq!(all_texts(&pages, "postId").len(), 7);
        for page in pages {
            assert!(page.items.iter().map(|item| item.as_json().len()).sum::<usize>() <= MAX_PAGE_BYTES);
        }
    }
}

async fn an_item_larger_than_what_is_left_starts_the_next_page(f: Fixture) {
    big_posts(&f, &[390, 390, 200, 390, 1]).await;
    let pages = walk_query(&*f.store, &post::TABLE, by_thread("t1")).await;
    assert_eq!(pages.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [3, 2]);
}

async fn a_page_counts_what_it_answers(f: Fixture) {
    big_posts(&f, &[300, 300, 300, 300, 300]).await;
    for order in [Order::Ascending, Order::Descending] {
        let query = Query { order, attributes: Some(vec!["userId".to_owned()]), ..by_thread("t1") };
        let pages = walk_query(&*f.store, &post::TABLE, query).await;
        assert_eq!(pages.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [5]);
    }
}

async fn ties_come_exactly_once_at_every_limit(f: Fixture) {
    for number in 0..7 {
        f.store.create(&post::TABLE, post(&format!("p{number}"), "t1", &at(if number < 5 { 1 } else { 2 }))).await.unwrap();
    }
    for limit in 1..=8 {
        for order in [Order::Ascending, Order::Descending] {
            let pages = walk_query(&*f.store, &post::TABLE, Query { limit, order, ..by_thread("t1") }).await;
            let mut all = all_texts(&pages, "postId");
            let late = if order == Order::Ascending { all.split_off(5) } else { all.drain(..2).collect() };
            assert_eq!((all.len(), late.len()), (5, 2));
            assert!(all.iter().all(|id| id.as_str() < "p5") && late.iter().all(|id| id.as_str() >= "p5"), "{all:?} {late:?}");
        }
    }
}

async fn a_range_is_walked_in_pages(f: Fixture) {
    posts(&f, 0..9).await;
    for number in 0..3 {
        f.store.create(&post::TABLE, post(&format!("tie{number}"), "t1", &at(7))).await.unwrap();
    }
    for order in [Order::Ascending, Order::Descending] {
        for limit in 1..5 {
            let query = Query { from: Some(at(2)), to: Some(at(7)), limit, order, ..by_thread("t1") };
            let mut all = all_texts(&walk_query(&*f.store, &post::TABLE, query).await, "postId");
            all.sort();
            assert_eq!(all, ["p02", "p03", "p04", "p05", "p06"], "limit {limit}");
        }
    }
}

async fn partitions_are_kept_apart(f: Fixture) {
    for (id, thread) in [("p1", "t"), ("p2", "t1"), ("p3", "t10"), ("p4", "t!")] {
        f.store.create(&post::TABLE, post(id, thread, &at(1))).await.unwrap();
    }
    for (thread, id) in [("t", "p1"), ("t1", "p2"), ("t10", "p3"), ("t!", "p4")] {
        assert_eq!(ids(&f, by_thread(thread)).await, [id]);
    }
}

async fn an_item_without_the_key_attribute_is_not_in_the_index(f: Fixture) {
    let nameless = attributes(serde_json::json!({"userId": "u1", "name": "No e-mail", "createdAt": at(1)}));
    f.store.create(&user::TABLE, nameless).await.unwrap();
    let page = f.store.query(&user::TABLE, &by_email("u1@example.com")).await.unwrap();
    assert!(page.items.is_empty());
}

async fn an_update_moves_the_item(f: Fixture) {
    for second in 0..3 {
        f.store.create(&thread::TABLE, thread(&format!("t{second}"), &at(second))).await.unwrap();
    }
    let set = attributes(serde_json::json!({"createdAt": at(9)}));
    f.store.update(&thread::TABLE, &key("t0"), &Update { set, ..Update::default() }).await.unwrap();
    for (table, required) in [(&thread::TABLE, "createdAt"), (&thread::TABLE, "title"), (&user::TABLE, "name")] {
        let remove = [required.to_owned()].into();
        assert_invalid(f.store.update(table, &key("t2"), &Update { remove, ..Update::default() }).await, required);
    }
    let page = f.store.query(&thread::TABLE, &newest_threads()).await.unwrap();
    assert_eq!(texts(&page.items, "threadId"), ["t0", "t2", "t1"]);
    assert_eq!(page.items[0].tag().version, 2);
}

async fn a_delete_removes_the_item(f: Fixture) {
    posts(&f, 0..3).await;
    f.store.delete(&post::TABLE, &Key::pair("p01", "t1"), None).await.unwrap();
    assert_eq!(ids(&f, by_thread("t1")).await, ["p00", "p02"]);
}

async fn an_attribute_list_is_heeded(f: Fixture) {
    posts(&f, 0..3).await;
    let query = Query { attributes: Some(vec!["content".to_owned()]), limit: 2, ..by_thread("t1") };
    let pages = walk_query(&*f.store, &post::TABLE, query).await;
    assert_eq!(all_texts(&pages, "postId").len(), 3);
    let names: Vec<_> = pages[0].items[0].members().into_iter().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["content", "createdAt", "postId", "threadId", "version", "writeId"]);
}

async fn one_hash_under_two_ranges_is_two_items(f: Fixture) {
    f.store.create(&post::TABLE, post("p1", "t1", &at(1))).await.unwrap();
    f.store.create(&post::TABLE, post("p1", "t2", &at(1))).await.unwrap();
    let query = Query { limit: 1, ..Query::new(index(&post::TABLE, "UserIndex"), "u1") };
    let mut threads: Vec<_> =
        walk_query(&*f.store, &post::TABLE, query).await.iter().flat_map(|page| texts(&page.items, "threadId")).collect();
    threads.sort();
    assert_eq!(threads, ["t1", "t2"]);
    assert_eq!(ids(&f, by_thread("t2")).await, ["p1"]);
}

async fn finds_by_email(f: Fixture) {
    f.store.create(&user::TABLE, user("u1", "ann@example.com")).await.unwrap();
    let page = f.store.query(&user::TABLE, &by_email("ann@example.com")).await.unwrap();
    assert_eq!((texts(&page.items, "userId"), page.next), (vec!["u1".to_owned()], None));
    assert!(f.store.query(&user::TABLE, &by_email("bob@example.com")).await.unwrap().items.is_empty());
}
