//! Where the project is, and where the benchmark keeps its own files.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cli::{Profile, Settings};
use crate::machine::Cores;

/// What every scenario is given.
#[derive(Debug)]
pub(crate) struct Place {
    /// The root of the project.
    pub(crate) root: PathBuf,
    /// Holds everything that the benchmark makes.
    pub(crate) work: PathBuf,
    pub(crate) settings: Settings,
    pub(crate) cores: Cores,
}

impl Place {
    pub(crate) fn new(settings: Settings) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("the benchmark is not in its workspace")?;
        let work = root.join("target/bench");
        std::fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
        Ok(Self { root: root.to_owned(), work, settings, cores: Cores::of_this_process()? })
    }

    /// A program of the workspace.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        let profile = match self.settings.profile {
            Profile::Release => "release",
            Profile::Dev => "debug",
        };
        self.root.join("target").join(profile).join(name)
    }

    /// A folder for the data of one server, empty.
    pub(crate) fn fresh(&self, name: &str) -> Result<PathBuf> {
        let dir = self.work.join("run").join(name);
        let failed = || format!("cannot empty {}", dir.display());
        if dir.exists() {
            std::fs::remove_dir_all(&dir).with_context(failed)?;
        }
        std::fs::create_dir_all(&dir).with_context(failed)?;
        Ok(dir)
    }

    /// A folder with copies of the files of another one, for a server that changes them.
    pub(crate) fn copy_of(&self, from: &Path, name: &str) -> Result<PathBuf> {
        let dir = self.fresh(name)?;
        for entry in std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
            let path = entry?.path();
            let name = path.file_name().context("a file has no name")?;
            let copy = dir.join(name);
            std::fs::copy(&path, &copy).with_context(|| format!("cannot copy {}", path.display()))?;
            // Else it is brought to disk while something is measured.
            File::open(&copy)?.sync_all()?;
        }
        Ok(dir)
    }
}
