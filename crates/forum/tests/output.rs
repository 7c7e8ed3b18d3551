//! What becomes of every command that prints when its standard output is closed, as by `forum verify | head -0`, or is full.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in tests")]

mod place;

use std::fs;
use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use http_test::Process;

use place::{Ended, Place};

/// The commands that read or write a store of either backend, in an order in which each finds what it needs.
const STORE: [&[&str]; 8] = [
    &["seed"],
    &["verify"],
    &["verify", "--json"],
    &["backup", "--file", "plain.jsonl"],
    &["backup", "--file", "json.jsonl", "--json"],
    &["restore", "--file", "saved.jsonl", "--merge"],
    &["restore", "--file", "saved.jsonl", "--merge", "--json"],
    &["verify", "--against-backup", "json.jsonl"],
];
/// Those that need DynamoDB.
const DYNAMODB: [&[&str]; 11] = [
    &["tables", "status"],
    &["tables", "status", "--json"],
    &["tables", "delete", "--yes"],
    &["tables", "create"],
    &["migrate", "--from", "legacy", "--dry-run"],
    &["migrate", "--from", "legacy", "--dry-run", "--json"],
    &["migrate", "--from", "legacy"],
    &["migrate", "--from", "legacy", "--json"],
    &["migrate", "--to", "new", "--dry-run"],
    &["migrate", "--to", "new", "--dry-run", "--json"],
    &["migrate", "--to", "new", "--json"],
];
/// Those that need no store.
const ALONE: [&[&str]; 10] = [
    &["fold", "--data-dir", "folded"],
    &["cost"],
    &["cost", "--json"],
    &["cost", "--operations"],
    &["cost", "--operations", "--json"],
    &["cost", "--guide"],
    &["tables", "schema"],
    &["--help"],
    &["verify", "--help"],
    &["--version"],
];

/// The end of a pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// A device that has no room for anything.
fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

fn ended(mut command: Command, stdout: Stdio) -> Ended {
    Ended::of(command.stdout(stdout).output().unwrap())
}

/// Runs every command with such a standard output. Each does all the same what it does otherwise.
async fn each_command(stdout: fn() -> Stdio, check: fn(&[&str], &Ended)) {
    for place in Place::each().await {
        place.fill(3, 2, 4).await;
        place.done(&["backup", "--file", "saved.jsonl"]);
        let legacy = place.path("legacy");
        fs::create_dir(&legacy).unwrap();
        fs::create_dir(place.path("folded")).unwrap();
        fs::write(legacy.join("db.json"), r#"{"users":[{"id":1,"name":"a"}],"threads":[],"posts":[]}"#).unwrap();
        let more: &[&[&str]] = if place.dynamodb.is_some() { &DYNAMODB } else { &ALONE };
        for arguments in STORE.iter().chain(more) {
            check(arguments, &ended(place.command(arguments), stdout()));
        }
        for file in ["plain.jsonl", "json.jsonl"] {
            assert!(place.path(file).exists() && !place.path(&format!("{file}.partial")).exists(), "{file}");
        }
        assert!(!place.path("saved.jsonl.restoring").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_left_is_no_error() {
    each_command(closed, |arguments, Ended { code, stderr, .. }| {
        assert_eq!(*code, Some(0), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked") && !stderr.contains("error"), "{arguments:?}: {stderr}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_device_is_an_error_of_one_line() {
    each_command(full, |arguments, Ended { code, stderr, .. }| {
        assert_eq!(*code, Some(1), "{arguments:?}: {stderr}");
        let error = "error: cannot write to standard output: No space left on device";
        assert!(stderr.lines().next_back().is_some_and(|line| line.starts_with(error)), "{arguments:?}: {stderr}");
    })
    .await;
}

/// A command that found differences says so by its exit code even where nobody reads them.
#[tokio::test]
async fn differences_are_not_lost_with_the_reader() {
    let place = Place::json().await;
    place.fill(3, 2, 4).await;
    fs::create_dir(place.path("other")).unwrap();
    fs::write(place.path("other/users.json"), "[]").unwrap();
    for arguments in [&["verify", "--against-dir", "other"][..], &["verify", "--against-dir", "other", "--json"]] {
        assert_eq!(ended(place.command(arguments), closed()).code, Some(3));
    }
}

/// Progress and warnings go to standard error, which nobody needs to read.
#[tokio::test]
async fn standard_error_may_be_closed_too() {
    let place = Place::json().await;
    place.fill(3, 2, 4).await;
    let mut command = place.command(&["verify"]);
    let output = command.stderr(closed()).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(0), false));
}

#[test]
fn a_server_starts_whoever_reads_its_greeting() {
    for stdout in [closed(), full()] {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_forum"));
        command.env_clear().env("DATA_DIR", dir.path()).arg("dev").stdout(stdout);
        assert_eq!(Process::start(&mut command).status("/health"), 200);
    }
}
