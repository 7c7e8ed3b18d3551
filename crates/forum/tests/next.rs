//! Every command that is printed for a person to run next works on the same data as the one that printed it: it carries the options
//! that were given, wherever they came from. Each is pasted into a shell in which nothing is set.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail so")]

mod place;

use std::fs;

use aws_sdk_dynamodb::types::AttributeValue::S;
use db_adapter::Key;
use db_adapter::forum::{thread, user};
use place::{Place, item, next, text, wait_until};
use serde_json::json;

/// The arguments with these options after them.
fn with<'a>(arguments: &[&'a str], options: &'a [String]) -> Vec<&'a str> {
    arguments.iter().copied().chain(options.iter().map(String::as_str)).collect()
}

/// A DynamoDB without tables, and ways to name it and its tables: as options, in the environment, and both.
async fn without_tables() -> Vec<(Place, Vec<String>)> {
    let mut found = Vec::new();
    for names in [
        vec![],
        vec![(&user::TABLE, "people".to_owned())],
        vec![(&user::TABLE, "people".to_owned()), (&thread::TABLE, "talks".to_owned())],
    ] {
        let place = Place::dynamodb().await;
        let endpoint = place.settings[1].1.clone();
        db_adapter::dynamodb::tables::delete(place.dynamodb.as_ref().unwrap()).await.unwrap();
        let mut place = Place::dynamodb_at(endpoint, &names).await;
        db_adapter::dynamodb::tables::delete(place.dynamodb.as_ref().unwrap()).await.unwrap();
        place.settings.retain(|(name, _)| *name != "USE_DYNAMODB");
        let options = if found.len() == 1 { Vec::new() } else { place.as_options() };
        found.push((place, options));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_tables_are_created_where_they_were_looked_for() {
    for (place, options) in without_tables().await {
        let status = with(&["tables", "status"], &options);
        let missing = place.run(&status);
        assert_eq!(missing.code, Some(3), "{}", missing.stderr);
        let created = place.paste(&next(&missing.stdout));
        assert_eq!(created.code, Some(0), "{}", created.stderr);
        place.done(&status);
    }
}

/// The library that names the command knows the endpoint, the Region and one table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_error_about_a_missing_table_names_where_it_was_looked_for() {
    for (place, options) in without_tables().await {
        let missing = place.run(&with(&["seed", "--use-dynamodb=true"], &options));
        assert_eq!(missing.code, Some(1), "{}", missing.stdout);
        assert!(missing.stderr.contains("-sharedDb"), "{}", missing.stderr);
        let command = missing.stderr.split('`').nth(1).unwrap();
        let created = place.paste(command);
        assert_eq!(created.code, Some(0), "{command}: {}", created.stderr);
        let name = place.dynamodb.as_ref().unwrap().table_name(&user::TABLE);
        assert!(created.stdout.contains(&format!("{name} in us-east-1: created")), "{}", created.stdout);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_broken_is_mended_where_it_was_found() {
    for extra in [&[][..], &["--names", "5"], &["--segments", "2", "--max-read-units", "1000"]] {
        let mut place = Place::dynamodb().await;
        let talk = [
            ("threadId", S("t".to_owned())),
            ("title", S("T".to_owned())),
            ("createdAt", S("2024-01-01T00:00:00.000Z".to_owned())),
        ];
        place.put_raw(&thread::TABLE, &talk).await;
        let options = place.as_options();
        let found = place.run(&with(&[&["verify"], extra].concat(), &options));
        assert_eq!(found.code, Some(3), "{}", found.stderr);
        let next = next(&found.stdout);
        assert!(extra.iter().all(|word| next.contains(word)), "{next}");
        let mended = place.paste(&next);
        assert_eq!(mended.code, Some(0), "{next}: {}{}", mended.stdout, mended.stderr);
        place.done(&with(&["verify"], &options));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_names_the_check_of_the_same_store() {
    let mut place = Place::dynamodb().await;
    place.put_raw(&thread::TABLE, &[("threadId", S("t".to_owned()))]).await;
    let options = place.as_options();
    for file in ["b.jsonl", "my backup.jsonl", "-"] {
        let written = place.done(&with(&["backup", "--file", file], &options));
        let found = place.paste(&next(&written.stderr));
        assert_eq!(found.code, Some(3), "{}", found.stderr);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_interrupted_is_resumed_on_the_same_store() {
    for name in ["b.jsonl", "my backup.jsonl", "it's.jsonl.zst"] {
        let mut from = Place::dynamodb().await;
        from.fill(40, 5, 400).await;
        let options = from.as_options();
        let (file, partial) = (from.path(name), from.path(&format!("{name}.partial")));
        let backup = ["backup", "--file", text(&file)];
        let mut child = from
            .command(&with(&[&backup[..], &["--max-read-units", "1", "--segments", "8"]].concat(), &options))
            .spawn()
            .unwrap();
        wait_until("some parts", || fs::metadata(&partial).is_ok_and(|partial| partial.len() > 4000));
        child.kill().unwrap();
        child.wait().unwrap();
        let refused = from.run(&with(&backup, &options));
        let resumed = from.paste(&next(&refused.stderr));
        assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);

        let mut to = Place::json().await;
        let options = to.as_options();
        let restore = ["restore", "--file", text(&file)];
        // It stops at a user whose address another one has.
        let holder = json!({"userId": "x", "email": "u1@example.org", "name": "x", "createdAt": "2020-01-01T00:00:00.000Z"});
        to.load(&user::TABLE, vec![item(holder)]).await;
        let failed = to.run(&with(&[&restore[..], &["--merge"]].concat(), &options));
        assert!(failed.stderr.contains("another item has this email"), "{}", failed.stderr);
        let refused = to.run(&with(&restore, &options));
        assert_eq!(next(&refused.stderr).split_whitespace().next(), Some("forum"), "{}", refused.stderr);
        to.store.delete(&user::TABLE, &Key::hash("x"), None).await.unwrap();
        let resumed = to.paste(&next(if name == "b.jsonl" { &failed.stderr } else { &refused.stderr }));
        assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
        to.assert_equals(&from).await;
    }
}
