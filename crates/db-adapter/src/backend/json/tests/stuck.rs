//! A lock that stands still, and a disk that does not respond. With real processes: `tests/json_processes/stopped.rs`.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::*;

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(30);

fn impatient(place: &TestDir) -> JsonOptions {
    JsonOptions { lock_timeout: SHORT, close_timeout: LONG, ..place.options() }
}

/// Writes that wait already, as they were sent before.
async fn queue(store: &Arc<JsonStore>, ids: &[&str]) -> Vec<tokio::task::JoinHandle<Result<Item>>> {
    let mut writes = Vec::new();
    for id in ids {
        let mut write = Box::pin({
            let (store, id) = (Arc::clone(store), (*id).to_owned());
            async move { add(&store, &id).await }
        });
        assert!(futures::poll!(&mut write).is_pending());
        writes.push(tokio::spawn(write));
    }
    writes
}

#[tokio::test]
async fn closing_ends_where_the_lock_cannot_be_had_and_tells_what_was_left() {
    let place = TestDir::new();
    let (stuck, store) = (place.open().await, Arc::new(JsonStore::open(&TABLES, impatient(&place)).await.unwrap()));
    let table = Arc::clone(&stuck.table(&user::TABLE).unwrap().table);
    let guard = table.lock.lock().unwrap();
    let writes = queue(&store, &["a", "b", "c"]).await;
    let closed = store.close().await;
    assert!(
        matches!(&closed, Err(Error::Unavailable { reason }) if reason == "users: 3 queued writes were refused"),
        "{closed:?}"
    );
    for write in writes {
        let refused = write.await.unwrap();
        assert!(matches!(&refused, Err(Error::Unavailable { reason }) if reason.contains("users.lock")), "{refused:?}");
    }
    drop(guard);
    // Nothing of it happened, and nothing was left: another one closes without a word.
    let other = place.open().await;
    assert_eq!(ids(&other).await, [""; 0]);
    other.close().await.unwrap();
    stuck.close().await.unwrap();
}

/// As one that was stopped while it recovered the files.
#[tokio::test]
async fn a_start_ends_where_another_one_does_not() {
    let place = TestDir::new();
    let lock = fs::File::create(place.path("open.lock")).unwrap();
    lock.lock().unwrap();
    let options = JsonOptions { lock_timeout: SHORT / 4, ..place.options() };
    let opened = JsonStore::open(&TABLES, options.clone()).await;
    assert!(
        matches!(&opened, Err(Error::Unavailable { reason }) if reason.contains("open.lock has been locked for")),
        "{opened:?}"
    );
    lock.unlock().unwrap();
    JsonStore::open(&TABLES, options).await.unwrap().close().await.unwrap();
}

/// A disk that does not respond until it is told to.
#[derive(Debug)]
struct HangingDisk {
    hangs: Mutex<Sender<()>>,
    goes_on: Mutex<Receiver<()>>,
}

impl Disk for HangingDisk {
    fn sync(&self, _file: &fs::File, path: &Path) -> io::Result<()> {
        if path.ends_with("users.journal") {
            // Nobody may listen any more; and once nobody can tell it to go on, it does.
            let _ = self.hangs.lock().unwrap().send(());
            let _ = self.goes_on.lock().unwrap().recv();
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_ends_where_the_disk_does_not_answer_and_what_is_written_is_acknowledged_later() {
    let place = TestDir::new();
    drop(place.open().await.close().await);
    let ((hangs, hanging), (go_on, goes_on)) = (channel(), channel());
    let disk = HangingDisk { hangs: Mutex::new(hangs), goes_on: Mutex::new(goes_on) };
    let options = JsonOptions { close_timeout: SHORT, ..impatient(&place) };
    let store = Arc::new(JsonStore::open_on(&TABLES, options, Arc::new(disk)).await.unwrap());
    let first = queue(&store, &["a"]).await;
    tokio::task::spawn_blocking(move || hanging.recv_timeout(LONG).unwrap()).await.unwrap();
    let more = queue(&store, &["b", "c"]).await;
    let reason = async {
        loop {
            match store.health(&user::TABLE).await.reason {
                Some(reason) => return reason,
                None => tokio::task::yield_now().await,
            }
        }
    };
    assert_eq!(
        tokio::time::timeout(LONG, reason).await.expect("it is said to take writes"),
        "the disk does not respond: reads only"
    );
    let closed = store.close().await;
    let expected = "users: 3 writes are neither done nor refused yet";
    assert!(matches!(&closed, Err(Error::Unavailable { reason }) if reason == expected), "{closed:?}");
    // The directory is still in use: whoever starts now is not alone.
    assert!(matches!(
        JsonStore::open(&TABLES, JsonOptions { single_writer: true, ..place.options() }).await,
        Err(Error::Unavailable { .. })
    ));
    drop(go_on);
    for write in first.into_iter().chain(more) {
        write.await.unwrap().unwrap();
    }
    assert_eq!(ids(&place.open().await).await, ["a", "b", "c"]);
}
