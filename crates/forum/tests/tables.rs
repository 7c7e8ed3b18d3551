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
    dynamo.run(&["seed", "--use-dynamodb"]).success().stdout(contains("created 3 users, 2 threads, 2 posts"));
    dynamo.run(&["seed", "--use-dynamodb"]).success().stdout(contains("created 0 users, 0 threads, 0 posts"));
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
