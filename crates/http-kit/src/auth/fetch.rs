//! Small JSON documents of an issuer, over HTTPS.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::https;

/// How long a document may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How large one may be.
const MAX_BYTES: usize = 256 * 1024;

/// Fetches JSON. It follows no redirects.
#[derive(Debug, Clone)]
pub(super) struct Client(Pool<HttpsConnector<HttpConnector>, Empty<Bytes>>);

impl Client {
    /// With no connection yet.
    pub(super) fn new() -> Self {
        Self(Pool::builder(TokioExecutor::new()).build(https::connector()))
    }

    /// The document at that URL, asked for with that token.
    ///
    /// # Errors
    /// What went wrong, for the log.
    pub(super) async fn json(&self, url: &str, token: Option<&str>) -> Result<Value, String> {
        let fetched = tokio::time::timeout(TIMEOUT, self.get(url, token)).await;
        let bytes = fetched.map_err(|_| format!("{url}: no response in {} s", TIMEOUT.as_secs()))?;
        let bytes = bytes.map_err(|reason| format!("{url}: {reason}"))?;
        serde_json::from_slice(&bytes).map_err(|error| format!("{url}: not JSON: {error}"))
    }

    async fn get(&self, url: &str, token: Option<&str>) -> Result<Bytes, String> {
        let uri: Uri = url.parse().map_err(|_| "not a URL".to_owned())?;
        let mut request = Request::get(uri).body(Empty::new()).map_err(|error| error.to_string())?;
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = token {
            let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| "the token is not ASCII".to_owned())?;
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let response = self.0.request(request).await.map_err(|error| causes(&error))?;
        if response.status() != StatusCode::OK {
            return Err(format!("status {}", response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_BYTES).collect().await;
        body.map(|body| body.to_bytes()).map_err(|error| error.to_string())
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error: &&dyn std::error::Error| (*error).source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
