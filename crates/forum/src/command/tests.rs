//! A table that only this test declares is verified, backed up, restored and migrated as the others are.

use std::path::Path;
use std::sync::Arc;

use clap::{Args, Parser};
use db_adapter::dynamodb::{DynamoOptions, DynamoStore, tables as dynamodb_tables};
use db_adapter::forum::{post, thread, user};
use db_adapter::schema::Kind::{Count, Text};
use db_adapter::schema::{Attribute, CREATED_AT, UPDATED_AT, Unique, VERSION};
use db_adapter::{Item, Scan, Table};
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{backup, migrate, restore, tables, verify};
use crate::data::archive;
use crate::data::location::Location;
use crate::data::samples;
use crate::data::source::Scanner;
use crate::data::source::Source;
use crate::data::source::directory::{Directory, ReadingArguments};
use crate::data::survey::Survey;
use crate::output::Format;
use crate::run::progress::Progress;

static BADGES: Table = Table {
    name: "badges",
    singular: "badge",
    component: "Badge",
    env: "DYNAMODB_BADGES_TABLE",
    default_name: "forum-microservices-badges-test",
    hash: "badgeId",
    range: None,
    indexes: &[],
    unique: &[Unique { attribute: "label" }],
    constant: None,
    ttl: None,
    attributes: &[
        Attribute::server("badgeId", Text, "").formerly(&["id"]),
        Attribute::text("label", "").required().formerly(&["title"]),
        Attribute::text("userId", "").references(&user::TABLE).formerly(&["owner"]),
        Attribute::server(CREATED_AT, Text, ""),
        Attribute::server(UPDATED_AT, Text, ""),
        Attribute::server(VERSION, Count, ""),
    ],
    samples: r#"[{"badgeId":"1","label":"first","userId":"1","createdAt":"2020-01-01T00:00:00.000Z","version":1}]"#,
};
static ALL: [&Table; 4] = [&BADGES, &post::TABLE, &thread::TABLE, &user::TABLE];

#[derive(Debug, Parser)]
struct Program<A: Args> {
    #[command(flatten)]
    arguments: A,
}

fn parse<A: Args>(arguments: &[&str]) -> A {
    Program::try_parse_from([&["forum"], arguments].concat()).unwrap().arguments
}

/// An empty DynamoDB with all four tables.
async fn dynamodb() -> (Arc<DynamoStore>, Scanner) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    let options = DynamoOptions { endpoint: Some(endpoint.clone()), ..DynamoOptions::new("us-east-1") };
    let store = Arc::new(DynamoStore::open(&ALL, options).await.unwrap());
    dynamodb_tables::create(&store).await.unwrap();
    let location = Location::Dynamodb { region: "us-east-1".to_owned(), endpoint: Some(endpoint), tables: Default::default() };
    (store.clone(), Scanner::of(store, location, None, None))
}

async fn items(scanner: &Scanner, table: &'static Table) -> Vec<String> {
    let page = scanner.store.scan(table, &Scan::new(100)).await.unwrap();
    let mut items: Vec<_> = page.items.iter().map(|item| item.as_json().to_owned()).collect();
    items.sort_unstable();
    items
}

fn as_json(report: &impl Serialize) -> Json {
    serde_json::to_value(report).unwrap()
}

