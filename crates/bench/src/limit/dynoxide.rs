//! DynamoDB in memory, as a process of its own.

use anyhow::{Result, anyhow};
use dynoxide::Database;
use tokio::net::TcpListener;

pub(crate) async fn serve(listener: TcpListener) -> Result<()> {
    let database = Database::memory().map_err(|error| anyhow!("{error}"))?;
    dynoxide::server::serve_on(listener, database).await;
    Ok(())
}
