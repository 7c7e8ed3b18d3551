//! `update`: partial, conditional, in the promised order of errors.

use db_adapter::forum::{post, user};
use db_adapter::{Error, Item, Key, MAX_ITEM_BYTES, Read, Rule, Tag, Update, Value};
use serde_json::json;

use crate::fixture::{Fixture, assert_invalid, at, attributes, key, load, post, user};
use crate::{assert_fails, cases};

cases!(update:
    sets_and_removes_and_answers_the_new_item,
    grows_the_version_and_renews_the_write_id,
    an_absent_item_is_not_found,
    an_expected_tag_must_match,
    an_item_without_a_tag_counts_as_zero,
    reports_not_found_then_mismatch_then_conflict,
    refuses_keys_and_what_the_store_keeps,
    refuses_half_a_key,
    refuses_wrong_types,
    refuses_to_grow_an_item_too_large,
    refuses_what_is_too_large_for_any_item_first,
    keeps_what_it_does_not_name,
    sets_no_time_before_the_items_own,
    a_condition_on_values_must_hold,
    reports_not_found_then_condition_then_mismatch,
    a_condition_holds_of_the_item_as_it_is_written,
    refuses_to_change_an_attribute_twice,
);

fn set(json: serde_json::Value) -> Update {
    Update { set: attributes(json), ..Update::default() }
}

async fn ann(f: &Fixture) -> Item {
    f.store.create(&user::TABLE, user("u1", "ann@example.com")).await.unwrap()
}

async fn sets_and_removes_and_answers_the_new_item(f: Fixture) {
    ann(&f).await;
    f.store.update(&user::TABLE, &key("u1"), &set(json!({"bio": "b", "username": "ann"}))).await.unwrap();
    let update = Update { remove: ["bio".to_owned(), "absent".to_owned()].into(), ..set(json!({"name": "Ann"})) };
    let updated = f.store.update(&user::TABLE, &key("u1"), &update).await.unwrap();
    assert_eq!(updated.text("name").unwrap(), "Ann");
    assert_eq!(updated.text("username").unwrap(), "ann");
    assert_eq!(updated.text("bio"), None);
    assert_eq!(f.store.get(&user::TABLE, &key("u1"), &Read::STRONG).await.unwrap().unwrap(), updated);
}

async fn grows_the_version_and_renews_the_write_id(f: Fixture) {
    let created = ann(&f).await;
    let first = f.store.update(&user::TABLE, &key("u1"), &Update::default()).await.unwrap();
    let second = f.store.update(&user::TABLE, &key("u1"), &set(json!({"name": "Ann"}))).await.unwrap();
    assert_eq!([created.tag().version, first.tag().version, second.tag().version], [1, 2, 3]);
    assert!(created.tag().write_id != first.tag().write_id && first.tag().write_id != second.tag().write_id);
}

async fn an_absent_item_is_not_found(f: Fixture) {
    assert_fails!(f.store.update(&user::TABLE, &key("u1"), &set(json!({"name": "Ann"}))).await, Error::NotFound);
    assert_fails!(f.store.update(&user::TABLE, &key("u1"), &set(json!({"email": "ann@example.com"}))).await, Error::NotFound);
    assert_eq!(f.store.get(&user::TABLE, &key("u1"), &Read::STRONG).await.unwrap(), None);
}

async fn an_expected_tag_must_match(f: Fixture) {
    let created = ann(&f).await;
    let expecting = |tag: &Tag| Update { expected: Some(tag.clone()), ..set(json!({"name": "Ann"})) };
    let updated = f.store.update(&user::TABLE, &key("u1"), &expecting(&created.tag())).await.unwrap();
    let other_write = Tag { write_id: "other".to_owned(), ..updated.tag() };
    for stale in [created.tag(), other_write, Tag { version: 9, ..updated.tag() }, Tag { version: 0, write_id: "0".to_owned() }] {
        assert_fails!(f.store.update(&user::TABLE, &key("u1"), &expecting(&stale)).await, Error::VersionMismatch);
    }
    assert_eq!(f.store.get(&user::TABLE, &key("u1"), &Read::STRONG).await.unwrap().unwrap(), updated);
}

