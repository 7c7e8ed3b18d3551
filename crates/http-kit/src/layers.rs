//! Every layer, in order.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;
use tower::{BoxError, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::config::Origins;
use crate::health::{self, Draining, Readiness};
use crate::idempotency::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED};
use crate::problem::Problem;
use crate::request::{REQUEST_ID, observe};
use crate::service::{Service, SharedStore};
use crate::{metrics, openapi};

/// Bytes in a request body at most; more is 413.
pub const MAX_BODY_BYTES: usize = 512 * 1024;

/// How the layers behave.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// The origins that browsers may call from.
    pub origins: Origins,
    /// When a request is answered 504.
    pub timeout: Duration,
    /// Requests handled at once; more are answered 503.
    pub max_in_flight: usize,
}

/// The services on one origin, with health, metrics and every layer. A request passes the layers from the top down, its answer
/// from the bottom up.
pub fn app(services: Vec<Service>, store: &SharedStore, behaviour: &Behaviour, draining: &Draining) -> Router {
    metrics::install();
    let mut probes = Router::new().route("/health", get(health::live)).route("/metrics", get(metrics::metrics));
    let mut api = Router::new();
    for service in services {
        let readiness = Readiness { store: store.clone(), table: service.table, draining: draining.clone() };
        let ready = get(health::ready).with_state(readiness);
        probes = probes.route(&format!("/api/{}/health", service.table.name), ready);
        api = api.merge(openapi::document(service).with_state(store.clone()));
    }

    let limits = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(refused))
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(behaviour.max_in_flight))
        .layer(TimeoutLayer::new(behaviour.timeout))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    let all = ServiceBuilder::new()
        .layer(from_fn_with_state(behaviour.timeout, observe))
        .option_layer(cors(&behaviour.origins))
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::custom(panicked));

    // Probes are outside the limits, else an overload makes the load balancer kill the process.
    api.layer(limits)
        .merge(probes)
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "the methods of this route are in the header Allow")
        })
        .layer(all)
}

async fn refused(error: BoxError) -> Problem {
    if error.is::<tower::load_shed::error::Overloaded>() {
        Problem::unavailable("too many requests at once", 1)
    } else if error.is::<tower::timeout::error::Elapsed>() {
        Problem::timeout()
    } else {
        Problem::internal(error.to_string())
    }
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::internal("a handler panicked").into_response()
}

fn cors(origins: &Origins) -> Option<CorsLayer> {
    let allowed = match origins {
        Origins::Any => AllowOrigin::any(),
        Origins::Only(list) if list.is_empty() => return None,
        Origins::Only(list) => AllowOrigin::list(list.clone()),
    };
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    let sent: [HeaderName; 6] =
        [header::CONTENT_TYPE, header::IF_MATCH, header::IF_NONE_MATCH, IDEMPOTENCY_KEY, header::CACHE_CONTROL, REQUEST_ID];
    let shown: [HeaderName; 6] =
        [header::LINK, header::ETAG, header::LOCATION, REQUEST_ID, IDEMPOTENT_REPLAYED, header::RETRY_AFTER];
    let layer = CorsLayer::new().allow_origin(allowed).allow_methods(methods).allow_headers(sent).expose_headers(shown);
    Some(layer.max_age(Duration::from_secs(600)))
}
