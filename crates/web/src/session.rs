//! Who is logged in: in encrypted cookies, which no script can read. The server keeps nothing.
//!
//! Two cookies, as a browser keeps 4 KB of each: the access token with what pages need to know of its owner, and the token that
//! renews it, where the issuer gave one.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::{Cookie, PrivateCookieJar, SameSite};
use chrono::Utc;
use cookie::time::Duration;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::{Shared, Site, error_page};

/// A token is renewed when it is valid for less than this, in seconds.
const RENEW_BEFORE: i64 = 60;
/// How long a browser keeps what renews a log-in, in seconds: 30 days. The issuer may end it earlier.
const RENEWAL_SECONDS: i64 = 30 * 24 * 3600;
/// How long a log-in may take, in seconds.
pub(crate) const LOG_IN_SECONDS: i64 = 600;
/// Bytes of a value that fit into the 4,096 that browsers keep of a cookie, once it is encrypted and in base64.
const MAX_COOKIE: usize = 2900;

/// Somebody who is logged in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The access token, for the API.
    pub(crate) token: String,
    /// Until when it is valid, in seconds since 1970.
    pub(crate) expires: i64,
    /// What forms must repeat.
    pub(crate) form: String,
    /// The profile; `None` where there is none yet.
    pub(crate) user: Option<Profile>,
    /// May this person moderate?
    pub(crate) moderates: bool,
}

/// What pages need to know of a profile.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// A log-in that has begun.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) state: String,
    pub(crate) verifier: String,
    /// The page to go on with.
    pub(crate) then: String,
    /// When it began, in seconds since 1970.
    pub(crate) began: i64,
}

/// Who looks at a page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Visitor {
    pub(crate) session: Option<Arc<Session>>,
    /// The log-in has ended by itself.
    pub(crate) was_logged_out: bool,
}

/// What becomes of the cookies, as an extension of a response.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// Somebody logs in, or what is known of them changes. With the token that renews it, if that is new.
    Keep(Box<Session>, Option<String>),
    /// Nobody is logged in any more.
    End,
    /// A log-in begins.
    Begin(Arc<Pending>),
}

impl Change {
    /// The response with this change.
    pub(crate) fn on(self, response: impl IntoResponse) -> Response {
        let mut response = response.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What a page may do in a browser: run and load what comes from here, and nothing that stands in the page itself.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "private, no-cache"),
    (header::VARY, "cookie"),
];

/// Adds what every page says to browsers.
pub(crate) fn secure(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        if name == header::VARY {
            headers.append(name, HeaderValue::from_static(value));
        } else if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// The layer of every page: it opens the cookies, renews what is about to end, shows failures, and sets the cookies anew.
pub(crate) async fn keep(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    let site = &shared.site;
    let jar = PrivateCookieJar::from_headers(request.headers(), site.key.clone());
    let (visitor, renewed) = visitor(&shared, &jar).await;
    request.extensions_mut().insert(visitor.clone());
    let asked = request.uri().clone();
    let mut response = next.run(request).await;
    let mut change = response.extensions_mut().remove::<Change>().or(renewed);
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        if failure.is_logged_out() && visitor.session.is_some() {
            change = Some(Change::End);
        }
        response = error_page::of(&shared, &visitor, &asked, &failure);
    }
    secure(response.headers_mut());
    match change {
        None => response,
        Some(change) => match apply(site, jar, change) {
            Ok(jar) => (jar, response).into_response(),
            Err(failure) => error_page::of(&shared, &visitor, &asked, &failure),
        },
    }
}

