//! The load profile that is priced.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use capacity::operations;
use db_adapter::forum;
use db_adapter::forum::TABLES;
use serde::{Deserialize, Serialize};

/// A load and the stored data. Fields that a profile file leaves out are as in [`Profile::default`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Profile {
    /// Number of times per day that each operation runs, by its name in [`operations::all`].
    pub(crate) operations_per_day: BTreeMap<String, f64>,
    /// Megabytes (10^6 bytes) in each table, indexes not counted.
    pub(crate) storage_mb: BTreeMap<String, f64>,
    /// Size of an item in kilobytes.
    pub(crate) item_kb: f64,
    /// Regions that hold every table, the first one included.
    pub(crate) regions: u32,
    /// Is point-in-time recovery on, in every region?
    pub(crate) pitr: bool,
    /// Days for which daily backups are kept; 0 for no backups. With a second region a copy of each is kept there.
    pub(crate) backup_days: u32,
    /// Provisioned read and write capacity of each table and each index.
    pub(crate) capacity: u32,
}

/// The example of the guide.
impl Default for Profile {
    fn default() -> Self {
        let map = |pairs: &[(&str, f64)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Self {
            operations_per_day: map(&[("get", 10_000.0), ("create-post", 1_000.0)]),
            storage_mb: map(&[("users", 5.0), ("threads", 5.0), ("posts", 90.0)]),
            item_kb: 1.0,
            regions: 2,
            pitr: true,
            backup_days: 30,
            capacity: 5,
        }
    }
}

impl Profile {
    /// The profile in the file.
    ///
    /// # Errors
    /// The file cannot be read or has an unknown field.
    pub(crate) fn load(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not a load profile", file.display()))
    }

    /// Checks names and ranges.
    ///
    /// # Errors
    /// Names the operation, table or field, its value and what is allowed.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        for (name, count) in &self.operations_per_day {
            if operations::named(name).is_none() {
                let known: Vec<_> = operations::all().into_iter().map(|operation| operation.name).collect();
                bail!("unknown operation {name}; expected one of {}", known.join(", "));
            }
            ensure!(*count >= 0.0 && count.is_finite(), "operation {name} is {count} per day; expected 0 or more");
        }
        for (name, megabytes) in &self.storage_mb {
            if forum::table(name).is_none() {
                bail!("unknown table {name}; expected one of {}", TABLES.map(|table| table.name).join(", "));
            }
            ensure!(*megabytes >= 0.0 && megabytes.is_finite(), "storage of {name} is {megabytes} MB; expected 0 or more");
        }
        ensure!(
            self.item_kb > 0.0 && self.item_kb <= 400.0,
            "item size is {} KB; expected more than 0 and no more than 400",
            self.item_kb
        );
        ensure!((1..=40).contains(&self.regions), "regions is {}; expected 1 to 40", self.regions);
        Ok(())
    }
}
