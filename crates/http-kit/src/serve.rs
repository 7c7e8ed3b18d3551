//! Listening, and leaving in an orderly way.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use db_adapter::Backend;

use crate::auth::Auth;
use crate::config::{MetricsSink, Origins, ServerConfig};
use crate::connection::Acceptor;
use crate::emf::Emf;
use crate::health::Draining;
use crate::layers::{Behaviour, app};
use crate::limits::{Clock, RateLimits, Switch};
use crate::metrics;
use crate::open_files::{self, AcceptErrors};
use crate::pages::Pages;
use crate::service::{Service, SharedStore};

/// hyper's limit for a header is also its limit for an idle connection. A load balancer that keeps connections for 60 s must be
/// the first to close one, else it sends a request into a closed one and returns 502.
const NEXT_REQUEST: Duration = Duration::from_secs(75);
/// Bytes of a header that are surely taken; twice as many are surely 431, as hyper looks after each read. Its own limit is about
/// 400 KiB, which every connection may take.
const HEADER_BYTES: usize = 64 * 1024;
/// How long requests in flight may take once the server stops accepting.
const IN_FLIGHT: Duration = Duration::from_secs(5);

/// Why a server does not serve. One line each, for the person who starts it.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another process listens there.
    #[error("{0} is taken by another process: stop that one, or choose another port with --port or PORT")]
    Taken(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}; choose another address with --host and --port, or HOST and PORT")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        reason: io::Error,
    },
    /// Serving failed.
    #[error("serving failed: {0}")]
    Serve(io::Error),
    /// The store could not finish its work.
    #[error("the store could not be closed: {0}")]
    Close(db_adapter::Error),
}

/// A port that is listened on: connections wait until it runs.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    config: ServerConfig,
    development: Option<Router>,
    pages: Option<Arc<dyn Pages>>,
}

