//! `forum tables status` through the real binary. What emulators in this process do not know (recovery, replicas) is tested in
//! `tests/moto.rs`.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail so")]

mod place;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TimeToLiveSpecification,
};
use db_adapter::forum::{TABLES, thread, user};
use serde_json::{Value as Json, json};

use place::{Ended, Place};

fn differs(place: &Place, arguments: &[&str]) -> Ended {
    let ended = place.run(arguments);
    assert_eq!(ended.code, Some(3), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
    ended
}

fn assert_says(ended: &Ended, lines: &[&str]) {
    lines.iter().for_each(|line| assert!(ended.stdout.contains(line), "{line:?} in {}", ended.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_as_declared_are_shown() {
    let place = Place::dynamodb().await;
    let shown = place.done(&["tables", "status"]);
    assert_says(
        &shown,
        &[
            "users: forum-microservices-users-dev in us-east-1 is ACTIVE, PAY_PER_REQUEST",
            "point-in-time recovery: not supported by this endpoint",
            "time to live: expiresAt",
            "time to live: none",
            "replicas: none",
        ],
    );
    let report: Json = serde_json::from_str(&place.done(&["tables", "status", "--json"]).stdout).unwrap();
    assert_eq!(report["differs"], false);
    let posts = report["tables"].as_array().unwrap().iter().find(|table| table["table"] == "posts").unwrap();
    assert_eq!((&posts["table"], &posts["status"], &posts["differences"]), (&json!("posts"), &json!("ACTIVE"), &json!([])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_are_not_as_expected_are_differences() {
    let place = Place::dynamodb().await;
    let expect = ["--expect-pitr", "--expect-protection", "--expect-billing", "PROVISIONED", "--expect-replica", "us-west-2"];
    let ended = differs(&place, &[&["tables", "status"], &expect[..]].concat());
    for line in [
        "differs: point-in-time recovery is not supported by this endpoint, expected on",
        "differs: deletion protection is off, expected on",
        "differs: billing mode is PAY_PER_REQUEST, expected PROVISIONED",
        "differs: no replica in us-west-2, expected one",
    ] {
        assert_eq!(ended.stdout.matches(line).count(), TABLES.len(), "{line:?} in {}", ended.stdout);
    }
    place.done(&["tables", "status", "--expect-billing", "PAY_PER_REQUEST"]);
    let usage = place.run(&["tables", "status", "--expect-billing", "FREE"]);
    assert_eq!(usage.code, Some(2));
    assert!(usage.stderr.contains("PAY_PER_REQUEST, PROVISIONED"), "{}", usage.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_named() {
    let mut place = Place::dynamodb().await;
    let (client, users, threads) = {
        let store = place.dynamodb.as_ref().unwrap();
        (store.client().clone(), store.table_name(&user::TABLE).to_owned(), store.table_name(&thread::TABLE).to_owned())
    };
    let expiry = TimeToLiveSpecification::builder().attribute_name("expiresAt").enabled(true).build().unwrap();
    client.update_time_to_live().table_name(&users).time_to_live_specification(expiry).send().await.unwrap();

    // A table as the guide has it: time as the partition key, another index, and a number where text is declared.
    client.delete_table().table_name(&threads).send().await.unwrap();
    let attribute =
        |name: &str, r#type| AttributeDefinition::builder().attribute_name(name).attribute_type(r#type).build().unwrap();
    let hash = |name: &str| KeySchemaElement::builder().attribute_name(name).key_type(KeyType::Hash).build().unwrap();
    let index = |name: &str, key: &str, projection| {
        let projection = Projection::builder().projection_type(projection).build();
        GlobalSecondaryIndex::builder().index_name(name).key_schema(hash(key)).projection(projection).build().unwrap()
    };
    client
        .create_table()
        .table_name(&threads)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(hash("threadId"))
        .attribute_definitions(attribute("threadId", ScalarAttributeType::N))
        .attribute_definitions(attribute("createdAt", ScalarAttributeType::S))
        .global_secondary_indexes(index("CreatedAtIndex", "createdAt", ProjectionType::KeysOnly))
        .global_secondary_indexes(index("OtherIndex", "createdAt", ProjectionType::All))
        .send()
        .await
        .unwrap();
    place.settings.push(("DYNAMODB_POSTS_TABLE", "absent".to_owned()));

    assert_says(
        &differs(&place, &["tables", "status"]),
        &[
            "differs: table absent does not exist in us-east-1; DynamoDB Local keeps tables for each access key and Region unless",
            ". Next: forum tables create --region us-east-1 --endpoint http://",
            " --dynamodb-posts-table absent\n",
            "differs: the key of the table is threadId N HASH, expected threadId S HASH",
            "differs: the key of CreatedAtIndex is createdAt S HASH, expected feed S HASH, createdAt S RANGE",
            "differs: index CreatedAtIndex projects KEYS_ONLY, expected ALL",
            "differs: index OtherIndex is not declared",
            "differs: time to live is on, by expiresAt; expected off",
        ],
    );
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let place = Place::json().await;
    place.fails(
        &["tables", "status", "--endpoint", &endpoint],
        &["DescribeTable on table forum-microservices-modlog-dev in us-east-1", "Connection refused"],
    );
}
