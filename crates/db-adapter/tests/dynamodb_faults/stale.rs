//! Eventual reads that are late, where the store itself reads before it writes.

use db_adapter::forum::user;
use db_adapter::{Error, Key, Store};
use serde_json::json;

use crate::fault_proxy::Fault;
use crate::{ann, findings, set, store, stored};

#[tokio::test]
async fn what_was_just_created_can_be_deleted() {
    let (store, proxy) = store().await;
    store.create(&user::TABLE, ann()).await.unwrap();
    proxy.inject("GetItem", Fault::Response(json!({})));
    store.delete(&user::TABLE, &Key::hash("ann"), None).await.unwrap();
    assert_eq!(stored(&store, &user::TABLE, &Key::hash("ann")).await, None);
    assert_eq!(findings(&store).await, []);
}

#[tokio::test]
async fn a_deletion_frees_the_value_that_the_item_has_by_now() {
    let (store, proxy) = store().await;
    store.create(&user::TABLE, ann()).await.unwrap();
    store.update(&user::TABLE, &Key::hash("ann"), &set("email", "new@example.org")).await.unwrap();
    proxy.inject("GetItem", Fault::Response(json!({ "Item": { "email": { "S": "ann@example.org" } } })));
    store.delete(&user::TABLE, &Key::hash("ann"), None).await.unwrap();
    assert_eq!(stored(&store, &user::TABLE, &Key::hash("ann")).await, None);
    assert_eq!(findings(&store).await, []);
}

#[tokio::test]
async fn what_was_just_deleted_is_gone() {
    let (store, proxy) = store().await;
    proxy.inject("GetItem", Fault::Response(json!({ "Item": { "email": { "S": "ann@example.org" } } })));
    let deleted = store.delete(&user::TABLE, &Key::hash("ann"), None).await;
    assert!(matches!(deleted, Err(Error::NotFound)), "{deleted:?}");
}
