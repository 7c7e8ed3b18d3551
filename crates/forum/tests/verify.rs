//! `forum verify` through the real binary.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail so")]

mod place;

use std::fs;

use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use db_adapter::Item;
use db_adapter::forum::{TABLES, in_reference_order, modlog, post, thread, user};
use serde_json::{Value as Json, json};

use place::{Ended, Place, a_post, a_thread, a_user, item, text};

/// Runs what must find differences.
fn differs(place: &Place, arguments: &[&str]) -> Ended {
    let ended = place.run(arguments);
    assert_eq!(ended.code, Some(3), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
    ended
}

fn assert_says(ended: &Ended, lines: &[&str]) {
    lines.iter().for_each(|line| assert!(ended.stdout.contains(line), "{line:?} in {}", ended.stdout));
}

/// Writes the place's items as plain JSON files, feeds and all.
async fn export(place: &Place, folder: &str) {
    fs::create_dir(place.path(folder)).unwrap();
    for table in TABLES {
        let items = place.items(table).await.join(",\n  ");
        fs::write(place.path(&format!("{folder}/{}.json", table.name)), format!("[{items}]")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_alone_is_counted() {
    let mut checksums = Vec::new();
    for place in Place::each().await {
        place.fill(11, 3, 40).await;
        let report: Json = serde_json::from_str(&place.done(&["verify", "--json"]).stdout).unwrap();
        let tables = report["tables"].as_array().unwrap();
        let counts: Vec<_> =
            tables.iter().map(|table| (table["table"].as_str().unwrap(), table["items"].as_u64().unwrap())).collect();
        let filled = |name: &str| [("users", 11), ("threads", 3), ("posts", 40)].into_iter().find(|(filled, _)| *filled == name);
        let expected =
            in_reference_order(&TABLES).into_iter().map(|table| (table.name, filled(table.name).map_or(0, |(_, count)| count)));
        assert_eq!(counts, expected.collect::<Vec<_>>());
        assert_eq!((&report["differs"], &report["findings"]), (&json!(false), &json!([])));
        checksums.push(tables.iter().map(|table| table["checksum"].clone()).collect::<Vec<_>>());
    }
    assert_eq!(checksums[0], checksums[1]);
}

/// What a process leaves that is killed between a post and the touch of its thread, and what an earlier version left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_does_not_say_what_its_posts_do_is_named_and_mended() {
    for place in Place::each().await {
        place.fill(2, 3, 9).await;
        let untold = json!({"postId": "untold", "threadId": "t1", "userId": "u1", "content": "new", "createdAt": "2025-01-01T00:00:00.000Z"});
        place.load(&post::TABLE, vec![item(untold)]).await;
        let old = json!({"threadId": "old", "title": "old", "createdAt": "2024-01-01T00:00:00.000Z"});
        place.load(&thread::TABLE, vec![item(old)]).await;
        let found = differs(&place, &["verify"]);
        assert_says(
            &found,
            &[
                "wrong: threads threadId \"t1\": postCount is 3, but its posts say 4; lastPostAt is",
                "lastPostId is \"p7\", but its posts say \"untold\"",
                "note: threads threadId \"old\": postCount is absent, but its posts say 0; lastActivityAt is absent",
            ],
        );
        let before = place.items(&post::TABLE).await;
        place.done(&["verify", "--repair", "--apply", "--save", "saved.jsonl"]);
        let verified = place.done(&["verify"]);
        assert!(!verified.stdout.contains("wrong") && !verified.stdout.contains("postCount"), "{}", verified.stdout);
        assert_eq!(place.items(&post::TABLE).await, before);
        let threads = place.items(&thread::TABLE).await.join("\n");
        assert!(threads.contains(r#""lastPostId":"untold""#) && threads.contains(r#""postCount":4"#), "{threads}");
    }
}

/// Neither a check nor a backup knows an item that is past its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_past_its_time_is_not_there() {
    for place in Place::each().await {
        place.fill(2, 1, 3).await;
        let ended = json!({"postId": "ended", "threadId": "nowhere", "userId": "nobody", "content": "gone", "expiresAt": 1_700_000_000,
            "createdAt": "2023-01-01T00:00:00.000Z"});
        place.load(&post::TABLE, vec![item(ended)]).await;
        let report: Json = serde_json::from_str(&place.done(&["verify", "--json"]).stdout).unwrap();
        let posts = report["tables"].as_array().unwrap().iter().find(|table| table["table"] == "posts").unwrap();
        assert_eq!((&posts["items"], &posts["danglingReferences"]), (&json!(3), &json!(0)), "{report}");
        place.done(&["backup", "--file", "b.jsonl"]);
        let saved = fs::read_to_string(place.path("b.jsonl")).unwrap();
        assert!(saved.contains("\"posts\"") && !saved.contains("ended"), "{saved}");
        let other = Place::json().await;
        other.done(&["restore", "--file", text(&place.path("b.jsonl"))]);
        assert_eq!(other.items(&post::TABLE).await.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn actions_that_are_logged_and_not_done_are_listed() {
    for place in Place::each().await {
        place.fill(2, 2, 2).await;
        let entry = |id: &str, action: &str, second: u8| {
            let entry = json!({ "actionId": id, "target": "threads/t1", "action": action, "reason": "r", "feed": "modlog",
                "createdAt": format!("2026-01-01T00:00:0{second}.000Z") });
            Item::parse(&entry.to_string()).unwrap()
        };
        // The last one on each matter counts.
        place.load(&modlog::TABLE, vec![entry("a", "lock", 1), entry("b", "unlock", 2), entry("c", "pin", 3)]).await;
        let verified = place.done(&["verify"]);
        assert_says(&verified, &["note: action c is logged but not done: pin threads/t1 at 2026-01-01T00:00:03.000Z"]);
        let report: Json = serde_json::from_str(&place.done(&["verify", "--json"]).stdout).unwrap();
        let ids: Vec<_> = report["unfinished"].as_array().unwrap().iter().map(|action| action["actionId"].clone()).collect();
        assert_eq!((ids, &report["differs"]), (vec![json!("c")], &json!(false)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_sources_are_equal() {
    for place in Place::each().await {
        place.fill(11, 3, 40).await;
        export(&place, "plain").await;
        place.done(&["backup", "--file", "b.jsonl.zst"]);
        let other = Place::json().await;
        other.done(&["restore", "--file", text(&place.path("b.jsonl.zst"))]);
        let store = other.path("store");
        for against in [["--against-dir", "plain"], ["--against-backup", "b.jsonl.zst"], ["--against-dir", text(&store)]] {
            let verified = place.done(&["verify", against[0], against[1]]);
            assert_eq!(verified.stdout.matches(" equal\n").count(), TABLES.len(), "{}", verified.stdout);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_that_differ_are_named() {
    for place in Place::each().await {
        place.fill(11, 3, 40).await;
        export(&place, "plain").await;
        place.done(&["backup", "--file", "b.jsonl"]);
        let before = Place::json().await;
        before.done(&["restore", "--file", text(&place.path("b.jsonl"))]);
        let store = before.path("store");
        // One that is new, one that is gone, one that has changed.
        place
            .load(&user::TABLE, vec![item(json!({"userId": "new", "name": "new", "createdAt": "2024-01-01T00:00:00.000Z"}))])
            .await;
        place.store.delete(&post::TABLE, &db_adapter::Key::pair("p1", "t1"), None).await.unwrap();
        let mut changed = a_post(2, 3, 11).attributes().unwrap();
        changed.insert("content".to_owned(), "changed".into());
        changed.insert("more".to_owned(), "x".into());
        place.load(&post::TABLE, vec![Item::new(&changed)]).await;
        for against in [["--against-dir", "plain"], ["--against-backup", "b.jsonl"], ["--against-dir", text(&store)]] {
            let ended = differs(&place, &["verify", against[0], against[1]]);
            assert_says(
                &ended,
                &[
                    "differs: users userId \"new\": is only in the store",
                    "differs: posts postId \"p1\", threadId \"t1\": is missing from the store",
                    "differs: posts postId \"p2\", threadId \"t2\": differs in content, more",
                    " equal\n",
                ],
            );
            assert_eq!(ended.stdout.matches("differs: ").count(), 3, "{}", ended.stdout);
        }
        let report = differs(&place, &["verify", "--against-backup", "b.jsonl", "--json"]).stdout;
        let report: Json = serde_json::from_str(&report).unwrap();
        let differences = &report["tables"][3]["against"]["differences"];
        assert_eq!(differences.as_array().unwrap().len(), 2);
        let missing = json!({"table": "posts", "key": {"postId": "p1", "threadId": "t1"}, "difference": "missing"});
        assert!(differences.as_array().unwrap().contains(&missing), "{differences}");
    }
}

#[tokio::test]
async fn many_differences_are_named_up_to_a_number() {
    let place = Place::json().await;
    place.fill(200, 3, 40).await;
    fs::create_dir(place.path("plain")).unwrap();
    fs::write(place.path("plain/users.json"), "[]").unwrap();
    let ended = differs(&place, &["verify", "--against-dir", "plain", "--names", "5"]);
    assert_eq!(ended.stdout.matches("differs: users userId").count(), 5, "{}", ended.stdout);
    assert_says(&ended, &["differs: users: more items differ; --names N lists more"]);
}

#[tokio::test]
async fn a_key_that_a_source_has_twice_is_a_difference() {
    let place = Place::json().await;
    place.load(&user::TABLE, vec![a_user(20)]).await;
    fs::create_dir(place.path("plain")).unwrap();
    let twice = a_user(20);
    fs::write(place.path("plain/users.json"), format!("[{0},{0}]", twice.as_json())).unwrap();
    assert_says(&differs(&place, &["verify", "--against-dir", "plain"]), &["the source has a key twice"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_regions_are_compared() {
    let [here, there] = [Place::dynamodb().await, Place::dynamodb().await];
    here.fill(5, 2, 9).await;
    there.fill(5, 2, 9).await;
    let endpoint = there.settings.iter().find(|(name, _)| *name == "DYNAMODB_ENDPOINT").unwrap().1.clone();
    let arguments = ["verify", "--against-region", "us-west-2", "--against-endpoint", &endpoint];
    assert_says(&here.done(&arguments), &["against  DynamoDB in us-west-2", " equal\n"]);
    there.store.delete(&user::TABLE, &db_adapter::Key::hash("u3"), None).await.unwrap();
    assert_says(&differs(&here, &arguments), &["differs: users userId \"u3\": is only in the store"]);
    Place::json().await.fails(&["verify", "--against-region", "us-west-2"], &["USE_DYNAMODB=true"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_are_checked_and_repaired() {
    let place = Place::dynamodb().await;
    place.fill(6, 2, 4).await;
    place.remove_raw(&user::TABLE, "email#u1@example.org").await;
    place.remove_raw(&user::TABLE, "u2").await;
    place.put_raw(&user::TABLE, &[("userId", S("u7".to_owned())), ("name", N("7".to_owned()))]).await;
    let found = [
        "wrong: users userId \"u1\": there is no claim on its email \"u1@example.org\"",
        "wrong: claim on email \"u2@example.org\": its owner users userId \"u2\" does not have this value",
        "wrong: users userId \"u7\": name must be a string",
    ];
    assert_says(&differs(&place, &["verify"]), &found);
    assert_says(&differs(&place, &["verify", "--repair"]), &found);
    assert_eq!(place.store.check(&user::TABLE).await.unwrap().len(), 3);

    let repaired = place.done(&["verify", "--repair", "--apply", "--save", "saved.jsonl"]);
    assert_says(&repaired, &["repaired: 3; what was changed or removed is in saved.jsonl"]);
    assert_eq!(place.store.check(&user::TABLE).await.unwrap(), []);
    place.done(&["verify"]);
    let saved: Vec<Json> =
        fs::read_to_string(place.path("saved.jsonl")).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(saved.len(), 3);
    assert!(saved.iter().any(|line| line["finding"] == "mendableItem" && line["item"] == json!({"userId": "u7", "name": 7})));
    assert!(saved.iter().any(|line| line["finding"] == "danglingClaim" && line["value"] == "u2@example.org"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_with_broken_items_is_still_compared() {
    let place = Place::dynamodb().await;
    place.put_raw(&thread::TABLE, &[("threadId", S("t1".to_owned())), ("title", N("1".to_owned()))]).await;
    place.done(&["backup", "--file", "b.jsonl"]);
    let ended = differs(&place, &["verify", "--against-backup", "b.jsonl"]);
    assert_says(&ended, &["wrong: threads threadId \"t1\": title must be a string"]);
    assert_eq!(ended.stdout.matches(" equal\n").count(), TABLES.len(), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stolen_claim_is_left_to_a_person() {
    let place = Place::dynamodb().await;
    place.fill(3, 2, 4).await;
    let thief = [
        ("userId", S("x".to_owned())),
        ("name", S("x".to_owned())),
        ("createdAt", S("2024-01-01T00:00:00.000Z".to_owned())),
        ("email", S("u1@example.org".to_owned())),
    ];
    place.put_raw(&user::TABLE, &thief).await;
    let ended = differs(&place, &["verify", "--repair", "--apply", "--save", "saved.jsonl"]);
    assert_says(
        &ended,
        &[
            "repaired: 0",
            "wrong: users userId \"x\", created 2024-01-01T00:00:00.000Z: its email \"u1@example.org\" is also that of \"u1\", created 20",
        ],
    );
    place.fails(&["verify", "--repair", "--apply", "--save", "saved.jsonl"], &["saved.jsonl", "nothing was repaired"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_odd_is_reported_and_counts_when_asked() {
    for place in Place::each().await {
        place.fill(3, 2, 4).await;
        place.load(&post::TABLE, vec![item(json!({"postId": "p1", "threadId": "gone", "userId": "u1", "content": "c", "createdAt": "2024-01-01T00:00:00.000Z"}))]).await;
        place
            .load(&thread::TABLE, vec![item(json!({"threadId": "t9", "title": "t", "userId": "nobody", "colour": "red", "createdAt": "2024-01-01T00:00:00.000Z"}))])
            .await;
        let notes = [
            "note: threads: 1 item has the unknown attribute \"colour\"",
            "note: threads threadId \"t9\": its userId \"nobody\" does not exist",
            "note: posts postId \"p1\", threadId \"gone\": its threadId \"gone\" does not exist",
            "note: posts: id \"p1\" is shared by several items: gone, t1",
        ];
        let ended = place.done(&["verify"]);
        assert_says(&ended, &notes);
        // The users of the sample have five attributes that the schema does not know, and the thread says nothing of its posts.
        assert_eq!(ended.stdout.matches("note: ").count(), 4 + 5 + 1, "{}", ended.stdout);
        assert_says(&differs(&place, &["verify", "--strict"]), &notes);
    }
}

#[tokio::test]
async fn a_source_that_cannot_be_read_is_named() {
    let place = Place::json().await;
    fs::create_dir(place.path("plain")).unwrap();
    place.fails(&["verify", "--against-dir", "plain"], &["plain holds no data", "users/db.json, users.json or db.json"]);
    place.fails(&["verify", "--against-dir", "absent"], &["cannot open absent"]);
    place.fails(&["verify", "--against-backup", "absent"], &["cannot open absent"]);
    for (text, words) in [
        (
            "[{\"userId\":\"1\",\"name\":\"N\",\"createdAt\":\"2024-01-01T00:00:00.000Z\",\"version\":1},{\"userId\":2,\"version\":1}]",
            "users.json: record 2: userId must be a string",
        ),
        ("[{\"userId\":\"1\",\"name\":\"N\",\"createdAt\":\"2024-01-01T00:00:00.000Z\",\"version\":1}", "users.json: EOF"),
        ("{}", "users.json: expected a list of records"),
    ] {
        fs::write(place.path("plain/users.json"), text).unwrap();
        place.fails(&["verify", "--against-dir", "plain"], &[words]);
    }
    fs::write(place.path("b.jsonl"), "[]\n").unwrap();
    place.fails(&["verify", "--against-backup", "b.jsonl"], &["b.jsonl: the header: is damaged"]);
    place.load(&thread::TABLE, vec![a_thread(1, 1)]).await;
    place.done(&["backup", "--file", "whole.jsonl"]);
    let whole = fs::read_to_string(place.path("whole.jsonl")).unwrap();
    fs::write(place.path("whole.jsonl"), whole.replace("thread 1", "thread 2")).unwrap();
    place.fails(&["verify", "--against-backup", "whole.jsonl"], &["whole.jsonl: part ", "its sha256 does not match"]);
    fs::write(place.path("whole.jsonl"), &whole[..whole.rfind("{\"$manifest\"").unwrap()]).unwrap();
    place.fails(&["verify", "--against-backup", "whole.jsonl"], &["whole.jsonl is truncated"]);
}

#[tokio::test]
async fn what_fails_says_so_in_json_too() {
    let place = Place::json().await;
    for arguments in [
        &["verify", "--json", "--against-dir", "absent"][..],
        &["backup", "--json", "--file", "absent/b.jsonl"],
        &["restore", "--json", "--file", "absent.jsonl"],
        &["migrate", "--json", "--from", "absent"],
    ] {
        let ended = place.run(arguments);
        assert_eq!(ended.code, Some(1), "{arguments:?}: {}", ended.stderr);
        let error: Json = serde_json::from_str(&ended.stdout).unwrap();
        assert!(error["error"].as_str().unwrap().contains("absent"), "{error}");
    }
}

/// Items as other programs write them, and what a repair leaves of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_wrote_is_named_and_mended() {
    let s = |text: &str| S(text.to_owned());
    let at = || ("createdAt", s("2026-01-01T00:00:00.000Z"));
    let null = aws_sdk_dynamodb::types::AttributeValue::Null(true);
    let place = Place::dynamodb().await;
    place.put_raw(&thread::TABLE, &[("threadId", s("t1")), ("title", s("no feed")), at()]).await;
    place.put_raw(&thread::TABLE, &[("threadId", s("t2")), ("title", N("5".to_owned())), ("feed", s("threads")), at()]).await;
    let a_post = |id| [("postId", s(id)), ("threadId", s("t1")), ("userId", s("u1")), at()];
    let with = |id, more: Vec<(&'static str, _)>| a_post(id).into_iter().chain(more).collect::<Vec<_>>();
    place.put_raw(&post::TABLE, &with("null", vec![("content", s("c")), ("title", null)])).await;
    place.put_raw(&post::TABLE, &with("typed", vec![("content", N("5".to_owned())), ("version", s("7"))])).await;
    place.put_raw(&post::TABLE, &with("empty", vec![])).await;
    place.put_raw(&user::TABLE, &[("userId", s("u1")), ("name", s("A")), ("email", s("ALICE@x.org")), at()]).await;
    let ended = differs(&place, &["verify"]);
    assert_says(
        &ended,
        &[
            "wrong: threads threadId \"t1\": feed is not \"threads\"",
            "wrong: threads threadId \"t2\": title must be a string",
            "note: posts postId \"null\", threadId \"t1\": title is NULL",
            "wrong: posts postId \"typed\", threadId \"t1\": content must be a string; version must be a whole number",
            "wrong: posts postId \"empty\", threadId \"t1\": broken: content is missing",
            "wrong: users userId \"u1\": email must be trimmed and lower-cased",
        ],
    );
    place.done(&["verify", "--repair", "--apply", "--save", "saved.jsonl"]);
    place.done(&["verify"]);
    let items = [place.items(&thread::TABLE).await, place.items(&post::TABLE).await, place.items(&user::TABLE).await].concat();
    assert_eq!(items.len(), 5, "{items:?}");
    assert!(items.iter().any(|item| item.contains("\"content\":\"5\"") && item.contains("\"version\":7")), "{items:?}");
    assert!(items.iter().any(|item| item.contains("alice@x.org")), "{items:?}");
    let saved = fs::read_to_string(place.path("saved.jsonl")).unwrap();
    assert!(saved.contains("\"postId\":\"empty\"") && saved.contains("\"title\":null"), "{saved}");
}

/// Files of another program are compared as `forum migrate` reads them, with the same options.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_other_programs_are_compared_as_they_were_migrated() {
    let map = "[threads]\ntitle = \"caption\"\n";
    let users = r#"[{"id":1,"name":"a"}]"#;
    for (threads, posts, options) in [
        (r#"[{"id":1,"caption":"T","user":1}]"#, "[]", &["--map", "names.toml"][..]),
        (r#"[{"id":1,"title":"T"}]"#, r#"[{"thread":1,"text":"x"}]"#, &["--missing-user", "1"]),
        (r#"[{"id":"a b","title":"T"}]"#, r#"[{"thread":"a b","user":1,"text":"x"}]"#, &["--make-ids"]),
        (r#"[{"id":1,"title":"T","deleted":true}]"#, "[]", &["--include-deleted"]),
    ] {
        let place = Place::json().await;
        fs::create_dir(place.path("export")).unwrap();
        for (name, text) in [("users", users), ("threads", threads), ("posts", posts)] {
            fs::write(place.path(&format!("export/{name}.json")), text).unwrap();
        }
        fs::write(place.path("names.toml"), map).unwrap();
        place.done(&[&["migrate", "--from", "export", "--to", "new"], options].concat());
        let verify = ["verify", "--data-dir", "new", "--against-dir", "export"];
        let equal = place.done(&[&verify, options].concat());
        assert_eq!(equal.stdout.matches(" equal\n").count(), TABLES.len(), "{}", equal.stdout);
        assert_ne!(place.run(&verify).code, Some(0), "{options:?}");
        let usage = place.run(&[&["verify"], options].concat());
        assert!(usage.code == Some(2) && usage.stderr.contains("--against-dir"), "{}", usage.stderr);
    }
}
