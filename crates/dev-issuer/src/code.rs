//! Authorization codes: each is exchanged once, within a minute (RFC 6749, section 4.1.2).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_kit::Problem;
use tokio::time::Instant;

/// How long a code is valid.
const VALID: Duration = Duration::from_secs(60);

/// What a person has granted to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The person's id.
    pub(crate) person: String,
    /// The client, as it calls itself.
    pub(crate) client: String,
    /// Where the code was sent, as the client wrote it.
    pub(crate) redirect_uri: String,
    /// The challenge that the client's verifier must match.
    pub(crate) challenge: String,
    /// What the client asked for.
    pub(crate) scope: String,
    /// What the ID token must repeat.
    pub(crate) nonce: Option<String>,
}

/// The codes that were not exchanged yet.
#[derive(Debug, Default)]
pub(crate) struct Codes(Mutex<HashMap<String, (Grant, Instant)>>);

impl Codes {
    /// A new code for that grant.
    ///
    /// # Errors
    /// 500 when there is no randomness.
    pub(crate) fn issue(&self, grant: Grant) -> Result<String, Problem> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| Problem::internal("there is no randomness"))?;
        let code = URL_SAFE_NO_PAD.encode(bytes);
        let now = Instant::now();
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|_, (_, expires)| *expires > now);
        codes.insert(code.clone(), (grant, now + VALID));
        Ok(code)
    }

    /// What the code stands for, if it is valid still. From now on it is not, whether the client does the rest right or not.
    pub(crate) fn redeem(&self, code: &str) -> Option<Grant> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(code);
        found.filter(|(_, expires)| *expires > Instant::now()).map(|(grant, _)| grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        let text = |text: &str| text.to_owned();
        Grant {
            person: text("1"),
            client: text("app"),
            redirect_uri: text("http://localhost"),
            challenge: text("c"),
            scope: text("openid"),
            nonce: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_code_is_valid_once_and_for_a_minute() {
        let codes = Codes::default();
        let (first, second) = (codes.issue(grant()).unwrap(), codes.issue(grant()).unwrap());
        assert_ne!(first, second);
        tokio::time::advance(VALID - Duration::from_secs(1)).await;
        assert_eq!(codes.redeem(&first), Some(grant()));
        assert_eq!(codes.redeem(&first), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(codes.redeem(&second), None);
    }

    #[tokio::test(start_paused = true)]
    async fn codes_that_nobody_exchanged_are_forgotten() {
        let codes = Codes::default();
        codes.issue(grant()).unwrap();
        tokio::time::advance(VALID).await;
        codes.issue(grant()).unwrap();
        assert_eq!(codes.0.lock().unwrap().len(), 1);
    }
}
