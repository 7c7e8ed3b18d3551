//! What a token says, once its signature and its claims are checked (RFC 7519, RFC 9068).

use std::sync::Arc;

use db_adapter::forum::is_id;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::caller::{Account, Caller, Service, Token};
use super::keys::Key;

/// The namespace of the ids of users that an issuer knows. Changing it makes strangers of everybody.
const NAMESPACE: Uuid = Uuid::from_u128(0x2f1b_77d0_1c5e_4a5b_9a3e_7b1c_90d4_6e55);

/// What is asked of tokens.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// The issuer, exactly as tokens name it.
    pub(super) issuer: String,
    /// A token must be for one of these, where it says for whom it is.
    pub(super) audiences: Vec<String>,
    /// A token that does not say for whom it is must be one of these clients'.
    pub(super) clients: Vec<String>,
    /// The algorithms that it may be signed with.
    pub(super) algorithms: Vec<Algorithm>,
    /// The name of the claim with the roles, or a JSON pointer to it (RFC 6901).
    pub(super) roles_claim: String,
    /// The role that moderates.
    pub(super) moderator_role: String,
    /// The role that administers.
    pub(super) admin_role: String,
    /// The claim that holds the user's id; without one the id is made of issuer and subject.
    pub(super) user_id_claim: Option<String>,
    /// Seconds that clocks may differ.
    pub(super) leeway: u64,
}

/// Checks tokens.
#[derive(Debug)]
pub(super) struct Verifier {
    rules: Rules,
    validation: Validation,
}

impl Verifier {
    pub(super) fn new(rules: Rules) -> Self {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.set_issuer(&[&rules.issuer]);
        validation.leeway = rules.leeway;
        validation.validate_nbf = true;
        // For whom it is, is checked below: it need not say so.
        validation.validate_aud = false;
        Self { rules, validation }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.rules.issuer
    }

    /// The id of the token's key, and the algorithm that it names.
    ///
    /// # Errors
    /// Why it cannot be a token of ours, for people.
    pub(super) fn header(&self, token: &str) -> Result<(String, Algorithm), String> {
        let header = decode_header(token).map_err(|error| reason(error.kind()))?;
        if header.crit.is_some() {
            return Err("it has a critical header that is not known".to_owned());
        }
        if !self.rules.algorithms.contains(&header.alg) {
            return Err(format!("its algorithm {:?} is not allowed", header.alg));
        }
        let kid = header.kid.ok_or("it names no key (kid)")?;
        Ok((kid, header.alg))
    }

    /// Whose token it is, and the last second, since the epoch, at which it is valid.
    ///
    /// # Errors
    /// Why it is not valid, for people.
    pub(super) fn caller(&self, token: &str, algorithm: Algorithm, key: &Key) -> Result<(Caller, i64), String> {
        if !key.fits(algorithm) {
            return Err(format!("its key does not sign with {algorithm:?}"));
        }
        let validation = Validation { algorithms: vec![algorithm], ..self.validation.clone() };
        let claims: Map<String, Value> = decode(token, &key.decoding, &validation).map_err(|error| reason(error.kind()))?.claims;
        let claims = Value::Object(claims);
        // A fraction of a second is cut off, so never later than the library says.
        let expires = claims.get("exp").and_then(Value::as_f64).unwrap_or_default() as i64;
        Ok((self.caller_of(token, &claims)?, expires.saturating_add_unsigned(self.rules.leeway)))
    }

    fn caller_of(&self, token: &str, claims: &Value) -> Result<Caller, String> {
        self.check_purpose(claims)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let subject = text("sub").ok_or("its claim sub is missing or empty")?;
        let client = text("client_id").or_else(|| text("azp"));
        if [text("client_id"), text("azp")].contains(&Some(subject)) {
            let scopes = text("scope").unwrap_or_default();
            let has = |scope: &str| scopes.split(' ').any(|granted| granted == scope || granted.ends_with(&format!("/{scope}")));
            return Ok(Caller::Service(Service {
                client: client.unwrap_or(subject).to_owned(),
                write: has("forum:write"),
                import: has("forum:import"),
            }));
        }
        let roles = self.roles(claims);
        let has = |role: &str| roles.contains(&role);
        Ok(Caller::User(Account {
            id: self.user_id(claims, subject)?,
            moderator: has(&self.rules.moderator_role),
            admin: has(&self.rules.admin_role),
            email: verified_email(claims),
            subject: subject.to_owned(),
            token: Token(Arc::from(token)),
            auth: None,
            meter: None,
        }))
    }

    /// Is it an access token for us? An ID token tells a client who its user is, and opens nothing.
    fn check_purpose(&self, claims: &Value) -> Result<(), String> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let purpose = text("token_use").or_else(|| text("typ")).unwrap_or_default();
        if purpose.eq_ignore_ascii_case("id") || claims.get("at_hash").is_some() {
            return Err("it is an ID token: send the access token".to_owned());
        }
        let audiences: Vec<&str> = match claims.get("aud") {
            None => Vec::new(),
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            Some(_) => return Err("its claim aud is neither a text nor a list".to_owned()),
        };
        if claims.get("aud").is_some() && !self.rules.audiences.is_empty() {
            let ours = audiences.iter().any(|audience| self.rules.audiences.iter().any(|ours| ours == audience));
            return if ours { Ok(()) } else { Err("its claim aud names somebody else".to_owned()) };
        }
        let client = text("client_id").or_else(|| text("azp")).unwrap_or_default();
        if text("token_use") != Some("access") || !self.rules.clients.iter().any(|known| known == client) {
            return Err("it is for nobody (aud), and not an access token of a known client (client_id, token_use)".to_owned());
        }
        Ok(())
    }

    fn user_id(&self, claims: &Value, subject: &str) -> Result<String, String> {
        let Some(name) = &self.rules.user_id_claim else {
            let named = format!("{}\n{subject}", self.rules.issuer);
            return Ok(Uuid::new_v5(&NAMESPACE, named.as_bytes()).to_string());
        };
        let id = claim(claims, name).and_then(Value::as_str).filter(|id| is_id(id));
        id.map(str::to_owned).ok_or_else(|| format!("its claim {name} does not hold the id of a user"))
    }

    fn roles<'a>(&self, claims: &'a Value) -> Vec<&'a str> {
        match claim(claims, &self.rules.roles_claim) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

/// The claim of that name, or at that pointer.
fn claim<'a>(claims: &'a Value, name: &str) -> Option<&'a Value> {
    if name.starts_with('/') { claims.pointer(name) } else { claims.get(name) }
}

/// The e-mail address, trimmed and lower-cased, if the issuer has verified it.
pub(super) fn verified_email(claims: &Value) -> Option<String> {
    let verified = claims.get("email_verified").is_some_and(|said| *said == Value::Bool(true) || said == "true");
    let email = claims.get("email").and_then(Value::as_str).map(|email| email.trim().to_lowercase());
    email.filter(|email| verified && !email.is_empty())
}

fn reason(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::ExpiredSignature => "it has expired".to_owned(),
        ErrorKind::ImmatureSignature => "it is not valid yet".to_owned(),
        ErrorKind::InvalidIssuer => "it is of another issuer".to_owned(),
        ErrorKind::InvalidSignature => "its signature is not valid".to_owned(),
        ErrorKind::MissingRequiredClaim(name) => format!("its claim {name} is missing"),
        ErrorKind::InvalidClaimFormat(name) => format!("its claim {name} cannot be read"),
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => "its algorithm is not allowed".to_owned(),
        _ => "it is not a JSON Web Token".to_owned(),
    }
}
