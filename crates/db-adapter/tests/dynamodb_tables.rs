//! Tables are created as declared, and only declared ones are deleted.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod dynoxide;

use aws_sdk_dynamodb::types::{
    BillingMode, DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate, ProjectionType, TableStatus,
    TimeToLiveSpecification, TimeToLiveStatus,
};
use db_adapter::dynamodb::tables::{self, TableChange, TimeToLive};
use db_adapter::dynamodb::{DynamoOptions, DynamoStore};
use db_adapter::forum::{TABLES, post, thread, user};
use db_adapter::{Query, Store};

async fn store() -> DynamoStore {
    let mut options = DynamoOptions { endpoint: Some(dynoxide::start().await), ..DynamoOptions::new("eu-west-1") };
    options.tables.insert(user::TABLE.name, "people".to_owned());
    DynamoStore::open(&TABLES, options).await.unwrap()
}

#[tokio::test]
async fn tables_are_created_as_declared() {
    let store = store().await;
    let created = tables::create(&store).await.unwrap();
    assert_eq!(created.iter().map(|change| change.table).collect::<Vec<_>>(), TABLES.map(|table| table.name));
    assert!(created.iter().all(|change| change.changed), "{created:?}");
    for table in TABLES {
        let live = tables::describe(&store, table).await.unwrap().unwrap();
        assert_eq!(live.table_name(), Some(store.table_name(table)));
        assert_eq!(live.table_status(), Some(&TableStatus::Active));
        assert_eq!(live.billing_mode_summary().and_then(|billing| billing.billing_mode()), Some(&BillingMode::PayPerRequest));
        let keys = |schema: &[aws_sdk_dynamodb::types::KeySchemaElement]| {
            schema.iter().map(|element| element.attribute_name().to_owned()).collect::<Vec<_>>()
        };
        let declared =
            |hash, range: Option<&str>| [Some(hash), range].into_iter().flatten().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(keys(live.key_schema()), declared(table.hash, table.range));
        let mut indexes: Vec<_> = live
            .global_secondary_indexes()
            .iter()
            .map(|index| {
                assert_eq!(index.projection().and_then(|projection| projection.projection_type()), Some(&ProjectionType::All));
                (index.index_name().unwrap().to_owned(), keys(index.key_schema()))
            })
            .collect();
        indexes.sort_unstable();
        let expected: Vec<_> =
            table.indexes.iter().map(|index| (index.name.to_owned(), declared(index.hash, index.range))).collect();
        assert_eq!(indexes, expected, "{}", table.name);
        assert!(store.health(table).await.reachable);
    }
}

#[tokio::test]
async fn a_table_that_lacks_an_index_gets_it_with_the_items_that_are_there() {
    let store = store().await;
    tables::create(&store).await.unwrap();
    let name = store.table_name(&thread::TABLE);
    let drop = DeleteGlobalSecondaryIndexAction::builder().index_name("UserIndex").build().unwrap();
    let update = GlobalSecondaryIndexUpdate::builder().delete(drop).build();
    store.client().update_table().table_name(name).global_secondary_index_updates(update).send().await.unwrap();
    let thread = [("threadId", "t"), ("title", "T"), ("userId", "u"), ("createdAt", "2026-01-01T00:00:00.000Z")];
    let thread = thread.map(|(name, value)| (name.to_owned(), value.into())).into();
    store.create(&thread::TABLE, thread).await.unwrap();

    let changes = tables::create(&store).await.unwrap();
    let added: Vec<_> = changes.iter().filter(|change| !change.added_indexes.is_empty()).collect();
    assert!(matches!(&added[..], [change] if !change.changed && change.added_indexes == ["UserIndex"]), "{changes:?}");
    let by_user = Query::new(thread::TABLE.index("UserIndex").unwrap(), "u");
    assert_eq!(store.query(&thread::TABLE, &by_user).await.unwrap().items.len(), 1);
    assert!(tables::create(&store).await.unwrap().iter().all(|change| change.added_indexes.is_empty()));
}

#[tokio::test]
async fn a_table_that_is_there_gets_the_time_to_live_that_it_declares() {
    let store = store().await;
    let states = |changes: Vec<TableChange>| changes.iter().map(|change| change.time_to_live).collect::<Vec<_>>();
    let declared = TABLES.map(|table| table.ttl.map_or(TimeToLive::Unchanged, TimeToLive::Enabled));
    assert_eq!(states(tables::create(&store).await.unwrap()), declared);
    assert_eq!(states(tables::create(&store).await.unwrap()), [TimeToLive::Unchanged; TABLES.len()]);

    let name = store.table_name(&post::TABLE);
    let off = TimeToLiveSpecification::builder().attribute_name("expiresAt").enabled(false).build().unwrap();
    store.client().update_time_to_live().table_name(name).time_to_live_specification(off).send().await.unwrap();
    let only_posts =
        TABLES.map(|table| if table.name == post::TABLE.name { TimeToLive::Enabled("expiresAt") } else { TimeToLive::Unchanged });
    assert_eq!(states(tables::create(&store).await.unwrap()), only_posts);
    let live = store.client().describe_time_to_live().table_name(name).send().await.unwrap().time_to_live_description.unwrap();
    assert_eq!((live.time_to_live_status(), live.attribute_name()), (Some(&TimeToLiveStatus::Enabled), Some("expiresAt")));
}

#[tokio::test]
async fn what_is_there_already_is_left_alone_and_what_is_not_declared_too() {
    let store = store().await;
    tables::create(&store).await.unwrap();
    store.client().delete_table().table_name("people").send().await.unwrap();
    let again = tables::create(&store).await.unwrap();
    let changed: Vec<_> = again.iter().filter(|change| change.changed).map(|change| change.name.as_str()).collect();
    assert_eq!((changed, again.len()), (vec!["people"], TABLES.len()));

    let neighbour = tables::describe(&store, &user::TABLE).await.unwrap().unwrap();
    let create = store.client().create_table().table_name("neighbour").billing_mode(BillingMode::PayPerRequest);
    let create = create.set_key_schema(neighbour.key_schema.clone());
    let hash = neighbour.attribute_definitions().iter().find(|known| known.attribute_name() == "userId").unwrap();
    create.attribute_definitions(hash.clone()).send().await.unwrap();
    let deleted = tables::delete(&store).await.unwrap();
    assert!(deleted.iter().all(|change| change.changed), "{deleted:?}");
    assert_eq!(store.client().list_tables().send().await.unwrap().table_names(), ["neighbour"]);
    assert!(tables::delete(&store).await.unwrap().iter().all(|change| !change.changed));
    assert!(tables::describe(&store, &user::TABLE).await.unwrap().is_none());
}
