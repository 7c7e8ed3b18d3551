//! What a month is made of: the load profile that is priced.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use db_adapter::forum::{self, TABLES};
use serde::{Deserialize, Serialize};

use super::operations;

/// A load and what is kept. What a profile file leaves out is as in [`Profile::default`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Profile {
    /// How often a day each operation runs, by its name in [`operations::all`].
    pub(crate) operations_per_day: BTreeMap<String, f64>,
    /// Megabytes (10^6 bytes) in each table, indexes not counted.
    pub(crate) storage_mb: BTreeMap<String, f64>,
    /// Kilobytes of an item.
    pub(crate) item_kb: f64,
    /// Regions that hold every table, the first one included.
    pub(crate) regions: u32,
    /// Is point-in-time recovery on, in every region?
    pub(crate) pitr: bool,
    /// Days for which a daily backup is kept; 0 is no backup. With a second region a copy of each is kept there.
    pub(crate) backup_days: u32,
    /// Read and write capacity of each table and each index where capacity is provisioned.
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
                let known: Vec<_> = operations::all().iter().map(|operation| operation.name).collect();
                bail!("there is no operation {name}; there are {}", known.join(", "));
            }
            ensure!(*count >= 0.0 && count.is_finite(), "operation {name}: {count} a day; it is a number from 0");
        }
        for (name, megabytes) in &self.storage_mb {
            if forum::table(name).is_none() {
                bail!("there is no table {name}; there are {}", TABLES.map(|table| table.name).join(", "));
            }
            ensure!(*megabytes >= 0.0 && megabytes.is_finite(), "storage of {name}: {megabytes} MB; it is a number from 0");
        }
        ensure!(self.item_kb > 0.0 && self.item_kb <= 400.0, "item size: {} KB; it is above 0 and at most 400", self.item_kb);
        ensure!((1..=40).contains(&self.regions), "regions: {}; there are 1 to 40", self.regions);
        Ok(())
    }
}
