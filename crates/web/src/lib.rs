//! The forum's page: HTML made by the server, which works without scripts.
//!
//! It is a client of the public API and of nothing else: everything it shows and does goes through [`Transport`] as a request that
//! any client could send, with the token of whoever looks at the page. So it can do nothing that a client cannot.

mod api;
mod assets;
mod config;
mod error_page;
mod failure;
mod feeds;
mod forms;
mod items;
mod layout;
mod log_in;
mod markdown;
mod pages;
mod provider;
mod session;
mod transport;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum_extra::extract::cookie::Key;
use http_kit::{Pages, Problem};

pub use config::{ConfigError, ForumConfig, ServiceConfig, WebConfig};
pub use transport::Transport;

use assets::Assets;
use failure::Failure;
use provider::Provider;

/// The page of one forum.
#[derive(Debug, Clone)]
pub struct Web(Arc<Site>);

/// What every request to the page shares.
struct Site {
    /// What the forum is called.
    title: String,
    /// Scheme, host and port under which people reach it.
    url: String,
    /// Encrypts cookies.
    key: Key,
    /// Who lets people log in; nobody where the page is to be read only.
    provider: Option<Provider>,
    /// The API, where it is not in this process.
    api: Option<Transport>,
    assets: Assets,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the key, which opens every cookie.
        formatter.debug_struct("Site").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The state of every handler.
#[derive(Clone)]
struct Shared {
    site: Arc<Site>,
    api: Transport,
}

impl Pages for Web {
    fn routes(&self, api: Router) -> Router {
        let api = self.0.api.clone().unwrap_or_else(|| Transport::in_process(api));
        let shared = Shared { site: Arc::clone(&self.0), api };
        let people = pages::routes().merge(log_in::routes()).layer(from_fn_with_state(shared.clone(), session::keep));
        people.merge(feeds::routes()).merge(assets::routes()).with_state(shared)
    }

    fn problem(&self, problem: &Problem) -> Response {
        error_page::without_visit(&self.0, &Failure::from(problem))
    }
}
