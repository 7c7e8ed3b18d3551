//! `forum pitr-restore` through the real binary, as far as an emulator without recovery goes; the rest is in `tests/moto.rs`.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail so")]

mod place;

use db_adapter::forum::TABLES;

use place::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_is_named() {
    let mut place = Place::dynamodb().await;
    place.fails(
        &["pitr-restore"],
        &["the endpoint of forum-microservices-modlog-dev in us-east-1 does not support point-in-time recovery"],
    );
    place.settings.push(("DYNAMODB_POSTS_TABLE", "absent".to_owned()));
    place.fails(&["pitr-restore", "--table", "posts"], &["table absent does not exist in us-east-1"]);
}

#[tokio::test]
async fn usage() {
    let place = Place::json().await;
    let help = place.done(&["pitr-restore", "--help"]).stdout;
    assert!(help.contains("forum pitr-restore --at 2026-01-31T09:59:00Z"), "{help}");
    let tables = format!("expected one of {}", TABLES.map(|table| table.name).join(", "));
    for (arguments, words) in [
        (["--at", "yesterday"], "expected a time such as 2026-01-31T09:59:00Z"),
        (["--table", "likes"], tables.as_str()),
        (["--suffix", "x/y"], "expected 1 to 64 of a-z, A-Z, 0-9, _, - and ."),
        (["--resume", "--json"], "--suffix"),
    ] {
        let ended = place.run(&[&["pitr-restore"], &arguments[..]].concat());
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
}
