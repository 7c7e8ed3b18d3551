//! Every call to the file system goes through [`Disk`], so that tests can let any of them fail.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::error::{Error, Result};

/// The file system. The provided methods are the real one.
pub(super) trait Disk: Debug + Send + Sync {
    /// Opens a file for reading and writing, and makes it where asked and missing.
    fn open(&self, path: &Path, create: bool) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(create).truncate(false).open(path)
    }

    /// Makes an empty file, in place of what was there.
    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)
    }

    fn length(&self, file: &File) -> io::Result<u64> {
        file.metadata().map(|metadata| metadata.len())
    }

    /// Reads some bytes; 0 at the end of the file.
    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::read_at(file, buffer, offset);
        #[cfg(windows)]
        return std::os::windows::fs::FileExt::seek_read(file, buffer, offset);
    }

    /// Writes some of the bytes to the file of that path.
    fn write_at(&self, file: &File, _path: &Path, bytes: &[u8], offset: u64) -> io::Result<usize> {
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::write_at(file, bytes, offset);
        #[cfg(windows)]
        return std::os::windows::fs::FileExt::seek_write(file, bytes, offset);
    }

    /// Returns when the file's content and length are on disk.
    fn sync(&self, file: &File, _path: &Path) -> io::Result<()> {
        file.sync_data()
    }

    fn truncate(&self, file: &File, _path: &Path, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// Makes a copy of a file and returns when it is on disk.
    fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::copy(from, to)?;
        File::open(to)?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    /// Returns when the directory's entries are on disk.
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // Windows cannot sync a directory; its file systems log renames.
        if cfg!(windows) { Ok(()) } else { File::open(path)?.sync_all() }
    }
}

/// The real file system.
#[derive(Debug)]
pub(super) struct RealDisk;

impl Disk for RealDisk {}

/// A directory on a disk.
#[derive(Debug, Clone)]
pub(super) struct Dir {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) path: PathBuf,
}

impl Dir {
    /// Opens a file of the directory, and makes it where asked and missing. `None` where it is missing.
    pub(super) fn open(&self, name: &str, create: bool) -> Result<Option<OpenFile>> {
        let path = self.path.join(name);
        match self.disk.open(&path, create) {
            Ok(file) => Ok(Some(OpenFile { disk: Arc::clone(&self.disk), file, path })),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !create => Ok(None),
            Err(error) => Err(failed("open", &path, &error)),
        }
    }

    /// Makes an empty file in place of what was there, with the permissions of the file that it is to replace.
    pub(super) fn create(&self, name: &str, replaces: &str) -> Result<OpenFile> {
        let path = self.path.join(name);
        let create = || {
            let file = self.disk.create(&path)?;
            match fs::metadata(self.path.join(replaces)) {
                Ok(metadata) => file.set_permissions(metadata.permissions()).map(|()| file),
                Err(_) => Ok(file),
            }
        };
        let file = create().map_err(|error| failed("create", &path, &error))?;
        Ok(OpenFile { disk: Arc::clone(&self.disk), file, path })
    }

    /// Makes a copy of a file under another name.
    pub(super) fn copy(&self, name: &str, to: &str) -> Result<()> {
        let to = self.path.join(to);
        self.disk.copy(&self.path.join(name), &to).map_err(|error| failed("write", &to, &error))
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        let path = self.path.join(name);
        match self.disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &path, &error)),
            _ => Ok(()),
        }
    }

    pub(super) fn sync(&self) -> Result<()> {
        self.disk.sync_dir(&self.path).map_err(|error| failed("sync", &self.path, &error))
    }
}

/// A file for reading and writing, whose errors name it.
#[derive(Debug)]
pub(super) struct OpenFile {
    disk: Arc<dyn Disk>,
    file: File,
    path: PathBuf,
}

