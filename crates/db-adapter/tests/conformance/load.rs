//! `load`: many items as they are, without a way around the rules.

use db_adapter::forum::{post, thread, user};
use db_adapter::{Error, Finding, Item, Key, Read, Rule, Scan};
use serde_json::json;

use crate::fixture::{
    Fixture, all_texts, assert_invalid, at, attributes, by_email, key, load, newest_threads, post, texts, thread, user, walk_scan,
};
use crate::{assert_fails, cases};

cases!(load:
    stores_items_as_they_are,
    adds_the_constant,
    counts_many_items,
    replaces_items,
    repeating_it_changes_nothing,
    of_one_key_twice_the_last_stays,
    refuses_two_owners_within_the_stream,
    refuses_a_value_that_a_stored_item_has,
    a_replaced_item_frees_its_value,
    refuses_broken_items,
    passes_the_streams_own_error_on,
);

async fn stores_items_as_they_are(f: Fixture) {
    let given = attributes(
        json!({"userId": "u1", "email": "ann@example.com", "name": "Ann", "createdAt": at(0), "version": 7, "writeId": "w", "requestHash": "h"}),
    );
    assert_eq!(load(&*f.store, &user::TABLE, vec![given.clone()]).await.unwrap(), 1);
    assert_eq!(f.store.get(&user::TABLE, &key("u1"), &Read::STRONG).await.unwrap().unwrap(), Item::new(&given));
}

async fn adds_the_constant(f: Fixture) {
    load(&*f.store, &thread::TABLE, vec![thread("t1", &at(1)), thread("t2", &at(2))]).await.unwrap();
    let page = f.store.query(&thread::TABLE, &newest_threads()).await.unwrap();
    assert_eq!(texts(&page.items, "threadId"), ["t2", "t1"]);
    assert_eq!(page.items[0].text("feed").unwrap(), thread::FEED);
}

async fn counts_many_items(f: Fixture) {
    let users: Vec<_> = (0..230).map(|number| user(&format!("u{number}"), &format!("u{number}@example.com"))).collect();
    assert_eq!(load(&*f.store, &user::TABLE, users).await.unwrap(), 230);
    assert_eq!(all_texts(&walk_scan(&*f.store, &user::TABLE, Scan::new(100)).await, "userId").len(), 230);
    assert_eq!(f.store.check(&user::TABLE).await.unwrap(), Vec::<Finding>::new());
    assert_eq!(load(&*f.store, &user::TABLE, vec![]).await.unwrap(), 0);
}

async fn replaces_items(f: Fixture) {
    f.store.create(&post::TABLE, post("p1", "t1", &at(1))).await.unwrap();
    load(&*f.store, &post::TABLE, vec![post("p1", "t1", &at(2)), post("p1", "t2", &at(3))]).await.unwrap();
    let got = f.store.get(&post::TABLE, &Key::pair("p1", "t1"), &Read::STRONG).await.unwrap().unwrap();
    assert_eq!((got.text("createdAt").unwrap(), got.tag().version), (at(2), 0));
}

async fn repeating_it_changes_nothing(f: Fixture) {
    let users: Vec<_> = (0..40).map(|number| user(&format!("u{number}"), &format!("u{number}@example.com"))).collect();
    for _ in 0..2 {
        assert_eq!(load(&*f.store, &user::TABLE, users.clone()).await.unwrap(), 40);
        assert_eq!(f.store.check(&user::TABLE).await.unwrap(), Vec::<Finding>::new());
        assert_eq!(all_texts(&walk_scan(&*f.store, &user::TABLE, Scan::new(100)).await, "userId").len(), 40);
    }
}

async fn of_one_key_twice_the_last_stays(f: Fixture) {
    load(&*f.store, &post::TABLE, vec![post("p1", "t1", &at(1)), post("p1", "t1", &at(2))]).await.unwrap();
    let got = f.store.get(&post::TABLE, &Key::pair("p1", "t1"), &Read::STRONG).await.unwrap().unwrap();
    assert_eq!(got.text("createdAt").unwrap(), at(2));
}

async fn refuses_two_owners_within_the_stream(f: Fixture) {
    let mut users: Vec<_> = (0..60).map(|number| user(&format!("u{number}"), &format!("u{number}@example.com"))).collect();
    users.push(user("thief", "u3@example.com"));
    assert_fails!(load(&*f.store, &user::TABLE, users).await, Error::Conflict { rule: Rule::Unique("email") });
    assert_eq!(f.store.get(&user::TABLE, &key("thief"), &Read::STRONG).await.unwrap(), None);
}

async fn refuses_a_value_that_a_stored_item_has(f: Fixture) {
    f.store.create(&user::TABLE, user("u1", "ann@example.com")).await.unwrap();
    let stolen = vec![user("u2", "bob@example.com"), user("u3", "ann@example.com")];
    assert_fails!(load(&*f.store, &user::TABLE, stolen).await, Error::Conflict { rule: Rule::Unique("email") });
    let page = f.store.query(&user::TABLE, &by_email("ann@example.com")).await.unwrap();
    assert_eq!(texts(&page.items, "userId"), ["u1"]);
    assert_eq!(f.store.get(&user::TABLE, &key("u3"), &Read::STRONG).await.unwrap(), None);
}

async fn a_replaced_item_frees_its_value(f: Fixture) {
    f.store.create(&user::TABLE, user("u1", "ann@example.com")).await.unwrap();
    load(&*f.store, &user::TABLE, vec![user("u1", "new@example.com")]).await.unwrap();
    assert_eq!(f.store.check(&user::TABLE).await.unwrap(), Vec::<Finding>::new());
    f.store.create(&user::TABLE, user("u2", "ann@example.com")).await.unwrap();
}

async fn refuses_broken_items(f: Fixture) {
    let with = |json: serde_json::Value| {
        let mut user = user("u1", "ann@example.com");
        user.extend(attributes(json));
        vec![user]
    };
    assert_invalid(load(&*f.store, &user::TABLE, with(json!({"userId": ""}))).await, "userId");
    assert_invalid(load(&*f.store, &user::TABLE, with(json!({"userId": "email#x"}))).await, "userId");
    assert_invalid(load(&*f.store, &user::TABLE, with(json!({"name": 7}))).await, "name");
    assert_invalid(load(&*f.store, &user::TABLE, with(json!({"version": -1}))).await, "version");
}

async fn passes_the_streams_own_error_on(f: Fixture) {
    let items = [Ok(Item::new(&thread("t1", &at(1)))), Err(Error::corrupt("backup.json", "line 2 is cut short"))];
    let stream = Box::pin(futures::stream::iter(items));
    assert_fails!(f.store.load(&thread::TABLE, stream).await, Error::Corrupt { .. });
}
