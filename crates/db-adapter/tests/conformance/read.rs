//! `get`, `get_many`, `find`, `find_many` and `health`.

use db_adapter::forum::{post, thread, user};
use db_adapter::{Key, Read, StoreExt};

use crate::cases;
use crate::fixture::{Fixture, assert_invalid, at, key, post, thread, user};

cases!(read:
    an_absent_item_is_none,
    half_a_key_answers_the_smallest_range,
    broken_keys_are_refused,
    many_items_come_in_the_asked_order,
    many_items_come_from_several_tables,
    a_hundred_distinct_keys_and_no_more,
    an_attribute_list_is_heeded,
    what_was_just_written_is_found,
    another_store_sees_what_was_acknowledged,
    health_tells_that_it_can_serve,
);

async fn an_absent_item_is_none(f: Fixture) {
    for read in [Read::default(), Read::STRONG] {
        assert_eq!(f.store.get(&user::TABLE, &key("u1"), &read).await.unwrap(), None);
        assert_eq!(f.store.get(&post::TABLE, &key("p1"), &read).await.unwrap(), None);
        assert_eq!(f.store.get(&post::TABLE, &Key::pair("p1", "t1"), &read).await.unwrap(), None);
    }
}

async fn half_a_key_answers_the_smallest_range(f: Fixture) {
    for thread in ["t2", "t10", "t3"] {
        f.store.create(&post::TABLE, post("p1", thread, &at(1))).await.unwrap();
    }
    f.store.create(&post::TABLE, post("p", "t0", &at(1))).await.unwrap();
    let found = f.store.get(&post::TABLE, &key("p1"), &Read::STRONG).await.unwrap().unwrap();
    assert_eq!(found.text("threadId").unwrap(), "t10");
    let found = f.store.get(&post::TABLE, &Key::pair("p1", "t3"), &Read::STRONG).await.unwrap().unwrap();
    assert_eq!(found.text("threadId").unwrap(), "t3");
}

async fn broken_keys_are_refused(f: Fixture) {
    let read = Read::default();
    assert_invalid(f.store.get(&user::TABLE, &key(""), &read).await, "userId");
    assert_invalid(f.store.get(&user::TABLE, &key("email#a@example.com"), &read).await, "userId");
    assert_invalid(f.store.get(&user::TABLE, &Key::pair("u1", "x"), &read).await, "userId");
    assert_invalid(f.store.get(&post::TABLE, &Key::pair("p1", ""), &read).await, "threadId");
    assert_invalid(f.store.get_many(&[(&user::TABLE, key(""))], &read).await, "userId");
    assert_invalid(f.store.get_many(&[(&post::TABLE, key("p1"))], &read).await, "threadId");
}

async fn many_items_come_in_the_asked_order(f: Fixture) {
    for id in ["u1", "u2", "u3"] {
        f.store.create(&user::TABLE, user(id, &format!("{id}@example.com"))).await.unwrap();
    }
    let keys = ["u3", "none", "u1", "u3"].map(|id| (&user::TABLE, key(id)));
    for read in [Read::default(), Read::STRONG] {
        let found = f.store.get_many(&keys, &read).await.unwrap();
        let ids: Vec<_> = found.iter().map(|item| item.as_ref().and_then(|item| item.text("userId"))).collect();
        assert_eq!(ids, [Some("u3".to_owned()), None, Some("u1".to_owned()), Some("u3".to_owned())]);
    }
    assert!(f.store.get_many(&[], &Read::default()).await.unwrap().is_empty());
}

async fn many_items_come_from_several_tables(f: Fixture) {
    f.store.create(&user::TABLE, user("x", "x@example.com")).await.unwrap();
    f.store.create(&thread::TABLE, thread("x", &at(1))).await.unwrap();
    f.store.create(&post::TABLE, post("x", "x", &at(1))).await.unwrap();
    let keys =
        [(&thread::TABLE, key("x")), (&user::TABLE, key("x")), (&post::TABLE, Key::pair("x", "x")), (&user::TABLE, key("y"))];
    let found = f.store.find_many(&keys, &Read::default()).await.unwrap();
    let present: Vec<bool> = found.iter().map(Option::is_some).collect();
    assert_eq!(present, [true, true, true, false]);
    assert!(found[0].as_ref().unwrap().text("title").is_some() && found[1].as_ref().unwrap().text("name").is_some());
}

async fn a_hundred_distinct_keys_and_no_more(f: Fixture) {
    f.store.create(&user::TABLE, user("u99", "u99@example.com")).await.unwrap();
    let keys = |count: usize| (0..count).map(|n| (&user::TABLE, key(&format!("u{n}")))).collect::<Vec<_>>();
    let found = f.store.get_many(&[keys(100), keys(100)].concat(), &Read::default()).await.unwrap();
    assert_eq!(found.iter().flatten().count(), 2);
    assert!(f.store.get_many(&keys(101), &Read::default()).await.is_err());
}

async fn an_attribute_list_is_heeded(f: Fixture) {
    f.store.create(&post::TABLE, post("p1", "t1", &at(1))).await.unwrap();
    let read = Read { attributes: Some(vec!["content".to_owned(), "title".to_owned()]), ..Read::default() };
    let pair = Key::pair("p1", "t1");
    let got = f.store.get(&post::TABLE, &pair, &read).await.unwrap().unwrap();
    let names: Vec<_> = got.members().into_iter().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["content", "postId", "threadId", "version", "writeId"]);
    assert_eq!(f.store.get(&post::TABLE, &key("p1"), &read).await.unwrap().unwrap(), got);
    assert_eq!(f.store.get_many(&[(&post::TABLE, pair)], &read).await.unwrap(), [Some(got)]);
}

async fn what_was_just_written_is_found(f: Fixture) {
    let created = f.store.create(&user::TABLE, user("u1", "ann@example.com")).await.unwrap();
    assert_eq!(f.store.find(&user::TABLE, &key("u1"), &Read::default()).await.unwrap(), Some(created.clone()));
    let keys = [(&user::TABLE, key("u1")), (&user::TABLE, key("u2"))];
    assert_eq!(f.store.find_many(&keys, &Read::default()).await.unwrap(), [Some(created), None]);
}

async fn another_store_sees_what_was_acknowledged(f: Fixture) {
    let other = f.other().await;
    for second in 0..20 {
        let id = format!("t{second}");
        let (writer, reader) = if second % 2 == 0 { (&f.store, &other) } else { (&other, &f.store) };
        let created = writer.create(&thread::TABLE, thread(&id, &at(second))).await.unwrap();
        assert_eq!(reader.get(&thread::TABLE, &key(&id), &Read::STRONG).await.unwrap(), Some(created));
    }
}

async fn health_tells_that_it_can_serve(f: Fixture) {
    let health = f.store.health(&user::TABLE).await;
    assert!(health.reachable && health.reason.is_none(), "{health:?}");
}
