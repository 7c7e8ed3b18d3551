//! Snapshots that a person wrote or changed.

use super::super::compact as compact_directory;
use super::*;
use crate::forum::post;

const ADA: &str = r#"{"userId":"ada","email":"ada@example.com","name":"Ada","createdAt":"2026-01-01T00:00:00.000Z"}"#;

async fn by_hand(text: &str) -> (TestDir, Result<JsonStore>) {
    let place = TestDir::new();
    place.write("users.json", text);
    let store = place.try_open().await;
    (place, store)
}

#[tokio::test]
async fn any_spelling_is_accepted_and_becomes_one_item_per_line() {
    let (place, store) = by_hand(
        "\u{feff}[\n  { \"userId\": \"b\", \"name\": \"\\u00c4\", \"x\": 1.50, \"createdAt\":\"2026-01-01T00:00:00.000Z\" },\r\n\t{\"name\":\"A\",\"userId\":\"a\",\"createdAt\":\"2026-01-01T00:00:00.000Z\"}\n]",
    )
    .await;
    assert_eq!(scan(&store.unwrap(), &user::TABLE).await.len(), 2);
    let expected = concat!(
        "[\n{",
        r#""createdAt":"2026-01-01T00:00:00.000Z""#,
        ",\"name\":\"A\",\"userId\":\"a\"},\n{",
        r#""createdAt":"2026-01-01T00:00:00.000Z""#,
        ",\"name\":\"Ä\",\"userId\":\"b\",\"x\":1.5}\n]\n"
    );
    assert_eq!(String::from_utf8(place.read("users.json")).unwrap(), expected);
}

