//! Unique attributes on DynamoDB: claims follow their items whatever happens, and damage done by others is found and repaired.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail so")]

mod dynoxide;

use aws_sdk_dynamodb::types::AttributeValue;
use db_adapter::dynamodb::{DynamoOptions, DynamoStore, tables};
use db_adapter::forum::{TABLES, thread, user};
use db_adapter::{Error, Finding, Item, Key, Read, Result, Rule, Scan, Store, Tag, Update, Value};
use futures::StreamExt;
use serde_json::{Value as Json, json};

async fn store() -> DynamoStore {
    let endpoint = crate::dynoxide::start().await;
    let store =
        DynamoStore::open(&TABLES, DynamoOptions { endpoint: Some(endpoint), ..DynamoOptions::new("us-east-1") }).await.unwrap();
    tables::create(&store).await.unwrap();
    store
}

const AT: &str = "2026-01-01T00:00:00.000Z";

fn person(id: &str, email: &str) -> Item {
    item(json!({ "userId": id, "email": email, "name": id, "createdAt": AT }))
}

fn item(json: Json) -> Item {
    Item::parse(&json.to_string()).unwrap()
}

async fn create(store: &DynamoStore, id: &str, email: &str) -> Result<Item> {
    store.create(&user::TABLE, person(id, email).attributes().unwrap()).await
}

async fn load(store: &DynamoStore, items: Vec<Item>) -> Result<u64> {
    store.load(&user::TABLE, futures::stream::iter(items.into_iter().map(Ok)).boxed()).await
}

async fn set_email(store: &DynamoStore, id: &str, email: &str) -> Result<Item> {
    let set = [("email".to_owned(), Value::from(email))].into();
    store.update(&user::TABLE, &Key::hash(id), &Update { set, ..Update::default() }).await
}

/// Stores exactly this, claim or item, past every rule.
async fn put(store: &DynamoStore, attributes: &[(&str, AttributeValue)]) {
    let item = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let put = store.client().put_item().table_name(store.table_name(&user::TABLE)).set_item(Some(item));
    put.send().await.unwrap();
}

async fn remove(store: &DynamoStore, id: &str) {
    let delete = store.client().delete_item().table_name(store.table_name(&user::TABLE));
    delete.key("userId", AttributeValue::S(id.to_owned())).send().await.unwrap();
}

/// Everything in the table, claims too, as `key` or `claim=owner`.
async fn raw(store: &DynamoStore) -> Vec<String> {
    let output = store.client().scan().table_name(store.table_name(&user::TABLE)).send().await.unwrap();
    let text = |value: &AttributeValue| value.as_s().unwrap().clone();
    let show = |item: &std::collections::HashMap<_, _>| match item.get("owner") {
        Some(owner) => format!("{}={}", text(&item["userId"]), text(owner)),
        None => text(&item["userId"]),
    };
    let mut all: Vec<_> = output.items().iter().map(show).collect();
    all.sort_unstable();
    all
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn is_taken<T: std::fmt::Debug>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::Conflict { rule: Rule::Unique("email") }))
}

async fn check(store: &DynamoStore) -> Vec<Finding> {
    store.check(&user::TABLE).await.unwrap()
}