async fn an_item_without_a_tag_counts_as_zero(f: Fixture) {
    load(&*f.store, &user::TABLE, vec![user("u1", "ann@example.com")]).await.unwrap();
    let zero = Tag { version: 0, write_id: Tag::NO_WRITE_ID.to_owned() };
    let update = Update { expected: Some(zero.clone()), ..set(json!({"name": "Ann"})) };
    let updated = f.store.update(&user::TABLE, &key("u1"), &update).await.unwrap();
    assert_eq!(updated.tag().version, 1);
    assert_fails!(f.store.update(&user::TABLE, &key("u1"), &update).await, Error::VersionMismatch);
}

async fn reports_not_found_then_mismatch_then_conflict(f: Fixture) {
    let created = ann(&f).await;
    f.store.create(&user::TABLE, user("u2", "bob@example.com")).await.unwrap();
    let stale = Tag { version: 7, ..created.tag() };
    let taken = set(json!({"email": "bob@example.com"}));
    let taken_and_stale = Update { expected: Some(stale), ..taken.clone() };
    assert_fails!(f.store.update(&user::TABLE, &key("none"), &taken_and_stale).await, Error::NotFound);
    assert_fails!(f.store.update(&user::TABLE, &key("u1"), &taken_and_stale).await, Error::VersionMismatch);
    assert_fails!(f.store.update(&user::TABLE, &key("u1"), &taken).await, Error::Conflict { rule: Rule::Unique("email") });
    assert_eq!(f.store.get(&user::TABLE, &key("u1"), &Read::STRONG).await.unwrap().unwrap(), created);
}

async fn refuses_keys_and_what_the_store_keeps(f: Fixture) {
    ann(&f).await;
    for (name, value) in [("userId", json!("u2")), ("version", json!(9)), ("writeId", json!("mine"))] {
        assert_invalid(f.store.update(&user::TABLE, &key("u1"), &set(json!({ name: value }))).await, name);
        let remove = Update { remove: [name.to_owned()].into(), ..Update::default() };
        assert_invalid(f.store.update(&user::TABLE, &key("u1"), &remove).await, name);
    }
    let both = Update { remove: ["bio".to_owned()].into(), ..set(json!({"bio": "b"})) };
    assert_invalid(f.store.update(&user::TABLE, &key("u1"), &both).await, "bio");
}

async fn refuses_half_a_key(f: Fixture) {
    f.store.create(&post::TABLE, post("p1", "t1", &at(1))).await.unwrap();
    assert_invalid(f.store.update(&post::TABLE, &key("p1"), &set(json!({"title": "x"}))).await, "threadId");
    assert_invalid(f.store.update(&post::TABLE, &Key::pair("p1", "t1"), &set(json!({"threadId": "t2"}))).await, "threadId");
    f.store.update(&post::TABLE, &Key::pair("p1", "t1"), &set(json!({"title": "x"}))).await.unwrap();
}

async fn refuses_wrong_types(f: Fixture) {
    ann(&f).await;
    for (name, value) in [
        ("name", json!(1)),
        ("email", json!("")),
        ("email", json!(["x"])),
        ("createdAt", json!(null)),
        ("createdAt", json!("yesterday")),
        ("email", json!("Ann@example.com")),
    ] {
        assert_invalid(f.store.update(&user::TABLE, &key("u1"), &set(json!({ name: value }))).await, name);
    }
}

