//! [`TestApp`](crate::TestApp) as a function of AWS Lambda: where `AWS_LAMBDA_RUNTIME_API` is set, each of its requests becomes an event
//! of an HTTP API, goes through the interface of the runtime to the loop of a function, and comes back as that API's response.

mod event;
mod runtime;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::thread;

use axum::Router;
use axum::body::Body;
use axum::http::uri::PathAndQuery;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use lambda_http::request::RequestContext;
use tower::{ServiceExt, service_fn};

pub use event::{event, response};
pub use runtime::{Outcome, RuntimeApi};

/// How many instances there are: each takes a request at a time, and one that waits for another must not wait for its turn.
const INSTANCES: usize = 16;

/// The functions of this process: one for all its apps, as the runtime's interface is named by the environment.
struct Functions {
    api: RuntimeApi,
    routers: Mutex<HashMap<String, Router>>,
}

static FUNCTIONS: OnceLock<Option<Functions>> = OnceLock::new();

/// An app that is served by functions, under an id of its own.
#[derive(Debug)]
pub(crate) struct Function {
    api_id: String,
}

impl Function {
    /// Serves the routes by functions, if this process is to.
    pub(crate) fn of(router: &Router) -> Option<Self> {
        let functions = FUNCTIONS.get_or_init(Functions::start).as_ref()?;
        let api_id = db_adapter::forum::new_id();
        functions.routers().insert(api_id.clone(), router.clone());
        Some(Self { api_id })
    }

    /// The response of the API in front of the function.
    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        let functions = FUNCTIONS.get().and_then(Option::as_ref).expect("they are started");
        let (parts, body) = request.into_parts();
        let body =
            body.collect().await.map(|body| body.to_bytes()).unwrap_or_else(|error| panic!("the body ended early: {error}"));
        let path = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let event = event(&self.api_id, parts.method.as_str(), path, &parts.headers, &body);
        let returned = functions.api.invoke(event).await;
        response(&returned.unwrap_or_else(|error| panic!("the function failed: {error}")))
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        if let Some(functions) = FUNCTIONS.get().and_then(Option::as_ref) {
            functions.routers().remove(&self.api_id);
        }
    }
}

impl Functions {
    /// The interface and its instances, on threads of their own: a test's runtime ends with the test.
    fn start() -> Option<Self> {
        let address = std::env::var("AWS_LAMBDA_RUNTIME_API").ok()?;
        let (listening, api) = mpsc::channel();
        thread::spawn(move || {
            runtime().block_on(async {
                let _ = listening.send(RuntimeApi::listen(&address).await);
                std::future::pending::<()>().await;
            });
        });
        let api = api.recv().expect("the interface listens");
        for _ in 0..INSTANCES {
            thread::spawn(|| {
                let router = Router::new().fallback_service(service_fn(dispatch));
                runtime().block_on(http_lambda::run(router, || std::future::ready(())))
            });
        }
        Some(Self { api, routers: Mutex::default() })
    }

    fn routers(&self) -> std::sync::MutexGuard<'_, HashMap<String, Router>> {
        self.routers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// To the app whose API received the request.
async fn dispatch(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let api_id = match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.apiid.clone().unwrap_or_default(),
        _ => panic!("no event of an HTTP API"),
    };
    let functions = FUNCTIONS.wait().as_ref().expect("they are started");
    let router = functions.routers().get(&api_id).cloned().expect("an app of this process");
    router.oneshot(request).await
}
