//! Damaged files: what a crash can have done is repaired, everything else is refused and left alone.

use futures::StreamExt;

use super::*;

/// Two batches in the journal of users, and the lock file as it was before the second one.
async fn two_batches(place: &TestDir) -> (Vec<u8>, usize, Vec<u8>) {
    let store = place.open().await;
    add(&store, "a").await.unwrap();
    let (first, lock) = (place.read("users.journal").len(), place.read("users.lock"));
    add(&store, "b").await.unwrap();
    kill(store).await;
    (place.read("users.journal"), first, lock)
}

#[tokio::test]
async fn a_torn_last_batch_is_cut_where_it_was_not_acknowledged() {
    let place = TestDir::new();
    let (journal, first, lock) = two_batches(&place).await;
    for length in first..journal.len() {
        for lock in [&lock[..], b"", b"not a lock file, but long enough to be one"] {
            place.write("users.journal", &journal[..length]);
            place.write("users.lock", lock);
            let store = place.open().await;
            assert_eq!(ids(&store).await, ["a"], "{length} bytes");
            add(&store, "c").await.unwrap();
            kill(store).await;
            let store = place.open().await;
            assert_eq!(ids(&store).await, ["a", "c"], "{length} bytes");
            kill(store).await;
        }
    }
}

/// The item holds what the first line of a batch looks like.
#[tokio::test]
async fn a_torn_batch_is_not_taken_for_one_that_another_follows() {
    let place = TestDir::new();
    let store = place.open().await;
    add(&store, "a").await.unwrap();
    let (first, lock) = (place.read("users.journal").len(), place.read("users.lock"));
    let item =
        Item::parse(r#"{"userId":"b","name":"B","createdAt":"2026-01-01T00:00:00.000Z","x":{"batch":2,"bytes":1,"count":1}}"#);
    store.load(&user::TABLE, futures::stream::iter([item]).boxed()).await.unwrap();
    kill(store).await;
    let journal = place.read("users.journal");
    for length in first..journal.len() {
        place.write("users.journal", &journal[..length]);
        place.write("users.lock", &lock);
        let store = place.try_open().await.unwrap_or_else(|error| panic!("{length} bytes: {error}"));
        assert_eq!(ids(&store).await, ["a"], "{length} bytes");
        kill(store).await;
    }
}

#[tokio::test]
async fn a_torn_last_batch_that_was_acknowledged_is_refused() {
    let place = TestDir::new();
    let (journal, first, _) = two_batches(&place).await;
    for length in first..journal.len() {
        place.write("users.journal", &journal[..length]);
        let refusal = place.refusal().await;
        assert!(refusal.contains(&format!("users.journal, byte {first}")), "{refusal}");
    }
}

#[tokio::test]
async fn any_flipped_byte_of_the_last_batch_is_recognised() {
    let place = TestDir::new();
    let (journal, first, lock) = two_batches(&place).await;
    let acknowledged = place.read("users.lock");
    for at in first..journal.len() {
        let mut flipped = journal.clone();
        flipped[at] ^= 1 << (at % 8);
        place.write("users.journal", &flipped);
        place.write("users.lock", &acknowledged);
        let refusal = place.refusal().await;
        assert!(refusal.contains(&format!("users.journal, byte {first}")), "byte {at}: {refusal}");
        place.write("users.lock", &lock);
        let store = place.open().await;
        assert_eq!(ids(&store).await, ["a"], "byte {at}");
        kill(store).await;
    }
}

#[tokio::test]
async fn damage_before_the_last_batch_is_refused_whatever_the_lock_file_says() {
    let place = TestDir::new();
    let (journal, first, lock) = two_batches(&place).await;
    let header = journal.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for at in 0..first {
        let mut flipped = journal.clone();
        flipped[at] ^= 1 << (at % 8);
        place.write("users.journal", &flipped);
        for lock in [&lock[..], b""] {
            place.write("users.lock", lock);
            let refusal = place.refusal().await;
            let place = if at < header { 0 } else { header };
            assert!(refusal.contains(&format!("users.journal, byte {place}")), "byte {at}: {refusal}");
        }
    }
}

#[tokio::test]
async fn a_damaged_lock_file_costs_nothing() {
    let place = TestDir::new();
    let _ = two_batches(&place).await;
    let lock = place.read("users.lock");
    for at in 0..lock.len() {
        let mut flipped = lock.clone();
        flipped[at] ^= 1;
        place.write("users.lock", &flipped);
        let store = place.open().await;
        assert_eq!(ids(&store).await, ["a", "b"], "byte {at}");
        kill(store).await;
    }
    fs::remove_file(place.path("users.lock")).unwrap();
    assert_eq!(ids(&place.open().await).await, ["a", "b"]);
}

#[tokio::test]
async fn a_lock_file_that_is_damaged_while_processes_run_stops_them_until_they_all_stop() {
    let place = TestDir::new();
    let store = place.open().await;
    add(&store, "a").await.unwrap();
    place.write("users.lock", b"garbage");
    match store.get(&user::TABLE, &Key::hash("a"), &Read::default()).await {
        Err(Error::Unavailable { reason }) => assert!(reason.contains("users.lock"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(add(&store, "b").await, Err(Error::Unavailable { .. })));
    assert_eq!(store.health(&user::TABLE).await.reason, Some("the lock file is damaged"));
    kill(store).await;
    let store = place.open().await;
    assert_eq!(ids(&store).await, ["a"]);
    add(&store, "b").await.unwrap();
}

#[tokio::test]
async fn a_journal_that_is_cut_off_while_a_process_runs_is_not_written_on() {
    let place = TestDir::new();
    let store = place.open().await;
    add(&store, "a").await.unwrap();
    let journal = place.read("users.journal");
    let shorter = &journal[..journal.len() - 1];
    let file = fs::OpenOptions::new().write(true).open(place.path("users.journal")).unwrap();
    file.set_len(shorter.len() as u64).unwrap();
    match add(&store, "b").await {
        Err(Error::Corrupt { place, .. }) => assert!(place.contains("users.journal"), "{place}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(place.read("users.journal"), shorter);
}

#[tokio::test]
async fn a_flipped_byte_of_a_snapshot_with_a_journal_is_refused() {
    let place = TestDir::new();
    let store = place.open().await;
    add(&store, "a").await.unwrap();
    compact(&store).await.unwrap();
    add(&store, "b").await.unwrap();
    kill(store).await;
    let snapshot = place.read("users.json");
    for at in 0..snapshot.len() {
        let mut flipped = snapshot.clone();
        flipped[at] ^= 1;
        place.write("users.json", &flipped);
        let refusal = place.refusal().await;
        assert!(refusal.contains("users.json"), "byte {at}: {refusal}");
    }
    place.write("users.json", snapshot);
    assert_eq!(ids(&place.open().await).await, ["a", "b"]);
}

#[tokio::test]
async fn files_that_are_missing_are_named() {
    let place = TestDir::new();
    let _ = two_batches(&place).await;
    let journal = place.read("users.journal");
    fs::remove_file(place.path("users.journal")).unwrap();
    let refusal = place.refusal().await;
    assert!(refusal.contains("users.journal: is missing") && refusal.contains("users.lock"), "{refusal}");
    place.write("users.journal", journal);
    let snapshot = place.read("users.json");
    fs::remove_file(place.path("users.json")).unwrap();
    let refusal = place.refusal().await;
    assert!(refusal.contains("users.json: is missing") && refusal.contains("users.journal"), "{refusal}");
    place.write("users.json", snapshot);
    assert_eq!(ids(&place.open().await).await, ["a", "b"]);
}

/// A person may have put the snapshot there; but whoever removed the other two files must learn what that cost.
#[tokio::test]
async fn a_snapshot_that_is_alone_is_taken_with_a_warning() {
    let place = TestDir::new();
    let store = place.open().await;
    add(&store, "a").await.unwrap();
    store.close().await.unwrap();
    let log = Log::default();
    let _guard = log.start();
    let opened = || {
        let (files, lock) = place.files_of_users();
        super::super::recover::open_alone(&files, &lock, false, false).unwrap().memory.count()
    };
    assert_eq!((opened(), log.text().as_str()), (1, ""));
    fs::remove_file(place.path("users.lock")).unwrap();
    fs::remove_file(place.path("users.journal")).unwrap();
    assert_eq!(opened(), 1);
    let text = log.text();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(["WARN", "users.json", "users.journal", "users.lock"].iter().all(|part| text.contains(part)), "{text}");
    // Where there is nothing at all, nothing is missing.
    fs::remove_file(place.path("users.json")).unwrap();
    for name in ["users.lock", "users.journal"] {
        fs::remove_file(place.path(name)).unwrap();
    }
    assert_eq!((opened(), log.text()), (0, text));
}

#[tokio::test]
async fn new_files_that_never_took_their_place_are_removed() {
    let place = TestDir::new();
    let (journal, ..) = two_batches(&place).await;
    place.write("users.json.new", b"[");
    place.write("users.journal.new", &journal[..journal.len() / 2]);
    assert_eq!(ids(&place.open().await).await, ["a", "b"]);
    assert!(!place.path("users.json.new").exists() && !place.path("users.journal.new").exists());
}

/// The new journal holds less than the present one, and its snapshot is the present one to the byte.
#[tokio::test]
async fn a_new_journal_never_replaces_one_that_follows_the_snapshot_too() {
    let place = TestDir::new();
    let (journal, first, _) = two_batches(&place).await;
    place.write("users.journal.new", &journal[..first]);
    assert_eq!(ids(&place.open().await).await, ["a", "b"]);
}

#[tokio::test]
async fn a_journal_of_a_newer_version_is_refused() {
    let place = TestDir::new();
    kill(place.open().await).await;
    let journal = String::from_utf8(place.read("users.journal")).unwrap();
    place.write("users.journal", journal.replace("\"journal\":1", "\"journal\":2"));
    let refusal = place.refusal().await;
    assert!(refusal.contains("newer version"), "{refusal}");
}

#[tokio::test]
async fn a_directory_that_is_none_is_named() {
    let place = TestDir::new();
    place.write("file", b"");
    let error = JsonStore::open(&TABLES, JsonOptions::new(place.path("file"))).await.map(drop).unwrap_err().to_string();
    assert!(error.contains("file") && error.contains("DATA_DIR") && !error.contains('\n'), "{error}");
}

/// One batch takes an e-mail from a user and gives it to another one.
#[tokio::test]
async fn a_batch_that_hands_an_email_on_is_replayed_in_its_order() {
    let place = TestDir::new();
    let store = place.open().await;
    add(&store, "a").await.unwrap();
    let item = |id: &str, email: &str| {
        Item::parse(&format!(r#"{{"userId":"{id}","email":"{email}","name":"N","createdAt":"2026-01-01T00:00:00.000Z"}}"#))
    };
    let items = [item("a", "new@example.com"), item("b", "a@example.com")];
    store.load(&user::TABLE, futures::stream::iter(items).boxed()).await.unwrap();
    kill(store).await;
    assert_eq!(ids(&place.open().await).await, ["a", "b"]);
}
