//! `create`: what is stored, and what is refused.

use db_adapter::forum::{post, thread, user};
use db_adapter::{Attributes, Error, Item, Read, Rule, Value};
use serde_json::json;

use crate::fixture::{Fixture, assert_invalid, at, attributes, key, post, thread, user};
use crate::{assert_fails, cases};

cases!(create:
    answers_the_item_as_it_is_stored,
    adds_the_constant,
    keeps_version_and_write_id_to_itself,
    refuses_a_taken_key,
    reports_a_taken_key_before_a_taken_value,
    allows_one_hash_under_two_ranges,
    refuses_broken_keys,
    refuses_wrong_types,
);

async fn answers_the_item_as_it_is_stored(f: Fixture) {
    let created = f.store.create(&user::TABLE, user("u1", "ann@example.com")).await.unwrap();
    assert_eq!(created.tag().version, 1);
    assert!(!created.tag().write_id.is_empty() && created.tag().write_id != "0");
    assert_eq!(created.text("email").unwrap(), "ann@example.com");
    assert_eq!(f.store.get(&user::TABLE, &key("u1"), &Read::STRONG).await.unwrap().unwrap(), created);
}

async fn adds_the_constant(f: Fixture) {
    let created = f.store.create(&thread::TABLE, thread("t1", &at(1))).await.unwrap();
    assert_eq!(created.text("feed").unwrap(), thread::FEED);
}

async fn keeps_version_and_write_id_to_itself(f: Fixture) {
    let mut given = user("u1", "ann@example.com");
    given.extend(attributes(json!({"version": 9, "writeId": "mine"})));
    let created = f.store.create(&user::TABLE, given).await.unwrap();
    assert_eq!(created.tag().version, 1);
    assert_ne!(created.tag().write_id, "mine");
}

async fn refuses_a_taken_key(f: Fixture) {
    let first = f.store.create(&thread::TABLE, thread("t1", &at(1))).await.unwrap();
    assert_fails!(f.store.create(&thread::TABLE, thread("t1", &at(2))).await, Error::Conflict { rule: Rule::Key });
    assert_eq!(f.store.get(&thread::TABLE, &key("t1"), &Read::STRONG).await.unwrap().unwrap(), first);
}

async fn reports_a_taken_key_before_a_taken_value(f: Fixture) {
    f.store.create(&user::TABLE, user("u1", "ann@example.com")).await.unwrap();
    f.store.create(&user::TABLE, user("u2", "bob@example.com")).await.unwrap();
    assert_fails!(f.store.create(&user::TABLE, user("u1", "bob@example.com")).await, Error::Conflict { rule: Rule::Key });
    assert_fails!(f.store.create(&user::TABLE, user("u1", "ann@example.com")).await, Error::Conflict { rule: Rule::Key });
    assert_fails!(
        f.store.create(&user::TABLE, user("u3", "bob@example.com")).await,
        Error::Conflict { rule: Rule::Unique("email") }
    );
}

async fn allows_one_hash_under_two_ranges(f: Fixture) {
    f.store.create(&post::TABLE, post("p1", "t1", &at(1))).await.unwrap();
    f.store.create(&post::TABLE, post("p1", "t2", &at(1))).await.unwrap();
    assert_fails!(f.store.create(&post::TABLE, post("p1", "t2", &at(1))).await, Error::Conflict { rule: Rule::Key });
}

async fn refuses_broken_keys(f: Fixture) {
    let with = |name: &str, value: Option<Value>| {
        let mut attributes = post("p1", "t1", &at(1));
        match value {
            Some(value) => attributes.insert(name.to_owned(), value),
            None => attributes.remove(name),
        };
        attributes
    };
    for (name, value) in [
        ("postId", None),
        ("threadId", None),
        ("postId", Some(Value::from(""))),
        ("postId", Some(Value::from(7))),
        ("postId", Some(Value::from("p\0"))),
        ("postId", Some(Value::from("p".repeat(2049)))),
        ("postId", Some(Value::from("p".repeat(65)))),
        ("postId", Some(Value::from("a b"))),
        ("postId", Some(Value::from("me"))),
        ("content", None),
        ("createdAt", None),
        ("createdAt", Some(Value::from("2026-01-01T00:00:00Z"))),
        ("threadId", Some(Value::from("t".repeat(1025)))),
        ("userId", Some(Value::from(""))),
        ("createdAt", Some(Value::from("t".repeat(1025)))),
    ] {
        assert_invalid(f.store.create(&post::TABLE, with(name, value)).await, name);
    }
    assert_invalid(f.store.create(&user::TABLE, user("email#ann@example.com", "bob@example.com")).await, "userId");
    assert_invalid(f.store.create(&user::TABLE, user("#heartbeat", "bob@example.com")).await, "userId");
    f.store.create(&post::TABLE, with("postId", Some(Value::from("p".repeat(64))))).await.unwrap();
}

async fn refuses_wrong_types(f: Fixture) {
    for (name, value) in [("name", json!(7)), ("email", json!(["x"])), ("bio", json!(["x"])), ("createdAt", json!(1))] {
        let mut attributes: Attributes = user("u1", "ann@example.com");
        attributes.extend(self::attributes(json!({ name: value })));
        assert_invalid(f.store.create(&user::TABLE, attributes).await, name);
    }
    assert_eq!(f.store.get(&user::TABLE, &key("u1"), &Read::STRONG).await.unwrap(), None::<Item>);
}
