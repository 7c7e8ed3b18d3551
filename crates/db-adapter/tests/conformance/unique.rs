//! One owner per e-mail: on create, update, delete and load, and under races.

use std::collections::BTreeSet;

use db_adapter::forum::user;
use db_adapter::{Error, Finding, Rule, Update};
use futures::future::join_all;
use serde_json::json;

use crate::fixture::{Fixture, assert_invalid, attributes, by_email, key, load, texts, user};
use crate::{assert_fails, cases};

cases!(unique:
    a_taken_value_is_a_conflict_and_other_spellings_are_refused,
    items_without_the_attribute_do_not_conflict,
    one_of_200_concurrent_creates_wins,
    an_update_to_a_taken_value_is_a_conflict,
    an_update_to_the_same_value_succeeds,
    an_update_frees_the_old_value,
    removing_the_attribute_frees_the_value,
    a_delete_frees_the_value,
    one_of_many_concurrent_updates_wins,
    two_users_swap_values,
    a_loaded_value_is_taken,
    a_refused_write_takes_nothing,
);

const TAKEN: Rule = Rule::Unique("email");

fn to(email: &str) -> Update {
    Update { set: attributes(json!({"email": email})), ..Update::default() }
}

async fn users(f: &Fixture, ids: &[&str]) {
    for id in ids {
        f.store.create(&user::TABLE, user(id, &format!("{id}@example.com"))).await.unwrap();
    }
}

/// Nothing is left over, and each e-mail leads to its owner.
async fn assert_owners(f: &Fixture, owners: &[(&str, Option<&str>)]) {
    assert_eq!(f.store.check(&user::TABLE).await.unwrap(), Vec::<Finding>::new());
    for (email, owner) in owners {
        let page = f.store.query(&user::TABLE, &by_email(email)).await.unwrap();
        assert_eq!(texts(&page.items, "userId"), owner.iter().copied().collect::<Vec<_>>(), "{email}");
    }
}

async fn a_taken_value_is_a_conflict_and_other_spellings_are_refused(f: Fixture) {
    f.store.create(&user::TABLE, user("u1", "ann@example.com")).await.unwrap();
    assert_fails!(f.store.create(&user::TABLE, user("u2", "ann@example.com")).await, Error::Conflict { rule: TAKEN });
    for email in ["ANN@example.com", " ann@Example.com ", "ann@example.com\t", "ÄNN@example.com"] {
        assert_invalid(f.store.create(&user::TABLE, user("u2", email)).await, "email");
        assert_invalid(f.store.update(&user::TABLE, &key("u1"), &to(email)).await, "email");
        assert_invalid(load(&*f.store, &user::TABLE, vec![user("u2", email)]).await, "email");
    }
    assert_owners(&f, &[("ann@example.com", Some("u1"))]).await;
}

async fn items_without_the_attribute_do_not_conflict(f: Fixture) {
    for id in ["u1", "u2"] {
        f.store
            .create(&user::TABLE, attributes(json!({"userId": id, "name": "No e-mail", "createdAt": crate::fixture::at(1)})))
            .await
            .unwrap();
    }
    assert_owners(&f, &[]).await;
}

async fn one_of_200_concurrent_creates_wins(f: Fixture) {
    let other = f.other().await;
    let create = |number: usize| {
        let store = if number.is_multiple_of(2) { &f.store } else { &other };
        async move { store.create(&user::TABLE, user(&format!("u{number}"), "ann@example.com")).await }
    };
    let outcomes = join_all((0..200).map(create)).await;
    let mut winners = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(item) => winners.push(item.text("userId").unwrap()),
            refused => assert_fails!(refused, Error::Conflict { rule: TAKEN }),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_owners(&f, &[("ann@example.com", Some(&winners[0]))]).await;
}

async fn an_update_to_a_taken_value_is_a_conflict(f: Fixture) {
    users(&f, &["u1", "u2"]).await;
    assert_fails!(f.store.update(&user::TABLE, &key("u1"), &to("u2@example.com")).await, Error::Conflict { rule: TAKEN });
    assert_owners(&f, &[("u1@example.com", Some("u1")), ("u2@example.com", Some("u2"))]).await;
}

async fn an_update_to_the_same_value_succeeds(f: Fixture) {
    users(&f, &["u1"]).await;
    let updated = f.store.update(&user::TABLE, &key("u1"), &to("u1@example.com")).await.unwrap();
    assert_eq!(updated.tag().version, 2);
    assert_owners(&f, &[("u1@example.com", Some("u1"))]).await;
}