async fn refuses_to_grow_an_item_too_large(f: Fixture) {
    let created = ann(&f).await;
    let half = |name: &str| Update { set: [(name.to_owned(), Value::from("x".repeat(250 * 1024)))].into(), ..Update::default() };
    let grown = f.store.update(&user::TABLE, &key("u1"), &half("first")).await.unwrap();
    assert_fails!(f.store.update(&user::TABLE, &key("u1"), &half("second")).await, Error::TooLarge);
    assert_eq!(f.store.get(&user::TABLE, &key("u1"), &Read::STRONG).await.unwrap().unwrap(), grown);
    assert_ne!(created, grown);
}

async fn refuses_what_is_too_large_for_any_item_first(f: Fixture) {
    let others: usize = [("postId", 2), ("threadId", 2), ("version", 2), ("writeId", 32), ("content", 0)]
        .map(|(name, size)| name.len() + size)
        .iter()
        .sum();
    let content = |bytes: usize| set(json!({ "content": "x".repeat(bytes) }));
    let largest = MAX_ITEM_BYTES - others;
    // An emulator counts the expressions too: the edge itself is another one there.
    assert_fails!(f.store.update(&post::TABLE, &Key::pair("p1", "t1"), &content(largest - 1000)).await, Error::NotFound);
    assert_fails!(f.store.update(&post::TABLE, &Key::pair("p1", "t1"), &content(largest + 1)).await, Error::TooLarge);
}

async fn keeps_what_it_does_not_name(f: Fixture) {
    let mut given = user("u1", "ann@example.com");
    given.extend(attributes(json!({"unknown": {"deep": [1, null, true]}})));
    f.store.create(&user::TABLE, given.clone()).await.unwrap();
    let updated = f.store.update(&user::TABLE, &key("u1"), &set(json!({"bio": "b"}))).await.unwrap().attributes().unwrap();
    for (name, value) in given {
        assert_eq!(updated.get(&name), Some(&value));
    }
}

/// As an update by a process whose clock was set back.
async fn sets_no_time_before_the_items_own(f: Fixture) {
    let stored = |id: &str, times: serde_json::Value| {
        let mut item = json!({"userId": id, "email": format!("{id}@example.com"), "name": "A name"});
        item.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
        attributes(item)
    };
    let items = [
        (stored("created", json!({"createdAt": at(5)})), at(5)),
        (stored("updated", json!({"createdAt": at(5), "updatedAt": at(6)})), at(6)),
        (stored("earlier", json!({"createdAt": at(1), "updatedAt": at(2)})), at(3)),
        (stored("same", json!({"createdAt": at(3), "updatedAt": at(3)})), at(3)),
    ];
    load(&*f.store, &user::TABLE, items.iter().map(|(item, _)| item.clone()).collect()).await.unwrap();
    for (item, expected) in &items {
        let item = Item::new(item);
        let id = item.text("userId").unwrap();
        for (version, email) in [(1, id.clone()), (2, format!("new-{id}"))] {
            let update = set(json!({"updatedAt": at(3), "email": format!("{email}@example.com")}));
            let updated = f.store.update(&user::TABLE, &key(&id), &update).await.unwrap();
            assert_eq!((updated.text("updatedAt").unwrap(), updated.tag().version), (expected.clone(), version), "{id}");
            assert_eq!(f.store.get(&user::TABLE, &key(&id), &Read::STRONG).await.unwrap().unwrap(), updated);
        }
        let stale = Update { expected: Some(item.tag()), ..set(json!({"updatedAt": at(3)})) };
        assert_fails!(f.store.update(&user::TABLE, &key(&id), &stale).await, Error::VersionMismatch);
    }
}

fn only_if(name: &str, value: Option<Value>) -> Update {
    Update { only_if: [(name.to_owned(), value)].into(), ..set(json!({"bio": "new"})) }
}

