//! One look at a page: who looks, and what they may ask the API.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts, Path};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};

use crate::Shared;
use crate::api::{Api, encoded};
use crate::failure::Failure;
use crate::session::{Profile, Session, Visitor};

/// Who looks at which page.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) shared: Shared,
    pub(crate) visitor: Visitor,
    /// The API, as the visitor may use it.
    pub(crate) api: Api,
    /// Path and query of the page.
    pub(crate) here: String,
}

impl FromRequestParts<Shared> for Visit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Failure> {
        let visitor: Visitor = parts.extensions.get().cloned().unwrap_or_default();
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().copied();
        let api = Api::new(&shared.api, &parts.headers, peer);
        let api = match &visitor.session {
            Some(session) => api.bearing(&session.token),
            None => api,
        };
        let here = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { shared: shared.clone(), visitor, api, here })
    }
}

impl Visit {
    /// Who is logged in.
    pub(crate) fn session(&self) -> Option<&Session> {
        self.visitor.session.as_deref()
    }

    /// Who is logged in and has a profile.
    pub(crate) fn profile(&self) -> Option<&Profile> {
        self.session().and_then(|session| session.user.as_ref())
    }

    /// Is that the visitor's id?
    pub(crate) fn is(&self, user: Option<&str>) -> bool {
        user.is_some() && self.profile().map(|profile| profile.id.as_str()) == user
    }

    /// May the visitor moderate?
    pub(crate) fn moderates(&self) -> bool {
        self.session().is_some_and(|session| session.moderates)
    }

    /// Can anybody log in?
    pub(crate) fn has_log_in(&self) -> bool {
        self.shared.site.provider.is_some()
    }

    /// Where to log in, to come back here.
    pub(crate) fn log_in(&self) -> String {
        format!("/log-in?then={}", encoded(&self.here))
    }

    /// What whoever must log in, or make a profile, does first; `None` for the others.
    pub(crate) fn must_introduce(&self) -> Option<Response> {
        match self.session() {
            None if self.has_log_in() => Some(Redirect::to(&self.log_in()).into_response()),
            None => Some(
                Failure::new(axum::http::StatusCode::NOT_FOUND, "nobody can log in here: no issuer is set up").into_response(),
            ),
            Some(session) if session.user.is_none() => {
                Some(Redirect::to(&format!("/profile?then={}", encoded(&self.here))).into_response())
            }
            Some(_) => None,
        }
    }
}

/// The id in a path.
#[derive(Debug)]
pub(crate) struct Id(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Path(id) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| Failure::not_found())?;
        is_id(&id).then_some(Self(id)).ok_or_else(Failure::not_found)
    }
}

/// Can an item have this id? Else nothing is to be asked for, and it may not be part of a path.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}
