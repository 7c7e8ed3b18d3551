//! The servers that are compared.

use std::path::Path;
use std::rc::Rc;

use anyhow::Result;

use crate::data::Forum;
use crate::endpoint::{Endpoint, bench};
use crate::place::Place;
use crate::server::{Program, Server};
use crate::tools;

/// Where a forum's server has its data.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Backend<'a> {
    Json(&'a Path),
    DynamoDb(&'a Endpoint),
}

impl Backend<'_> {
    fn settings(self, program: Program) -> Program {
        match self {
            Self::Json(dir) => program.env("DATA_DIR", dir.display().to_string()),
            Self::DynamoDb(endpoint) => patient(program.env("USE_DYNAMODB", "true").env("DYNAMODB_ENDPOINT", &endpoint.url)),
        }
    }
}

/// A busy machine must not turn a slow answer of the endpoint into a timeout.
pub(crate) fn patient(program: Program) -> Program {
    program
        .env("DYNAMODB_ATTEMPT_TIMEOUT_MS", "50000")
        .env("DYNAMODB_OPERATION_TIMEOUT_MS", "55000")
        .env("REQUEST_TIMEOUT_SECONDS", "60")
}

/// What is not logged: as with the other variants, requests.
pub(crate) const QUIET: &str = "warn,db_adapter=info";

/// A program of ours that serves: a service, or the whole forum. It has no identity, which no other variant has either.
pub(crate) fn program(place: &Place, name: &str, backend: Backend<'_>, port: u16) -> Program {
    let arguments: &[&str] = if name == "forum" { &["dev", "--empty"] } else { &[] };
    let program = Program::new(place.binary(name), arguments).env("AUTH", "off");
    backend.settings(program).env("PORT", port.to_string()).env("RUST_LOG", QUIET)
}

/// One of ours, which answers `ready`.
pub(crate) async fn ours(place: &Place, name: &str, log: &str, backend: Backend<'_>, ready: &str) -> Result<Rc<Server>> {
    Ok(Rc::new(Server::start(place, log, ready, |port| program(place, name, backend, port)).await?))
}

/// Bare axum that answers one body.
pub(crate) async fn constant(place: &Place, log: &str, body: &[u8]) -> Result<Rc<Server>> {
    let file = place.fresh(log)?.join("body");
    std::fs::write(&file, body)?;
    limit(place, log, &["constant", "--body", &file.display().to_string()]).await
}

/// A server of [`crate::limit`].
pub(crate) async fn limit(place: &Place, log: &str, arguments: &[&str]) -> Result<Rc<Server>> {
    let program = |port: u16| bench(&[&["limit"], arguments, &["--port", &port.to_string()]].concat());
    Ok(Rc::new(Server::start(place, log, "/", program).await?))
}

/// The path of users in PocketBase.
pub(crate) const POCKETBASE_USERS: &str = "/api/collections/users/records";
/// The path of one of them, without the id.
pub(crate) const POCKETBASE_USER: &str = "/api/collections/users/records/";

/// PocketBase with the users of the forum, and what its variant is called.
pub(crate) async fn pocketbase(place: &Place, log: &str, forum: &Forum, ready: &str) -> Result<(String, Rc<Server>)> {
    let path = tools::pocketbase(place)?;
    let dir = place.fresh(log)?;
    let (file, data) = (forum.json_server_file(&dir)?.display().to_string(), dir.join("data").display().to_string());
    let program = |port: u16| {
        let address = format!("127.0.0.1:{port}");
        Program::new(&path, &["serve", "--http", &address, "--dir", &data]).env("BENCH_FILE", &file)
    };
    let server = Server::start(place, log, ready, program).await?;
    Ok((format!("PocketBase {}", tools::pocketbase_version()?), Rc::new(server)))
}

/// json-server of that version on a file of its own.
pub(crate) async fn json_server(place: &Place, version: &str, log: &str, forum: &Forum, ready: &str) -> Result<Rc<Server>> {
    let script = tools::json_server(place, version)?.display().to_string();
    // It serves this folder too, and does not start without it.
    std::fs::create_dir_all(place.work.join("public"))?;
    let file = forum.json_server_file(&place.fresh(log)?)?.display().to_string();
    let program = |port: u16| {
        let quiet: &[&str] = if version.starts_with('0') { &["--quiet"] } else { &[] };
        let port = port.to_string();
        let arguments = [&[script.as_str(), "--host", "127.0.0.1", "--port", &port], quiet, &[&file]].concat();
        // In production it neither watches its file nor logs.
        Program::new("node", &arguments).env("NODE_ENV", "production")
    };
    Ok(Rc::new(Server::start(place, log, ready, program).await?))
}
