//! Who asks: tokens of an OpenID Connect issuer, and what their owners may do.
//!
//! [`AuthConfig`] says which issuer; [`Auth`] checks tokens against its keys; [`Caller`] is the result and the parameter of every
//! handler; [`policy`] is the one list of rights.

mod caller;
mod config;
mod fetch;
mod issuer;
mod keys;
pub mod policy;
pub(crate) mod standing;
mod token;
mod verified;

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

#[cfg(test)]
pub(crate) use caller::tests;
pub use caller::{Account, Caller, Service as ServiceAccount};
pub use config::{AuthConfig, DEV_AUDIENCE, DEV_MODERATOR_ROLE, DevConfig, DevIssuer, Mode, Settings, check_dev_address};

use crate::problem::Problem;
use caller::Token;
use issuer::Source;
use keys::Keys;
use standing::Standings;
use token::Verifier;
use verified::Verified;

/// Checks who asks. One for each process, shared by all requests.
#[derive(Debug)]
pub struct Auth {
    verifier: Verifier,
    keys: Keys,
    verified: Verified,
    standings: Standings,
    /// May a request without a token do everything?
    open: bool,
    required_for_reads: bool,
    /// Are the keys those of the issuer for development?
    for_development: bool,
}

impl Auth {
    /// Checks tokens as these settings say.
    pub fn new(settings: Settings) -> Arc<Self> {
        let Settings { open, required_for_reads, rules, source } = settings;
        Arc::new(Self {
            verifier: Verifier::new(rules),
            for_development: matches!(source, Source::Fixed(_)),
            keys: Keys::new(source),
            verified: Verified::new(),
            standings: Standings::new(),
            open,
            required_for_reads,
        })
    }

    /// Who makes a request with these headers.
    ///
    /// # Errors
    /// 401 when the token is not valid, or there is none where one is required; 503 while no key is known to check it with.
    pub async fn caller(self: &Arc<Self>, headers: &HeaderMap, reads: bool) -> Result<Caller, Problem> {
        match bearer(headers)? {
            Some(token) => self.verify(token).await,
            None if self.open => Ok(Caller::Anyone),
            None if reads && !self.required_for_reads => Ok(Caller::Anonymous),
            None => Err(Problem::unauthenticated(None)),
        }
    }

    async fn verify(self: &Arc<Self>, token: &str) -> Result<Caller, Problem> {
        let mut caller = match self.verified.get(token, &self.keys).await {
            Some(caller) => caller,
            None => self.check(token).await?,
        };
        if let Caller::User(account) = &mut caller {
            account.auth = Some(Arc::clone(self));
        }
        Ok(caller)
    }

    async fn check(&self, token: &str) -> Result<Caller, Problem> {
        let (kid, algorithm) = self.verifier.header(token).map_err(refused)?;
        let key = self.keys.find(&kid).await?.ok_or_else(|| refused("its key is not one of the issuer's"))?;
        let (caller, until) = self.verifier.caller(token, algorithm, &key).map_err(refused)?;
        self.verified.insert(Token(Arc::from(token)), key, until, caller.clone()).await;
        Ok(caller)
    }

    /// Why no token can be checked right now, if none can.
    pub(crate) fn unready(&self) -> Option<&'static str> {
        self.keys.unready()
    }

    /// The URL at which the issuer describes itself.
    pub(crate) fn discovery(&self) -> String {
        issuer::discovery(self.verifier.issuer())
    }

    /// Are the tokens those of the issuer for development?
    pub(crate) fn is_for_development(&self) -> bool {
        self.for_development
    }

    /// Fetches the issuer's keys now and every ten minutes, as long as it runs.
    pub(crate) async fn refresh(self: Arc<Self>) {
        self.keys.refresh().await;
    }
}

fn refused(reason: impl Into<String>) -> Problem {
    Problem::unauthenticated(Some(reason.into()))
}

/// The token of `Authorization: Bearer`, if there is one (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refused("Authorization was given more than once"));
    }
    let text = value.to_str().map_err(|_| refused("Authorization is not ASCII"))?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => Ok(Some(token.trim())),
        _ => Err(refused("Authorization must be Bearer and a token")),
    }
}
