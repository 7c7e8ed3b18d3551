//! Every layer, in order.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{Route, get};
use futures::TryFutureExt;
use tokio::sync::Semaphore;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use crate::auth::Auth;
use crate::compression::{Coding, Compressor};
use crate::config::Origins;
use crate::cors::Cors;
use crate::health::{self, Draining, Readiness};
use crate::limits::{RateLimits, client};
use crate::pages::{self, Pages};
use crate::problem::Problem;
use crate::receive::Bodies;
use crate::request::{Hosts, Limits, Observed};
use crate::service::{Service, SharedStore};
use crate::unsent::Unsent;
use crate::{metrics, openapi};

/// How the layers behave.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// The origins that browsers may call from.
    pub origins: Origins,
    /// When a request gets 504.
    pub timeout: Duration,
    /// Requests handled at once; more get 503.
    pub max_in_flight: usize,
    /// When a request gets 408 because its body has not arrived.
    pub body_timeout: Duration,
    /// Bytes that the bodies of all requests may take at once; more get 503.
    pub body_memory: usize,
    /// Bytes of these that the bodies of one client may take; `None` for all.
    pub body_memory_of_client: Option<usize>,
    /// Bytes that large responses may take until clients have read them; more get 503.
    pub response_memory: usize,
    /// Who checks tokens; nobody where identity is off.
    pub auth: Option<Arc<Auth>>,
    /// How much each client may do; any amount where there are no limits.
    pub rate_limits: Option<Arc<RateLimits>>,
    /// How many proxies that can be trusted stand in front, and add to `X-Forwarded-For`.
    pub trusted_proxy_hops: usize,
    /// The routes of the issuer for development. With them anybody may be anybody, so only requests to names of this machine are
    /// served: the page of another origin cannot make its own name point here (DNS rebinding).
    pub development: Option<Router>,
    /// Pages for people, where the server has them.
    pub pages: Option<Arc<dyn Pages>>,
}

/// The services on one origin, with health, metrics and every layer. A request passes the layers from the top down, its response
/// from the bottom up.
pub fn app(services: Vec<Service>, store: &SharedStore, behaviour: &Behaviour, draining: &Draining) -> Router {
    metrics::install();
    let mut probes = Router::new().route("/health", get(health::live)).route("/metrics", get(metrics::metrics));
    let (mut api, mut documents) = (Router::new(), Vec::new());
    for service in services {
        let auth = behaviour.auth.clone();
        let (name, table) = (service.name, service.table);
        let readiness = Readiness { store: store.clone(), name, table, auth, draining: draining.clone() };
        let path = format!("/api/{name}/health");
        probes = probes.route(&path, get(health::ready).with_state(readiness.clone()));
        probes = probes.route(&format!("{path}/writing"), get(health::writing).with_state(readiness));
        let (routes, document) = openapi::document(service, behaviour.auth.as_ref().map(|auth| auth.discovery()));
        api = api.merge(routes.with_state(store.clone()));
        documents.push(document);
    }
    api = api.merge(openapi::joined(documents));
    let hosts = if behaviour.development.is_some() { Hosts::Loopback } else { Hosts::Any };
    api = api.merge(behaviour.development.clone().unwrap_or_default());

    probes = probes.fallback(async || Problem::not_found());
    let mut bodies = Bodies::new(behaviour.body_memory, behaviour.body_timeout);
    if let Some(of_client) = behaviour.body_memory_of_client {
        bodies = bodies.of_each_client(of_client, behaviour.trusted_proxy_hops);
    }
    let (compressor, unsent) = (Compressor::new(), Unsent::new(behaviour.response_memory));
    let (rate_limits, hops) = (behaviour.rate_limits.clone(), behaviour.trusted_proxy_hops);
    let layered = |routes: Router, in_flight: usize, rate_limits: Option<Arc<RateLimits>>, cors: Option<Cors>| {
        let limits = Arc::new(Limits::new(in_flight, behaviour.timeout, bodies.clone(), hosts));
        // Each request has a copy of the layers: one pointer to all that they share.
        let shared = Arc::new((compressor.clone(), unsent.clone(), behaviour.auth.clone(), rate_limits));
        let layers = ServiceBuilder::new().layer_fn(Observed::new).option_layer(cors).layer_fn(move |mut handler: Route| {
            let (shared, limits) = (Arc::clone(&shared), Arc::clone(&limits));
            service_fn(move |mut request: Request| {
                if let Some(auth) = &shared.2 {
                    request.extensions_mut().insert(Arc::clone(auth));
                }
                let coding = Coding::preferred(request.headers());
                let (meter, admitted) = match &shared.3 {
                    None => (None, Ok(())),
                    Some(rate_limits) => {
                        let (meter, admitted) = rate_limits.admit(client::address(&request, hops), &mut request);
                        (Some(meter), admitted)
                    }
                };
                let shared = Arc::clone(&shared);
                let reads = request.method() == Method::GET;
                limits.handle(&mut handler, request, admitted).and_then(async move |response| {
                    let (compressor, unsent, ..) = &*shared;
                    let mut response = compressor.code(response, coding).await;
                    if let Some(meter) = meter {
                        meter.tell(&mut response);
                    }
                    // A write has happened by now, and is not told otherwise.
                    Ok(if reads { unsent.count(response).await } else { response })
                })
            })
        });
        routes.method_not_allowed_fallback(method_not_allowed).layer(layers)
    };
    // Probes are not limited, and do not count among the requests in flight, else an overload makes the load balancer kill the process.
    let cors = Cors::new(&behaviour.origins);
    let mut routes = layered(api, behaviour.max_in_flight, rate_limits, cors.clone());
    routes = routes.merge(layered(probes, Semaphore::MAX_PERMITS, None, cors));
    if let Some(pages) = &behaviour.pages {
        // What a page asks the API for counts against the limits there. Scripts of other origins have the API.
        let of_pages = pages.routes(routes.clone());
        routes = routes.merge(layered(of_pages, behaviour.max_in_flight, None, None));
    }
    let without_slash = routes.clone();
    let routes = routes.fallback(async move |request| without_slash.oneshot(trim_slashes(request)).await);
    match behaviour.pages.clone() {
        Some(pages) => routes.layer(from_fn(move |request: Request, next: Next| for_people(Arc::clone(&pages), request, next))),
        None => routes,
    }
}

/// Shows a problem as a page to who asks for pages.
async fn for_people(pages: Arc<dyn Pages>, request: Request, next: Next) -> Response {
    let wanted = pages::are_wanted(request.uri().path(), request.headers());
    let head = request.method() == Method::HEAD;
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions().get::<Problem>().filter(|_| wanted) else { return response };
    let (shown, body) = pages.problem(problem).into_parts();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().extend(shown.headers);
    *response.body_mut() = if head { Body::empty() } else { body };
    response
}

/// A path that is no route may be one without the slashes at its end.
fn trim_slashes(mut request: Request) -> Request {
    let path = request.uri().path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() < path.len() && !trimmed.is_empty() {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = format!("{trimmed}{query}").parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "the methods of this route are in the header Allow")
}
