//! The issuer's keys, as they are known now.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::caller::Token;
use super::fetch::Client;
use super::issuer::Source;
use crate::problem::Problem;

/// Keys are fetched this often.
const REFRESH: Duration = Duration::from_secs(600);
/// An unknown key id asks for the keys at most this often, however many tokens name one.
const AT_MOST: Duration = Duration::from_secs(10);
/// How long keys serve while the issuer is down.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// One key and the algorithms that it may have signed with.
#[derive(Debug)]
pub(super) struct Key {
    id: String,
    pub(super) decoding: DecodingKey,
    algorithms: &'static [Algorithm],
}

impl Key {
    /// The key, if it has an id and can check signatures.
    fn new(jwk: &Jwk) -> Option<Self> {
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        let algorithms: &[Algorithm] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => match jwk.common.key_algorithm.map(|algorithm| algorithm.to_string()).as_deref() {
                None | Some("RS256") => &[Algorithm::RS256],
                Some("RS384") => &[Algorithm::RS384],
                Some("RS512") => &[Algorithm::RS512],
                Some("PS256") => &[Algorithm::PS256],
                Some("PS384") => &[Algorithm::PS384],
                Some("PS512") => &[Algorithm::PS512],
                Some(_) => return None,
            },
            AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
                EllipticCurve::P256 => &[Algorithm::ES256],
                EllipticCurve::P384 => &[Algorithm::ES384],
                _ => return None,
            },
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
            _ => return None,
        };
        Some(Self { id: jwk.common.key_id.clone()?, decoding: DecodingKey::from_jwk(jwk).ok()?, algorithms })
    }

    /// May it have signed with that algorithm?
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }
}

/// What is known of the keys, and since when.
#[derive(Debug, Default, Clone)]
struct Known {
    keys: HashMap<String, Arc<Key>>,
    fetched: Option<Instant>,
}

/// The keys of one source.
#[derive(Debug)]
pub(super) struct Keys {
    source: Source,
    client: Client,
    known: RwLock<Known>,
    /// When keys were last asked for; held while they are.
    asked: Mutex<Option<Instant>>,
}

impl Keys {
    pub(super) fn new(source: Source) -> Self {
        let known = match &source {
            Source::Fixed(keys) => Known { keys: usable(keys), fetched: None },
            Source::Issuer { .. } => Known::default(),
        };
        Self { source, client: Client::new(), known: RwLock::new(known), asked: Mutex::new(None) }
    }

    /// The key of that id. One that is not known is looked for at the issuer, where it was not asked within ten seconds.
    ///
    /// # Errors
    /// 503 while no keys are known.
    pub(super) async fn find(&self, kid: &str) -> Result<Option<Arc<Key>>, Problem> {
        if let Some(key) = self.known_key(kid) {
            return Ok(Some(key));
        }
        self.ask(AT_MOST).await;
        match self.known_key(kid) {
            None if self.unready().is_some() => Err(Problem::unavailable("tokens cannot be checked right now", 10)),
            found => Ok(found),
        }
    }

    /// Is it the key that its id has now? One that was fetched anew is another one.
    pub(super) fn know(&self, key: &Arc<Key>) -> bool {
        self.known_key(&key.id).is_some_and(|known| Arc::ptr_eq(&known, key))
    }

    fn known_key(&self, kid: &str) -> Option<Arc<Key>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        self.are_fresh(&known).then(|| known.keys.get(kid).cloned()).flatten()
    }

    fn are_fresh(&self, known: &Known) -> bool {
        matches!(self.source, Source::Fixed(_)) || known.fetched.is_some_and(|fetched| fetched.elapsed() < KEPT)
    }

    /// Why no token can be checked, if none can.
    pub(super) fn unready(&self) -> Option<&'static str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        (!self.are_fresh(&known)).then_some("the keys of the token issuer cannot be fetched")
    }

    /// Fetches the keys, unless they were asked for more recently than that. One fetch at a time: who comes meanwhile waits for it.
    async fn ask(&self, interval: Duration) {
        if matches!(self.source, Source::Fixed(_)) {
            return;
        }
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|asked| asked.elapsed() < interval) {
            return;
        }
        *asked = Some(Instant::now());
        match self.source.keys(&self.client).await {
            Ok(keys) => {
                let known = Known { keys: usable(&keys), fetched: Some(Instant::now()) };
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
            }
            Err(reason) => tracing::warn!(reason, "the keys of the token issuer cannot be fetched"),
        }
    }

    /// Fetches the keys now and then.
    pub(super) async fn refresh(&self) {
        loop {
            self.ask(AT_MOST).await;
            // Soon again where there are none yet.
            tokio::time::sleep(if self.unready().is_some() { AT_MOST } else { REFRESH }).await;
        }
    }

    /// What the issuer says of the token's owner.
    ///
    /// # Errors
    /// 503 when it says nothing, or speaks of somebody else.
    pub(super) async fn userinfo(&self, token: &Token, subject: &str) -> Result<Value, Problem> {
        let claims = self.source.userinfo(&self.client, &token.0).await.and_then(|claims| {
            // OpenID Connect Core 1.0, section 5.3.2: the subject must be that of the token.
            let same = claims.get("sub").and_then(Value::as_str) == Some(subject);
            if same { Ok(claims) } else { Err("userinfo is of another subject".to_owned()) }
        });
        claims.map_err(|reason| {
            tracing::warn!(reason, "the token issuer's userinfo cannot be read");
            Problem::unavailable("the token has no e-mail address, and the issuer cannot be asked for it", 10)
        })
    }
}

fn usable(keys: &JwkSet) -> HashMap<String, Arc<Key>> {
    keys.keys.iter().filter_map(Key::new).map(|key| (key.id.clone(), Arc::new(key))).collect()
}
