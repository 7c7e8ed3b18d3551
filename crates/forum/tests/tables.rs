//! `forum tables` and `forum seed` on an in-process DynamoDB.

#![expect(clippy::unwrap_used, reason = "in tests")]

mod dynamo;

use assert_cmd::cargo::cargo_bin_cmd;
use db_adapter::forum::TABLES;
use dynamo::Dynamo;
use predicates::prelude::*;
use predicates::str::contains;

#[test]
fn tables_are_created_seeded_and_deleted_and_each_may_be_repeated() {
    let dynamo = Dynamo::start();
    let each = |done: &str| {
        let lines: String = TABLES.iter().map(|table| format!("{} in us-east-1: {done}\n", table.default_name)).collect();
        predicate::eq(lines)
    };
    for done in ["created", "already exists"] {
        dynamo.run(&["tables", "create"]).success().stdout(each(done));
    }
    dynamo.run(&["seed", "--use-dynamodb"]).success().stdout(contains("created 3 users, 1 action, 2 threads, 2 posts, 1 report"));
    dynamo
        .run(&["seed", "--use-dynamodb"])
        .success()
        .stdout(contains("created 0 users, 0 modlog, 0 threads, 0 posts, 0 reports"));
    for done in ["deleted", "does not exist"] {
        dynamo.run(&["tables", "delete", "--yes"]).success().stdout(each(done));
    }
}

#[test]
fn without_a_person_to_ask_nothing_is_deleted() {
    let dynamo = Dynamo::start();
    dynamo.run(&["tables", "create"]).success();
    let named = contains("forum-microservices-posts-dev").and(contains("--yes"));
    dynamo.run(&["tables", "delete"]).code(1).stderr(named);
    dynamo.run(&["seed", "--use-dynamodb"]).success();
}

#[test]
fn a_missing_table_names_the_command_that_creates_it() {
    let dynamo = Dynamo::start();
    let message = contains("forum-microservices-users-dev").and(contains("us-east-1")).and(contains("forum tables create"));
    dynamo.run(&["seed", "--use-dynamodb"]).code(1).stderr(message);
}

#[test]
fn an_endpoint_that_nobody_serves_is_one_line() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let one_line = predicate::function(|text: &str| text.lines().count() == 1);
    let mut command = cargo_bin_cmd!("forum");
    command.env_clear().args(["tables", "create", "--endpoint", &format!("http://{free}")]);
    command.assert().code(1).stderr(one_line.and(contains(free.to_string())));
}

/// As the guide makes a table: with another key, or an index of the same name with another one.
#[test]
fn tables_that_are_there_and_differ_are_named() {
    use aws_sdk_dynamodb::types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType,
    };
    let name = "forum-microservices-threads-dev";
    let text =
        |name: &str| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap();
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let index = |hash: &str, projection| {
        GlobalSecondaryIndex::builder()
            .index_name("CreatedAtIndex")
            .key_schema(key(hash, KeyType::Hash))
            .projection(Projection::builder().projection_type(projection).build())
            .build()
            .unwrap()
    };
    for (hash, of_index, projection, difference) in [
        (
            "threadId",
            "createdAt",
            ProjectionType::All,
            "the key of CreatedAtIndex is createdAt S HASH, expected feed S HASH, createdAt S RANGE",
        ),
        ("threadId", "title", ProjectionType::KeysOnly, "index CreatedAtIndex projects KEYS_ONLY, expected ALL"),
        ("id", "createdAt", ProjectionType::All, "the key of the table is id S HASH, expected threadId S HASH"),
    ] {
        let dynamo = Dynamo::start();
        let made = db_adapter::dynamodb::DynamoOptions {
            endpoint: Some(dynamo.endpoint.clone()),
            ..db_adapter::dynamodb::DynamoOptions::new("us-east-1")
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let store = db_adapter::dynamodb::DynamoStore::open(&TABLES, made).await.unwrap();
            let create = store.client().create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
            let create = create.key_schema(key(hash, KeyType::Hash)).attribute_definitions(text(hash));
            let create = create.attribute_definitions(text(of_index)).global_secondary_indexes(index(of_index, projection));
            create.send().await.unwrap();
        });
        let said = contains(format!("{name} in us-east-1: already exists")).and(contains(format!("  differs: {difference}\n")));
        dynamo
            .run(&["tables", "create"])
            .code(3)
            .stdout(said.and(contains("forum-microservices-users-dev in us-east-1: created\n")));
        dynamo.run(&["tables", "status"]).code(3).stdout(contains(format!("  differs: {difference}\n")));
    }
}
