//! Liveness and readiness.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use db_adapter::{Health, Table};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Auth;
use crate::problem::Problem;
use crate::service::{SharedStore, version};

/// Is this process about to leave? Shared by whoever decides that and by readiness.
#[derive(Debug, Clone, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    /// From now on readiness is 503.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Has it begun?
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Liveness: the process responds.
pub(crate) async fn live() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": Status::Ok, "version": version() }))
}

/// What a service's readiness looks at.
#[derive(Debug, Clone)]
pub(crate) struct Readiness {
    pub(crate) store: SharedStore,
    pub(crate) name: &'static str,
    pub(crate) table: &'static Table,
    pub(crate) auth: Option<Arc<Auth>>,
    pub(crate) draining: Draining,
}

/// Readiness: can the service serve now?
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Readiness)]
pub(crate) struct Report {
    /// Can it serve?
    status: Status,
    /// The service's name.
    #[schema(value_type = String)]
    service: &'static str,
    /// The version that runs.
    version: String,
    /// What it stores in.
    store: Health,
    /// Why tokens cannot be checked, if they cannot.
    #[schema(value_type = String, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<&'static str>,
}

/// Can the service serve?
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It serves.
    Ok,
    /// The store cannot be reached, or no token can be checked.
    Unavailable,
    /// It still serves, but is about to leave.
    Draining,
}

pub(crate) async fn ready(State(readiness): State<Readiness>) -> Response {
    let store = readiness.store.health(readiness.table).await;
    report(readiness, store)
}

/// As [`ready`], and 503 while another Region writes: what a health check of DNS asks of the Region that usually does. After a take-over
/// clients are not sent back before that Region writes again.
pub(crate) async fn writing(State(readiness): State<Readiness>) -> Response {
    let store = readiness.store.health(readiness.table).await;
    match &store.writer_elsewhere {
        Some(region) => Problem::not_writing(Some(region)).into_response(),
        None => report(readiness, store),
    }
}

fn report(readiness: Readiness, store: Health) -> Response {
    let identity = readiness.auth.as_ref().and_then(|auth| auth.unready());
    let (code, status) = match store.reachable && identity.is_none() {
        _ if readiness.draining.has_begun() => (StatusCode::SERVICE_UNAVAILABLE, Status::Draining),
        true => (StatusCode::OK, Status::Ok),
        false => (StatusCode::SERVICE_UNAVAILABLE, Status::Unavailable),
    };
    (code, Json(Report { status, service: readiness.name, version: version(), store, identity })).into_response()
}
