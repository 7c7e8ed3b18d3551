//! How the services are tested over HTTP: [`TestApp`] without a socket or as a function of AWS Lambda, [`Process`] as programs. For tests only, so that what goes
//! wrong panics.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "for tests only")]

mod collector;
mod conditions;
mod issuer;
mod lagging;
pub mod lambda;
mod process;
mod settings;
mod test_response;
mod texts;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use db_adapter::dynamodb::{DynamoOptions, DynamoStore, tables};
use db_adapter::forum::TABLES;
use db_adapter::json::{JsonOptions, JsonStore};
use http_kit::config::Origins;
use http_kit::health::Draining;
use http_kit::layers::{Behaviour, app};
use http_kit::{Service, SharedStore};
use lambda::Function;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

pub use collector::{Collector, ReceivedSpan};
pub use conditions::conditions_guard_writes;
pub use issuer::{Issuer, SigningKey};
pub use lagging::Lagging;
pub use process::Process;
pub use settings::settings_are_documented;
pub use test_response::TestResponse;
pub use texts::texts_are_visible;

/// How health names the backend that the tests run on.
pub fn mode() -> &'static str {
    if dynamodb_endpoint().is_some() { "dynamodb" } else { "json" }
}

fn dynamodb_endpoint() -> Option<String> {
    std::env::var("DYNAMODB_ENDPOINT").ok().filter(|endpoint| !endpoint.is_empty())
}

async fn tables_of_its_own(endpoint: String) -> DynamoStore {
    let run = db_adapter::forum::new_id();
    let options = DynamoOptions {
        endpoint: Some(endpoint),
        tables: TABLES.map(|table| (table.name, format!("http-test-{}-{run}", table.name))).into(),
        // A busy machine must not turn a response into a timeout.
        attempt_timeout: Duration::from_secs(60),
        operation_timeout: Duration::from_secs(120),
        ..DynamoOptions::new("us-east-1")
    };
    let store = DynamoStore::open(&TABLES, options).await.expect("a store");
    tables::create(&store).await.expect("tables");
    store
}

/// An empty store of its own, and a directory for it and for other files.
async fn new_store() -> (TempDir, SharedStore) {
    let dir = tempfile::tempdir().expect("a directory");
    let store: SharedStore = match dynamodb_endpoint() {
        Some(endpoint) => Arc::new(tables_of_its_own(endpoint).await),
        None => Arc::new(JsonStore::open(&TABLES, JsonOptions::new(dir.path().join("store"))).await.expect("a store")),
    };
    (dir, store)
}

/// Services with all layers on an empty store of their own: JSON files, which go away with it, or, where `DYNAMODB_ENDPOINT` is set,
/// tables there, which stay. Where `AWS_LAMBDA_RUNTIME_API` is set, its requests go through [`lambda`].
pub struct TestApp {
    router: Router,
    function: Option<Function>,
    /// What the services store in.
    pub store: SharedStore,
    /// Begin it, and readiness is 503.
    pub draining: Draining,
    lagging: Option<Arc<Lagging>>,
    _dir: TempDir,
}

impl TestApp {
    /// As on JSON files by default.
    pub async fn new(services: Vec<Service>) -> Self {
        Self::behaving(services, &behaviour()).await
    }

    /// With other limits or origins.
    pub async fn behaving(services: Vec<Service>, behaviour: &Behaviour) -> Self {
        Self::open(services, behaviour, |store| store).await
    }

    /// On a store that stands in front of the real one.
    pub async fn behind(services: Vec<Service>, decorate: impl FnOnce(SharedStore) -> SharedStore) -> Self {
        Self::open(services, &behaviour(), decorate).await
    }

    /// On a store that lags: see [`Lagging`].
    pub async fn lagging(services: Vec<Service>) -> Self {
        let (dir, store) = new_store().await;
        let lagging = Arc::new(Lagging::new(store, &dir.path().join("seen")).await);
        let app = Self::serve(services, &behaviour(), Arc::clone(&lagging) as SharedStore, dir);
        Self { lagging: Some(lagging), ..app }
    }

