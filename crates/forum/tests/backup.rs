//! `forum backup` and `forum restore` through the real binary.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail so")]

mod place;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use db_adapter::forum::{TABLES, post, thread, user};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use place::{Ended, Place, a_user, item, text, wait_until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_comes_back_equal_on_either_backend() {
    for (name, from) in [("b.jsonl", Place::json().await), ("b.jsonl.zst", Place::dynamodb().await)] {
        from.fill(30, 7, 250).await;
        let file = from.path(name);
        let wrote = from.done(&["backup", "--file", text(&file)]);
        assert!(wrote.stdout.contains("250 posts, 0 reports, 7 threads, 30 users"), "{}", wrote.stdout);
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
    assert_eq!(last["parts"], 10);
    assert_eq!(lines.len(), 1 + 10 + 7 + 1);
    assert!(lines.iter().any(|line| line["userId"] == "u1" && line["tags"] == json!({"$SS": ["a", "b"]})));
}

#[tokio::test]
async fn the_name_says_whether_it_is_compressed() {
    let place = Place::json().await;
    place.fill(3, 2, 4).await;
    for (name, compressed) in [("a.ZST", true), ("b.jsonl.Zst", true), ("c.zst", true), ("zst", false), ("d.zst.jsonl", false)] {
        place.done(&["backup", "--file", name]);
        assert_eq!(fs::read(place.path(name)).unwrap().starts_with(&[0x28, 0xb5, 0x2f, 0xfd]), compressed, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standard_output_takes_a_backup() {
    for (counts, arguments) in [((3, 2, 4), &[][..]), ((1, 1, 1), &["--json"]), ((30, 7, 250), &["--segments", "2"])] {
        for from in Place::each().await {
            from.fill(counts.0, counts.1, counts.2).await;
            let written = from.done(&[&["backup", "--file", "-"], arguments].concat());
            assert!(
                written.stderr.contains(if arguments == ["--json"] { "\"tables\":" } else { "wrote standard output: " }),
                "{}",
                written.stderr
            );
            assert_eq!(fs::read_dir(&from.files).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_file()).count(), 0);
            let to = Place::json().await;
            fs::write(to.path("b.jsonl"), &written.stdout).unwrap();
            to.done(&["restore", "--file", "b.jsonl"]);
            to.assert_equals(&from).await;
        }
    }
    let place = Place::json().await;
    place.fails(&["backup", "--file", "-", "--resume"], &["standard output cannot be resumed"]);
}

#[tokio::test]
async fn what_another_program_compressed_names_how_to_undo_it() {
    let place = Place::json().await;
    for (beginning, words) in [
        (&[0x1f, 0x8b, 8, 0, 0][..], "b.jsonl is gzip: gunzip it first"),
        (b"\xfd7zXZ\0\0", "b.jsonl is xz: unxz it first"),
        (b"BZh91AY&SY", "b.jsonl is bzip2: bunzip2 it first"),
        (b"PK\x03\x04\x14", "b.jsonl is zip: unzip it first"),
    ] {
        fs::write(place.path("b.jsonl"), beginning).unwrap();
        place.fails(&["restore", "--file", "b.jsonl"], &[words]);
        place.fails(&["verify", "--against-backup", "b.jsonl"], &[words]);
    }
    place.fill(3, 2, 4).await;
    place.done(&["backup", "--file", "plain.jsonl"]);
    let whole = zstd::encode_all(&*fs::read(place.path("plain.jsonl")).unwrap(), 0).unwrap();
    fs::write(place.path("b.jsonl.zst"), whole).unwrap();
    place.fails(
        &["restore", "--file", "b.jsonl.zst"],
        &["b.jsonl.zst: the header: is compressed by another program: unzstd it first"],
    );
}

/// The program as somebody who may not read everything.
#[cfg(target_os = "linux")]
fn unprivileged(place: &Place, arguments: &[&str]) -> Ended {
    use std::os::unix::fs::MetadataExt;
    let plain = place.command(arguments);
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return Ended::of({ plain }.output().unwrap());
    }
    // For root alone permissions are no bar; without this capability they are.
    let mut command = std::process::Command::new("setpriv");
    command.args(["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]);
    command.arg(plain.get_program()).args(plain.get_args()).envs(place.settings.iter().cloned()).current_dir(&place.files);
    Ended::of(command.output().unwrap())
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_may_not_be_read_is_said_to_be_so() {
    use std::os::unix::fs::PermissionsExt;
    for closed in ["export", "export/posts", "export/posts/db.json", "export/users.json"] {
        let place = Place::json().await;
        fs::create_dir_all(place.path("export/posts")).unwrap();
        for (name, text) in [("users.json", "[]"), ("threads.json", "[]"), ("posts/db.json", "[]")] {
            fs::write(place.path("export").join(name), text).unwrap();
        }
        place.done(&["migrate", "--from", "export", "--dry-run"]);
        fs::set_permissions(place.path(closed), fs::Permissions::from_mode(0o000)).unwrap();
        for arguments in [&["migrate", "--from", "export", "--dry-run"][..], &["verify", "--against-dir", "export"]] {
            let ended = unprivileged(&place, arguments);
            let said = ["Permission denied", closed.rsplit('/').next().unwrap()].iter().all(|word| ended.stderr.contains(word));
            assert!(ended.code == Some(1) && said, "{closed}: {:?} {}", ended.code, ended.stderr);
        }
        fs::set_permissions(place.path(closed), fs::Permissions::from_mode(0o700)).unwrap();
    }
    for closed in ["store", "store/users.json", "store/users.lock"] {
        let place = Place::json().await;
        place.fill(1, 1, 1).await;
        place.store.close().await.unwrap();
        fs::set_permissions(place.path(closed), fs::Permissions::from_mode(0o000)).unwrap();
        for arguments in [&["verify"][..], &["backup", "--file", "b.jsonl"], &["seed"]] {
            let ended = unprivileged(&place, arguments);
            assert!(
                ended.code == Some(1) && ended.stderr.contains("Permission denied"),
                "{closed}: {:?} {}",
                ended.code,
                ended.stderr
            );
        }
        fs::set_permissions(place.path(closed), fs::Permissions::from_mode(0o700)).unwrap();
    }
}

/// The same Region and endpoint, with tables of other names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_other_names_are_told_apart() {
    for names in
        [vec![(&user::TABLE, "people")], vec![(&thread::TABLE, "talks")], vec![(&user::TABLE, "people"), (&post::TABLE, "notes")]]
    {
        let names: Vec<_> = names.into_iter().map(|(table, name)| (table, name.to_owned())).collect();
        let from = Place::dynamodb().await;
        from.fill(3, 2, 4).await;
        let endpoint = from.settings[1].1.clone();
        let other = Place::dynamodb_at(endpoint.clone(), &names).await;
        let file = from.path("b.jsonl");
        from.done(&["backup", "--file", text(&file)]);
        // A backup without its end, and a restore that stopped at a conflict.
        let whole = fs::read_to_string(&file).unwrap();
        let partial = from.path("other.jsonl");
        fs::write(from.path("other.jsonl.partial"), &whole[..whole.rfind("{\"$manifest\"").unwrap()]).unwrap();
        let holder = json!({"userId": "x", "email": "u1@example.org", "name": "x", "createdAt": "2020-01-01T00:00:00.000Z"});
        from.store.delete(&user::TABLE, &db_adapter::Key::hash("u1"), None).await.unwrap();
        from.load(&user::TABLE, vec![item(holder)]).await;
        from.fails(&["restore", "--file", text(&file), "--merge"], &["the restore is incomplete"]);
        let (table, name) = &names[0];
        let words = [
            format!(
                "DynamoDB in us-east-1 at {endpoint} ({} in table {}",
                if names.len() == 2 { "posts" } else { table.name },
                if names.len() == 2 { post::TABLE.default_name } else { table.default_name }
            ),
            format!("{} in table {name}", table.name),
        ];
        let words = words.each_ref().map(String::as_str);
        other.fails(&["backup", "--file", text(&partial), "--resume"], &words);
        other.fails(&["restore", "--file", text(&file), "--resume"], &words);
    }
}

#[tokio::test]
async fn a_backup_replaces_no_file() {
    let place = Place::json().await;
    let file = place.path("b.jsonl");
    fs::write(&file, "mine").unwrap();
    place.fails(&["backup", "--file", text(&file)], &["b.jsonl exists"]);
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[tokio::test]
async fn a_flipped_byte_is_refused_before_anything_is_written() {
    let from = Place::json().await;
    from.fill(3, 2, 4).await;
    let to = Place::json().await;
    for (name, step) in [("b.jsonl", 131), ("b.jsonl.zst", 173)] {
        let file = from.path(name);
        from.done(&["backup", "--file", text(&file), "--segments", "1"]);
        let whole = fs::read(&file).unwrap();
        for at in (0..whole.len()).step_by(step) {
            let mut altered = whole.clone();
            altered[at] ^= 0x04;
            fs::write(&file, &altered).unwrap();
            let ended = to.run(&["restore", "--file", text(&file)]);
            assert_eq!(ended.code, Some(1), "byte {at} of {name}: {}", ended.stdout);
            let named = ["part ", "the header", "the manifest", "is not a backup", "version"];
            assert!(ended.stderr.contains(name) && named.iter().any(|part| ended.stderr.contains(part)), "{}", ended.stderr);
        }
    }
    to.assert_empty().await;
}

#[tokio::test]
async fn damage_is_named_by_part() {
    let from = Place::json().await;
    from.fill(3, 2, 4).await;
    let file = from.path("b.jsonl");
    from.done(&["backup", "--file", text(&file), "--segments", "1"]);
    let whole = fs::read_to_string(&file).unwrap();
    // Users are part 0, the log is part 1, threads are part 2.
    fs::write(&file, whole.replacen("thread 1", "thread 2", 1)).unwrap();
    let to = Place::json().await;
    to.fails(&["restore", "--file", text(&file)], &["b.jsonl: part 2: is damaged: its sha256 does not match"]);
    let threads: Vec<_> = whole.lines().filter(|line| line.contains("\"title\"") || line.contains("\"threads\",")).collect();
    let without = whole.lines().filter(|line| !threads.contains(line)).map(|line| format!("{line}\n")).collect::<String>();
    fs::write(&file, without).unwrap();
    to.fails(&["restore", "--file", text(&file)], &["b.jsonl: part 2"]);
    fs::write(&file, whole.clone() + "{}\n").unwrap();
    to.fails(&["restore", "--file", text(&file)], &["b.jsonl: the manifest: unexpected data after it"]);
    to.assert_empty().await;
}

#[tokio::test]
async fn a_truncated_file_is_refused() {
    let from = Place::json().await;
    from.fill(3, 2, 4).await;
    let to = Place::json().await;
    for name in ["b.jsonl", "b.jsonl.zst"] {
        let file = from.path(name);
        from.done(&["backup", "--file", text(&file)]);
        let whole = fs::read(&file).unwrap();
        for length in [0, 1, 100, whole.len() / 2, whole.len() - 1] {
            fs::write(&file, &whole[..length]).unwrap();
            to.fails(&["restore", "--file", text(&file)], &[name]);
        }
    }
    let file = from.path("whole.jsonl");
    from.done(&["backup", "--file", text(&file)]);
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, &whole[..whole.rfind("{\"$manifest\"").unwrap()]).unwrap();
    to.fails(&["restore", "--file", text(&file)], &["whole.jsonl is truncated: it ends before part 20 and has no manifest"]);
    to.assert_empty().await;
}

#[tokio::test]
async fn another_version_is_refused() {
    let from = Place::json().await;
    from.fill(3, 2, 4).await;
    let to = Place::json().await;
    let file = from.path("b.jsonl");
    from.done(&["backup", "--file", text(&file)]);
    let whole = fs::read_to_string(&file).unwrap();
    for (member, version, words) in [("schema", 1, "schema version 7"), ("format", 1, "format version 7")] {
        let (first, rest) = whole.split_once('\n').unwrap();
        let about = first.strip_prefix("{\"$backup\":").unwrap().split_once(",\"sha256\"").unwrap().0;
        let about = about.replace(&format!("\"{member}\":{version}"), &format!("\"{member}\":7"));
        let sha256: String = Sha256::digest(format!("{about}\n")).iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(&file, format!("{{\"$backup\":{about},\"sha256\":\"{sha256}\"}}\n{rest}")).unwrap();
        to.fails(&["restore", "--file", text(&file)], &["b.jsonl", words, "reads version 1"]);
    }
    to.assert_empty().await;
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
