//! Arguments that several commands share.

use clap::{Args, value_parser};
use db_adapter::config::{FenceConfig, StoreConfig};

use crate::output::{self, Format};

/// How tables are read.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ReadArguments {
    /// Number of segments of each table to scan in parallel [default: 16 on DynamoDB, 4 on JSON files]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1000))]
    pub(crate) segments: Option<u32>,

    /// Maximum read capacity units per second [default: no limit]
    #[arg(long, value_name = "UNITS", value_parser = value_parser!(u32).range(1..))]
    pub(crate) max_read_units: Option<u32>,
}

/// How tables are written.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct WriteArguments {
    /// Maximum write capacity units per second, tables and indexes together [default: no limit]
    #[arg(long, value_name = "UNITS", value_parser = value_parser!(u32).range(1..))]
    pub(crate) max_write_units: Option<u32>,
}

/// How the result is printed.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct OutputArguments {
    /// Print the result and the progress as JSON
    #[arg(long)]
    json: bool,
}

impl OutputArguments {
    /// The chosen form.
    pub(crate) fn format(self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

/// Whether a command that writes obeys the fence.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct FenceArguments {
    /// Write although FENCE_TABLE does not let this Region write: for an emergency; two Regions that write lose data
    #[arg(long)]
    ignore_fence: bool,
}

impl FenceArguments {
    /// The settings that the command works with.
    pub(crate) fn settings(self, store: &StoreConfig) -> StoreConfig {
        StoreConfig { fence: self.lease(&store.fence), ..store.clone() }
    }

    /// The fence that the command obeys; says so where it obeys none.
    pub(crate) fn lease(self, fence: &FenceConfig) -> FenceConfig {
        match &fence.fence_table {
            Some(table) if self.ignore_fence => {
                output::note(format_args!("--ignore-fence: this command writes whatever FENCE_TABLE {table} says"));
                FenceConfig::default()
            }
            _ => fence.clone(),
        }
    }
}
