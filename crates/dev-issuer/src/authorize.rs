//! `/dev/authorize`: a client asks for a code, and a person says as whom (RFC 6749, section 4.1; RFC 7636, section 4.3).

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use http_kit::Problem;
use http_kit::loopback::{is_loopback, is_loopback_origin};
use serde::Deserialize;
use url::Url;

use crate::code::Grant;
use crate::{Issuer, Shared, page};

/// Characters of a challenge: a SHA-256 hash in base64url without padding.
const CHALLENGE_CHARS: usize = 43;

/// The parameters of a request; others are ignored, as RFC 6749 says in section 3.1.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parameters {
    response_type: Option<String>,
    response_mode: Option<String>,
    client_id: Option<String>,
    redirect_uri: Option<String>,
    scope: Option<String>,
    state: Option<String>,
    nonce: Option<String>,
    prompt: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

/// A client that is on this machine, and what it asks for.
struct Asked {
    client: String,
    /// As the client wrote it.
    redirect_uri: String,
    redirect: Url,
    parameters: Parameters,
}

/// What the page sends: the person to log in as.
#[derive(Debug, Deserialize)]
struct Choice {
    user: String,
}

/// Shows the page with a button for each person.
///
/// # Errors
/// 400 for what must not be sent back to the client: it may not be the one that it says.
pub(crate) async fn ask(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let query = query.unwrap_or_default();
    let asked = Asked::read(&query)?;
    Ok(match asked.check() {
        // Nobody is logged in already, and such a client does not want to see a page (OpenID Connect Core 1.0, section 3.1.2.1).
        Ok(_) if asked.parameters.prompt.as_deref() == Some("none") => {
            asked.refuse(&shared.issuer, "login_required", "nobody is logged in")
        }
        Ok(_) => page::choose(&shared.issuer, &query, &asked.redirect),
        Err((error, reason)) => asked.refuse(&shared.issuer, error, &reason),
    })
}

/// Sends the client a code for the person whose button was pressed.
///
/// # Errors
/// As [`ask`]; 403 where the page of another origin presses the button.
pub(crate) async fn log_in(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: String,
) -> Result<Response, Problem> {
    if headers.get(header::ORIGIN).is_some_and(|origin| !is_loopback_origin(origin.as_bytes())) {
        return Err(Problem::forbidden("foreign-origin", "only a page of this machine may log in"));
    }
    let asked = Asked::read(&query.unwrap_or_default())?;
    let challenge = match asked.check() {
        Ok(challenge) => challenge,
        Err((error, reason)) => return Ok(asked.refuse(&shared.issuer, error, &reason)),
    };
    let choice: Choice =
        serde_urlencoded::from_str(&body).map_err(|_| Problem::unreadable("the body must be a form with the field user"))?;
    let person = shared.issuer.person(&choice.user).ok_or_else(|| {
        let known: Vec<_> = shared.issuer.people.iter().map(|person| person.id.as_str()).collect();
        Problem::unreadable("a field is not valid").with_error("user", format!("expected one of {}", known.join(", ")))
    })?;
    let code = shared.codes.issue(Grant {
        person: person.id.clone(),
        client: asked.client.clone(),
        redirect_uri: asked.redirect_uri.clone(),
        challenge: challenge.to_owned(),
        scope: asked.parameters.scope.clone().unwrap_or_default(),
        nonce: asked.parameters.nonce.clone(),
    })?;
    Ok(asked.send_back(&shared.issuer, &[("code", &code)]))
}

impl Asked {
    /// Who asks, and where the response goes.
    fn read(query: &str) -> Result<Self, Problem> {
        let parameters: Parameters = serde_urlencoded::from_str(query)
            .map_err(|error| Problem::unreadable(format!("the query cannot be read: {error}")))?;
        let client = parameters.client_id.clone().filter(|client| !client.is_empty());
        let client = client.ok_or_else(|| Problem::parameter("client_id", "is required; any text will do"))?;
        let redirect_uri = parameters.redirect_uri.clone();
        let redirect_uri = redirect_uri.ok_or_else(|| Problem::parameter("redirect_uri", "is required"))?;
        let redirect = Url::parse(&redirect_uri).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https") && is_loopback(url) && url.fragment().is_none() && url.username().is_empty()
        });
        let redirect = redirect.ok_or_else(|| {
            let allowed = "must be a URL of this machine without a fragment, as in http://localhost:5173/callback";
            Problem::parameter("redirect_uri", allowed)
        })?;
        Ok(Self { client, redirect_uri, redirect, parameters })
    }

    /// The challenge of a request that can be granted; else the error's code and why (RFC 6749, section 4.1.2.1).
    fn check(&self) -> Result<&str, (&'static str, String)> {
        let parameters = &self.parameters;
        if parameters.response_type.as_deref() != Some("code") {
            return Err(("unsupported_response_type", "response_type must be code".to_owned()));
        }
        let invalid = |reason: &str| ("invalid_request", reason.to_owned());
        if !matches!(parameters.response_mode.as_deref(), None | Some("query")) {
            return Err(invalid("response_mode must be query, or left out"));
        }
        if parameters.code_challenge_method.as_deref() != Some("S256") {
            return Err(invalid("code_challenge_method must be S256: PKCE is required"));
        }
        let allowed = |challenge: &&str| {
            challenge.len() == CHALLENGE_CHARS
                && challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        parameters.code_challenge.as_deref().filter(allowed).ok_or_else(|| {
            invalid("code_challenge must be the SHA-256 hash of the code_verifier in base64url without padding: 43 characters")
        })
    }

    fn refuse(&self, issuer: &Issuer, error: &str, reason: &str) -> Response {
        self.send_back(issuer, &[("error", error), ("error_description", reason)])
    }

    /// Sends the browser back to the client, with its `state` and who responds (RFC 9207).
    fn send_back(&self, issuer: &Issuer, parameters: &[(&str, &str)]) -> Response {
        let mut url = self.redirect.clone();
        url.query_pairs_mut()
            .extend_pairs(parameters)
            .extend_pairs(self.parameters.state.iter().map(|state| ("state", state)))
            .append_pair("iss", &issuer.url);
        ([(header::CACHE_CONTROL, "no-store")], Redirect::to(url.as_str())).into_response()
    }
}