#[tokio::test]
async fn claims_follow_their_items() {
    let store = store().await;
    create(&store, "a", "ann@example.org").await.unwrap();
    assert_eq!(raw(&store).await, ["a", "email#ann@example.org=a"]);
    assert!(is_taken(&create(&store, "b", "ann@example.org").await));
    // The same value: the claim stays.
    let spelled = set_email(&store, "a", "ann@example.org").await.unwrap();
    assert_eq!((spelled.tag().version, spelled.text("email").as_deref()), (2, Some("ann@example.org")));
    assert_eq!(raw(&store).await, ["a", "email#ann@example.org=a"]);
    let moved = set_email(&store, "a", "a@example.org").await.unwrap();
    assert_eq!(store.get(&user::TABLE, &Key::hash("a"), &Read::STRONG).await.unwrap(), Some(moved));
    assert_eq!(raw(&store).await, ["a", "email#a@example.org=a"]);
    create(&store, "b", "ann@example.org").await.unwrap();
    assert!(is_taken(&set_email(&store, "b", "a@example.org").await));
    let freed = Update { remove: ["email".to_owned()].into(), ..Update::default() };
    let freed = store.update(&user::TABLE, &Key::hash("a"), &freed).await.unwrap();
    assert_eq!((freed.tag().version, freed.text("email")), (4, None));
    assert_eq!(raw(&store).await, ["a", "b", "email#ann@example.org=b"]);
    set_email(&store, "a", "a@example.org").await.unwrap();
    store.delete(&user::TABLE, &Key::hash("a"), None).await.unwrap();
    assert_eq!(raw(&store).await, ["b", "email#ann@example.org=b"]);
    assert_eq!(check(&store).await, []);
}

#[tokio::test]
async fn conditions_come_before_unique_values() {
    let store = store().await;
    create(&store, "a", "a@example.org").await.unwrap();
    let b = create(&store, "b", "b@example.org").await.unwrap();
    let set = [("email".to_owned(), Value::from("a@example.org"))];
    let stale = Tag { version: 9, ..b.tag() };
    let update = |expected| Update { set: set.clone().into(), expected, ..Update::default() };
    let missing = store.update(&user::TABLE, &Key::hash("c"), &update(None)).await;
    assert!(matches!(missing, Err(Error::NotFound)), "{missing:?}");
    let changed = store.update(&user::TABLE, &Key::hash("b"), &update(Some(stale.clone()))).await;
    assert!(matches!(changed, Err(Error::VersionMismatch)), "{changed:?}");
    assert!(is_taken(&store.update(&user::TABLE, &Key::hash("b"), &update(Some(b.tag()))).await));
    let changed = store.delete(&user::TABLE, &Key::hash("b"), Some(&stale)).await;
    assert!(matches!(changed, Err(Error::VersionMismatch)), "{changed:?}");
    store.delete(&user::TABLE, &Key::hash("b"), Some(&b.tag())).await.unwrap();
    let missing = store.delete(&user::TABLE, &Key::hash("b"), Some(&b.tag())).await;
    assert!(matches!(missing, Err(Error::NotFound)), "{missing:?}");
}

#[tokio::test]
async fn stored_values_need_not_be_normalised() {
    let store = store().await;
    put(&store, &[("userId", s("a")), ("email", s("ANN@example.org")), ("name", s("A")), ("createdAt", s(AT))]).await;
    put(&store, &[("userId", s("email#ann@example.org")), ("owner", s("a"))]).await;
    load(&store, vec![item(json!({ "userId": "b", "name": "B", "createdAt": AT }))]).await.unwrap();
    assert_eq!(raw(&store).await, ["a", "b", "email#ann@example.org=a"]);
    assert!(is_taken(&set_email(&store, "b", "ann@example.org").await));
    let normalised = set_email(&store, "a", "ann@example.org").await.unwrap();
    assert_eq!(normalised.tag().version, 1, "an item without a version counts as 0");
    store.delete(&user::TABLE, &Key::hash("a"), None).await.unwrap();
    set_email(&store, "b", "ann@example.org").await.unwrap();
    assert_eq!(raw(&store).await, ["b", "email#ann@example.org=b"]);
}

