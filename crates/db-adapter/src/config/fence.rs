//! The settings of the fence.

use clap::Args;

use super::{OpenError, parse_endpoint, parse_region, table_names};
use crate::backend::dynamodb::ControlTable;

/// Where the lease is that says which Region writes. Without a table there is no fence.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Fence")]
pub struct FenceConfig {
    /// DynamoDB table with the lease that says which Region writes; without it this one always may
    #[arg(long, env = "FENCE_TABLE", value_name = "FENCE_TABLE", value_parser = table_names::parse)]
    pub fence_table: Option<String>,

    /// AWS Region of that table [default: AWS_REGION, for a table that is replicated with strong consistency]
    #[arg(long, env = "FENCE_REGION", value_name = "FENCE_REGION", value_parser = parse_region)]
    pub fence_region: Option<String>,

    /// URL of the DynamoDB that has that table, for tests; without it, the Region's own endpoint
    #[arg(long, env = "FENCE_ENDPOINT", value_name = "FENCE_ENDPOINT", value_parser = parse_endpoint)]
    pub fence_endpoint: Option<String>,
}

impl FenceConfig {
    /// The table with the lease, for a process in the Region `own`; `None` where there is no fence.
    ///
    /// # Errors
    /// [`OpenError`], in words for the person who starts the program.
    pub async fn open(&self, own: &str) -> Result<Option<ControlTable>, OpenError> {
        let Some(table) = &self.fence_table else { return Ok(None) };
        let region = self.fence_region.as_deref().unwrap_or(own);
        Ok(Some(ControlTable::open(table, region, self.fence_endpoint.as_deref()).await?))
    }
}
