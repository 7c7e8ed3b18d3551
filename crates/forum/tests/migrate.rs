//! `forum migrate` through the real binary.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail so")]

mod place;

use std::fs;
use std::path::Path;

use db_adapter::forum::{TABLES, post, thread, user};
use db_adapter::{Order, Query};
use serde_json::{Value as Json, json};

use place::{Place, item, text};

/// The form of the guide's origin: numbers as ids, posts without ids, no times. Thread 7 and user 9 do not exist.
const OLDER: [(&str, &str); 3] = [
    (
        "users/db.json",
        r#"{"users": [
            {"id": 1, "username": "marceline", "name": "Marceline", "bio": "1000 year old vampire queen"},
            {"id": 2, "username": "finn", "name": "Finn"}]}"#,
    ),
    (
        "threads/db.json",
        r#"{"threads": [{"id": 1, "title": "Did you see?", "createdBy": 2}, {"id": 2, "title": "Ice", "createdBy": 9}]}"#,
    ),
    (
        "posts/db.json",
        r#"{"posts": [
            {"thread": 1, "user": 1, "text": "first"}, {"thread": 1, "user": 2, "text": "second"},
            {"thread": 7, "user": 2, "text": "nowhere"}, {"thread": 1, "user": 1, "text": "third"}]}"#,
    ),
];

