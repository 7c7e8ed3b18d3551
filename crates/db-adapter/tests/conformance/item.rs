//! What an item may hold: every type, any text, up to 400 KB, known or not.

use std::collections::BTreeSet;

use db_adapter::forum::{thread, user};
use db_adapter::{Attributes, Error, Item, MAX_ITEM_BYTES, Number, Query, Read, Scan, Update, Value, check_size};
use serde_json::json;

use crate::fixture::{Fixture, assert_invalid, at, attributes, key, load, newest_threads, thread, user};
use crate::{assert_fails, cases};

cases!(item:
    unknown_attributes_are_kept,
    any_text_survives,
    numbers_of_38_digits_survive,
    types_that_json_lacks_survive,
    deep_and_empty_values_survive,
    the_largest_item_is_stored,
    the_largest_item_of_every_type_is_stored,
    a_larger_item_is_refused,
    what_dynamodb_has_not_is_refused,
    the_deepest_value_is_stored,
);

/// Stores the attributes on a thread, both by create and by load, and asserts that every read returns them.
async fn assert_survives(f: &Fixture, extra: Attributes) {
    let given = |id: &str| {
        let mut attributes = thread(id, &at(1));
        attributes.extend(extra.clone());
        attributes
    };
    let created = f.store.create(&thread::TABLE, given("t1")).await.unwrap();
    load(&*f.store, &thread::TABLE, vec![given("t2")]).await.unwrap();
    let mut results = vec![created];
    for id in ["t1", "t2"] {
        results.push(f.store.get(&thread::TABLE, &key(id), &Read::STRONG).await.unwrap().unwrap());
    }
    results.extend(f.store.get_many(&[(&thread::TABLE, key("t1"))], &Read::STRONG).await.unwrap().into_iter().flatten());
    results.extend(f.store.query(&thread::TABLE, &Query { limit: 2, ..newest_threads() }).await.unwrap().items);
    results.extend(f.store.scan(&thread::TABLE, &Scan::new(2)).await.unwrap().items);
    assert_eq!(results.len(), 8);
    for result in results {
        let result = result.attributes().unwrap();
        for (name, value) in &extra {
            assert_eq!(result.get(name), Some(value), "{name}");
        }
    }
}

async fn unknown_attributes_are_kept(f: Fixture) {
    assert_survives(&f, attributes(json!({"pinned": true, "tags": ["a", "b"], "score": 1.5, "Weird name.#:": "x"}))).await;
}

async fn any_text_survives(f: Fixture) {
    let texts = [
        "",
        " ",
        "äöü ß 漢字 🎈 e\u{301}",
        "line\nbreak\ttab \"quoted\" back\\slash",
        "\u{1}\u{7f}\u{2028}\u{feff}",
        "{\"$B\":\"x\"}",
    ];
    assert_survives(&f, texts.iter().enumerate().map(|(n, text)| (format!("text{n}"), Value::from(*text))).collect()).await;
}

async fn numbers_of_38_digits_survive(f: Fixture) {
    let numbers = [
        "12345678901234567890123456789012345678",
        "-0.12345678901234567890123456789012345678",
        "9007199254740993",
        "1e-130",
        "9.9999999999999999999999999999999999999e125",
        "0",
        "-7",
        "0.1",
    ];
    let number = |text: &str| Value::Number(Number::parse(text).unwrap());
    assert_survives(&f, numbers.iter().enumerate().map(|(n, text)| (format!("number{n}"), number(text))).collect()).await;
}

async fn types_that_json_lacks_survive(f: Fixture) {
    let number = |text: &str| Number::parse(text).unwrap();
    let extra = Attributes::from([
        ("binary".to_owned(), Value::Binary(vec![0, 1, 254, 255])),
        ("strings".to_owned(), Value::StringSet(BTreeSet::from(["b".to_owned(), "a".to_owned()]))),
        ("numbers".to_owned(), Value::NumberSet(BTreeSet::from([number("2"), number("10"), number("-1.5")]))),
        ("binaries".to_owned(), Value::BinarySet(BTreeSet::from([vec![1], vec![2, 3]]))),
    ]);
    assert_survives(&f, extra).await;
}

async fn deep_and_empty_values_survive(f: Fixture) {
    assert_survives(&f, attributes(json!({"map": {}, "list": [], "null": null, "deep": [[[{"a": [{"b": null}]}]]]}))).await;
}