impl Server {
    /// Listens on the configured address and port.
    ///
    /// # Errors
    /// [`ServeError::Taken`] and [`ServeError::Listen`].
    pub fn bind(config: ServerConfig) -> Result<Self, ServeError> {
        let address = config.listen.address();
        let listen = || -> io::Result<_> {
            let listener = TcpListener::bind(address)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        match listen() {
            Ok((listener, address)) => Ok(Self { listener, address, config, development: None, pages: None }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(ServeError::Taken(address)),
            Err(reason) => Err(ServeError::Listen { address, reason }),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same with the routes of the issuer for development. From then on it serves this machine only: names of it as hosts, and
    /// pages from it unless CORS_ALLOWED_ORIGINS adds others.
    #[must_use]
    pub fn for_development(self, routes: Router) -> Self {
        Self { development: Some(routes), ..self }
    }

    /// The same with pages for people.
    #[must_use]
    pub fn with_pages(self, pages: Arc<dyn Pages>) -> Self {
        Self { pages: Some(pages), ..self }
    }

    /// Serves until SIGTERM or SIGINT, then closes the store. `auth` checks tokens; without one everybody may do everything. On SIGTERM readiness turns 503 and serving goes on for the grace
    /// time, so that load balancers look elsewhere before connections are refused; then requests in flight may finish.
    ///
    /// # Errors
    /// [`ServeError::Serve`] and [`ServeError::Close`].
    pub async fn run(self, store: SharedStore, services: Vec<Service>, auth: Option<Arc<Auth>>) -> Result<(), ServeError> {
        open_files::raise_limit(self.config.max_in_flight);
        let signals = Signals::listen().map_err(ServeError::Serve)?;
        let draining = Draining::default();
        let handle = Handle::new();
        let behaviour = behaviour(&self.config, self.development.as_ref(), &store, &services, auth.clone()).await;
        let behaviour = Behaviour { pages: self.pages, ..behaviour };
        let app = app(services, &store, &behaviour, &draining);

        let rate_limits = behaviour.rate_limits;
        let connections = self.config.connections(rate_limits.is_some() || behaviour.body_memory_of_client.is_some());
        let accept_errors = AcceptErrors::new();
        let mut server = axum_server::from_tcp(self.listener)
            .map_err(ServeError::Serve)?
            .acceptor(Acceptor::new(connections))
            .handle(handle.clone())
            .accept_error_handler(move |client, error| accept_errors.on_error(client, error))
            .http1_only()
            .first_request_timeout(connections.patience.header);
        // A client that closes its write side after a request still reads.
        server.http_builder().http1().header_read_timeout(NEXT_REQUEST).max_buf_size(HEADER_BYTES).half_close(true);

        let upkeep = tokio::spawn(metrics::upkeep());
        let emf = (self.config.metrics == MetricsSink::Emf).then(|| Emf::new(&self.config.metrics_namespace));
        let writing = emf.clone().map(|emf| tokio::spawn(emf.keep_writing()));
        let keys = auth.map(|auth| tokio::spawn(auth.refresh()));
        let forgetting = rate_limits.map(|limits| tokio::spawn(limits.upkeep()));
        let grace = Duration::from_secs(self.config.shutdown_grace_seconds);
        let leave = tokio::spawn(leave(signals, draining, grace, handle));
        tracing::info!(address = %self.address, "listening");
        let served = server.serve(app.into_make_service()).await;
        leave.abort();
        upkeep.abort();
        for task in [keys, forgetting, writing].into_iter().flatten() {
            task.abort();
        }
        if let Some(emf) = emf {
            emf.write();
        }
        store.close().await.map_err(ServeError::Close)?;
        tracing::info!("stopped");
        served.map_err(ServeError::Serve)
    }
}

/// The services and the pages with every layer, for whoever receives requests in another way than [`Server`]. `auth` checks tokens; without
/// one everybody may do everything. Its keys are fetched when the first token comes.
pub async fn routes(
    config: &ServerConfig,
    store: &SharedStore,
    services: Vec<Service>,
    auth: Option<Arc<Auth>>,
    pages: Option<Arc<dyn Pages>>,
) -> Router {
    let behaviour = Behaviour { pages, ..behaviour(config, None, store, &services, auth).await };
    app(services, store, &behaviour, &Draining::default())
}

async fn behaviour(
    config: &ServerConfig,
    development: Option<&Router>,
    store: &SharedStore,
    services: &[Service],
    auth: Option<Arc<Auth>>,
) -> Behaviour {
    let mut mode = None;
    for service in services {
        let health = store.health(service.table).await;
        mode = Some(health.mode);
        if !health.reachable {
            tracing::warn!(table = service.table.name, reason = health.reason, "the store cannot serve yet");
        }
    }
    let limited = match (config.rate_limits, &auth) {
        (Some(switch), _) => switch == Switch::On,
        (None, auth) => auth.as_ref().is_some_and(|auth| !auth.is_for_development()),
    };
    let origins = match (config.cors_allowed_origins.clone(), development) {
        (None, Some(_)) => Origins::Loopback(Vec::new()),
        (Some(Origins::Only(list)), Some(_)) if !list.is_empty() => Origins::Loopback(list),
        (Some(origins), _) => origins,
        (None, None) if mode == Some(Backend::Json) => Origins::Any,
        (None, None) => Origins::Only(Vec::new()),
    };
    Behaviour {
        origins,
        timeout: config.request_timeout(),
        max_in_flight: usize::try_from(config.max_in_flight).unwrap_or(usize::MAX),
        body_timeout: Duration::from_secs(config.body_timeout_seconds),
        body_memory: config.body_memory_bytes,
        body_memory_of_client: config.body_memory_of_client(),
        response_memory: config.response_memory_bytes,
        auth,
        rate_limits: limited.then(|| RateLimits::new(&Clock::default())),
        trusted_proxy_hops: config.trusted_proxy_hops,
        development: development.cloned(),
        pages: None,
    }
}

async fn leave(mut signals: Signals, draining: Draining, grace: Duration, handle: Handle<SocketAddr>) {
    let signal = signals.next().await;
    draining.begin();
    if signal == Signal::Terminate {
        tracing::info!(seconds = grace.as_secs(), "shutting down: readiness is 503, still serving for the grace period");
        // A person who presses Ctrl-C need not wait.
        let interrupted = async { while signals.next().await != Signal::Interrupt {} };
        let _ = tokio::time::timeout(grace, interrupted).await;
    }
    tracing::info!(connections = handle.connection_count(), "shutting down: requests in flight may finish");
    handle.graceful_shutdown(Some(IN_FLIGHT));
}

#[derive(Debug, PartialEq, Eq)]
enum Signal {
    Terminate,
    Interrupt,
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Interrupt,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;

    /// A program that prints an error with its sources would say it twice.
    #[test]
    fn what_a_message_says_is_not_its_source_too() {
        let reason = || io::Error::from(io::ErrorKind::PermissionDenied);
        let listen = ServeError::Listen { address: SocketAddr::from(([127, 0, 0, 1], 80)), reason: reason() };
        let close = ServeError::Close(db_adapter::Error::Timeout);
        for error in [listen, ServeError::Serve(reason()), close] {
            assert!(error.source().is_none(), "{error}");
        }
    }
}
