//! `scan`: whole tables, in parts, without claims.

use db_adapter::forum::{post, user};
use db_adapter::{MAX_PAGE_BYTES, Scan, Segment, Value};

use crate::cases;
use crate::fixture::{Fixture, all_texts, assert_invalid, at, load, post, user, walk_scan};

cases!(scan:
    every_item_comes_exactly_once,
    a_page_ends_at_one_mebibyte,
    segments_are_the_table,
    a_segment_that_is_none_is_refused,
    claims_are_hidden_and_pages_full,
    an_attribute_list_is_heeded,
    an_empty_table_is_an_empty_page,
);

async fn posts(f: &Fixture, count: usize) {
    let items = (0..count).map(|number| post(&format!("p{number:03}"), "t1", &at(1))).collect();
    load(&*f.store, &post::TABLE, items).await.unwrap();
}

async fn every_item_comes_exactly_once(f: Fixture) {
    posts(&f, 23).await;
    for limit in [1, 5, 22, 23, 24] {
        let pages = walk_scan(&*f.store, &post::TABLE, Scan::new(limit)).await;
        assert_eq!(all_texts(&pages, "postId").len(), 23);
        assert!(pages.iter().all(|page| page.items.len() == limit.min(23) || page.next.is_none()));
        assert_eq!(pages.len(), 23_usize.div_ceil(limit), "limit {limit}");
    }
}

async fn a_page_ends_at_one_mebibyte(f: Fixture) {
    for number in 0..7 {
        let mut attributes = post(&format!("p{number}"), "t1", &at(1));
        attributes.insert("content".to_owned(), Value::from("x".repeat(300 * 1024)));
        f.store.create(&post::TABLE, attributes).await.unwrap();
    }
    let pages = walk_scan(&*f.store, &post::TABLE, Scan::new(100)).await;
    assert_eq!(pages.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [3, 3, 1]);
    assert_eq!(all_texts(&pages, "postId").len(), 7);
    assert!(pages.iter().all(|page| page.items.iter().map(|item| item.as_json().len()).sum::<usize>() <= MAX_PAGE_BYTES));
}

async fn segments_are_the_table(f: Fixture) {
    posts(&f, 50).await;
    for of in [1, 2, 7] {
        let mut pages = Vec::new();
        for number in 0..of {
            pages
                .extend(walk_scan(&*f.store, &post::TABLE, Scan { segment: Some(Segment { number, of }), ..Scan::new(4) }).await);
        }
        assert_eq!(all_texts(&pages, "postId").len(), 50, "{of} segments");
    }
}

async fn a_segment_that_is_none_is_refused(f: Fixture) {
    for (number, of) in [(2, 2), (0, 0)] {
        let scan = Scan { segment: Some(Segment { number, of }), ..Scan::new(4) };
        assert_invalid(f.store.scan(&post::TABLE, &scan).await, "segment");
    }
}

async fn claims_are_hidden_and_pages_full(f: Fixture) {
    for number in 0..12 {
        f.store.create(&user::TABLE, user(&format!("u{number}"), &format!("u{number}@example.com"))).await.unwrap();
    }
    for limit in [1, 5, 12] {
        let pages = walk_scan(&*f.store, &user::TABLE, Scan::new(limit)).await;
        assert!(pages.iter().all(|page| page.items.len() == limit || page.next.is_none()));
        assert!(all_texts(&pages, "userId").iter().all(|id| id.starts_with('u')));
        assert_eq!(all_texts(&pages, "userId").len(), 12);
    }
}

async fn an_attribute_list_is_heeded(f: Fixture) {
    posts(&f, 3).await;
    let scan = Scan { attributes: Some(vec!["content".to_owned()]), ..Scan::new(2) };
    let pages = walk_scan(&*f.store, &post::TABLE, scan).await;
    assert_eq!(all_texts(&pages, "postId").len(), 3);
    assert!(pages[0].items.iter().all(|item| item.text("content").is_some() && item.text("userId").is_none()));
}

async fn an_empty_table_is_an_empty_page(f: Fixture) {
    let page = f.store.scan(&post::TABLE, &Scan::new(10)).await.unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
}
