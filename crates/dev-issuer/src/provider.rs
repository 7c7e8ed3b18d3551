//! What the issuer says of itself and of people.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use http_kit::{Caller, Problem};
use serde_json::{Value, json};

use crate::{Shared, extend, page, profile, unsigned};

/// The discovery document (OpenID Connect Discovery 1.0, section 3).
pub(crate) async fn discovery(State(shared): State<Shared>) -> Json<Value> {
    let url = &shared.issuer.url;
    Json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "userinfo_endpoint": format!("{url}/userinfo"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "scopes_supported": ["openid", "profile", "email"],
        "claims_supported": ["sub", "name", "preferred_username", "email", "email_verified", "roles"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

/// The keys that check its tokens (RFC 7517, section 5).
pub(crate) async fn keys(State(shared): State<Shared>) -> Response {
    Json(shared.issuer.key.public()).into_response()
}

/// Whose access token it is (OpenID Connect Core 1.0, section 5.3).
///
/// # Errors
/// 401 without a token of a person who can log in.
pub(crate) async fn userinfo(State(shared): State<Shared>, caller: Caller) -> Result<Response, Problem> {
    let person = shared.issuer.person(&caller.person()?.id);
    let person = person.ok_or_else(|| Problem::unauthenticated(Some("its owner is not a sample user".to_owned())))?;
    let mut claims = json!({ "sub": person.id });
    extend(&mut claims, profile(person));
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(claims)).into_response())
}

/// How to log in, for people; with a token for each who can.
///
/// # Errors
/// 500 when a token cannot be signed.
pub(crate) async fn welcome(State(shared): State<Shared>) -> Result<Response, Problem> {
    let issuer = &shared.issuer;
    let tokens = issuer.people.iter().map(|person| Ok((person, issuer.access_token(person)?)));
    Ok(page::welcome(issuer, &tokens.collect::<Result<Vec<_>, _>>().map_err(unsigned)?))
}
