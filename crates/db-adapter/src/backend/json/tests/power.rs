//! The power fails: only what was synced is sure to be there, and what was not may be.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};

use super::*;

/// A disk that knows what of it survives a loss of power.
#[derive(Debug)]
struct VolatileDisk {
    calls: Arc<FaultyDisk>,
    /// The content of each inode when it was synced last. The open file keeps the inode from being used again.
    synced: Mutex<HashMap<u64, (File, Vec<u8>)>>,
    /// The directory when it was synced last, and what each call changed in it since.
    entries: Mutex<(Entries, Vec<Changed>)>,
}

/// The inodes of a directory by name.
type Entries = BTreeMap<OsString, u64>;
/// Names and their new inodes, or none where the name is gone.
type Changed = Vec<(OsString, Option<u64>)>;

/// What of the files' content was written to the disk although nobody synced it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Unsynced {
    Nothing,
    LockFiles,
    Everything,
}

fn entries(dir: &Path) -> Entries {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name(), entry.metadata().unwrap().ino())).collect()
}

fn name(path: &Path) -> OsString {
    path.file_name().unwrap().to_owned()
}

fn content(file: &File) -> Vec<u8> {
    let mut content = vec![0; file.metadata().unwrap().len() as usize];
    file.read_exact_at(&mut content, 0).unwrap();
    content
}

impl VolatileDisk {
    fn new() -> Arc<Self> {
        Arc::new(Self { calls: FaultyDisk::new(), synced: Mutex::default(), entries: Mutex::default() })
    }

    async fn open(self: &Arc<Self>, place: &TestDir) -> Result<JsonStore> {
        JsonStore::open_on(&TABLES, place.options(), Arc::clone(self) as Arc<dyn Disk>).await
    }

    fn changed(&self, changed: Changed) {
        self.entries.lock().unwrap().1.push(changed);
    }

    /// What the directory may be after a loss of power now: of what was not synced nothing is there, all, one change, or all but one.
    fn possible_entries(&self) -> BTreeSet<Entries> {
        let (synced, changes) = &*self.entries.lock().unwrap();
        let with = |kept: &dyn Fn(usize) -> bool| {
            let mut entries = synced.clone();
            for (_, changed) in changes.iter().enumerate().filter(|(at, _)| kept(*at)) {
                for (name, inode) in changed {
                    match inode {
                        Some(inode) => entries.insert(name.clone(), *inode),
                        None => entries.remove(name),
                    };
                }
            }
            entries
        };
        let some = (0..changes.len()).flat_map(|one| [with(&|at| at == one), with(&|at| at != one)]);
        some.chain([with(&|_| false), with(&|_| true)]).collect()
    }

    /// A copy of the directory as it may be found after a loss of power now.
    fn after_loss(&self, place: &TestDir, kept: &Entries, unsynced: Unsynced) -> TestDir {
        let after = TestDir { dir: tempfile::tempdir().unwrap(), ..*place };
        let now = entries(place.dir.path());
        let synced = self.synced.lock().unwrap();
        for (name, inode) in kept {
            let written = unsynced == Unsynced::Everything
                || (unsynced == Unsynced::LockFiles && Path::new(name).extension().is_some_and(|extension| extension == "lock"));
            let content = match now.iter().find(|(_, other)| *other == inode) {
                Some((name, _)) if written => fs::read(place.dir.path().join(name)).unwrap(),
                _ => synced.get(inode).map(|(_, content)| content.clone()).unwrap_or_default(),
            };
            fs::write(after.dir.path().join(name), content).unwrap();
        }
        after
    }
}

impl Disk for VolatileDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        let file = self.calls.create(path)?;
        let inode = file.metadata()?.ino();
        self.synced.lock().unwrap().remove(&inode);
        self.changed(vec![(name(path), Some(inode))]);
        Ok(file)
    }

    fn write_at(&self, file: &File, path: &Path, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.calls.write_at(file, path, bytes, offset)
    }

    fn sync(&self, file: &File, path: &Path) -> io::Result<()> {
        self.calls.sync(file, path)?;
        self.synced.lock().unwrap().insert(file.metadata()?.ino(), (file.try_clone()?, content(file)));
        Ok(())
    }

    fn truncate(&self, file: &File, path: &Path, length: u64) -> io::Result<()> {
        self.calls.truncate(file, path, length)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.calls.rename(from, to)?;
        self.changed(vec![(name(from), None), (name(to), Some(fs::metadata(to)?.ino()))]);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.calls.remove(path)?;
        self.changed(vec![(name(path), None)]);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.calls.sync_dir(path)?;
        *self.entries.lock().unwrap() = (entries(path), Vec::new());
        Ok(())
    }
}

