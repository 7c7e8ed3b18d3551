//! How requests reach a server: within the process or over HTTP.

use std::convert::Infallible;
use std::fmt;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, Uri};
use http_kit::https;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceExt};
use url::Url;

/// Sends requests to one server.
#[derive(Clone)]
pub struct Transport {
    service: BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>,
    remote: bool,
}

impl Transport {
    /// To the router in this process.
    pub fn in_process(router: Router) -> Self {
        let service = ServiceExt::<Request<Body>>::map_err(router, |never: Infallible| match never {});
        Self { service: BoxCloneSyncService::new(service), remote: false }
    }

    /// Over HTTP or HTTPS to whatever URL a request names in full; else to `base`, below its path.
    pub fn http(base: Option<&Url>) -> Self {
        let base = base.map(|base| base.as_str().trim_end_matches('/').to_owned());
        let client = Client::builder(TokioExecutor::new()).build::<_, Body>(https::connector());
        let service = client.map_response(|response| response.map(Body::new)).map_err(BoxError::from);
        let service = service.map_request(move |mut request: Request<Body>| {
            if let (Some(base), None) = (&base, request.uri().scheme()) {
                let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
                if let Ok(uri) = Uri::try_from(format!("{base}{path}")) {
                    *request.uri_mut() = uri;
                }
            }
            request
        });
        Self { service: BoxCloneSyncService::new(service), remote: true }
    }

    /// Is the server another process?
    pub(crate) fn is_remote(&self) -> bool {
        self.remote
    }

    /// Sends a request.
    ///
    /// # Errors
    /// The server cannot be reached, or does not respond as HTTP has it.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        self.service.clone().oneshot(request).await
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Transport").field("remote", &self.remote).finish_non_exhaustive()
    }
}