/// Badge 2 is of a user that does not exist.
fn write_older_files(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    for (file, records) in [
        ("users.json", json!([{"id": 1, "name": "Ann"}])),
        ("threads.json", json!([{"id": 1, "title": "T", "createdBy": 1}])),
        ("posts.json", json!([{"thread": 1, "user": 1, "text": "Hello"}])),
        ("badges.json", json!([{"id": 1, "title": " Gold ", "owner": 1}, {"title": "Silver", "owner": 9}])),
    ] {
        std::fs::write(folder.join(file), records.to_string()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fourth_table_is_migrated_verified_backed_up_and_restored() {
    let files = tempfile::tempdir().unwrap();
    let legacy = files.path().join("legacy");
    write_older_files(&legacy);
    let (_, store) = dynamodb().await;

    let source = Source::Directory(Directory::open(&legacy, &ALL, &ReadingArguments::default()).unwrap());
    let survey = Survey::of(&source, &ALL, Format::Json).await.unwrap();
    let dangling = as_json(&survey)["dangling"].clone();
    let place = format!("{}: record 2: userId \"9\" is not in users", legacy.join("badges.json").display());
    assert_eq!(dangling, json!({"count": 1, "first": [place]}));
    let arguments: migrate::Arguments = parse(&["--from", legacy.to_str().unwrap(), "--json"]);
    let migrated = as_json(&arguments.migrate(&source, &store, Some(survey), &ALL).await.unwrap());
    assert_eq!(migrated["tables"]["badges"]["result"]["written"], 2);
    assert_eq!(migrated["tables"]["badges"]["differences"], json!([]));
    let time = "2000-01-01T00:00:00";
    let badge = |id: &str, label: &str, owner: &str, ms: &str| {
        format!(
            r#"{{"badgeId":"{id}","createdAt":"{time}.{ms}Z","label":"{label}","updatedAt":"{time}.{ms}Z","userId":"{owner}","version":1}}"#
        )
    };
    let badges = [badge("1", "gold", "1", "000"), badge("badge-2", "silver", "9", "001")];
    assert_eq!(items(&store, &BADGES).await, badges);

    let verified = as_json(&verify::verify(&parse(&["--json"]), &store, &ALL).await.unwrap());
    let tables = verified["tables"].as_array().unwrap();
    let badges_report = tables.iter().find(|table| table["table"] == "badges").unwrap();
    let dangling = json!([{"key": {"badgeId": "badge-2"}, "attribute": "userId", "value": "9"}]);
    assert_eq!((&badges_report["items"], &badges_report["dangling"]), (&json!(2), &dangling));
    assert_eq!(verified["differs"], false, "{verified}");

    let file = files.path().join("b.jsonl");
    let written: backup::Arguments = parse(&["--file", file.to_str().unwrap(), "--json"]);
    let written = as_json(&backup::backup(&written, store.clone(), &ALL).await.unwrap());
    assert_eq!(written["tables"]["badges"]["items"], 2);

    let (_, other) = dynamodb().await;
    let arguments: restore::Arguments = parse(&["--file", file.to_str().unwrap(), "--json"]);
    let contents = archive::check(&file, &ALL, &Progress::start("check", None, Format::Json)).await.unwrap();
    let restored = as_json(&restore::restore(&arguments, &contents, &other, &ALL).await.unwrap());
    assert_eq!((&restored["tables"]["badges"]["items"], &restored["differences"]), (&json!(2), &json!([])));
    for table in ALL {
        assert_eq!(items(&other, table).await, items(&store, table).await, "{}", table.name);
    }
    // The labels are claimed in the restored store.
    let other_badge = json!({"badgeId": "9", "label": "GOLD", "createdAt": "2020-01-01T00:00:00.000Z", "version": 1});
    let taken = other.store.create(&BADGES, Item::parse(&other_badge.to_string()).unwrap().attributes().unwrap()).await;
    assert!(matches!(taken, Err(db_adapter::Error::Conflict { .. })), "{taken:?}");
}

/// A backup of four tables is refused by a program that knows three.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_not_declared_is_not_dropped_from_a_backup() {
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("b.jsonl");
    let (_, store) = dynamodb().await;
    assert_eq!(samples::seed(&*store.store, &ALL).await.unwrap().to_string(), "3 users, 1 badges, 2 threads, 2 posts");
    let arguments: backup::Arguments = parse(&["--file", file.to_str().unwrap(), "--json"]);
    backup::backup(&arguments, store, &ALL).await.unwrap();
    let progress = Progress::start("check", None, Format::Json);
    let refused = archive::check(&file, &db_adapter::forum::TABLES, &progress).await.unwrap_err().to_string();
    assert!(refused.ends_with("there is no table badges"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fourth_table_has_a_status_and_is_named_before_it_is_deleted() {
    let (store, _) = dynamodb().await;
    let arguments: tables::status::Arguments = parse(&["--expect-billing", "PROVISIONED"]);
    let report = as_json(&tables::status::report(&arguments, &store, &ALL).await.unwrap());
    let badges = &report["tables"][0];
    let differences = json!(["billing mode is PAY_PER_REQUEST, expected PROVISIONED"]);
    assert_eq!((&badges["name"], &badges["differences"]), (&json!(BADGES.default_name), &differences));
    let question = tables::question(&parse::<db_adapter::config::DynamoConfig>(&[]), &store, &ALL);
    assert!(ALL.iter().all(|table| question.contains(&format!("\n  {}", table.default_name))), "{question}");
}
