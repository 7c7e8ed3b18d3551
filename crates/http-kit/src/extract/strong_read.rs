//! Reads that must see every acknowledged write.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use utoipa::IntoParams;

/// `Cache-Control: no-cache` on a GET by id: the client wants to read its own write.
#[derive(Debug, Clone, Copy, IntoParams)]
#[into_params(names("Cache-Control"), parameter_in = Header)]
pub struct StrongRead(
    /// `no-cache` asks for a read that sees every acknowledged write; without it the last second's may be missed.
    #[param(value_type = Option<String>, nullable = false, required = false)]
    pub bool,
);

impl<S: Sync> FromRequestParts<S> for StrongRead {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let lines = parts.headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
        let mut directives = lines.flat_map(|line| line.split(','));
        Ok(Self(directives.any(|directive| directive.trim().eq_ignore_ascii_case("no-cache"))))
    }
}
