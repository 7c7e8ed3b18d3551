//! An OpenID Connect issuer for development: whoever reaches it logs in as whichever user of the sample data, without a password.
//!
//! [`Issuer`] makes tokens; [`Issuer::routes`] is its HTTP side, below `/dev` of the forum that takes them: the authorization code
//! flow of OAuth 2.0 (RFC 6749) with PKCE (RFC 7636) for pages and programs on this machine, as OpenID Connect Core 1.0 has it.
//! Only `forum dev` mounts it, and serves this machine only.

mod authorize;
mod code;
mod key;
mod page;
mod person;
mod provider;
mod token;

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use http_kit::Problem;
use http_kit::auth::{DEV_AUDIENCE, DevIssuer};
use serde_json::{Value, json};

pub use key::KeyError;
pub use person::Person;

use code::Codes;
use key::SigningKey;

/// Where the issuer is below the URL of the forum.
const PATH: &str = "/dev";
/// How long a token is valid, in seconds: a working day.
const VALID_SECONDS: i64 = 8 * 3600;

/// The issuer: its name, its key, and who can log in.
pub struct Issuer {
    /// The URL of the forum that takes its tokens.
    forum: String,
    url: String,
    key: SigningKey,
    people: Vec<Person>,
}

/// Why there is no issuer. One line, for the person who starts the program.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Nobody could log in.
    #[error("the users of the sample data cannot be read: {0}")]
    People(serde_json::Error),
}

impl Issuer {
    /// The issuer of the forum at that URL, which has no slash at its end, with the key in that file, which is made where it is missing.
    ///
    /// # Errors
    /// [`OpenError`] says what to do.
    pub fn open(forum: &str, key_file: &Path) -> Result<Self, OpenError> {
        let people = person::everybody().map_err(OpenError::People)?;
        Ok(Self { forum: forum.to_owned(), url: format!("{forum}{PATH}"), key: SigningKey::open(key_file)?, people })
    }

    /// The URL of the forum that takes its tokens.
    pub fn forum(&self) -> &str {
        &self.forum
    }

    /// Its URL, which is the claim `iss` of its tokens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Everybody who can log in.
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// What checks its tokens. `strict`: a request needs one to write.
    pub fn verification(&self, strict: bool) -> DevIssuer {
        DevIssuer { issuer: self.url.clone(), keys: self.key.public(), strict }
    }

    /// An access token of that person, valid for eight hours.
    ///
    /// # Errors
    /// Signing failed.
    pub fn access_token(&self, person: &Person) -> Result<String, jsonwebtoken::errors::Error> {
        let mut claims = self.claims(person, DEV_AUDIENCE);
        extend(&mut claims, json!({ "roles": person.roles(), "email": person.email, "email_verified": true }));
        self.key.sign(&claims)
    }

    /// The ID token that tells a client whose access token it has (OpenID Connect Core 1.0, section 2).
    fn id_token(
        &self,
        person: &Person,
        client: &str,
        nonce: Option<&str>,
        access_token: &str,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let mut claims = self.claims(person, client);
        extend(&mut claims, profile(person));
        // With it no forum takes the ID token for an access token, whatever the client is called.
        let half = digest(&SHA256, access_token.as_bytes());
        let half = half.as_ref().split_at(half.as_ref().len() / 2).0;
        extend(&mut claims, json!({ "at_hash": URL_SAFE_NO_PAD.encode(half) }));
        if let Some(nonce) = nonce {
            extend(&mut claims, json!({ "nonce": nonce }));
        }
        self.key.sign(&claims)
    }

    fn claims(&self, person: &Person, audience: &str) -> Value {
        let now = Utc::now().timestamp();
        json!({ "iss": self.url, "sub": person.id, "aud": audience, "iat": now, "exp": now + VALID_SECONDS })
    }

    fn person(&self, id: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.id == id)
    }

    /// Its routes, for a forum that takes its tokens.
    pub fn routes(self: Arc<Self>) -> Router {
        let codes = Arc::new(Codes::default());
        Router::new()
            .route(PATH, get(provider::welcome))
            .route(&below("/.well-known/openid-configuration"), get(provider::discovery))
            .route(&below("/keys"), get(provider::keys))
            .route(&below("/authorize"), get(authorize::ask).post(authorize::log_in))
            .route(&below("/token"), post(token::exchange))
            .route(&below("/userinfo"), get(provider::userinfo).post(provider::userinfo))
            .with_state(Shared { issuer: self, codes })
    }
}

/// What the routes share.
#[derive(Clone)]
struct Shared {
    issuer: Arc<Issuer>,
    codes: Arc<Codes>,
}

fn below(path: &str) -> String {
    format!("{PATH}{path}")
}

/// What a client may know of a person (OpenID Connect Core 1.0, section 5.1).
fn profile(person: &Person) -> Value {
    json!({
        "name": person.name,
        "preferred_username": person.handle(),
        "email": person.email,
        "email_verified": true,
        "roles": person.roles(),
    })
}

fn extend(claims: &mut Value, more: Value) {
    if let (Some(claims), Value::Object(more)) = (claims.as_object_mut(), more) {
        claims.extend(more);
    }
}

fn unsigned(error: jsonwebtoken::errors::Error) -> Problem {
    Problem::internal(format!("a token cannot be signed: {error}"))
}
