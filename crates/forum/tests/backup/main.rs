//! `forum backup` and `forum restore` through the real binary.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail so")]

mod damage;
mod files;
#[path = "../place/mod.rs"]
mod place;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use db_adapter::Table;
use db_adapter::forum::{TABLES, post, thread, user};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use place::{Ended, Place, a_user, item, text, wait_until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_comes_back_equal_on_either_backend() {
    for (name, from) in [("b.jsonl", Place::json().await), ("b.jsonl.zst", Place::dynamodb().await)] {
        from.fill(30, 7, 250).await;
        let file = from.path(name);
        let wrote = from.done(&["backup", "--file", text(&file)]);
        let count = |table: &Table| match table.name {
            "users" => 30,
            "threads" => 7,
            "posts" => 250,
            _ => 0,
        };
        let counts = TABLES.map(|table| format!("{} {}", count(table), table.name)).join(", ");
        assert!(wrote.stdout.contains(&counts), "{counts} in {}", wrote.stdout);
        assert_eq!(fs::read(&file).unwrap().starts_with(&[0x28, 0xb5, 0x2f, 0xfd]), name.ends_with(".zst"));
        for to in Place::each().await {
            let restored = to.done(&["restore", "--file", text(&file)]);
            assert!(restored.stdout.contains("verified"), "{}", restored.stdout);
            to.assert_equals(&from).await;
            assert!(!from.path(&format!("{name}.restoring")).exists());
        }
    }
}

/// Backups that were written once, of the items in `sound.json`: `forum backup --file FILE --segments 2`. Each later version must read them; a
/// format that changes gets fixtures of its own beside these.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stored_backups_are_read() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let expected = fs::read(fixtures.join("sound.json")).unwrap();
    let expected: BTreeMap<String, Vec<Box<RawValue>>> = serde_json::from_slice(&expected).unwrap();
    for name in ["sound.jsonl", "sound.jsonl.zst"] {
        for to in Place::each().await {
            let file = to.path(name);
            fs::copy(fixtures.join(name), &file).unwrap();
            to.done(&["restore", "--file", text(&file)]);
            for table in TABLES {
                // They are of a version that knew fewer tables.
                let mut wanted: Vec<_> = expected.get(table.name).into_iter().flatten().map(|item| item.get()).collect();
                wanted.sort_unstable();
                assert_eq!(to.items(table).await, wanted, "{name}: {}", table.name);
            }
        }
    }
}

