//! What becomes of every command that prints when its standard output is closed, as by `forum verify | head -0`, or is full.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in tests")]

mod place;

use std::fs;
use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use db_adapter::Table;
use db_adapter::forum::TABLES;
use http_test::Process;

use place::{Ended, Place};

/// The commands that read or write a store of either backend, in an order in which each finds what it needs.
const STORE: [&[&str]; 9] = [
    &["seed"],
    &["seed", "--json"],
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
const ALONE: [&[&str]; 12] = [
    &["fold", "--data-dir", "folded"],
    &["fold", "--data-dir", "folded", "--json"],
    &["token", "alice"],
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

/// A backup is the work itself, not a report of it: where it cannot be written whole, the command fails.
#[tokio::test]
async fn a_backup_that_nobody_takes_is_a_failure() {
    let place = Place::json().await;
    place.fill(3, 2, 4).await;
    for (stdout, reason) in [(closed(), "Broken pipe"), (full(), "No space left on device")] {
        let Ended { code, stderr, .. } = ended(place.command(&["backup", "--file", "-"]), stdout);
        let error = format!("error: cannot write to standard output: {reason}");
        assert!(code == Some(1) && stderr.lines().any(|line| line.starts_with(&error)), "{code:?} {stderr}");
    }
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

/// Every command that has a result as JSON tells its failure there, too, and people read it as always.
#[tokio::test]
async fn a_failure_is_json_where_the_result_is() {
    let place = Place::json().await;
    fs::write(place.path("file"), "{}").unwrap();
    let missing = ["--data-dir", "absent"];
    let commands: [(&[&str], &str); 10] = [
        (&["verify", missing[0], missing[1]], "cannot open absent"),
        (&["verify", "--against-dir", "absent"], "cannot open absent"),
        (&["verify", "--against-backup", "file"], "file"),
        (&["verify", "--against-region", "us-west-2"], "USE_DYNAMODB"),
        (&["migrate", "--from", "absent", "--dry-run"], "cannot open absent"),
        (&["migrate", "--from", "file", "--to", "new"], "file is not a folder"),
        (&["fold", missing[0], missing[1]], "no such folder: absent"),
        (&["seed", "--data-dir", "file"], "file"),
        (&["backup", "--file", "file"], "file exists"),
        (&["restore", "--file", "absent"], "cannot open absent"),
    ];
    for (arguments, words) in commands {
        let ended = place.run(&[arguments, &["--json"]].concat());
        let printed: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert!(ended.code == Some(1) && printed["error"].as_str().unwrap().contains(words), "{arguments:?}: {}", ended.stdout);
        assert!(ended.stderr.contains("error: ") && ended.stderr.contains(words), "{arguments:?}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn seed_and_fold_print_json() {
    let place = Place::json().await;
    let samples = |table: &Table| serde_json::from_str::<Vec<serde_json::Value>>(table.samples).unwrap().len();
    let all: serde_json::Map<_, _> = TABLES.map(|table| (table.name.to_owned(), samples(table).into())).into_iter().collect();
    let none: serde_json::Map<_, _> = TABLES.map(|table| (table.name.to_owned(), 0.into())).into_iter().collect();
    for expected in [&all, &none] {
        let printed: serde_json::Value = serde_json::from_str(&place.done(&["seed", "--json"]).stdout).unwrap();
        assert_eq!(printed, serde_json::json!({ "created": expected }));
    }
    place.store.close().await.unwrap();
    let folded: serde_json::Value = serde_json::from_str(&place.done(&["fold", "--json"]).stdout).unwrap();
    assert_eq!(folded["items"], serde_json::json!(all));
}

/// One is not many, in every command that counts; and rates are whole numbers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_something_is_in_the_singular() {
    for place in Place::each().await {
        place.fill(1, 1, 1).await;
        let legacy = place.path("legacy");
        fs::create_dir(&legacy).unwrap();
        fs::write(legacy.join("db.json"), r#"{"users":[{"id":1,"name":"a"}],"threads":[{"id":1,"title":"T","user":1}],"posts":[{"thread":9,"user":1,"text":"x","list":[{"a":1}]}]}"#)
            .unwrap();
        let restored = TABLES.map(|table| match table.name {
            "users" | "threads" | "posts" => format!("1 {}", table.singular),
            name => format!("0 {name}"),
        });
        let restored = format!("restored {} into", restored.join(", "));
        for (arguments, words) in [
            (&["verify"][..], "verify users: 1 item"),
            (&["backup", "--file", "b.jsonl", "--segments", "1"], "1 user"),
            (&["restore", "--file", "b.jsonl", "--merge"], restored.as_str()),
            (&["migrate", "--from", "legacy", "--to", "new"], "1 reference to items that do not exist"),
            (&["migrate", "--from", "legacy", "--to", "again"], "posts: 1 item, checksum"),
            (&["migrate", "--from", "legacy", "--to", "third"], "; 1 id derived from the order"),
        ] {
            let Ended { stdout, stderr, .. } = place.done(arguments);
            assert!(stdout.contains(words) || stderr.contains(words), "{words} in {stdout}{stderr}");
            for line in stdout.lines().chain(stderr.lines()) {
                let is_one_of_many = line.split_whitespace().collect::<Vec<_>>().windows(2).any(|words| {
                    words[0] == "1"
                        && ["items", "records", "users", "threads", "posts", "units", "ids", "times", "references"]
                            .contains(&words[1].trim_end_matches([',', ';', ':']))
                });
                assert!(!is_one_of_many, "{line}");
                let rate = line.split_whitespace().find(|word| word.ends_with("/s"));
                assert!(rate.is_none_or(|rate| rate.trim_end_matches("/s").bytes().all(|byte| byte.is_ascii_digit())), "{line}");
            }
        }
    }
}

/// What lies in the folder of a store and is not read is named, and left alone.
#[tokio::test]
async fn a_file_that_no_store_reads_is_named() {
    for name in ["db.json", "users/db.json", "posts/db.json"] {
        let place = Place::json().await;
        place.fill(1, 1, 1).await;
        let file = place.path("store").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "{}").unwrap();
        for arguments in
            [&["verify"][..], &["migrate", "--from", "store", "--to", "new"], &["migrate", "--from", "legacy", "--to", "store"]]
        {
            fs::create_dir_all(place.path("legacy")).unwrap();
            fs::write(place.path("legacy/db.json"), r#"{"users":[],"threads":[],"posts":[]}"#).unwrap();
            let ended = place.run(arguments);
            assert!(ended.stderr.contains(&format!("store/{name} is not read")), "{arguments:?}: {}", ended.stderr);
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_forum"));
        command.env_clear().env("DATA_DIR", place.path("store")).arg("dev").stdout(closed());
        let process = Process::start(&mut command);
        process.wait_for_log(&format!("{} is not read", file.display()));
        assert_eq!(fs::read(&file).unwrap(), b"{}");
    }
}