async fn a_condition_on_values_must_hold(f: Fixture) {
    let created = ann(&f).await;
    let fails = [
        only_if("name", Some("Another".into())),
        only_if("name", Some(Value::from(1))),
        only_if("name", None),
        only_if("bio", Some("".into())),
        Update { only_if: [("bio".to_owned(), None), ("name".to_owned(), None)].into(), ..set(json!({"username": "ann"})) },
    ];
    for update in fails {
        let refused = f.store.update(&user::TABLE, &key("u1"), &update).await;
        let expected = if update.only_if.contains_key("name") { "name" } else { "bio" };
        assert!(matches!(&refused, Err(Error::ConditionFailed { attribute }) if attribute == expected), "{refused:?}");
    }
    assert_eq!(f.store.get(&user::TABLE, &key("u1"), &Read::STRONG).await.unwrap().unwrap(), created);
    // It is about the item as it was, also where the update changes that attribute.
    f.store.update(&user::TABLE, &key("u1"), &only_if("bio", None)).await.unwrap();
    let tagged = Update { expected: None, ..only_if("bio", Some("new".into())) };
    f.store.update(&user::TABLE, &key("u1"), &tagged).await.unwrap();
    assert_fails!(f.store.update(&user::TABLE, &key("u1"), &only_if("bio", None)).await, Error::ConditionFailed { .. });
}

async fn reports_not_found_then_condition_then_mismatch(f: Fixture) {
    let created = ann(&f).await;
    f.store.create(&user::TABLE, user("u2", "bob@example.com")).await.unwrap();
    let stale = Tag { version: 7, ..created.tag() };
    for set in [set(json!({"bio": "b"})), set(json!({"email": "bob@example.com"}))] {
        let update = |name: &str, tag: &Tag| Update {
            expected: Some(tag.clone()),
            only_if: [("name".to_owned(), Some(Value::from(name)))].into(),
            ..set.clone()
        };
        assert_fails!(f.store.update(&user::TABLE, &key("none"), &update("Another", &stale)).await, Error::NotFound);
        assert_fails!(f.store.update(&user::TABLE, &key("u1"), &update("Another", &stale)).await, Error::ConditionFailed { .. });
        assert_fails!(f.store.update(&user::TABLE, &key("u1"), &update("A name", &stale)).await, Error::VersionMismatch);
    }
    let taken = Update { only_if: [("bio".to_owned(), None)].into(), ..set(json!({"email": "bob@example.com"})) };
    assert_fails!(f.store.update(&user::TABLE, &key("u1"), &taken).await, Error::Conflict { .. });
    let free = Update { only_if: [("bio".to_owned(), None)].into(), ..set(json!({"email": "new@example.com", "bio": "b"})) };
    f.store.update(&user::TABLE, &key("u1"), &free).await.unwrap();
    assert_fails!(f.store.update(&user::TABLE, &key("u1"), &free).await, Error::ConditionFailed { .. });
}

/// Of many who set an attribute that must be absent, one does.
async fn a_condition_holds_of_the_item_as_it_is_written(f: Fixture) {
    ann(&f).await;
    let writers = (0..20).map(|number| {
        let (store, update) =
            (f.store.clone(), Update { only_if: [("bio".to_owned(), None)].into(), ..set(json!({"bio": number.to_string()})) });
        tokio::spawn(async move { store.update(&user::TABLE, &key("u1"), &update).await })
    });
    let mut done = 0;
    for writer in writers.collect::<Vec<_>>() {
        match writer.await.unwrap() {
            Ok(_) => done += 1,
            other => assert_fails!(other, Error::ConditionFailed { .. }),
        }
    }
    assert_eq!(done, 1);
}

async fn refuses_to_change_an_attribute_twice(f: Fixture) {
    ann(&f).await;
    let twice = Update { remove: ["bio".to_owned()].into(), ..set(json!({"bio": "b"})) };
    assert_invalid(f.store.update(&user::TABLE, &key("u1"), &twice).await, "bio");
    let nameless = only_if("", None);
    assert_invalid(f.store.update(&user::TABLE, &key("u1"), &nameless).await, "item");
}
