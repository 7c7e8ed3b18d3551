//! Files that a page consists of. They do not change as long as the process runs: each is coded once, and clients keep them.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::compression::Coding;
use crate::etag::Conditions;
use crate::problem::Problem;

/// An hour without a question; then clients ask with the tag. Longer would be wrong: after a deployment there are other files under
/// the same URLs.
const AN_HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");
/// Clients ask with the tag each time.
const ASK: HeaderValue = HeaderValue::from_static("no-cache");

/// A file.
#[derive(Debug)]
pub struct Asset {
    media_type: HeaderValue,
    cache_control: HeaderValue,
    /// Made of the bytes, so that it is the same in every process.
    tag: String,
    bytes: Bytes,
    gzip: OnceCell<Bytes>,
    zstd: OnceCell<Bytes>,
}

impl Asset {
    /// A file of that media type; one that is no header value is left out.
    pub fn new(media_type: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            media_type: media_type.parse().unwrap_or(HeaderValue::from_static("application/octet-stream")),
            cache_control: AN_HOUR,
            tag: Uuid::new_v5(&Uuid::NAMESPACE_OID, &bytes).simple().to_string(),
            bytes,
            gzip: OnceCell::new(),
            zstd: OnceCell::new(),
        }
    }

    /// The same; clients ask each time whether it is still what they have.
    #[must_use]
    pub fn always_asked_for(self) -> Self {
        Self { cache_control: ASK, ..self }
    }

    /// What its ETag says, without the quotes: other bytes have another one.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// What is in it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// 200 with the file, which the layers send coded as the client accepts; or 304 where the client has it.
    ///
    /// # Errors
    /// 412 where the file has none of the tags of `If-Match`.
    pub fn response(self: &Arc<Self>, conditions: &Conditions) -> Result<Response, Problem> {
        let mut response = Response::new(Body::from(self.bytes.clone()));
        if conditions.name(&self.tag)? {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.media_type.clone());
        headers.insert(header::CACHE_CONTROL, self.cache_control.clone());
        if let Ok(tag) = HeaderValue::try_from(["\"", &self.tag, "\""].concat()) {
            headers.insert(header::ETAG, tag);
        }
        response.extensions_mut().insert(Arc::clone(self));
        Ok(response)
    }

    /// Where the coded file is kept.
    pub(crate) fn coded(&self, coding: Coding) -> &OnceCell<Bytes> {
        match coding {
            Coding::Gzip => &self.gzip,
            Coding::Zstd => &self.zstd,
        }
    }
}
