//! `forum serve`: the whole forum in one process on one port.

use anyhow::Result;
use clap::Args;
use http_kit::binary::Serve;
use web::ForumConfig;

use crate::Outcome;

/// Serve the whole forum on one port in production: no sample data, and no log-in without an issuer
#[derive(Debug, Args)]
#[command(after_help = "Example: USE_DYNAMODB=true forum serve --host 0.0.0.0 --auth-issuer https://issuer.example")]
pub(crate) struct Arguments {
    #[command(flatten)]
    serve: Serve<ForumConfig>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Outcome> {
    arguments.serve.run(|config| services::all(config.removed_keep_days)).await.map_err(anyhow::Error::from_boxed)?;
    Ok(Outcome::Done)
}