/// Backups of an earlier version, of the store that db-adapter's fixtures are: two of its users have no time, which no version takes any longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stored_backups_are_read_and_their_broken_items_are_named() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for name in ["backup.jsonl", "backup.jsonl.zst"] {
        for to in Place::each().await {
            let file = to.path(name);
            fs::copy(fixtures.join(name), &file).unwrap();
            to.fails(&["restore", "--file", text(&file)], &["part 4 (users), item 2: ", "createdAt is missing"]);
            to.assert_empty().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_store_has_a_backup_too() {
    let [json, dynamodb] = Place::each().await;
    let file = json.path("empty.jsonl");
    json.done(&["backup", "--file", text(&file)]);
    dynamodb.done(&["restore", "--file", text(&file)]);
    dynamodb.assert_empty().await;
}

#[tokio::test]
async fn the_file_is_lines_of_json_with_a_manifest() {
    let place = Place::json().await;
    place.fill(3, 2, 2).await;
    let file = place.path("b.jsonl");
    let printed = place.done(&["backup", "--file", text(&file), "--segments", "2", "--json"]);
    let printed: Json = serde_json::from_str(&printed.stdout).unwrap();
    let lines: Vec<Json> = fs::read_to_string(&file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (first, last) = (&lines[0]["$backup"], &lines[lines.len() - 1]["$manifest"]);
    assert_eq!((&first["format"], &first["schema"], &first["segments"]), (&json!(1), &json!(1), &json!(2)));
    assert!(first["note"].as_str().unwrap().contains("A scan is not a snapshot"));
    assert_eq!(last["backup"], *first);
    assert_eq!(last["tables"]["users"]["items"], 3);
    assert_eq!(last["tables"], printed["tables"]);
    let parts = 2 * TABLES.len();
    assert_eq!(last["parts"], parts);
    assert_eq!(lines.len(), 1 + parts + 7 + 1);
    assert!(lines.iter().any(|line| line["userId"] == "u1" && line["tags"] == json!({"$SS": ["a", "b"]})));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_are_not_empty_are_refused_or_merged() {
    for [from, to] in [[Place::json().await, Place::dynamodb().await], [Place::dynamodb().await, Place::json().await]] {
        from.fill(12, 2, 20).await;
        let file = from.path("b.jsonl");
        from.done(&["backup", "--file", text(&file)]);
        let own =
            item(json!({"userId": "own", "email": "own@example.org", "name": "stays", "createdAt": "2020-01-01T00:00:00.000Z"}));
        let replaced = item(
            json!({"userId": "u1", "email": "before@example.org", "name": "replaced", "createdAt": "2020-01-01T00:00:00.000Z"}),
        );
        to.load(&user::TABLE, vec![own.clone(), replaced]).await;
        to.fails(&["restore", "--file", text(&file)], &["table users", "is not empty", "--merge"]);
        assert_eq!(to.items(&user::TABLE).await.len(), 2);
        assert_eq!(to.items(&post::TABLE).await.len(), 0);
        let merged = to.done(&["restore", "--file", text(&file), "--merge"]);
        assert!(merged.stdout.contains("verified"), "{}", merged.stdout);
        from.load(&user::TABLE, vec![own]).await;
        to.assert_equals(&from).await;
    }
}

#[tokio::test]
async fn an_e_mail_that_another_user_has_stops_a_merge() {
    let [from, to] = [Place::json().await, Place::json().await];
    from.load(&user::TABLE, vec![a_user(1)]).await;
    let file = from.path("b.jsonl");
    from.done(&["backup", "--file", text(&file)]);
    to.load(
        &user::TABLE,
        vec![item(json!({"userId": "x", "email": "u1@example.org", "name": "x", "createdAt": "2020-01-01T00:00:00.000Z"}))],
    )
    .await;
    to.fails(&["restore", "--file", text(&file), "--merge"], &["cannot restore table users", "another item has this email"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_was_killed_goes_on() {
    for name in ["b.jsonl", "b.jsonl.zst"] {
        let from = Place::dynamodb().await;
        from.fill(40, 5, 400).await;
        let (file, partial) = (from.path(name), from.path(&format!("{name}.partial")));
        from.fails(&["backup", "--file", text(&file), "--resume"], &["nothing to resume"]);
        // Slow enough to be caught on the way.
        let mut child =
            from.command(&["backup", "--file", text(&file), "--max-read-units", "1", "--segments", "8"]).spawn().unwrap();
        wait_until("some parts", || fs::metadata(&partial).is_ok_and(|partial| partial.len() > 4000));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!file.exists());
        let kept = fs::metadata(&partial).unwrap().len();
        // What the kill may leave: half a part.
        let mut torn = fs::read(&partial).unwrap();
        torn.extend_from_slice(&torn.clone()[..kept as usize / 3]);
        fs::write(&partial, torn).unwrap();

        from.fails(&["backup", "--file", text(&file)], &[".partial", "--resume"]);
        let other = Place::json().await;
        other.fails(
            &["backup", "--file", text(&file), "--resume"],
            &["is a backup of DynamoDB in us-east-1", "the settings name"],
        );
        from.done(&["backup", "--file", text(&file), "--resume", "--segments", "3"]);
        assert!(!partial.exists());
        other.done(&["restore", "--file", text(&file)]);
        other.assert_equals(&from).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_was_killed_goes_on() {
    let from = Place::json().await;
    from.fill(40, 5, 400).await;
    let (file, journal) = (from.path("b.jsonl"), from.path("b.jsonl.restoring"));
    from.done(&["backup", "--file", text(&file), "--segments", "20"]);
    let to = Place::dynamodb().await;
    to.fails(&["restore", "--file", text(&file), "--resume"], &["nothing to resume"]);
    let mut child = to.command(&["restore", "--file", text(&file), "--max-write-units", "250"]).spawn().unwrap();
    // Users, the log and threads come first, in one part for each segment.
    wait_until("parts of posts", || fs::read_to_string(&journal).is_ok_and(|journal| journal.matches("part").count() > 43));
    child.kill().unwrap();
    child.wait().unwrap();
    let stored = to.items(&post::TABLE).await.len();
    assert!(0 < stored && stored < 400, "{stored}");

    to.fails(&["restore", "--file", text(&file)], &["b.jsonl.restoring", "--resume"]);
    let other = Place::json().await;
    other.fails(&["restore", "--file", text(&file), "--resume"], &["into DynamoDB in us-east-1", "the settings name"]);
    to.done(&["restore", "--file", text(&file), "--resume"]);
    to.assert_equals(&from).await;
    assert!(!journal.exists());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_stops_and_says_how_to_go_on() {
    let from = Place::dynamodb().await;
    from.fill(40, 5, 400).await;
    let (file, partial) = (from.path("b.jsonl"), from.path("b.jsonl.partial"));
    let child = from.command(&["backup", "--file", text(&file), "--max-read-units", "1"]).spawn().unwrap();
    wait_until("some parts", || fs::metadata(&partial).is_ok_and(|partial| partial.len() > 4000));
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains(&format!("Next: forum backup --file {} --resume", file.display())), "{}", ended.stderr);
    from.done(&["backup", "--file", text(&file), "--resume"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_that_no_store_takes_are_warned_of_and_refused() {
    use aws_sdk_dynamodb::types::AttributeValue::{N, S};
    let from = Place::dynamodb().await;
    from.put_raw(&thread::TABLE, &[("threadId", S("t1".to_owned())), ("title", N("1".to_owned()))]).await;
    let file = from.path("b.jsonl");
    let wrote = from.done(&["backup", "--file", text(&file)]);
    assert!(
        wrote.stderr.contains("table threads holds items that a restore will refuse: t1: title must be a string"),
        "{}",
        wrote.stderr
    );
    let to = Place::json().await;
    to.fails(&["restore", "--file", text(&file)], &["(threads), item 1", "title must be a string"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_e_mail_that_two_users_of_a_backup_have_is_refused() {
    use aws_sdk_dynamodb::types::AttributeValue::S;
    let from = Place::dynamodb().await;
    for (id, email) in [("1", "a@example.org"), ("2", "a@example.org")] {
        let person = [
            ("userId", S(id.to_owned())),
            ("name", S(id.to_owned())),
            ("email", S(email.to_owned())),
            ("createdAt", S("2024-01-01T00:00:00.000Z".to_owned())),
        ];
        from.put_raw(&user::TABLE, &person).await;
    }
    let file = from.path("b.jsonl");
    from.done(&["backup", "--file", text(&file)]);
    let to = Place::json().await;
    to.fails(&["restore", "--file", text(&file)], &["b.jsonl: part ", "another item has its email \"a@example.org\" too"]);
    to.assert_empty().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_not_there_leaves_no_file_behind() {
    let mut place = Place::json().await;
    place.settings = vec![("USE_DYNAMODB", "false".to_owned()), ("DATA_DIR", "absent".to_owned())];
    place.fails(&["backup", "--file", "b.jsonl"], &["cannot open absent; DATA_DIR names the store"]);
    place.fails(&["verify"], &["cannot open absent; DATA_DIR names the store"]);
    let mut place = Place::dynamodb().await;
    place.settings.push(("DYNAMODB_POSTS_TABLE", "no-such-table".to_owned()));
    place.fails(&["backup", "--file", "b.jsonl"], &["posts", "no-such-table", "us-east-1", "forum tables create"]);
    assert_eq!(fs::read_dir(&place.files).unwrap().count(), 0);
}

#[test]
fn help_shows_an_example_and_wrong_usage_is_code_2() {
    let forum = |arguments: &[&str]| {
        Ended::of(std::process::Command::new(assert_cmd::cargo::cargo_bin!("forum")).args(arguments).output().unwrap())
    };
    for command in ["backup", "restore", "verify"] {
        let help = forum(&[command, "--help"]);
        assert_eq!(help.code, Some(0));
        assert!(help.stdout.contains("Example") && help.stdout.contains("--json"), "{}", help.stdout);
        assert_eq!(forum(&[command, "--no-such-flag"]).code, Some(2));
    }
    assert_eq!(forum(&["backup"]).code, Some(2));
    assert_eq!(forum(&["backup", "--file", "x", "--max-read-units", "0"]).code, Some(2));
    assert_eq!(forum(&["verify", "--apply"]).code, Some(2));
}
