//! What the machine allows: bare servers and programs, each a process of its own, that do as little as can be done.

mod append;
mod batch_write;
mod constant;
mod dynoxide;
mod sdk;

use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::Result;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use axum::Router;
use axum::serve::ListenerExt;
use clap::Subcommand;
use tokio::net::TcpListener;

/// One limit. `port` is on 127.0.0.1.
#[derive(Debug, Subcommand)]
pub(crate) enum Limit {
    /// axum that answers every request with one body
    Constant {
        #[arg(long)]
        port: u16,
        #[arg(long)]
        body: PathBuf,
    },
    /// axum that appends every body to a file, up to 64 with one sync
    Append {
        #[arg(long)]
        port: u16,
        #[arg(long)]
        file: PathBuf,
    },
    /// axum that makes the one SDK call
    Sdk {
        #[arg(long)]
        port: u16,
        #[arg(long)]
        endpoint: String,
        /// With the forum's timeouts, retries and parameters of a call
        #[arg(long)]
        as_forum: bool,
        /// In the layers of a service, too
        #[arg(long, requires = "as_forum")]
        layers: bool,
    },
    /// BatchWriteItem with the posts of a backup
    BatchWrite {
        #[arg(long)]
        endpoint: String,
        #[arg(long)]
        file: PathBuf,
        /// Parts of the backup at once; without it, all is one stream
        #[arg(long)]
        parts: Option<usize>,
        /// With the forum's timeouts and retries, and the question for the capacity that it consumed
        #[arg(long)]
        as_forum: bool,
    },
    /// DynamoDB in memory
    Dynoxide {
        #[arg(long)]
        port: u16,
    },
    /// What never sleeps, as long as its parent lives
    Awake,
}

#[tokio::main]
pub(crate) async fn run(limit: Limit) -> Result<()> {
    match limit {
        Limit::Constant { port, body } => serve(port, constant::router(std::fs::read(body)?)).await,
        Limit::Append { port, file } => serve(port, append::router(&file)?).await,
        Limit::Sdk { port, endpoint, layers: true, .. } => sdk::serve_in_layers(port, endpoint).await,
        Limit::Sdk { port, endpoint, as_forum: false, .. } => serve(port, sdk::router(&endpoint)).await,
        Limit::Sdk { port, endpoint, as_forum: true, .. } => serve(port, sdk::router_as_forum(endpoint).await?).await,
        Limit::BatchWrite { endpoint, file, parts, as_forum: false } => {
            batch_write::run(sdk::client(&endpoint), None, &file, parts).await
        }
        Limit::BatchWrite { endpoint, file, parts, as_forum: true } => {
            let client = sdk::client_as_forum(endpoint).await?;
            batch_write::run(client, Some(ReturnConsumedCapacity::Indexes), &file, parts).await
        }
        Limit::Dynoxide { port } => dynoxide::serve(listen(port).await?).await,
        Limit::Awake => {
            stay_awake();
            Ok(())
        }
    }
}

fn stay_awake() {
    let parent = std::os::unix::process::parent_id();
    while std::os::unix::process::parent_id() == parent {
        (0..1_000_000).for_each(|_| std::hint::spin_loop());
    }
}

async fn listen(port: u16) -> Result<TcpListener> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?)
}

async fn serve(port: u16, router: Router) -> Result<()> {
    let listener = listen(port).await?.tap_io(|stream| {
        // As the services do.
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, router).await?)
}
