//! `delete`: once, conditional, and gone from every list.

use db_adapter::forum::{post, user};
use db_adapter::{Error, Key, Read, Tag};

use crate::fixture::{Fixture, assert_invalid, at, key, post, user};
use crate::{assert_fails, cases};

cases!(delete:
    removes_the_item_once,
    an_expected_tag_must_match,
    an_absent_item_is_not_found_whatever_is_expected,
    refuses_half_a_key,
    removes_one_of_two_ranges,
    an_item_may_be_created_again,
);

async fn removes_the_item_once(f: Fixture) {
    f.store.create(&user::TABLE, user("u1", "ann@example.com")).await.unwrap();
    f.store.delete(&user::TABLE, &key("u1"), None).await.unwrap();
    assert_eq!(f.store.get(&user::TABLE, &key("u1"), &Read::STRONG).await.unwrap(), None);
    assert_fails!(f.store.delete(&user::TABLE, &key("u1"), None).await, Error::NotFound);
}

async fn an_expected_tag_must_match(f: Fixture) {
    for (table, key, created) in [
        (&user::TABLE, key("u1"), f.store.create(&user::TABLE, user("u1", "ann@example.com")).await.unwrap()),
        (&post::TABLE, Key::pair("p1", "t1"), f.store.create(&post::TABLE, post("p1", "t1", &at(1))).await.unwrap()),
    ] {
        let tag = created.tag();
        for stale in [Tag { version: 2, ..tag.clone() }, Tag { write_id: "other".to_owned(), ..tag.clone() }] {
            assert_fails!(f.store.delete(table, &key, Some(&stale)).await, Error::VersionMismatch);
        }
        f.store.delete(table, &key, Some(&tag)).await.unwrap();
        assert_eq!(f.store.get(table, &key, &Read::STRONG).await.unwrap(), None);
    }
}

async fn an_absent_item_is_not_found_whatever_is_expected(f: Fixture) {
    let tag = Tag { version: 1, write_id: "x".to_owned() };
    assert_fails!(f.store.delete(&user::TABLE, &key("u1"), Some(&tag)).await, Error::NotFound);
    assert_fails!(f.store.delete(&post::TABLE, &Key::pair("p1", "t1"), Some(&tag)).await, Error::NotFound);
}

async fn refuses_half_a_key(f: Fixture) {
    f.store.create(&post::TABLE, post("p1", "t1", &at(1))).await.unwrap();
    assert_invalid(f.store.delete(&post::TABLE, &key("p1"), None).await, "threadId");
}

async fn removes_one_of_two_ranges(f: Fixture) {
    for thread in ["t1", "t2"] {
        f.store.create(&post::TABLE, post("p1", thread, &at(1))).await.unwrap();
    }
    f.store.delete(&post::TABLE, &Key::pair("p1", "t1"), None).await.unwrap();
    let left = f.store.get(&post::TABLE, &key("p1"), &Read::STRONG).await.unwrap().unwrap();
    assert_eq!(left.text("threadId").unwrap(), "t2");
}

async fn an_item_may_be_created_again(f: Fixture) {
    let first = f.store.create(&user::TABLE, user("u1", "ann@example.com")).await.unwrap();
    f.store.delete(&user::TABLE, &key("u1"), None).await.unwrap();
    let again = f.store.create(&user::TABLE, user("u1", "ann@example.com")).await.unwrap();
    assert_eq!(again.tag().version, 1);
    assert_fails!(f.store.delete(&user::TABLE, &key("u1"), Some(&first.tag())).await, Error::VersionMismatch);
}