    /// A store that lags does so no longer for what was written so far.
    pub async fn catch_up(&self) {
        self.lagging.as_ref().expect("a store that lags").catch_up().await;
    }

    /// On tables of their own at that endpoint, wherever `DYNAMODB_ENDPOINT` points.
    pub async fn on_dynamodb(services: Vec<Service>, behaviour: &Behaviour, endpoint: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        Self::serve(services, behaviour, Arc::new(tables_of_its_own(endpoint.to_owned()).await), dir)
    }

    /// With other limits or origins, on a store in front of the real one.
    pub async fn open(services: Vec<Service>, behaviour: &Behaviour, decorate: impl FnOnce(SharedStore) -> SharedStore) -> Self {
        let (dir, store) = new_store().await;
        Self::serve(services, behaviour, decorate(store), dir)
    }

    fn serve(services: Vec<Service>, behaviour: &Behaviour, store: SharedStore, dir: TempDir) -> Self {
        let draining = Draining::default();
        let router = app(services, &store, behaviour, &draining);
        Self { function: Function::of(&router), router, store, draining, lagging: None, _dir: dir }
    }

    /// The services with all layers, as they are served.
    pub fn router(&self) -> Router {
        self.router.clone().with_state(())
    }

    /// Any request.
    pub async fn send(&self, request: Request<Body>) -> TestResponse {
        let response = match &self.function {
            Some(function) => function.send(request).await,
            None => self.router.clone().oneshot(request).await.expect("infallible"),
        };
        TestResponse::read(response).await
    }

    /// A request without a body. `headers` are pairs of name and value.
    pub async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> TestResponse {
        self.send(request(method, path, headers, Body::empty())).await
    }

    /// GET.
    pub async fn get(&self, path: &str) -> TestResponse {
        self.call("GET", path, &[]).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> TestResponse {
        self.call("DELETE", path, &[]).await
    }

    /// A request with a JSON body.
    pub async fn send_json(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> TestResponse {
        let mut request = request(method, path, headers, Body::from(body.to_string()));
        let json = header::HeaderValue::from_static("application/json");
        request.headers_mut().entry(header::CONTENT_TYPE).or_insert(json);
        self.send(request).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: &Value) -> TestResponse {
        self.send_json("POST", path, &[], body).await
    }

    /// PUT.
    pub async fn put(&self, path: &str, body: &Value) -> TestResponse {
        self.send_json("PUT", path, &[], body).await
    }

    /// PATCH.
    pub async fn patch(&self, path: &str, body: &Value) -> TestResponse {
        self.send_json("PATCH", path, &[], body).await
    }

    /// Every item of a list, along its `Link`s; the number of pages is the second half.
    pub async fn walk(&self, path: &str) -> (Vec<Value>, usize) {
        let (mut items, mut pages, mut next) = (Vec::new(), 0, Some(path.to_owned()));
        while let Some(path) = next {
            let response = self.get(&path).await.expect_status(200);
            items.extend(response.json().as_array().expect("a bare array").clone());
            next = response.next();
            pages += 1;
        }
        (items, pages)
    }
}

/// The layers as on JSON files by default.
pub fn behaviour() -> Behaviour {
    Behaviour {
        origins: Origins::Any,
        timeout: Duration::from_secs(30),
        max_in_flight: 1024,
        body_timeout: Duration::from_secs(30),
        body_memory: 64 * 1024 * 1024,
        body_memory_of_client: None,
        response_memory: 128 * 1024 * 1024,
        auth: None,
        rate_limits: None,
        trusted_proxy_hops: 0,
        development: None,
        pages: None,
    }
}

/// A request of these parts.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let builder = Request::builder().method(method).uri(path).header(header::HOST, "test");
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(body).expect("a request")
}
