//! Cursors: altered, of another list, of another backend, after deletion.

use db_adapter::forum::{post, thread};
use db_adapter::{Cursor, Error, Key, Order, Query, Scan, Segment};

use crate::backends::json_store;
use crate::fixture::{
    Fixture, all_texts, at, by_thread, index, load, newest_threads, post, texts, thread, walk_query, walk_scan,
};
use crate::{assert_fails, cases};

cases!(cursor:
    an_altered_cursor_is_refused,
    a_cursor_of_another_list_is_refused,
    a_scan_cursor_of_another_segment_is_refused,
    the_limit_may_change_between_pages,
    goes_on_after_its_item_is_deleted,
    an_index_cursor_works_on_another_backend,
    a_scan_cursor_belongs_to_its_backend,
);

/// The cursor of this list and place: what a forger, who has the sources, could make.
pub fn encoded(body: &serde_json::Value) -> Cursor {
    let body = body.to_string().into_bytes();
    let bytes = [&[1][..], &crc32fast::hash(&body).to_be_bytes(), &body].concat();
    Cursor::from_text(base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes))
}

async fn posts(f: &Fixture) {
    for second in 0..6 {
        f.store.create(&post::TABLE, post(&format!("p{second}"), "t1", &at(second))).await.unwrap();
    }
}

async fn first_cursor(f: &Fixture, query: &Query) -> Cursor {
    f.store.query(&post::TABLE, query).await.unwrap().next.unwrap()
}

async fn an_altered_cursor_is_refused(f: Fixture) {
    posts(&f).await;
    let query = Query { limit: 2, ..by_thread("t1") };
    let cursor = first_cursor(&f, &query).await.to_string();
    assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{cursor}");
    let altered = [String::new(), "x".to_owned(), cursor[1..].to_owned(), cursor.to_lowercase(), format!("{cursor}AAAA")];
    for text in altered {
        let cursor = Some(Cursor::from_text(&text));
        assert_fails!(
            f.store.query(&post::TABLE, &Query { cursor: cursor.clone(), ..query.clone() }).await,
            Error::InvalidCursor { .. }
        );
        assert_fails!(f.store.scan(&post::TABLE, &Scan { cursor, ..Scan::new(2) }).await, Error::InvalidCursor { .. });
    }
}

async fn a_cursor_of_another_list_is_refused(f: Fixture) {
    posts(&f).await;
    let query = Query { limit: 2, ..by_thread("t1") };
    let cursor = Some(first_cursor(&f, &query).await);
    for other in [
        Query { cursor: cursor.clone(), ..by_thread("t2") },
        Query { cursor: cursor.clone(), order: Order::Descending, ..by_thread("t1") },
        Query { cursor: cursor.clone(), from: Some(at(1)), ..by_thread("t1") },
        Query { cursor: cursor.clone(), to: Some(at(5)), ..by_thread("t1") },
        Query { cursor: cursor.clone(), ..Query::new(index(&post::TABLE, "UserIndex"), "t1") },
    ] {
        assert_fails!(f.store.query(&post::TABLE, &other).await, Error::InvalidCursor { .. });
    }
    assert_fails!(
        f.store.query(&thread::TABLE, &Query { cursor: cursor.clone(), ..newest_threads() }).await,
        Error::InvalidCursor { .. }
    );
    assert_fails!(f.store.scan(&post::TABLE, &Scan { cursor, ..Scan::new(2) }).await, Error::InvalidCursor { .. });
}

async fn a_scan_cursor_of_another_segment_is_refused(f: Fixture) {
    posts(&f).await;
    let cursor = f.store.scan(&post::TABLE, &Scan::new(1)).await.unwrap().next;
    let other = Scan { segment: Some(Segment { number: 0, of: 2 }), cursor, ..Scan::new(1) };
    assert_fails!(f.store.scan(&post::TABLE, &other).await, Error::InvalidCursor { .. });
}

async fn the_limit_may_change_between_pages(f: Fixture) {
    posts(&f).await;
    let cursor = Some(first_cursor(&f, &Query { limit: 2, ..by_thread("t1") }).await);
    let rest = f.store.query(&post::TABLE, &Query { limit: 3, cursor, ..by_thread("t1") }).await.unwrap();
    assert_eq!(texts(&rest.items, "postId"), ["p2", "p3", "p4"]);
    assert!(rest.next.is_some());
}

async fn goes_on_after_its_item_is_deleted(f: Fixture) {
    posts(&f).await;
    for order in [Order::Ascending, Order::Descending] {
        let query = Query { limit: 2, order, ..by_thread("t1") };
        let page = f.store.query(&post::TABLE, &query).await.unwrap();
        let last = page.items.last().unwrap().text("postId").unwrap();
        f.store.delete(&post::TABLE, &Key::pair(&last, "t1"), None).await.unwrap();
        let rest = walk_query(&*f.store, &post::TABLE, Query { cursor: page.next, ..query }).await;
        let expected = if order == Order::Ascending { vec!["p2", "p3", "p4", "p5"] } else { vec!["p3", "p2", "p0"] };
        assert_eq!(all_texts(&rest, "postId"), expected);
    }
    let page = f.store.scan(&post::TABLE, &Scan::new(2)).await.unwrap();
    let last = page.items.last().unwrap().text("postId").unwrap();
    f.store.delete(&post::TABLE, &Key::pair(&last, "t1"), None).await.unwrap();
    let rest = walk_scan(&*f.store, &post::TABLE, Scan { cursor: page.next, ..Scan::new(2) }).await;
    assert_eq!(all_texts(&rest, "postId").len(), 2);
}

async fn an_index_cursor_works_on_another_backend(f: Fixture) {
    let dir = tempfile::tempdir().unwrap();
    let json = json_store(dir.path()).await;
    let threads: Vec<_> = (0..6).map(|second| thread(&format!("t{second}"), &at(second))).collect();
    load(&*f.store, &thread::TABLE, threads.clone()).await.unwrap();
    load(&*json, &thread::TABLE, threads).await.unwrap();
    let query = Query { limit: 2, ..newest_threads() };
    for (first, second) in [(&f.store, &json), (&json, &f.store)] {
        let cursor = first.query(&thread::TABLE, &query).await.unwrap().next;
        let rest = second.query(&thread::TABLE, &Query { cursor, ..query.clone() }).await.unwrap();
        assert_eq!(texts(&rest.items, "threadId"), ["t3", "t2"]);
    }
}

async fn a_scan_cursor_belongs_to_its_backend(f: Fixture) {
    posts(&f).await;
    let dir = tempfile::tempdir().unwrap();
    let json = json_store(dir.path()).await;
    let cursor = f.store.scan(&post::TABLE, &Scan::new(1)).await.unwrap().next;
    let on_json = json.scan(&post::TABLE, &Scan { cursor, ..Scan::new(1) }).await;
    let is_json = matches!(f.store.health(&post::TABLE).await.mode, db_adapter::Backend::Json);
    assert_eq!(matches!(on_json, Err(Error::InvalidCursor { .. })), !is_json, "{on_json:?}");
}
