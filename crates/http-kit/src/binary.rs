//! The program of a service: configuration, store, serving.

use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use db_adapter::config::{CacheConfig, StoreConfig};

use crate::auth::{Auth, AuthConfig, Mode};
use crate::config::{ServerConfig, without_empty_variables};
use crate::serve::Server;
use crate::service::Service;
use crate::{healthcheck, service, telemetry};

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    server: ServerConfig,
    #[command(flatten)]
    store: StoreConfig,
    #[command(flatten)]
    cache: CacheConfig,
    #[command(flatten)]
    auth: AuthConfig,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check whether the server on HOST and PORT is alive; exit 0 when it is
    Healthcheck,
}

/// What every program allocates with: glibc's allocator takes twice the time for what a request allocates.
pub use mimalloc::MiMalloc as Allocator;

/// What differs between the programs.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The program's name.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Its port where none is configured.
    pub port: &'static str,
    /// What it serves.
    pub service: fn() -> Service,
}

/// Runs the program to its end: 0 after an orderly shutdown, 1 and one line on standard error when it cannot serve, 2 when it is
/// called wrongly.
pub fn run(program: Program) -> ExitCode {
    let version: &'static str = Box::leak(service::version().into_boxed_str());
    let command = with_port(Cli::command(), program.port).name(program.name).about(program.about).version(version);
    let cli = Cli::from_arg_matches(&without_empty_variables(command).get_matches()).unwrap_or_else(|error| error.exit());
    let done = match cli.command {
        Some(Command::Healthcheck) => healthcheck::ask(cli.server.listen.address()),
        None => serve(cli, program.service).map_err(|error| error.to_string()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            telemetry::print(std::io::stderr(), format!("{}: {reason}\n", program.name));
            ExitCode::FAILURE
        }
    }
}

/// The command with a default for [`Listen::port`](crate::config::Listen::port), so that `--help` shows it.
#[must_use]
pub fn with_port(command: clap::Command, port: &'static str) -> clap::Command {
    command.mut_arg("port", |arg| arg.default_value(port).required(false))
}

#[tokio::main]
async fn serve(cli: Cli, service: fn() -> Service) -> Result<(), Box<dyn std::error::Error>> {
    let _logs = telemetry::init(cli.server.log_format, &cli.server.rust_log);
    cli.store.check_request_timeout(cli.server.request_timeout())?;
    let auth = identity(&cli.auth, cli.server.listen.host)?;
    let server = Server::bind(cli.server)?;
    let store = cli.cache.wrap(cli.store.open().await?);
    if auth.is_none() {
        tracing::warn!("AUTH is off: whoever reaches this port may do everything");
    }
    server.run(store, vec![service()], auth).await?;
    Ok(())
}

/// Identity as it is set.
fn identity(config: &AuthConfig, host: IpAddr) -> Result<Option<Arc<Auth>>, String> {
    match config.mode(host, Mode::Off)? {
        Mode::Off => Ok(None),
        Mode::Dev => Err("AUTH=dev is for `forum dev`; a service takes AUTH_ISSUER or AUTH=off".to_owned()),
        Mode::Oidc => Ok(Some(Auth::new(config.oidc()?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_sound_and_shows_its_port() {
        let mut command = with_port(Cli::command(), "3001");
        command.clone().debug_assert();
        assert!(command.render_long_help().to_string().contains("3001"));
        assert!(!command.render_usage().to_string().contains("PORT"));
    }
}
