//! Snapshots that a person wrote or changed.

use super::super::compact as compact_directory;
use super::*;
use crate::forum::post;

const ADA: &str = r#"{"userId":"ada","email":"ada@example.com","name":"Ada"}"#;

async fn by_hand(text: &str) -> (TestDir, Result<JsonStore>) {
    let place = TestDir::new();
    place.write("users.json", text);
    let store = place.try_open().await;
    (place, store)
}

#[tokio::test]
async fn any_spelling_is_accepted_and_becomes_one_item_per_line() {
    let (place, store) = by_hand(
        "\u{feff}[\n  { \"userId\": \"b\", \"name\": \"\\u00c4\", \"x\": 1.50 },\r\n\t{\"name\":\"A\",\"userId\":\"a\"}\n]",
    )
    .await;
    assert_eq!(scan(&store.unwrap(), &user::TABLE).await.len(), 2);
    let expected = "[\n{\"name\":\"A\",\"userId\":\"a\"},\n{\"name\":\"Ä\",\"userId\":\"b\",\"x\":1.5}\n]\n";
    assert_eq!(String::from_utf8(place.read("users.json")).unwrap(), expected);
}

#[tokio::test]
async fn what_breaks_a_rule_is_named() {
    for (text, named) in [
        ("", "users.json: "),
        ("{}", "users.json: is not a JSON array"),
        ("[1]", "users.json, record 1: item"),
        ("[{\"userId\":\"a\"}{}]", "line 1 column 16"),
        (r#"[{"userId":"a"},{"name":"b"}]"#, "users.json, record 2: userId is missing"),
        (r#"[{"userId":""}]"#, "record 1: userId must not be empty"),
        (r#"[{"userId":7}]"#, "record 1: userId must be a string"),
        (r#"[{"userId":"a","name":7}]"#, "record 1: name must be a string"),
        (r#"[{"userId":"a","version":-1}]"#, "record 1: version must be a whole number"),
        (r#"[{"userId":"a","userId":"b"}]"#, r#"record 1: item has "userId" twice"#),
        (r#"[{"userId":"a"},{"userId":"b"},{"userId":"a"}]"#, r#"record 3: userId "a" is also the key of record 1"#),
        (r#"[{"userId":"a","email":"X@y.z"},{"userId":"b","email":" x@Y.z "}]"#, "record 2: email is also that of record 1"),
        (r#"[{"userId":"email#a"}]"#, "record 1: userId must not start with email#"),
    ] {
        let (place, _) = by_hand(text).await;
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
    place.write("posts.json", r#"[{"postId":"p","threadId":"t"},{"postId":"p","threadId":"u"}]"#);
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
        [("posts", 0), ("threads", 0), ("users", 2)]
    );
    let text = String::from_utf8(place.read("users.json")).unwrap();
    assert!(text.starts_with("[\n{\"email\":\"ada@example.com\"") && text.lines().count() == 4, "{text}");
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
