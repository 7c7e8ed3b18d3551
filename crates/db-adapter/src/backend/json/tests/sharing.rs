//! Several processes on one directory.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use futures::FutureExt;

use super::*;
use crate::store::error::Rule;
use crate::store::update::Update;

#[tokio::test]
async fn each_sees_what_the_others_acknowledged_at_once() {
    let place = TestDir::new();
    let (one, two) = (place.open().await, place.open().await);
    for number in 0..20 {
        let (writer, reader) = if number % 2 == 0 { (&one, &two) } else { (&two, &one) };
        let id = format!("u{number:02}");
        add(writer, &id).await.unwrap();
        assert!(has(reader, &id).await, "{id}");
        assert!(matches!(add(reader, &id).await, Err(Error::Conflict { rule: Rule::Key })));
    }
    let taken = Attributes::from([("email".to_owned(), Value::from("u01@example.com"))]);
    let update = Update { set: taken, ..Update::default() };
    let refused = two.update(&user::TABLE, &Key::hash("u00"), &update).await;
    assert!(matches!(refused, Err(Error::Conflict { rule: Rule::Unique("email") })), "{refused:?}");
    assert_eq!(ids(&one).await, ids(&two).await);
}

/// Minimum number of compactions that writers go on for.
const COMPACTIONS: usize = 8;

