//! Ids in paths.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use db_adapter::forum::is_id;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::paging::Id;
use crate::problem::Problem;

/// The one id in the path. What cannot be an id names nothing: 404.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(id)) if is_id(&id) => Ok(Self(id)),
            _ => Err(Problem::not_found()),
        }
    }
}

impl PartialSchema for PathId {
    fn schema() -> RefOr<Schema> {
        Id::schema()
    }
}

impl ToSchema for PathId {}
