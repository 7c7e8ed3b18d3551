//! `/dev/token`: a client exchanges a code for tokens (RFC 6749, section 4.1.3; RFC 7636, section 4.5).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_kit::Problem;
use serde::Deserialize;
use serde_json::json;

use crate::code::Grant;
use crate::{Shared, VALID_SECONDS, extend, unsigned};

/// The fields of a request; others are ignored, as RFC 6749 says in section 3.2.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fields {
    grant_type: Option<String>,
    code: Option<String>,
    redirect_uri: Option<String>,
    client_id: Option<String>,
    code_verifier: Option<String>,
}

/// Why there are no tokens: the error's code and the reason (RFC 6749, section 5.2).
type Refusal = (&'static str, String);

/// Exchanges a code.
///
/// # Errors
/// 500 when a token cannot be signed. What a client does wrong is 400 in the form of OAuth.
pub(crate) async fn exchange(State(shared): State<Shared>, body: String) -> Result<Response, Problem> {
    let grant = match redeem(&shared, &body) {
        Ok(grant) => grant,
        Err((error, reason)) => {
            let refusal = json!({ "error": error, "error_description": reason });
            return Ok((StatusCode::BAD_REQUEST, [(header::CACHE_CONTROL, "no-store")], Json(refusal)).into_response());
        }
    };
    let issuer = &shared.issuer;
    let person = issuer.person(&grant.person).ok_or_else(|| Problem::internal("a code is of an unknown person"))?;
    let access_token = issuer.access_token(person).map_err(unsigned)?;
    let mut tokens = json!({ "token_type": "Bearer", "expires_in": VALID_SECONDS, "scope": grant.scope });
    if grant.scope.split(' ').any(|scope| scope == "openid") {
        let id_token = issuer.id_token(person, &grant.client, grant.nonce.as_deref(), &access_token).map_err(unsigned)?;
        extend(&mut tokens, json!({ "id_token": id_token }));
    }
    extend(&mut tokens, json!({ "access_token": access_token }));
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(tokens)).into_response())
}

fn redeem(shared: &Shared, body: &str) -> Result<Grant, Refusal> {
    let fields: Fields = serde_urlencoded::from_str(body)
        .map_err(|error| ("invalid_request", format!("the body must be a form (application/x-www-form-urlencoded): {error}")))?;
    let given = |name: &str, value: Option<String>| {
        value.filter(|value| !value.is_empty()).ok_or_else(|| ("invalid_request", format!("{name} is required, in a form")))
    };
    if given("grant_type", fields.grant_type)? != "authorization_code" {
        return Err(("unsupported_grant_type", "grant_type must be authorization_code".to_owned()));
    }
    let (code, client) = (given("code", fields.code)?, given("client_id", fields.client_id)?);
    let redirect_uri = given("redirect_uri", fields.redirect_uri)?;
    let verifier = given("code_verifier", fields.code_verifier)?;
    let invalid = |reason: &str| ("invalid_grant", reason.to_owned());
    let grant = shared.codes.redeem(&code);
    let grant = grant.ok_or_else(|| invalid("the code is unknown, was exchanged before, or is older than a minute"))?;
    if grant.client != client {
        return Err(invalid("the code was made for another client_id"));
    }
    if grant.redirect_uri != redirect_uri {
        return Err(invalid("the code was sent to another redirect_uri"));
    }
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    verify_slices_are_equal(challenge.as_bytes(), grant.challenge.as_bytes())
        .map_err(|_| invalid("the code_verifier does not match the code_challenge"))?;
    Ok(grant)
}