/// One process compacts again and again, another one reads and writes all the time, a third one looks now and then, after many
/// compactions, and so must load the snapshot anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_and_writers_go_on_while_another_process_compacts() {
    let place = TestDir::new();
    let (one, two, idle) = (place.open().await, Arc::new(place.open().await), place.open().await);
    let compactions = Arc::new(AtomicUsize::new(0));
    let writers = (0..4).map(|writer| {
        let (store, compactions) = (Arc::clone(&two), Arc::clone(&compactions));
        tokio::spawn(async move {
            let mut number = 0;
            while number < 60 || compactions.load(Ordering::SeqCst) < COMPACTIONS {
                let id = format!("w{writer}-{number:04}");
                add(&store, &id).await.unwrap();
                assert!(has(&store, &id).await, "{id}");
                if number % 3 == 0 {
                    store.delete(&user::TABLE, &Key::hash(&id), None).await.unwrap();
                    assert!(!has(&store, &id).await, "{id}");
                }
                number += 1;
            }
            number
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut expected = BTreeSet::new();
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        let id = format!("c{:04}", compactions.load(Ordering::SeqCst));
        add(&one, &id).await.unwrap();
        assert!(compact(&one).await.unwrap());
        if compactions.fetch_add(1, Ordering::SeqCst) % 7 == 6 {
            assert!(has(&idle, &id).await, "{id}");
        }
        expected.insert(id);
    }
    for (writer, written) in futures::future::try_join_all(writers).await.unwrap().into_iter().enumerate() {
        expected.extend((0..written).filter(|number| number % 3 != 0).map(|number| format!("w{writer}-{number:04}")));
    }
    for store in [&one, &*two, &idle] {
        assert_eq!(ids(store).await.into_iter().collect::<BTreeSet<_>>(), expected);
    }
    kill(one).await;
    kill(Arc::into_inner(two).unwrap()).await;
    kill(idle).await;
    assert_eq!(ids(&place.open().await).await.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test]
async fn a_process_that_is_behind_catches_up_before_it_keeps_others_from_writing() {
    let place = TestDir::new();
    let (ahead, behind) = (place.open().await, place.open().await);
    add(&ahead, "a").await.unwrap();
    let table = |store: &JsonStore| Arc::clone(&store.table(&user::TABLE).unwrap().table);
    let (locked, following) = (table(&ahead), table(&behind));
    let guard = locked.lock.lock().unwrap();
    let mut write = Box::pin(add(&behind, "b"));
    assert!(futures::poll!(&mut write).is_pending());
    let caught_up = async {
        while following.memory().position() < locked.memory().position() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), caught_up).await.expect("it waits for the lock and is behind");
    drop(guard);
    write.await.unwrap();
    assert_eq!(ids(&ahead).await, ["a", "b"]);
}

/// A batch that is on disk but that the lock file does not tell of: its writer died between the two.
#[tokio::test]
async fn a_dead_writers_whole_batch_stands_and_its_torn_one_is_cut() {
    for torn in [false, true] {
        let place = TestDir::new();
        let (dying, other) = (place.open().await, place.open().await);
        add(&dying, "a").await.unwrap();
        let (journal, lock) = (place.read("users.journal"), place.read("users.lock"));
        add(&dying, "b").await.unwrap();
        let longer = place.read("users.journal");
        kill(dying).await;
        // As it would be had it died a moment earlier.
        let file = fs::OpenOptions::new().write(true).open(place.path("users.lock")).unwrap();
        RealDisk.write_at(&file, Path::new("users.lock"), &lock, 0).unwrap();
        if torn {
            let journal_file = fs::OpenOptions::new().write(true).open(place.path("users.journal")).unwrap();
            journal_file.set_len((longer.len() - 5) as u64).unwrap();
        }
        assert_eq!(ids(&other).await, ["a"], "nobody was told of it yet");
        add(&other, "c").await.unwrap();
        let expected: &[&str] = if torn { &["a", "c"] } else { &["a", "b", "c"] };
        assert_eq!(ids(&other).await, expected);
        assert!(place.read("users.journal").starts_with(&journal));
        kill(other).await;
        assert_eq!(ids(&place.open().await).await, expected);
    }
}

#[tokio::test]
async fn a_journal_is_compacted_when_it_has_grown() {
    let place = TestDir { compact_at: 2000, ..TestDir::new() };
    let store = place.open().await;
    let is_compacted = |count: usize| place.read("users.json").len() > 2000 && place.read("users.journal").len() < count * 150;
    let mut count = 0;
    let compacted = async {
        while count < 100 || !is_compacted(count) {
            add(&store, &format!("u{count:05}")).await.unwrap();
            count += 1;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), compacted).await.expect("the journal grows and grows");
    kill(store).await;
    assert!(is_compacted(count));
    assert_eq!(ids(&place.open().await).await.len(), count);
}

#[tokio::test]
async fn the_last_process_folds_and_others_do_not() {
    let place = TestDir::new();
    let (one, two) = (place.open().await, place.open().await);
    add(&one, "a").await.unwrap();
    let empty = place.read("users.json");
    one.close().await.unwrap();
    assert_eq!(place.read("users.json"), empty);
    add(&two, "b").await.unwrap();
    two.close().await.unwrap();
    assert_eq!(String::from_utf8(place.read("users.json")).unwrap().lines().count(), 4);
    for store in [&one, &two] {
        assert!(matches!(add(store, "c").await, Err(Error::Unavailable { .. })));
        assert!(!store.health(&user::TABLE).await.reachable);
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_write_happens_although_nobody_waits_for_it() {
    let place = TestDir::new();
    let store = place.open().await;
    for number in 0..50 {
        let id = format!("u{number:02}");
        let _ = add(&store, &id).now_or_never();
    }
    kill(store).await;
    assert_eq!(ids(&place.open().await).await.len(), 50);
}

#[tokio::test]
async fn a_single_writer_keeps_everyone_else_out() {
    let place = TestDir::new();
    let single = JsonOptions { single_writer: true, ..place.options() };
    let store = JsonStore::open(&TABLES, single.clone()).await.unwrap();
    add(&store, "a").await.unwrap();
    for options in [place.options(), single.clone()] {
        let error = JsonStore::open(&TABLES, options).await.map(drop).unwrap_err();
        assert!(matches!(&error, Error::Unavailable { reason } if reason.contains("stop it first")), "{error}");
    }
    store.close().await.unwrap();
    let other = place.open().await;
    assert_eq!(ids(&other).await, ["a"]);
    let error = JsonStore::open(&TABLES, single).await.map(drop).unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writes_share_a_batch() {
    let place = TestDir::new();
    let store = Arc::new(place.open().await);
    let writes = (0..500).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { add(&store, &format!("u{number:03}")).await.map(drop) })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap().unwrap();
    }
    let journal = String::from_utf8(place.read("users.journal")).unwrap();
    let batches = journal.lines().filter(|line| line.starts_with("{\"batch\"")).count();
    assert!(batches < 500, "{batches}");
    assert_eq!(ids(&store).await.len(), 500);
}

/// The last one compacts while the next one starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_come_and_go_at_once() {
    let place = Arc::new(TestDir { compact_at: 2000, ..TestDir::new() });
    let processes = (0..4).map(|process| {
        let place = Arc::clone(&place);
        tokio::spawn(async move {
            for number in 0..20 {
                let store = place.open().await;
                add(&store, &format!("p{process}-{number:02}")).await.unwrap();
                assert!(number == 0 || has(&store, &format!("p{process}-{:02}", number - 1)).await);
                if number % 3 == 0 { drop(store) } else { store.close().await.unwrap() }
            }
        })
    });
    for process in processes.collect::<Vec<_>>() {
        process.await.unwrap();
    }
    assert_eq!(ids(&place.open().await).await.len(), 4 * 20);
}

/// A write into files that are gone would be acknowledged and lost.
#[cfg(unix)]
#[tokio::test]
async fn nothing_is_written_once_the_directory_is_removed() {
    let place = TestDir::new();
    let store = place.open().await;
    add(&store, "u1").await.unwrap();
    std::fs::remove_dir_all(place.dir.path()).unwrap();
    let refused = add(&store, "u2").await;
    assert!(matches!(&refused, Err(Error::Unavailable { reason }) if reason.contains("users.lock was removed")), "{refused:?}");
    assert_eq!(store.health(&user::TABLE).await.reason, Some("the files were removed"));
}

/// Whoever waits is next, also before one that gives the lock back and takes it again at once.
#[tokio::test]
async fn a_process_that_writes_all_the_time_lets_others_have_their_turn() {
    let place = TestDir::new();
    let (busy, waiting) = (place.open().await, place.open().await);
    let table = |store: &JsonStore| Arc::clone(&store.table(&user::TABLE).unwrap().table);
    let (busy, waiting) = (table(&busy), table(&waiting));
    let queue = fs::File::open(place.path("users.queue.lock")).unwrap();
    let had_its_turn = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let guard = busy.lock.lock().unwrap();
        scope.spawn(|| {
            let _held = waiting.lock.lock().unwrap();
            had_its_turn.store(true, Ordering::SeqCst);
        });
        let start = std::time::Instant::now();
        while queue.try_lock().is_ok() {
            queue.unlock().unwrap();
            assert!(start.elapsed() < Duration::from_secs(30), "it waits, and not in the queue");
            std::thread::yield_now();
        }
        drop(guard);
        drop(busy.lock.lock().unwrap());
        assert!(had_its_turn.load(Ordering::SeqCst));
    });
}