#[tokio::test]
async fn a_load_moves_claims_and_refuses_duplicates() {
    let store = store().await;
    // Twice in the stream: the later one stands, and frees the value for the next item.
    let moves = vec![person("a", "1@x.org"), person("a", "2@x.org"), person("b", "1@x.org"), person("b", "1@x.org")];
    assert_eq!(load(&store, moves.clone()).await.unwrap(), 4);
    assert_eq!(raw(&store).await, ["a", "b", "email#1@x.org=b", "email#2@x.org=a"]);
    // The same again, into a table that is not empty: 1 is b's when a comes for it.
    assert!(is_taken(&load(&store, moves).await));
    let swap = vec![person("b", "3@x.org"), person("a", "1@x.org"), person("b", "2@x.org")];
    assert_eq!(load(&store, swap).await.unwrap(), 3);
    assert_eq!(raw(&store).await, ["a", "b", "email#1@x.org=a", "email#2@x.org=b"]);
    assert!(is_taken(&load(&store, vec![person("c", "1@x.org")]).await));
    assert!(is_taken(&load(&store, vec![person("c", "9@x.org"), person("d", "9@x.org")]).await));
    load(
        &store,
        vec![
            item(json!({ "userId": "a", "name": "A", "createdAt": AT })),
            item(json!({ "userId": "b", "name": "B", "createdAt": AT })),
        ],
    )
    .await
    .unwrap();
    assert_eq!(check(&store).await, []);
}

#[tokio::test]
async fn a_load_into_an_empty_table_refuses_duplicates_however_far_apart() {
    let store = store().await;
    let mut users: Vec<_> = (0..500).map(|n| person(&format!("u{n}"), &format!("{n}@x.org"))).collect();
    users.push(person("thief", "0@x.org"));
    let loaded = load(&store, users).await;
    assert!(is_taken(&loaded), "{loaded:?}");
    assert_eq!(check(&store).await, []);
}

#[tokio::test]
async fn damage_is_found_and_repaired() {
    let store = store().await;
    create(&store, "a", "a@x.org").await.unwrap();
    create(&store, "gone", "gone@x.org").await.unwrap();
    create(&store, "thief", "b@x.org").await.unwrap();
    remove(&store, "gone").await;
    remove(&store, "email#a@x.org").await;
    put(&store, &[("userId", s("b")), ("email", s("B@x.org")), ("name", s("B")), ("createdAt", s(AT))]).await;
    put(&store, &[("userId", s("odd")), ("name", AttributeValue::N("1".to_owned())), ("email", s("odd@x.org"))]).await;
    put(&store, &[("userId", s("email#odd@x.org")), ("owner", s("odd"))]).await;
    put(&store, &[("userId", s("email#nobody@x.org"))]).await;
    put(&store, &[("userId", s("heir")), ("email", s("gone@x.org")), ("name", s("H")), ("createdAt", s(AT))]).await;

    let found = check(&store).await;
    let holds = |finding: &Finding| assert!(found.contains(finding), "{finding:?} is not in {found:#?}");
    let email = |value: &str| ("email", value.to_owned());
    let (attribute, value) = email("a@x.org");
    holds(&Finding::MissingClaim { key: Key::hash("a"), attribute, value });
    let (attribute, value) = email("gone@x.org");
    holds(&Finding::DanglingClaim { owner: Key::hash("gone"), attribute, value });
    let (attribute, value) = email("gone@x.org");
    holds(&Finding::MissingClaim { key: Key::hash("heir"), attribute, value });
    let (attribute, value) = email("nobody@x.org");
    holds(&Finding::DanglingClaim { owner: Key::hash(""), attribute, value });
    let (attribute, value) = email("b@x.org");
    let stolen = Finding::StolenClaim { key: Key::hash("b"), attribute, value, owner: Key::hash("thief") };
    holds(&stolen);
    for id in ["odd", "b"] {
        assert!(
            found.iter().any(|finding| matches!(finding, Finding::MendableItem { key, .. } if *key == Key::hash(id))),
            "{id}"
        );
    }
    assert_eq!(found.len(), 7, "{found:#?}");

    for finding in &found {
        let repaired = store.repair(&user::TABLE, finding).await;
        match finding {
            Finding::StolenClaim { .. } => assert!(is_taken(&repaired), "{repaired:?}"),
            _ => repaired.unwrap(),
        }
    }
    assert_eq!(check(&store).await, std::slice::from_ref(&stolen));
    assert_eq!(
        raw(&store).await,
        [
            "a",
            "b",
            "email#a@x.org=a",
            "email#b@x.org=thief",
            "email#gone@x.org=heir",
            "email#odd@x.org=odd",
            "heir",
            "odd",
            "thief"
        ]
    );
    // Nothing of it holds any more, but for what only a person can decide.
    for finding in &found {
        assert!(store.repair(&user::TABLE, finding).await.is_ok() != (*finding == stolen));
    }
    // The loser gives the value up, and its owner keeps it.
    set_email(&store, "b", "b2@x.org").await.unwrap();
    store.repair(&user::TABLE, &stolen).await.unwrap();
    assert_eq!(check(&store).await, []);
}

