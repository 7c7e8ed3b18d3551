//! The disk fails, or the process is killed between any two calls.

use std::io::ErrorKind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::super::lock::State;
use super::*;

#[tokio::test]
async fn a_full_disk_refuses_writes_until_there_is_room() {
    let (place, disk) = (TestDir::new(), FaultyDisk::new());
    let store = place.open_on(&disk).await.unwrap();
    add(&store, "a").await.unwrap();
    let journal = place.read("users.journal");
    disk.fail(Call::Write, "users.journal", ErrorKind::StorageFull);
    match add(&store, "b").await {
        Err(Error::Unavailable { reason }) => assert!(reason.contains("users.journal") && reason.contains("space"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(place.read("users.journal"), journal);
    assert!(!has(&store, "b").await);
    assert!(store.health(&user::TABLE).await.reachable);
    add(&store, "c").await.unwrap();
    kill(store).await;
    assert_eq!(ids(&place.open().await).await, ["a", "c"]);
}

#[tokio::test]
async fn after_a_failed_sync_only_reads_are_served_until_a_process_starts_alone() {
    let (place, disk) = (TestDir::new(), FaultyDisk::new());
    let store = place.open_on(&disk).await.unwrap();
    let other = place.open().await;
    add(&store, "a").await.unwrap();
    disk.fail(Call::Sync, "users.journal", ErrorKind::Other);
    let unknown = add(&store, "b").await;
    assert!(matches!(unknown, Err(Error::Backend(_))), "{unknown:?}");
    let late = place.open().await;
    for store in [&store, &other, &late] {
        let refused = add(store, "c").await;
        assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
        assert_eq!(ids(store).await, ["a"]);
        assert_eq!(store.health(&user::TABLE).await.reason, Some("the disk failed: reads only"));
        store.create(&thread::TABLE, thread_with_id("t")).await.map(drop).or_else(is_conflict).unwrap();
    }
    for store in [store, other, late] {
        store.close().await.unwrap();
    }
    let journal = place.read("users.journal");
    let store = place.open().await;
    assert_ne!(place.read("users.journal"), journal, "the files that failed must not be written on");
    assert!(store.health(&user::TABLE).await.reachable);
    // What was in the system's memory only is brought to disk; it was not acknowledged, but may have happened.
    assert_eq!(ids(&store).await, ["a", "b"]);
    add(&store, "c").await.unwrap();
}

fn thread_with_id(id: &str) -> Attributes {
    [("threadId", id), ("title", "t"), ("createdAt", "2024-01-01T00:00:00.000Z")]
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .into()
}

fn is_conflict(error: Error) -> Result<()> {
    if matches!(error, Error::Conflict { .. }) { Ok(()) } else { Err(error) }
}

#[tokio::test]
async fn a_torn_write_that_cannot_be_cut_off_stops_all_writing() {
    let (place, disk) = (TestDir::new(), FaultyDisk::new());
    let store = place.open_on(&disk).await.unwrap();
    add(&store, "a").await.unwrap();
    disk.fail(Call::Write, "users.journal", ErrorKind::StorageFull);
    disk.fail(Call::Truncate, "users.journal", ErrorKind::Other);
    assert!(matches!(add(&store, "b").await, Err(Error::Backend(_))));
    assert!(matches!(add(&store, "c").await, Err(Error::Unavailable { .. })));
    kill(store).await;
    let store = place.open().await;
    assert_eq!(ids(&store).await, ["a"]);
    add(&store, "c").await.unwrap();
}

/// A disk that panics where a batch is brought to it, as a bug of ours would: it says that it is there, and waits until it may.
#[derive(Debug)]
struct PanickingDisk {
    there: Sender<()>,
    go_on: Mutex<Receiver<()>>,
}

impl Disk for PanickingDisk {
    fn sync(&self, _file: &fs::File, path: &Path) -> io::Result<()> {
        if path.ends_with("users.journal") {
            self.there.send(()).unwrap();
            self.go_on.lock().unwrap().recv().unwrap();
            panic!("a bug");
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_committer_that_panics_is_told_of() {
    let place = TestDir::new();
    let ((there, is_there), (let_go, go_on)) = (channel(), channel());
    let disk = PanickingDisk { there, go_on: Mutex::new(go_on) };
    let store = JsonStore::open_on(&TABLES, place.options(), Arc::new(disk)).await.unwrap();
    let other = place.open().await;
    add(&other, "before").await.unwrap();
    assert!(store.health(&user::TABLE).await.reachable);

    let (mut writing, mut queued) = (Box::pin(add(&store, "writing")), Box::pin(add(&store, "queued")));
    assert!(futures::poll!(writing.as_mut()).is_pending());
    is_there.recv_timeout(Duration::from_secs(30)).expect("a batch");
    assert!(futures::poll!(queued.as_mut()).is_pending());
    let_go.send(()).unwrap();

    let soon = |write| tokio::time::timeout(Duration::from_secs(30), write);
    let reason_of =
        |error: &Error| assert!(error.to_string().contains("panicked") && error.to_string().contains("restart"), "{error}");
    // It may be in the journal: only a process that looks there knows.
    match soon(writing).await.expect("no writer hangs") {
        Err(error @ Error::Backend(_)) => reason_of(&error),
        other => panic!("{other:?}"),
    }
    for refused in [soon(queued).await, soon(Box::pin(add(&store, "later"))).await] {
        match refused.expect("no writer hangs") {
            Err(error @ Error::Unavailable { .. }) => reason_of(&error),
            other => panic!("{other:?}"),
        }
    }
    let health = store.health(&user::TABLE).await;
    assert_eq!((health.reachable, health.reason), (false, Some("the writer panicked: reads only")));
    assert!(has(&store, "before").await);
    // What is in memory may be half a batch, so it does not become a snapshot.
    assert!(matches!(compact(&store).await, Err(Error::Unavailable { .. })));

    // Other tables and processes go on.
    store.create(&thread::TABLE, thread_with_id("t")).await.unwrap();
    assert!(store.health(&thread::TABLE).await.reachable);
    add(&other, "after").await.unwrap();
    assert_eq!(ids(&store).await, ids(&other).await);
    assert!(has(&store, "after").await);
    store.close().await.unwrap();
    let again = place.open().await;
    add(&again, "again").await.unwrap();
}

#[tokio::test]
async fn a_compaction_that_fails_changes_nothing_and_can_be_repeated() {
    let steps = [
        (1, Call::Create, "users.json.new"),
        (1, Call::Write, "users.json.new"),
        (1, Call::Sync, "users.json.new"),
        (1, Call::Create, "users.journal.new"),
        (1, Call::Write, "users.journal.new"),
        (1, Call::Sync, "users.journal.new"),
        (1, Call::Rename, "users.json.new"),
        (1, Call::Rename, "users.journal.new"),
    ];
    for (nth, call, file) in steps {
        let (place, disk) = (TestDir::new(), FaultyDisk::new());
        let store = place.open_on(&disk).await.unwrap();
        let other = place.open().await;
        add(&store, "a").await.unwrap();
        disk.fail_nth(nth, call, file, ErrorKind::StorageFull);
        compact(&store).await.unwrap_err();
        assert_eq!(ids(&other).await, ["a"], "{call:?} {file}");
        add(&other, "b").await.unwrap();
        // They would take room on a disk that is full.
        assert!(!place.path("users.json.new").exists() && !place.path("users.journal.new").exists(), "{nth} {call:?} {file}");
        assert_eq!(ids(&store).await, ["a", "b"], "{call:?} {file}");
        add(&store, "c").await.unwrap();
        assert!(compact(&store).await.unwrap());
        add(&other, "d").await.unwrap();
        assert_eq!(ids(&store).await, ["a", "b", "c", "d"], "{call:?} {file}");
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_synced_in_a_compaction_stops_all_writing() {
    let place = TestDir::new();
    let name: &'static str = Box::leak(place.dir.path().file_name().unwrap().to_string_lossy().into_owned().into_boxed_str());
    for failing in 1..=3 {
        let disk = FaultyDisk::new();
        let store = place.open_on(&disk).await.unwrap();
        let other = place.open().await;
        let id = format!("a{failing}");
        add(&store, &id).await.unwrap();
        let before = ids(&store).await;
        disk.fail_nth(failing, Call::SyncDir, name, ErrorKind::Other);
        compact(&store).await.unwrap_err();
        for store in [&store, &other] {
            assert_eq!(ids(store).await, before);
            let written = add(store, "b").await;
            assert_eq!(written.is_err(), failing > 1, "{failing}: {written:?}");
            if failing == 1 {
                store.delete(&user::TABLE, &Key::hash("b"), None).await.unwrap();
            }
        }
        match place.try_open().await {
            Ok(late) if failing == 1 => kill(late).await,
            Err(Error::Unavailable { reason }) if failing > 1 => assert!(reason.contains("the disk failed"), "{reason}"),
            other => panic!("{failing}: {other:?}"),
        }
        kill(store).await;
        kill(other).await;
        let store = place.open().await;
        assert_eq!(ids(&store).await, before);
        add(&store, "c").await.unwrap();
        store.delete(&user::TABLE, &Key::hash("c"), None).await.unwrap();
        // A store that is only dropped may be in the directory for a moment, and the next one is not alone then.
        kill(store).await;
    }
}

/// What another process does while one is killed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Peer {
    None,
    Lives,
    /// Writes while the compaction waits for the disk, so that there is something to take over in each round and at the end.
    Writes,
}

/// The process is killed after each number of calls in turn, until it gets through.
#[tokio::test]
async fn a_kill_at_any_call_of_a_compaction_loses_nothing() {
    for does in [Peer::None, Peer::Lives, Peer::Writes] {
        for calls in 0.. {
            let (place, disk) = (TestDir::new(), FaultyDisk::new());
            let store = place.open_on(&disk).await.unwrap();
            for id in ["a", "b", "c"] {
                add(&store, id).await.unwrap();
            }
            store.delete(&user::TABLE, &Key::hash("b"), None).await.unwrap();
            let peer = if does == Peer::None { None } else { Some(Arc::new(place.open().await)) };
            let writer = peer.as_ref().filter(|_| does == Peer::Writes);
            let written = writer.map(|peer| let_write(&disk, place.dir.path(), peer)).unwrap_or_default();
            disk.die_after(calls);
            let compacted = compact_in_rounds(&store).await;
            let survived = !disk.is_dead();
            disk.let_happen(|| {});
            kill(store).await;
            let next = match peer {
                Some(peer) => Arc::into_inner(peer).unwrap(),
                None => place.open().await,
            };
            let written = std::mem::take(&mut *written.lock().unwrap());
            assert_eq!(written.possible, [""; 0], "after {calls} calls");
            let with = |more: &[&str]| {
                [&["a", "c"], more].concat().into_iter().map(str::to_owned).chain(written.sure.clone()).collect::<Vec<_>>()
            };
            assert_eq!(ids(&next).await, with(&[]), "{does:?}, after {calls} calls");
            add(&next, "d").await.unwrap();
            assert!(compact(&next).await.unwrap(), "{does:?}, after {calls} calls");
            add(&next, "e").await.unwrap();
            kill(next).await;
            assert_eq!(ids(&place.open().await).await, with(&["d", "e"]), "{does:?}, after {calls} calls");
            if survived {
                compacted.unwrap();
                assert!(calls > 10, "a compaction makes more calls than {calls}");
                assert!(does != Peer::Writes || written.sure.len() > 10, "{written:?}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_kill_at_any_call_of_a_write_loses_nothing_acknowledged() {
    for peer_lives in [false, true] {
        for calls in 0.. {
            let (place, disk) = (TestDir::new(), FaultyDisk::new());
            let store = place.open_on(&disk).await.unwrap();
            add(&store, "a").await.unwrap();
            let peer = if peer_lives { Some(place.open().await) } else { None };
            disk.die_after(calls);
            let written = add(&store, "b").await;
            let survived = !disk.is_dead();
            kill(store).await;
            let next = match peer {
                Some(peer) => peer,
                None => place.open().await,
            };
            if written.is_ok() {
                assert!(has(&next, "b").await, "after {calls} calls");
            }
            add(&next, "c").await.unwrap();
            let found = ids(&next).await;
            assert!(found == ["a", "b", "c"] || (written.is_err() && found == ["a", "c"]), "after {calls} calls: {found:?}");
            kill(next).await;
            assert_eq!(ids(&place.open().await).await, found, "after {calls} calls");
            if survived {
                written.unwrap();
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_kill_at_any_call_of_a_start_can_be_started_again() {
    let starts: [fn(&TestDir); 4] = [
        |_| {},
        // A snapshot that a person put there.
        |place| {
            place.write(
                "users.json",
                r#"[ {"userId":"a","email":"a@example.com","name":"Ada","createdAt":"2026-01-01T00:00:00.000Z"} ]"#,
            )
        },
        // A write that was torn.
        |place| {
            let journal = place.read("users.journal");
            place.write("users.journal", [&journal, &b"{\"batch\":2,\"count\""[..]].concat());
        },
        // A disk that failed.
        poison,
    ];
    for (number, prepare) in starts.into_iter().enumerate() {
        for calls in 0.. {
            let (place, disk) = (TestDir::new(), FaultyDisk::new());
            if number > 1 {
                let store = place.open().await;
                add(&store, "a").await.unwrap();
                kill(store).await;
            }
            prepare(&place);
            disk.die_after(calls);
            let opened = place.open_on(&disk).await;
            let survived = !disk.is_dead();
            if let Ok(store) = opened {
                kill(store).await;
            }
            let store = place.open().await;
            assert_eq!(ids(&store).await.len(), number.min(1), "start {number} after {calls} calls");
            assert!(store.health(&user::TABLE).await.reachable, "start {number} after {calls} calls");
            add(&store, "b").await.unwrap();
            kill(store).await;
            assert!(has(&place.open().await, "b").await);
            if survived {
                break;
            }
        }
    }
}

/// Sets the poison as a process does.
fn poison(place: &TestDir) {
    let (_, lock) = place.files_of_users();
    let guard = lock.lock().unwrap();
    let state = guard.state().unwrap();
    guard.write(State { poisoned: true, ..state }).unwrap();
}