#[tokio::test]
async fn what_breaks_a_rule_is_named() {
    for (text, named) in [
        ("", "users.json: "),
        ("{}", "users.json: is not a JSON array"),
        ("[1]", "users.json, record 1: item"),
        ("[{\"userId\":\"a\"}{}]", "line 1 column 16"),
        (r#"[{"userId":"a",AT},{"name":"b"}]"#, "users.json, record 2: userId is missing"),
        (r#"[{"userId":""}]"#, "record 1: userId must not be empty"),
        (r#"[{"userId":7}]"#, "record 1: userId must be a string"),
        (r#"[{"userId":"a b",AT}]"#, "record 1: userId must be an id"),
        (r#"[{"userId":"a","name":7}]"#, "record 1: name must be a string"),
        (r#"[{"userId":"a","name":"A"}]"#, "record 1: createdAt is missing"),
        (r#"[{"userId":"a","createdAt":"2026-01-01T00:00:00.000Z"}]"#, "record 1: name is missing"),
        (r#"[{"userId":"a","name":"A","createdAt":"yesterday"}]"#, "record 1: createdAt must be a time"),
        (r#"[{"userId":"a","name":"A","createdAt":"2026-01-01T02:00:00+02:00"}]"#, "record 1: createdAt must be a time"),
        (r#"[{"userId":"a",AT,"updatedAt":"2026-01-01"}]"#, "record 1: updatedAt must be a time"),
        (r#"[{"userId":"a",AT,"email":"ALICE@Example.com"}]"#, "record 1: email must be trimmed and lower-cased"),
        (r#"[{"userId":"a",AT,"email":" alice@example.com"}]"#, "record 1: email must be trimmed and lower-cased"),
        (r#"[{"userId":"a","version":-1}]"#, "record 1: version must be a whole number"),
        (r#"[{"userId":"a","userId":"b"}]"#, r#"record 1: item has "userId" twice"#),
        (r#"[{"userId":"a",AT},{"userId":"b",AT},{"userId":"a",AT}]"#, r#"record 3: userId "a" is also the key of record 1"#),
        (r#"[{"userId":"a","email":"x@y.z",AT},{"userId":"b","email":"x@y.z",AT}]"#, "record 2: email is also that of record 1"),
        (r#"[{"userId":"email#a"}]"#, "record 1: userId must not start with email#"),
    ] {
        let text = text.replace("AT", r#""name":"N","createdAt":"2026-01-01T00:00:00.000Z""#);
        let (place, _) = by_hand(&text).await;
        let refusal = place.refusal().await;
        assert!(refusal.contains(named), "{text}: {refusal}");
        assert!(!refusal.contains('\n'), "{refusal}");
    }
    let place = TestDir::new();
    place.write("users.json", b"[{\"userId\":\"\xff\"}]");
    let refusal = place.refusal().await;
    assert!(refusal.contains("users.json: ") && refusal.contains("UTF-8"), "{refusal}");
}

#[tokio::test]
async fn the_key_of_a_post_has_two_halves() {
    let place = TestDir::new();
    place.write(
        "posts.json",
        r#"[{"postId":"p","threadId":"t",REST},{"postId":"p","threadId":"u",REST}]"#
            .replace("REST", r#""userId":"u","content":"c","createdAt":"2026-01-01T00:00:00.000Z""#),
    );
    assert_eq!(scan(&place.open().await, &post::TABLE).await.len(), 2);
}

#[tokio::test]
async fn a_changed_snapshot_without_a_journal_is_accepted() {
    let place = TestDir::new();
    let store = place.open().await;
    add(&store, "a").await.unwrap();
    store.close().await.unwrap();
    let text = String::from_utf8(place.read("users.json")).unwrap();
    place.write("users.json", text.replace('[', &format!("[ {ADA},")));
    let store = place.open().await;
    assert_eq!(ids(&store).await, ["a", "ada"]);
    add(&store, "b").await.unwrap();
    kill(store).await;
    assert_eq!(ids(&place.open().await).await, ["a", "ada", "b"]);
}

#[tokio::test]
async fn a_changed_snapshot_with_a_journal_is_refused_until_it_is_folded() {
    let place = TestDir::new();
    let store = place.open().await;
    add(&store, "a").await.unwrap();
    add(&store, "b").await.unwrap();
    store.delete(&user::TABLE, &Key::hash("a"), None).await.unwrap();
    kill(store).await;
    place.write("users.json", format!("[{ADA}]"));
    let refusal = place.refusal().await;
    assert!(refusal.contains("users.json") && refusal.contains("forum fold"), "{refusal}");
    let compacted = compact_directory(&TABLES, place.options()).await.unwrap();
    assert_eq!(
        compacted.iter().map(|(table, count)| (table.name, *count)).collect::<Vec<_>>(),
        TABLES.map(|table| (table.name, if table.name == "users" { 2 } else { 0 }))
    );
    let text = String::from_utf8(place.read("users.json")).unwrap();
    assert!(text.contains("\"email\":\"ada@example.com\"") && text.lines().count() == 4, "{text}");
    assert_eq!(place.read("users.journal").iter().filter(|byte| **byte == b'\n').count(), 1);
    assert_eq!(ids(&place.open().await).await, ["ada", "b"]);
}

#[tokio::test]
async fn a_fold_that_would_give_an_email_to_two_users_is_refused() {
    let place = TestDir::new();
    let store = place.open().await;
    add(&store, "ada").await.unwrap();
    kill(store).await;
    place.write("users.json", ADA.replace("\"ada\"", "\"other\"").replace('{', "[{").replace('}', "}]"));
    let before = place.files();
    let error = compact_directory(&TABLES, place.options()).await.unwrap_err().to_string();
    assert!(error.contains("users.journal, change 1") && error.contains("email") && error.contains("\"other\""), "{error}");
    assert_eq!(place.files(), before);
}

#[tokio::test]
async fn a_fold_is_refused_while_a_process_uses_the_directory() {
    let place = TestDir::new();
    let store = place.open().await;
    assert!(matches!(compact_directory(&TABLES, place.options()).await, Err(Error::Unavailable { .. })));
    kill(store).await;
    compact_directory(&TABLES, place.options()).await.unwrap();
}

/// Also in place of a file whose permissions a person has set.
#[cfg(unix)]
#[tokio::test]
async fn new_files_have_the_permissions_of_the_old_ones() {
    use std::os::unix::fs::PermissionsExt;
    let place = TestDir::new();
    let store = place.open().await;
    for (name, mode) in [("users.json", 0o640), ("users.journal", 0o600)] {
        fs::set_permissions(place.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    add(&store, "a").await.unwrap();
    compact(&store).await.unwrap();
    for (name, mode) in [("users.json", 0o640), ("users.journal", 0o600)] {
        assert_eq!(fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777, mode, "{name}");
    }
}

/// The copies of snapshots that were edited, with their bytes.
fn kept(place: &TestDir) -> Vec<Vec<u8>> {
    let names = fs::read_dir(place.dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("users.json.edited-")).map(|name| place.read(&name)).collect()
}

#[tokio::test]
async fn a_snapshot_that_is_edited_while_a_process_runs_is_kept() {
    for (text, by_rename) in [("[]", false), (ADA, true), ("not even JSON", false), ("", true)] {
        let place = TestDir::new();
        let store = place.open().await;
        add(&store, "a").await.unwrap();
        match by_rename {
            true => {
                place.write("new", text);
                fs::rename(place.path("new"), place.path("users.json")).unwrap();
            }
            false => place.write("users.json", text),
        }
        add(&store, "b").await.unwrap();
        compact(&store).await.unwrap();
        assert_eq!(kept(&place), [text.as_bytes()]);
        add(&store, "c").await.unwrap();
        store.close().await.unwrap();
        assert_eq!(kept(&place).len(), 1, "a snapshot that nobody edited is not kept");
        assert_eq!(ids(&place.open().await).await, ["a", "b", "c"]);
    }
}

#[tokio::test]
async fn broken_items_are_kept_for_a_repair_and_refused_otherwise() {
    for (record, mends) in [
        (r#"{"userId":"x","name":"X","createdAt":"yesterday"}"#, true),
        (r#"{"userId":"x","name":5,"createdAt":"2026-01-01T00:00:00.000Z"}"#, true),
        (r#"{"userId":"x","name":"X","email":"ALICE@Example.com","createdAt":"2026-01-01T00:00:00.000Z"}"#, true),
        (r#"{"userId":"x","createdAt":"2026-01-01T00:00:00.000Z"}"#, false),
    ] {
        let (place, refused) = by_hand(&format!("[{ADA},{record}]")).await;
        assert!(matches!(refused, Err(Error::Corrupt { .. })), "{record}");
        let store = JsonStore::open(&TABLES, JsonOptions { keep_broken: true, ..place.options() }).await.unwrap();
        assert!(matches!(store.get(&user::TABLE, &Key::hash("x"), &Read::STRONG).await, Err(Error::Corrupt { .. })), "{record}");
        assert_eq!(store.scan(&user::TABLE, &Scan::new(9)).await.unwrap().items.len(), 1);
        let found = store.check(&user::TABLE).await.unwrap();
        assert_eq!(found.len(), 1);
        store.repair(&user::TABLE, &found[0]).await.unwrap();
        store.close().await.unwrap();
        let store = place.open().await;
        assert_eq!(store.check(&user::TABLE).await.unwrap(), []);
        let left: Vec<_> = scan(&store, &user::TABLE).await.iter().filter_map(|item| item.text("userId")).collect();
        assert_eq!(left, if mends { vec!["ada", "x"] } else { vec!["ada"] });
    }
}