async fn visitor(shared: &Shared, jar: &PrivateCookieJar) -> (Visitor, Option<Change>) {
    let session: Option<Session> = read(jar, &shared.site.cookie("session"));
    let renewal = jar.get(&shared.site.cookie("renewal"));
    let left = session.as_ref().map_or(0, |session| session.expires - Utc::now().timestamp());
    match (session, renewal, &shared.site.provider) {
        (None, None, _) | (_, _, None) => (Visitor::default(), None),
        (Some(session), _, _) if left > RENEW_BEFORE => (Visitor::of(session), None),
        (session, Some(renewal), Some(provider)) => match provider.renew(&shared.api, renewal.value()).await {
            Ok(tokens) => {
                // Forms that were opened before go on working.
                let form = session.as_ref().map(|session| session.form.clone());
                let known = session.map(|session| (session.user, session.moderates));
                match tokens.session(shared, form, known).await {
                    Ok(session) => (Visitor::of(session.clone()), Some(Change::Keep(Box::new(session), tokens.renewal))),
                    Err(_) => (Visitor { session: None, was_logged_out: true }, None),
                }
            }
            // A renewal can fail because another request of the same browser was first: what it got is valid.
            Err(_) if left > 0 => (session.map(Visitor::of).unwrap_or_default(), None),
            Err(failure) if failure.status.is_server_error() => (Visitor { session: None, was_logged_out: true }, None),
            Err(_) => (Visitor { session: None, was_logged_out: true }, Some(Change::End)),
        },
        (Some(session), None, _) if left > 0 => (Visitor::of(session), None),
        (Some(_), None, _) => (Visitor { session: None, was_logged_out: true }, Some(Change::End)),
    }
}

impl Visitor {
    fn of(session: Session) -> Self {
        Self { session: Some(Arc::new(session)), was_logged_out: false }
    }
}

/// The log-in that has begun in this browser, unless it took too long.
pub(crate) fn pending(site: &Site, headers: &HeaderMap) -> Option<Pending> {
    let jar = PrivateCookieJar::from_headers(headers, site.key.clone());
    let pending: Option<Pending> = read(&jar, &site.cookie("log-in"));
    pending.filter(|pending| Utc::now().timestamp() - pending.began < LOG_IN_SECONDS)
}

fn read<T: DeserializeOwned>(jar: &PrivateCookieJar, name: &str) -> Option<T> {
    serde_json::from_str(jar.get(name)?.value()).ok()
}

fn apply(site: &Site, jar: PrivateCookieJar, change: Change) -> Result<PrivateCookieJar, Failure> {
    Ok(match change {
        Change::Keep(session, renewal) => {
            let is_renewable = renewal.is_some() || jar.get(&site.cookie("renewal")).is_some();
            let left = session.expires - Utc::now().timestamp();
            let mut jar = jar.add(site.set("session", text(&*session)?, if is_renewable { RENEWAL_SECONDS } else { left })?);
            if let Some(renewal) = renewal {
                jar = jar.add(site.set("renewal", renewal, RENEWAL_SECONDS)?);
            }
            jar.remove(site.removal("log-in"))
        }
        Change::End => ["session", "renewal"].iter().fold(jar, |jar, name| jar.remove(site.removal(name))),
        Change::Begin(pending) => jar.add(site.set("log-in", text(&*pending)?, LOG_IN_SECONDS)?),
    })
}

fn text(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::unreadable(&error))
}

impl Site {
    /// The name of a cookie. Off this machine it has the prefix with which browsers take it only from this host, over HTTPS. On it all
    /// ports share their cookies, so that the name has the port.
    fn cookie(&self, name: &str) -> String {
        match self.url.strip_prefix("https://") {
            Some(_) => format!("__Host-{name}"),
            None => format!("{name}-{}", self.url.rsplit_once(':').map_or("80", |(_, port)| port.trim_start_matches('/'))),
        }
    }

    fn set(&self, name: &str, value: String, seconds: i64) -> Result<Cookie<'static>, Failure> {
        if value.len() > MAX_COOKIE {
            tracing::error!(name, bytes = value.len(), most = MAX_COOKIE, "a token of the issuer does not fit into a cookie");
            return Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the log-in is too large for a browser to keep"));
        }
        let mut cookie = self.removal(name);
        cookie.set_value(value);
        cookie.set_max_age(Duration::seconds(seconds.max(0)));
        Ok(cookie)
    }

    /// The cookie without a value: what browsers compare when one is removed.
    fn removal(&self, name: &str) -> Cookie<'static> {
        Cookie::build(self.cookie(name))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.url.starts_with("https://"))
            .build()
    }
}
