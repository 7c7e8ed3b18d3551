//! The data directory: who uses it, and whether its file system keeps locks.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::disk::{Dir, Disk, OpenFile, failed};
use super::turns::{self, Patience};
use crate::store::error::{Error, Result};

/// The file that every process holds a shared lock on for life; whoever holds it exclusively is alone.
const LOCK: &str = "open.lock";
/// What the file says where a process keeps the directory to itself for life.
const SINGLE: &[u8] = b"single writer\n";
/// How long that must stand there to be believed: it may be left from a process that was killed, until the next one clears it.
const DOUBT: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_millis(5);

/// A data directory and this process's share of it.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) dir: Dir,
    lock: OpenFile,
    single: bool,
    /// How long a start waits for another process that recovers the directory.
    patience: Patience,
}

/// How a process came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// No other process uses the directory or can come in.
    Alone,
    /// Others use it too.
    Joined,
}

impl Directory {
    /// Opens the directory, and makes it where it is missing.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where it cannot be used, or its file system does not keep locks and `single` is not set.
    pub(super) fn open(path: &Path, disk: Arc<dyn Disk>, single: bool, limit: Duration) -> Result<Self> {
        let missing: Vec<_> = path.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
        fs::create_dir_all(path).map_err(|error| failed("make the directory", path, &error))?;
        for made in missing.iter().filter_map(|made| made.parent()) {
            let parent = if made.as_os_str().is_empty() { Path::new(".") } else { made };
            disk.sync_dir(parent).map_err(|error| failed("sync", parent, &error))?;
        }
        if !single {
            check_locks(path)?;
        }
        let dir = Dir { disk, path: path.to_owned() };
        let lock = dir.open(LOCK, true)?.ok_or_else(|| Error::unavailable("the directory cannot be locked"))?;
        Ok(Self { dir, lock, single, patience: Patience::of_start(limit) })
    }

    /// Does this process keep the directory to itself for life?
    pub(super) fn is_single(&self) -> bool {
        self.single
    }

    /// Waits until this process is alone or one of several.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where another process keeps the directory to itself, or this one wants to and cannot.
    pub(super) fn enter(&self) -> Result<Entry> {
        let (start, mut patience) = (Instant::now(), self.patience);
        loop {
            if self.lock.try_lock()? {
                self.lock.truncate(0)?;
                if self.single {
                    self.lock.write_at(SINGLE, 0)?;
                }
                return Ok(Entry::Alone);
            }
            let place = self.dir.path.display();
            if self.single {
                return Err(Error::unavailable(format!("{place} is used by another process; stop it first")));
            }
            if self.lock.try_lock_shared()? {
                return Ok(Entry::Joined);
            }
            let mut text = [0; SINGLE.len()];
            let length = self.lock.read_full(&mut text, 0)?;
            if text.get(..length) == Some(SINGLE) && start.elapsed() > DOUBT {
                let reason =
                    format!("{place} is used by a process that keeps it to itself (DATA_DIR_SINGLE_WRITER); stop it first");
                return Err(Error::unavailable(reason));
            }
            self.wait(start, &mut patience)?;
        }
    }

    /// Lets others in, after having been alone.
    pub(super) fn share(&self) -> Result<()> {
        if self.single {
            return Ok(());
        }
        self.leave()?;
        // Between the two another process may have been alone for a moment; it found everything in order.
        let (start, mut patience) = (Instant::now(), self.patience);
        while !self.lock.try_lock_shared()? {
            self.wait(start, &mut patience)?;
        }
        Ok(())
    }

    /// Waits a little for a process that is alone, which it is for a moment only.
    fn wait(&self, start: Instant, patience: &mut Patience) -> Result<()> {
        let waited = start.elapsed();
        if waited > patience.limit {
            let holder = turns::holder_of(&self.lock, None);
            let (file, seconds) = (self.lock.path().display(), waited.as_secs());
            let reason = format!("{file} has been locked for {seconds} s by {holder}; let that process go on, or end it");
            return Err(Error::unavailable(reason));
        }
        patience.log_wait(waited, &self.lock, None);
        std::thread::sleep(PAUSE);
        Ok(())
    }

    /// Gives the directory back.
    pub(super) fn leave(&self) -> Result<()> {
        self.lock.unlock()
    }

    /// Becomes alone without waiting; false, and no longer in the directory, where others use it.
    pub(super) fn try_alone(&self) -> Result<bool> {
        if self.single {
            return Ok(true);
        }
        self.leave()?;
        self.lock.try_lock()
    }
}

/// Refuses file systems on which locks do not keep processes apart.
#[cfg(target_os = "linux")]
fn check_locks(path: &Path) -> Result<()> {
    const BROKEN: [(u64, &str); 5] =
        [(0x6969, "NFS"), (0x6573_5546, "FUSE or virtiofs"), (0x0102_1997, "9p"), (0xff53_4d42, "CIFS"), (0xfe53_4d42, "SMB")];
    let found = rustix::fs::statfs(path).map_err(|error| failed("look at", path, &error.into()))?;
    let kind = u64::try_from(found.f_type).unwrap_or_default() & 0xffff_ffff;
    match BROKEN.iter().find(|(number, _)| *number == kind) {
        None => Ok(()),
        Some((_, name)) => Err(Error::unavailable(format!(
            "{} is on {name}, where file locks do not keep processes apart; use a local disk or a named volume, or set \
             DATA_DIR_SINGLE_WRITER=1 and run one process only",
            path.display()
        ))),
    }
}

#[cfg(not(target_os = "linux"))]
fn check_locks(_path: &Path) -> Result<()> {
    Ok(())
}
