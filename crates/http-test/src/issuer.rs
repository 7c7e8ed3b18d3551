//! An OpenID Connect issuer on a port of its own, which tests can break.

use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_kit::auth::{Auth, AuthConfig};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

/// A key that signs tokens.
#[derive(Clone)]
pub struct SigningKey {
    /// What tokens and the issuer's list call it.
    pub kid: String,
    algorithm: Algorithm,
    encoding: EncodingKey,
    public: Value,
}

impl SigningKey {
    /// A new key of that algorithm: RS256, ES256 or EdDSA.
    pub fn new(kid: &str, algorithm: Algorithm) -> Self {
        let random = SystemRandom::new();
        let encoding = match algorithm {
            Algorithm::RS256 => {
                let pair = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
                // PKCS #1 is what jsonwebtoken reads.
                EncodingKey::from_rsa_der(pkcs1(AsDer::<aws_lc_rs::encoding::Pkcs8V1Der>::as_der(&pair).expect("DER").as_ref()))
            }
            Algorithm::ES256 => {
                let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("an EC key");
                EncodingKey::from_ec_der(pkcs8.as_ref())
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate().expect("an Ed25519 key");
                let public = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(pair.public_key()) });
                let encoding = EncodingKey::from_ed_der(pair.to_pkcs8v1().expect("DER").as_ref());
                return Self { kid: kid.to_owned(), algorithm, encoding, public: named(public, kid) };
            }
            other => panic!("no key of {other:?} is needed"),
        };
        let public = serde_json::to_value(Jwk::from_encoding_key(&encoding, algorithm).expect("a public key")).expect("JSON");
        Self { kid: kid.to_owned(), algorithm, encoding, public: named(public, kid) }
    }

    /// The public key.
    pub fn public(&self) -> Value {
        self.public.clone()
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(self.algorithm) };
        self.sign_with(&header, claims)
    }

    /// A token with that header.
    pub fn sign_with(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.encoding).expect("a token")
    }
}

fn named(mut key: Value, kid: &str) -> Value {
    key["kid"] = json!(kid);
    key
}

/// The RSA key within a PKCS #8 envelope: its last octet string.
fn pkcs1(pkcs8: &[u8]) -> &[u8] {
    // SEQUENCE { INTEGER 0, SEQUENCE { OID, NULL }, OCTET STRING { … } }, each length of the outer two in two bytes.
    &pkcs8[26..]
}

#[derive(Default)]
struct Published {
    keys: Vec<Value>,
    fetches: usize,
    down: bool,
    issuer: Option<String>,
    userinfo: Value,
}

/// An issuer that runs until it is dropped.
pub struct Issuer {
    /// Its name, and its URL.
    pub url: String,
    published: Arc<Mutex<Published>>,
    server: tokio::task::JoinHandle<()>,
}

impl Issuer {
    /// One that publishes these keys.
    pub async fn start(keys: &[&SigningKey]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let published = Arc::new(Mutex::new(Published::default()));
        let state = (url.clone(), Arc::clone(&published));
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys_of))
            .route("/userinfo", get(userinfo))
            .with_state(state);
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.expect("served") });
        let issuer = Self { url, published, server };
        issuer.publish(keys);
        issuer
    }

    fn edit<T>(&self, edit: impl FnOnce(&mut Published) -> T) -> T {
        edit(&mut self.published.lock().expect("no test panics with it"))
    }

    /// Publishes these keys and no others.
    pub fn publish(&self, keys: &[&SigningKey]) {
        self.publish_raw(keys.iter().map(|key| key.public()).collect());
    }

    /// Publishes these keys as they are.
    pub fn publish_raw(&self, keys: Vec<Value>) {
        self.edit(|published| published.keys = keys);
    }

    /// Is every request to fail from now on?
    pub fn set_down(&self, down: bool) {
        self.edit(|published| published.down = down);
    }

    /// Names another issuer in its discovery document.
    pub fn pretend(&self, issuer: &str) {
        self.edit(|published| published.issuer = Some(issuer.to_owned()));
    }

    /// What userinfo says of whoever asks.
    pub fn set_userinfo(&self, claims: Value) {
        self.edit(|published| published.userinfo = claims);
    }

    /// How often the keys were fetched.
    pub fn fetches(&self) -> usize {
        self.edit(|published| published.fetches)
    }

    /// Claims of a token for the forum that is valid for an hour.
    pub fn claims(&self, subject: &str) -> Value {
        let now = chrono::Utc::now().timestamp();
        json!({ "iss": self.url, "sub": subject, "aud": "forum", "iat": now, "exp": now + 3600 })
    }

    /// Identity by this issuer, with further flags as the programs have them.
    pub fn auth(&self, flags: &[&str]) -> Arc<Auth> {
        Auth::new(self.config(flags).oidc().expect("settings"))
    }

    /// The settings that name this issuer.
    pub fn config(&self, flags: &[&str]) -> AuthConfig {
        use clap::{Args, FromArgMatches};
        let command = AuthConfig::augment_args(clap::Command::new("forum"));
        let mut arguments = vec!["forum", "--auth-issuer", &self.url];
        if !flags.iter().any(|flag| ["--auth-audience", "--auth-client-ids"].contains(flag)) {
            arguments.extend(["--auth-audience", "forum"]);
        }
        arguments.extend(flags);
        AuthConfig::from_arg_matches(&command.get_matches_from(arguments)).expect("flags")
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

type Shared = State<(String, Arc<Mutex<Published>>)>;

async fn discovery(State((url, published)): Shared) -> Response {
    let published = published.lock().expect("no test panics with it");
    if published.down {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let issuer = published.issuer.clone().unwrap_or_else(|| url.clone());
    Json(json!({ "issuer": issuer, "jwks_uri": format!("{url}/keys"), "userinfo_endpoint": format!("{url}/userinfo") }))
        .into_response()
}

async fn keys_of(State((_, published)): Shared) -> Response {
    let mut published = published.lock().expect("no test panics with it");
    published.fetches += 1;
    match published.down {
        true => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        false => Json(json!({ "keys": published.keys })).into_response(),
    }
}

async fn userinfo(State((_, published)): Shared, headers: HeaderMap) -> Response {
    let published = published.lock().expect("no test panics with it");
    match headers.contains_key(header::AUTHORIZATION) && !published.down {
        true => Json(published.userinfo.clone()).into_response(),
        false => StatusCode::UNAUTHORIZED.into_response(),
    }
}
