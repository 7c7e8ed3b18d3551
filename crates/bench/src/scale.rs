//! A map past this machine: the schema on DynamoDB's published limits, for forums of 10 thousand to 100 million users.
//!
//! | file | what |
//! |---|---|
//! | `published` | what AWS publishes: limits, and what an item takes |
//! | `popularity` | how unevenly threads and users are asked for |
//! | `forum` | how large a forum is, and how much is asked of it |
//! | `flow` | what each request takes of which table and index |
//! | `partition` | partitions under a load, and how they are split |
//! | `ceiling` | the load at which a limit binds |
//! | `cache` | what a cache in the tasks leaves of the reads |
//! | `bill` | what a month costs, and how many tasks it takes |
//! | `report` | docs/scale.md |

mod bill;
mod cache;
mod ceiling;
mod flow;
mod forum;
mod partition;
mod popularity;
mod published;
mod report;

use std::path::Path;

use anyhow::{Context, Result};

/// Writes docs/scale.md, which is the same after every run.
pub(crate) fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("the benchmark is not in its workspace")?;
    let path = root.join("docs/scale.md");
    std::fs::write(&path, report::render()?).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("wrote {}", path.display());
    Ok(())
}
