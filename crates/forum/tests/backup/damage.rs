//! Backups that are damaged, or of another version, are refused before anything is written.

use std::fs;

use db_adapter::forum::{TABLES, in_reference_order, thread};
use sha2::{Digest, Sha256};

use crate::place::{Place, text};

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
    // What refers to others comes before them.
    let part = in_reference_order(&TABLES).iter().rev().position(|table| table.name == thread::TABLE.name).unwrap();
    let part = format!("b.jsonl: part {part}");
    fs::write(&file, whole.replacen("thread 1", "thread 2", 1)).unwrap();
    let to = Place::json().await;
    to.fails(&["restore", "--file", text(&file)], &[&format!("{part}: is damaged: its sha256 does not match")]);
    let threads: Vec<_> = whole.lines().filter(|line| line.contains("\"title\"") || line.contains("\"threads\",")).collect();
    let without = whole.lines().filter(|line| !threads.contains(line)).map(|line| format!("{line}\n")).collect::<String>();
    fs::write(&file, without).unwrap();
    to.fails(&["restore", "--file", text(&file)], &[&part]);
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
    to.fails(
        &["restore", "--file", text(&file)],
        &[&format!("whole.jsonl is truncated: it ends before part {} and has no manifest", 4 * TABLES.len())],
    );
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