impl VolatileDisk {
    /// Whatever of what was not synced is there after a loss of power now: a start finds what must be there, and nothing else.
    async fn lose_power(&self, place: &TestDir, expected: &Expected, moment: &str) {
        for entries in self.possible_entries() {
            for unsynced in [Unsynced::Nothing, Unsynced::LockFiles, Unsynced::Everything] {
                let after = self.after_loss(place, &entries, unsynced);
                let moment = format!("{moment}, {entries:?}, unsynced {unsynced:?}");
                let store = after.try_open().await.unwrap_or_else(|error| panic!("{moment}: {error}"));
                let found = ids(&store).await;
                assert!(expected.sure.iter().all(|id| found.contains(id)), "{moment}: {found:?}, {expected:?}");
                let allowed = |id| expected.sure.contains(id) || expected.possible.contains(id);
                assert!(found.iter().all(allowed), "{moment}: {found:?}, {expected:?}");
                add(&store, "e").await.unwrap();
                kill(store).await;
            }
        }
    }
}

#[tokio::test]
async fn a_loss_of_power_at_any_call_loses_nothing_acknowledged() {
    for calls in 0.. {
        let (place, disk) = (TestDir::new(), VolatileDisk::new());
        let mut expected = Expected::default();
        disk.calls.die_after(calls);
        if let Ok(store) = disk.open(&place).await {
            expected.add(&store, "a").await;
            expected.add(&store, "b").await;
            let _ = compact(&store).await;
            expected.delete(&store, "b").await;
            expected.add(&store, "c").await;
            let _ = compact(&store).await;
            expected.add(&store, "d").await;
            kill(store).await;
        }
        disk.lose_power(&place, &expected, &format!("after {calls} calls")).await;
        if !disk.calls.is_dead() {
            assert_eq!(expected.sure, ["a", "c", "d"]);
            break;
        }
    }
}

/// Another process writes all the time, so that what it wrote is taken over in several rounds and some of it at the end.
#[tokio::test]
async fn a_loss_of_power_at_any_call_of_a_round_loses_nothing_acknowledged() {
    for calls in 0.. {
        let (place, disk) = (TestDir::new(), VolatileDisk::new());
        let (store, peer) = (disk.open(&place).await.unwrap(), Arc::new(disk.open(&place).await.unwrap()));
        let mut expected = Expected::default();
        expected.add(&store, "a").await;
        let written = let_write(&disk.calls, place.dir.path(), &peer);
        disk.calls.die_after(calls);
        let compacted = compact_in_rounds(&store).await;
        let survived = !disk.calls.is_dead();
        expected.extend(&written.lock().unwrap());
        disk.lose_power(&place, &expected, &format!("after {calls} calls")).await;
        kill(store).await;
        disk.calls.let_happen(|| {});
        kill(Arc::into_inner(peer).unwrap()).await;
        if survived {
            assert!(compacted.unwrap() && expected.sure.len() > 10, "{expected:?}");
            break;
        }
    }
}

#[tokio::test]
async fn what_a_process_did_not_sync_before_it_died_is_synced_before_it_is_shown() {
    for peer_lives in [false, true] {
        let (place, disk) = (TestDir::new(), VolatileDisk::new());
        let store = disk.open(&place).await.unwrap();
        add(&store, "a").await.unwrap();
        let peer = if peer_lives { Some(disk.open(&place).await.unwrap()) } else { None };
        disk.calls.die_after(1);
        add(&store, "b").await.unwrap_err();
        kill(store).await;
        disk.calls.die_after(usize::MAX);
        let next = match peer {
            Some(peer) => peer,
            None => disk.open(&place).await.unwrap(),
        };
        // It looks at the journal, and writes nothing itself.
        let deleted = next.delete(&user::TABLE, &Key::hash("nobody"), None).await;
        assert!(matches!(deleted, Err(Error::NotFound)), "{deleted:?}");
        assert_eq!(ids(&next).await, ["a", "b"]);
        for entries in disk.possible_entries() {
            let after = disk.after_loss(&place, &entries, Unsynced::Nothing);
            assert_eq!(ids(&after.open().await).await, ["a", "b"], "a peer lives: {peer_lives}");
        }
        kill(next).await;
    }
}