/// The form of the guide.
const GUIDE: [(&str, &str); 3] = [
    ("users.json", r#"[{"userId": "1", "email": " Alice@Example.com", "name": "Alice", "createdAt": "2024-11-23T10:00:00Z"}]"#),
    (
        "threads.json",
        r#"[{"threadId": "1", "title": "Hello", "description": "…", "createdAt": "2024-11-23T11:00:00+01:00", "likes": 3}]"#,
    ),
    (
        "posts.json",
        r#"[{"postId": "1", "threadId": "1", "userId": "1", "title": "t", "content": "c", "createdAt": "2024-11-23T10:00:00.5Z"}]"#,
    ),
];

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// An empty DynamoDB, and a folder with these files.
async fn dynamodb_and(files: &[(&str, &str)]) -> Place {
    let place = Place::dynamodb().await;
    write(&place.path("legacy"), files);
    place
}

async fn contents(place: &Place) -> Vec<Vec<String>> {
    let mut contents = Vec::new();
    for table in TABLES {
        contents.push(place.items(table).await);
    }
    contents
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_older_form_migrates_in_full_and_a_second_run_changes_nothing() {
    let place = dynamodb_and(&OLDER).await;
    let ended = place.done(&["migrate", "--from", "legacy"]);
    assert!(ended.stdout.contains("posts: 4 written, 0 unchanged"), "{}", ended.stdout);
    assert!(ended.stdout.contains("posts: 4 items, checksum "), "{}", ended.stdout);
    for line in [
        "2 references to items that do not exist:",
        "legacy/threads/db.json: record 2: userId \"9\" is not in users",
        "legacy/posts/db.json: record 3: threadId \"7\" is not in threads",
        "posts: 4 in legacy/posts/db.json; 4 ids derived from the order; 4 times derived from the order",
    ] {
        assert!(ended.stderr.contains(line), "{line:?} in {}", ended.stderr);
    }
    let marceline = item(json!({
        "userId": "1", "username": "marceline", "name": "Marceline", "bio": "1000 year old vampire queen",
        "createdAt": "2000-01-01T00:00:00.000Z", "updatedAt": "2000-01-01T00:00:00.000Z", "version": 1,
    }));
    assert_eq!(place.items(&user::TABLE).await[0], marceline.as_json());
    assert_eq!(place.items(&thread::TABLE).await.len(), 2);

    let first = contents(&place).await;
    let again = place.done(&["migrate", "--from", "legacy"]);
    assert!(again.stdout.contains("posts: 0 written, 4 unchanged"), "{}", again.stdout);
    assert_eq!(contents(&place).await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn derived_times_keep_the_order_of_the_list() {
    let place = dynamodb_and(&OLDER).await;
    place.done(&["migrate", "--from", "legacy"]);
    let query = Query { order: Order::Ascending, ..Query::new(post::TABLE.index("ThreadIndex").unwrap(), "1") };
    let page = place.store.query(&post::TABLE, &query).await.unwrap();
    let texts: Vec<_> = page.items.iter().map(|post| post.text("content").unwrap()).collect();
    assert_eq!(texts, ["first", "second", "third"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_form_of_the_guide_migrates_there_and_back() {
    let place = dynamodb_and(&GUIDE).await;
    let ended = place.done(&["migrate", "--from", "legacy"]);
    assert!(ended.stderr.contains("unknown attributes, which are kept: likes (1)"), "{}", ended.stderr);
    let alice = place.items(&user::TABLE).await.remove(0);
    assert!(
        alice.contains(r#""email":"alice@example.com""#) && alice.contains(r#""createdAt":"2024-11-23T10:00:00.000Z""#),
        "{alice}"
    );
    assert_eq!(place.store.check(&user::TABLE).await.unwrap(), []);
    place.done(&["verify", "--against-dir", "legacy"]);

    let back = Place::json().await;
    let folder = back.path("store");
    place.done(&["migrate", "--to", text(&folder)]);
    back.assert_equals(&place).await;
    let onward = Place::dynamodb().await;
    onward.done(&["migrate", "--from", text(&folder)]);
    onward.assert_equals(&place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_type_of_value_survives_there_and_back() {
    let (store, dynamodb, back) = (Place::json().await, Place::dynamodb().await, Place::json().await);
    store.fill(40, 20, 300).await;
    dynamodb.done(&["migrate", "--from", text(&store.path("store"))]);
    dynamodb.assert_equals(&store).await;
    dynamodb.done(&["migrate", "--to", text(&back.path("store"))]);
    back.assert_equals(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_at_the_target_is_kept_unless_told_otherwise() {
    let place = dynamodb_and(&GUIDE).await;
    place.done(&["migrate", "--from", "legacy"]);
    let original = contents(&place).await;
    let set = [("bio".to_owned(), "edited".into())].into();
    let update = db_adapter::Update { set, ..Default::default() };
    place.store.update(&user::TABLE, &db_adapter::Key::hash("1"), &update).await.unwrap();

    let kept = place.run(&["migrate", "--from", "legacy"]);
    assert_eq!(kept.code, Some(3), "{}{}", kept.stdout, kept.stderr);
    assert!(kept.stdout.contains("users userId \"1\""), "{}", kept.stdout);
    assert!(kept.stdout.contains("differs: users userId \"1\": differs in bio"), "{}", kept.stdout);
    assert!(place.items(&user::TABLE).await[0].contains("edited"));

    place.done(&["migrate", "--from", "legacy", "--overwrite"]);
    assert_eq!(contents(&place).await, original);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_was_cut_off_is_completed() {
    let place = Place::dynamodb().await;
    let users: Vec<_> = (0..300).map(|n| json!({"id": n, "name": "x", "email": format!("u{n}@x.org")})).collect();
    let (users, posts) = (json!(users).to_string(), json!(vec![json!({"thread": 1, "user": 1, "text": "x"}); 300]).to_string());
    write(&place.path("legacy"), &[("users.json", &users), ("threads.json", "[]"), ("posts.json", &posts)]);
    place.done(&["migrate", "--from", "legacy"]);
    let whole = contents(&place).await;
    // As a kill leaves it: items are missing, one is there without its claim.
    for lost in 100..250 {
        place.remove_raw(&user::TABLE, &lost.to_string()).await;
        place.remove_raw(&user::TABLE, &format!("email#u{lost}@x.org")).await;
    }
    place.remove_raw(&user::TABLE, "email#u7@x.org").await;
    let ended = place.done(&["migrate", "--from", "legacy"]);
    assert!(ended.stdout.contains("users: 150 written, 150 unchanged"), "{}", ended.stdout);
    assert_eq!(contents(&place).await, whole);
    assert_eq!(place.store.check(&user::TABLE).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_shows_items_and_writes_nothing() {
    let place = dynamodb_and(&OLDER).await;
    let shown = place.done(&["migrate", "--from", "legacy", "--dry-run"]).stdout;
    assert!(
        shown.contains(r#"posts: {"content":"first","createdAt":"2000-01-01T00:00:00.000Z","postId":"post-1","threadId":"1""#),
        "{shown}"
    );
    let report: Json = serde_json::from_str(&place.done(&["migrate", "--from", "legacy", "--dry-run", "--json"]).stdout).unwrap();
    let source = &report["source"];
    assert_eq!((&source["tables"]["posts"]["records"], &source["tables"]["posts"]["derivedIds"]), (&json!(4), &json!(4)));
    assert_eq!(source["dangling"]["count"], 2);
    place.assert_empty().await;

    place.fill(3, 2, 5).await;
    let folder = place.path("new");
    let counted = place.done(&["migrate", "--to", text(&folder), "--dry-run"]).stdout;
    assert!(counted.contains("posts: 5 in DynamoDB in us-east-1 at http://127.0.0.1:"), "{counted}");
    assert!(!folder.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_with_faults_is_refused_whole() {
    let users = r#"[{"id": 1, "name": "a", "email": "x@y.z"}, {"id": 1, "name": "b"}, {"id": "a b", "name": "c"},
        {"id": 4, "name": "d", "email": "X@Y.Z "}, {"id": 5}, {"id": 6, "name": 6}]"#;
    let place = dynamodb_and(&[("users.json", users), ("threads.json", "[]"), ("posts.json", "[]")]).await;
    place.fails(
        &["migrate", "--from", "legacy"],
        &[
            "5 records cannot be stored, so nothing was written",
            "legacy/users.json: record 2: users userId \"1\" is already used by record 1",
            "legacy/users.json: record 3: id (userId) is \"a b\"; expected 1 to 64 of",
            "legacy/users.json: record 4: email \"x@y.z\" is already used by record 1",
            "legacy/users.json: record 5: name is missing, and so is username",
            "legacy/users.json: record 6: name must be a string",
        ],
    );
    place.assert_empty().await;

    write(&place.path("legacy"), &[("users.json", "[\n  {\"id\": 1, \"name\": \"a\"},\n")]);
    place.fails(&["migrate", "--from", "legacy"], &["legacy/users.json: EOF while parsing a value at line 3"]);
    fs::remove_file(place.path("legacy/posts.json")).unwrap();
    write(&place.path("legacy"), &[("users.json", "[]")]);
    place.fails(&["migrate", "--from", "legacy"], &["legacy has no posts: looked for posts/db.json, posts.json or db.json"]);
    place.fails(&["migrate", "--from", "absent"], &["cannot open absent"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strict_refuses_references_that_lead_nowhere() {
    let place = dynamodb_and(&OLDER).await;
    place.fails(
        &["migrate", "--from", "legacy", "--strict"],
        &["2 references to items that do not exist, so nothing was written", "record 3: threadId \"7\" is not in threads"],
    );
    place.assert_empty().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_do_not_exist_are_named_with_what_makes_them() {
    let mut place = dynamodb_and(&GUIDE).await;
    place.settings.push(("DYNAMODB_USERS_TABLE", "absent".to_owned()));
    place.fails(&["migrate", "--from", "legacy"], &["absent", "us-east-1", "forum tables create"]);
}

#[test]
fn usage() {
    let run = |arguments: &[&str]| {
        let mut command = assert_cmd::cargo::cargo_bin_cmd!("forum");
        command.arg("migrate").args(arguments).assert()
    };
    let help = run(&["--help"]).success();
    let help = String::from_utf8_lossy(&help.get_output().stdout).into_owned();
    assert!(help.contains("forum migrate --from ./legacy --dry-run"), "{help}");
    run(&[]).code(2);
    run(&["--from", "absent", "--to", "b"]).code(1);
    run(&["--to", "b", "--strict"]).code(2);
    // As the other commands spell it.
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("forum");
    command.args(["migrate", "--from", "absent"]).env("DATA_DIR_SINGLE_WRITER", "1").assert().code(1);
}