impl OpenFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn length(&self) -> Result<u64> {
        self.disk.length(&self.file).map_err(|error| failed("read", &self.path, &error))
    }

    /// Was the file removed, so that what is written to it goes with the last process that has it open? Never told on Windows, where
    /// an open file cannot be removed.
    pub(super) fn is_removed(&self) -> Result<bool> {
        #[cfg(unix)]
        return match self.file.metadata() {
            Ok(metadata) => Ok(std::os::unix::fs::MetadataExt::nlink(&metadata) == 0),
            Err(error) => Err(failed("look at", &self.path, &error)),
        };
        #[cfg(not(unix))]
        return Ok(false);
    }

    /// The device and the number of the file on it.
    #[cfg(target_os = "linux")]
    pub(super) fn place(&self) -> io::Result<(u64, u64)> {
        use std::os::unix::fs::MetadataExt;
        self.file.metadata().map(|metadata| (metadata.dev(), metadata.ino()))
    }

    /// Reads some bytes; 0 at the end of the file.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.read_at(&self.file, buffer, offset)
    }

    /// Fills the buffer as far as the file goes, and returns how far.
    pub(super) fn read_full(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read_at(rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed("read", &self.path, &error)),
            }
        }
        Ok(filled)
    }

    /// Writes all bytes. On an error some may have been written.
    pub(super) fn write_at(&self, mut bytes: &[u8], mut offset: u64) -> Result<()> {
        while !bytes.is_empty() {
            let written = match self.disk.write_at(&self.file, &self.path, bytes, offset) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
                other => other,
            };
            let written = written.map_err(|error| failed("write", &self.path, &error))?;
            bytes = bytes.get(written..).unwrap_or_default();
            offset += written as u64;
        }
        Ok(())
    }

    /// Returns when the file's content and length are on disk. After an error nothing is known of what was written since the
    /// last success: the system may have dropped it, and a second try may succeed all the same.
    pub(super) fn sync(&self) -> Result<()> {
        self.disk.sync(&self.file, &self.path).map_err(|error| failed("sync", &self.path, &error))
    }

    pub(super) fn truncate(&self, length: u64) -> Result<()> {
        self.disk.truncate(&self.file, &self.path, length).map_err(|error| failed("shorten", &self.path, &error))
    }

    /// Gives the file another name in its directory, in place of the file that has it.
    pub(super) fn rename(&mut self, name: &str) -> Result<()> {
        let to = self.path.with_file_name(name);
        self.disk.rename(&self.path, &to).map_err(|error| failed("rename", &self.path, &error))?;
        self.path = to;
        Ok(())
    }

    /// Waits for the advisory lock on the file.
    pub(super) fn lock(&self) -> Result<()> {
        loop {
            match self.file.lock() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map_err(|error| failed("lock", &self.path, &error)),
            }
        }
    }

    pub(super) fn try_lock(&self) -> Result<bool> {
        self.tried("lock", self.file.try_lock())
    }

    pub(super) fn try_lock_shared(&self) -> Result<bool> {
        self.tried("lock", self.file.try_lock_shared())
    }

    pub(super) fn unlock(&self) -> Result<()> {
        self.file.unlock().map_err(|error| failed("unlock", &self.path, &error))
    }

    fn tried(&self, doing: &str, tried: std::result::Result<(), TryLockError>) -> Result<bool> {
        match tried {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(failed(doing, &self.path, &error)),
        }
    }
}

/// Reads a file from an offset to an end, whatever is appended meanwhile.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) file: &'a OpenFile,
    pub(super) offset: u64,
    pub(super) end: u64,
}

impl io::Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let count = self.file.read_at(buffer.get_mut(..length).unwrap_or_default(), self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// The error of a call to the file system.
pub(super) fn failed(doing: &str, path: &Path, error: &io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; the directory and its files must be writable by the user that runs this process: see DATA_DIR"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; free some space",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => "; DATA_DIR must name a directory",
        _ => "",
    };
    Error::unavailable(format!("cannot {doing} {}: {error}{hint}", path.display()))
}