#[tokio::test]
async fn a_stolen_claim_is_never_deleted_by_its_loser() {
    let store = store().await;
    create(&store, "owner", "b@x.org").await.unwrap();
    for id in ["mover", "leaver"] {
        put(&store, &[("userId", s(id)), ("email", s("b@x.org")), ("name", s("M")), ("createdAt", s(AT))]).await;
    }
    assert_eq!(set_email(&store, "mover", "m@x.org").await.unwrap().text("email").as_deref(), Some("m@x.org"));
    store.delete(&user::TABLE, &Key::hash("leaver"), None).await.unwrap();
    assert_eq!(raw(&store).await, ["email#b@x.org=owner", "email#m@x.org=mover", "mover", "owner"]);
}

#[tokio::test]
async fn an_owner_takes_its_own_dangling_claim() {
    let store = store().await;
    put(&store, &[("userId", s("email#a@x.org")), ("owner", s("a"))]).await;
    assert!(is_taken(&create(&store, "b", "a@x.org").await));
    create(&store, "a", "a@x.org").await.unwrap();
    assert_eq!(check(&store).await, []);
}

#[tokio::test]
async fn lists_hide_claims() {
    let store = store().await;
    load(&store, (0..120).map(|n| person(&format!("u{n:03}"), &format!("{n}@x.org"))).collect()).await.unwrap();
    for limit in [1, 7, 120] {
        let (mut scan, mut ids) = (Scan::new(limit), Vec::new());
        loop {
            let page = store.scan(&user::TABLE, &scan).await.unwrap();
            assert!(page.items.len() == limit || page.next.is_none());
            ids.extend(page.items.iter().filter_map(|item| item.text("userId")));
            match page.next {
                Some(next) => scan.cursor = Some(next),
                None => break,
            }
        }
        ids.sort_unstable();
        assert_eq!(ids, (0..120).map(|n| format!("u{n:03}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn concurrent_changes_of_one_user_all_happen() {
    let store = store().await;
    create(&store, "a", "0@x.org").await.unwrap();
    let change = async |n: u32| set_email(&store, "a", &format!("{n}@x.org")).await;
    for result in futures::future::join_all((1..=8).map(change)).await {
        result.unwrap();
    }
    let item = store.get(&user::TABLE, &Key::hash("a"), &Read::STRONG).await.unwrap().unwrap();
    assert_eq!(item.tag().version, 9);
    assert_eq!(check(&store).await, []);
    assert_eq!(raw(&store).await.len(), 2);
}

#[tokio::test]
async fn a_table_without_unique_attributes_has_broken_items_only() {
    let store = store().await;
    let put = store.client().put_item().table_name(store.table_name(&thread::TABLE));
    put.item("threadId", s("t")).item("title", AttributeValue::L(vec![])).send().await.unwrap();
    let found = store.check(&thread::TABLE).await.unwrap();
    let [Finding::BrokenItem { key, reason, item }] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((key, item.as_json()), (&Key::hash("t"), r#"{"threadId":"t","title":[]}"#));
    assert!(reason.contains("title"), "{reason}");
    store.repair(&thread::TABLE, &found[0]).await.unwrap();
    assert_eq!(store.check(&thread::TABLE).await.unwrap(), []);
    store.repair(&thread::TABLE, &found[0]).await.unwrap();
}

#[tokio::test]
async fn a_value_whose_claim_would_be_too_long_is_refused() {
    let store = store().await;
    let longest = 2048 - "email#".len();
    let email = |length: usize| format!("{}@x.org", "e".repeat(length - "@x.org".len()));
    create(&store, "a", &email(longest)).await.unwrap();
    let too_long = create(&store, "b", &email(longest + 1)).await;
    assert!(matches!(&too_long, Err(Error::InvalidItem { attribute, .. }) if attribute == "email"), "{too_long:?}");
    let too_long = set_email(&store, "a", &email(longest + 1)).await;
    assert!(matches!(&too_long, Err(Error::InvalidItem { attribute, .. }) if attribute == "email"), "{too_long:?}");
}

#[tokio::test]
async fn a_version_that_is_no_count_starts_anew() {
    let n = |number: &str| AttributeValue::N(number.to_owned());
    for version in [s("one"), s("7"), n("1.5"), n("-1"), n("9223372036854775808"), AttributeValue::Null(true)] {
        let store = store().await;
        put(&store, &[("userId", s("a")), ("name", s("A")), ("createdAt", s(AT)), ("version", version.clone())]).await;
        let is_null = matches!(version, AttributeValue::Null(_));
        assert_eq!(store.get(&user::TABLE, &Key::hash("a"), &Read::STRONG).await.is_ok(), is_null, "{version:?}");
        let update = Update { set: [("name".to_owned(), Value::from("B"))].into(), ..Update::default() };
        let updated = store.update(&user::TABLE, &Key::hash("a"), &update).await.unwrap();
        assert_eq!((updated.tag().version, updated.text("name").as_deref()), (1, Some("B")), "{version:?}");
        assert_eq!(check(&store).await, []);
    }
}

#[tokio::test]
async fn a_value_that_an_item_has_without_holding_it_is_not_taken_by_setting_it_again() {
    for changes in [&["email"][..], &["email", "name"], &["email", "bio"]] {
        let store = store().await;
        create(&store, "a", "a@x.org").await.unwrap();
        put(&store, &[("userId", s("b")), ("email", s("a@x.org")), ("name", s("B")), ("createdAt", s(AT))]).await;
        let set = changes.iter().map(|name| ((*name).to_owned(), Value::from("a@x.org"))).collect();
        let taken = store.update(&user::TABLE, &Key::hash("b"), &Update { set, ..Update::default() }).await.map(drop);
        assert!(is_taken(&taken), "{taken:?}");
        // A value that nobody holds becomes its own.
        put(&store, &[("userId", s("c")), ("email", s("c@x.org")), ("name", s("C")), ("createdAt", s(AT))]).await;
        set_email(&store, "c", "c@x.org").await.unwrap();
        assert_eq!(raw(&store).await, ["a", "b", "c", "email#a@x.org=a", "email#c@x.org=c"]);
        assert!(is_taken(&create(&store, "d", "c@x.org").await));
    }
}

/// A claim outlives no failed condition: the item's tag is asked for first.
#[tokio::test]
async fn an_expected_tag_comes_before_a_value_that_is_not_held() {
    let store = store().await;
    create(&store, "a", "a@x.org").await.unwrap();
    put(&store, &[("userId", s("b")), ("email", s("a@x.org")), ("name", s("B")), ("createdAt", s(AT))]).await;
    for (version, id) in [(1, "b"), (7, "b"), (0, "nobody")] {
        let expected = Some(Tag { version, write_id: Tag::NO_WRITE_ID.to_owned() });
        let set = [("email".to_owned(), Value::from("a@x.org"))].into();
        let refused = store.update(&user::TABLE, &Key::hash(id), &Update { set, expected, ..Update::default() }).await;
        match id {
            "b" => assert!(matches!(refused, Err(Error::VersionMismatch)), "{refused:?}"),
            _ => assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}"),
        }
    }
}