/// A user of exactly that many bytes as DynamoDB counts them, once the store has added its own attributes.
fn user_of(bytes: usize) -> Attributes {
    let mut attributes = user("u1", "ann@example.com");
    attributes.extend([("version".to_owned(), Value::from(1)), ("writeId".to_owned(), Value::from("w".repeat(32)))]);
    let used: usize = attributes.iter().map(|(name, value)| name.len() + value.as_str().map_or(2, str::len)).sum();
    attributes.insert("bio".to_owned(), Value::from("x".repeat(bytes - used - "bio".len())));
    attributes
}

async fn the_largest_item_is_stored(f: Fixture) {
    let largest = user_of(MAX_ITEM_BYTES);
    load(&*f.store, &user::TABLE, vec![largest.clone()]).await.unwrap();
    assert_eq!(f.store.get(&user::TABLE, &key("u1"), &Read::STRONG).await.unwrap().unwrap(), Item::new(&largest));
    f.store.delete(&user::TABLE, &key("u1"), None).await.unwrap();
    f.store.create(&user::TABLE, largest).await.unwrap();
}

async fn the_largest_item_of_every_type_is_stored(f: Fixture) {
    let number = |text: &str| Value::Number(Number::parse(text).unwrap());
    let numbers = ["0", "7", "-42", "1200", "120", "1.5", "-123.456", "0.015", "1e125", "1.234e-100"].map(number);
    let numbers = numbers.map(|number| Value::List(vec![number; 1000]));
    let values = [
        Value::Map((0..100).map(|at| (at.to_string(), Value::Null)).collect()),
        Value::NumberSet((0..100).map(Number::from).collect()),
        Value::BinarySet((0..100).map(|byte| vec![byte]).collect()),
        Value::StringSet((0..100).map(|at| at.to_string()).collect()),
        Value::List(vec![Value::Bool(true); 100]),
    ];
    let values = values.into_iter().chain(numbers);
    for value in values {
        let mut attributes = user_of(1000);
        attributes.insert("extra".to_owned(), value);
        let (mut fits, mut too_large) = (0, MAX_ITEM_BYTES);
        while too_large - fits > 1 {
            let middle = usize::midpoint(fits, too_large);
            attributes.insert("bio".to_owned(), Value::from("x".repeat(middle)));
            *(if check_size(&attributes).is_ok() { &mut fits } else { &mut too_large }) = middle;
        }
        attributes.insert("bio".to_owned(), Value::from("x".repeat(fits)));
        f.store.create(&user::TABLE, attributes).await.unwrap();
        f.store.delete(&user::TABLE, &key("u1"), None).await.unwrap();
    }
}

async fn a_larger_item_is_refused(f: Fixture) {
    let larger = user_of(MAX_ITEM_BYTES + 1);
    assert_fails!(f.store.create(&user::TABLE, larger.clone()).await, Error::TooLarge);
    assert_fails!(load(&*f.store, &user::TABLE, vec![larger]).await, Error::TooLarge);
    assert_eq!(f.store.get(&user::TABLE, &key("u1"), &Read::STRONG).await.unwrap(), None);
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(Value::List(vec![]), |value, _| Value::Map([("in".to_owned(), value)].into()))
}

async fn what_dynamodb_has_not_is_refused(f: Fixture) {
    let stored = f.store.create(&thread::TABLE, thread("t1", &at(1))).await.unwrap();
    for (name, value, at_fault) in [
        ("extra", Value::StringSet(BTreeSet::new()), "extra"),
        ("extra", Value::NumberSet(BTreeSet::new()), "extra"),
        ("extra", Value::List(vec![Value::BinarySet(BTreeSet::new())]), "extra"),
        ("extra", Value::Map([(String::new(), Value::Null)].into()), "extra"),
        ("extra", nested(31), "extra"),
        ("", Value::Null, "item"),
    ] {
        let set = Attributes::from([(name.to_owned(), value)]);
        let given = [thread("t2", &at(2)), set.clone()].into_iter().flatten().collect::<Attributes>();
        assert_invalid(f.store.create(&thread::TABLE, given.clone()).await, at_fault);
        assert!(
            load(&*f.store, &thread::TABLE, vec![given]).await.is_err_and(|error| matches!(error, Error::InvalidItem { .. }))
        );
        assert_invalid(f.store.update(&thread::TABLE, &key("t1"), &Update { set, ..Update::default() }).await, at_fault);
    }
    let remove = [String::new()].into();
    assert_invalid(f.store.update(&thread::TABLE, &key("t1"), &Update { remove, ..Update::default() }).await, "item");
    assert_eq!(f.store.scan(&thread::TABLE, &Scan::new(9)).await.unwrap().items, [stored]);
}

async fn the_deepest_value_is_stored(f: Fixture) {
    assert_survives(&f, [("extra".to_owned(), nested(30))].into()).await;
}