async fn an_update_frees_the_old_value(f: Fixture) {
    users(&f, &["u1"]).await;
    f.store.update(&user::TABLE, &key("u1"), &to("new@example.com")).await.unwrap();
    assert_fails!(f.store.create(&user::TABLE, user("u2", "new@example.com")).await, Error::Conflict { rule: TAKEN });
    f.store.create(&user::TABLE, user("u2", "u1@example.com")).await.unwrap();
    assert_owners(&f, &[("new@example.com", Some("u1")), ("u1@example.com", Some("u2"))]).await;
}

async fn removing_the_attribute_frees_the_value(f: Fixture) {
    users(&f, &["u1"]).await;
    let remove = Update { remove: ["email".to_owned()].into(), ..Update::default() };
    for _ in 0..2 {
        let updated = f.store.update(&user::TABLE, &key("u1"), &remove).await.unwrap();
        assert_eq!(updated.text("email"), None);
    }
    f.store.create(&user::TABLE, user("u2", "u1@example.com")).await.unwrap();
    f.store.update(&user::TABLE, &key("u1"), &to("back@example.com")).await.unwrap();
    assert_owners(&f, &[("u1@example.com", Some("u2")), ("back@example.com", Some("u1"))]).await;
}

async fn a_delete_frees_the_value(f: Fixture) {
    users(&f, &["u1"]).await;
    f.store.delete(&user::TABLE, &key("u1"), None).await.unwrap();
    assert_owners(&f, &[("u1@example.com", None)]).await;
    f.store.create(&user::TABLE, user("u2", "u1@example.com")).await.unwrap();
    assert_owners(&f, &[("u1@example.com", Some("u2"))]).await;
}

async fn one_of_many_concurrent_updates_wins(f: Fixture) {
    let ids: Vec<String> = (0..12).map(|number| format!("u{number}")).collect();
    users(&f, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let wanted = to("wanted@example.com");
    let (store, wanted) = (&f.store, &wanted);
    let outcomes = join_all(ids.iter().map(|id| async move { (id, store.update(&user::TABLE, &key(id), wanted).await) })).await;
    let (won, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, outcome)| outcome.is_ok());
    assert_eq!((won.len(), refused.len()), (1, 11));
    for (_, outcome) in refused {
        assert_fails!(outcome, Error::Conflict { rule: TAKEN });
    }
    assert_owners(&f, &[("wanted@example.com", Some(won[0].0))]).await;
}

async fn two_users_swap_values(f: Fixture) {
    users(&f, &["u1", "u2"]).await;
    f.store.update(&user::TABLE, &key("u1"), &to("third@example.com")).await.unwrap();
    f.store.update(&user::TABLE, &key("u2"), &to("u1@example.com")).await.unwrap();
    f.store.update(&user::TABLE, &key("u1"), &to("u2@example.com")).await.unwrap();
    assert_owners(&f, &[("u1@example.com", Some("u2")), ("u2@example.com", Some("u1")), ("third@example.com", None)]).await;
}

async fn a_loaded_value_is_taken(f: Fixture) {
    load(&*f.store, &user::TABLE, vec![user("u1", "ann@example.com")]).await.unwrap();
    assert_fails!(f.store.create(&user::TABLE, user("u2", "ann@example.com")).await, Error::Conflict { rule: TAKEN });
    f.store.delete(&user::TABLE, &key("u1"), None).await.unwrap();
    f.store.create(&user::TABLE, user("u2", "ann@example.com")).await.unwrap();
    assert_owners(&f, &[("ann@example.com", Some("u2"))]).await;
}

async fn a_refused_write_takes_nothing(f: Fixture) {
    users(&f, &["u1"]).await;
    assert!(f.store.create(&user::TABLE, user("u1", "second@example.com")).await.is_err());
    assert!(f.store.update(&user::TABLE, &key("none"), &to("third@example.com")).await.is_err());
    let emails = BTreeSet::from(["second@example.com", "third@example.com"]);
    for (number, email) in emails.into_iter().enumerate() {
        f.store.create(&user::TABLE, user(&format!("new{number}"), email)).await.unwrap();
    }
    assert_owners(&f, &[("u1@example.com", Some("u1"))]).await;
}
