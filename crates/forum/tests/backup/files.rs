//! The file of a backup: its name, its compression, who may read it, and the tables that it names.

use std::fs;

use db_adapter::forum::{post, thread, user};
use serde_json::json;

use crate::place::{Ended, Place, item, text};

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
