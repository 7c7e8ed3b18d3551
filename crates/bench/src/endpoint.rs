//! DynamoDB endpoints on this machine.

use db_adapter::forum::TABLES;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use db_adapter::dynamodb::{DynamoOptions, DynamoStore, tables};
use std::time::Duration;

use crate::data::Forum;
use crate::place::Place;
use crate::server::{Process, Program, Server};

/// An endpoint with the tables of the forum; ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) url: String,
    _process: Ended,
    _awake: Option<Process>,
}

/// What ends with an endpoint.
#[derive(Debug)]
enum Ended {
    Dynoxide { _server: Server },
    Local { pid: String },
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Self::Local { pid } = self {
            let _ = Command::new("kill").arg(pid).status();
        }
    }
}

impl Endpoint {
    /// DynamoDB in memory, by dynoxide: fast, so that it is not what limits.
    pub(crate) async fn dynoxide(place: &Place) -> Result<Self> {
        let program = |port: u16| bench(&["limit", "dynoxide", "--port", &port.to_string()]);
        let server = Server::start_on(place, place.cores.endpoint, "dynoxide", None, program).await?;
        Self::with_tables(place, format!("http://{}", server.address), Ended::Dynoxide { _server: server }).await
    }

    /// The real DynamoDB Local, in memory.
    pub(crate) async fn dynamodb_local(place: &Place) -> Result<Self> {
        let dir = place.work.join("dynamodb-local");
        let script = place.root.join(".ci/dynamodb-local");
        let mut command = match place.cores.endpoint {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string()]).arg(&script);
                command
            }
            None => Command::new(&script),
        };
        let output = command.arg(&dir).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let output = output.with_context(|| format!("cannot run {}", script.display()))?;
        ensure!(output.status.success(), "DynamoDB Local did not start (it needs a JDK, Maven, curl and python3)");
        let pid = std::fs::read_to_string(dir.join("pid"))?.trim().to_owned();
        Self::with_tables(place, String::from_utf8(output.stdout)?.trim().to_owned(), Ended::Local { pid }).await
    }

    async fn with_tables(place: &Place, url: String, process: Ended) -> Result<Self> {
        let endpoint = Self { url, _process: process, _awake: awake(place)? };
        tables::create(&endpoint.store().await?).await?;
        Ok(endpoint)
    }

    async fn store(&self) -> Result<DynamoStore> {
        let options = DynamoOptions {
            endpoint: Some(self.url.clone()),
            attempt_timeout: Duration::from_secs(60),
            operation_timeout: Duration::from_secs(120),
            ..DynamoOptions::new("us-east-1")
        };
        Ok(DynamoStore::open(&TABLES, options).await?)
    }

    pub(crate) async fn load(&self, forum: &Forum) -> Result<()> {
        forum.load(&self.store().await?).await
    }
}

/// Keeps the endpoint's core from sleeping. Else a server takes time for waking it, and the more the slower the server is, as it would
/// not with an endpoint on other machines.
fn awake(place: &Place) -> Result<Option<Process>> {
    let start = |core| {
        let process = bench(&["limit", "awake"]).start(place, Some(core), "awake")?;
        process.take_only_idle_time()?;
        Ok(process)
    };
    place.cores.endpoint.map(start).transpose()
}

/// This program, as something else.
pub(crate) fn bench(arguments: &[&str]) -> Program {
    // The path was taken from the running process, so it is there.
    Program::new(std::env::current_exe().unwrap_or_default(), arguments)
}
