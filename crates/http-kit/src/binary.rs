//! A program that serves: configuration, store, serving.

use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use db_adapter::Table;
use db_adapter::config::{CacheConfig, StoreConfig};

use crate::auth::{Auth, AuthConfig, Mode};
use crate::config::{MetricsSink, ServerConfig, without_empty_variables};
use crate::emf::Emf;
use crate::pages::Pages;
use crate::serve::{Server, routes};
use crate::service::Service;
use crate::telemetry::{self, Logs};
use crate::{healthcheck, service};

/// The settings of whatever serves.
#[derive(Debug, Args)]
pub struct Settings {
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub server: ServerConfig,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub store: StoreConfig,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub cache: CacheConfig,
    #[command(flatten)]
    #[allow(missing_docs, reason = "as above")]
    pub auth: AuthConfig,
}

// The arguments of a program that serves: a doc comment here would become its help.
#[derive(Debug, Parser)]
#[allow(missing_docs, reason = "as above")]
pub struct Serve<P: PageConfig> {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    page: P,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Settings of the pages that a program can serve beside its service.
pub trait PageConfig: Args {
    /// The pages, where they are asked for. Whoever looks at them logs in at the issuer of `auth`.
    ///
    /// # Errors
    /// What to set, for the person who starts the program.
    fn pages(self, auth: &AuthConfig) -> Result<Option<Arc<dyn Pages>>, String>;
}

/// Of a program that has no pages.
#[derive(Debug, Clone, Copy, Args)]
pub struct NoPage {}

impl PageConfig for NoPage {
    fn pages(self, _: &AuthConfig) -> Result<Option<Arc<dyn Pages>>, String> {
        Ok(None)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check whether the server on HOST and PORT is alive; exit 0 when it is
    Healthcheck,
}

/// Why a program did not serve, or is not alive: one line for the person who started it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

impl<P: PageConfig> Serve<P> {
    /// Serves until SIGTERM or SIGINT; with `healthcheck`, asks whether another process does.
    ///
    /// # Errors
    /// Settings that exclude each other, a store that cannot be opened, [`ServeError`](crate::serve::ServeError), a server that is not alive.
    pub async fn run(self, services: Services) -> Result<(), Failure> {
        match self.command {
            Some(Command::Healthcheck) => Ok(healthcheck::ask(self.settings.server.listen.address())?),
            None => serve(self.settings, self.page, services).await,
        }
    }
}

/// What a program serves, by its settings.
pub type Services = fn(&ServerConfig) -> Vec<Service>;

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
    pub services: Services,
}

/// Runs the program to its end: 0 after an orderly shutdown, 1 and one line on standard error when it cannot serve, 2 when it is
/// called wrongly.
pub fn run(program: Program) -> ExitCode {
    run_with::<NoPage>(program)
}

/// As [`run`], of a program that can serve pages.
#[tokio::main]
pub async fn run_with<P: PageConfig>(program: Program) -> ExitCode {
    let version: &'static str = Box::leak(service::version().into_boxed_str());
    let command = with_port(Serve::<P>::command(), program.port).name(program.name).about(program.about).version(version);
    let matches = without_empty_variables(command).get_matches();
    let arguments = Serve::<P>::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match arguments.run(program.services).await {
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

async fn serve(settings: Settings, page: impl PageConfig, services: Services) -> Result<(), Failure> {
    let Settings { server, store, cache, auth: auth_config } = settings;
    let logs = telemetry::init_to_serve(&server)?;
    store.check_request_timeout(server.request_timeout())?;
    let auth = identity(&auth_config, server.listen.host)?;
    let pages = page.pages(&auth_config)?;
    let services = services(&server);
    let mut server = Server::bind(server)?;
    if let Some(pages) = pages {
        server = server.with_pages(pages);
    }
    let store = logs.traced(cache.wrap(store.open_to_serve(tables(&services)).await?));
    warn_where_open(auth.is_none());
    server.run(store, services, auth).await?;
    Ok(())
}

/// What serves requests that something else receives.
#[derive(Debug)]
pub struct Embedded {
    /// Every route, with every layer.
    pub router: Router,
    emf: Option<Emf>,
    logs: Logs,
}

impl Embedded {
    /// What is to be done before the process may be frozen: sends traces, and writes metrics when a minute has passed since the last
    /// ones.
    pub async fn before_freeze(&self) {
        self.logs.send_traces().await;
        if let Some(emf) = &self.emf {
            emf.write_if_due();
        }
    }
}

impl<P: PageConfig> Serve<P> {
    /// The settings of a program without arguments: its environment, and nothing else. Ends the process with a message where a
    /// variable is wrong.
    pub fn of_environment(name: &'static str) -> Self {
        let command = with_port(Self::command(), "0").name(name);
        let matches = without_empty_variables(command).get_matches_from([name]);
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// Opens the store and makes the routes. As others than this machine reach them, identity must be set, or said to be off.
    ///
    /// # Errors
    /// Settings that exclude each other, a store that cannot be opened.
    pub async fn embed(self, services: Services) -> Result<Embedded, Failure> {
        let Settings { server, store, cache, auth: auth_config } = self.settings;
        let logs = telemetry::init_to_serve(&server)?;
        store.check_request_timeout(server.request_timeout())?;
        let auth = identity(&auth_config, Ipv4Addr::UNSPECIFIED.into())?;
        let pages = self.page.pages(&auth_config)?;
        let services = services(&server);
        let store = logs.traced(cache.wrap(store.open_to_serve(tables(&services)).await?));
        warn_where_open(auth.is_none());
        let emf = (server.metrics == MetricsSink::Emf).then(|| Emf::new(&server.metrics_namespace));
        let router = routes(&server, &store, services, auth, pages).await;
        Ok(Embedded { router, emf, logs })
    }
}

/// The tables of these services.
pub fn tables(services: &[Service]) -> Vec<&'static Table> {
    services.iter().map(|service| service.table).collect()
}

/// Once it can serve: a start that fails says why in one line.
fn warn_where_open(open: bool) {
    if open {
        tracing::warn!("AUTH is off: whoever reaches this program may do everything");
    }
}

/// Identity as it is set.
fn identity(config: &AuthConfig, host: IpAddr) -> Result<Option<Arc<Auth>>, String> {
    match config.mode(host, Mode::Off)? {
        Mode::Off => Ok(None),
        Mode::Dev => Err("AUTH=dev is for `forum dev`; here set AUTH_ISSUER or AUTH=off".to_owned()),
        Mode::Oidc => Ok(Some(Auth::new(config.oidc()?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_sound_and_shows_its_port() {
        let mut command = with_port(Serve::<NoPage>::command(), "3001");
        command.clone().debug_assert();
        assert!(command.render_long_help().to_string().contains("3001"));
        assert!(!command.render_usage().to_string().contains("PORT"));
    }
}
